"""Garments on persons: from a run's folder and pairs of both to pictures.

`--mode=infer` of a try-on run. What a pair gives lies under its name PERSON+CLOTH in a folder for
each kind of picture (`try-on`, `strip` with everything beside one another, ...); one pair with a
picture's name as output gives that picture and the others beside it. Several persons or garments
also give sheets, such as `grid.png`: garments along the top, persons down the side. What kinds of
pictures there are is said by the system (`system.Dressing`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from data_pipelines.prepare import DataError
from data_pipelines.viton_files import Pair
from tryon_jax import grids, outputs, pairing
from tryon_jax.setup import UsageError, browse, make_system
from tryon_jax.system import Dressing
from tryon_jax.weights import Trained, last_stage, trained

PAIRS = ("same", "other")
SHEET = 20  # persons, and garments, in a sheet: of more, nothing could be seen

Made = Mapping[str, np.ndarray]  # pictures of one pair, float32 [H, W, 1 or 3] in [-1, 1]


class Options(NamedTuple):
    """What `--mode=infer` of a try-on run is told.

    Either `pairs` (a list's file, "same" or "other") or a `person` and a `cloth` (see `pairing`;
    `worn` is what the person wears, for systems that must see it). `input` is a folder in a layout
    of the run's data instead of the one that the run was trained on.
    """

    output: str
    input: str = ""
    pairs: str = ""
    person: str = ""
    cloth: str = ""
    worn: str = ""
    checkpoint: str = "latest"
    overwrite: bool = False


class Plan(NamedTuple):
    """What is to be made."""

    names: list[str]  # of the pairs
    pairs: list[Pair]  # empty for all test pairs of a kind
    columns: int  # garments of each person, in a sheet; 0: no sheet


def try_on(workdir: str | os.PathLike[str], options: Options) -> int:
    """Dresses persons; says which weights it took and what it wrote.

    Args:
      workdir: of a try-on run that has saved at least once.
      options: of the command line.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      data_pipelines.prepare.DataError: if a file cannot be read.
      FileNotFoundError: with every file that was looked for.
    """
    _check(options)
    _, config = last_stage(workdir)
    dressing = _dressing(config, options)
    data = _data(config, options)
    plan = _plan(data, options, sees_worn=dressing.sees_worn)
    output = _Output(options, plan, dressing=dressing)
    run = trained(workdir, checkpoint=options.checkpoint)
    print(f"weights: {run.origin}")
    for name, made in _made(run, plan, data=data, options=options):
        output.write(name, made)
    output.write_sheets()
    count = len(plan.names)
    print(f"tried on {count} pair{'s' * (count > 1)}: {options.output}")
    return 0


def _check(options: Options) -> None:
    if not options.output:
        raise UsageError("--mode=infer of a try-on run needs --output=FOLDER_OR_PICTURE")
    if bool(options.pairs) == bool(options.person) or bool(options.person) != bool(options.cloth):
        raise UsageError(
            "--mode=infer of a try-on run needs --person=PICTURE and --cloth=PICTURE (or folders "
            "of them, or all), or --pairs=FILE (or same, or other); got "
            f"--person={options.person} --cloth={options.cloth} --pairs={options.pairs}"
        )
    if options.worn and options.pairs:
        raise UsageError(
            f"--worn={options.worn} belongs to --person; in --pairs=FILE write a third column, "
            "lines `PERSON CLOTH WORN`"
        )
    folder = Path(options.input).expanduser()
    if options.input and not folder.is_dir():
        raise UsageError(
            f"--input={options.input} must be a folder in a layout of this run's data, such as "
            f"VITON's (test/image, test/cloth), there is none at {folder.absolute()}; photographs "
            "are named by --person and --cloth"
        )


def _dressing(config: ConfigDict, options: Options) -> Dressing:
    """What the run's system needs and shows."""
    dressing = make_system(config).dressing
    if dressing is None:
        raise UsageError(f"a run of {config.system} dresses nobody: it takes --input=PICTURE")
    if options.worn and not dressing.sees_worn:
        raise UsageError(
            f"--worn={options.worn}: {config.system} does not look at the garment worn, it takes "
            "it from the photograph; leave --worn away"
        )
    return dressing


def _data(config: ConfigDict, options: Options) -> Any:
    """Persons and garments to choose from: the run's, or those of `--input`."""
    config = config.copy_and_resolve_references().unlock()
    if options.input:
        config.data.source, config.data.root = "folder", options.input
    data = browse(config)
    if options.pairs in PAIRS and not data.counts[f"test_{options.pairs}"]:
        raise UsageError(
            f"--pairs={options.pairs}: {config.data.root} has no such list of test pairs; give "
            "--pairs=FILE with lines `PERSON CLOTH`"
        )
    return data


def _plan(data: Any, options: Options, *, sees_worn: bool) -> Plan:
    if options.pairs in PAIRS:
        return Plan(data.names(options.pairs), [], 0)
    if options.pairs:
        pairs = pairing.listed(options.pairs, columns=(2, 3) if sees_worn else (2,))
        columns = 0
    else:
        pairs = pairing.crossed(data, person=options.person, cloth=options.cloth, worn=options.worn)
        columns = len({pair.cloth for pair in pairs}) if len(pairs) > 1 else 0
    names = [pair.name for pair in pairs]
    pairing.check_names(names)
    return Plan(names, pairs, columns)


