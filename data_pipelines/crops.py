"""Cutting a box out of a picture, turned and scaled, and carrying points with it.

A crop is a square-pixelled frame: its centre and its width in pixels of the picture, and an angle.
Matrices are [2, 3] and take (x, y, 1); pixels are counted from 0 at their centres, but a frame of w
columns spans 0 to w, as HRNet's code has it (half a pixel off; networks were trained so).
Source: Sun et al. 2019's code: a box grows by a quarter and to the frame's aspect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

ENLARGED = 1.25  # a box's sides in the crop

Box = tuple[float, float, float, float]  # left, top, width, height


class Crop(NamedTuple):
    """A part of a picture.

    Attributes:
      centre: (x, y), pixels of the picture.
      width: of the part, pixels of the picture; its height follows from the frame's aspect.
      angle: degrees; the frame shows the picture turned by it against the clock (y down).
    """

    centre: tuple[float, float]
    width: float
    angle: float = 0.0


def around(box: Box, *, size: tuple[int, int], enlarged: float = ENLARGED) -> Crop:
    """The crop of a frame around a box, with some room and without distortion.

    Args:
      box: of the picture.
      size: (width, height) of the frame.
      enlarged: the box's sides grow by this factor.

    Raises:
      ValueError: if the box has no area.
    """
    left, top, width, height = box
    if width <= 0 or height <= 0:
        raise ValueError(f"a box needs a width and a height above 0, got {width} x {height}")
    aspect = size[0] / size[1]
    wide = max(width, height * aspect)
    return Crop((left + width / 2, top + height / 2), wide * enlarged)


def matrix(crop: Crop, *, size: tuple[int, int]) -> np.ndarray:
    """From pixels of the picture to pixels of a frame of (width, height): [2, 3]."""
    scale = size[0] / crop.width
    turn = math.radians(crop.angle)
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    linear = np.array([[cos, sin], [-sin, cos]])
    shift = np.array(size) / 2 - linear @ np.array(crop.centre, float)
    return np.concatenate([linear, shift[:, None]], 1)


def inverse(crop: Crop, *, size: tuple[int, int]) -> np.ndarray:
    """From pixels of the frame to pixels of the picture: [2, 3]."""
    forward = matrix(crop, size=size)
    linear = np.linalg.inv(forward[:, :2])
    return np.concatenate([linear, -linear @ forward[:, 2:]], 1)


def apply(affine: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Places [..., 2] through a matrix [2, 3]."""
    return np.asarray(places, float) @ affine[:, :2].T + affine[:, 2]


def cut(picture: np.ndarray, crop: Crop, *, size: tuple[int, int]) -> np.ndarray:
    """The part of a picture in a frame of (width, height), bilinear, black outside.

    Args:
      picture: uint8 [H, W, 3].
      crop: of it.
      size: of the frame.

    Returns:
      uint8 [height, width, 3].
    """
    back = inverse(crop, size=size)
    # Pillow asks for the place of a pixel's centre, counted from the pixel's corner
    back = back.copy()
    back[:, 2] += 0.5 - back[:, :2] @ np.array([0.5, 0.5])
    shrink = crop.width / size[0]
    image = Image.fromarray(picture)
    if shrink > 2:  # else pixels would be left out: shrink by whole numbers first
        factor = int(shrink)
        image, back = image.reduce(factor), back / factor
    flat = tuple(float(number) for number in back.reshape(-1))
    turned = image.transform(size, Image.Transform.AFFINE, flat, Image.Resampling.BILINEAR)
    return np.asarray(turned)


def mirrored(points: np.ndarray, *, width: int, order: Sequence[int]) -> np.ndarray:
    """Points [K, 3] (x, y, visibility) of a picture mirrored left to right.

    Args:
      points: pixels.
      width: of the picture.
      order: `landmark_tables.mirror_order`.
    """
    turned = np.array(points)[list(order)]
    turned[:, 0] = width - 1 - turned[:, 0]
    return turned
