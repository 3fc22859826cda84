"""Skin: legs, trunk with neck, arms with hands."""

from __future__ import annotations

import numpy as np

from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.person import CROTCH, HIP, NECK, SHOULDER, SIDES, WAIST, Build, Person
from data_pipelines.dolls.shapes import Strip, ellipse, limb_path, mirrored, ribbon, smooth

_THIGH = ((0.0, 0.48), (0.4, 0.47))  # shares of the hips' half width
_SHIN = ((0.95, 0.17), (1.1, 0.155), (1.4, 0.165), (1.7, 0.12), (1.95, 0.085), (2.0, 0.085))
_TOES = np.array([0.1, 0.0])
_ARM = ((0.0, 0.165), (0.4, 0.152), (0.9, 0.118), (1.2, 0.126), (1.6, 0.1), (2.0, 0.07))
_HAND = ((0.0, -0.066), (0.1, -0.09), (0.27, -0.095), (0.4, -0.07), (0.46, -0.01), (0.42, 0.05))
_THUMB = ((0.3, 0.075), (0.32, 0.15), (0.27, 0.175), (0.17, 0.135), (0.08, 0.09), (0.0, 0.066))


def skin_parts(person: Person, joints: dict[str, np.ndarray]) -> list[Part]:
    """Legs, trunk and arms of a person, without clothes and head."""
    return [
        *(_leg(person, joints, side=side) for side in SIDES),
        _trunk(person),
        *(_arm(person, joints, side=side) for side in SIDES),
    ]


