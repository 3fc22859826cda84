"""Files that are either whole or not there: a run killed in mid-write leaves no torn record."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file under a temporary name beside it, then move it into place.

    Args:
      path: the file; its folder is made if missing, an older file there is replaced.
      data: the whole content.

    Raises:
      OSError: the folder cannot be written or the disk is full; an older file then stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
