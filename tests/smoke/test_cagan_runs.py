"""Runs from files of originals; CAGAN's at work on dolls, photographs and lists."""

import functools
import json

import jax
import numpy as np
import pytest
from PIL import Image

from configs import cagan as config_file
from data_pipelines import triplet_sources
from tests.smoke.runs import changed, picture, smoke
from tests.unit.port import original_shapes as shapes
from tests.unit.port.torch_writer import whole, write_legacy, write_zip
from tests.unit.test_port import ugatit_generator
from tryon_jax import adopt, grids, setup, try_on, weights
from tryon_jax.port import cagan as port
from tryon_jax.setup import UsageError
from tryon_jax.systems.cagan import CAGAN
from tryon_jax.train import DONE

STRIP = CAGAN.dressing.strip


def seed_smoke(**fields):
    return changed(config_file.get_config("seed-smoke"), fields)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("seed") / "epoch_00001_iteration_000000100_checkpoint.pt"
    return write_zip(path, shapes.seed_checkpoint(8))


@pytest.fixture(scope="module")
def workdir(file, tmp_path_factory):
    """The folder of a run at step 0 with the seed's networks."""
    folder = tmp_path_factory.mktemp("runs") / "seed"
    assert adopt.adopt(seed_smoke(), workdir=folder, file=str(file)) == DONE
    return folder


@pytest.fixture(scope="module")
def restored():
    return functools.cache(weights.trained)


@pytest.fixture
def dress(workdir, restored, monkeypatch):
    """Tries on; options as on the command line."""
    monkeypatch.setattr(try_on, "trained", restored)

    def dress(output, **options):
        return try_on.try_on(workdir, try_on.Options(str(output), **options))

    return dress


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def tiles(path):
    return dict(zip(STRIP, np.split(picture(path), len(STRIP), 1), strict=True))


class TestImport:
    def test_it_is_the_original_s_networks(self, workdir, file, restored):
        state = restored(workdir).state
        for network, load in (("gen", port.load_seed_gen), ("disc_0", port.load_seed_disc)):
            wanted = load(file)["params"]
            jax.tree.map(np.testing.assert_array_equal, dict(state.params[network]), wanted)
        record = json.loads((workdir / "frozen.json").read_text())
        assert set(record) == {"gen", "disc_0"} and all(file.name in x for x in record.values())

    def test_another_variant_is_refused(self, file, tmp_path):
        with pytest.raises(
            UsageError,
            match=r"gen was trained with other options \(model.alpha is linear there, sigmoid here"
            r"\): give --config=configs/cagan.py:seed, or --config.model.alpha=linear$",
        ):
            adopt.adopt(seed_smoke(model__alpha="sigmoid"), workdir=tmp_path, file=str(file))
        assert not list(tmp_path.iterdir())

    def test_a_discriminator_alone_makes_no_pictures(self, tmp_path):
        path = write_legacy(tmp_path / "netD0_9.pth", shapes.drawn(shapes.v2_disc(8)))
        fields = {"model__discriminator": "wide", "model__disc_noise": "none"}
        with pytest.raises(UsageError, match=r"netD0_9.pth holds disc_0 alone: give the file of g"):
            adopt.adopt(seed_smoke(**fields), workdir=tmp_path / "run", file=str(path))

    @pytest.mark.slow
    def test_v2_without_its_discriminators(self, tmp_path, capsys):
        config = config_file.get_config("v2-smoke")
        config = changed(config, {"model__channels": 16})
        path = write_legacy(tmp_path / "netG_7.pth", shapes.drawn(shapes.v2_gen(16)))
        workdir = tmp_path / "run"
        assert adopt.adopt(config, workdir=workdir, file=str(path)) == DONE
        assert "drawn from the seed: disc_0, disc_1, disc_2, for training only\n" in (
            capsys.readouterr().out
        )
        options = try_on.Options(str(tmp_path / "a.png"), person="doll_1", cloth="doll_2")
        assert try_on.try_on(workdir, options) == DONE
        assert picture(tmp_path / "a.png").shape == (128, 96, 3)