def _made(run: Trained, plan: Plan, *, data: Any, options: Options) -> Iterator[tuple[str, Made]]:
    """Name and pictures of every pair."""
    sample = jax.jit(run.system.sample)
    for names, batch in _batches(run, plan, data=data, options=options):
        made = {name: np.asarray(x) for name, x in sample(run.state, batch).items()}
        for i, name in enumerate(names):
            yield name, {key: pictures[i] for key, pictures in made.items()}


def _batches(
    run: Trained, plan: Plan, *, data: Any, options: Options
) -> Iterator[tuple[list[str], dict[str, np.ndarray]]]:
    size = run.config.batch_size
    if not plan.pairs:
        for held in data.held_out(options.pairs, batch_size=size):
            yield held.names, held.batch
        return
    for first in range(0, len(plan.pairs), size):
        part = plan.pairs[first : first + size]
        items = [_item(run, pair, data=data) for pair in part]
        batch = {key: np.concatenate([item[key] for item in items]) for key in items[0]}
        yield [pair.name for pair in part], batch


def _item(run: Trained, pair: Pair, *, data: Any) -> dict[str, np.ndarray]:
    sees_worn = run.system.dressing is not None and run.system.dressing.sees_worn
    worn = {"worn": pair.worn} if sees_worn else {}
    try:
        return data.item(person=pair.person, cloth=pair.cloth, **worn)
    except ValueError as error:
        raise DataError(f"{error}; make the file again, or choose another") from error
    except FileNotFoundError as error:
        if error.filename is None:  # the message tells what was looked for
            raise
        if run.config.data.get("warps") != "folder":
            raise UsageError(f"{error.filename} is missing: make it, or choose another") from error
        raise UsageError(
            f"{error.filename} is missing, and this run (data.warps=folder) warps nothing itself: "
            "write it with --mode=warp, or take a run with data.warps=gmm"
        ) from error


class _Output:
    """Where the pictures go; nothing is replaced unless that is wanted."""

    def __init__(self, options: Options, plan: Plan, *, dressing: Dressing) -> None:
        self._target, self._overwrite = Path(options.output).expanduser(), options.overwrite
        self._dressing, self._columns = dressing, plan.columns
        self._shown: list[Made] = []  # of the pairs in the sheets, person by person
        self._rows = len(plan.pairs) // plan.columns if plan.columns else 0
        self._written = 0
        self._single = outputs.is_picture(self._target)
        if self._single and (len(plan.names) > 1 or options.pairs):
            raise UsageError(
                f"--output={self._target} is one picture, the pairs are several: name a folder"
            )
        if not self._single and not self._target.is_dir() and self._target.suffix:
            raise UsageError(
                f"--output={self._target} must end like a picture, such as .png, or be a folder; "
                "make a folder whose name has a dot yourself"
            )
        sheets = list(map(self._sheet, dressing.sheets)) if plan.columns else []
        kinds = (*dressing.pictures, "strip")
        pictures = [self._path(key, name) for name in plan.names for key in kinds]
        outputs.check_free([*sheets, *pictures], overwrite=self._overwrite)

    def write(self, name: str, made: Made) -> None:
        """The pictures of a pair, and its strip; remembers what the sheets show."""
        for key in self._dressing.pictures:
            outputs.save(self._path(key, name), grids.to_uint8(made[key][None])[0])
        strip = [grids.to_uint8(made[key][None])[0] for key in self._dressing.strip]
        outputs.save(self._path("strip", name), np.concatenate(strip, 1))
        if self._columns:
            row, column = divmod(self._written, self._columns)
            if row < SHEET and column < SHEET:
                wanted = {"person", self._dressing.garment, *self._dressing.sheets.values()}
                self._shown.append({key: made[key] for key in wanted})
        self._written += 1

    def write_sheets(self) -> None:
        """Garments along the top, persons down the side, what becomes of them inside."""
        if not self._columns:
            return
        columns, rows = min(self._columns, SHEET), min(self._rows, SHEET)
        persons = [self._shown[columns * row : columns * (row + 1)] for row in range(rows)]
        for name, key in self._dressing.sheets.items():
            tiles = [[made[key] for made in row] for row in persons]
            garments = [made[self._dressing.garment] for made in persons[0]]
            heads = [row[0]["person"] for row in persons]
            sheet = grids.crossed(tiles, rows=heads, columns=garments)
            grids.save_png(self._sheet(name), sheet)
        if (rows, columns) != (self._rows, self._columns):
            print(
                f"the sheets show {rows} of {self._rows} persons, {columns} of {self._columns} "
                "garments"
            )

    def _sheet(self, name: str) -> Path:
        return self._target / f"{name}.png"

    def _path(self, key: str, name: str) -> Path:
        if not self._single:
            return self._target / outputs.FOLDERS.get(key, key) / f"{name}.png"
        if key == self._dressing.pictures[0]:
            return self._target
        return self._target.with_name(f"{self._target.stem}_{key}{self._target.suffix}")
