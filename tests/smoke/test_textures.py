"""A finished DesignGAN run at work on textures."""

import numpy as np
import pytest
from PIL import Image

from data_pipelines.landmarks_import import __main__ as command
from data_pipelines.prepare import DataError
from tests.smoke.runs import picture, run, smoke
from tryon_jax import retexture, weights
from tryon_jax.setup import UsageError

pytestmark = pytest.mark.slow

SHAPE = (64, 32)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A smoke run of two steps."""
    workdir = tmp_path_factory.mktemp("runs") / "designgan"
    run(smoke("designgan", steps=2, data__dolls=3, report__count=2), workdir)
    return workdir


@pytest.fixture(scope="module")
def restored(finished):
    """`weights.trained`, once."""
    found = weights.trained(finished)
    return lambda workdir, **options: found


@pytest.fixture(scope="module")
def cloths(tmp_path_factory):
    """Textures: red and blue columns, a green plane."""
    folder = tmp_path_factory.mktemp("cloths")
    stripes = np.zeros((20, 20, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    Image.fromarray(stripes).save(folder / "stripes.png")
    Image.fromarray(np.full((30, 10, 3), (0, 200, 0), np.uint8)).save(folder / "green.png")
    return folder


@pytest.fixture
def dress(finished, restored, monkeypatch):
    """Gives textures with the finished run; options as on the command line."""
    monkeypatch.setattr(retexture, "trained", restored)
    return lambda output, **options: retexture.retexture(
        finished, retexture.Options(str(output), **options)
    )


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


@pytest.mark.parametrize("fill", ["tile", "stretch", "landmark"])
def test_the_runs_dolls_in_several_textures(dress, cloths, tmp_path, fill, capsys):
    assert dress(tmp_path / "out", texture=str(cloths), method="forward", fill=fill) == 0
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
    again = tmp_path / "again"
    dress(again, texture=texture, method=method, direction="ba")
    for name in results:
        np.testing.assert_array_equal(picture(out / name), picture(again / name))
    strip = picture(out / results[0].replace("result", "strip"))
    _, plain, laid, result = np.split(strip, 4, 1)
    if method == "paste":
        np.testing.assert_array_equal(laid, result)
    else:
        assert 0 < np.abs(result - plain).mean() < np.abs(laid - plain).mean() + 20


def test_one_picture_without_a_texture(dress, finished, tmp_path):
    data = tmp_path / "data"
    command.main(["--from=dolls", "--train=1", "--test=1", "--height=64", f"--output={data}"])
    one = next((data / "testX").iterdir())
    dress(tmp_path / "new.png", input=str(one), method="plain")
    assert names(tmp_path)[-3:] == ["new.png", "new_mask.png", "new_strip.png"]
    assert picture(tmp_path / "new.png").shape == (*SHAPE, 3)
    dress(tmp_path / "all", input=str(data), method="plain")
    folder = tmp_path / "folder"
    plain = retexture.Plain(str(folder), input=str(data / "testX"))
    retexture.translate(finished, plain)
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
