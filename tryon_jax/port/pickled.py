"""Pickled trees of NumPy arrays, such as JAX programs of before Orbax kept their parameters in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tryon_jax.port import unpickle
from tryon_jax.port.weight_file import existing


def read(path: str | Path) -> dict[str, Any]:
    """The nested dictionaries of a file, with read-only arrays at the leaves; nothing in it runs.

    Raises:
      FileNotFoundError: if there is no such file.
      RefusedError: if it holds more than containers, numbers and arrays.
      ValueError: if it is damaged, or no pickled dictionary.
    """
    path = existing(path)
    with path.open("rb") as file:
        tree = unpickle.load(file, path=path, known={})
    if not isinstance(tree, dict):
        raise ValueError(f"{path} holds a {type(tree).__name__}, not a dictionary of arrays")
    return _arrays(tree)


def _arrays(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _arrays(value) for name, value in tree.items()}
    return tree.array if isinstance(tree, unpickle.Array) else tree
