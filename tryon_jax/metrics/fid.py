"""Frechet distance of two sets of features: FID over Inception's, FD-VGG16 over VGG16's.

FID = |m1 - m2|^2 + Tr S1 + Tr S2 - 2 Tr (S1 S2)^(1/2), means and unbiased covariances of the
features of all pictures, in float64 on the host. What a number means is settled by the features'
convention (`inception.load`, `vgg16.load`) and by how many pictures there are on each side.

A set is kept as a factor R of its scatter, R'R = sum (x - m)(x - m)', with few rows as long as
there are few pictures. Then Tr (S1 S2)^(1/2) is the sum of the singular values of R1 R2' divided by
((n1 - 1)(n2 - 1))^(1/2): no root of a singular matrix, and the distance of a set to itself is 0 to
1e-12.

Source: Heusel et al. 2017 (arXiv 1706.08500), eq. 6; the factors by Chan et al. 1979 and by QR.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """What a Frechet distance needs of a set of features."""

    count: int  # pictures
    mean: np.ndarray  # float64 [D]
    factor: np.ndarray  # float64 [R, D], R at most twice D or so: R'R is the scatter


def init(width: int) -> Moments:
    """An empty set of features with `width` numbers each."""
    return Moments(0, np.zeros(width), np.zeros((0, width)))


def update(moments: Moments, features: np.ndarray) -> Moments:
    """The set with more features, [N, D]; any float type, computed in float64.

    Raises:
      ValueError: if they are not [N, D] or not finite.
    """
    features = np.asarray(features, np.float64)
    width = len(moments.mean)
    if features.ndim != 2 or features.shape[1] != width:
        raise ValueError(f"this set has features of [N, {width}], got {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("features must be finite: one NaN makes every distance NaN")
    if not len(features):
        return moments
    mean = features.mean(0)
    return merge(moments, Moments(len(features), mean, features - mean))


def merge(a: Moments, b: Moments) -> Moments:
    """Both sets together, as if all features had come in one update.

    Raises:
      ValueError: if their features have not the same width.
    """
    _check_widths(a, b)
    if not a.count or not b.count:
        return b if b.count else a
    count = a.count + b.count
    apart = (b.mean - a.mean) * np.sqrt(a.count * b.count / count)
    factor = np.concatenate([a.factor, b.factor, apart[None]])
    width = factor.shape[1]
    if len(factor) > 2 * width:  # not sooner: each shortening costs 2 D^3 operations or more
        factor = _shortened(factor)
    return Moments(count, a.mean + (b.mean - a.mean) * (b.count / count), factor)


def from_covariance(mean: np.ndarray, covariance: np.ndarray, *, count: int) -> Moments:
    """A set of which others kept mean [D] and unbiased covariance [D, D].

    Raises:
      ValueError: if the shapes do not fit, or the covariance has clearly negative eigenvalues.
    """
    mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    if covariance.shape != (mean.size, mean.size):
        raise ValueError(
            f"a mean of {mean.shape} needs a covariance of {(mean.size, mean.size)}, "
            f"got {covariance.shape}"
        )
    values, vectors = np.linalg.eigh(covariance)
    if values[0] < -1e-6 * max(values[-1], 0):
        raise ValueError(f"a covariance has no negative eigenvalues, got {values[0]:.3g}")
    roots = np.sqrt(np.maximum(values, 0) * (count - 1))
    return Moments(count, mean, roots[:, None] * vectors.T)


def compute(a: Moments, b: Moments) -> float:
    """The Frechet distance of two sets; symmetric; rounding may leave -1e-12 for equal ones.

    Raises:
      ValueError: if a set has fewer than two pictures, or the widths differ.
    """
    _check_widths(a, b)
    for moments in (a, b):
        if moments.count < 2:
            raise ValueError(
                f"a covariance needs two pictures or more on each side, got {moments.count}"
            )
    apart = a.mean - b.mean
    traces = [np.sum(x.factor**2) / (x.count - 1) for x in (a, b)]
    return float(apart @ apart + sum(traces) - 2 * _trace_of_root(a, b))


def caution(a: Moments, b: Moments) -> str:
    """What a reader of the distance should know, for people; "" where there is nothing to say."""
    width, fewest = len(a.mean), min(a.count, b.count)
    if fewest > width:
        return ""
    return (
        f"{fewest} pictures are not more than {width} features: the distance is mostly bias and "
        "compares only with values of the same numbers of pictures; KID has no such bias"
    )


def _trace_of_root(a: Moments, b: Moments) -> float:
    """Tr (S1 S2)^(1/2), by the singular values of the factors' product."""
    first, second = (
        _shortened(x.factor) if len(x.factor) > 1.2 * len(x.mean) else x.factor for x in (a, b)
    )
    values = np.linalg.svd(first @ second.T, compute_uv=False)
    return float(values.sum() / np.sqrt((a.count - 1.0) * (b.count - 1.0)))


def _shortened(factor: np.ndarray) -> np.ndarray:
    """A factor of the same scatter with no more rows than columns."""
    return np.asarray(np.linalg.qr(factor, mode="r"))


def _check_widths(a: Moments, b: Moments) -> None:
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"both sets must have features of one width, got {a.mean.size} and {b.mean.size}; "
            "are they of two networks?"
        )
