"""Hair: what hangs behind, what falls before the shoulders, what covers the crown.

Points are in the head's frame, see `head`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from data_pipelines.dolls.head import HeadFrame
from data_pipelines.dolls.parts import Part, closed
from data_pipelines.dolls.person import Person
from data_pipelines.dolls.shapes import mirrored, smooth

# Outer rim of the crown's hair, its right half from the top; the left half mirrors it.
_RIM = ((0.0, -0.58), (0.2, -0.545), (0.35, -0.4), (0.42, -0.18), (0.415, 0.02))
_SHORT = ((0.0, -0.56), (0.2, -0.525), (0.34, -0.38), (0.4, -0.17), (0.39, 0.06))
# Hairlines from the doll's left temple (positive x) to the right one.
_EVEN = (
    (0.335, 0.04),
    (0.325, -0.13),
    (0.24, -0.25),
    (0.0, -0.285),
    (-0.24, -0.25),
    (-0.325, -0.13),
    (-0.335, 0.04),
)
_SWEPT = (
    (0.34, 0.06),
    (0.33, -0.12),
    (0.25, -0.27),
    (0.14, -0.33),
    (-0.05, -0.2),
    (-0.24, -0.13),
    (-0.335, 0.03),
)
_PARTED = (
    (0.345, 0.1),
    (0.33, -0.08),
    (0.2, -0.24),
    (0.0, -0.36),
    (-0.2, -0.24),
    (-0.33, -0.08),
    (-0.345, 0.1),
)
_BANGS = (
    (0.35, 0.1),
    (0.325, -0.04),
    (0.2, -0.075),
    (0.0, -0.085),
    (-0.2, -0.075),
    (-0.325, -0.04),
    (-0.35, 0.1),
)
_QUIFF = ((0.0, -0.7), (0.16, -0.68), (0.33, -0.5), (0.39, -0.22), (0.385, 0.04))


def hair_parts(person: Person, frame: HeadFrame) -> list[Part]:
    """All parts of a person's hair."""
    return _STYLES[person.hair_style](person, frame)


def _crop(person: Person, frame: HeadFrame) -> list[Part]:
    return [_crown(person, frame, rim=_SHORT, line=_EVEN)]


def _quiff(person: Person, frame: HeadFrame) -> list[Part]:
    return [_crown(person, frame, rim=_QUIFF, line=_SWEPT)]


def _buzz(person: Person, frame: HeadFrame) -> list[Part]:
    rim = [(x * 0.965, y * 0.965) for x, y in _SHORT]
    return [_crown(person, frame, rim=rim, line=_EVEN, locks=0)]


def _pixie(person: Person, frame: HeadFrame) -> list[Part]:
    return [_crown(person, frame, rim=(*_RIM[:-1], (0.405, 0.12)), line=_SWEPT)]


def _bob(person: Person, frame: HeadFrame) -> list[Part]:
    behind = [(0.0, -0.56), (0.3, -0.46), (0.45, -0.1), (0.5, 0.3), (0.43, 0.54), (0.0, 0.5)]
    side = [
        (0.41, -0.2),
        (0.47, 0.1),
        (0.5, 0.36),
        (0.41, 0.54),
        (0.31, 0.5),
        (0.335, 0.2),
        (0.33, -0.1),
    ]
    return [
        _piece(person, frame, layer="hair_behind", points=mirrored(behind)),
        *_sides(person, frame, side=side, layer="hair"),
        _crown(person, frame, rim=_RIM, line=_BANGS),
    ]


def _long(person: Person, frame: HeadFrame) -> list[Part]:
    behind = [
        (0.0, -0.56),
        (0.32, -0.45),
        (0.46, -0.05),
        (0.5, 0.5),
        (0.52, 1.1),
        (0.4, 1.4),
        (0.0, 1.3),
    ]
    side = [(0.38, -0.3), (0.45, 0.05), (0.47, 0.5), (0.49, 0.95), (0.41, 1.3)]
    side += [(0.31, 1.12), (0.285, 0.6), (0.315, 0.25), (0.33, -0.1)]
    return [
        _piece(person, frame, layer="hair_behind", points=mirrored(behind)),
        *_sides(person, frame, side=side, layer="locks"),
        _crown(person, frame, rim=_RIM, line=_PARTED),
    ]


def _waves(person: Person, frame: HeadFrame) -> list[Part]:
    behind = [(0.0, -0.58), (0.34, -0.46), (0.49, -0.1), (0.47, 0.15), (0.58, 0.42), (0.52, 0.65)]
    behind += [(0.61, 0.92), (0.46, 1.12), (0.2, 1.02), (0.0, 1.05)]
    side = [(0.4, -0.25), (0.49, 0.0), (0.46, 0.22), (0.56, 0.46), (0.49, 0.68), (0.55, 0.92)]
    side += [(0.4, 1.08), (0.3, 0.9), (0.37, 0.7), (0.28, 0.5), (0.34, 0.25), (0.33, -0.1)]
    return [
        _piece(person, frame, layer="hair_behind", points=mirrored(behind)),
        *_sides(person, frame, side=side, layer="locks"),
        _crown(person, frame, rim=_RIM, line=_SWEPT),
    ]


