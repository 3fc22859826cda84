"""Landmarks: the joints of a doll as COCO numbers them, the points of a garment as DeepFashion2.

DeepFashion2 counts from the picture's left: neckline, then down the left sleeve and side, along the
hem and up on the right. Source: Ge et al., DeepFashion2 (2019), figure 2 of the definitions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_pipelines.dolls.bodice import armhole_points, neck_points
from data_pipelines.dolls.clothes import Strips
from data_pipelines.dolls.fit import unhidden, worn
from data_pipelines.dolls.garment import Garment
from data_pipelines.dolls.paint import in_order
from data_pipelines.dolls.people import Doll, all_parts
from data_pipelines.dolls.person import CROTCH, SIDES, Person
from data_pipelines.dolls.view import Frame, keypoints

_COCO17 = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)  # places in COCO-18
_EARS, _SHOULDERS, _ARMS = (3, 4), (5, 6), (7, 8, 9, 10)  # in COCO-17, left and right in turn
_ROW = np.array([-1.0, 0.0, 1.0])  # u of a row's left end, middle and right end
_LONG = 1.2  # sleeves beyond this place on the arm are long


class Landmarks(NamedTuple):
    """Landmarks of a doll and one of its garments.

    Each row is (x, y, visibility): pixels from the centre of the first one; 2 seen, 1 hidden by
    something else, 0 (and 0, 0) outside the picture.

    Attributes:
      coco17: float32 [17, 3], the doll's joints.
      garment: float32 [K, 3], in DeepFashion2's order for `category` of the garment.
    """

    coco17: np.ndarray
    garment: np.ndarray


def landmarks(doll: Doll, garment: Garment, *, height: int = 256, width: int = 192) -> Landmarks:
    """Landmarks of a doll and of a garment that it wears.

    Args:
      doll: who wears it.
      garment: one of its outfit's garments.
      height: of the picture in pixels, 16 or more.
      width: likewise.

    Raises:
      ValueError: if the doll does not wear the garment, or the picture is too small.
    """
    seen = worn(doll, garment, height=height, width=width).visible > 0
    frame = Frame(doll.scene, height, width)
    _, strips = unhidden(doll, garment)
    points = frame.pixels(_outline(garment, doll.person, strips))
    reach = max(1, round(height / 128))  # the points lie on the rim of what is seen
    near = [_around(seen, point, reach=reach).any() for point in points]
    return Landmarks(
        joints(doll, height=height, width=width), _with_visibility(points, np.array(near), frame)
    )


def joints(doll: Doll, *, height: int = 256, width: int = 192) -> np.ndarray:
    """The 17 joints of a doll as COCO numbers them: float32 [17, 3], see `Landmarks`.

    Args:
      doll: whose.
      height: of the picture in pixels, 16 or more.
      width: likewise.
    """
    frame = Frame(doll.scene, height, width)
    places = keypoints(doll.person, frame)[list(_COCO17), :2]
    return _with_visibility(places, _joints_seen(doll, places, frame), frame)


def category(garment: Garment) -> int:
    """DeepFashion2's number of a garment's category."""
    if garment.category in ("trousers", "shorts", "skirt"):
        return {"shorts": 7, "trousers": 8, "skirt": 9}[garment.category]
    sleeve = 0 if garment.sleeve == 0.0 else 1 if garment.sleeve < _LONG else 2
    return {"top": (5, 1, 2), "dress": (12, 10, 11)}[garment.category][sleeve]


def _outline(garment: Garment, person: Person, strips: Strips) -> np.ndarray:
    """All points of a garment, in figure units: float [K, 2]."""
    if "bodice" in strips:
        return _upper(garment, person, strips)
    if "skirt" in strips:
        skirt = strips["skirt"]
        waist, hem = skirt.at(_ROW, np.zeros(3)), skirt.at(_ROW, np.full(3, skirt.length))
        left, right = skirt.at(_ROW[[0, 2]], np.full(2, skirt.length / 2))
        return np.stack([*waist, left, *hem, right])
    places = (1.0,) if garment.category == "shorts" else (0.5, 1.0)
    waist = strips["seat"].at(_ROW, np.zeros(3))
    crotch = person.pose.posed(np.array([0.0, CROTCH + 0.05]))
    right, left = (_leg(strips, side, places=places) for side in SIDES)
    return np.stack([*waist, *right, crotch, *left[::-1]])


def _leg(strips: Strips, side: str, *, places: tuple[float, ...]) -> np.ndarray:
    """Down the outer edge of a leg and up the inner one, from the hip: float [K, 2]."""
    leg, out = strips[f"{side}_leg"], SIDES[side]
    down = [(out, 0.0 if len(places) > 1 else 0.5), *((out, place) for place in places)]
    up = [(-out, place) for place in places[::-1]]
    u, share = np.transpose([*down, *up])
    return leg.at(u, share * leg.length)


def _upper(garment: Garment, person: Person, strips: Strips) -> np.ndarray:
    """Points of a top or dress."""
    bodice = strips["bodice"]
    right, left = (_flank(garment, person, strips, side=side) for side in SIDES)
    hem = bodice.at(np.zeros(1), np.full(1, bodice.length))
    return np.concatenate([neck_points(garment, person), right, hem, left[::-1]])


def _flank(garment: Garment, person: Person, strips: Strips, *, side: str) -> np.ndarray:
    """Shoulder, sleeve, armpit, side and hem's corner of one half: float [K, 2]."""
    out, bodice = SIDES[side], strips["bodice"]
    shoulder, pit = person.pose.posed(armhole_points(garment, person) * (out, 1.0))
    points = [shoulder]
    if garment.sleeve:
        sleeve, count = strips[f"{side}_sleeve"], 3 if garment.sleeve > _LONG else 1
        share = np.arange(1, count + 2) / (count + 1)
        u = np.repeat((out, -out), count + 1)
        points += [*sleeve.at(u, np.concatenate([share, share[::-1]]) * sleeve.length)]
    sides = {"top": 2, "dress": 4}[garment.category] - (0 if garment.sleeve else 1)
    start = np.interp(
        pit[1], bodice.at(np.full(len(bodice.rows), out), bodice.rows)[:, 1], bodice.rows
    )
    rows = np.linspace(start, bodice.length, sides + 2)[1:]
    return np.stack([*points, pit, *bodice.at(np.full(sides + 1, out), rows)])


