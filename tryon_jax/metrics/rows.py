"""Features kept whole, for estimators that draw from them: KID's subsets, Inception Score's splits.

Memory is bounded by what the protocols need: 2 032 pictures of 2 048 features are 17 MB.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """The features of a set in the order in which they came."""

    width: int
    parts: tuple[np.ndarray, ...]  # float32 or float64, [N, width] each

    def array(self) -> np.ndarray:
        """All features, [N, width]."""
        return np.concatenate([np.zeros((0, self.width), np.float32), *self.parts])


def init(width: int) -> Rows:
    """An empty set of features with `width` numbers each."""
    return Rows(width, ())


def update(rows: Rows, features: np.ndarray) -> Rows:
    """The set with more features, [N, width].

    Raises:
      ValueError: if they are not [N, width] or not finite.
    """
    features = np.array(features)  # a copy: the caller may use its buffer again
    if features.ndim != 2 or features.shape[1] != rows.width:
        raise ValueError(f"this set has features of [N, {rows.width}], got {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("features must be finite: one NaN makes every score NaN")
    return rows._replace(parts=(*rows.parts, features))


def merge(a: Rows, b: Rows) -> Rows:
    """Both sets together, the second behind the first.

    Raises:
      ValueError: if their features have not the same width.
    """
    if a.width != b.width:
        raise ValueError(
            f"both sets must have features of one width, got {a.width} and {b.width}; "
            "are they of two networks?"
        )
    return a._replace(parts=a.parts + b.parts)
