"""Making masks beside pictures: what is made, what is left alone, what is refused."""

import numpy as np
import pytest
from PIL import Image

from configs import cpvton, ugatit_enhanced
from data_pipelines import masks, ops, prepare
from tryon_jax import masking
from tryon_jax.setup import UsageError


class Reds:
    """The share of red as the foreground, and half of it as what may change."""

    def __init__(self, kinds=("mask",)):
        self.kinds, self.sizes = kinds, []

    def __call__(self, pictures):
        self.sizes.append(len(pictures))
        shares = {"mask": 1, "fix": 2}
        return [
            {kind: picture[..., :1] / np.float32(255 * shares[kind]) for kind in self.kinds}
            for picture in pictures
        ]


@pytest.fixture
def segment(monkeypatch):
    made = Reds()
    monkeypatch.setattr(masking, "_load", lambda path: made)
    return made


@pytest.fixture
def config(tmp_path):
    """Nine pictures, some in sub-folders; red falls from left to right, each of another width."""
    made = ugatit_enhanced.get_config()
    made.data.root = str(tmp_path)
    names = ["trainA/one.jpg", *(f"trainA/boys/{i}.png" for i in range(6))]
    for number, name in enumerate([*names, "trainB/two.webp", "trainB/c.d.bmp"]):
        pixels = np.zeros((20, 30 + number, 3), np.uint8)
        pixels[..., 0] = np.linspace(255, 0, 30 + number)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return made


def run(config, *, overwrite=False):
    return masking.make_masks(config, segmenter="", overwrite=overwrite)


def written(root):
    return sorted(p.relative_to(root).as_posix() for p in root.glob("*_*/**/*") if p.is_file())


def greys(path):
    with Image.open(path) as image:
        return set(np.asarray(image).reshape(-1).tolist())


def test_every_picture_has_its_mask(config, segment, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(masking, "BATCH", 4)
    assert run(config) == 0
    assert segment.sizes == [4, 4, 1]
    assert written(tmp_path) == [
        *(f"trainA_mask/boys/{i}.png" for i in range(6)),
        *("trainA_mask/one.png", "trainB_mask/c.d.png", "trainB_mask/two.png"),
    ]
    with Image.open(tmp_path / "trainA_mask/boys/3.png") as image:
        assert image.mode == "L" and image.size == (34, 20)
        np.testing.assert_array_equal(image, np.tile(np.linspace(255, 0, 34).astype("u1"), (20, 1)))
    assert "masks of 9 pictures made, of 0 others there" in capsys.readouterr().out
    folder = masks.Folder(tmp_path, "trainA", kind="mask", names=["trainA/boys/3.png"])
    np.testing.assert_array_equal(
        folder.load(0)[..., 0], np.tile(np.linspace(255, 0, 34).astype("u1"), (20, 1))
    )


def test_it_goes_on_where_it_was_stopped(config, segment, tmp_path, capsys):
    run(config)
    kept, lost = tmp_path / "trainA_mask/one.png", tmp_path / "trainA_mask/boys/2.png"
    Image.new("L", (30, 20), 9).save(kept)
    lost.unlink()
    (tmp_path / "trainB_mask/two.png").rename(tmp_path / "trainB_mask/two.PNG")
    segment.sizes.clear()
    run(config)
    assert segment.sizes == [1] and lost.is_file()
    assert greys(kept) == {9}
    assert "masks of 1 pictures made, of 8 others there" in capsys.readouterr().out
    run(config)
    assert segment.sizes == [1]
    (tmp_path / "trainB_mask/two.PNG").rename(tmp_path / "trainB_mask/two.png")
    run(config, overwrite=True)
    assert sum(segment.sizes) == 10 and len(greys(kept)) > 9


def test_both_kinds_and_only_those_that_are_missing(config, segment, tmp_path):
    run(config)
    first = (tmp_path / "trainA_mask/one.png").stat().st_mtime_ns
    segment.kinds = ("mask", "fix")
    run(config)
    assert (tmp_path / "trainA_mask/one.png").stat().st_mtime_ns == first
    assert len(written(tmp_path)) == 18
    with Image.open(tmp_path / "trainB_fix/c.d.png") as image:
        assert image.getextrema() == (0, 128)


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_made(config, segment, tmp_path):
    (tmp_path / "trainA/boys/0.png").write_bytes(b"\x89PNG torn")
    message = r"1 cannot be read, repair or delete them: trainA/boys/0\.png \(not a picture"
    with pytest.raises(prepare.DataError, match=message) as error:
        run(config)
    assert "no mask" not in str(error.value)
    assert len(written(tmp_path)) == 8


def test_masks_of_others_that_do_not_fit_are_named(config, segment, tmp_path):
    (tmp_path / "trainA_mask").mkdir()
    Image.new("L", (5, 5)).save(tmp_path / "trainA_mask/one.jpg")
    message = r"trainA_mask/one\.jpg \(5 x 5, its picture 30 x 20\)"
    with pytest.raises(prepare.DataError, match=message):
        run(config)
    assert (tmp_path / "trainA_mask/boys/5.png").is_file()
    with pytest.raises(prepare.DataError, match=r"trainA_mask/one\.jpg is there, .* delete it"):
        run(config, overwrite=True)
    assert not (tmp_path / "trainA_mask/one.png").exists()


def test_masks_without_foreground_are_named(config, segment, tmp_path, capsys):
    Image.new("RGB", (20, 20), (10, 255, 255)).save(tmp_path / "trainB/none.png")
    run(config)
    assert "1 masks made have hardly any foreground, look at: trainB/none.png" in (
        capsys.readouterr().out
    )


def test_what_is_refused(config, segment, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "trainA/one.png")
    with pytest.raises(prepare.DataError, match=r"one\.jpg and trainA/one\.png would share one"):
        run(config)
    (tmp_path / "trainA/one.png").unlink()
    config.data.train_b = "drawings"
    with pytest.raises(prepare.DataError, match=r"drawings has 0 pictures .*config\.data\.train_b"):
        run(config)
    config.data.root = str(tmp_path / "away")
    with pytest.raises(prepare.DataError, match=r"data\.root=.*away does not exist"):
        run(config)
    with pytest.raises(UsageError, match="paper dolls know theirs: set --config"):
        run(ugatit_enhanced.get_config("demo"))
    with pytest.raises(UsageError, match="a config of two folders"):
        run(cpvton.get_config())
    assert written(tmp_path) == []


def test_files_that_are_no_segmenter(config, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(UsageError, match=r"--segmenter=face\.onnx must be selfie_segm"):
        masking.make_masks(config, segmenter="face.onnx", overwrite=False)
    (tmp_path / "x.tflite").write_bytes(b"other")
    with pytest.raises(UsageError, match="another file than the selfie segmentation"):
        masking.make_masks(config, segmenter=str(tmp_path / "x.tflite"), overwrite=False)
    with pytest.raises(FileNotFoundError, match="pip download"):
        masking.make_masks(config, segmenter="", overwrite=False)


def test_a_turned_photograph_gets_a_mask_as_one_sees_it(config, segment, tmp_path):
    image = Image.new("RGB", (40, 24), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "trainA/turned.jpg", exif=exif)
    run(config)
    with (tmp_path / "trainA_mask/turned.png").open("rb") as file:
        assert ops.header(file) == (24, 40)
