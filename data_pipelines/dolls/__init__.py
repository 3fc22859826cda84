"""Paper dolls: a seeded procedural set of dressed figures, the library's built-in data.

`draw(index, seed=..., style=..., size=...)` gives the doll `index` of the set `seed`, as a "photo"
or "drawn". A doll is a `Person`, an `Outfit` and a `Scene`, each from its own random stream, so
that the same doll appears in both styles and at every size, on every machine. The makers (`body`,
`head`, `hair`, `clothes`) turn them into parts in figure units, the painter paints them.
"""

from __future__ import annotations

import numpy as np

from data_pipelines.dolls.body import skin_parts
from data_pipelines.dolls.clothes import worn_parts
from data_pipelines.dolls.drawn import Drawn
from data_pipelines.dolls.garment import draw_outfit
from data_pipelines.dolls.hair import hair_parts
from data_pipelines.dolls.head import head_frame, head_parts
from data_pipelines.dolls.paint import Style, paint
from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.person import draw_person, joints
from data_pipelines.dolls.photo import Photo
from data_pipelines.dolls.scene import draw_scene

STYLES: dict[str, Style] = {"photo": Photo(), "drawn": Drawn()}
_PERSON, _OUTFIT, _SCENE, _NOISE = range(4)  # the random streams of a doll


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
    if style not in STYLES:
        raise ValueError(f"style is one of {', '.join(STYLES)}, got {style!r}; choose one of them")
    if size < 16:
        raise ValueError(f"a doll is at least 16 pixels high, got size {size}; ask for 64 or more")
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed are 0 or more, got {index} and {seed}; count from 0")
    scene = draw_scene(_stream(index, seed, use=_SCENE))
    noise = _stream(index, seed, use=_NOISE)
    return paint(_parts(index, seed), scene=scene, style=STYLES[style], size=size, noise=noise)


def _parts(index: int, seed: int) -> list[Part]:
    person = draw_person(_stream(index, seed, use=_PERSON))
    share = 0.6 if person.face.lashes else 0.06
    outfit = draw_outfit(_stream(index, seed, use=_OUTFIT), skirts=share)
    places = joints(person)
    frame = head_frame(person, places)
    return [
        *skin_parts(person, places),
        *worn_parts(outfit, person, joints=places),
        *head_parts(person, frame),
        *hair_parts(person, frame),
    ]


def _stream(index: int, seed: int, *, use: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64((seed, index, use)))
