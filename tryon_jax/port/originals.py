"""Networks as an original's program saved them: their weights, and the fields that they imply.

A port's `originals(path)` reads a file or a folder, says by its keys what it is, and gives each
network by our name. What a file shows of its options (width, depth, variant) comes along, so that a
config of another variant is refused instead of giving other pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

LATEST = "latest"


class Original(NamedTuple):
    """One network."""

    path: Path  # the file
    variables: dict[str, Any]  # by collection, as the network here has them
    fields: dict[str, Any]  # of the config, by dotted names, as the file was trained
    preset: str = ""  # of the system's config file, that has these fields


def newest(folder: Path, pattern: str) -> Path | None:
    """The file whose name fits: `latest`, else the highest number; None if there is none.

    Args:
      folder: that is searched, not below.
      pattern: of the whole name; its only group is a step or "latest".
    """
    found = {}
    for path in folder.iterdir():
        named = re.fullmatch(pattern, path.name)
        if named and (named[1] == LATEST or named[1].isdecimal()):
            found[named[1]] = path
    if not found:
        return None
    return found.get(LATEST) or found[max(found, key=int)]


def unknown(path: Path, keys: Iterable[str], *, known: str) -> ValueError:
    """What to say of a file of another program.

    Args:
      path: of the file.
      keys: that it has.
      known: what would be read, for people.
    """
    shown = sorted(keys)
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    return ValueError(f"{path} has the keys {', '.join(shown[:4])}{more}; known here are {known}")
