"""A finished try-on run at work: dressing persons, scoring, writing warped garments."""

import functools
import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from data_pipelines import viton, viton_dolls
from data_pipelines.prepare import DataError
from tests.smoke.runs import changed, picture, rows, run, smoke
from tryon_jax import evaluate, examine, grids, outputs, prewarp, scoring, try_on, weights
from tryon_jax.metrics import lpips
from tryon_jax.metrics.pairs import ssim
from tryon_jax.setup import UsageError
from tryon_jax.systems.cpvton_tom import CPVTONTOM
from tryon_jax.train import DONE

NO_SETS = examine.Options(metrics="none")  # their judge would look at every doll
MADE = {"try-on", "warp-cloth", "warp-mask", "strip"}


@pytest.fixture(scope="module")
def restored():
    """`weights.trained`, once for each run."""
    return functools.cache(weights.trained)


@pytest.fixture
def dress(staged, wardrobe, restored, monkeypatch):
    """Tries on with the finished run; options as on the command line."""
    monkeypatch.setattr(try_on, "trained", restored)

    def dress(output, *, workdir=staged, **options):
        options = {"input": str(wardrobe)} | options
        return try_on.try_on(workdir, try_on.Options(str(output), **options))

    return dress


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


class TestTryOn:
    def test_one_garment_on_one_person_is_one_picture_and_its_neighbours(
        self, dress, tmp_path, capsys
    ):
        out = tmp_path / "new" / "out.png"
        assert dress(out, person="doll_3", cloth="doll_5", input="") == DONE
        said = capsys.readouterr().out
        assert "weights: step 4 of " in said and f"tried on 1 pair: {out}" in said
        names = ("out", "out_warped_cloth", "out_warped_mask", "out_strip")
        assert files(tmp_path / "new") == {f"{name}.png" for name in names}
        assert picture(out).shape == (64, 48, 3)
        strip = picture(out.with_name("out_strip.png"))
        keys = CPVTONTOM.dressing.strip
        assert strip.shape == (64, len(keys) * 48, 3)
        tiles = dict(zip(keys, np.split(strip, len(keys), 1), strict=True))
        for key, name in (("try_on", "out"), ("warped_mask", "out_warped_mask")):
            np.testing.assert_array_equal(tiles[key], picture(out.with_name(f"{name}.png")))
        assert np.abs(tiles["try_on"] - tiles["person"]).mean() > 5

    def test_all_garments_on_one_person_also_give_a_sheet(self, dress, wardrobe, tmp_path):
        dress(tmp_path, person="000005_0", cloth="all")
        pairs = [f"000005_0+00000{n}_1.png" for n in (5, 6, 7, 8)]
        assert files(tmp_path) == {"grid.png", *(f"{f}/{name}" for f in MADE for name in pairs)}
        whole = picture(tmp_path / "grid.png")
        assert whole.shape == (2 * (64 + 3) + 3, 5 * (48 + 3) + 3, 3)
        last = picture(tmp_path / "try-on" / pairs[-1])
        np.testing.assert_array_equal(whole[-67:-3, -51:-3], last)
        person = picture(wardrobe / "test" / "image" / "000005_0.jpg")
        np.testing.assert_array_equal(whole[-67:-3, -5 * 51 : -5 * 51 + 48], person)

    def test_persons_and_garments_are_a_table(self, dress, wardrobe, tmp_path):
        dress(tmp_path, person="000006_0,000002_0.jpg", cloth="000005_1,000007_1")
        names = [f"{p}+{c}.png" for p in ("000006_0", "000002_0") for c in ("000005_1", "000007_1")]
        assert {path.name for path in (tmp_path / "try-on").iterdir()} == set(names)
        table = picture(tmp_path / "grid.png")
        assert table.shape == (3 * 67 + 3, 3 * 51 + 3, 3)
        tiles = [[table[3 + 67 * r :, 3 + 51 * c :][:64, :48] for c in range(3)] for r in range(3)]
        assert np.all(tiles[0][0] == grids.BACKGROUND)
        heads = [tiles[0][2], tiles[2][0]]
        for head, file in zip(
            heads, ("test/cloth/000007_1.jpg", "train/image/000002_0.jpg"), strict=True
        ):
            np.testing.assert_array_equal(head, picture(wardrobe / file))
        inside = [tile for row in tiles[1:] for tile in row[1:]]
        for tile, name in zip(inside, names, strict=True):
            np.testing.assert_array_equal(tile, picture(tmp_path / "try-on" / name))

    def test_the_sheet_shows_a_number_that_can_be_seen(self, dress, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(try_on, "SHEET", 2)
        dress(tmp_path, person="000005_0", cloth="all")
        assert len(list((tmp_path / "try-on").iterdir())) == 4
        assert picture(tmp_path / "grid.png").shape[1] == 3 * 51 + 3
        assert "the sheets show 1 of 1 persons, 2 of 4 garments" in capsys.readouterr().out

    def test_a_folder_of_garments(self, dress, wardrobe, tmp_path):
        dress(tmp_path, person="000002_0", cloth=str(wardrobe / "train" / "cloth"))
        names = {f"000002_0+00000{n}_1.png" for n in (1, 2, 3, 4)}
        assert {path.name for path in (tmp_path / "try-on").iterdir()} == names
        assert (tmp_path / "grid.png").exists()

    @pytest.mark.parametrize(("pairs", "shift"), [("same", 0), ("other", 1)], ids=["same", "other"])
    def test_the_test_pairs_of_the_folder(self, dress, tmp_path, pairs, shift):
        dress(tmp_path, pairs=pairs)
        names = [f"00000{5 + n}_0+00000{5 + (n + shift) % 4}_1.png" for n in range(4)]
        assert files(tmp_path) == {f"{folder}/{name}" for folder in MADE for name in names}

    def test_pairs_of_a_file_are_those_of_the_single_call(self, dress, wardrobe, tmp_path):
        (tmp_path / "list.txt").write_text(
            "000005_0.jpg 000002_1.jpg\n\n000001_0 000008_1.jpg\n000005_0.jpg 000002_1.jpg\n"
        )
        dress(tmp_path / "many", pairs=str(tmp_path / "list.txt"))
        names = {"000005_0+000002_1.png", "000001_0+000008_1.png"}
        assert {path.name for path in (tmp_path / "many" / "strip").iterdir()} == names
        cloth = wardrobe / "train" / "cloth" / "000002_1.jpg"
        dress(tmp_path / "one.png", person="000005_0.jpg", cloth=str(cloth))
        for name, folder in (("one", "try-on"), ("one_warped_cloth", "warp-cloth")):
            found = picture(tmp_path / "many" / folder / "000005_0+000002_1.png")
            gap = np.abs(found - picture(tmp_path / f"{name}.png"))
            assert gap.max() <= 1  # a batch of two is summed in another order

    def test_a_run_of_the_first_stage_shows_its_warps(self, dress, staged, tmp_path):
        dress(tmp_path / "one.png", workdir=staged / "gmm", person="000005_0", cloth="000006_1")
        assert files(tmp_path) == {"one.png", "one_warped_mask.png", "one_strip.png"}

    def test_nothing_is_replaced_unless_that_is_wanted(self, dress, tmp_path):
        garment = {"person": "000005_0", "cloth": "000006_1"}
        dress(tmp_path / "out.png", **garment)
        before = (tmp_path / "out.png").stat().st_mtime_ns
        for target, more in (("out.png", ", and 3 more"), ("out_strip.png", "")):
            with pytest.raises(UsageError, match=rf"{target} exists{more}: add --overwrite or"):
                dress(tmp_path / target, **garment)
        assert (tmp_path / "out.png").stat().st_mtime_ns == before
        (tmp_path / "out.png").unlink()
        with pytest.raises(UsageError, match=r"out_warped_cloth.png exists, and 2 more: add --ov"):
            dress(tmp_path / "out.png", **garment)
        assert not (tmp_path / "out.png").exists()
        dress(tmp_path / "out.png", overwrite=True, **garment)
        assert (tmp_path / "out.png").exists()

    def test_a_sheet_in_the_way_is_told_before_any_work(self, dress, tmp_path):
        (tmp_path / "grid.png").write_bytes(b"another person's")
        with pytest.raises(UsageError, match=r"grid.png exists: add --overwrite"):
            dress(tmp_path, person="000005_0", cloth="all")
        assert files(tmp_path) == {"grid.png"}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {},
                r"needs --person=PICTURE and --cloth=PICTURE .* or --pairs=FILE .*; got --person= ",
            ),
            ({"person": "a"}, r"got --person=a --cloth= --pairs="),
            ({"cloth": "a"}, r"got --person= --cloth=a --pairs="),
            ({"person": "a", "cloth": "b", "pairs": "same"}, r"--cloth=b --pairs=same"),
            ({"pairs": "same", "worn": "w"}, r"--worn=w belongs to --person; in --pairs=FILE"),
            (
                {"person": "000005_0", "cloth": "000006_1", "worn": "w"},
                r"--worn=w: cpvton_tom does not look at the garment worn",
            ),
            ({"pairs": "some"}, r"--pairs=some must be same, other, or a file .* none at /.*/some"),
            (
                {"pairs": "same", "input": "nowhere"},
                r"--input=nowhere must be a folder in a layout",
            ),
            (
                {"pairs": "same", "input": "README.md"},
                r"none at .*README.md; photographs are named",
            ),
            (
                {"person": "x", "cloth": "all"},
                r"there is no x: looked for .*/test/image/x.jpg, .*/t",
            ),
            ({"person": "000005_0", "cloth": "y"}, r"there is no y: .*/test/cloth/y.jpg"),
            ({"person": "000005_0", "cloth": "configs"}, r"--cloth=configs holds no pictures"),
        ],
    )
    def test_wrong_options(self, dress, tmp_path, options, message):
        with pytest.raises((UsageError, FileNotFoundError), match=message):
            dress(tmp_path / "out", **options)
        assert not files(tmp_path)

    @pytest.mark.parametrize(
        ("output", "cloth", "message"),
        [
            ("", "000006_1", "needs --output=FOLDER_OR_PICTURE"),
            ("out.png", "all", r"out.png is one picture, the pairs are several: name a folder"),
            (
                "out.pgn",
                "000006_1",
                r"out.pgn must end like a picture, such as .png, or be a folde",
            ),
            ("out.psd", "000006_1", r"out.psd must end like a picture"),  # Pillow only reads it
        ],
    )
    def test_wrong_outputs(self, dress, tmp_path, output, cloth, message):
        with pytest.raises(UsageError, match=message):
            dress(output and tmp_path / output, person="000005_0", cloth=cloth)
        assert not files(tmp_path)

    def test_files_that_are_not_there_or_no_use(self, dress, wardrobe, tmp_path):
        root = shutil.copytree(wardrobe, tmp_path / "set")
        split = root / "test"
        (split / "image-parse" / "000005_0.png").unlink()
        (split / "pose" / "000005_0_keypoints.json").unlink()
        (split / "pose" / "000006_0_keypoints.json").write_text('{"people": []}')
        cut = split / "cloth" / "000007_1.jpg"
        cut.write_bytes(cut.read_bytes()[:300])
        (root / "test_pairs.txt").unlink()
        (root / "test_pairs_same.txt").unlink()
        options = {"input": str(root), "cloth": "000008_1"}
        with pytest.raises(
            FileNotFoundError,
            match=r"000005_0 needs .*image-parse/000005_0.png, .*000005_0_keypoints.json, which",
        ):
            dress(tmp_path / "out", person="000005_0", **options)
        with pytest.raises(DataError, match=r"000006_0_keypoints.json: OpenPose found no person"):
            dress(tmp_path / "out", person="000006_0", **options)
        with pytest.raises(DataError, match=r"000007_1.jpg: .*; make the file again, or choose"):
            dress(tmp_path / "out", person="000008_0", **options | {"cloth": "000007_1"})
        with pytest.raises(
            UsageError, match=r"--pairs=other: .*set has no such list of test pairs"
        ):
            dress(tmp_path / "out", pairs="other", input=str(root))


