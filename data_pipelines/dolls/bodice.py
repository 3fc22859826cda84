"""Tops and the upper part of dresses: bodice, collar, sleeves."""

from __future__ import annotations

import numpy as np

from data_pipelines.dolls.body import (
    arm_joints,
    arm_strip,
    rounded_root,
    shoulder_edge,
    shoulder_joint,
)
from data_pipelines.dolls.drape import hanging_folds, limb_folds, trunk_strip
from data_pipelines.dolls.garment import Garment
from data_pipelines.dolls.parts import Part, closed, mixed
from data_pipelines.dolls.person import SHOULDER, SIDES, WAIST, Person
from data_pipelines.dolls.prints import print_marks
from data_pipelines.dolls.shapes import Strip, lengthened, smooth

BODICE_TOP = SHOULDER - 0.22  # upper edge of the printed cloth
_SIDE = -1.62  # lower end of the armhole
# From the middle of the front to the shoulder: (share of the shoulder's half width, height).
_NECKLINES = {
    "crew": ((0.0, -1.96), (0.2, -2.03), (0.34, -2.17)),
    "collar": ((0.0, -1.9), (0.17, -2.06), (0.31, -2.2)),
    "vee": ((0.0, -1.6), (0.18, -1.9), (0.37, -2.16)),
    "scoop": ((0.0, -1.72), (0.3, -1.82), (0.46, -2.13)),
    "boat": ((0.0, -2.0), (0.4, -2.03), (0.62, -2.1)),
    "straps": ((0.0, -1.66), (0.34, -1.75), (0.5, -2.11)),
}
_BACK = 0.8  # depth of a neckline's back, as a share of its front's
_COLLAR = ((0.31, -2.22), (0.17, -2.07), (0.02, -1.9), (0.16, -1.76), (0.36, -2.0), (0.4, -2.14))


def bodice_strips(
    garment: Garment, person: Person, *, joints: dict[str, np.ndarray]
) -> dict[str, Strip]:
    """The cloth of a top or dress on a person: "bodice" and, if any, "{side}_sleeve".

    Args:
      garment: a top or a dress.
      person: who wears it.
      joints: the person's joints.
    """
    found = {"bodice": trunk_strip(garment, person, top=BODICE_TOP, bottom=garment.hem)}
    for side in SIDES if garment.sleeve > 0.0 else ():
        places = arm_joints(joints, side)
        bare = arm_strip(person.build, places, stop=garment.sleeve, ease=garment.ease)
        found[f"{side}_sleeve"] = Strip(bare.left, bare.right, sag=0.03)
    return found


def bodice_parts(
    garment: Garment, person: Person, *, strips: dict[str, Strip], layer: str
) -> list[Part]:
    """Bodice, collar and sleeves of a top, or the whole of a dress.

    Args:
      garment: a top or a dress.
      person: who wears it.
      strips: its cloth, see `bodice_strips`.
      layer: where the bodice lies, see `parts.LAYERS`.
    """
    parts = [_bodice(garment, person, strips["bodice"], layer=layer)]
    if garment.neckline == "collar":
        parts += [_collar(garment, person, side=side) for side in SIDES]
    if garment.sleeve > 0.0:
        parts += [_sleeve(garment, person, strips[f"{side}_sleeve"], side=side) for side in SIDES]
    return parts


def neck_part(garment: Garment, person: Person) -> Part:
    """The inside of the back of a top or dress, seen through the neckline where no neck is.

    Args:
      garment: a top or a dress.
      person: who wears it; the part lies behind that person's neck.
    """
    neckline = np.array(_NECKLINES[garment.neckline])
    high = neckline[-1, 1]
    dip = (_nape(garment) - high) / (neckline[0, 1] - high)
    back = np.stack([neckline[:, 0], high + dip * (neckline[:, 1] - high)], 1)
    size = (person.build.shoulder, 1.0)
    half = np.concatenate([smooth(back * size), smooth(neckline * size)[-2::-1]])
    outline = person.pose.posed(np.concatenate([half, half[::-1] * (-1.0, 1.0)]))
    dark = mixed(garment.colour, (34, 28, 40), share=0.3)
    rim = np.concatenate([outline[-13:], outline[:13]])  # the back, from left to right
    return Part("neck", "trunk", outline, dark, "cloth", (rim,))


def neck_points(garment: Garment, person: Person) -> np.ndarray:
    """Middle of the neckline's back, then its front from left to right: float [6, 2]."""
    front = np.array(_NECKLINES[garment.neckline])
    points = np.concatenate([[(0.0, _nape(garment))], front[::-1] * (-1.0, 1.0), front[1:]])
    return person.pose.posed(points * (person.build.shoulder, 1.0))


def armhole_points(garment: Garment, person: Person) -> np.ndarray:
    """Upper and lower end of the armhole on the right of the picture, upright: float [2, 2]."""
    return _armhole(garment, person)[[0, -1]]


