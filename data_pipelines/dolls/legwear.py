"""What is worn below: skirts, trousers, shorts, shoes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data_pipelines.dolls.body import leg_joints, leg_strip
from data_pipelines.dolls.drape import hanging_folds, limb_folds, trunk_strip
from data_pipelines.dolls.garment import Garment, Outfit
from data_pipelines.dolls.parts import Mark, Part, closed, mixed
from data_pipelines.dolls.person import CROTCH, HIP, SIDES, WAIST, Person
from data_pipelines.dolls.prints import print_marks
from data_pipelines.dolls.shapes import Strip, smooth

TROUSER_BELT = WAIST + 0.3  # y of the upper edge on an upright doll
_SKIRT_BELT = WAIST + 0.12
_SOLE = ((-0.25, 0.3), (0.0, 0.325), (0.25, 0.3), (0.25, 0.5), (-0.25, 0.5))


def legwear_strips(
    garment: Garment, person: Person, *, joints: dict[str, np.ndarray]
) -> dict[str, Strip]:
    """The cloth worn below on a person: "skirt", or "seat" and "{side}_leg".

    Args:
      garment: a skirt, trousers or shorts.
      person: who wears it.
      joints: the person's joints.
    """
    if garment.category == "skirt":
        return {"skirt": trunk_strip(garment, person, top=_SKIRT_BELT, bottom=garment.hem)}
    stop = 1.97 if garment.category == "trousers" else (garment.hem - HIP - 0.1) / 1.4
    fit = {"stop": stop, "ease": garment.ease, "flare": garment.flare}
    seat = trunk_strip(replace(garment, flare=0.0), person, top=TROUSER_BELT, bottom=HIP)
    legs = {
        f"{side}_leg": leg_strip(person.build, leg_joints(joints, side), **fit) for side in SIDES
    }
    return {"seat": seat, **legs}


def skirt(garment: Garment, strip: Strip, *, layer: str) -> Part:
    """A skirt, from the waist."""
    top, hem = strip.across(0.0), strip.across(strip.length)
    outline = np.concatenate([top, strip.right[1:], hem[-2::-1], strip.left[-2:0:-1]])
    return Part(
        garment.category,
        layer,
        outline,
        garment.colour,
        "cloth",
        closed(outline),
        print_marks(strip, garment.print),
        (strip.across(0.11),),
        tuple(hanging_folds(strip, start=0.0, flare=garment.flare)),
    )


def trousers(garment: Garment, person: Person, *, strips: dict[str, Strip], layer: str) -> Part:
    """Trousers or shorts, from just below the waist."""
    seat, legs = strips["seat"], [strips[f"{side}_leg"] for side in SIDES]
    crotch = person.pose.posed(np.array([0.0, CROTCH + 0.05]))
    outline = _trouser_outline(seat, legs, crotch=crotch)
    fly = np.concatenate([seat.at(np.zeros(5), np.linspace(0.1, seat.length, 5)), crotch[None]])
    pockets = [seat.at(np.linspace(0.45, 0.97, 4) * s, np.linspace(0.12, 0.4, 4)) for s in (-1, 1)]
    hems = [leg.across(leg.length - 0.07) for leg in legs]
    return Part(
        garment.category,
        layer,
        outline,
        garment.colour,
        "cloth",
        closed(outline),
        tuple(mark for strip in (seat, *legs) for mark in print_marks(strip, garment.print)),
        (seat.across(0.11), fly, *pockets, *hems),
        tuple(_trouser_folds(legs if garment.category == "trousers" else [], crotch)),
    )


def shoe(outfit: Outfit, ankle: np.ndarray, *, side: str) -> Part:
    """One shoe or boot, seen from the front, on the ankle at float [2]."""
    sign = SIDES[side]
    top, half = (-0.5, 0.13) if outfit.boots else (-0.04, 0.105)
    shape = [(-half, top), (half, top), (half, 0.05), (0.15, 0.2), (0.13, 0.33), (0.0, 0.36)]
    shape += [(-0.11, 0.33), (-0.12, 0.2), (-half, 0.05)]
    outward = np.array([sign * 0.02, 0.0])
    outline = smooth(np.array(shape) * (sign, 1.0), closed=True) + outward + ankle
    pale = sum(outfit.shoes) > 600
    sole = mixed(outfit.shoes, (70, 66, 64) if pale else (250, 246, 238), share=0.75)
    laces = [np.array([(-0.06, y), (0.06, y)]) + outward + ankle for y in (0.1, 0.16)]
    return Part(
        f"{side}_shoe",
        "shoe",
        outline,
        outfit.shoes,
        "leather",
        closed(outline),
        (Mark(np.array(_SOLE) + ankle, sole),),
        () if outfit.boots else tuple(laces),
    )


def _trouser_outline(seat: Strip, legs: list[Strip], *, crotch: np.ndarray) -> np.ndarray:
    """One outline around the seat and both legs, the doll's right leg first in `legs`."""
    right, left = legs
    middle = (right.right + left.left) / 2
    apart = (left.left[:, 0] > right.right[:, 0])[:, None]  # elsewhere the thighs touch
    below = middle[:, 1] > crotch[1] + 0.05
    inner_left = np.where(apart, left.left, middle)[below]
    inner_right = np.where(apart, right.right, middle)[below]
    hem_left, hem_right = left.across(left.length), right.across(right.length)
    down = [seat.across(0.0), seat.right[1:-2], left.right[2:-1], hem_left[::-1]]
    inside = [inner_left[-2::-1], crotch[None], inner_right[:-1]]
    up = [hem_right[::-1], right.left[-2:1:-1], seat.left[-3:0:-1]]
    return np.concatenate([*down, *inside, *up])


def _trouser_folds(legs: list[Strip], crotch: np.ndarray) -> list[np.ndarray]:
    """Creases that spread from the crotch, and those at the knees and ankles of long legs."""
    spread = np.array([(0.07, 0.02), (0.17, -0.03), (0.27, -0.1)])
    folds = [crotch + spread * (sign, 1.0) for sign in SIDES.values()]
    for leg, sign in zip(legs, SIDES.values(), strict=False):
        knee, ankle = 0.5 * leg.length, leg.length - 0.2
        rows = [(knee, 0.9), (knee + 0.1, -0.9), (knee - 0.12, -0.8), (ankle, 0.8)]
        folds += limb_folds(leg, [(v, u * sign) for v, u in rows], drop=0.08)
    return folds
