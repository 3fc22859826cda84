"""`--mode=masks`: masks of the foreground, made once and laid beside the training pictures.

The mask of `trainA/boys/one.jpg` becomes `trainA_mask/boys/one.png`, grey, of the picture's size,
as `data_pipelines/masks.py` reads it; a parser of faces also writes `trainA_fix`. Only what is
missing is made, so that the same command goes on where it was stopped. Pictures enter as uint8,
greys are probabilities of the foreground.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from data_pipelines import fields, masks, ops, pipeline, prepare, sources
from tryon_jax.files import write_atomic
from tryon_jax.segment import faces, persons
from tryon_jax.setup import UsageError

DOMAINS = ("train_a", "train_b")
BATCH = 8  # pictures that are read and segmented together
EVERY = 25  # batches between two lines of progress
HARDLY = 0.01  # a mask with less foreground than this share of its picture is named
ENDINGS = {"": persons, ".tflite": persons, ".whl": persons, ".pth": faces, ".pt": faces}


class Segmenter(Protocol):
    """Pictures to masks of the foreground."""

    kinds: Sequence[str]  # keys of masks.SUFFIXES

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
        """Uint8 [h, w, 3] each, to float32 [h, w, 1] in [0, 1] by kind, for each."""
        ...


class Job(NamedTuple):
    """A picture whose masks are to be made."""

    source: sources.Folder
    index: int
    targets: dict[str, Path]  # kind to the file


def make_masks(config: ConfigDict, *, segmenter: str, overwrite: bool) -> int:
    """Writes the masks of both training folders.

    Args:
      config: whose data.root, data.train_a and data.train_b name the folders.
      segmenter: a file of `segment.persons` or `segment.faces`; "": persons, from the cache.
      overwrite: make masks again that are there.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      FileNotFoundError: if the segmenter's file or package is missing.
      data_pipelines.prepare.DataError: if there are no pictures, or pictures without a mask in the
        end; the others' are written.
    """
    _check_fields(config)
    segment = _load(segmenter)
    found = {key: sources.Folder(config.data.root, config.data[key]) for key in DOMAINS}
    _check_pictures(config, found)
    layers = _layers(config, found, kinds=segment.kinds)
    jobs = _jobs(config.data.root, found, layers, overwrite=overwrite)
    empty, unreadable = _make(segment, jobs)
    made = len(jobs) - len(unreadable)
    there = sum(len(source.names) for source in found.values()) - len(jobs)
    print(f"masks of {made} pictures made, of {there} others there: {config.data.root}")
    if empty:
        names = prepare.listed(empty)
        print(f"warning: {len(empty)} masks made have hardly any foreground, look at: {names}")
    _check_masks(config, found, kinds=segment.kinds, unreadable=unreadable)
    return 0


def _check_fields(config: ConfigDict) -> None:
    if config.order or config.data.pipeline != "unpaired":
        raise UsageError(
            "--mode=masks needs a config of two folders, and this one is of other data, which has "
            "masks of its own: give --config=configs/ugatit_enhanced.py"
        )
    if fields.kind(config) != "folder" or not config.data.root:
        raise UsageError(
            "--mode=masks writes beside the pictures of a folder, and paper dolls know theirs: set "
            "--config.data.root"
        )


def _load(path: str) -> Segmenter:
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(
            f"--segmenter={path} must be selfie_segmentation.tflite, MediaPipe's wheel (.whl), or "
            "the face parser's 79999_iter.pth"
        )
    try:
        return ENDINGS[ending].load(path)
    except ValueError as error:
        raise UsageError(f"--segmenter={path or 'the cached file'}: {error}") from error


def _check_pictures(config: ConfigDict, found: Mapping[str, sources.Folder]) -> None:
    """Makes sure that both folders hold pictures, each of which can have a mask of its own."""
    root = Path(config.data.root).expanduser()
    errors = [prepare.root_error(root)] if not root.is_dir() else []
    for key, source in found.items() if not errors else ():
        if not source.names:
            errors.append(
                f"{config.data[key]} has 0 pictures ({' '.join(sources.SUFFIXES)}) in {root}: set "
                f"--config.data.{key} to the folder that has"
            )
        for twins in masks.twins(source.names):
            errors.append(f"{' and '.join(twins)} would share one mask: rename one of them")
    pipeline.refuse(errors)


def _layers(
    config: ConfigDict, found: Mapping[str, sources.Folder], *, kinds: Sequence[str]
) -> dict[str, dict[str, masks.Folder]]:
    """Masks that are there, by domain and kind."""
    root = config.data.root
    return {
        key: {
            kind: masks.Folder(root, config.data[key], kind=kind, names=source.names)
            for kind in kinds
        }
        for key, source in found.items()
    }


def _jobs(
    root: str,
    found: Mapping[str, sources.Folder],
    layers: Mapping[str, Mapping[str, masks.Folder]],
    *,
    overwrite: bool,
) -> list[Job]:
    jobs, errors = [], []
    for key, source in found.items():
        missing = {kind: set(folder.missing) for kind, folder in layers[key].items()}
        for index in range(len(source.names)):
            targets = {}
            for kind, folder in layers[key].items():
                name = folder.target(index)
                there = "" if index in missing[kind] else folder.name(index)
                if overwrite and there not in ("", name):
                    errors.append(f"{there} is there, but masks are written as PNG: delete it")
                if overwrite or not there:
                    targets[kind] = Path(root).expanduser() / name
            if targets:
                jobs.append(Job(source, index, targets))
    pipeline.refuse(errors)
    return jobs


def _make(segment: Segmenter, jobs: Sequence[Job]) -> tuple[list[str], dict[str, str]]:
    """Makes and writes masks.

    Returns:
      Names of pictures with hardly any foreground; those that cannot be read, with the reason.
    """
    empty: list[str] = []
    unreadable: dict[str, str] = {}
    for start in range(0, len(jobs), BATCH):
        if start and not start % (BATCH * EVERY):
            print(f"{start} of {len(jobs)} pictures", flush=True)
        read = list(_read(jobs[start : start + BATCH], unreadable))
        made = segment([picture for _, picture in read]) if read else []
        for (job, _), layers in zip(read, made, strict=True):
            if (layers["mask"] >= 0.5).mean() < HARDLY:
                empty.append(job.source.names[job.index])
            for kind, target in job.targets.items():
                write_atomic(target, _png(layers[kind]))
    return empty, unreadable


def _read(jobs: Sequence[Job], unreadable: dict[str, str]) -> Iterator[tuple[Job, np.ndarray]]:
    for job in jobs:
        try:
            picture = job.source.load(job.index)
        except (OSError, ValueError) as error:
            unreadable[job.source.names[job.index]] = str(error)
            continue
        yield job, picture


def _png(mask: np.ndarray) -> bytes:
    """Float [h, w, 1] in [0, 1] as a file of 8 bits grey."""
    grey = np.round(np.clip(mask[..., 0], 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, format="PNG")
    return file.getvalue()


def _check_masks(
    config: ConfigDict,
    found: Mapping[str, sources.Folder],
    *,
    kinds: Sequence[str],
    unreadable: Mapping[str, str],
) -> None:
    """Lets the reader look at all masks, those of former runs and other programs too."""
    edge = config.data.masks if config.data.masks != "none" else "soft"
    errors = []
    if unreadable:
        named = prepare.listed([f"{name} ({reason})" for name, reason in unreadable.items()])
        errors.append(f"{len(unreadable)} cannot be read, repair or delete them: {named}")
    left = {
        key: [name for name in source.names if name not in unreadable]
        for key, source in found.items()
    }
    domains = {key: [_size(config.data.root, name) for name in left[key]] for key in found}
    for kind in kinds:
        folders = {
            key: masks.Folder(config.data.root, config.data[key], kind=kind, names=names)
            for key, names in left.items()
        }
        looked = masks.check(folders, domains, edge=edge)
        errors += looked.errors
        print("".join(f"warning: {message}\n" for message in looked.warnings), end="")
    pipeline.refuse(errors)


def _size(root: str, name: str) -> prepare.Picture:
    """What the reader of masks needs to know of a picture."""
    try:
        with (Path(root).expanduser() / name).open("rb") as file:
            return prepare.Picture(name, ops.header(file), "", 0)
    except (OSError, ValueError) as error:
        return prepare.Picture(name, None, str(error), 0)
