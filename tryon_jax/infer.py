"""Pictures or videos in, the same out, from a run's folder: options are never repeated."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from data_pipelines import faces, ops, sources
from tryon_jax import grids, infer_video, outputs, sharding, strips, video
from tryon_jax.setup import UsageError, batch_template
from tryon_jax.system import State, System
from tryon_jax.weights import trained

Translate = Callable[[np.ndarray], np.ndarray]  # float32 [N, H, W, 3] in [-1, 1] to the same


class Options(NamedTuple):
    """What `--mode=infer` is told.

    `size` is "train" (resize to the training size, and the answer back), "native" (pad to what the
    network can take, and crop back), or a side in pixels. `average` takes EMA weights if there are.
    `face` is "none", "cut" (the face is cut out by the points beside the picture and translated
    alone; see `data_pipelines/faces.py`) or "paste" (and put back into its picture). `strips` shows
    what becomes of the run's own test pictures, as its grids do.
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
    strips: bool = False


def infer(workdir: str | os.PathLike[str], options: Options) -> int:
    """Translates pictures and videos; says which weights it took and what it wrote.

    Args:
      workdir: of a run that has saved at least once.
      options: of the command line.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      data_pipelines.prepare.DataError: naming a file that is no picture, or no video.
      FileNotFoundError: if the folder holds no run.
    """
    if options.strips:
        return _strips(workdir, options)
    jobs, videos = _jobs(options)
    paths = [source for source, _ in jobs]
    squares = [None] * len(jobs) if options.face == "none" else faces.squares_of(paths)
    infer_video.check(videos)
    config, system, state = _networks(workdir, options)
    size = _size(options.size, config, system)
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
    if jobs:
        print(f"wrote {len(jobs)} picture{'s' * (len(jobs) > 1)}: {options.output}")
    infer_video.translate_videos(videos, translate, size=size, beside=options.side_by_side)
    return 0


def translator(config: ConfigDict, system: System, state: State, *, direction: str) -> Translate:
    """From pictures to their translations; what else `sample` makes is not computed."""
    key_out = system.directions[direction][1]
    keys = batch_template(config, mesh=sharding.data_mesh())

    @jax.jit
    def run(state: State, picture: jax.Array) -> jax.Array:
        return system.sample(state, dict.fromkeys(keys, picture))[key_out]

    return lambda picture: np.asarray(run(state, jnp.asarray(picture)))


def translated(
    translate: Translate, pictures: np.ndarray, *, size: int, multiple: int
) -> np.ndarray:
    """Pictures of any one size through a network, and back to their size.

    Args:
      translate: from `translator`.
      pictures: uint8 [N, H, W, 3].
      size: side of the square that the network sees; 0: the pictures as they are, padded.
      multiple: of the sides that the network can take.

    Returns:
      uint8 [N, H, W, 3].
    """
    height, width = pictures.shape[1:3]
    if size:
        small = _resized(pictures, width=size, height=size)
        answers = grids.to_uint8(translate(ops.normalise(small)))
        return _resized(answers, width=width, height=height)
    below, right = -height % multiple, -width % multiple
    mode = "reflect" if min(height, width) > max(below, right) else "edge"
    padded = np.pad(pictures, ((0, 0), (0, below), (0, right), (0, 0)), mode)
    return grids.to_uint8(translate(ops.normalise(padded)))[:, :height, :width]


def _resized(pictures: Sequence[np.ndarray] | np.ndarray, *, width: int, height: int) -> np.ndarray:
    """uint8 [N, h, w, 3] -> uint8 [N, height, width, 3]."""
    return np.stack(
        [ops.resize(x, width=width, height=height, interpolation="bicubic") for x in pictures]
    )


def _networks(
    workdir: str | os.PathLike[str], options: Options
) -> tuple[ConfigDict, System, State]:
    """A run's config, system and state, without averages if they are not wanted; says which."""
    config, system, state, origin = trained(workdir, checkpoint=options.checkpoint)
    if options.direction not in system.directions:
        known = ", ".join(system.directions)
        raise UsageError(f"--direction must be one of {known}; got {options.direction!r}")
    averaged = bool(state.ema) and options.average
    print(f"weights: {origin}, {'averaged' if averaged else 'as trained'}")
    return config, system, state if averaged else state._replace(ema={})


def _strips(workdir: str | os.PathLike[str], options: Options) -> int:
    """Strips of the run's test pictures, which take none of the options on pictures."""
    neutral = Options("", options.output)
    fields = ("input", "direction", "size", "side_by_side", "face")
    given = [f"--{name}" for name in fields if getattr(options, name) != getattr(neutral, name)]
    if given:
        raise UsageError(
            f"{', '.join(given)}: --strips shows the run's test pictures in both directions at "
            "the training size, and takes --output, --checkpoint, --noaverage, --overwrite"
        )
    config, system, state = _networks(workdir, options)
    count = strips.write_strips(
        config, system, state, output=options.output, overwrite=options.overwrite
    )
    print(f"wrote {count} strips: {options.output}")
    return 0


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
        return picture, translate(picture[None])[0]
    face, mask = faces.cut(picture, square), faces.mask_of(source)
    if mask is not None:
        mask = faces.cut(mask, square)
        face = faces.on_white(face, mask)
    answer = translate(face[None])[0]
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


def _jobs(options: Options) -> tuple[list[tuple[Path, Path]], list[infer_video.Job]]:
    """Pictures to read and files to write, then videos; refused before any work if that fails."""
    if not options.input or not options.output:
        raise UsageError(
            "--mode=infer needs --input=PICTURE, VIDEO, FOLDER or camera, and --output=..."
        )
    source, target = Path(options.input), Path(options.output)
    number = infer_video.camera_number(options.input)
    if number is None and not source.exists():
        raise UsageError(f"--input={source} does not exist (looked in {Path.cwd()})")
    jobs, videos = [], []
    if number is not None or infer_video.is_video(source):
        videos = [infer_video.job(source if number is None else number, target)]
    elif source.is_dir():
        jobs = _pictures_in(source, target, face=options.face)
        videos = infer_video.jobs_in(source, target)
    else:
        jobs = [(source, target / f"{source.stem}.png" if target.is_dir() else target)]
        if not outputs.is_picture(jobs[0][1]):
            raise UsageError(
                f"--output={target} must end like a picture, such as .png, or be a folder"
            )
    _check_jobs(jobs, videos, options=options)
    return jobs, videos


def _pictures_in(source: Path, target: Path, *, face: str) -> list[tuple[Path, Path]]:
    """Pictures below a folder and the files of their translations."""
    found = sources.picture_paths(source)
    if face != "none":
        found = [name for name in found if not name.endswith(faces.MASK)]
    return [(source / name, (target / name).with_suffix(".png")) for name in found]


def _check_jobs(
    jobs: Sequence[tuple[Path, Path]], videos: Sequence[infer_video.Job], *, options: Options
) -> None:
    """Refuses what cannot be done, and what would replace a file."""
    if not jobs and not videos:
        known = " ".join((*sources.SUFFIXES, *video.SUFFIXES))
        raise UsageError(f"--input={options.input} holds no pictures and no videos ({known})")
    if videos and options.face != "none":
        raise UsageError(
            f"--face={options.face} needs points beside each picture, and a video "
            f"({videos[0].source}) has none: leave --face out, or write its frames as pictures"
        )
    outputs.check_free((path for _, path in jobs), overwrite=options.overwrite)
    infer_video.free(videos, overwrite=options.overwrite)
