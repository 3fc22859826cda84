"""Files of both formats: what they hold, and what is refused. PyTorch's own are in tests/golden."""

import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from tests.unit.port.torch_writer import (
    Call,
    Name,
    Storage,
    tensor,
    whole,
    write_legacy,
    write_zip,
)
from tryon_jax.port.torch_file import read
from tryon_jax.port.unpickle import RefusedError

FORMATS = pytest.mark.parametrize("write", [write_zip, write_legacy])
LINE = np.arange(12, dtype=np.float32)


def state_dict(*names):
    return OrderedDict((name, whole("Float", LINE + i)) for i, name in enumerate(names))


@FORMATS
class TestTensors:
    @pytest.mark.parametrize(
        ("kind", "dtype"),
        [
            ("Half", "float16"),
            ("Float", "float32"),
            ("Double", "float64"),
            ("Char", "int8"),
            ("Short", "int16"),
            ("Int", "int32"),
            ("Long", "int64"),
            ("Byte", "uint8"),
            ("Bool", "bool"),
        ],
    )
    def test_types(self, write, kind, dtype, tmp_path):
        want = np.array([[0, 1, 1], [100, 0, 7]]).astype(dtype)
        got = read(write(tmp_path / "x.pth", {"x": whole(kind, want)}))["x"]
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)

    def test_bfloat16_becomes_float32(self, write, tmp_path):
        upper = np.array([0x3F80, 0xC040, 0x0000], np.uint16)  # 1, -3, 0
        got = read(write(tmp_path / "x.pth", {"x": whole("BFloat16", upper)}))["x"]
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, [1, -3, 0])

    def test_views_of_one_storage(self, write, tmp_path):
        storage = Storage("Float", LINE)
        views = {
            "all": tensor(storage, (12,), (1,)),
            "transposed": tensor(storage, (4, 3), (1, 4)),
            "inside": tensor(storage, (2, 2), (4, 2), offset=1),
            "repeated": tensor(storage, (3, 2), (0, 1), offset=10),
            "last": tensor(storage, (), (), offset=11),
            "empty": tensor(storage, (0, 3), (3, 1)),
        }
        got = read(write(tmp_path / "x.pth", views))
        want = {
            "all": LINE,
            "transposed": LINE.reshape(3, 4).T,
            "inside": [[1, 3], [5, 7]],
            "repeated": [[10, 11]] * 3,
            "last": 11,
            "empty": np.zeros((0, 3)),
        }
        assert got.keys() == want.keys()
        for name, array in got.items():
            np.testing.assert_array_equal(array, want[name], strict=False)
            assert array.flags.c_contiguous
        got["all"][:] = 0
        assert got["last"] == 11, "arrays are their own"

    def test_parameters(self, write, tmp_path):
        made = {
            "v1": Call(Name("torch._utils", "_rebuild_parameter"), whole("Float", LINE), True, {}),
            "v0": Call(Name("torch.nn.parameter", "Parameter"), whole("Float", LINE), True),
        }
        got = read(write(tmp_path / "x.pth", made))
        np.testing.assert_array_equal(got["v1"], LINE)
        np.testing.assert_array_equal(got["v0"], LINE)

    def test_a_view_beyond_its_storage_is_refused(self, write, tmp_path):
        storage = Storage("Float", LINE)
        for size, stride, offset in (((13,), (1,), 0), ((2, 2), (11, 1), 0), ((2,), (-1,), 1)):
            made = {"x": tensor(storage, size, stride, offset=offset)}
            with pytest.raises(ValueError, match="reaches beyond its storage of 12"):
                read(write(tmp_path / "x.pth", made))


def test_old_files_keep_storages_within_others(tmp_path):
    path = tmp_path / "x.pth"
    made = {"x": tensor(Storage("Float", LINE), (2,), (1,), offset=1)}
    write_legacy(path, made, views={"Float": ("view", 4, 3)})
    np.testing.assert_array_equal(read(path)["x"], [5, 6])
    made = {"x": tensor(Storage("Float", LINE), (3,), (1,), offset=1)}
    write_legacy(path, made, views={"Float": ("view", 4, 3)})
    with pytest.raises(ValueError, match="beyond its storage of 3"):
        read(path)


