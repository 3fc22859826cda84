"""The painter: parts from back to front, in one of two styles.

The picture is painted larger than asked and reduced, which gives the antialiasing. Everything that
is not the style's own business is here: outlines to masks, prints, the order of the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw

from data_pipelines.dolls.parts import LAYERS, Colour, Mark, Part
from data_pipelines.dolls.scene import Scene


@dataclass(frozen=True, eq=False)
class Canvas:
    """The picture being painted.

    Attributes:
      image: RGB, the figure so far.
      figure: L, where the figure is.
      scene: framing and light.
      unit: canvas pixels per figure unit.
    """

    image: Image.Image
    figure: Image.Image
    scene: Scene
    unit: float

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Figure points to canvas pixels (x, y): float [K, 2]."""
        scene = self.scene
        left = scene.middle - scene.span * (self.image.width / self.image.height) / 2
        return (points - (left, scene.top)) * self.unit


@dataclass(frozen=True, eq=False)
class Piece:
    """A part on its own small layer.

    Attributes:
      part: what it is.
      layer: RGB, flat colour with prints.
      mask: L, where the part is.
      joint: L, where it goes on into its neighbour.
      corner: canvas pixel of the layer's upper left corner.
    """

    part: Part
    layer: Image.Image
    mask: Image.Image
    joint: Image.Image
    corner: tuple[int, int]


class Style(Protocol):
    """What differs between a photograph and a drawing."""

    def ground(self, scene: Scene) -> Colour:
        """Colour of the blank canvas."""
        ...

    def tone(self, colour: Colour) -> Colour:
        """The style's version of a colour."""
        ...

    def place(self, canvas: Canvas, piece: Piece) -> None:
        """Puts one piece on the canvas, with its shadow, shading or ink."""
        ...

    def stroke(self, canvas: Canvas, part: Part) -> None:
        """Draws a part that is lines only."""
        ...

    def finish(
        self, canvas: Canvas, *, height: int, width: int, noise: np.random.Generator
    ) -> np.ndarray:
        """The picture at its final size: uint8 [height, width, 3]."""
        ...


def paint(
    parts: list[Part],
    *,
    scene: Scene,
    style: Style,
    height: int,
    width: int,
    noise: np.random.Generator,
) -> np.ndarray:
    """Paints parts in a style: uint8 [height, width, 3]."""
    times = enlargement(height)
    size = (width * times, height * times)
    canvas = Canvas(
        Image.new("RGB", size, style.ground(scene)),
        Image.new("L", size),
        scene,
        size[1] / scene.span,
    )
    for part in in_order(parts):
        if len(part.outline) == 0:
            style.stroke(canvas, part)
        elif (piece := _cut_out(canvas, part, style=style)) is not None:
            style.place(canvas, piece)
    return style.finish(canvas, height=height, width=width, noise=noise)


def in_order(parts: list[Part]) -> list[Part]:
    """The parts from back to front."""
    return sorted(parts, key=lambda part: LAYERS.index(part.layer))


def enlargement(height: int) -> int:
    """How many times larger a picture of some height is painted, for antialiasing."""
    return 4 if height < 80 else 3 if height < 160 else 2


def stroke(
    draw: ImageDraw.ImageDraw, points: np.ndarray, *, colour: Colour | int, width: float
) -> None:
    """Draws a line with round corners and ends; points and width in pixels of the drawing."""
    if width < 2.5:
        draw.line(points.ravel().tolist(), fill=colour, width=max(1, round(width)))
        return
    steps = points[1:] - points[:-1]
    steps /= np.maximum(np.hypot(steps[:, 0], steps[:, 1]), 1e-9)[:, None]
    along = np.concatenate([steps[:1], (steps[:-1] + steps[1:]) / 2, steps[-1:]])
    aside = along[:, ::-1] * (0.5 * width, -0.5 * width)
    band = np.concatenate([points - aside, (points + aside)[::-1]])
    draw.polygon(band.ravel().tolist(), fill=colour)  # Pillow's own lines step from pixel to pixel
    sharp = np.abs(steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0]) > 0.35
    radius = width / 2 - 0.5
    for x, y in points[np.concatenate([[True], sharp, [True]])]:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _cut_out(canvas: Canvas, part: Part, *, style: Style) -> Piece | None:
    """The piece of a part, or None if it lies outside the picture."""
    points = canvas.pixels(part.outline)
    margin = int(0.14 * canvas.unit) + 2
    low = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, -margin)
    high = np.ceil(points.max(axis=0)).astype(int) + margin
    high = np.minimum(high, np.array(canvas.image.size) + margin)
    if np.any(high - low <= 2 * margin):
        return None
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    layer = Image.new("RGB", size, style.tone(part.colour))
    draw = ImageDraw.Draw(layer)
    for mark in part.marks:
        _draw_mark(
            draw,
            mark,
            points=canvas.pixels(mark.points) - low,
            colour=style.tone(mark.colour),
            unit=canvas.unit,
        )
    mask = _filled(points - low, size)
    joint = _filled(canvas.pixels(part.joint) - low, size)
    return Piece(part, layer, mask, joint, (int(low[0]), int(low[1])))


def _filled(points: np.ndarray, size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    if len(points):
        ImageDraw.Draw(mask).polygon(points.ravel().tolist(), fill=255)
    return mask


def _draw_mark(
    draw: ImageDraw.ImageDraw, mark: Mark, *, points: np.ndarray, colour: Colour, unit: float
) -> None:
    if mark.width:
        stroke(draw, points, colour=colour, width=mark.width * unit)
    else:
        draw.polygon(points.ravel().tolist(), fill=colour)
