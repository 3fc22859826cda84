"""Whole dolls by number, and the same doll in other clothes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from data_pipelines.dolls.body import skin_parts
from data_pipelines.dolls.clothes import Strips, worn_parts
from data_pipelines.dolls.garment import (
    Garment,
    Outfit,
    draw_outfit,
    draw_plain_bottom,
    draw_plain_top,
    draw_separates,
)
from data_pipelines.dolls.hair import hair_parts
from data_pipelines.dolls.head import head_frame, head_parts
from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.pattern import flat_strips
from data_pipelines.dolls.person import Person, draw_person, joints
from data_pipelines.dolls.poses import draw_try_on_pose
from data_pipelines.dolls.scene import Scene, draw_scene, draw_try_on_scene

KINDS = ("any", "try_on")
PERSON, OUTFIT, SCENE, NOISE, POSE, SPARE, CUT, RECUT = range(8)  # the random streams of a doll


@dataclass(frozen=True)
class Doll:
    """One doll: who, in what, seen how; equal records give equal pictures."""

    person: Person
    outfit: Outfit
    scene: Scene
    index: int
    seed: int


def doll(index: int, seed: int = 0, *, kind: str = "try_on") -> Doll:
    """The doll of a number.

    Args:
      index: which doll, 0 or more.
      seed: which set of dolls, 0 or more.
      kind: "any": persons, outfits and square pictures as in `draw`; "try_on": always a top and
        something below, calm poses, an eighth of them with hands before the garment, seen from the
        hair to between hips and knees in a picture of 4:3.

    Raises:
      ValueError: if an argument is out of its range.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}, got {kind!r}; choose one of them")
    person = draw_person(stream(index, seed, use=PERSON))
    outfits, scenes = (stream(index, seed, use=use) for use in (OUTFIT, SCENE))
    share = 0.6 if person.face.lashes else 0.06
    if kind == "any":
        outfit = draw_outfit(outfits, skirts=share)
        return Doll(person, outfit, draw_scene(scenes), index, seed)
    outfit = draw_separates(outfits, skirts=0.7 * share)
    # no spline with 5 x 5 nodes can follow a long sleeve across the trunk, so these are rare
    covering = 0.05 if outfit.garments[0].sleeve > 1.2 else 0.14
    pose = draw_try_on_pose(stream(index, seed, use=POSE), covering=covering)
    person = replace(person, pose=pose)
    return Doll(person, outfit, draw_try_on_scene(scenes), index, seed)


def dressed(doll: Doll, garment: Garment) -> Doll:
    """The same doll in another garment.

    Args:
      doll: who changes clothes.
      garment: takes the place of what covers the same part of the body. Where a dress goes or
        comes, a plain garment of the doll's own appears or its other garment vanishes.
    """
    spare = stream(doll.index, doll.seed, use=SPARE)
    worn = {place_of(g): g for g in doll.outfit.garments if g.category != "dress"}
    if garment.category == "dress":
        garments: tuple[Garment, ...] = (garment,)
    elif garment.category == "top":
        garments = (garment, worn.get("below") or draw_plain_bottom(spare))
    else:
        garments = (worn.get("above") or draw_plain_top(spare), garment)
    return replace(doll, outfit=replace(doll.outfit, garments=garments))


def top_of(doll: Doll) -> Garment:
    """The garment that try-on swaps: the top, or the dress."""
    return next(g for g in doll.outfit.garments if place_of(g) == "above")


def place_of(garment: Garment) -> str:
    """Where a garment is worn: "above" (tops, dresses) or "below"."""
    return "above" if garment.category in ("top", "dress") else "below"


def all_parts(doll: Doll) -> list[Part]:
    """All parts of a doll; the prints are those of its garments laid flat."""
    flats = {garment: flat_strips(garment) for garment in doll.outfit.garments}
    return parts_of(doll.person, doll.outfit, flats=flats)


def parts_of(
    person: Person, outfit: Outfit, *, flats: Mapping[Garment, Strips] | None = None
) -> list[Part]:
    """All parts of a person in an outfit.

    Args:
      person: who wears it.
      outfit: what is worn.
      flats: see `clothes.worn_parts`.
    """
    places = joints(person)
    frame = head_frame(person, places)
    return [
        *skin_parts(person, places),
        *worn_parts(outfit, person, joints=places, flats=flats),
        *head_parts(person, frame),
        *hair_parts(person, frame),
    ]


def stream(index: int, seed: int, *, use: int) -> np.random.Generator:
    """A source of chance of a doll, one for each use.

    Raises:
      ValueError: if index or seed are negative.
    """
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed are 0 or more, got {index} and {seed}; count from 0")
    return np.random.Generator(np.random.PCG64((seed, index, use)))
