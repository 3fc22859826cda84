"""The check of a user's folder, before anything is compiled.

Folders come in, a report goes out: how many pictures each domain has, which cannot be read, which
are too small, which occur twice or in training and test, and for everything wrong the flag that
repairs it. Needs no TensorFlow.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import pathlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from data_pipelines import ops, sources

DECODE_ALL = 2000  # up to this many pictures every one is decoded
DECODE_SAMPLE = 200  # of more, this many are decoded and the headers of all are read
SMALLEST = 8  # pixels of the shorter side below which a picture is an error
SEARCH_DEPTH = 3  # levels below the root in which a missing folder is looked for
NAMED = 10  # names in a message before "and n more"


class DataError(ValueError):
    """Everything wrong with the data of a run, in one message for the user."""


class Picture(NamedTuple):
    """What the check found out about one file."""

    name: str
    size: tuple[int, int] | None  # width, height in pixels; None if unreadable
    reason: str  # why it is unreadable, else empty
    bytes: int  # length of the file


class Report(NamedTuple):
    """What the check of all domains found."""

    domains: dict[str, list[Picture]]
    depth: str  # what was read, for people
    duplicates: dict[str, int]  # files of a domain that repeat another one of it
    errors: list[str]
    warnings: list[str]

    def text(self) -> str:
        """A table of the domains, then the errors and warnings."""
        wide = max(map(len, ["domain  ", *self.domains]))
        lines = [
            f"{'domain':<{wide}} {'pictures':>8} {'unreadable':>10} {'twice':>6}  "
            "size (width x height)"
        ]
        for key, pictures in self.domains.items():
            sizes = [picture.size for picture in pictures if picture.size]
            lines.append(
                f"{key:<{wide}} {len(pictures):>8} {len(pictures) - len(sizes):>10} "
                f"{self.duplicates.get(key, 0):>6}  {_span(sizes)}"
            )
        lines += [f"({self.depth})"]
        lines += [f"error: {message}" for message in self.errors]
        lines += [f"warning: {message}" for message in self.warnings]
        return "\n".join(lines)


def check_folders(
    root: str | os.PathLike[str], *, folders: Mapping[str, str], recipe: ops.Recipe
) -> Report:
    """Checks the folders of a run.

    Args:
      root: folder that holds the others.
      folders: domain (`train_a`, `train_b`, `test_a`, `test_b`) -> folder; tests may be missing.
      recipe: how training pictures are made, for the sizes that they need.

    Returns:
      The report; a root that is no folder is its only error.
    """
    root = pathlib.Path(root).expanduser()
    wrong = root_error(root)
    if wrong:
        return Report({}, "nothing was read", {}, [wrong], [])
    found = {key: sources.Folder(root, name) for key, name in folders.items()}
    missing = [
        _empty(root, key=key, folders=folders)
        for key, source in found.items()
        if not source.names and key.startswith("train")
    ]
    report = check_sources(found, recipe=recipe)
    return report._replace(errors=missing + report.errors)


def check_sources(found: Mapping[str, sources.Encoded], *, recipe: ops.Recipe) -> Report:
    """Checks every picture of every domain: readable, of a usable size, not there twice.

    Args:
      found: domain (`train_a`, ...) -> its pictures.
      recipe: how training pictures are made, for the sizes that they need.

    Returns:
      The report; up to DECODE_ALL pictures are all decoded, of more the headers and a sample.
    """
    total = sum(len(source.names) for source in found.values())
    stride = 1 if total <= DECODE_ALL else -(-total // DECODE_SAMPLE)
    items = [(key, index) for key, source in found.items() for index in range(len(source.names))]

    def examine(number: int) -> Picture:
        key, index = items[number]
        return _examine(found[key], index, decode=number % stride == 0)

    domains: dict[str, list[Picture]] = {key: [] for key in found}
    with ThreadPoolExecutor(workers()) as pool:
        for (key, _), picture in zip(items, pool.map(examine, range(total)), strict=True):
            domains[key].append(picture)
    errors, warnings = [], []
    for key, pictures in domains.items():
        for wrong, odd in (_readability(key, pictures), _sizes(key, pictures, recipe=recipe)):
            errors += wrong
            warnings += odd
    duplicates, repeated = _repeated(found, domains)
    depth = (
        f"all {total} pictures were decoded"
        if stride == 1
        else f"the headers of all {total} pictures were read, {-(-total // stride)} were decoded"
    )
    return Report(domains, depth, duplicates, errors, warnings + repeated)


def workers() -> int:
    """Threads for reading pictures."""
    return min(os.cpu_count() or 1, 16)


def root_error(root: pathlib.Path) -> str:
    """What is wrong with `data.root`, and the repair; empty if it is a folder."""
    if root.is_dir():
        return ""
    if root.exists():
        return f"data.root={root} must be a folder, is a file: unpack it, set --config.data.root"
    near = next(parent for parent in root.absolute().parents if parent.is_dir())
    held = sorted(path.name for path in near.iterdir() if path.is_dir() and path.name[0] != ".")
    return (
        f"data.root={root} does not exist; {near} does and holds {listed(held) or 'no folders'}: "
        "correct --config.data.root"
    )


def strangers(found: Mapping[str, sources.Source]) -> list[str]:
    """A warning if partners, which go by order, have different names."""
    stems = [
        [pathlib.PurePosixPath(name).stem for name in found[key].names] if key in found else []
        for key in ("train_a", "train_b")
    ]
    for a, b in zip(*stems, strict=False):
        if a != b:
            return [f"data.paired=True pairs by sorted order, and so {a} of A with {b} of B"]
    return []


def _examine(source: sources.Encoded, index: int, *, decode: bool) -> Picture:
    name, length = source.names[index], 0
    try:
        with source.open(index) as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(0)
            if not decode:
                return Picture(name, ops.header(file), "", length)
            height, width = ops.decode(file).shape[:2]
            return Picture(name, (width, height), "", length)
    except (OSError, ValueError) as error:
        return Picture(name, None, str(error), length)


def _readability(key: str, pictures: list[Picture]) -> tuple[list[str], list[str]]:
    """Errors and warnings about files that cannot be read."""
    broken = [f"{picture.name} ({picture.reason})" for picture in pictures if not picture.size]
    if broken and len(broken) == len(pictures):
        return [f"{key}: none of its {len(broken)} pictures can be read: {listed(broken)}"], []
    if broken:
        return [], [f"{key}: {len(broken)} unreadable, will be skipped: {listed(broken)}"]
    return [], []


def _sizes(key: str, pictures: list[Picture], *, recipe: ops.Recipe) -> tuple[list[str], list[str]]:
    """Errors and warnings about pictures that are too small or do not fit the recipe."""
    minute, small, misfits = [], [], []
    for name, size in ((picture.name, picture.size) for picture in pictures if picture.size):
        if min(size) < SMALLEST:
            minute.append(name)
        elif min(size) < recipe.image_size / 4:
            small.append(f"{name} ({size[0]} x {size[1]})")
        if key.startswith("train") and not ops.fits(*size, recipe=recipe):
            misfits.append(f"{name} ({size[0]} x {size[1]})")
    errors, warnings = [], []
    if minute:
        errors.append(
            f"{key}: {len(minute)} with a side below {SMALLEST} pixels, delete: {listed(minute)}"
        )
    if misfits:
        errors.append(
            f"{key}: {len(misfits)} of the wrong size, {ops.size_rule(recipe)}: {listed(misfits)}"
        )
    if small:
        warnings.append(
            f"{key}: {len(small)} with a side below a quarter of "
            f"image_size={recipe.image_size}, will look blurred: {listed(small)}"
        )
    return errors, warnings


def _repeated(
    found: Mapping[str, sources.Encoded], domains: Mapping[str, list[Picture]]
) -> tuple[dict[str, int], list[str]]:
    """Repeated files by content; only files of equal length are hashed."""
    by_length = defaultdict(list)
    for key, pictures in domains.items():
        for index, picture in enumerate(pictures):
            if picture.size:
                by_length[picture.bytes].append((key, index))
    by_content = defaultdict(list)
    for alike in by_length.values():
        for key, index in alike if len(alike) > 1 else ():
            with found[key].open(index) as file:
                by_content[hashlib.sha256(file.read()).digest()].append((key, index))
    duplicates, leaks = Counter(), []
    for places in by_content.values():
        duplicates.update({key: n - 1 for key, n in Counter(key for key, _ in places).items()})
        train = [domains[key][index].name for key, index in places if key.startswith("train")]
        test = [domains[key][index].name for key, index in places if key.startswith("test")]
        if train and test:
            leaks.append(f"{test[0]} = {train[0]}")
    duplicates = +duplicates  # drops the zeros
    warnings = [f"{key}: {count} pictures repeat another one" for key, count in duplicates.items()]
    if leaks:
        warnings.append(
            f"{len(leaks)} test pictures are training pictures as well, scores on them mean "
            f"nothing: {listed(leaks)}"
        )
    return dict(duplicates), warnings


def listed(names: list[str], *, count: int = NAMED) -> str:
    """The first names, then how many more there are."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def _empty(root: pathlib.Path, *, key: str, folders: Mapping[str, str]) -> str:
    """Why a training domain has no pictures, and the flag that repairs it."""
    name, flag = folders[key], f"--config.data.{key}"
    message = f"{name} has 0 pictures in {root}"
    counts = _picture_folders(root)
    used = tuple(f"{folder}/" for folder in folders.values())
    others = {near: count for near, count in counts.items() if not f"{near}/".startswith(used)}
    near = _nearest(name, list(others))
    if near:
        return f"{message}; found {others[near]} in {near}: set {flag}={near}"
    if others:
        seen = listed([f"{folder} ({count})" for folder, count in others.items()])
        return f"{message}; found pictures in {seen}: set {flag} to the right one"
    if (root / name).is_dir():
        kinds = {
            path.suffix.lower() or path.name for path in (root / name).rglob("*") if path.is_file()
        }
        return (
            f"{message}; the folder holds {listed(sorted(kinds)) or 'nothing'}: "
            f"put pictures there ({' '.join(sources.SUFFIXES)})"
        )
    loose = sum(path.name.lower().endswith(sources.SUFFIXES) for path in root.iterdir())
    return f"{message}; {loose} lie in {root} itself: put the pictures into {root / name}"


