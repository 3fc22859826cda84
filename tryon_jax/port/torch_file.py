"""PyTorch's files of weights, read without PyTorch, and without running anything in them.

Two formats: a zip archive (PyTorch 1.6 and later) with a pickle and one member per storage; before
that, five pickles in a row, then the storages. A tensor is a strided view of a storage, and several
tensors may share one.
"""

from __future__ import annotations

import functools
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from tryon_jax.port import unpickle
from tryon_jax.port.weight_file import existing

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older format
TYPES = {
    "Half": "f2",
    "Float": "f4",
    "Double": "f8",
    "BFloat16": "u2",  # the upper half of a float32
    "Char": "i1",
    "Short": "i2",
    "Int": "i4",
    "Long": "i8",
    "Byte": "u1",
    "Bool": "b1",
}

# what damaged numbers and archives raise; RuntimeError is zipfile's, where they speak of encryption
DAMAGE = (
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    UnicodeDecodeError,
    zipfile.BadZipFile,
    zlib.error,
)

Fetch = Callable[[str], bytes]  # a storage's bytes by its key


def read(path: str | Path, *, key: str = "") -> dict[str, np.ndarray]:
    """The tensors of a state dict as arrays of their own; bfloat16 becomes float32.

    `module.`, the prefix of a data-parallel network, goes if all names carry it. What is not a
    tensor is passed over.

    Args:
      path: a .pth or .pt file of either format.
      key: which state dict, where a file holds several.

    Raises:
      FileNotFoundError: if there is no such file.
      RefusedError: if the file names anything but tensors, plain containers and numbers.
      ValueError: if it is not a PyTorch file, is cut short, holds no tensors, or several state
        dicts and `key` is none of them.
    """

    def chosen(root: Any, path: Path) -> dict[str, dict[str, _Tensor]]:
        return {"": _state_dict(root, key, path)}

    return _read(path, chosen)[""]


def read_all(path: str | Path) -> dict[str, dict[str, np.ndarray]]:
    """Every state dict of a file that holds several, by its key; as `read` reads one.

    Raises:
      FileNotFoundError: if there is no such file.
      RefusedError: if the file names anything but tensors, plain containers and numbers.
      ValueError: if it is not a PyTorch file, is cut short, or holds no state dict under a name.
    """

    def each(root: Any, path: Path) -> dict[str, dict[str, _Tensor]]:
        named = root.items() if isinstance(root, dict) else ()
        found = {str(key): tensors for key, value in named if (tensors := _tensors(value))}
        if not found:
            raise ValueError(f"{path} holds no state dicts under names; is it one network alone?")
        return found

    return _read(path, each)


def _read(
    path: str | Path, choose: Callable[[Any, Path], dict[str, dict[str, _Tensor]]]
) -> dict[str, dict[str, np.ndarray]]:
    path = existing(path)
    with path.open("rb") as file:
        try:
            root, fetch = _zipped(file, path) if zipfile.is_zipfile(file) else _legacy(file, path)
            arrays = {
                key: {name: _array(tensor, fetch, path) for name, tensor in tensors.items()}
                for key, tensors in choose(root, path).items()
            }
        except DAMAGE as error:
            raise _damaged(path, str(error)) from error
    return {key: _plain(tensors) for key, tensors in arrays.items()}


