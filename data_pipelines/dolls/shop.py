"""A garment alone on white, as a shop shows it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_pipelines.dolls.garment import Garment
from data_pipelines.dolls.paint import paint
from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.pattern import flat_parts
from data_pipelines.dolls.scene import Scene
from data_pipelines.dolls.styles import OnWhite, style_named
from data_pipelines.dolls.view import Frame

_FILLED = 0.82  # share of the picture's height or width that the garment takes
_LIGHT = (-0.38, -0.5)
_WHITE = (255, 255, 255)


class Flat(NamedTuple):
    """A garment alone.

    Attributes:
      picture: uint8 [H, W, 3], sRGB, on white.
      mask: uint8 [H, W], 255 where the garment is, else 0.
    """

    picture: np.ndarray
    mask: np.ndarray


def flat(garment: Garment, *, height: int = 256, width: int = 192, style: str = "photo") -> Flat:
    """A garment laid out flat, as large as the picture allows.

    Args:
      garment: what to show.
      height: of the picture in pixels, 16 or more.
      width: likewise.
      style: "photo" or "drawn".

    Raises:
      ValueError: if an argument is out of its range.
    """
    parts = flat_parts(garment)
    frame = flat_frame(parts, height=height, width=width)
    picture = paint(
        parts,
        scene=frame.scene,
        style=OnWhite(style_named(style)),
        height=height,
        width=width,
        noise=np.random.Generator(np.random.PCG64(0)),
    )
    return Flat(picture, frame.filled([part.outline for part in parts], [255] * len(parts)))


def flat_frame(parts: list[Part], *, height: int, width: int) -> Frame:
    """The frame that shows parts large and in the middle.

    Raises:
      ValueError: if the picture is too small.
    """
    points = np.concatenate([part.outline for part in parts])
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = (low + high) / 2
    span = max(high[1] - low[1], (high[0] - low[0]) * height / width) / _FILLED
    scene = Scene(float(x), float(y - span / 2), float(span), _LIGHT, _WHITE, _WHITE)
    return Frame(scene, height, width)
