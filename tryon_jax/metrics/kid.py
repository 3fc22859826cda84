"""Kernel distance of two sets of features: KID over Inception's, KD-VGG16 over VGG16's.

MMD^2 with the kernel k(x, y) = (x.y / D + 1)^3, D the features' width, in float64. The unbiased
estimate may be negative. Papers print it times 100 (U-GAT-IT) or times 1000 (CatVTON): say which.

Each protocol is a function, because their spreads mean different things.

Source: Binkowski et al. 2018 (arXiv 1801.01401), section 3; U-GAT-IT's protocol is GAN_Metrics'.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean and its spread, which each protocol explains."""

    mean: float
    spread: float


def mmd2(x: np.ndarray, y: np.ndarray, *, estimator: str = "unbiased") -> float:
    """Squared maximum mean discrepancy of all features of two sets, [N, D] and [M, D].

    Args:
      x: features of two pictures or more.
      y: likewise.
      estimator: unbiased, without a picture's kernel with itself | biased, with it |
        u-statistic, for sets in pairs: also without the pairs' own kernels (N = M).

    Raises:
      ValueError: if the estimator is unknown or a set too small.
    """
    x, y = _checked(x, y, fewest=2)
    kxx, kyy, kxy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    n, m = kxy.shape
    if estimator == "biased":
        return float(kxx.mean() + kyy.mean() - 2 * kxy.mean())
    within = (kxx.sum() - np.trace(kxx)) / (n * (n - 1))
    within += (kyy.sum() - np.trace(kyy)) / (m * (m - 1))
    if estimator == "unbiased":
        return float(within - 2 * kxy.mean())
    if estimator == "u-statistic" and n == m:
        return float(within - 2 * (kxy.sum() - np.trace(kxy)) / (n * (n - 1)))
    raise ValueError(
        "the estimator must be unbiased, biased or, for sets of one size, u-statistic; "
        f"got {estimator!r} for {n} and {m} pictures"
    )


def torch_fidelity(
    x: np.ndarray, y: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = 2020
) -> Estimate:
    """Mean and deviation over random subsets, as torch-fidelity draws them.

    Args:
      x: features [N, D] of the first set, from which each draw begins.
      y: features [M, D].
      subsets: how many.
      size: pictures of each side in a subset, without repetition.
      seed: of NumPy's legacy generator.

    Returns:
      Mean and deviation (not error) of the subsets' unbiased MMD^2.

    Raises:
      ValueError: if a set has fewer pictures than a subset.
    """
    x, y = _checked(x, y, fewest=size)
    random = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        first, second = (z[random.choice(len(z), size, replace=False)] for z in (x, y))
        values.append(mmd2(first, second))
    return Estimate(float(np.mean(values)), float(np.std(values)))


def clean_fid(
    x: np.ndarray, y: np.ndarray, *, subsets: int = 100, largest: int = 1000, seed: int = 0
) -> Estimate:
    """Mean and deviation over random subsets, as clean-fid draws them.

    Subsets are as large as the smaller set, `largest` at most; the second set draws first. The
    package takes NumPy's global generator, which nothing seeds, and reports the mean alone.

    Raises:
      ValueError: if a set has fewer than two pictures.
    """
    x, y = _checked(x, y, fewest=2)
    size = min(len(x), len(y), largest)
    random = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        second, first = (z[random.choice(len(z), size, replace=False)] for z in (y, x))
        values.append(mmd2(first, second))
    return Estimate(float(np.mean(values)), float(np.std(values)))


def blocks(x: np.ndarray, y: np.ndarray, *, size: int = 10) -> Estimate:
    """Mean and standard error over consecutive blocks, each picture used once: U-GAT-IT's KID.

    TF-GAN's estimator, its default size 1024. The error takes the order for random: shuffle sets
    that are sorted.

    Args:
      x: features [N, D], such as of the target domain.
      y: features [M, D].
      size: pictures of the larger set in a block, at most; U-GAT-IT's tables take 10.

    Returns:
      Mean and its standard error; the latter is NaN of one block.

    Raises:
      ValueError: if a block would have fewer than two pictures of a side.
    """
    x, y = _checked(x, y, fewest=2)
    count = -(-max(len(x), len(y)) // size)
    if min(len(x), len(y)) < 2 * count:
        raise ValueError(
            f"{count} blocks of {size} need {2 * count} pictures of each side or more, got "
            f"{len(x)} and {len(y)}; use larger blocks"
        )
    values = [
        mmd2(first, second)
        for first, second in zip(_pieces(x, count), _pieces(y, count), strict=True)
    ]
    error = float(np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return Estimate(float(np.mean(values)), error)


def ugatit_mean(
    target: np.ndarray, source: np.ndarray, fake: np.ndarray, *, size: int = 10
) -> Estimate:
    """GAN_Metrics' "mean KID": [0.02 KID(target, fake) + 0.98 KID(source, fake)] / 2 over blocks.

    The table of U-GAT-IT shows most likely this, mostly the distance of the source, not `blocks`:
    for the authors' selfie2anime model 11.2 against 2.7, times 100. The spread weighs the errors
    in the same way.
    """
    near, far = blocks(target, fake, size=size), blocks(source, fake, size=size)
    return Estimate(
        (0.02 * near.mean + 0.98 * far.mean) / 2, (0.02 * near.spread + 0.98 * far.spread) / 2
    )


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    linear = x @ y.T / x.shape[1] + 1
    return linear * linear * linear  # `** 3` takes ten times as long


def _pieces(x: np.ndarray, count: int) -> list[np.ndarray]:
    """Consecutive pieces; the shorter ones come first."""
    short = count - len(x) % count
    sizes = np.full(count, len(x) // count)
    sizes[short:] += 1
    return np.split(x, np.cumsum(sizes)[:-1])


def _checked(x: np.ndarray, y: np.ndarray, *, fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """Both in float64: the cube of wide features loses digits in float32."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"KID compares features [N, D] and [M, D], got {x.shape} and {y.shape}; "
            "are they of two networks?"
        )
    if min(len(x), len(y)) < fewest:
        raise ValueError(
            f"this KID needs {fewest} pictures of each side or more, got {len(x)} and {len(y)}; "
            "use smaller subsets, or `blocks`, and say so beside the number"
        )
    return x, y
