"""What an evaluation found, as it is written: numbers with their origin, and what a page shows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_pipelines.leaks import Leaks
from tryon_jax.files import write_atomic
from tryon_jax.metrics import pairs
from tryon_jax.report.tiles import Tile
from tryon_jax.scoring import Examiner, Marked, Value

FORMAT = 2  # of metrics.json


class Group(NamedTuple):
    """The items of one kind, as one program made them."""

    marked: Marked
    shown: tuple[str, ...]  # keys of pictures, from the left
    fake: str  # the key of what was made
    truth: str  # the key of what should have been made; "" if nobody knows
    shared: frozenset[str] = frozenset()  # keys that are the same for every program


class Entry(NamedTuple):
    """A run, or a folder of pictures."""

    name: str
    facts: Mapping[str, str]  # for people: weights, data, commit, device
    groups: Mapping[str, Group]  # by kind
    values: Sequence[Value]
    size: tuple[int, int] = (0, 0)  # height, width; 0: various
    data: str = ""  # the name of the data set's folder


def group_of(examiner: Examiner, marked: Marked) -> Group:
    """The items that an examiner marked."""
    exam = examiner.exam
    truths = (key for key in exam.shown if key.startswith("truth"))
    fake = exam.fake or next((k for k in reversed(exam.shown) if k not in examiner.given), "")
    return Group(marked, exam.shown, fake, next(truths, ""), examiner.given)


def write_metrics(
    path: Path, entries: Sequence[Entry], *, leaks: Leaks | None, **more: Any
) -> None:
    """Writes `metrics.json`.

    Args:
      path: the file.
      entries: of the evaluation.
      leaks: of the data; None where nothing could be looked through.
      more: further fields.
    """
    record = {
        "format": FORMAT,
        **more,
        "runs": [
            {"name": e.name, **e.facts, "values": [json_value(v) for v in e.values]}
            for e in entries
        ],
        "leaks": leaks.record() if leaks else None,
    }
    write_atomic(path, f"{json.dumps(record, indent=2)}\n".encode())


def json_value(value: Value) -> dict[str, Any]:
    """A value as JSON has it: no NaN."""
    fields = value._asdict()
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in fields.items()}


def better(metric: str) -> str:
    """Whether higher or lower scores of a metric are better."""
    return "higher" if metric in pairs.HIGHER else "lower"


def main_score(group: Group) -> str:
    """The score by which a gallery is sorted first: of the fake, by what people see, if there is.

    "" if there are no scores.
    """
    names = [
        n for n in group.marked.scores if not n.startswith(("copy", "paste", "flat", "change"))
    ]
    ranks = ("lpips", "ssim", "iou", "nearest", "l1")
    found = sorted(names, key=lambda name: _rank(group.marked.metric_of[name], ranks))
    return found[0] if found else next(iter(group.marked.scores), "")


def _rank(metric: str, ranks: tuple[str, ...]) -> int:
    return ranks.index(metric) if metric in ranks else len(ranks)


def chosen(group: Group, *, most: int) -> list[int]:
    """Items for a gallery: all, or half of them the worst by the main score, the rest spread."""
    count, score = len(group.marked.names), main_score(group)
    if count <= most or not score:
        return list(range(min(count, most)))
    values = group.marked.scores[score]
    order = np.argsort(-values if better(group.marked.metric_of[score]) == "lower" else values)
    worst, rest = order[: most // 2], order[most // 2 :]
    spread = rest[np.linspace(0, len(rest) - 1, most - len(worst)).round().astype(int)]
    return sorted({*worst.tolist(), *spread.tolist()})


def urls(tiles: Mapping[str, Tile], keys: Sequence[str]) -> dict[str, str]:
    """Pictures as text, of those keys that there are."""
    return {key: tiles[key].url for key in keys if key in tiles}
