"""Strips of test pictures, by a system that only darkens and inverts."""

import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_pipelines.prepare import DataError
from tests.smoke.runs import picture, smoke
from tryon_jax import strips
from tryon_jax.setup import UsageError

SIDE = 32


def sample(state, batch):
    """The state is a factor: its strip shows whether it was used."""
    return {
        **batch,
        "fake_b": -batch["real_a"] * state,
        "identity_b": batch["real_b"] / 2,
        "heat": batch["real_a"][..., :1],
    }


SYSTEM = types.SimpleNamespace(
    sample=sample,
    strips={"a2b": ("real_a", "heat", "fake_b", "identity_b"), "b2a": ("real_b", "identity_b")},
)


@pytest.fixture
def config(tmp_path):
    """Two test pictures of A, one below a folder, and one of B."""
    root = tmp_path / "set"
    for name, level in (("testA/one.png", 10), ("testA/deep/two.jpg", 90), ("testB/b.png", 200)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 50), (level, level, level)).save(root / name)
    return smoke("ugatit", data__root=str(root), data__source="folder")


def write(config, output, **options):
    options = {"overwrite": False, **options}
    return strips.write_strips(config, SYSTEM, 0.5, output=str(output), **options)


def levels(path):
    """The grey of each row of a strip."""
    strip = picture(path)
    assert strip.shape[1:] == (SIDE, 3)
    tiles = strip.reshape(-1, SIDE, SIDE, 3).astype(int)
    assert all(np.ptp(tile) <= 2 for tile in tiles)  # JPEG
    return [round(tile.mean()) for tile in tiles]


def test_each_test_picture_has_its_strip(config, tmp_path):
    config.image_size = SIDE
    assert write(config, tmp_path / "out") == 3
    found = sorted(x.relative_to(tmp_path / "out").as_posix() for x in tmp_path.rglob("out/**/*.*"))
    assert found == ["a2b/deep/two.png", "a2b/one.png", "b2a/b.png"]
    # 10 is -117.5 from the middle, and half of its opposite is 58.75 above; 200 is the picture of B
    assert levels(tmp_path / "out" / "a2b" / "one.png") == [10, 10, 186, 164]
    assert levels(tmp_path / "out" / "a2b" / "deep" / "two.png") == [90, 90, 146, 164]
    assert levels(tmp_path / "out" / "b2a" / "b.png") == [200, 164]


def test_nothing_is_replaced_unasked(config, tmp_path):
    config.image_size = SIDE
    (tmp_path / "out" / "b2a").mkdir(parents=True)
    (tmp_path / "out" / "b2a" / "b.png").touch()
    with pytest.raises(UsageError, match=r"b\.png exists: add --overwrite"):
        write(config, tmp_path / "out")
    assert not (tmp_path / "out" / "a2b").exists()
    assert write(config, tmp_path / "out", overwrite=True) == 3


def test_a_domain_without_test_pictures_has_no_strips(config, tmp_path):
    config.image_size = SIDE
    (Path(config.data.root) / "testB" / "b.png").unlink()
    assert write(config, tmp_path / "out") == 2
    assert levels(tmp_path / "out" / "a2b" / "one.png") == [10, 10, 186, 69]  # itself for B's
    config.data.test_a = "none"
    with pytest.raises(DataError, match=r"data\.test_a=none and data\.test_b=testB hold no pict"):
        write(config, tmp_path / "more")


def test_an_unreadable_picture_is_named(config, tmp_path):
    (Path(config.data.root) / "testA" / "one.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"testA/one\.png cannot be read .*: repair or remove it"):
        write(config, tmp_path / "out")


def test_output_must_be_a_folder(config, tmp_path):
    (tmp_path / "file").touch()
    for wrong in ("", tmp_path / "file"):
        with pytest.raises(UsageError, match="--strips writes into a folder"):
            write(config, wrong)


def test_dolls_are_named_by_their_number(tmp_path):
    config = smoke("ugatit", image_size=SIDE)
    count = write(config, tmp_path)
    names = sorted(path.name for path in (tmp_path / "a2b").iterdir())
    assert len(names) == count // 2 > 1
    assert all(name.startswith("doll_") and name.endswith("_photo.png") for name in names)
