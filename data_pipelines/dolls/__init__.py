"""Paper dolls: a seeded procedural set of dressed figures, the library's built-in data.

`draw(index, seed=..., style=..., size=...)` gives the doll `index` of the set `seed`, as a "photo"
or "drawn", `silhouette` where it is. A doll is a `Person`, an `Outfit` and a `Scene`, each from its
own random stream, so that the same doll appears in both styles and at every size, on every machine.
The makers (`body`, `head`, `hair`, `clothes`) turn them into parts in figure units, the painter
paints them. `portrait` gives the same doll's head and shoulders on white.

For try-on, `doll` gives the record itself, `dressed` the same doll in another garment, `figure`
its picture with parse map, keypoints and silhouette, `flat` a garment alone on white, `worn` the
true masks and the true warp of a garment on a doll, `landmarks` the points of both, `joints` those
of the doll alone, `category` DeepFashion2's number of a garment, `subsets` what makes the doll
hard. For changes of category, `wearer` gives a doll in a garment of
a category and `counterpart` the same doll in the same cloth of another cut.
"""

from __future__ import annotations

import numpy as np

from data_pipelines.dolls.fit import Worn, seen, worn
from data_pipelines.dolls.garment import Garment
from data_pipelines.dolls.paint import paint
from data_pipelines.dolls.people import NOISE, Doll, doll, dressed, parts_of, stream, top_of
from data_pipelines.dolls.points import Landmarks, category, joints, landmarks
from data_pipelines.dolls.portrait import portrait
from data_pipelines.dolls.shop import Flat, flat
from data_pipelines.dolls.styles import STYLES, style_named
from data_pipelines.dolls.subsets import subsets
from data_pipelines.dolls.view import Figure, Frame, figure
from data_pipelines.dolls.wardrobe import counterpart, garment_of, wearer

__all__ = [
    "STYLES",
    "Doll",
    "Figure",
    "Flat",
    "Garment",
    "Landmarks",
    "Worn",
    "category",
    "counterpart",
    "doll",
    "draw",
    "dressed",
    "figure",
    "flat",
    "garment_of",
    "joints",
    "landmarks",
    "portrait",
    "seen",
    "silhouette",
    "subsets",
    "top_of",
    "wearer",
    "worn",
]


def draw(index: int, *, seed: int, style: str, size: int) -> np.ndarray:
    """Picture of one doll.

    Args:
      index: which doll, 0 or more.
      seed: which set of dolls, 0 or more.
      style: "photo" (soft light, studio wall, grain) or "drawn" (flat colour, ink, paper).
      size: side of the picture in pixels, 16 or more.

    Returns:
      uint8 [size, size, 3], sRGB; the same arguments give the same picture.

    Raises:
      ValueError: if an argument is out of its range.
    """
    found = style_named(style)
    if size < 16:
        raise ValueError(f"a doll is at least 16 pixels high, got size {size}; ask for 64 or more")
    shown = doll(index, seed, kind="any")
    return paint(
        parts_of(shown.person, shown.outfit),  # printed on the body, not on the flat garment
        scene=shown.scene,
        style=found,
        height=size,
        width=size,
        noise=stream(index, seed, use=NOISE),
    )


def silhouette(index: int, *, seed: int, size: int) -> np.ndarray:
    """Where the doll of `draw` is, the same in both styles.

    Args:
      index: which doll, 0 or more.
      seed: which set of dolls, 0 or more.
      size: side of the picture in pixels, 16 or more.

    Returns:
      uint8 [size, size], 255 on the doll, else 0.

    Raises:
      ValueError: if an argument is out of its range.
    """
    shown = doll(index, seed, kind="any")
    outlines = [part.outline for part in parts_of(shown.person, shown.outfit)]
    return Frame(shown.scene, size, size).filled(outlines, [255] * len(outlines))
