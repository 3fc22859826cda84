import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from data_pipelines import dolls, ops, sources
from tests.unit.data_pipelines.conftest import fill, picture


def test_folder_lists_pictures_below_it_in_order(tmp_path):
    names = ["b.JPG", "a/z.png", "a/y.jpeg", "c.WebP", "d.bmp", "e.tif", "f.tiff", "g.ppm", "h.pgm"]
    others = ["notes.txt", "._b.jpg", ".cache/x.png", "clip.gif"]
    for name in names + others:
        (tmp_path / "A" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "A" / name).touch()
    assert sources.Folder(tmp_path, "A").names == sorted(f"A/{name}" for name in names)


def test_folder_follows_links(tmp_path):
    fill(tmp_path / "elsewhere", first=0, count=2)
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "link").symlink_to(tmp_path / "elsewhere")
    assert sources.Folder(tmp_path, "A").names == ["A/link/00.png", "A/link/01.png"]


def test_missing_folder_is_empty(tmp_path):
    assert sources.Folder(tmp_path, "A").names == []


def test_picture_paths_stop_at_a_depth(tmp_path):
    for name in ("0.png", "1/0.png", "1/2/0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sources.picture_paths(tmp_path, depth=1) == ["0.png", "1/0.png"]


def test_folder_loads_and_opens(tmp_path):
    fill(tmp_path / "A", first=5, count=2)
    source = sources.Folder(str(tmp_path), "A")
    np.testing.assert_array_equal(source.load(1), np.asarray(picture(6)))
    with source.open(1) as file:
        assert Image.open(file).size == (40, 40)


def test_folder_errors(tmp_path):
    paths = fill(tmp_path / "A", first=0, count=2)
    source = sources.Folder(tmp_path, "A")
    paths[0].write_bytes(b"nothing")
    paths[1].unlink()
    with pytest.raises(ops.UnreadableError, match="not a picture"):
        source.load(0)
    with pytest.raises(FileNotFoundError, match=r"A/01.png"):
        source.load(1)


def test_dolls_are_drawn_once(monkeypatch):
    calls = []

    def draw(index, *, seed, style, size):
        calls.append((index, seed, style, size))
        return np.full((size, size, 3), index, np.uint8)

    monkeypatch.setattr(dolls, "draw", draw)
    source = sources.Dolls(3, first=20, style="drawn", size=16)
    assert [int(source.load(index)[0, 0, 0]) for index in (2, 0, 2)] == [22, 20, 22]
    assert calls == [(22, 0, "drawn", 16), (20, 0, "drawn", 16)]
    assert source.names == ["doll 20 (drawn)", "doll 21 (drawn)", "doll 22 (drawn)"]


def test_dolls_are_pictures():
    photo = sources.Dolls(1, first=3, style="photo", size=48).load(0)
    drawn = sources.Dolls(1, first=3, style="drawn", size=48).load(0)
    assert photo.shape == drawn.shape == (48, 48, 3) and photo.dtype == np.uint8
    assert np.abs(photo.astype(int) - drawn).mean() > 5


def test_tfds_keeps_encoded_pictures(tiny_pictures):
    splits = {"train_a": "trainA", "train_b": "trainB", "test_a": "testA", "test_b": "testB"}
    found = sources.tfds_splits("tiny_pictures", data_dir=tiny_pictures, splits=splits)
    assert {key: len(source.names) for key, source in found.items()} == {
        "train_a": 4,
        "train_b": 3,
        "test_a": 1,
    }
    loaded = {found["train_b"].load(index).tobytes() for index in range(3)}
    assert loaded == {picture(10 + index).tobytes() for index in range(3)}
    assert found["train_b"].names == ["trainB/0", "trainB/1", "trainB/2"]
    assert isinstance(found["train_a"].open(0), io.BytesIO)


def test_tfds_names_the_splits(tiny_pictures):
    with pytest.raises(
        ValueError, match=r"train_a=horses must be a split .* trainA.*: set --config"
    ):
        sources.tfds_splits("tiny_pictures", data_dir=tiny_pictures, splits={"train_a": "horses"})


def test_tfds_unknown_set(tmp_path):
    with pytest.raises(ValueError, match=r"tfds:no_such_set is no set that TFDS knows"):
        sources.tfds_builder("no_such_set", data_dir=str(tmp_path))


def test_tfds_unprepared_set_names_the_command(tmp_path):
    with pytest.raises(ValueError, match=r"a run downloads nothing.*download_and_prepare\(\)") as e:
        sources.tfds_builder("cycle_gan/horse2zebra", data_dir=str(tmp_path))
    assert f"tfds.builder('cycle_gan/horse2zebra', data_dir='{tmp_path}')" in str(e.value)
    assert list(tmp_path.iterdir()) == []


def test_tfds_set_without_pictures(monkeypatch):
    import tensorflow_datasets as tfds

    info = SimpleNamespace(splits={"train": None}, features={"text": None, "label": None})
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: SimpleNamespace(info=info))
    with pytest.raises(ValueError, match=r"has the features text, label, but .* needs `image`"):
        sources.tfds_builder("imdb", data_dir="")