def _around(mask: np.ndarray, point: np.ndarray, *, reach: int) -> np.ndarray:
    """The part of a mask within `reach` pixels of a point (x, y)."""
    x, y = np.round(point).astype(int)
    low_x, low_y = max(x - reach, 0), max(y - reach, 0)
    return mask[low_y : max(y + reach + 1, 0), low_x : max(x + reach + 1, 0)]


def _joints_seen(doll: Doll, joints: np.ndarray, frame: Frame) -> np.ndarray:
    """Whether nothing but clothes lies over each of the 17 joints: bool [17]."""
    parts = in_order(all_parts(doll))
    names = ["", *(part.name for part in parts)]
    map_ = frame.filled([part.outline for part in parts], range(1, len(parts) + 1))
    columns, rows = np.round(joints).astype(int).T
    seen = []
    for number, name in enumerate(names[index] for index in map_[rows, columns]):
        if number in _ARMS:
            seen.append(name.startswith(("right", "left")[number % 2]))
        elif number in _EARS + _SHOULDERS:
            seen.append(name != "hair")
        else:
            seen.append(not name.endswith(("_arm", "_sleeve")))
    return np.array(seen)


def _with_visibility(points: np.ndarray, seen: np.ndarray, frame: Frame) -> np.ndarray:
    """Points with their visibility; those outside the picture are 0: float32 [K, 3]."""
    inside = np.all((points > 0) & (points <= (frame.width - 1, frame.height - 1)), axis=1)
    rows = np.concatenate([points, 1.0 + seen[:, None]], axis=1)
    return np.where(inside[:, None], rows, 0.0).astype(np.float32)
