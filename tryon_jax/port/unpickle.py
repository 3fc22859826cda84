"""Pickles read as data: nothing that a file names is imported, and nothing of its choice is called.

Python's own unpickler runs whatever function a file names. Here a name stands for one of a few
functions of ours, which make containers, numbers and arrays; every other name refuses the file.
"""

from __future__ import annotations

import codecs
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

MALFORMED = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)


class RefusedError(ValueError):
    """A file names something that is neither an array nor a plain container."""


class Array:
    """A NumPy array as a pickle tells it; `array` is empty until its state has been read."""

    array: np.ndarray = np.zeros(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, by_columns, data = state
        values = np.frombuffer(data, dtype.checked())
        self.array = values.reshape(shape, order="F" if by_columns else "C")


def load(
    file: IO[bytes],
    *,
    path: Path,
    known: Mapping[str, Any],
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Reads one pickle from where the file stands.

    Args:
      file: open for reading; left behind the pickle.
      path: its name, for messages.
      known: what a file may name besides NumPy's arrays, "module.name" to a function or a string.
      persistent: makes what the file refers to by persistent ids.

    Returns:
      Containers, numbers, strings, `Array`s and what the functions in `known` give.

    Raises:
      RefusedError: if the file names anything else.
      ValueError: if this is no pickle, or not a whole one.
    """
    try:
        return _Reader(file, path, {**PLAIN, **known}, persistent).load()
    except RefusedError:
        raise
    except MALFORMED as error:
        raise ValueError(f"{path} is damaged or no pickle: {error}; fetch it again") from error


class _Reader(pickle.Unpickler):
    def __init__(self, file, path, known, persistent):
        super().__init__(file, encoding="latin1")  # Python 2 wrote its strings as bytes
        self.path, self.known, self.persistent = path, known, persistent

    def find_class(self, module_name: str, global_name: str) -> Any:
        name = f"{module_name}.{global_name}"
        if name not in self.known:
            raise RefusedError(
                f"{self.path} was refused, not run: it names {name}, which is neither a tensor nor "
                "a plain container; save the weights alone, torch.save(network.state_dict(), path)"
            )
        value = self.known[name]
        return _Function(value) if callable(value) else value

    def persistent_load(self, pid: Any) -> Any:
        if self.persistent is None:
            raise pickle.UnpicklingError("it refers to something outside itself")
        return self.persistent(pid)


class _Function:
    """One of our functions: a file may call it, not change it."""

    __slots__ = ("call",)

    def __init__(self, call: Callable):
        self.call = call

    def __call__(self, *args: Any) -> Any:
        return self.call(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the state of a function")


class _Ordered(dict):
    """An OrderedDict; attributes such as PyTorch's `_metadata` are dropped."""

    def __setstate__(self, state: Any) -> None:
        pass


class _DType:
    """An array's type as a pickle tells it: a name such as f4, then the byte order."""

    def __init__(self, name: str, *_: Any):
        self.name, self.order = name, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    def checked(self) -> np.dtype:
        name = self.order + self.name
        if not re.fullmatch(r"[<>=|][fiub][1248]", name):
            raise ValueError(f"arrays of type {name!r} are not numbers")
        return np.dtype(name)


PLAIN: dict[str, Any] = {
    "collections.OrderedDict": _Ordered,
    "_codecs.encode": lambda text, _="latin1": codecs.encode(text, "latin1"),  # bytes in protocol 2
    "__builtin__.bytes": lambda: b"",  # and none of them
    "numpy.dtype": _DType,
    "numpy.ndarray": "ndarray",
}
for _room in ("numpy.core.multiarray", "numpy._core.multiarray"):  # NumPy 1 and 2
    PLAIN[f"{_room}._reconstruct"] = lambda *_: Array()
    PLAIN[f"{_room}.scalar"] = lambda dtype, data: np.frombuffer(data, dtype.checked())[0]
