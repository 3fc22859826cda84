"""95 % intervals by the bootstrap: how far a number would move with other pictures of the kind.

Means over pictures take percentiles of resampled means. Distances of sets take the value, plus and
minus 1.96 deviations of the resampled distances: a resampled set repeats pictures, which raises
every Frechet distance, so that percentiles would not even contain the value.

Source: Efron and Tibshirani 1993, chapters 6 and 13; resampling by counts instead of copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

RESAMPLED = 1000  # of means
DEVIATIONS = 1.96  # of a normal distribution, that 95 % lie within
MOST, FEWEST = 200, 20  # resampled distances of sets, as cost allows
COST = 1.2e10  # operations for all resampled distances together, about


class Interval(NamedTuple):
    """Where 95 % of the resampled values lie."""

    low: float
    high: float


def of_mean(values: np.ndarray, *, seed: int = 0) -> Interval:
    """Of the mean of one number per picture, [N]; both ends are the value if there is only one."""
    values = np.asarray(values, np.float64)
    counts = _counts(len(values), seed=seed, times=RESAMPLED)
    means = np.array([count @ values for count in counts]) / max(len(values), 1)
    return Interval(*(float(x) for x in np.percentile(means, (2.5, 97.5))))


def of_frechet(x: np.ndarray, y: np.ndarray, *, value: float, seed: int = 0) -> Interval:
    """Of a Frechet distance of features [N, D] and [M, D], both sets resampled."""
    basis = np.linalg.qr(np.concatenate([x, y]).astype(np.float64).T, mode="reduced")[0]
    x, y = x @ basis, y @ basis  # the same distances in fewer dimensions, if there are few pictures
    sizes = min(x.shape), min(y.shape)

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        (mean_a, first), (mean_b, second) = _factor(x, a), _factor(y, b)
        root = np.linalg.svd(first @ second.T, compute_uv=False).sum()
        traces = np.sum(first**2) + np.sum(second**2)
        return float(np.sum((mean_a - mean_b) ** 2) + traces - 2 * root)

    times = int(np.clip(COST / (12 * max(sizes) ** 3), FEWEST, MOST))
    return _around(value, distance, len(x), len(y), times=times, seed=seed)


def of_kernel(x: np.ndarray, y: np.ndarray, *, value: float, seed: int = 0) -> Interval:
    """Of an unbiased kernel distance (KID) of features [N, D] and [M, D], both sets resampled."""
    together = np.concatenate([x, y]).astype(np.float64)
    linear = together @ together.T / together.shape[1] + 1
    kernel = linear * linear * linear
    split = len(x)
    own = np.diag(kernel)

    def within(counts: np.ndarray, part: slice) -> float:
        pairs = counts.sum() ** 2 - (counts**2).sum()  # of different pictures
        return float((counts @ kernel[part, part] @ counts - counts**2 @ own[part]) / pairs)

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        first, second = slice(0, split), slice(split, None)
        across = a @ kernel[first, second] @ b / (a.sum() * b.sum())
        return within(a, first) + within(b, second) - 2 * float(across)

    return _around(value, distance, split, len(y), times=MOST, seed=seed)


def _around(
    value: float,
    distance: Callable[[np.ndarray, np.ndarray], float],
    n: int,
    m: int,
    *,
    times: int,
    seed: int,
) -> Interval:
    pairs = zip(
        _counts(n, seed=seed, times=times), _counts(m, seed=seed + 1, times=times), strict=True
    )
    # a draw of one picture alone has no spread
    values = [distance(a, b) for a, b in pairs if np.count_nonzero(a) > 1 < np.count_nonzero(b)]
    half = DEVIATIONS * float(np.std(values)) if values else float("nan")
    return Interval(value - half, value + half)


def _counts(n: int, *, seed: int, times: int) -> Iterator[np.ndarray]:
    """How often each of n pictures is drawn, float64 [n], `times` times."""
    random = np.random.default_rng(seed)
    for _ in range(times):
        yield np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)


def _factor(x: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of a weighted set, and F with F'F its covariance, no more rows than columns or so."""
    drawn = counts > 0
    rows, weights = x[drawn], counts[drawn]
    total = weights.sum()
    mean = weights @ rows / total
    factor = np.sqrt(weights)[:, None] * (rows - mean) / np.sqrt(total - 1)
    if len(factor) > 1.2 * factor.shape[1]:
        factor = np.asarray(np.linalg.qr(factor, mode="r"))
    return mean, factor
