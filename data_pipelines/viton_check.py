"""The check of a try-on folder before anything is compiled: one message tells everything.

Up to DECODE_ALL pairs every file is decoded. Of more, every file is still read, its header and its
end looked at, and the files of a sample of the pairs are decoded.
"""

from __future__ import annotations

import pathlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from data_pipelines import viton_examine
from data_pipelines.prepare import listed, workers
from data_pipelines.viton_examine import TROUBLES, Seen
from data_pipelines.viton_files import Layout, Pair
from data_pipelines.viton_folder import SPLIT_OF, Folder

DECODE_ALL = 500  # up to this many pairs every file is decoded
DECODE_SAMPLE = 200  # of more, the files of this many persons and cloths in a split
NAMED = 50  # broken files named in an error before "and n more"; of warnings ten


class Row(NamedTuple):
    """One folder in the table of the report."""

    place: str  # split/folder
    files: int  # that the pair lists need
    missing: int
    sizes: list[tuple[int, int]]  # (width, height) of those that are pictures


class Report(NamedTuple):
    """What the check found."""

    rows: list[Row]
    depth: str  # what was read, for people
    errors: list[str]
    warnings: list[str]

    def text(self) -> str:
        """A table of the folders, then the errors and warnings."""
        lines = [f"{'folder':<24} {'files':>6} {'missing':>8}  size (width x height)"]
        lines += [
            f"{row.place:<24} {row.files:>6} {row.missing:>8}  {_span(row.sizes)}"
            for row in self.rows
        ]
        lines += [f"({self.depth})"]
        lines += [f"error: {message}" for message in self.errors]
        lines += [f"warning: {message}" for message in self.warnings]
        return "\n".join(lines)


def check(folder: Folder) -> Report:
    """Looks at every file that the pair lists of a folder name."""
    pairs = {key: list(dict.fromkeys(found)) for key, found in folder.lists.items()}
    total = sum(map(len, pairs.values()))
    looks = {
        split: _Look(layout, everything=total <= DECODE_ALL)
        for split, layout in folder.layouts.items()
    }
    errors, warnings = folder.errors + no_folders(folder), list(folder.warnings)
    for key, found in pairs.items():
        look = looks[SPLIT_OF[key]]
        if look.layout.folder.is_dir():
            look.lines(found, list_name=folder.files[key])
            if folder.has_warps and key != "same":
                look.warps(found)
    for look in looks.values():
        look.files()
        errors += look.messages(fatal=True)
        warnings += look.replaced() + look.messages(fatal=False)
    warnings += _repeated_lines(folder) + _repeated_pictures(looks) + _leaks(looks)
    depth = (
        f"every file of all {total} pairs was decoded"
        if total <= DECODE_ALL
        else f"every file of {total} pairs was read; of each folder up to {DECODE_SAMPLE} were "
        "decoded"
    )
    rows = [row for look in looks.values() for row in look.rows()]
    return Report(rows, depth, errors, warnings)


def no_folders(folder: Folder) -> list[str]:
    """Errors about splits that have pairs but no folder."""
    needed = {SPLIT_OF[key] for key, pairs in folder.lists.items() if pairs}
    held = sorted(path.name for path in folder.root.glob("*") if path.is_dir())
    return [
        f"data.{split}_folder={layout.folder.name} must be a folder in {folder.root}, which holds "
        f"{listed(held) or 'none'}: set --config.data.{split}_folder"
        for split, layout in folder.layouts.items()
        if split in needed and not layout.folder.is_dir()
    ]


