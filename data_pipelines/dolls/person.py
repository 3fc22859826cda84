"""Who stands there: body shape, pose, skin, hair and face, drawn from a seed; and the joints.

Figure units: the origin is the middle of the pelvis of an upright doll, x to the right of the
picture, y down, one unit about one head. Sides are the doll's own: its right is at negative x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from data_pipelines.dolls.parts import Colour, mixed

NECK, SHOULDER, WAIST, HIP, CROTCH, KNEE, ANKLE = -2.3, -1.98, -0.85, 0.0, 0.34, 1.52, 2.9
SIDES = {"right": -1.0, "left": 1.0}
_SHORT_HAIR = ("crop", "quiff", "buzz", "crop", "quiff", "buzz", "afro", "curls", "bun")
_FULL_HAIR = (
    "long",
    "waves",
    "bob",
    "ponytail",
    "long",
    "waves",
    "bob",
    "bun",
    "pixie",
    "afro",
    "curls",
)
_SKINS = (
    (255, 226, 205),
    (247, 209, 182),
    (238, 193, 160),
    (222, 172, 135),
    (198, 143, 104),
    (166, 112, 78),
    (134, 88, 62),
    (104, 68, 50),
)
_HAIRS = (
    (38, 30, 32),
    (58, 40, 34),
    (92, 60, 42),
    (128, 84, 52),
    (168, 112, 62),
    (214, 172, 108),
    (168, 78, 46),
    (150, 148, 150),
    (196, 92, 110),
)
_EYES = ((70, 46, 32), (96, 66, 40), (62, 104, 132), (84, 116, 82), (104, 112, 120))


@dataclass(frozen=True)
class Build:
    """Shape of a body.

    Attributes:
      shoulder: half width of the trunk there, in figure units; `chest`, `waist`, `hip` likewise.
      chest: see `shoulder`.
      waist: see `shoulder`.
      hip: see `shoulder`.
      limb: factor on the width of arms and legs.
      head: height of the head in figure units.
      jaw: its squareness, in [0, 1].
    """

    shoulder: float
    chest: float
    waist: float
    hip: float
    limb: float
    head: float
    jaw: float


@dataclass(frozen=True)
class Arm:
    """How an arm is held; angles outwards, in radians.

    Attributes:
      upper: angle of the upper arm from hanging.
      fore: angle of the forearm from the upper arm.
      behind: whether the arm is behind the trunk.
    """

    upper: float
    fore: float
    behind: bool = False


@dataclass(frozen=True)
class Pose:
    """How the doll stands; shifts in figure units, angles in radians.

    Attributes:
      lean: sideways shift of the shoulders.
      sway: sideways shift of the hips.
      tilt: angle of the shoulders; the hips tilt half as far the other way.
      head_tilt: angle of the head.
      head_turn: shift of the features over the face, in [-1, 1].
      arms: right and left.
      stance: (x, y) of the right and left ankle from their straight place.
    """

    lean: float
    sway: float
    tilt: float
    head_tilt: float
    head_turn: float
    arms: tuple[Arm, Arm]
    stance: tuple[tuple[float, float], tuple[float, float]]

    def posed(self, points: ArrayLike) -> np.ndarray:
        """Points of an upright trunk, float [..., 2], moved as the spine bends."""
        x, y = np.moveaxis(np.asarray(points, float), -1, 0)
        up = np.clip(y / SHOULDER, 0.0, 1.15)
        slope = self.tilt * (1.5 * up - 0.5)
        return np.stack([x + self.lean * up * up + self.sway * (1.0 - up), y + slope * x], axis=-1)


@dataclass(frozen=True)
class Face:
    """Colours and proportions of a face; factors are around 1."""

    eyes: Colour
    lips: Colour
    eye_size: float
    brow: float
    nose: float
    smile: float
    blush: bool
    lashes: bool
    glasses: bool
    beard: bool


@dataclass(frozen=True)
class Person:
    """A doll without its clothes."""

    build: Build
    pose: Pose
    face: Face
    skin: Colour
    hair: Colour
    hair_style: str


def draw_person(rng: np.random.Generator) -> Person:
    """A person from a generator; the same generator state gives the same person."""
    frame = float(np.clip(rng.integers(2) + rng.normal(0.0, 0.18), -0.2, 1.2))
    build = _draw_build(rng, frame)
    tone = rng.uniform(0.0, len(_SKINS) - 1.001)
    skin = mixed(_SKINS[int(tone)], _SKINS[int(tone) + 1], share=tone % 1.0)
    shades = len(_HAIRS) if tone < 4 else 4  # fair and dyed hair goes with the lighter skins
    hair = _HAIRS[rng.choice(shades, p=_weights(shades))]
    return Person(
        build=build,
        pose=draw_pose(rng),
        face=_draw_face(rng, frame, skin=skin),
        skin=skin,
        hair=hair,
        hair_style=str(rng.choice(_SHORT_HAIR if frame > 0.5 else _FULL_HAIR)),
    )


def joints(person: Person) -> dict[str, np.ndarray]:
    """Places of the joints: each float [2], keys `neck`, `chin`, `head` and `{side}_{joint}`."""
    build, pose = person.build, person.pose
    found = {"neck": pose.posed(np.array([0.0, NECK + 0.12]))}
    found["chin"] = pose.posed(np.array([0.0, NECK - 0.07]))
    rise = turned_up(pose.head_tilt) * 0.5 * build.head
    found["head"] = found["chin"] + rise
    for side, arm, stance in zip(SIDES, pose.arms, pose.stance, strict=True):
        sign = SIDES[side]
        shoulder = pose.posed(np.array([sign * (build.shoulder - 0.12), SHOULDER + 0.16]))
        elbow = shoulder + 1.02 * _hanging(sign, arm.upper)
        found[f"{side}_shoulder"] = shoulder
        found[f"{side}_elbow"] = elbow
        found[f"{side}_wrist"] = elbow + 0.9 * _hanging(sign, arm.upper + arm.fore)
        hip = pose.posed(np.array([sign * build.hip * 0.53, HIP + 0.1]))
        ankle = np.array([sign * (0.27 + stance[0]), ANKLE + stance[1]])
        knee = hip + (ankle - hip) * 0.5 + (sign * (0.02 + 0.25 * stance[0]), 0.0)
        found[f"{side}_hip"], found[f"{side}_knee"], found[f"{side}_ankle"] = hip, knee, ankle
    return found


def draw_pose(rng: np.random.Generator) -> Pose:
    """A pose from a generator; the same generator state gives the same pose."""
    sway = rng.uniform(-0.1, 0.1)
    free = rng.uniform(0.05, 0.3)
    rest = (rng.uniform(-0.05, 0.05), 0.0)
    step = (free, -0.35 * free)
    return Pose(
        lean=rng.uniform(-0.1, 0.1) - 0.4 * sway,
        sway=sway,
        tilt=rng.uniform(-0.03, 0.03) + 0.5 * sway,
        head_tilt=rng.uniform(-0.1, 0.1),
        head_turn=rng.uniform(-1.0, 1.0),
        arms=(_draw_arm(rng), _draw_arm(rng)),
        stance=(step, rest) if sway > 0 else (rest, step),
    )


def turned_up(angle: float) -> np.ndarray:
    """Unit vector that points up, turned by an angle."""
    return np.array([np.sin(angle), -np.cos(angle)])


def _hanging(sign: float, angle: float) -> np.ndarray:
    return np.array([sign * np.sin(angle), np.cos(angle)])


def _weights(count: int) -> np.ndarray:
    weights = np.array([3, 4, 4, 3, 2, 2.5, 1.5, 0.8, 0.6])[:count]
    return weights / weights.sum()


def _draw_build(rng: np.random.Generator, frame: float) -> Build:
    weight = float(np.clip(rng.normal(0.15, 0.45), -0.6, 1.3))
    return Build(
        shoulder=0.58 + 0.1 * frame + 0.03 * weight,
        chest=0.44 + 0.08 * frame + 0.06 * weight,
        waist=0.35 + 0.09 * frame + 0.1 * weight,
        hip=0.5 - 0.04 * frame + 0.07 * weight,
        limb=0.9 + 0.14 * frame + 0.16 * weight,
        head=rng.uniform(1.1, 1.18),
        jaw=float(np.clip(0.75 * frame + 0.2 * weight, 0.0, 1.0)),
    )


def _draw_arm(rng: np.random.Generator) -> Arm:
    kind = rng.choice(
        ["hanging", "open", "on_hip", "behind", "raised"], p=[0.42, 0.2, 0.2, 0.08, 0.1]
    )
    upper, fore = {
        "hanging": ((0.14, 0.32), (-0.22, 0.05)),
        "open": ((0.4, 0.65), (-0.3, 0.3)),
        "on_hip": ((0.68, 0.8), (-1.56, -1.44)),
        "behind": ((0.3, 0.42), (-0.85, -0.65)),
        "raised": ((0.7, 1.1), (1.35, 1.75)),
    }[str(kind)]
    return Arm(rng.uniform(*upper), rng.uniform(*fore), behind=bool(kind == "behind"))


def _draw_face(rng: np.random.Generator, frame: float, *, skin: Colour) -> Face:
    soft = frame < 0.5
    rouge = (200, 60, 70) if soft else (176, 84, 80)
    return Face(
        eyes=_EYES[rng.integers(len(_EYES) if sum(skin) > 520 else 2)],
        lips=mixed(skin, rouge, share=rng.uniform(0.35, 0.75) if soft else rng.uniform(0.25, 0.4)),
        eye_size=rng.uniform(0.9, 1.12) + 0.06 * soft,
        brow=rng.uniform(0.7, 1.0) + 0.4 * (not soft),
        nose=rng.uniform(0.85, 1.15) + 0.1 * (not soft),
        smile=rng.uniform(0.3, 1.0),
        blush=bool(soft and rng.random() < 0.7),
        lashes=soft,
        glasses=bool(rng.random() < 0.15),
        beard=bool(not soft and rng.random() < 0.35),
    )
