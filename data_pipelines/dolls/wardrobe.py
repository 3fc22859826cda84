"""A doll in a garment of a chosen category, and the same doll in the same cloth of another cut."""

from __future__ import annotations

from dataclasses import replace

from data_pipelines.dolls.garment import Garment, draw_of_category, recut
from data_pipelines.dolls.people import CUT, RECUT, Doll, doll, dressed, place_of, stream
from data_pipelines.dolls.points import category as category_of
from data_pipelines.dolls.scene import Scene

_FEET = 3.45  # y of the lower edge of a picture that shows the shoes
_ARMS = 3.4  # figure units that a picture is wide, so that the arms are in it


def wearer(index: int, seed: int = 0, *, category: int, aspect: float) -> Doll:
    """The doll of a number in a garment of a category, all of which the picture shows.

    Args:
      index: which doll, 0 or more; it stands as for try-on.
      seed: which set of dolls, 0 or more.
      category: DeepFashion2's number, see `garment.draw_of_category`.
      aspect: width over height of the picture.

    Raises:
      ValueError: if an argument is out of its range.
    """
    garment = draw_of_category(stream(index, seed, use=CUT), category=category)
    found = dressed(doll(index, seed, kind="try_on"), garment)
    bottom = _FEET if place_of(garment) == "below" else found.scene.top + found.scene.span
    return replace(found, scene=_framed(found.scene, bottom=bottom, aspect=aspect))


def counterpart(doll: Doll, garment: Garment, *, category: int) -> Doll:
    """The same doll, whose garment is cut as another category from the same cloth.

    Args:
      doll: who wears the garment.
      garment: a top, or what is worn below.
      category: DeepFashion2's number of the new cut.

    Raises:
      ValueError: if the category is worn elsewhere on the body.
    """
    rng = stream(doll.index, doll.seed, use=RECUT)
    return dressed(doll, recut(rng, garment, category=category))


def garment_of(doll: Doll, *, category: int) -> Garment:
    """The garment of a category that a doll wears.

    Raises:
      ValueError: if it wears none.
    """
    for garment in doll.outfit.garments:
        if category_of(garment) == category:
            return garment
    worn = ", ".join(str(category_of(garment)) for garment in doll.outfit.garments)
    raise ValueError(f"the doll wears the categories {worn}, not {category}: ask for one of them")


def _framed(scene: Scene, *, bottom: float, aspect: float) -> Scene:
    """A scene down to `bottom`, with room for both arms; what is over lies above and below."""
    needed = bottom - scene.top
    span = max(needed, _ARMS / aspect)
    return replace(scene, top=scene.top - (span - needed) / 2, span=span)