def arm_joints(joints: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Shoulder, elbow, wrist: float [3, 2]."""
    return np.stack([joints[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist")])


def leg_joints(joints: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Hip, knee, ankle: float [3, 2]."""
    return np.stack([joints[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle")])


def arm_strip(build: Build, joints: np.ndarray, *, stop: float = 2.0, ease: float = 0.0) -> Strip:
    """Strip around an arm, wider than the arm by `ease` on each side."""
    return _limb(joints, [(t, build.limb * width + ease) for t, width in _ARM], stop=stop)


def leg_strip(
    build: Build, joints: np.ndarray, *, stop: float = 2.0, ease: float = 0.0, flare: float = 0.0
) -> Strip:
    """Strip around a leg, wider by `ease` on each side and by `flare` more at the ankle."""
    profile = [(t, build.hip * share) for t, share in _THIGH]
    profile += [(t, build.limb * width) for t, width in _SHIN]
    return _limb(joints, [(t, width + ease + 0.5 * t * flare) for t, width in profile], stop=stop)


def rounded_root(strip: Strip) -> np.ndarray:
    """Half circle over the first row of a limb, from its right edge to its left: float [7, 2]."""
    middle, arm = (strip.left[0] + strip.right[0]) / 2, (strip.right[0] - strip.left[0]) / 2
    angle = np.linspace(0.15, np.pi - 0.15, 7)[:, None]
    return middle + np.cos(angle) * arm + np.sin(angle) * np.array([arm[1], -arm[0]])


def shoulder_edge(strip: Strip, rim: np.ndarray, *, sign: float) -> np.ndarray:
    """The inked part of an arm's or sleeve's rim: from the top of the shoulder, not the armpit.

    Args:
      strip: the limb.
      rim: float [K, 2], down its left edge and up its right one.
      sign: 1 for the doll's left arm, -1 for the right one.
    """
    cap, root = rounded_root(strip), (strip.left[0] + strip.right[0]) / 2
    cap = cap[(cap[:, 0] - root[0]) * sign > -0.03]  # the outer side; none of a raised arm's
    return np.concatenate([rim[4:], cap] if sign > 0 else [cap, rim[:-4]])


def shoulder_joint(strip: Strip, *, sign: float) -> np.ndarray:
    """Region where an arm or sleeve goes on into the trunk."""
    root = (strip.left[0] + strip.right[0]) / 2
    return ellipse(root - (0.12 * sign, 0.04), (0.24, 0.3))


def trunk_width(build: Build, y: np.ndarray) -> np.ndarray:
    """Half width of an upright trunk at heights `y`, from the shoulders down."""
    knots = np.array([SHOULDER - 0.25, SHOULDER, -1.6, -1.4, -1.15, WAIST, -0.45, HIP, CROTCH])
    ribs = 0.55 * build.chest + 0.45 * build.waist
    hips = 0.75 * build.hip + 0.25 * build.waist
    shoulders = [build.shoulder, build.shoulder - 0.05, build.chest]
    widths = [*shoulders, build.chest, ribs, build.waist, hips, build.hip, build.hip]
    curve = smooth(np.stack([knots, widths], axis=1))
    return np.interp(y, curve[:, 0], curve[:, 1])


def _limb(joints: np.ndarray, profile: list[tuple[float, float]], *, stop: float) -> Strip:
    """Strip from the root to `stop`; the profile is pairs (place, half width)."""
    t = np.linspace(0.0, stop, 22)
    places, widths = np.transpose(profile)
    return ribbon(limb_path(joints, t), np.interp(t, places, widths))


def _leg(person: Person, joints: dict[str, np.ndarray], *, side: str) -> Part:
    strip = leg_strip(person.build, leg_joints(joints, side))
    toe = joints[f"{side}_ankle"] + np.array([SIDES[side] * 0.05, 0.2])
    foot = np.stack([strip.left[-1], toe - _TOES, toe + _TOES, strip.right[-1]])
    outline = np.concatenate([strip.left, foot, strip.right[::-1], rounded_root(strip)])
    return Part(f"{side}_leg", "leg", outline, person.skin, "skin", (strip.left, strip.right))


def _trunk(person: Person) -> Part:
    build = person.build
    y = np.linspace(-1.6, CROTCH, 10)
    sides = np.stack([trunk_width(build, y), y], axis=1)
    neck = 0.15 + 0.05 * (build.shoulder - 0.5) * 4
    top = [(neck, NECK - 0.3), (neck, NECK - 0.02), (neck + 0.07, NECK + 0.13)]
    slope = [(0.6 * build.shoulder, SHOULDER - 0.09), (build.shoulder - 0.14, SHOULDER - 0.02)]
    half = np.concatenate([top, slope, [(build.shoulder - 0.06, -1.8)], sides])
    outline = person.pose.posed(smooth(mirrored(half), closed=True))
    bones = [smooth([(s * 0.1, -2.0), (s * 0.25, -1.985), (s * 0.4, -2.02)]) for s in (-1, 1)]
    folds = tuple(person.pose.posed(bone) for bone in bones)
    return Part("trunk", "trunk", outline, person.skin, "skin", (outline,), folds=folds)


def _arm(person: Person, joints: dict[str, np.ndarray], *, side: str) -> Part:
    sign, factor = SIDES[side], person.build.limb
    places = arm_joints(joints, side)
    strip = arm_strip(person.build, places)
    along = places[2] - places[1]
    along /= np.hypot(*along)
    inward = np.array([along[1], -along[0]])
    inward *= -1.0 if inward[0] * sign > 0 else 1.0
    axes = np.stack([along, inward]) * (0.62 + 0.45 * factor)
    hand = smooth(_HAND + _THUMB) @ axes + places[2]
    flip = (
        strip.right[-1] - strip.left[-1]
    ) @ inward < 0  # the hand starts at the strip's left edge
    hand = hand[::-1] if flip else hand
    rim = np.concatenate([strip.left, hand, strip.right[::-1]])
    outline = np.concatenate([rim, rounded_root(strip)])
    gaps = [np.array([(0.27, a), (0.42, 0.8 * a)]) @ axes + places[2] for a in (-0.045, 0.0)]
    layer = "arm_behind" if person.pose.arms[sign > 0].behind else "arm"
    return Part(
        f"{side}_arm",
        layer,
        outline,
        person.skin,
        "skin",
        (shoulder_edge(strip, rim, sign=sign),),
        seams=tuple(gaps),
        joint=shoulder_joint(strip, sign=sign),
    )
