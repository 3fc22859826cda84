"""The common language of the doll makers and the painter: a doll is a list of parts.

`body`, `head`, `hair` and `clothes` make parts in figure units; `paint` paints them from back to
front and knows nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Colour = tuple[int, int, int]  # sRGB, 0 to 255

# Where a part lies, from back to front.
LAYERS = (
    "hair_behind",
    "arm_behind",
    "sleeve_behind",
    "leg",
    "shoe",
    "trunk",
    "under",
    "over",
    "trim",
    "arm",
    "sleeve",
    "locks",
    "head",
    "hair",
    "glasses",
)


@dataclass(frozen=True, eq=False)
class Mark:
    """A flat patch or stroke on a part, clipped to the part's outline.

    Attributes:
      points: float [K, 2] in figure units.
      colour: sRGB.
      width: of the stroke along `points`, in figure units; 0 fills the polygon `points`.
    """

    points: np.ndarray
    colour: Colour
    width: float = 0.0


@dataclass(frozen=True, eq=False)
class Part:
    """One visible piece of a doll.

    Attributes:
      name: what it is ("left_sleeve", "trunk", "face"), left and right as the doll has them.
      layer: one of `LAYERS`.
      outline: float [K, 2], closed, in figure units.
      colour: sRGB.
      material: "skin", "cloth", "hair" or "leather": how it takes light.
      edges: open or closed polylines, the stretches of the outline where the piece ends.
      marks: prints and features, in order.
      seams: fine lines drawn in both styles (buttons, fingers, pockets).
      folds: soft creases, shaded in a photograph, inked in a drawing.
      joint: float [K, 2], region (often none) where the piece goes on into its neighbour; light
        finds no edge there.
    """

    name: str
    layer: str
    outline: np.ndarray
    colour: Colour
    material: str
    edges: tuple[np.ndarray, ...]
    marks: tuple[Mark, ...] = ()
    seams: tuple[np.ndarray, ...] = ()
    folds: tuple[np.ndarray, ...] = ()
    joint: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))


def closed(outline: np.ndarray) -> tuple[np.ndarray, ...]:
    """The edges of a part that is drawn all around."""
    return (np.concatenate([outline, outline[:1]]),)


def mixed(first: Colour, second: Colour, *, share: float) -> Colour:
    """Colour between two; `share` is that of the second, in [0, 1]."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
