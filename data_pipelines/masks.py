"""Masks of the foreground beside pictures: where they lie, what their greys mean, what may change.

The mask of `trainA/boys/one.jpg` is `trainA_mask/boys/one.png`, of the same size, in any format;
white is foreground. A second folder, `trainA_fix`, may narrow what may change (no mouth, no rims of
glasses). Source: the enhanced U-GAT-IT (zheng-yuwei), whose masks are a face parser's.
"""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data_pipelines import ops, prepare, sources

EDGES = ("none", "soft", "hard")  # config.data.masks
SURE, UNSURE = 0.7, 0.3  # soft: above is foreground, below background, between as it is
SUFFIXES = {"mask": "_mask", "fix": "_fix"}  # kind of mask to what its folder's name ends with
# 5 x 5 ellipse, (row, col) from its middle: all but the corners' threes
DISC = [(row, col) for row in range(-2, 3) for col in range(-2, 3) if abs(row) < 2 or not col]


class Folder:
    """The masks of one domain, in the order of its pictures."""

    def __init__(self, root: str | os.PathLike[str], name: str, *, kind: str, names: Sequence[str]):
        """Lists the masks; nothing is read yet.

        Args:
          root: folder that holds the domain's.
          name: the domain's folder, with which the names of its pictures begin.
          kind: a key of SUFFIXES.
          names: of the pictures.
        """
        self.folder = f"{name}{SUFFIXES[kind]}"
        self._source = sources.Folder(root, self.folder)
        self._wanted = [_stem(picture.removeprefix(f"{name}/")) for picture in names]
        stems = [_stem(mask.removeprefix(f"{self.folder}/")) for mask in self._source.names]
        self.places = {stem: index for index, stem in enumerate(stems)}
        self.repeated = sorted({stem for stem in stems if stems.count(stem) > 1})

    @property
    def missing(self) -> list[int]:
        """Indices of the pictures without a mask."""
        return [i for i, stem in enumerate(self._wanted) if stem not in self.places]

    @property
    def orphans(self) -> list[str]:
        """Names of the masks without a picture."""
        wanted = set(self._wanted)
        return [self._source.names[i] for stem, i in self.places.items() if stem not in wanted]

    def name(self, index: int) -> str:
        """Name of the mask of a picture that has one."""
        return self._source.names[self.places[self._wanted[index]]]

    def target(self, index: int) -> str:
        """Name under which the mask of a picture is written, whether it is there or not."""
        return f"{self.folder}/{self._wanted[index]}.png"

    def size(self, index: int) -> tuple[int, int]:
        """(width, height) of the mask of a picture; raises OSError or ops.UnreadableError."""
        with self._source.open(self.places[self._wanted[index]]) as file:
            return ops.header(file)

    def load(self, index: int) -> np.ndarray:
        """Mask of a picture as uint8 [h, w, 1], 255 in the foreground.

        Raises:
          OSError: if it cannot be opened.
          ValueError: if there is none, or it is no picture.
        """
        stem = self._wanted[index]
        if stem not in self.places:
            raise ValueError(f"there is no mask {stem} in {self.folder}")
        return ops.grayscale(self._source.load(self.places[stem]))


class Dolls:
    """The silhouettes of paper dolls, each drawn once and kept (size^2 bytes)."""

    def __init__(self, *, first: int, size: int):
        """Of the dolls from `first` on, `size` pixels a side."""
        self._first, self._size = first, size
        self._drawn = functools.cache(self._draw)

    def load(self, index: int) -> np.ndarray:
        """Mask of a doll as uint8 [size, size, 1]."""
        return self._drawn(index)

    def _draw(self, index: int) -> np.ndarray:
        from data_pipelines import dolls

        return dolls.silhouette(self._first + index, seed=0, size=self._size)[..., None]


class Found(NamedTuple):
    """What is wrong with the masks of a run."""

    errors: list[str]
    warnings: list[str]


def twins(names: Sequence[str]) -> list[list[str]]:
    """Names of pictures that differ in their endings alone, and would share a mask."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_stem(name), []).append(name)
    return [group for group in alike.values() if len(group) > 1]


def check(
    found: Mapping[str, Folder], domains: Mapping[str, Sequence[prepare.Picture]], *, edge: str
) -> Found:
    """Looks whether each picture has a mask of its size, and each mask a picture.

    Args:
      found: domain (`train_a`, ...) to its masks.
      domains: the same to what is known of its pictures (`prepare.Report`).
      edge: value of `config.data.masks`, for the message.
    """
    errors, warnings = [], []
    for key, folder in found.items():
        pictures = domains[key]
        if folder.missing:
            names = prepare.listed([pictures[i].name for i in folder.missing])
            errors.append(
                f"data.masks={edge}: {len(folder.missing)} of {len(pictures)} pictures have no "
                f"mask of their name in {folder.folder}: {names}"
            )
        if folder.repeated:
            names = prepare.listed(folder.repeated)
            errors.append(f"{folder.folder} has two masks of one name, delete one: {names}")
        if folder.orphans:
            names = prepare.listed(folder.orphans)
            warnings.append(f"{len(folder.orphans)} masks belong to no picture: {names}")
        if wrong := _misfits(folder, pictures):
            errors.append(f"{key}: {len(wrong)} masks do not fit: {prepare.listed(wrong)}")
    return Found(errors, warnings)


def foreground(mask: np.ndarray, *, edge: str) -> np.ndarray:
    """How much of each pixel is foreground.

    Args:
      mask: uint8 [h, w, 1], 255 where it is certain.
      edge: soft: above 0.7 all, from 0.3 to 0.7 the mask itself, else nothing. hard: all from one
        half on, else nothing.

    Returns:
      float32 [h, w, 1] in [0, 1].
    """
    share = mask.astype(np.float32) / 255
    if edge == "hard":
        return (share >= 0.5).astype(np.float32)
    return np.where(share > SURE, 1, np.where((share > UNSURE) & (share < SURE), share, 0)).astype(
        np.float32
    )


def eroded(mask: np.ndarray) -> np.ndarray:
    """The foreground with small holes closed and then a rim of 2 pixels taken off.

    Args:
      mask: float32 [h, w, 1] in [0, 1].

    Source: OpenCV's closing and erosion with its 5 x 5 ellipse; what is outside counts for neither.
    """
    grown = _extreme(mask, np.maximum, outside=-np.inf)
    return _extreme(_extreme(grown, np.minimum, outside=np.inf), np.minimum, outside=np.inf)


def _extreme(mask: np.ndarray, choose: np.ufunc, *, outside: float) -> np.ndarray:
    height, width = mask.shape[:2]
    padded = np.pad(mask, ((2, 2), (2, 2), (0, 0)), constant_values=outside)
    shifts = (padded[2 + r : 2 + r + height, 2 + c : 2 + c + width] for r, c in DISC)
    return functools.reduce(choose, shifts)


def _misfits(folder: Folder, pictures: Sequence[prepare.Picture]) -> list[str]:
    """Masks that cannot be read or have another size than their pictures, with the reason."""
    wrong, missing = [], set(folder.missing)
    for index, picture in enumerate(pictures):
        if index in missing or picture.size is None:
            continue
        try:
            size = folder.size(index)
        except (OSError, ValueError) as error:
            wrong.append(f"{folder.name(index)} ({error})")
            continue
        if size != picture.size:
            (width, height), (wide, high) = size, picture.size
            wrong.append(f"{folder.name(index)} ({width} x {height}, its picture {wide} x {high})")
    return wrong


def _stem(name: str) -> str:
    """A relative path without its ending."""
    return pathlib.PurePosixPath(name).with_suffix("").as_posix()
