"""One item of a landmark run: an object's box in a picture, cut out with its landmarks.

Keys of an example, float32, pixels of the crop counted from the centre of the first one:

  picture  [H, W, 3]  the crop, [-1, 1], black beyond the photograph
  points   [K, 3]     (x, y, v): v 0 not labelled, 1 hidden, 2 seen
  box      [4]        the object's box: left, top, width, height, as if it were not turned
  area     []         the object's area, square pixels

Source: the augmentation of HRNet's code; mirroring after the crop instead of before.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from data_pipelines import crops, ops
from tryon_jax.landmark_layouts import PERSON, Layout

UPPER = range(11)  # joints of a person's upper half; the others are the lower one's
HALF_SEEN = 8  # joints above which a half may be cropped
HALF_ENLARGED = 1.5  # the box around a half's joints grows by this factor


class Record(NamedTuple):
    """An object in a picture.

    Attributes:
      name: for people, unlike all others'.
      picture: which one, the same for objects of one photograph.
      box: left, top, width, height in pixels of the picture.
      points: float32 [K, 3] of the whole layout, pixels of the picture; v as in an example.
      area: square pixels.
      group: its number in the layout's groups.
      path: of the photograph; None for dolls.
    """

    name: str
    picture: int
    box: crops.Box
    points: np.ndarray
    area: float
    group: int
    path: pathlib.Path | None = None


class Source(Protocol):
    """Where objects come from; splits are train and test."""

    names: dict[str, list[str]]  # by split, of all objects
    groups: dict[str, list[int]]  # likewise: numbers in the layout's groups

    def item(self, split: str, index: int) -> tuple[Record, np.ndarray]:
        """An object and its picture, uint8 [H, W, 3]; OSError or ValueError if unreadable."""
        ...


class Augmentation(NamedTuple):
    """How training crops differ from the boxes; see `configs.base.keypoint_data`."""

    rotation: float
    rotated: float
    scale: float
    flip: bool
    half_body: float


class Change(NamedTuple):
    """What is drawn for one training crop."""

    crop: crops.Crop
    mirrored: bool


def shapes(size: tuple[int, int], count: int) -> dict[str, tuple[int, ...]]:
    """Shape of each array of an example.

    Args:
      size: (width, height) of the crop.
      count: of landmarks.
    """
    return {"picture": (size[1], size[0], 3), "points": (count, 3), "box": (4,), "area": ()}


def drawn(
    record: Record,
    rng: np.random.Generator,
    *,
    size: tuple[int, int],
    enlarged: float,
    augmentation: Augmentation,
) -> Change:
    """What becomes of a record's box in training."""
    crop = crops.around(record.box, size=size, enlarged=enlarged)
    half = rng.random() < augmentation.half_body
    if half and record.group == PERSON:
        crop = _half(record, rng, size=size) or crop
    factor = np.clip(1 + augmentation.scale * rng.standard_normal(), *_span(augmentation.scale))
    turn = augmentation.rotation * np.clip(rng.standard_normal(), -2, 2)
    angle = turn if rng.random() < augmentation.rotated else 0.0
    mirrored = augmentation.flip and rng.random() < 0.5
    return Change(crops.Crop(crop.centre, crop.width * factor, float(angle)), bool(mirrored))


def write(
    record: Record,
    picture: np.ndarray,
    *,
    change: Change,
    layout: Layout,
    into: dict[str, np.ndarray],
) -> None:
    """Writes an example into arrays that exist.

    Args:
      record: the object.
      picture: uint8 [h, w, 3], its photograph.
      change: from `drawn`, or a plain crop.
      layout: of the points.
      into: float32 arrays of `shapes`.
    """
    height, width = into["picture"].shape[:2]
    made = crops.cut(picture, change.crop, size=(width, height))
    points = _carried(record.points, change.crop, size=(width, height))
    if change.mirrored:
        made = ops.flip(made)
        points = crops.mirrored(points, width=width, order=layout.mirror_order)
        points[points[:, 2] == 0] = 0
    ops.normalise(made, into=into["picture"])
    into["points"][...] = points
    scale = width / change.crop.width
    left, top, wide, high = record.box
    centre = np.array([[left + wide / 2, top + high / 2]])
    middle = crops.apply(crops.matrix(change.crop, size=(width, height)), centre)[0]
    sides = scale * np.array([wide, high])
    into["box"][...] = np.concatenate([middle - sides / 2, sides])
    into["area"][...] = scale**2 * record.area


def example(
    record: Record, picture: np.ndarray, *, crop: crops.Crop, layout: Layout, size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """The arrays of a record cut out as it is."""
    made = {key: np.empty(shape, np.float32) for key, shape in shapes(size, layout.count).items()}
    write(record, picture, change=Change(crop, False), layout=layout, into=made)
    return made


def balanced(groups: Sequence[int]) -> list[int]:
    """Indices of objects, those of rare groups repeated by the root of how rare they are."""
    numbers, counts = np.unique(groups, return_counts=True)
    times = {
        n: round(float(np.sqrt(counts.max() / c))) for n, c in zip(numbers, counts, strict=True)
    }
    return [i for i, group in enumerate(groups) for _ in range(times[group])]


def _span(scale: float) -> tuple[float, float]:
    return max(1 - scale, 0.1), 1 + scale


def _half(record: Record, rng: np.random.Generator, *, size: tuple[int, int]) -> crops.Crop | None:
    """A crop around the upper or lower joints, if enough are labelled."""
    labelled = np.flatnonzero(record.points[:, 2] > 0)
    if len(labelled) <= HALF_SEEN:
        return None
    upper = [place for place in labelled if place in UPPER]
    lower = [place for place in labelled if place not in UPPER]
    first, other = (upper, lower) if rng.random() < 0.5 else (lower, upper)
    chosen = record.points[first if len(first) > 2 else other, :2]
    low, high = chosen.min(0), chosen.max(0)
    wide, tall = np.maximum(high - low, 1)
    crop = crops.around((*low, wide, tall), size=size, enlarged=HALF_ENLARGED)
    return crops.Crop((float(chosen[:, 0].mean()), float(chosen[:, 1].mean())), crop.width)


def _carried(points: np.ndarray, crop: crops.Crop, *, size: tuple[int, int]) -> np.ndarray:
    """Labelled points in pixels of the crop, zeros else: float [K, 3]."""
    moved = crops.apply(crops.matrix(crop, size=size), points[:, :2])
    labelled = points[:, 2:] > 0
    return np.where(labelled, np.concatenate([moved, points[:, 2:]], 1), 0)