def _nape(garment: Garment) -> float:
    """Height of the middle of the neckline's back."""
    (_, low), *_, (_, high) = _NECKLINES[garment.neckline]
    return high + max(0.06, _BACK * (low - high))


def _armhole(garment: Garment, person: Person) -> np.ndarray:
    """From the shoulder down on the right of the picture, upright: float [3, 2]."""
    build = person.build
    if garment.neckline == "straps":
        hole = [(0.64 * build.shoulder, -2.07), (0.66 * build.shoulder, -1.8), (build.chest, _SIDE)]
    else:
        shoulder = build.shoulder if garment.sleeve else 0.76 * build.shoulder
        hole = [(shoulder - 0.1, SHOULDER - 0.05), (shoulder - 0.03, -1.8)]
        hole.append((build.chest + 0.02, _SIDE))
    return np.array(hole)


def _bodice(garment: Garment, person: Person, cloth: Strip, *, layer: str) -> Part:
    outline = _bodice_outline(garment, person)
    return Part(
        garment.category,
        layer,
        outline,
        garment.colour,
        "cloth",
        closed(outline),
        print_marks(cloth, garment.print, chest=SHOULDER + 0.62 - BODICE_TOP),
        _bodice_seams(garment, cloth),
        _bodice_folds(garment, cloth, side=1.0 if person.pose.sway > 0 else -1.0),
    )


def _bodice_outline(garment: Garment, person: Person) -> np.ndarray:
    """Neckline, armholes, sides and hem: float [K, 2]."""
    neck = smooth(np.array(_NECKLINES[garment.neckline]) * (person.build.shoulder, 1.0))
    half = np.concatenate([neck, smooth(_armhole(garment, person))[:-1]])
    left, right = person.pose.posed(half), person.pose.posed(half * (-1.0, 1.0))
    sides = trunk_strip(garment, person, top=_SIDE, bottom=garment.hem)
    hem = sides.across(sides.length)[::-1]
    return np.concatenate([left, sides.right, hem, sides.left[::-1], right[:0:-1]])


def _bodice_seams(garment: Garment, cloth: Strip) -> tuple[np.ndarray, ...]:
    if garment.category == "dress":
        seams = [cloth.across(WAIST - BODICE_TOP + 0.02)]
    else:
        seams = [cloth.across(cloth.length - 0.07)]
    if garment.neckline == "collar":
        stop = cloth.length if garment.category == "top" else WAIST - BODICE_TOP
        seams.append(cloth.at(np.zeros(8), np.linspace(0.32, stop, 8)))
    return tuple(seams)


def _bodice_folds(garment: Garment, cloth: Strip, *, side: float) -> tuple[np.ndarray, ...]:
    """Creases at waist and armpits; `side` is that of the hip that stands out."""
    waist, chest = WAIST - BODICE_TOP, SHOULDER + 0.34 - BODICE_TOP
    lines = [  # (u, u, v, v) from the edge inwards
        (0.98, 0.3, waist + 0.16, waist),
        (0.98, 0.35, waist - 0.1, waist - 0.16),
        (-0.98, -0.4, waist + 0.05, waist + 0.12),
        (0.95, 0.55, chest, chest + 0.28),
        (-0.95, -0.55, chest, chest + 0.26),
    ]
    folds = [
        cloth.at(side * np.linspace(start, stop, 5), np.linspace(high, low, 5))
        for start, stop, high, low in lines
    ]
    if garment.category == "dress":
        folds += hanging_folds(cloth, start=waist + 0.1, flare=garment.flare)
    return tuple(folds)


def _collar(garment: Garment, person: Person, *, side: str) -> Part:
    outline = person.pose.posed(np.array(_COLLAR) * (SIDES[side] * person.build.shoulder, 1.0))
    colour = mixed(garment.colour, (255, 255, 255), share=0.25)
    return Part(f"{side}_collar", "trim", outline, colour, "cloth", closed(outline))


def _sleeve(garment: Garment, person: Person, strip: Strip, *, side: str) -> Part:
    sign = SIDES[side]
    rim = np.concatenate([strip.left, strip.across(strip.length)[1:-1], strip.right[::-1]])
    elbow = 0.55 * strip.length
    rows = [(elbow + shift, -0.95 * sign) for shift in (-0.08, 0.05, 0.16)]
    folds = limb_folds(strip, [*rows, (0.3, 0.95 * sign)], drop=-0.05)
    return Part(
        f"{side}_sleeve",
        "sleeve_behind" if person.pose.arms[sign > 0].behind else "sleeve",
        np.concatenate([rim, rounded_root(strip)]),
        garment.colour,
        "cloth",
        (shoulder_edge(strip, rim, sign=sign),),
        print_marks(lengthened(strip, 0.22), garment.print),
        (strip.across(strip.length - 0.07),),
        tuple(folds) if garment.sleeve > 1.2 else (),
        shoulder_joint(strip, sign=sign),
    )