def _bun(person: Person, frame: HeadFrame) -> list[Part]:
    knot = [(0.0, -0.83), (0.15, -0.8), (0.22, -0.68), (0.18, -0.56), (0.0, -0.52)]
    return [
        _piece(person, frame, layer="hair_behind", points=mirrored(knot)),
        _crown(person, frame, rim=_SHORT, line=_EVEN),
    ]


def _ponytail(person: Person, frame: HeadFrame) -> list[Part]:
    side = -1.0 if frame.turn > 0 else 1.0
    tail = [(0.1, -0.5), (0.36, -0.5), (0.56, -0.25), (0.6, 0.2), (0.64, 0.6), (0.56, 0.98)]
    tail += [(0.48, 0.7), (0.4, 0.3), (0.36, -0.1)]
    return [
        _piece(person, frame, layer="hair_behind", points=np.array(tail) * (side, 1.0)),
        _crown(person, frame, rim=_SHORT, line=_SWEPT),
    ]


def _afro(person: Person, frame: HeadFrame) -> list[Part]:
    angle = np.linspace(0.0, 2 * np.pi, 33)[:-1]
    radius = np.where(np.arange(32) % 2, 0.57, 0.61)
    cloud = np.stack([radius * np.cos(angle), 1.02 * radius * np.sin(angle) - 0.15], axis=1)
    return [
        _piece(person, frame, layer="hair_behind", points=cloud),
        _fringe(person, frame, cloud=cloud),
    ]


def _curls(person: Person, frame: HeadFrame) -> list[Part]:
    angle = np.linspace(0.25 * np.pi, -1.25 * np.pi, 24)
    radius = np.where(np.arange(24) % 2, 0.49, 0.55)
    outer = np.stack([radius * np.cos(angle), radius * np.sin(angle) - 0.06], axis=1)
    brow = np.array([(-0.34, 0.1), (-0.34, -0.1), (-0.24, -0.2), (-0.13, -0.17), (0.0, -0.23)])
    line = np.concatenate([brow, [(0.12, -0.18), (0.24, -0.22), (0.34, -0.1), (0.34, 0.1)]])
    return [
        _piece(person, frame, layer="hair_behind", points=outer),
        _fringe(person, frame, cloud=outer, line=line),
    ]


def _fringe(
    person: Person, frame: HeadFrame, *, cloud: np.ndarray, line: ArrayLike = _EVEN
) -> Part:
    """The front of a cloud of hair: it has a hairline but no rim of its own."""
    line_curve = _hairline(frame, line)
    left_first = line_curve if line_curve[0, 0] < 0 else line_curve[::-1]
    top = 0.96 * cloud[cloud[:, 1] < -0.12]
    rim = top[np.argsort(-top[:, 0])]
    outline, edge = frame.place(np.concatenate([left_first, rim])), frame.place(left_first)
    return Part("hair", "hair", outline, person.hair, "hair", (edge,), joint=frame.place(cloud))


def _crown(
    person: Person, frame: HeadFrame, *, rim: ArrayLike, line: ArrayLike, locks: int = 7
) -> Part:
    """Hair over the skull, from its rim down to the hairline; `locks` strands run along it."""
    half = np.array(rim)
    left = half[::-1] * (-1.0, 1.0)
    top = smooth(np.concatenate([left, half[1:]]))
    line_curve = _hairline(frame, line)
    outline = frame.place(np.concatenate([top, line_curve]))
    strands = _strands(top, line_curve[::-1], count=locks)
    folds = tuple(frame.place(strand) for strand in strands)
    return Part("hair", "hair", outline, person.hair, "hair", closed(outline), folds=folds)


def _hairline(frame: HeadFrame, line: ArrayLike) -> np.ndarray:
    """A hairline as a curve; it follows the turn of the face half-way."""
    return smooth(np.array(line)) + np.array([0.6 * frame.turn, 0.0])


def _strands(top: np.ndarray, line: np.ndarray, *, count: int) -> list[np.ndarray]:
    """Curves between the rim and the hairline."""
    shares = (np.arange(count) + 0.8) / (count + 0.6)
    strands = []
    for share in shares:
        high, low = top[int(share * (len(top) - 1))], line[int(share * (len(line) - 1))]
        middle = (high + low) / 2 * (1.08, 1.04)
        strands.append(smooth(np.stack([high * 0.97, middle, low * (1.0, 1.05)])))
    return strands


def _sides(person: Person, frame: HeadFrame, *, side: ArrayLike, layer: str) -> list[Part]:
    return [
        _piece(person, frame, layer=layer, points=np.array(side) * (sign, 1.0))
        for sign in (-1.0, 1.0)
    ]


def _piece(person: Person, frame: HeadFrame, *, layer: str, points: ArrayLike) -> Part:
    points = np.asarray(points, float)
    outline = frame.place(smooth(points, closed=True))
    return Part("hair", layer, outline, person.hair, "hair", closed(outline))


_STYLES = {
    "crop": _crop,
    "quiff": _quiff,
    "buzz": _buzz,
    "pixie": _pixie,
    "bob": _bob,
    "long": _long,
    "waves": _waves,
    "bun": _bun,
    "ponytail": _ponytail,
    "afro": _afro,
    "curls": _curls,
}