class TestTryOn:
    def test_one_garment_on_one_person(self, dress, workdir, restored, tmp_path):
        assert dress(tmp_path / "out.png", person="doll_3", cloth="doll_5") == DONE
        assert names(tmp_path) == ["out.png", "out_alpha.png", "out_strip.png"]
        shown = tiles(tmp_path / "out_strip.png")
        run = restored(workdir)
        batch = setup.browse(run.config).item(person="doll_3", cloth="doll_5")
        made = jax.jit(run.system.sample)(run.state, batch)
        for key, tile in shown.items():
            np.testing.assert_array_equal(tile, grids.to_uint8(made[key])[0])
        np.testing.assert_array_equal(shown["try_on"], picture(tmp_path / "out.png"))
        np.testing.assert_array_equal(shown["alpha"], picture(tmp_path / "out_alpha.png"))

    def test_the_garment_worn_may_be_named(self, dress, tmp_path):
        person = {"person": "doll_3", "cloth": "doll_5"}
        dress(tmp_path / "a.png", **person)
        dress(tmp_path / "b.png", worn="doll_4", **person)
        a, b = (tiles(tmp_path / f"{x}_strip.png") for x in "ab")
        np.testing.assert_array_equal(a["person"], b["person"])
        assert np.abs(a["worn"] - b["worn"]).max() > 50
        assert np.abs(a["try_on"] - b["try_on"]).max() > 0

    def test_a_table_and_its_mattes(self, dress, tmp_path):
        dress(tmp_path, person="doll_1,doll_2", cloth="doll_3,doll_4,doll_5", worn="doll_6,doll_7")
        assert len(names(tmp_path)) == 2 + 3 * 6
        for sheet, folder in (("grid", "try-on"), ("alpha", "alpha")):
            table = picture(tmp_path / f"{sheet}.png")
            assert table.shape == (3 * 67 + 3, 4 * 51 + 3, 3)
            last = picture(tmp_path / folder / "doll_2+doll_5.png")
            np.testing.assert_array_equal(table[-67:-3, -51:-3], last)

    def test_photographs(self, dress, tmp_path):
        dress(tmp_path / "me.png", person="doll_3", cloth="doll_5")
        me = {"person": str(tmp_path / "me.png"), "cloth": "doll_4"}
        with pytest.raises(FileNotFoundError, match=r"nothing says what .*me.png wears, .*--worn="):
            dress(tmp_path / "again.png", **me)
        dress(tmp_path / "again.png", worn="doll_5", **me)
        shown = tiles(tmp_path / "again_strip.png")
        np.testing.assert_array_equal(shown["person"], picture(tmp_path / "me.png"))

    def test_lists(self, dress, tmp_path):
        path = tmp_path / "list.txt"
        path.write_text("doll_3 doll_5\ndoll_3 doll_4 doll_5\n")
        dress(tmp_path / "out", pairs=str(path))
        assert names(tmp_path / "out" / "strip") == ["doll_3+doll_4.png", "doll_3+doll_5.png"]
        third = tiles(tmp_path / "out" / "strip" / "doll_3+doll_4.png")
        two = tiles(tmp_path / "out" / "strip" / "doll_3+doll_5.png")
        np.testing.assert_array_equal(third["worn"], two["other"])
        path.write_text("doll_3 doll_5\ndoll_3 doll_5 doll_4\n")
        with pytest.raises(UsageError, match=r"1 names stand for several pairs, such as doll_3\+d"):
            dress(tmp_path / "twice", pairs=str(path))

    @pytest.mark.slow
    def test_the_test_set(self, dress, tmp_path, monkeypatch):
        monkeypatch.setattr(triplet_sources, "TEST_DOLLS", 2)
        dress(tmp_path, pairs="other")
        pairs = ["doll_1000000+doll_1000001.png", "doll_1000001+doll_1000000.png"]
        assert names(tmp_path / "try-on") == pairs

    def test_another_folder(self, dress, wardrobe, tmp_path):
        dress(tmp_path, input=str(wardrobe), person="all", cloth="000006_1")
        assert len(names(tmp_path / "try-on")) == 4
        shown = tiles(tmp_path / "strip" / "000007_0+000006_1.png")
        with Image.open(wardrobe / "test" / "cloth" / "000007_1.jpg") as worn:
            np.testing.assert_array_equal(shown["worn"], np.asarray(worn, int))

    def test_nothing_is_replaced(self, dress, tmp_path):
        (tmp_path / "alpha").mkdir()
        (tmp_path / "alpha" / "doll_1+doll_3.png").write_bytes(b"kept")
        options = {"person": "doll_1,doll_2", "cloth": "doll_3"}
        with pytest.raises(UsageError, match=r"alpha/doll_1\+doll_3.png exists: add --overwrite"):
            dress(tmp_path, **options)
        assert names(tmp_path) == ["alpha/doll_1+doll_3.png"]
        dress(tmp_path, overwrite=True, **options)
        assert len(names(tmp_path)) == 2 + 3 * 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cyclegan", "ugatit"])
def test_translators_are_imported_in_part(name, tmp_path, capsys):
    if name == "cyclegan":
        path = tmp_path / "horse2zebra.pth"
        config = smoke(name)
        write_legacy(path, shapes.drawn(shapes.resnet(4, blocks=6)))
    else:
        path = tmp_path / "a_params_latest.pt"
        config = smoke(name, model__channels=2)
        gen = {key: whole("Float", x) for key, x in ugatit_generator(True).items()}
        write_zip(path, {"genA2B": gen, "genB2A": gen})
    workdir = tmp_path / "run"
    assert adopt.adopt(config, workdir=workdir, file=str(path)) == DONE
    said = capsys.readouterr().out
    assert f"gen_ab: {path}" in said
    warned = "gen_ba makes no picture worth seeing" if name == "cyclegan" else "for training only"
    assert warned in said
    run = weights.trained(workdir)
    reader = run.system.originals
    assert reader is not None
    found = reader(str(path))["gen_ab"].variables["params"]
    for trees in (run.state.params, run.state.ema):
        jax.tree.map(np.testing.assert_array_equal, dict(trees["gen_ab"]), found)
