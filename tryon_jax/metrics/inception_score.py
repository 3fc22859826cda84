"""Inception Score: how sure a classifier is of each picture, and how varied the pictures are.

exp of the mean KL(p_i || mean p) of a split, then mean and deviation over splits, in float64. The
number of splits changes the value. For try-on it says little; it is here for published tables.

| function | logits | splits |
|---|---|---|
| torch_fidelity | of Inception without its bias | shuffled by seed 2020, 10 |
| in_order | any; GAN_Metrics takes the first 1000 of 1008, with bias | by the order, 10 |
| whole_splits | torchvision's, 1000 classes: sbarratt, HR-VITON, ACGPN | N // splits each |

Source: Salimans et al. 2016 (arXiv 1606.03498), section 4.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tryon_jax.metrics.kid import Estimate


def torch_fidelity(logits: np.ndarray, *, splits: int = 10, seed: int = 2020) -> Estimate:
    """Mean and deviation over shuffled splits, as torch-fidelity takes them.

    Args:
      logits: [N, classes], Inception's without bias.
      splits: how many, N at most.
      seed: of NumPy's legacy generator.

    Raises:
      ValueError: if there are fewer pictures than splits.
    """
    logits = _checked(logits, splits=splits)
    order = np.random.RandomState(seed).permutation(len(logits))
    return _scores(_cut(logits[order], splits))


def in_order(logits: np.ndarray, *, splits: int = 10) -> Estimate:
    """The same without shuffling: openai's, MMD-GAN's and GAN_Metrics' code.

    Raises:
      ValueError: if there are fewer pictures than splits.
    """
    return _scores(_cut(_checked(logits, splits=splits), splits))


def whole_splits(logits: np.ndarray, *, splits: int = 1) -> Estimate:
    """Splits of N // splits pictures; what remains at the end is dropped: sbarratt's code.

    Raises:
      ValueError: if there are fewer pictures than splits.
    """
    logits = _checked(logits, splits=splits)
    size = len(logits) // splits
    return _scores(np.split(logits[: size * splits], splits))


def _cut(logits: np.ndarray, splits: int) -> list[np.ndarray]:
    bounds = [i * len(logits) // splits for i in range(1, splits)]
    return np.split(logits, bounds)


def _scores(pieces: Iterable[np.ndarray]) -> Estimate:
    scores = []
    for logits in pieces:
        log_p = logits - logits.max(1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
        p = np.exp(log_p)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(p > 0, log_p - np.log(p.mean(0)), 0)
        scores.append(np.exp((p * gap).sum(1).mean()))
    return Estimate(float(np.mean(scores)), float(np.std(scores)))


def _checked(logits: np.ndarray, *, splits: int) -> np.ndarray:
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2 or not 1 <= splits <= len(logits):
        raise ValueError(
            f"{splits} splits need logits of as many pictures or more, [N, classes]; "
            f"got {logits.shape}"
        )
    return logits
