"""Published numbers, shown beside ours where the protocol is the same, and nowhere else.

Values of other conventions, sizes, data sets or numbers of pictures do not compare: a table that
puts them side by side misleads. `published.json` names the source of each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tryon_jax.scoring import ALL, Value

TABLES = Path(__file__).with_name("published.json")


@cache
def tables() -> list[dict[str, Any]]:
    """All tables that we know."""
    return json.loads(TABLES.read_text())["tables"]


def beside(values: Sequence[Value], *, data: str, size: tuple[int, int]) -> list[dict[str, Any]]:
    """The published tables that some values compare with.

    Args:
      values: of one run.
      data: name of the data set's folder, in which the set's own name must be.
      size: (height, width) of the pictures.
    """
    found = []
    for table in tables():
        ours = [
            value
            for value in values
            if (value.kind, value.subset, value.name, value.n)
            == (table["kind"], ALL, table["name"], table["n"])
        ]
        if ours and table["data"] in data.lower() and tuple(table["size"]) == size:
            found.append({**table, "ours": ours[0].value * table["scale"]})
    return found
