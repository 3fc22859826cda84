"""Head and face.

Points are in a head's own frame: the origin in its middle, one unit from crown to chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from data_pipelines.dolls.parts import Colour, Mark, Part, closed, mixed
from data_pipelines.dolls.person import Person
from data_pipelines.dolls.shapes import ellipse, mirrored, smooth, turned

_DARK = (46, 30, 30)
_WHITE = (250, 248, 244)


@dataclass(frozen=True, eq=False)
class HeadFrame:
    """Where a head is.

    Attributes:
      centre: float [2], its middle in figure units.
      size: from crown to chin, in figure units.
      angle: of its tilt, in radians.
      turn: shift of the features to the side, in head units.
    """

    centre: np.ndarray
    size: float
    angle: float
    turn: float

    def place(self, points: ArrayLike) -> np.ndarray:
        """Head points, float [K, 2], to figure points."""
        return turned(np.asarray(points, float) * self.size, self.angle) + self.centre


def head_frame(person: Person, joints: dict[str, np.ndarray]) -> HeadFrame:
    """The frame of a person's head."""
    pose = person.pose
    return HeadFrame(joints["head"], person.build.head, pose.head_tilt, 0.045 * pose.head_turn)


def head_parts(person: Person, frame: HeadFrame) -> list[Part]:
    """Ears, face with its features, glasses."""
    parts = [_ear(person, frame, sign=sign) for sign in (-1.0, 1.0)]
    parts.append(_face(person, frame))
    return [*parts, *_glasses(frame)] if person.face.glasses else parts


def _ear(person: Person, frame: HeadFrame, *, sign: float) -> Part:
    centre = np.array([sign * 0.385 - 0.4 * frame.turn, 0.06])
    outline = frame.place(ellipse(centre, (0.065, 0.11), angle=sign * 0.15))
    return Part("ear", "head", outline, person.skin, "skin", closed(outline))


def _face(person: Person, frame: HeadFrame) -> Part:
    jaw = person.build.jaw
    half = [(0.0, -0.5), (0.25, -0.43), (0.365, -0.2), (0.37, 0.04), (0.335 + 0.015 * jaw, 0.22)]
    half += [(0.21 + 0.06 * jaw, 0.41), (0.08 + 0.05 * jaw, 0.49), (0.0, 0.5)]
    outline = frame.place(smooth(mirrored(half), closed=True))
    marks = [
        *(_beard(person) if person.face.beard else []),
        *(_cheeks(person) if person.face.blush else []),
        *(mark for sign in (-1.0, 1.0) for mark in _eye(person, sign)),
        *_nose(person),
        *_mouth(person),
    ]
    shift = np.array([frame.turn, 0.0])
    placed = tuple(
        Mark(frame.place(mark.points + shift), mark.colour, mark.width * frame.size)
        for mark in marks
    )
    return Part("face", "head", outline, person.skin, "skin", closed(outline), placed)


def _eye(person: Person, sign: float) -> list[Mark]:
    face = person.face
    x, y, size = sign * 0.162, 0.05, face.eye_size
    wide, tall = 0.082 * size, (0.05 if face.lashes else 0.042) * size
    lid = np.array(
        [(-wide, 0.01), (-0.5 * wide, -0.8 * tall), (0.35 * wide, -tall), (wide, -0.012)]
    )
    low = np.array(
        [(wide, -0.012), (0.4 * wide, 0.75 * tall), (-0.5 * wide, 0.7 * tall), (-wide, 0.01)]
    )
    flip, place = np.array([sign, 1.0]), np.array([x, y])
    upper, lower = smooth(lid * flip) + place, smooth(low * flip) + place
    iris = np.array([x, y - 0.004])
    brow = np.array([(-0.095, -0.1), (0.0, -0.128), (0.1, -0.1 + 0.012 * face.brow)]) * flip + place
    brow_colour = mixed(person.hair, _DARK, share=0.45)
    return [
        Mark(np.concatenate([upper, lower]), _WHITE),
        Mark(ellipse(iris, (0.041 * size, 0.046 * size)), face.eyes),
        Mark(ellipse(iris, (0.022 * size, 0.026 * size)), (22, 18, 20)),
        Mark(ellipse(iris - 0.015, (0.011, 0.011)), (255, 255, 255)),
        Mark(upper, _DARK, 0.034 if face.lashes else 0.026),
        Mark(smooth(brow), brow_colour, 0.03 * face.brow),
    ]


