"""Garments on persons: from a run's folder and pairs of both to pictures.

`--mode=infer` of a try-on run. What a pair gives lies under its name PERSON+CLOTH in the folders
`try-on`, `warp-cloth`, `warp-mask` and `strip` (everything beside one another); one pair with a
picture's name as output gives that picture and the others beside it. Several garments on one person
also give a sheet, `grid.png`, of the first `SHEET`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from data_pipelines import sources, viton, viton_files
from data_pipelines.prepare import DataError
from tryon_jax import grids, outputs
from tryon_jax.setup import UsageError
from tryon_jax.weights import Trained, trained

STRIP = ("cloth", "cloth_mask", "person", "parse", "warped_cloth", "warped_mask", "try_on")
PAIRS = ("same", "other")
ALL = "all"  # every garment of the test folder
SHEET = 20  # garments in a sheet: of more, nothing could be seen

Made = dict[str, np.ndarray]  # pictures of one pair, float32 [H, W, 1 or 3] in [-1, 1]


class Options(NamedTuple):
    """What `--mode=infer` of a try-on run is told.

    Either `pairs` (a list's file, "same" or "other") or a `person` and a `cloth` (paths, or names
    in the data's folder; `cloth` may be a folder, or "all"). `input` is a folder in VITON's layout
    instead of the one that the run was trained on.
    """

    output: str
    input: str = ""
    pairs: str = ""
    person: str = ""
    cloth: str = ""
    checkpoint: str = "latest"
    overwrite: bool = False


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
    output = _Output(options)
    run = trained(workdir, checkpoint=options.checkpoint)
    print(f"weights: {run.origin}")
    wardrobe = _wardrobe(run.config, options)
    written, sheet = 0, []
    for name, made in _made(run, wardrobe, options):
        output.write(name, made)
        written += 1
        if options.person and written <= SHEET:
            sheet.append(made)
    if written > 1 and sheet:
        output.write_sheet(sheet)
    print(f"tried on {written} pair{'s' * (written > 1)}: {options.output}")
    return 0


def _check(options: Options) -> None:
    if not options.output:
        raise UsageError("--mode=infer of a try-on run needs --output=FOLDER_OR_PICTURE")
    if bool(options.pairs) == bool(options.person) or bool(options.person) != bool(options.cloth):
        raise UsageError(
            "--mode=infer of a try-on run needs --person=PICTURE and --cloth=PICTURE (or a folder "
            "of garments, or all), or --pairs=FILE (or same, or other); got "
            f"--person={options.person} --cloth={options.cloth} --pairs={options.pairs}"
        )
    if options.input and not Path(options.input).expanduser().is_dir():
        raise UsageError(
            f"--input={options.input} must be a folder in VITON's layout (test/image, test/cloth, "
            f"...), there is none at {Path(options.input).expanduser().absolute()}; photographs "
            "are named by --person and --cloth"
        )


def _wardrobe(config: ConfigDict, options: Options) -> viton.Pipeline:
    """Persons and garments to choose from: the run's, or those of `--input`."""
    config = config.copy_and_resolve_references().unlock()
    if options.input:
        config.data.source, config.data.root = "folder", options.input
    wardrobe = viton.browse(config)
    if options.pairs in PAIRS and not wardrobe.counts[f"test_{options.pairs}"]:
        raise UsageError(
            f"--pairs={options.pairs}: {config.data.root} has no such list of test pairs; give "
            "--pairs=FILE with lines `PERSON CLOTH`"
        )
    return wardrobe


def _made(run: Trained, wardrobe: viton.Pipeline, options: Options) -> Iterator[tuple[str, Made]]:
    """Name and pictures of every pair."""
    sample = jax.jit(run.system.sample)
    for names, batch in _batches(wardrobe, options, batch_size=run.config.batch_size):
        made = {name: np.asarray(x) for name, x in sample(run.state, batch).items()}
        for i, name in enumerate(names):
            yield name, {key: pictures[i] for key, pictures in made.items()}


def _batches(
    wardrobe: viton.Pipeline, options: Options, *, batch_size: int
) -> Iterator[tuple[list[str], dict[str, np.ndarray]]]:
    if options.pairs in PAIRS:
        for held in wardrobe.held_out(options.pairs, batch_size=batch_size):
            yield held.names, held.batch
        return
    pairs = _pairs(wardrobe, options)
    for first in range(0, len(pairs), batch_size):
        part = pairs[first : first + batch_size]
        items = [_item(wardrobe, pair) for pair in part]
        batch = {key: np.concatenate([item[key] for item in items]) for key in items[0]}
        yield [pair.name for pair in part], batch


def _item(wardrobe: viton.Pipeline, pair: viton_files.Pair) -> dict[str, np.ndarray]:
    try:
        return wardrobe.item(person=pair.person, cloth=pair.cloth)
    except ValueError as error:
        raise DataError(f"{error}; make the file again, or choose another") from error
    except FileNotFoundError as error:
        if error.filename is None:  # the message tells what was looked for
            raise
        raise UsageError(
            f"{error.filename} is missing, and this run (data.warps=folder) warps nothing itself: "
            "write it with --mode=warp, or take a run with data.warps=gmm"
        ) from error


def _pairs(wardrobe: viton.Pipeline, options: Options) -> list[viton_files.Pair]:
    if not options.pairs:
        return [viton_files.Pair(options.person, cloth) for cloth in _cloths(wardrobe, options)]
    path = Path(options.pairs).expanduser()
    if not path.is_file():
        raise UsageError(
            f"--pairs={options.pairs} must be same, other, or a file of lines `PERSON CLOTH`; "
            f"there is none at {path.absolute()}"
        )
    found = viton_files.read_pairs(path)
    if found.errors:
        raise UsageError("; ".join(found.errors))
    return list(dict.fromkeys(found.pairs))


def _cloths(wardrobe: viton.Pipeline, options: Options) -> list[str]:
    if options.cloth == ALL:
        return wardrobe.cloths()
    folder = Path(options.cloth).expanduser()
    if not folder.is_dir():
        return [options.cloth]
    found = [str(folder / name) for name in sources.picture_paths(folder)]
    if not found:
        raise UsageError(f"--cloth={options.cloth} holds no pictures")
    return found


class _Output:
    """Where the pictures go; nothing is replaced unless that is wanted."""

    def __init__(self, options: Options) -> None:
        self._target, self._overwrite = Path(options.output).expanduser(), options.overwrite
        self._single = outputs.is_picture(self._target)
        several = options.pairs or options.cloth == ALL or Path(options.cloth).expanduser().is_dir()
        if self._single and several:
            raise UsageError(
                f"--output={self._target} is one picture, the pairs are several: name a folder"
            )
        if not self._single and not self._target.is_dir() and self._target.suffix:
            raise UsageError(
                f"--output={self._target} must end like a picture, such as .png, or be a folder; "
                "make a folder whose name has a dot yourself"
            )
        sheet = [self._target / "grid.png"] if options.person and several else []
        outputs.check_free([self._target] if self._single else sheet, overwrite=self._overwrite)

    def write(self, name: str, made: Made) -> None:
        """The pictures of a pair, and its strip."""
        shown = {key: made[key][None] for key in STRIP if key in made}
        pictures = {
            key: grids.to_uint8(made[key][None])[0] for key in outputs.FOLDERS if key in made
        }
        strip = np.concatenate([grids.to_uint8(picture)[0] for picture in shown.values()], 1)
        main = next(iter(pictures))
        found = {self._path(key, name, main=main): x for key, x in pictures.items()}
        found[self._path("strip", name, main=main)] = strip
        outputs.check_free(found, overwrite=self._overwrite)
        for path, picture in found.items():
            outputs.save(path, picture)

    def write_sheet(self, pairs: list[Made]) -> None:
        """Garments above what they look like on the person, who comes first."""
        first = pairs[0]["person"]
        last = "try_on" if "try_on" in pairs[0] else "warped_cloth"
        rows = {
            "cloth": np.stack([np.ones_like(first), *(made["cloth"] for made in pairs)]),
            last: np.stack([first, *(made[last] for made in pairs)]),
        }
        grids.save_png(self._target / "grid.png", grids.grid(rows))

    def _path(self, key: str, name: str, *, main: str) -> Path:
        if not self._single:
            return self._target / outputs.FOLDERS.get(key, key) / f"{name}.png"
        if key == main:
            return self._target
        return self._target.with_name(f"{self._target.stem}_{key}{self._target.suffix}")
