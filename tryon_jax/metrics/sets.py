"""Sets of pictures by their features: streamed, merged, compared.

A set keeps what a Frechet distance needs of all its pictures, and whole features of some thousands
of them, for kernel distances and for intervals. Which ones are kept depends on the features alone,
so that parts may come in any order and from any process. Memory is bounded: 50 000 pictures of
2 048 features are 34 MB of factors and 25 MB of features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tryon_jax.metrics import fid, rows

KEPT = 3000  # whole features: more than any test set of translation or try-on


class Features(NamedTuple):
    """The features of a set of pictures."""

    moments: fid.Moments  # of all
    kept: rows.Rows  # of all up to KEPT, then of a random part

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return self.moments.count

    @property
    def complete(self) -> bool:
        """Whether the features of every picture are kept."""
        return sum(map(len, self.kept.parts)) == self.count


def init(width: int) -> Features:
    """An empty set of pictures with `width` features each."""
    return Features(fid.init(width), rows.init(width))


def update(features: Features, found: np.ndarray) -> Features:
    """The set with more pictures, [N, width].

    Raises:
      ValueError: if they are not [N, width] or not finite.
    """
    kept = rows.update(features.kept, found)
    return Features(fid.update(features.moments, found), _bounded(kept))


def merge(a: Features, b: Features) -> Features:
    """Both sets together, the second behind the first.

    Raises:
      ValueError: if their features have not the same width.
    """
    return Features(fid.merge(a.moments, b.moments), _bounded(rows.merge(a.kept, b.kept)))


def merged(parts: Iterable[Features], *, width: int) -> Features:
    """All parts together, such as those of several processes."""
    whole = init(width)
    for part in parts:
        whole = merge(whole, part)
    return whole


def _bounded(kept: rows.Rows) -> rows.Rows:
    """The rows with the smallest fingerprints, in their order."""
    if sum(map(len, kept.parts)) <= KEPT:
        return kept
    array = kept.array()
    prints = np.array([hashlib.blake2b(x.tobytes(), digest_size=8).digest() for x in array])
    chosen = np.sort(np.argsort(prints, kind="stable")[:KEPT])
    return kept._replace(parts=(array[chosen],))