class TestEvaluate:
    def test_scores_are_those_of_the_arrays(self, staged, restored, monkeypatch, capsys):
        monkeypatch.setattr(viton_dolls, "TEST_DOLLS", 4)
        monkeypatch.setattr(examine, "trained", restored)
        assert evaluate.evaluate(staged, NO_SETS) == DONE
        blocks = capsys.readouterr().out.split("\n\n")
        written = json.loads((staged / "metrics.json").read_text())
        (staged / "metrics.json").unlink()
        (staged / "report.html").unlink()
        assert written["weights"] == f"step 4 of {staged / 'tom'}"
        assert "4 + 4 test pairs" in written["data"]
        network = restored(staged)
        for pairs, block in zip(("same", "other"), blocks, strict=True):
            wanted = direct_scores(network, pairs)
            lines = [line.split() for line in block.splitlines()]
            (start,) = (i for i, line in enumerate(lines) if line[:2] == [pairs, "garment"])
            columns = lines[start][2::2]
            assert lines[start][3::2] == [f"({wanted[subset]['n']})" for subset in columns]
            found = written["scores"][pairs]
            assert set(found) == set(wanted) and wanted["all"]["n"] == 4
            for subset, scores in wanted.items():
                assert found[subset] == pytest.approx(scores, abs=1e-5), (pairs, subset)
                column = 1 + columns.index(subset)
                shown = {
                    line[0]: float(line[column]) for line in lines[start + 1 :] if line[0] in scores
                }
                assert shown == pytest.approx(
                    {name: score for name, score in scores.items() if name != "n"}, abs=1e-4
                )

    def test_without_the_package_lpips_is_left_out(self, staged, restored, monkeypatch, capsys):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        names = scoring.metrics_of(restored(staged).system)
        found = scoring.tools(names, distances=()).metrics
        assert set(found) == {"iou", "l1", "ssim"}
        assert "without LPIPS: the weights of alexnet are in the package" in capsys.readouterr().out

    def test_a_run_without_truths_is_refused(self, staged, restored, monkeypatch):
        whole = restored(staged)
        translation = whole._replace(system=whole.system._replace(scores={}, exams={}))
        monkeypatch.setattr(examine, "trained", lambda *_, **__: translation)
        with pytest.raises(UsageError, match=r"which has no truth .* and names no fakes"):
            evaluate.evaluate(staged, NO_SETS)

    def test_a_set_without_truths_is_refused(
        self, staged, wardrobe, restored, monkeypatch, tmp_path
    ):
        root = shutil.copytree(wardrobe, tmp_path / "set")
        shutil.rmtree(root / "test" / "truth")
        (root / "test_pairs_same.txt").unlink()
        lines = [f"00000{n}_0.jpg 000005_1.jpg\n" for n in (6, 7)]
        (root / "test_pairs.txt").write_text("".join(lines))
        for n in (6, 7):
            (root / "test" / "cloth" / f"00000{n}_1.jpg").unlink()
        found = restored(staged)
        config = changed(found.config.copy_and_resolve_references(), {"data__root": str(root)})
        monkeypatch.setattr(examine, "trained", lambda *_, **__: found._replace(config=config))
        with pytest.raises(UsageError, match=r"no held-out item has a truth: .*test_pairs_same.tx"):
            evaluate.evaluate(staged, NO_SETS)