def _picture_folders(root: pathlib.Path) -> dict[str, int]:
    """Folders one or two levels below the root, with the number of pictures in and below each."""
    found = Counter()
    for path in sources.picture_paths(root, depth=SEARCH_DEPTH):
        parts = path.split("/")[:-1]
        found.update("/".join(parts[:level]) for level in (1, 2) if len(parts) >= level)
    return dict(sorted(found.items()))


def _nearest(name: str, candidates: list[str]) -> str:
    """The folder whose last part resembles the name, and not with the other domain's letter."""
    wanted = _plain(name)
    rival = {"a": "b", "b": "a"}.get(wanted[-1:], "/")
    plain = {folder: _plain(folder) for folder in candidates if not _plain(folder).endswith(rival)}
    close = difflib.get_close_matches(wanted, plain.values(), n=1, cutoff=0.6)
    return next((folder for folder, text in plain.items() if text in close), "")


def _plain(folder: str) -> str:
    return re.sub(r"[^a-z0-9]", "", pathlib.PurePosixPath(folder).name.lower())


def _span(sizes: list[tuple[int, int]]) -> str:
    if not sizes:
        return "-"
    sides = [(min(side), max(side)) for side in zip(*sizes, strict=True)]
    return " x ".join(str(low) if low == high else f"{low}-{high}" for low, high in sides)
