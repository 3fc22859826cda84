"""The drawing: flat saturated colours within ink lines, on paper."""

from __future__ import annotations

import colorsys
import functools

import numpy as np
from PIL import Image, ImageDraw

from data_pipelines.dolls.paint import Canvas, Piece, stroke
from data_pipelines.dolls.parts import Colour, Part
from data_pipelines.dolls.scene import Scene

_INK = (38, 28, 44)
_OUTLINE, _DETAIL = 0.0085, 0.0042  # width of the lines as a share of the picture's height


class Drawn:
    """Style "drawn"; see `paint.Style`."""

    def ground(self, scene: Scene) -> Colour:
        """Blank paper."""
        return scene.paper

    def tone(self, colour: Colour) -> Colour:
        """A saturated colour from a small paint box."""
        return _paint_box(colour)

    def place(self, canvas: Canvas, piece: Piece) -> None:
        """The flat piece, then the ink of its folds, seams and edges."""
        canvas.image.paste(piece.layer, piece.corner, piece.mask)
        detail = (*piece.part.folds, *piece.part.seams)
        self._ink(canvas, detail, share=_DETAIL)
        self._ink(canvas, piece.part.edges, share=_OUTLINE)

    def stroke(self, canvas: Canvas, part: Part) -> None:
        """Lines in ink."""
        self._ink(canvas, part.seams, share=0.8 * _OUTLINE)

    def finish(
        self, canvas: Canvas, *, height: int, width: int, noise: np.random.Generator
    ) -> np.ndarray:
        """The drawing as it is; it has no grain."""
        del noise
        return np.asarray(canvas.image.resize((width, height), Image.Resampling.HAMMING))

    def _ink(self, canvas: Canvas, lines: tuple[np.ndarray, ...], *, share: float) -> None:
        width = share * canvas.image.height
        pen = ImageDraw.Draw(canvas.image)
        for line in lines:
            stroke(pen, canvas.pixels(line), colour=_INK, width=width)


@functools.lru_cache(maxsize=512)
def _paint_box(colour: Colour) -> Colour:
    """Lightness in steps of a twelfth, more saturation where there is any."""
    hue, light, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))
    light = min(1.0, round(light * 12 + 0.3) / 12)
    saturation = min(1.0, saturation * 1.35)
    red, green, blue = (round(255 * c) for c in colorsys.hls_to_rgb(hue, light, saturation))
    return red, green, blue