def direct_scores(network, pairs):
    """Means by subset from pictures, in NumPy where that is short."""
    data = viton.load(network.config)
    sample, items, subsets = jax.jit(network.system.sample), [], []
    judge = lpips.load("alex")
    for held in data.held_out(pairs, batch_size=2):
        made = {key: np.asarray(x) for key, x in sample(network.state, held.batch).items()}
        mask, truth = made["warped_mask"] > 0, made["truth_mask"] > 0
        axes = (1, 2, 3)
        scores = {
            "warp_iou": (mask & truth).sum(axes) / (mask | truth).sum(axes),
            "copy_l1": np.abs(made["person"] - made["truth"]).mean(axes),
            "try_on_l1": np.abs(made["try_on"] - made["truth"]).mean(axes),
            "copy_ssim": ssim(made["person"], made["truth"]),
            "try_on_ssim": ssim(made["try_on"], made["truth"]),
            "copy_lpips": judge(made["person"], made["truth"]),
            "try_on_lpips": judge(made["try_on"], made["truth"]),
        }
        items += [{k: float(v[i]) for k, v in scores.items()} for i in range(len(held.names))]
        subsets += [{"all", *found} for found in held.subsets]
    means = {}
    for subset in set().union(*subsets):
        chosen = [item for item, found in zip(items, subsets, strict=True) if subset in found]
        means[subset] = {"n": len(chosen)} | {
            name: np.mean([item[name] for item in chosen]) for name in chosen[0]
        }
    return means