class _Look:
    """The look through one split: what its lists need, and what is wrong with it."""

    def __init__(self, layout: Layout, *, everything: bool):
        self.persons: dict[str, dict[str, Seen]] = {}  # name -> role -> what was seen
        self._cloths: dict[str, dict[str, Seen]] = {}
        self.layout, self._everything = layout, everything
        self._troubles: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._needed: Counter[str] = Counter()  # files of each folder
        self._absent: Counter[str] = Counter()  # of these
        self._lines: Counter[str] = Counter()  # of each list
        self._sizes: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def lines(self, pairs: list[Pair], *, list_name: str) -> None:
        """Takes up the persons and cloths of a list, and finds exchanged columns."""
        self._lines[list_name] = len(pairs)
        images, cloths = self.layout.names("image"), self.layout.names("cloth")
        for pair in pairs:
            if _exchanged(pair, images=images, cloths=cloths):
                self._troubles[list_name, "columns"].append(f"{pair.person} {pair.cloth}")
            else:
                self.persons[pair.person] = {}
                self._cloths[pair.cloth] = {}

    def warps(self, pairs: list[Pair]) -> None:
        """Finds missing files of cloths that an earlier run warped."""
        for pair in pairs:
            for path in self.layout.warp_files(pair).values():
                self._there(path, otherwise="no warp")

    def files(self) -> None:
        """Looks at all files of the persons and cloths, several at a time."""
        persons, cloths = viton_examine.person_troubles, viton_examine.cloth_troubles
        with ThreadPoolExecutor(workers()) as pool:
            self._group(self.persons, pool, files_of=self.layout.person_files, together=persons)
            self._group(self._cloths, pool, files_of=self.layout.cloth_files, together=cloths)
        pictures = {seen["image"].digest for seen in self.persons.values() if "image" in seen}
        for name, seen in self._cloths.items():
            if "cloth" in seen and seen["cloth"].digest in pictures - {b""}:
                self._troubles[f"{self._name}/cloth", "person for cloth"].append(name)

    def messages(self, *, fatal: bool) -> list[str]:
        """Sentences about what is wrong, or about what is only worth knowing."""
        count = NAMED if fatal else 10
        return [
            f"{place}: {len(names)} of {self._needed[place] or self._lines[place]} "
            f"{TROUBLES[kind].what}: {listed(names, count=count)}; {TROUBLES[kind].repair}"
            for (place, kind), names in sorted(self._troubles.items())
            if TROUBLES[kind].fatal == fatal
        ]

    def replaced(self) -> list[str]:
        """What stands in for the additional files of CP-VTON+ where they are missing."""
        if self.layout.representation != "plus":
            return []
        count = len(self.persons)
        return [
            f"{self._name}/{folder}: {count - held} of {count} persons have no file, {instead}"
            for folder, instead in (
                ("image-parse-new", "image-parse/ is used, whose neck is background"),
                ("image-mask", "all that is not background in the parse map is their body"),
            )
            if (held := self._needed[f"{self._name}/{folder}"]) < count
        ]

    def rows(self) -> list[Row]:
        """The table of the split."""
        return [
            Row(place, count, self._absent[place], self._sizes[place])
            for place, count in self._needed.items()
        ]

    @property
    def _name(self) -> str:
        return self.layout.folder.name

    def _group(self, group, pool, *, files_of, together) -> None:
        """Looks at the files of each name, one by one and together; fills `group`."""
        stride = 1 if self._everything else -(-len(group) // DECODE_SAMPLE)
        tasks = [
            (name, role, path, number % stride == 0)
            for number, name in enumerate(group)
            for role, path in files_of(name).items()
            if self._there(path)
        ]

        def look(task: tuple[str, str, pathlib.Path, bool]) -> Seen:
            _, role, path, thorough = task
            return viton_examine.examine(path, role=role, thorough=thorough)

        for (name, role, path, _), seen in zip(tasks, pool.map(look, tasks), strict=True):
            group[name][role] = seen
            if seen.size:
                self._sizes[self._place(path)].append(seen.size)
            for kind, detail in seen.troubles:
                self._add(path, kind, detail)
        for name, seen in group.items():
            for role, kind, detail in together(seen):
                self._add(files_of(name)[role], kind, detail)

    def _there(self, path: pathlib.Path, *, otherwise: str = "missing") -> bool:
        self._needed[self._place(path)] += 1
        there = path.name in self.layout.names(path.parent.name)
        if not there:
            self._absent[self._place(path)] += 1
            self._add(path, otherwise, "")
        return there

    def _add(self, path: pathlib.Path, kind: str, detail: str) -> None:
        named = f"{path.name} ({detail})" if detail else path.name
        self._troubles[self._place(path), kind].append(named)

    def _place(self, path: pathlib.Path) -> str:
        return f"{self._name}/{path.parent.name}"


def _exchanged(pair: Pair, *, images: frozenset[str], cloths: frozenset[str]) -> bool:
    """Whether neither name of a pair fits its column, and one fits the other."""
    fits = pair.person in images or pair.cloth in cloths
    return not fits and (pair.person in cloths or pair.cloth in images)


def _repeated_lines(folder: Folder) -> list[str]:
    return [
        f"{folder.files[key]}: {len(pairs) - len(set(pairs))} lines repeat another one"
        for key, pairs in folder.lists.items()
        if len(set(pairs)) < len(pairs)
    ]


def _by_picture(look: _Look) -> dict[bytes, list[str]]:
    """Content of a photograph -> the persons that have it."""
    found: dict[bytes, list[str]] = defaultdict(list)
    for name, seen in look.persons.items():
        if "image" in seen and seen["image"].digest:
            found[seen["image"].digest].append(name)
    return found


def _repeated_pictures(looks: dict[str, _Look]) -> list[str]:
    """Warnings about persons who stand in a list twice under two names."""
    found = []
    for split, look in looks.items():
        alike = [names for names in _by_picture(look).values() if len(names) > 1]
        if alike:
            count = sum(map(len, alike)) - len(alike)
            shown = listed([" = ".join(names) for names in alike])
            found.append(f"{split}: {count} of {len(look.persons)} photographs repeat one: {shown}")
    return found


def _leaks(looks: dict[str, _Look]) -> list[str]:
    """Warnings about test persons who are trained on, by content and by name."""
    train, test = (_by_picture(looks[split]) for split in ("train", "test"))
    same = [f"{name} = {train[key][0]}" for key in test if key in train for name in test[key]]
    known = {name.split(" = ")[0] for name in same}
    named = [
        name
        for name in looks["test"].persons
        if name in looks["train"].persons and name not in known
    ]
    found = []
    if same:
        found.append(
            f"{len(same)} of {len(looks['test'].persons)} test photographs are training photographs"
            f" as well, scores on them mean nothing: {listed(same)}; take their lines out of a list"
        )
    if named:
        found.append(
            f"{len(named)} test persons have the names of training persons, perhaps they are the "
            f"same: {listed(named)}"
        )
    return found


def _span(sizes: Iterable[tuple[int, int]]) -> str:
    sides = [(min(side), max(side)) for side in zip(*sizes, strict=True)]
    return " x ".join(str(low) if low == high else f"{low}-{high}" for low, high in sides) or "-"
