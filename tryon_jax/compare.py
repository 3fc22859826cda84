"""`--mode=compare`, and `--mode=evaluate` of folders: several runs, or pictures of any program.

Runs are scored anew on their held-out items; folders are looked through. A folder beside a run must
hold pictures with the names of the run's items (of a try-on PERSON+CLOTH or PERSON), at its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from data_pipelines import ops
from data_pipelines.leaks import Leaks
from data_pipelines.prepare import DataError
from data_pipelines.viton_items import HeldOut
from tryon_jax import contents, evaluate, examine, folders, record, scoring, sharding
from tryon_jax.contents import Entry, group_of
from tryon_jax.examine import Examined, Options
from tryon_jax.folders import Found
from tryon_jax.metrics import judges
from tryon_jax.report import page
from tryon_jax.setup import UsageError

OUTPUT = "comparison"  # folder of the report, unless another one is named


class Folders(NamedTuple):
    """Folders of the command line; `fake` may be several, with commas."""

    fake: str = ""
    real: str = ""
    output: str = ""


def folders_against(given: Folders, options: Options) -> int:
    """One folder or several against real pictures: tables, `metrics.json` and `report.html`.

    Returns:
      0.

    Raises:
      setup.UsageError: if a folder is missing, or a metric cannot be had.
      data_pipelines.prepare.DataError: if a folder is empty or a picture cannot be read.
    """
    entries, notes, leaks = _of_folders(given, options)
    return _write(entries, given.output, title="Folders", notes=notes, leaks=leaks, options=options)


def compare(workdir: str, given: Folders, *, options: Options) -> int:
    """Several runs, or runs and folders, or folders, beside one another in one report.

    Args:
      workdir: folders of runs, with commas; "" for folders of pictures alone.
      given: folders of pictures, and of the report.
      options: of the scores.

    Returns:
      0.

    Raises:
      setup.UsageError: if there are not two to compare, or one cannot be scored.
      data_pipelines.prepare.DataError: if data cannot be used.
    """
    runs = list(filter(None, workdir.split(",")))
    made = list(filter(None, given.fake.split(",")))
    if len(runs) + len(made) < 2:
        raise UsageError(
            "--mode=compare needs two or more: --workdir=runs/A,runs/B, or --fake=DIR,DIR with "
            "--real=DIR, or a run and a folder of pictures of its items"
        )
    if not runs:
        return folders_against(given, options)
    names = _names([*runs, *made])
    examined = [examine.examine(run, options, name=names[run]) for run in runs]
    entries = [found.entry for found in examined]
    notes = list(dict.fromkeys(note for found in examined for note in found.notes))
    for path in made:
        shown = folders.look(path, flag="--fake")
        entries.append(_beside(examined[0], shown, options=options, name=names[path]))
    title = " and ".join(entry.name for entry in entries)
    return _write(
        entries, given.output, title=title, notes=notes, leaks=examined[0].leaks, options=options
    )


def _of_folders(given: Folders, options: Options) -> tuple[list[Entry], list[str], Leaks | None]:
    made = list(filter(None, given.fake.split(",")))
    if not made:
        raise UsageError("folders are compared by --fake=DIR --real=DIR; --fake is not given")
    real = folders.look(given.real, flag="--real")
    found = [folders.look(path, flag="--fake") for path in made]
    usual = judges.distances(inception_file=options.inception, translates=False)
    tools = examine.loaded(options, usual=usual, metrics=folders.SCORES.values())
    names, entries, notes = _names(made), [], []
    for path, one in zip(made, found, strict=True):
        entry, said = folders.entry(one, real, tools=tools, name=names[path])
        entries.append(entry)
        notes += [f"{entry.name}: {note}" for note in said]
    return entries, notes, None


def _write(
    entries: Sequence[Entry],
    output: str,
    *,
    title: str,
    notes: list[str],
    leaks: Leaks | None,
    options: Options,
) -> int:
    for entry in entries:
        print(f"\n{entry.name}\n{evaluate.text(evaluate.tabulated(list(entry.values)))}")
    for note in notes:
        print(f"note: {note}")
    if jax.process_index():
        return 0
    folder = Path(output or OUTPUT)
    contents.write_metrics(
        folder / "metrics.json", entries, leaks=leaks, versions=record.versions(), notes=notes
    )
    size = page.write(
        folder / "report.html",
        entries,
        title=title,
        notes=notes,
        leaks=leaks,
        gallery=options.gallery,
    )
    print(f"wrote {folder / 'metrics.json'} and {folder / 'report.html'} ({size / 1e6:.1f} MB)")
    return 0


class _Pictures:
    """The held-out items of a run, with the pictures of a folder as what was made of them."""

    def __init__(self, data: Any, shown: Found, *, fakes: dict[str, str]) -> None:
        self._data, self._shown, self._fakes = data, shown, fakes
        places = shown.by_name()
        self._places = places | {Path(name).name: i for name, i in places.items()}
        self.kinds = tuple(
            kind
            for kind in data.kinds
            if fakes.get(kind) and any(self._place(name) is not None for name in data.names(kind))
        )
        self.names, self.real, self.real_origin = data.names, data.real, data.real_origin

    def held_out(self, kind: str, *, batch_size: int) -> Iterator[HeldOut]:
        """As the run's, with the folder's pictures; all must be there."""
        for held in self._data.held_out(kind, batch_size=batch_size):
            size = next(iter(held.batch.values())).shape[1:3]
            made = np.stack([self._picture(name, size=size) for name in held.names])
            yield held._replace(batch={**held.batch, self._fakes[kind]: made})

    def _picture(self, name: str, *, size: tuple[int, int]) -> np.ndarray:
        place = self._place(name)
        if place is None:
            raise DataError(
                f"{self._shown.folder} has no picture of {name}: a score over fewer pictures could "
                "not be compared; call it by that name (of a try-on PERSON+CLOTH or PERSON)"
            )
        picture = self._shown.load(place)
        if picture.shape[:2] != size:
            shown = " x ".join(map(str, picture.shape[1::-1]))
            raise DataError(
                f"{self._shown.source.names[place]} in {self._shown.folder} is of {shown} pixels, "
                f"the run's pictures are of {size[1]} x {size[0]}: resize the folder's"
            )
        return ops.normalise(picture)

    def _place(self, name: str) -> int | None:
        """Where the picture of an item is: by its path, its last part, or the person's name."""
        plain = folders.stem(name)
        for known in (plain, Path(plain).name, plain.partition("+")[0]):
            if known in self._places:
                return self._places[known]
        return None


