"""Runs and folders evaluated and compared, and every input that cannot be."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image, ImageFilter

from data_pipelines import unpaired
from data_pipelines.dolls import draw
from data_pipelines.prepare import DataError
from tests import tiny_judge
from tests.smoke.runs import launch, run, smoke
from tryon_jax import compare, evaluate, examine, real_sets
from tryon_jax.compare import Folders
from tryon_jax.metrics import judges
from tryon_jax.setup import UsageError
from tryon_jax.train import DONE

OPTIONS = examine.Options(gallery=6)


@pytest.fixture(autouse=True)
def cheap(monkeypatch, tmp_path):
    """A judge that costs nothing, few dolls, and a cache of the test's own."""
    monkeypatch.setattr(judges, "_load", tiny_judge.load)
    monkeypatch.setattr(unpaired, "TEST_DOLLS", 5)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Six dolls at 64 pixels; tests copy what they change."""
    folder = tmp_path_factory.mktemp("pictures") / "real"
    folder.mkdir()
    for n in range(6):
        Image.fromarray(draw(n, seed=0, style="photo", size=64)).save(folder / f"{n}.png")
    return folder


def changed(pictures, folder, change):
    folder.mkdir(parents=True)
    for path in sorted(pictures.iterdir()):
        with Image.open(path) as image:
            change(image).save(folder / path.name)
    return folder


def against(fake, real, output, **options):
    given = Folders(str(fake), str(real), str(output))
    assert compare.folders_against(given, OPTIONS._replace(**options)) == DONE
    record = json.loads((output / "metrics.json").read_text())
    return {value["name"]: value for value in record["runs"][0]["values"]}, record


class TestFolders:
    def test_a_folder_is_equal_to_itself(self, pictures, tmp_path):
        found, record = against(pictures, pictures, tmp_path / "out")
        assert found["ssim"]["value"] == pytest.approx(1, abs=1e-5)
        assert found["lpips"]["value"] == found["l1"]["value"] == 0
        assert found["fd_vgg16"]["value"] == pytest.approx(0, abs=1e-6)
        assert "psnr" not in found  # infinite
        assert found["ssim"]["n"] == 6 and found["fd_vgg16"]["low"] <= found["fd_vgg16"]["value"]
        assert any("are not more than" in note for note in record["notes"])
        assert (tmp_path / "out" / "report.html").stat().st_size > 20_000

    def test_without_common_names_sets_are_compared(self, pictures, tmp_path):
        fake = shutil.copytree(pictures, tmp_path / "fake")
        for path in list(fake.iterdir()):
            path.rename(path.with_stem(f"made_{path.stem}"))
        found, record = against(fake, pictures, tmp_path / "out")
        assert set(found) == {"fd_vgg16", "kd_vgg16"}
        assert "no picture has the name of a real one" in record["notes"][0]

    def test_mixed_sizes(self, pictures, tmp_path):
        """Sets take them as they are; a pair of two sizes is said and left out."""
        fake = shutil.copytree(pictures, tmp_path / "fake")
        for name, size in (("0.png", (80, 64)), ("1.png", (100, 40))):
            with Image.open(fake / name) as image:
                resized = image.resize(size)
            resized.save(fake / name)
        found, record = against(fake, pictures, tmp_path / "out")
        assert found["ssim"]["n"] == 4 and "6 fakes, 6 real" in found["fd_vgg16"]["protocol"]
        assert "2 pairs are of two sizes, such as 0.png (80 x 64 made, 64 x 64 real)" in str(record)

    @pytest.mark.parametrize(
        ("fake", "error", "message"),
        [
            ("nowhere", UsageError, "--fake=.*nowhere must be a folder of pictures"),
            ("empty", DataError, "--fake=.*empty holds 0 pictures .*name the folder"),
            (
                "one",
                UsageError,
                "fd_vgg16 of folders needs two pictures or more on each side",
            ),
            ("broken", DataError, "0.png cannot be read .*repair or remove it"),
        ],
    )
    def test_what_cannot_be_compared(self, fake, error, message, pictures, tmp_path):
        (tmp_path / "empty").mkdir()
        (tmp_path / "one").mkdir()
        shutil.copy(pictures / "3.png", tmp_path / "one" / "x.png")
        broken = shutil.copytree(pictures, tmp_path / "broken")
        (broken / "0.png").write_bytes(b"no picture")
        with pytest.raises(error, match=message):
            against(tmp_path / fake, pictures, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_fid_without_its_weights(self, pictures, tmp_path, monkeypatch):
        monkeypatch.undo()
        with pytest.raises(UsageError, match=r"--metrics=fid: FID needs .*--inception=F"):
            against(pictures, pictures, tmp_path / "out", metrics="fid")

    def test_an_unknown_metric(self, pictures, tmp_path):
        with pytest.raises(UsageError, match=r"--metrics=fud .*distances of sets are fd_vgg16"):
            against(pictures, pictures, tmp_path / "out", metrics="fud")

    def test_several_folders_are_compared(self, pictures, tmp_path):
        soft = changed(pictures, tmp_path / "soft", lambda x: x.filter(ImageFilter.GaussianBlur(1)))
        softer = changed(
            pictures, tmp_path / "softer", lambda x: x.filter(ImageFilter.GaussianBlur(3))
        )
        given = Folders(f"{soft},{softer}", str(pictures), str(tmp_path / "out"))
        assert compare.compare("", given, options=OPTIONS) == DONE
        runs = json.loads((tmp_path / "out" / "metrics.json").read_text())["runs"]
        assert [one["name"] for one in runs] == ["soft", "softer"]
        ssim = [v["value"] for one in runs for v in one["values"] if v["name"] == "ssim"]
        assert ssim[0] > ssim[1]

    def test_one_is_nothing_to_compare(self, pictures):
        with pytest.raises(UsageError, match="compare needs two or more"):
            compare.compare("", Folders(str(pictures), str(pictures)), options=OPTIONS)


@pytest.mark.slow
def test_vgg16_says_more_the_more_is_wrong(pictures, tmp_path, monkeypatch):
    """Blur and noise at growing strengths, by the real judge."""
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)

    def noisy(strength):
        def change(image):
            levels = np.asarray(image, float) + rng.normal(0, strength, (64, 64, 3))
            return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))

        return change

    def blurred(radius):
        return lambda image: image.filter(ImageFilter.GaussianBlur(radius))

    for kind, changes in {
        "blur": [blurred(x) for x in (0.5, 1.5, 4)],
        "noise": [noisy(x) for x in (6, 20, 60)],
    }.items():
        values = []
        for i, change in enumerate(changes):
            fake = changed(pictures, tmp_path / f"{kind}{i}", change)
            values.append(against(fake, pictures, tmp_path / "out")[0])
        for name in ("fd_vgg16", "kd_vgg16", "lpips", "l1"):
            found = [value[name]["value"] for value in values]
            assert found == sorted(found), (kind, name, found)


@pytest.mark.slow
class TestRuns:
    @pytest.fixture(scope="class")
    @staticmethod
    def trained(tmp_path_factory):
        workdir = tmp_path_factory.mktemp("runs") / "cyclegan"
        assert run(smoke("cyclegan", steps=2), workdir) == DONE
        return workdir

    def test_a_translation_is_evaluated(self, trained):
        assert evaluate.evaluate(trained, OPTIONS) == DONE
        record = json.loads((trained / "metrics.json").read_text())
        assert record["config"]["system"] == "cyclegan" and "sha256" in record["runs"][0]["weights"]
        values = {(v["kind"], v["name"]): v for v in record["runs"][0]["values"]}
        for kind in ("ab", "ba"):
            for name in ("fd_vgg16", "kd_vgg16", "fake_lpips", "copy_ssim", "cycle_l1"):
                value = values[kind, name]
                assert value["low"] <= value["value"] <= value["high"] and value["n"] == 5
                assert value["protocol"] and value["better"] in ("higher", "lower")
        assert (trained / "report.html").exists()

    def test_the_real_set_is_computed_once(self, trained, monkeypatch, tmp_path):
        looked = []
        original = real_sets.features
        monkeypatch.setattr(
            "tryon_jax.real_sets.features", lambda *a, **k: looked.append(1) or original(*a, **k)
        )
        for _ in range(2):
            evaluate.evaluate(trained, OPTIONS)
        assert len(looked) == 2  # once for each direction
        assert len(list((tmp_path / "cache").rglob("*.npz"))) == 2

    def test_a_run_and_a_folder_of_any_program(self, trained, tmp_path):
        """The folder holds what the run was given: it scores as the unchanged picture."""
        data = unpaired.load(smoke("cyclegan"))
        folder = tmp_path / "copies"
        folder.mkdir()
        for held in data.held_out("ab", batch_size=5):
            levels = np.rint((held.batch["real_a"] + 1) * 127.5).astype(np.uint8)
            for name, picture in zip(held.names, levels, strict=True):
                Image.fromarray(picture).save(folder / f"{name}.png")
        given = Folders(fake=str(folder), output=str(tmp_path / "out"))
        assert compare.compare(str(trained), given, options=OPTIONS) == DONE
        runs = json.loads((tmp_path / "out" / "metrics.json").read_text())["runs"]
        first, second = ({v["name"]: v["value"] for v in one["values"] if v["kind"] == "ab"}
                         for one in runs)  # fmt: skip
        assert second["fake_ssim"] == pytest.approx(first["copy_ssim"], abs=2e-3)
        assert second["change_lpips"] == pytest.approx(0, abs=1e-3) != first["change_lpips"]


def test_the_command_line_compares_folders(pictures, tmp_path):
    flags = [f"--fake={pictures}", f"--real={pictures}", f"--output={tmp_path / 'out'}"]
    done = launch("--mode=evaluate", *flags, "--metrics=none")
    assert done.returncode == DONE, done.stderr
    assert "ssim" in done.stdout and (tmp_path / "out" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ugatit", "ugatit_enhanced", "photo2cartoon", "cagan", "cpvton"])
def test_every_system_names_what_is_scored(name, tmp_path, monkeypatch):
    """A run of no steps: the networks are drawn, saved and evaluated."""
    monkeypatch.setattr("data_pipelines.triplet_sources.TEST_DOLLS", 4)
    monkeypatch.setattr("data_pipelines.viton_dolls.TEST_DOLLS", 4)
    config = smoke(name, stage="gmm", steps=1)
    assert run(config, tmp_path / "run") == DONE
    assert evaluate.evaluate(tmp_path / "run", OPTIONS) == DONE
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())["runs"][0]["values"]
    kinds = {value["kind"] for value in found}
    assert kinds == ({"same", "other"} if name in ("cagan", "cpvton") else {"ab", "ba"})
    names = {value["name"] for value in found}
    assert ("fd_vgg16" in names) == (name != "cpvton") and len(names) > 3
