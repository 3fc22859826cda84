from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tryon_jax import outputs
from tryon_jax.setup import UsageError


def test_pictures_are_what_can_be_written(tmp_path):
    (tmp_path / "folder.png").mkdir()
    wanted = {"a.png": True, "a.JPG": True, "a.psd": False, "a.gik": False, "a": False}
    assert {name: outputs.is_picture(Path(name)) for name in wanted} == wanted
    assert not outputs.is_picture(tmp_path / "folder.png")


def test_files_in_the_way_are_counted(tmp_path):
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    outputs.check_free(paths, overwrite=False)
    paths[1].touch()
    with pytest.raises(UsageError, match=r"b.png exists: add --overwrite or another --output"):
        outputs.check_free(paths, overwrite=False)
    paths[2].touch()
    with pytest.raises(UsageError, match=r"b.png exists, and 1 more: add"):
        outputs.check_free(iter(paths), overwrite=False)
    outputs.check_free(paths, overwrite=True)


@pytest.mark.parametrize(("shape", "mode"), [((4, 5, 3), "RGB"), ((4, 5), "L")])
def test_a_picture_is_written_into_a_new_folder(tmp_path, shape, mode):
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path / "deep" / "er" / "a.png"
    outputs.save(path, picture)
    with Image.open(path) as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), picture)