def _nose(person: Person) -> list[Mark]:
    wide = 0.052 * person.face.nose
    shade = mixed(person.skin, (96, 30, 24), share=0.42)
    tip = smooth(
        np.array([(-wide, 0.19), (-0.45 * wide, 0.213), (0.45 * wide, 0.213), (wide, 0.19)])
    )
    bridge = np.array([(0.024, 0.05), (0.034, 0.13), (wide, 0.175)])
    return [
        Mark(smooth(bridge), mixed(person.skin, shade, share=0.35), 0.016),
        Mark(tip, shade, 0.02),
    ]


def _mouth(person: Person) -> list[Mark]:
    smile, lips = person.face.smile, person.face.lips
    wide, lift = 0.1 + 0.025 * smile, 0.03 * smile
    corner = np.array(
        [(-wide, 0.315 - lift), (-0.4 * wide, 0.33), (0.4 * wide, 0.33), (wide, 0.315 - lift)]
    )
    line = smooth(corner)
    full = 0.045 if person.face.lashes else 0.032
    bow = [
        (0.5 * wide, 0.302),
        (0.2 * wide, 0.292),
        (0.0, 0.3),
        (-0.2 * wide, 0.292),
        (-0.5 * wide, 0.302),
    ]
    upper = np.concatenate([line, smooth(np.array(bow))])
    below = [
        (0.55 * wide, 0.33 + 0.8 * full),
        (0.0, 0.335 + full),
        (-0.55 * wide, 0.33 + 0.8 * full),
    ]
    lower = np.concatenate([line, smooth(np.array(below))])
    return [
        Mark(upper, mixed(lips, _DARK, share=0.12)),
        Mark(lower, lips),
        Mark(line, mixed(lips, _DARK, share=0.6), 0.016),
    ]


def _cheeks(person: Person) -> list[Mark]:
    rouge = mixed(person.skin, (232, 84, 84), share=0.22)
    return [Mark(ellipse(np.array([s * 0.225, 0.2]), (0.075, 0.05)), rouge) for s in (-1, 1)]


def _beard(person: Person) -> list[Mark]:
    colour = mixed(person.skin, person.hair, share=0.8)
    rim = [(-0.45, 0.04), (-0.31, 0.1), (-0.26, 0.24), (-0.13, 0.262), (0.0, 0.25)]
    rim += [(0.13, 0.262), (0.26, 0.24), (0.31, 0.1), (0.45, 0.04), (0.45, 0.6), (-0.45, 0.6)]
    chin: Colour = mixed(colour, person.hair, share=0.5)
    return [Mark(np.array(rim), colour), Mark(ellipse(np.array([0.0, 0.5]), (0.16, 0.08)), chin)]


def _glasses(frame: HeadFrame) -> list[Part]:
    shift = np.array([frame.turn, 0.0])
    rings = [ellipse(np.array([s * 0.165, 0.06]), (0.12, 0.105)) for s in (-1, 1)]
    rings = [np.concatenate([ring, ring[:1]]) for ring in rings]
    bridge = np.array([(-0.05, 0.04), (0.05, 0.04)])
    wires = [frame.place(line + shift) for line in (*rings, bridge)]
    wires += [frame.place([(s * 0.285 + frame.turn, 0.03), (s * 0.385, 0.02)]) for s in (-1, 1)]
    nothing = np.zeros((0, 2))
    return [Part("glasses", "glasses", nothing, (48, 40, 42), "leather", (), seams=tuple(wires))]