class TestWarp:
    @pytest.fixture
    def on_files(self, staged, wardrobe, tmp_path):
        """The first stage as if it had been trained on a set of files."""
        root = shutil.copytree(wardrobe, tmp_path / "set")
        workdir = shutil.copytree(staged / "gmm", tmp_path / "gmm")
        record = json.loads((workdir / "config.json").read_text())
        record["data"]["root"] = str(root)
        (workdir / "config.json").write_text(json.dumps(record))
        return workdir, root

    def test_files_are_those_of_the_network(self, on_files, capsys):
        workdir, root = on_files
        lines = (root / "test_pairs.txt").read_text()
        (root / "test_pairs.txt").write_text(f"{lines}000005_0.jpg 000005_1.jpg\n")  # in both lists
        before = files(root)
        warp = functools.partial(prewarp.prewarp, workdir, output="", checkpoint="latest")
        assert warp(overwrite=False) == DONE
        assert f"warped the garments of 12 pairs: {root}" in capsys.readouterr().out
        pairs = [f"train/{{}}/00000{n}_0+00000{n}_1.jpg" for n in (1, 2, 3, 4)]
        for n in range(4):
            for cloth in {n, (n + 1) % 4}:
                pairs.append(f"test/{{}}/00000{5 + n}_0+00000{5 + cloth}_1.jpg")
        wanted = {pair.format(folder) for pair in pairs for folder in ("warp-cloth", "warp-mask")}
        assert files(root) - before == wanted

        network = weights.trained(workdir)
        held = next(iter(viton.load(network.config).held_out("train", batch_size=2)))
        made = jax.jit(network.system.sample)(network.state, held.batch)
        for key in prewarp.WARPED:
            path = root / "train" / outputs.FOLDERS[key] / f"{held.names[1]}.jpg"
            with Image.open(path) as image:
                assert image.format == "JPEG"
                assert image.mode == ("RGB" if key == "warped_cloth" else "L")
                levels = np.asarray(image, float).reshape(64, 48, -1)
            shown = np.floor((np.asarray(made[key][1]) + 1) * 127.5)
            assert np.abs(levels - shown).mean() < 6

        with pytest.raises(
            UsageError, match=r"train/warp-cloth/000001_0\+000001_1.jpg exists: add"
        ):
            warp(overwrite=False)
        assert warp(overwrite=True) == DONE

    @pytest.mark.slow
    def test_the_second_stage_trains_on_them(self, on_files, tmp_path):
        workdir, root = on_files
        prewarp.prewarp(workdir, output="", checkpoint="4", overwrite=False)
        fields = {"data__warps": "folder", "data__root": str(root), "frozen__gmm": ""}
        config = smoke("cpvton", stage="tom", **fields)
        assert run(config, tmp_path / "tom") == DONE
        assert all(np.isfinite(row["tom_total"]) for row in rows(tmp_path / "tom"))
        tried = try_on.Options(str(tmp_path / "out.png"), person="000005_0", cloth="000006_1")
        assert try_on.try_on(tmp_path / "tom", tried) == DONE
        with pytest.raises(
            UsageError, match=r"warp-mask/000005_0\+000008_1.jpg is missing, and th"
        ):
            try_on.try_on(tmp_path / "tom", tried._replace(cloth="000008_1", overwrite=True))

    @pytest.mark.parametrize(
        ("folder", "message"),
        [
            ("", r"paper dolls has no data folder: give --output"),
            ("tom", r"needs a run of cpvton_gmm, .*tom is one of cpvton_tom: name the folder"),
        ],
    )
    def test_wrong_runs(self, staged, folder, message):
        with pytest.raises(UsageError, match=message):
            prewarp.prewarp(staged / folder, output="", checkpoint="latest", overwrite=False)