def _beside(first: Examined, shown: Found, *, options: Options, name: str) -> Entry:
    """A folder scored on the items of a run."""
    run = first.run
    system = run.system._replace(sample=lambda state, batch: {})
    fakes = {kind: exam.fake for kind, exam in system.exams.items()}
    data = _Pictures(first.data, shown, fakes=fakes)
    if not data.kinds:
        known = ", ".join(first.data.names(first.data.kinds[0])[:3])
        raise DataError(
            f"--fake={shown.folder}: no picture has the name of an item of {first.entry.name}, "
            f"such as {known}"
        )
    tools = examine.tools_of(run, options)
    groups, values = {}, []
    mesh, batch_size = sharding.data_mesh(), run.config.batch_size
    for examiner in scoring.examiners(system, data, tools=tools, batch_size=batch_size, mesh=mesh):
        marked, real = examiner.mark(run.state, tiles=True), examiner.real()
        values += examiner.values(marked, real)
        group = group_of(examiner, scoring.with_nearest(marked, real))
        groups[examiner.kind] = group._replace(shared=group.shared - {group.fake})
    return Entry(name, {"pictures": str(shown.folder)}, groups, values, first.entry.size)


def _names(paths: Sequence[str]) -> dict[str, str]:
    """A short name for each path: its last part, or all of it where two end alike."""
    last = [Path(path).name for path in paths]
    return {
        path: own if last.count(own) == 1 else path for path, own in zip(paths, last, strict=True)
    }