def _plain(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the prefix of a data-parallel network."""
    if all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): array for name, array in tensors.items()}
    return tensors


class _Storage(NamedTuple):
    key: str
    type: str  # a key of TYPES
    start: int  # in elements; not 0 where old files keep a storage within another
    count: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int  # in elements, as the strides
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _storage(pid: tuple) -> _Storage:
    _, kind, key, _, count, *view = pid
    if kind not in TYPES:
        raise TypeError(f"a storage of {kind}")
    _, start, count = (view and view[0]) or ("", 0, count)
    return _Storage(key, kind, start, count)


def _tensor(storage: _Storage, offset: int, size: tuple, stride: tuple, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage) or len(size) != len(stride):
        raise TypeError(f"a tensor of size {size} and strides {stride} in {storage}")
    return _Tensor(storage, offset, size, stride)


KNOWN: dict[str, Any] = {
    **{f"torch.{name}Storage": name for name in TYPES},
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    "torch.nn.parameter.Parameter": lambda tensor, *_: tensor,
}


def _zipped(file: IO[bytes], path: Path) -> tuple[Any, Fetch]:
    """What the archive's pickle holds, and its storages."""
    archive = zipfile.ZipFile(file)
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if not pickles:
        raise ValueError(f"{path} is not a PyTorch file: a zip archive without data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    order = f"{folder}byteorder"
    _check_order(order not in archive.namelist() or archive.read(order) == b"little", path)
    with archive.open(pickles[0]) as inside:
        root = unpickle.load(inside, path=path, known=KNOWN, persistent=_storage)

    @functools.cache
    def fetch(key: str) -> bytes:
        return archive.read(f"{folder}data/{key}")

    return root, fetch


def _legacy(file: IO[bytes], path: Path) -> tuple[Any, Fetch]:
    """What the fourth of the five pickles holds, and the storages behind them."""
    _check_begin(file, path)
    types: dict[str, str] = {}

    def storage(pid: tuple) -> _Storage:
        made = _storage(pid)
        types[made.key] = made.type
        return made

    load = functools.partial(unpickle.load, file, path=path, known=KNOWN, persistent=storage)
    load()  # the format's version
    _check_order(load()["little_endian"], path)
    root, keys = load(), load()
    if set(keys) != set(types):
        raise _damaged(path, f"storages {sorted(types)} are named, {sorted(keys)} are there")
    places, length = {}, path.stat().st_size
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        begin, size = file.tell(), count * np.dtype(TYPES[types[key]]).itemsize
        if begin + size > length:
            raise _damaged(path, f"it has {length} bytes of {begin + size} or more")
        places[key] = begin, size
        file.seek(begin + size)

    @functools.cache
    def fetch(key: str) -> bytes:
        begin, size = places[key]
        file.seek(begin)
        return file.read(size)

    return root, fetch


def _check_begin(file: IO[bytes], path: Path) -> None:
    """Reads the first pickle of the older format."""
    file.seek(0)
    begin = file.read(16)
    if begin.startswith(b"PK\x03\x04"):
        raise _damaged(path, "a zip archive without its end")
    file.seek(0)
    try:
        magic = unpickle.load(file, path=path, known={})
    except ValueError:
        magic = None
    if magic != MAGIC:
        raise ValueError(
            f"{path} is not a PyTorch file: it begins with {begin!r}; is it the weights "
            "themselves, not a web page or a pointer to them?"
        )


def _check_order(little: bool, path: Path) -> None:
    if not little:
        raise ValueError(f"{path} was written on a big-endian machine; save it again on another")


def _state_dict(root: Any, key: str, path: Path) -> dict[str, _Tensor]:
    """The only dictionary of tensors at the top or one level below, or that of the key."""
    found = {}
    if isinstance(root, dict):
        levels = {"": root, **root}
        found = {name: tensors for name, value in levels.items() if (tensors := _tensors(value))}
    if not found:
        raise ValueError(f"{path} holds no dictionary of tensors; save network.state_dict()")
    if not key and len(found) == 1:
        return next(iter(found.values()))
    if not key or key not in found:
        names = sorted(map(str, found))
        raise ValueError(f"{path} has state dicts under the keys {names}; got key={key!r}")
    return found[key]


def _tensors(value: Any) -> dict[str, _Tensor]:
    if not isinstance(value, dict):
        return {}
    return {str(name): tensor for name, tensor in value.items() if isinstance(tensor, _Tensor)}


def _array(tensor: _Tensor, fetch: Fetch, path: Path) -> np.ndarray:
    storage, offset, size, stride = tensor
    dtype = np.dtype("<" + TYPES[storage.type])
    begin, end = (dtype.itemsize * n for n in (storage.start, storage.start + storage.count))
    stored = fetch(storage.key)[begin:end]
    if len(stored) != end - begin:
        raise _damaged(path, f"storage {storage.key} has {len(stored)} bytes of {end - begin}")
    if 0 in size:
        return np.zeros(size, dtype)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or last >= storage.count:
        raise _damaged(path, f"a tensor {size} reaches beyond its storage of {storage.count}")
    flat = np.frombuffer(stored, dtype)[offset:]
    steps = [step * dtype.itemsize for step in stride]
    array = np.array(np.lib.stride_tricks.as_strided(flat, size, steps), order="C")
    if storage.type == "BFloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _damaged(path: Path, what: str) -> ValueError:
    return ValueError(f"{path} is cut short or damaged: {what}; fetch it again")