@FORMATS
class TestStateDicts:
    def test_data_parallel_prefix(self, write, tmp_path):
        path = tmp_path / "x.pth"
        assert list(read(write(path, state_dict("module.a", "module.b.module.c")))) == [
            "a",
            "b.module.c",
        ]
        assert list(read(write(path, state_dict("module.a", "b")))) == ["module.a", "b"]

    def test_what_is_no_tensor_is_passed_over(self, write, tmp_path):
        size = Call(Name("torch", "Size"), (1, 2))
        made = {"epoch": 3, "lr": 0.1, "name": "x", "size": size, **state_dict("a")}
        assert list(read(write(tmp_path / "x.pth", made))) == ["a"]

    def test_one_dictionary_within_another(self, write, tmp_path):
        optimizer = {"state": {0: state_dict("exp_avg")}, "param_groups": [{"lr": 0.1}]}
        made = {"epoch": 3, "state_dict": state_dict("module.a"), "optimizer": optimizer}
        path = write(tmp_path / "x.pth", made)
        assert list(read(path)) == list(read(path, key="state_dict")) == ["a"]

    def test_one_of_several_must_be_named(self, write, tmp_path):
        made = {"genA2B": state_dict("a"), "genB2A": state_dict("b"), "step": 1}
        path = write(tmp_path / "x.pth", made)
        assert list(read(path, key="genB2A")) == ["b"]
        with pytest.raises(ValueError, match=r"keys \['genA2B', 'genB2A'\]; got key=''"):
            read(path)
        with pytest.raises(ValueError, match=r"\['genA2B', 'genB2A'\]; got key='step'"):
            read(path, key="step")

    def test_files_without_tensors(self, write, tmp_path):
        for made in ({}, {"epoch": 3}, [1, 2], whole("Float", LINE)):
            with pytest.raises(ValueError, match=r"x.pth holds no dictionary of tensors"):
                read(write(tmp_path / "x.pth", made))


@FORMATS
class TestRefusals:
    @pytest.mark.parametrize(
        ("module", "name"),
        [("os", "system"), ("builtins", "eval"), ("torch.nn", "Linear"), ("tryon_jax", "x")],
    )
    def test_nothing_runs(self, write, module, name, tmp_path):
        marker = tmp_path / "ran"
        made = {**state_dict("a"), "b": Call(Name(module, name), f"touch {marker}")}
        path = write(tmp_path / "x.pth", made)
        with pytest.raises(RefusedError) as error:
            read(path)
        assert f"{path} was refused, not run: it names {module}.{name}," in str(error.value)
        assert not marker.exists()

    @pytest.mark.parametrize(
        "made",
        [
            Call(Name("torch._utils", "_rebuild_tensor_v2"), "no storage", 0, (1,), (1,)),
            Call(Name("torch._utils", "_rebuild_tensor_v2")),
            Call(Name("torch", "FloatStorage"), 3),
            tensor(Storage("Float", LINE), (2, 2), (1,)),
        ],
    )
    def test_malformed_tensors(self, write, made, tmp_path):
        with pytest.raises(ValueError, match="is damaged or no pickle"):
            read(write(tmp_path / "x.pth", {"x": made}))

    def test_every_cut_is_noticed(self, write, tmp_path):
        path = write(tmp_path / "x.pth", state_dict("a", "b"))
        data = path.read_bytes()
        for length in range(0, len(data), 7):
            path.write_bytes(data[:length])
            with pytest.raises(ValueError, match=r"x\.pth is (cut|damaged|not a PyTorch file)"):
                read(path)

    def test_damage_is_refused_or_harmless(self, write, tmp_path):
        path = write(tmp_path / "x.pth", state_dict("a", "b"))
        data, rng = path.read_bytes(), np.random.default_rng(0)
        refused = 0
        for place in rng.integers(len(data), size=400):
            path.write_bytes(data[:place] + rng.bytes(1) + data[place + 1 :])
            try:
                read(path)
            except ValueError:
                refused += 1
        assert refused > 100

    def test_other_kinds_of_storage_are_named(self, write, tmp_path):
        path = write(tmp_path / "x.pth", {"x": whole("ComplexFloat", np.zeros(2, np.complex64))})
        with pytest.raises(RefusedError, match=r"torch\.ComplexFloatStorage"):
            read(path)


def test_a_file_cannot_change_a_function(tmp_path):
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        # BUILD with an empty state, on the function itself
        archive.writestr("x/data.pkl", b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.")
    with pytest.raises(ValueError, match="sets the state of a function"):
        read(path)


def test_other_machines(tmp_path):
    with pytest.raises(ValueError, match="big-endian"):
        read(write_zip(tmp_path / "x.pth", state_dict("a"), byteorder="big"))
    with pytest.raises(ValueError, match="big-endian"):
        read(write_legacy(tmp_path / "x.pth", state_dict("a"), little=False))


def test_missing_files_are_named_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        read("weights/x.pth")
    assert str(tmp_path / "weights" / "x.pth") in str(error.value)


@pytest.mark.parametrize(
    "data", [b"<!DOCTYPE html><html>", b"version https://git-lfs", pickle.dumps({"a": 1}), b""]
)
def test_files_of_something_else(data, tmp_path):
    path = tmp_path / "x.pth"
    path.write_bytes(data)
    with pytest.raises(ValueError) as error:
        read(path)
    assert f"{path} is not a PyTorch file: it begins with {data[:16]!r}" in str(error.value)


def test_archives_of_something_else(tmp_path):
    np.savez(tmp_path / "x.npz", x=LINE)
    with pytest.raises(ValueError, match=r"a zip archive without data\.pkl"):
        read(tmp_path / "x.npz")
