"""A picture or a folder in, pictures out, from a run's folder: options are never repeated."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from data_pipelines import faces, ops, sources
from tryon_jax import grids, outputs, sharding
from tryon_jax.setup import UsageError, batch_template
from tryon_jax.system import State, System
from tryon_jax.weights import trained

Translate = Callable[[np.ndarray], np.ndarray]  # float32 [1, H, W, 3] in [-1, 1] to the same


class Options(NamedTuple):
    """What `--mode=infer` is told.

    `size` is "train" (resize to the training size, and the answer back), "native" (pad to what the
    network can take, and crop back), or a side in pixels. `average` takes EMA weights if there are.
    `face` is "none", "cut" (the face is cut out by the points beside the picture and translated
    alone; see `data_pipelines/faces.py`) or "paste" (and put back into its picture).
    """

    input: str
    output: str
    direction: str = "ab"
    size: str = "train"
    checkpoint: str = "latest"
    side_by_side: bool = False
    average: bool = True
    overwrite: bool = False
    face: str = "none"


def infer(workdir: str | os.PathLike[str], options: Options) -> int:
    """Translates pictures; says which weights it took and what it wrote.

    Args:
      workdir: of a run that has saved at least once.
      options: of the command line.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      data_pipelines.prepare.DataError: naming a file that is no picture.
      FileNotFoundError: if the folder holds no run.
    """
    jobs = _jobs(options)
    paths = [source for source, _ in jobs]
    squares = [None] * len(jobs) if options.face == "none" else faces.squares_of(paths)
    config, system, state, origin = trained(workdir, checkpoint=options.checkpoint)
    if options.direction not in system.directions:
        known = ", ".join(system.directions)
        raise UsageError(f"--direction must be one of {known}; got {options.direction!r}")
    size = _size(options.size, config, system)
    averaged = bool(state.ema) and options.average
    print(f"weights: {origin}, {'averaged' if averaged else 'as trained'}")
    if not averaged:
        state = state._replace(ema={})
    translate = partial(
        translated,
        translator(config, system, state, direction=options.direction),
        size=size,
        multiple=system.multiple,
    )
    for (source, target), square in zip(jobs, squares, strict=True):
        shown, answer = _answer(translate, source, square=square, back=options.face == "paste")
        if options.side_by_side:
            answer = np.concatenate([shown, answer], axis=1)
        outputs.save(target, answer)
    print(f"wrote {len(jobs)} picture{'s' * (len(jobs) > 1)}: {options.output}")
    return 0


def translator(config: ConfigDict, system: System, state: State, *, direction: str) -> Translate:
    """From one picture to its translation; what else `sample` makes is not computed."""
    key_out = system.directions[direction][1]
    keys = batch_template(config, mesh=sharding.data_mesh())

    @jax.jit
    def run(state: State, picture: jax.Array) -> jax.Array:
        return system.sample(state, dict.fromkeys(keys, picture))[key_out]

    return lambda picture: np.asarray(run(state, jnp.asarray(picture)))


def translated(
    translate: Translate, picture: np.ndarray, *, size: int, multiple: int
) -> np.ndarray:
    """A picture of any size through a network, and back to its size.

    Args:
      translate: from `translator`.
      picture: uint8 [H, W, 3].
      size: side of the square that the network sees; 0: the picture as it is, padded.
      multiple: of the sides that the network can take.

    Returns:
      uint8 [H, W, 3].
    """
    height, width = picture.shape[:2]
    if size:
        small = ops.resize(picture, width=size, height=size, interpolation="bicubic")
        answer = grids.to_uint8(translate(ops.normalise(small)[None]))[0]
        return ops.resize(answer, width=width, height=height, interpolation="bicubic")
    below, right = -height % multiple, -width % multiple
    mode = "reflect" if min(height, width) > max(below, right) else "edge"
    padded = np.pad(picture, ((0, below), (0, right), (0, 0)), mode)
    return grids.to_uint8(translate(ops.normalise(padded)[None]))[0, :height, :width]


def _answer(
    translate: Callable[[np.ndarray], np.ndarray],
    source: Path,
    *,
    square: faces.Square | None,
    back: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """What is translated and its translation: a picture, a face, or with `back` a face in it."""
    picture = faces.read(source)
    if square is None:
        return picture, translate(picture)
    face, mask = faces.cut(picture, square), faces.mask_of(source)
    if mask is not None:
        mask = faces.cut(mask, square)
        face = faces.on_white(face, mask)
    answer = translate(face)
    if back:
        return picture, faces.paste(picture, answer, square=square, mask=mask)
    return face, answer if mask is None else faces.on_white(answer, mask)


def _size(size: str, config: ConfigDict, system: System) -> int:
    if size == "train":
        return config.image_size
    if not system.multiple:
        raise UsageError(
            f"--size={size}: these networks know only the training size, {config.image_size}; "
            "use --size=train, or train the light variant"
        )
    if size == "native":
        return 0
    if not size.isdigit() or not int(size) or int(size) % system.multiple:
        raise UsageError(
            f"--size must be train, native or a multiple of {system.multiple} pixels; got {size!r}"
        )
    return int(size)


def _jobs(options: Options) -> list[tuple[Path, Path]]:
    """Pictures to read and files to write; refused before any work if one would be replaced."""
    if not options.input or not options.output:
        raise UsageError("--mode=infer needs --input=PICTURE_OR_FOLDER and --output=...")
    source, target = Path(options.input), Path(options.output)
    if source.is_dir():
        found = sources.picture_paths(source)
        if options.face != "none":
            found = [name for name in found if not name.endswith(faces.MASK)]
        jobs = [(source / name, (target / name).with_suffix(".png")) for name in found]
    elif source.exists():
        jobs = [(source, target / f"{source.stem}.png" if target.is_dir() else target)]
    else:
        raise UsageError(f"--input={source} does not exist (looked in {Path.cwd()})")
    if not jobs:
        raise UsageError(f"--input={source} holds no pictures ({' '.join(sources.SUFFIXES)})")
    if not source.is_dir() and not outputs.is_picture(jobs[0][1]):
        raise UsageError(f"--output={target} must end like a picture, such as .png, or be a folder")
    outputs.check_free((path for _, path in jobs), overwrite=options.overwrite)
    return jobs
