"""The two styles by name, and how a shop shows a garment in either."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from data_pipelines.dolls.drawn import Drawn
from data_pipelines.dolls.paint import Canvas, Piece, Style
from data_pipelines.dolls.parts import Colour, Part
from data_pipelines.dolls.photo import Photo
from data_pipelines.dolls.scene import Scene

STYLES: dict[str, Style] = {"photo": Photo(), "drawn": Drawn()}


def style_named(name: str) -> Style:
    """The style of a name.

    Raises:
      ValueError: if there is none.
    """
    if name not in STYLES:
        raise ValueError(f"style is one of {', '.join(STYLES)}, got {name!r}; choose one of them")
    return STYLES[name]


@dataclass(frozen=True)
class OnWhite:
    """A style on a white ground without light, shadow or grain behind the parts."""

    style: Style

    def ground(self, scene: Scene) -> Colour:
        """White in every scene."""
        del scene
        return 255, 255, 255

    def tone(self, colour: Colour) -> Colour:
        """As in the style."""
        return self.style.tone(colour)

    def place(self, canvas: Canvas, piece: Piece) -> None:
        """As in the style."""
        self.style.place(canvas, piece)

    def stroke(self, canvas: Canvas, part: Part) -> None:
        """As in the style."""
        self.style.stroke(canvas, part)

    def finish(
        self, canvas: Canvas, *, height: int, width: int, noise: np.random.Generator
    ) -> np.ndarray:
        """The parts as painted."""
        del noise
        return np.asarray(canvas.image.resize((width, height), Image.Resampling.HAMMING))
