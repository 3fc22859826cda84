"""Videos and cameras through a network: frame after frame, in their order, a few at a time.

What is read ahead is one batch, however long a video is. `video.py` reads and writes; this room
says which files there are, and carries the frames from one to the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from tryon_jax import outputs, video
from tryon_jax.progress import Progress
from tryon_jax.setup import UsageError
from tryon_jax.stopping import Stop

Pictures = Callable[[np.ndarray], np.ndarray]  # uint8 [N, H, W, 3] to the same
CAMERA = "camera"  # what --input begins with
BATCH = 8  # frames at once, and at most so many pixels of them
BATCH_PIXELS = 8 * 512 * 512
WHOLE = 0.9  # a video with less than this share of the frames that its header tells is suspect


class Job(NamedTuple):
    """A video to read and a file to write."""

    source: Path | int  # a file, or the number of a camera
    target: Path

    def open(self) -> video.Reader:
        """Opens what is read."""
        if isinstance(self.source, int):
            return video.camera(self.source)
        return video.Reader(self.source)


def is_video(path: Path) -> bool:
    """Whether a file's name is a video's."""
    return path.suffix.lower() in video.SUFFIXES and not path.is_dir()


def camera_number(given: str) -> int | None:
    """The number of the camera that `--input` names, such as `camera:1`; None if it names none.

    Raises:
      setup.UsageError: if what follows `camera:` is no number.
    """
    name, colon, number = given.partition(":")
    if name != CAMERA or (not colon and Path(given).exists()):
        return None
    if colon and not (number.isascii() and number.isdigit()):
        raise UsageError(f"--input={given}: a camera has a number, such as --input=camera:0")
    return int(number or 0)


def job(source: Path | int, target: Path) -> Job:
    """The job of one video or camera.

    Args:
      source: a file, or the number of a camera.
      target: a file, or a folder: then the name is the source's.

    Raises:
      setup.UsageError: if the target's name is not that of a video that can be written.
    """
    if target.is_dir():
        name = CAMERA if isinstance(source, int) else source.name
        return Job(source, target / written_as(Path(name)))
    if target.suffix.lower() not in video.FORMATS:
        raise UsageError(
            f"--output={target} must end like a video, {' '.join(video.FORMATS)}, or be a folder"
        )
    return Job(source, target)


def jobs_in(folder: Path, target: Path) -> list[Job]:
    """A job for every video below a folder, by the same names below another.

    Raises:
      setup.UsageError: if two would be written to one file.
    """
    found = sorted(path for path in folder.rglob("*") if is_video(path) and _shown(path, folder))
    jobs = [Job(path, target / written_as(path.relative_to(folder))) for path in found]
    first: dict[Path, Path | int] = {}
    for made in jobs:
        other = first.setdefault(made.target, made.source)
        if other != made.source:
            raise UsageError(
                f"{other} and {made.source} would both be written to {made.target}: rename one"
            )
    return jobs


def written_as(path: Path) -> Path:
    """A video's name when it is written: another suffix where its own is only read."""
    return path if path.suffix.lower() in video.FORMATS else path.with_suffix(".mp4")


def check(jobs: Iterable[Job]) -> None:
    """Opens each video up to its first frame, before anything is compiled.

    Raises:
      data_pipelines.prepare.DataError: with the first that cannot be read.
      setup.UsageError: if there is no such camera.
      OSError: if a file cannot be opened.
    """
    for made in jobs:
        made.open().__exit__()


def translate_videos(jobs: Iterable[Job], translate: Pictures, *, size: int, beside: bool) -> None:
    """Translates videos one after the other, and says what became of each.

    Args:
      jobs: what to read and to write.
      translate: pictures of one size to as many of that size.
      size: side of the square that the network sees; 0: the frame's own.
      beside: shows each frame left of its translation.

    Raises:
      data_pipelines.prepare.DataError: naming a video and the frame that cannot be decoded.
      OSError: if a video cannot be written.
    """
    for made in jobs:
        with ExitStack() as stack:
            reader = stack.enter_context(made.open())
            width = reader.width * (2 if beside else 1)
            target = video.Writer(made.target, like=reader, width=width, height=reader.height)
            writer = stack.enter_context(target)
            progress = stack.enter_context(Progress(reader.total))
            frames = reader.frames(writer.add_sound)
            if isinstance(made.source, int):
                progress.note(f"{reader.path}: Ctrl-C ends the recording")
                frames = until(frames, stop=stack.enter_context(Stop()))
            batch = 1 if isinstance(made.source, int) else batch_size(reader, size=size)
            done = 0
            for frame in translated_frames(frames, translate, batch=batch, beside=beside):
                writer.write(frame)
                done += 1
                progress.count(done, "frame")
        print(
            f"wrote {made.target}: {done} frame{'s' * (done != 1)}, "
            f"{float(reader.rate):.5g} frames/s, {writer.sound}"
        )
        if done < WHOLE * reader.total:
            print(
                f"warning: {reader.path} ends after {done} of {reader.total} frames: is it whole?"
            )


def translated_frames(
    frames: Iterable[video.Frame], translate: Pictures, *, batch: int, beside: bool = False
) -> Iterator[video.Frame]:
    """Frames with their translations as pictures; reads no further ahead than one batch.

    Args:
      frames: in their order, all of one size.
      translate: gets `batch` pictures each time, so that it is compiled once; the last batch is
        filled up by its last picture.
      batch: frames at once.
      beside: shows each frame left of its translation.
    """
    frames = iter(frames)
    while group := list(itertools.islice(frames, batch)):
        images = [frame.image for frame in group]
        images += [images[-1]] * (batch - len(group))
        for frame, answer in zip(group, translate(np.stack(images)), strict=False):
            shown = np.concatenate([frame.image, answer], axis=1) if beside else answer
            yield frame._replace(image=shown)


def batch_size(reader: video.Reader, *, size: int) -> int:
    """Frames that the network takes at once: one on a CPU, to which more are no faster."""
    if jax.default_backend() == "cpu":
        return 1
    pixels = size * size or reader.width * reader.height
    return max(1, min(BATCH, BATCH_PIXELS // pixels))


def until(frames: Iterable[video.Frame], *, stop: Stop) -> Iterator[video.Frame]:
    """Frames until a person or a scheduler says stop."""
    return itertools.takewhile(lambda _: not stop.told, frames)


def free(jobs: Iterable[Job], *, overwrite: bool) -> None:
    """Makes sure that no file would be replaced, and none written onto the video that is read.

    Raises:
      setup.UsageError: naming the file.
    """
    jobs = list(jobs)
    for made in jobs:
        if isinstance(made.source, Path) and made.target.resolve() == made.source.resolve():
            raise UsageError(f"{made.source} would be written onto itself: give another --output")
    outputs.check_free((made.target for made in jobs), overwrite=overwrite)


def _shown(path: Path, folder: Path) -> bool:
    """Whether neither a file nor a folder above it is hidden."""
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)
