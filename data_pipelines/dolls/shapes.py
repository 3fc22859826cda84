"""Curves and strips: the geometry from which every part of a doll is cut.

All points are (x, y) in figure units (one unit is about one head), y grows downwards, angles are in
radians.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class Strip:
    """A band of cloth or skin between two edges, with coordinates of its own.

    `at(u, v)` is the way from the flat band to the figure: u in [-1, 1] runs across, v from 0 to
    `length` along.

    Attributes:
      left: float [K, 2], points of the edge u = -1.
      right: float [K, 2], points of the edge u = 1.
      sag: how far the middle of each row bows along the band, in figure units.
      flat: the band as it lay when it was printed, row for row; v, `length` and `half_width` are
        then measured there. None: the band is printed as it is.
    """

    left: np.ndarray
    right: np.ndarray
    sag: float = 0.0
    flat: Strip | None = None

    @property
    def printed(self) -> Strip:
        """The band as it lay when it was printed: `flat`, or itself."""
        return self if self.flat is None else self.flat

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """The v of each row: float [K], distance along the middle line."""
        if self.flat is not None:
            return self.flat.rows
        steps = np.diff((self.left + self.right) / 2, axis=0)
        return np.concatenate([[0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))])

    @property
    def length(self) -> float:
        """Length of the middle line, in figure units."""
        return float(self.rows[-1])

    @functools.cached_property
    def half_width(self) -> float:
        """Half of the mean width, in figure units."""
        if self.flat is not None:
            return self.flat.half_width
        across = self.right - self.left
        return float(np.hypot(across[:, 0], across[:, 1]).mean()) / 2

    def at(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Figure points of flat coordinates: float [..., 2]."""
        columns = (self.left[:, 0], self.left[:, 1], self.right[:, 0], self.right[:, 1])
        lx, ly, rx, ry = (np.interp(v, self.rows, column) for column in columns)
        bow = self.sag * (1.0 - u * u) / np.maximum(np.hypot(rx - lx, ry - ly), 1e-6)
        weight = (u + 1.0) / 2
        x = lx + weight * (rx - lx) - bow * (ry - ly)
        y = ly + weight * (ry - ly) + bow * (rx - lx)
        return np.stack([x, y], axis=-1)

    def across(self, v: float) -> np.ndarray:
        """The row at `v` from left to right: float [9, 2]."""
        return self.at(_ACROSS, np.full(9, v))

    def stretch(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """How small figures printed at (u, v) are deformed: float [K, 2, 2], `points @ stretch`."""
        if self.flat is None:
            return np.broadcast_to(np.eye(2), (*np.shape(u), 2, 2))
        return np.linalg.solve(self.flat._tangents(u, v), self._tangents(u, v))

    @functools.cached_property
    def widening(self) -> float:
        """How much wider than in print a printed line is, in the middle of the band."""
        middle = self.stretch(np.zeros(1), np.full(1, self.length / 2))
        return float(np.sqrt(np.abs(np.linalg.det(middle[0]))))

    def _tangents(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Change of `at` by a step of u (first row) and of v: float [K, 2, 2]."""
        v = np.clip(v, 1e-3 * self.length, 0.97 * self.length)
        step = 0.02 * self.length
        along = (self.at(u, v + step) - self.at(u, v)) / step
        return np.stack([(self.at(u + 0.05, v) - self.at(u - 0.05, v)) / 0.1, along], axis=-2)


def smooth(points: ArrayLike, *, closed: bool = False) -> np.ndarray:
    """Catmull-Rom curve through points: float [K, 2] to about [6 K, 2]."""
    points = np.asarray(points, float)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([points[:1], points, points[-1:]])
    windows = np.stack([padded[i : len(padded) - 3 + i] for i in range(4)], axis=1)
    curve = np.einsum("sk,nkc->nsc", _catmull_rom(), windows).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def mirrored(half: ArrayLike) -> np.ndarray:
    """Closed control polygon from its right half, which runs from the top to the bottom."""
    half = np.asarray(half, float)
    other = half[::-1] * (-1.0, 1.0)
    return np.concatenate([half, other[np.abs(other[:, 0]) > 1e-9]])


def ellipse(centre: np.ndarray, radii: tuple[float, float], *, angle: float = 0.0) -> np.ndarray:
    """Outline of an ellipse: float [20, 2]."""
    return turned(_circle() * radii, angle) + centre


def turned(points: ArrayLike, angle: float) -> np.ndarray:
    """Points turned about the origin; a positive angle turns x towards y."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points, float) @ np.array([[c, s], [-s, c]])


def limb_path(joints: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Soft path through three joints: t = 0 at the root, 1 at the middle joint, 2 at the tip.

    Args:
      joints: float [3, 2], root, middle joint (elbow, knee), tip.
      t: float [K] in [0, 2].

    Returns:
      float [K, 2]; near the middle joint a parabola, so that the path never has a corner.
    """
    bent = np.clip((t - 1.0 + _SOFT) / (2 * _SOFT), 0.0, 1.0)
    into = np.where(t < 1.0 - _SOFT, t, 1.0 - _SOFT)[:, None]
    beyond = np.where(t > 1.0 + _SOFT, t - 1.0, _SOFT)[:, None]
    start = joints[0] + into * (joints[1] - joints[0])
    end = joints[1] + beyond * (joints[2] - joints[1])
    bent = bent[:, None]
    return (1 - bent) ** 2 * start + 2 * bent * (1 - bent) * joints[1] + bent**2 * end


def ribbon(path: np.ndarray, half_width: np.ndarray, *, sag: float = 0.0) -> Strip:
    """Strip of varying width along a path: float [K, 2] and [K]."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    side = np.stack([along[:, 1], -along[:, 0]], axis=1) * np.asarray(half_width)[:, None]
    return Strip(path - side, path + side, sag)


def lengthened(strip: Strip, amount: float) -> Strip:
    """The strip with more cloth before its first row, `amount` figure units of it."""
    first, second = strip.left[:2] + strip.right[:2]
    back = (first - second) * amount / max(np.hypot(*(first - second)), 1e-9)
    left, right = (np.concatenate([edge[:1] + back, edge]) for edge in (strip.left, strip.right))
    flat = None if strip.flat is None else lengthened(strip.flat, amount)
    return Strip(left, right, strip.sag, flat)


def shortened(strip: Strip, share: float) -> Strip:
    """The first `share` of a strip, with as many rows."""
    places = np.linspace(0.0, share * (len(strip.left) - 1), len(strip.left))
    order = np.arange(len(strip.left))
    left, right = (
        np.stack([np.interp(places, order, column) for column in edge.T], axis=1)
        for edge in (strip.left, strip.right)
    )
    return Strip(left, right, strip.sag)


_ACROSS = np.linspace(-1.0, 1.0, 9)
_SOFT = 0.3  # share of a limb's segment that bends with the joint


@functools.cache
def _catmull_rom() -> np.ndarray:
    s = np.linspace(0.0, 1.0, 6, endpoint=False)[:, None]
    powers = np.concatenate([np.ones_like(s), s, s**2, s**3], axis=1)
    return powers @ np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2


@functools.cache
def _circle() -> np.ndarray:
    angle = np.linspace(0.0, 2 * np.pi, 20, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
