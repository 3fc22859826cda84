import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from data_pipelines import leaks, sources
from data_pipelines.dolls import draw


@pytest.fixture(scope="module")
def dolls():
    return [Image.fromarray(draw(n, seed=0, style="photo", size=96)) for n in range(8)]


@pytest.fixture
def folders(tmp_path):
    """Writes two splits of pictures and looks for leaks."""

    def look(train, test):
        for split, pictures in (("train", train), ("test", test)):
            (tmp_path / split).mkdir()
            for name, (image, options) in pictures.items():
                image.save(tmp_path / split / name, **options)
        found = [[sources.Folder(tmp_path, split)] for split in ("train", "test")]
        return leaks.find(*found)

    return look


def png(image):
    return image, {}


def test_copies_are_found_and_others_are_not(folders, dolls):
    train = {f"{n}.png": png(image) for n, image in enumerate(dolls[:6])}
    test = {
        "same.png": png(dolls[0]),
        "smaller.png": png(dolls[1].resize((64, 64), Image.Resampling.BICUBIC)),
        "compressed.jpg": (dolls[2], {"quality": 40}),
        "brighter.png": png(ImageEnhance.Brightness(dolls[3]).enhance(1.1)),
        "mirrored.png": png(dolls[4].transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        "other.png": png(dolls[6]),
        "another.png": png(dolls[7]),
    }
    found = folders(train, test)
    assert (found.train, found.test) == (6, 7)
    assert {(pair.test, pair.train, pair.kind) for pair in found.pairs} == {
        ("test/same.png", "train/0.png", "same file"),
        ("test/smaller.png", "train/1.png", "same picture"),
        ("test/compressed.jpg", "train/2.png", "same picture"),
        ("test/brighter.png", "train/3.png", "same picture"),
        ("test/mirrored.png", "train/4.png", "mirrored"),
    }
    assert found.text().startswith("5 of 7 test pictures are also among 6 training pictures")
    assert len(found.record()["pairs"]) == 5


def test_no_leaks_are_said_too(folders, dolls):
    found = folders({"a.png": png(dolls[0])}, {"b.png": png(dolls[1])})
    assert found.text() == "none of 1 test pictures is among 1 training pictures"


def test_unreadable_and_missing_files_are_left_out(folders, dolls, tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "broken.png").write_bytes(b"no picture")
    found = leaks.find([sources.Folder(tmp_path, "train")], [sources.Folder(tmp_path, "none")])
    assert found == leaks.Leaks(0, 0, [])


def test_plain_pictures_do_not_divide_by_nothing():
    buffer = io.BytesIO()
    Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(buffer, format="PNG")
    look = leaks.look("plain.png", buffer.getvalue())
    assert look.bits == look.mirrored == 0
