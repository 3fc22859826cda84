"""Puts a report together: one HTML file from the template, the numbers and the pictures.

`page.html`, `page.css` and `page.js` beside this file are the template; everything goes inside of
the one file, so that it opens from a disk, a mail or a web server alike.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_pipelines.leaks import Leaks
from tryon_jax import contents
from tryon_jax.contents import Entry, Group
from tryon_jax.files import write_atomic
from tryon_jax.metrics import intervals
from tryon_jax.report import published

HERE = Path(__file__).parent
GALLERY = 120  # items of each kind that a page shows, at most
DIGITS = 5  # of a score in the page
TITLES = {
    "same": "The person's own garment",
    "other": "Another garment",
    "ab": "From A to B",
    "ba": "From B to A",
    "folders": "Pictures",
}


def write(
    path: Path,
    entries: Sequence[Entry],
    *,
    title: str,
    notes: Sequence[str],
    leaks: Leaks | None,
    gallery: int = GALLERY,
) -> int:
    """Writes a report.

    Args:
      path: the HTML file.
      entries: runs or folders; with two or more they are compared.
      title: of the page.
      notes: what a reader must know, a sentence each.
      leaks: of the data; None where nothing could be looked through.
      gallery: items of each kind to show, at most.

    Returns:
      The file's size in bytes.
    """
    record = {"title": title, "notes": list(notes), "leaks": leaks.record() if leaks else None}
    page = filled(record | _record(entries, gallery=gallery))
    write_atomic(path, page)
    return len(page)


def _record(entries: Sequence[Entry], *, gallery: int) -> dict[str, Any]:
    """Numbers and pictures of all runs, as the page's script takes them."""
    kinds = list(dict.fromkeys(kind for entry in entries for kind in entry.groups))
    return {
        "runs": [{"name": entry.name, "facts": dict(entry.facts)} for entry in entries],
        "kinds": [_kind(kind, entries, gallery=gallery) for kind in kinds],
        "values": [
            {"run": number, **contents.json_value(value)}
            for number, entry in enumerate(entries)
            for value in entry.values
        ],
        "differences": [difference for kind in kinds for difference in _differences(kind, entries)],
        "published": [
            {"run": number, **table}
            for number, entry in enumerate(entries)
            for table in published.beside(entry.values, data=entry.data, size=entry.size)
        ],
    }


def filled(record: dict[str, Any]) -> bytes:
    """The page of a record."""
    data = json.dumps(record, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    page = (HERE / "page.html").read_text()
    parts = {
        "<!--TITLE-->": _escaped(record["title"]),
        "/*STYLE*/": (HERE / "page.css").read_text(),
        "/*SCRIPT*/": (HERE / "page.js").read_text(),
        "/*DATA*/": data,
    }
    marks = re.compile("|".join(map(re.escape, parts)))
    return marks.sub(lambda mark: parts[mark[0]], page).encode()  # once: names may hold marks


def _kind(kind: str, entries: Sequence[Entry], *, gallery: int) -> dict[str, Any]:
    """The items of a kind that all runs have, with their scores and pictures."""
    groups = [entry.groups[kind] for entry in entries if kind in entry.groups]
    places = [number for number, entry in enumerate(entries) if kind in entry.groups]
    first = groups[0]
    names = _common(groups)
    where = [{name: i for i, name in enumerate(group.marked.names)} for group in groups]
    shown = {where[0].get(name) for name in names}
    chosen = [i for i in contents.chosen(first, most=gallery) if i in shown]
    rows = {first.marked.names[i]: place for place, i in enumerate(chosen)}
    return {
        "id": kind,
        "title": TITLES.get(kind, kind),
        "runs": places,
        "names": names,
        "subsets": [sorted(first.marked.subsets[where[0][name]]) for name in names],
        "score": contents.main_score(first),
        "better": {
            name: contents.better(metric)
            for group in groups
            for name, metric in group.marked.metric_of.items()
        },
        "scores": [
            {
                score: [_number(values[own[name]]) for name in names]
                for score, values in group.marked.scores.items()
            }
            for group, own in zip(groups, where, strict=True)
        ],
        "fake": first.fake,
        "truth": first.truth,
        "items": [_item(name, names, groups, where) for name in rows],
    }


def _item(
    name: str, names: list[str], groups: Sequence[Group], where: Sequence[dict[str, int]]
) -> dict[str, Any]:
    """One item's pictures: those that all runs share, then each run's own."""
    first = groups[0]
    tiles = [group.marked.tiles[own[name]] for group, own in zip(groups, where, strict=True)]
    shared = [key for key in first.shown if key in first.shared]
    tile = next(iter(tiles[0].values()))
    return {
        "i": names.index(name),
        "size": [tile.width, tile.height],
        "order": [key for key in first.shown if key in tiles[0]],
        "shared": contents.urls(tiles[0], shared),
        "own": [
            contents.urls(one, [key for key in group.shown if key not in shared])
            for one, group in zip(tiles, groups, strict=True)
        ],
    }


def _differences(kind: str, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """How far each run lies from the first on the same items, score by score."""
    held = [(number, e.groups[kind]) for number, e in enumerate(entries) if kind in e.groups]
    if len(held) < 2:
        return []
    (base, first), *others = held
    names = _common([group for _, group in held])
    found = []
    for number, group in others:
        for score in set(first.marked.scores) & set(group.marked.scores):
            gaps = _picked(group, score, names) - _picked(first, score, names)
            gaps = gaps[np.isfinite(gaps)]
            if len(gaps) and np.any(gaps):
                low, high = intervals.of_mean(gaps)
                row = {"value": float(gaps.mean()), "low": low, "high": high, "n": len(gaps)}
                found.append({"kind": kind, "name": score, "run": number, "base": base, **row})
    return sorted(found, key=lambda row: (row["run"], row["name"]))


def _common(groups: Sequence[Group]) -> list[str]:
    """Names that all groups have, in the order of the first."""
    others = [set(group.marked.names) for group in groups[1:]]
    return [name for name in groups[0].marked.names if all(name in other for other in others)]


def _picked(group: Group, score: str, names: list[str]) -> np.ndarray:
    places = {name: i for i, name in enumerate(group.marked.names)}
    return group.marked.scores[score][[places[name] for name in names]]


def _number(value: float) -> float | None:
    return round(float(value), DIGITS) if math.isfinite(value) else None


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
