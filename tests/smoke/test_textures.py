"""A DesignGAN run at work on textures."""

import numpy as np
import pytest
from PIL import Image

from data_pipelines.landmarks_import import __main__ as command
from data_pipelines.prepare import DataError
from tests.smoke.runs import picture, smoke
from tryon_jax import retexture, setup, weights
from tryon_jax.setup import UsageError

pytestmark = pytest.mark.slow

SHAPE = (64, 32)


@pytest.fixture(scope="module")
def untrained():
    """A smoke run before its first step: what textures do needs no good network."""
    prepared = setup.set_up(smoke("designgan", data__dolls=3, report__count=2))
    state = weights.fresh_state(prepared)
    return weights.Trained(prepared.config, prepared.system, state, "step 0 of nowhere")


@pytest.fixture(scope="module")
def cloths(tmp_path_factory):
    """Textures: red and blue columns, a green plane."""
    folder = tmp_path_factory.mktemp("cloths")
    stripes = np.zeros((20, 20, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    Image.fromarray(stripes).save(folder / "stripes.png")
    Image.fromarray(np.full((10, 10, 3), (0, 200, 0), np.uint8)).save(folder / "green.png")
    return folder


@pytest.fixture
def dress(untrained, monkeypatch):
    """Gives textures with such a run; options as on the command line."""
    monkeypatch.setattr(retexture, "trained", lambda workdir, **options: untrained)
    return lambda output, **options: retexture.retexture(
        "nowhere", retexture.Options(str(output), **options)
    )


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_the_runs_dolls_in_several_textures(dress, cloths, tmp_path, capsys):
    assert dress(tmp_path / "out", texture=str(cloths), fill="landmark", tile=8) == 0
    found = names(tmp_path / "out")
    assert "sheet.png" in found and len(found) == 1 + 2 * 2 * 3
    assert "wrote 4 pictures" in capsys.readouterr().out
    strip = picture(tmp_path / "out" / next(n for n in found if n.startswith("strip/")))
    assert strip.shape == (64, 4 * 32, 3)
    source, plain, laid, result = np.split(strip, 4, 1)
    assert np.abs(result - plain).max() > 0
    # the texture lies on the garment worn, whose legs are below the middle
    changed = np.abs(source - laid).sum(-1) > 30
    assert changed[30:].mean() > 0.1 > changed[:16].mean()
    if "green" in found[1]:
        assert np.median(laid[changed][:, 1] - laid[changed][:, 0]) > 20


@pytest.mark.parametrize("method", ["paste", "optimise", "optimise_head"])
def test_methods(dress, cloths, tmp_path, method):
    out = tmp_path / "one"
    texture = str(cloths / "green.png")
    dress(out, texture=texture, method=method, direction="ba")
    results = [name for name in names(out) if name.startswith("result/")]
    assert len(results) == 2
    strip = picture(out / results[0].replace("result", "strip"))
    _, plain, laid, result = np.split(strip, 4, 1)
    if method == "paste":
        np.testing.assert_array_equal(laid, result)
    else:
        assert 0 < np.abs(result - plain).mean() < np.abs(laid - plain).mean() + 20


def test_one_picture_without_a_texture(dress, tmp_path):
    data = tmp_path / "data"
    command.main(["--from=dolls", "--train=1", "--test=1", "--height=64", f"--output={data}"])
    one = next((data / "testX").iterdir())
    dress(tmp_path / "new.png", input=str(one), method="plain")
    assert names(tmp_path)[-3:] == ["new.png", "new_mask.png", "new_strip.png"]
    assert picture(tmp_path / "new.png").shape == (*SHAPE, 3)
    dress(tmp_path / "all", input=str(data), method="plain")
    folder = tmp_path / "folder"
    plain = retexture.Plain(str(folder), input=str(data / "testX"))
    retexture.translate("nowhere", plain)
    (result,) = [name for name in names(folder) if name.startswith("result")]
    np.testing.assert_array_equal(picture(folder / result), picture(tmp_path / "new.png"))
    np.testing.assert_array_equal(picture(tmp_path / "all" / result), picture(folder / result))


def test_refusals(dress, cloths, tmp_path):
    texture = str(cloths / "green.png")
    for options, complaint in (
        ({}, "give textures by --texture"),
        ({"texture": texture, "method": "plain"}, "takes none"),
        ({"texture": texture, "method": "glue"}, "'glue' must be one of plain"),
        ({"texture": texture, "fill": "fold"}, "'fold' must be one of tile"),
        ({"texture": texture, "direction": "ac"}, "--direction must be ab or ba"),
        ({"texture": texture, "offset": "3"}, "--offset must be X,Y"),
        ({"texture": texture, "tile": -1}, "--tile=-1"),
        ({"texture": f"{texture},{texture}"}, "two pictures green"),
    ):
        with pytest.raises(UsageError, match=complaint):
            dress(tmp_path / "out", **options)
    with pytest.raises(FileNotFoundError):
        dress(tmp_path / "out", texture=str(tmp_path / "none.png"))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png"):
        dress(tmp_path / "out", texture=str(tmp_path / "broken.png"))
    with pytest.raises(UsageError, match="are several: name a folder"):
        dress(tmp_path / "out.png", texture=texture)
    Image.fromarray(np.zeros((64, 32, 3), np.uint8)).save(tmp_path / "alone.png")
    with pytest.raises((OSError, DataError), match="has no mask"):
        dress(tmp_path / "out", texture=texture, input=str(tmp_path / "alone.png"))
