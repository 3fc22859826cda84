"""Scores of landmarks: PCK, OKS, average precision, normalised error.

NumPy in float64, for whole sets. Points are [N, K, 2], (x, y) in pixels; `labelled` is bool [N, K].
Sources: Yang and Ramanan 2013 (PCK); COCO's keypoint evaluation (OKS, AP); HRNet's code, whose PCK
on heatmaps divides x by a tenth of the height and y by a tenth of the width (`upstream`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

THRESHOLDS = tuple(0.5 + 0.05 * i for i in range(10))  # of OKS, for the mean AP
RECALLS = np.linspace(0, 1, 101)  # at which COCO reads the precision
EPSILON = float(np.spacing(1))  # COCO adds it to areas


class Detections(NamedTuple):
    """What was found in one picture.

    Attributes:
      similarity: [D, G], OKS of each detection with each true object.
      scores: [D], how sure the detections are.
      ignored: bool [G], true objects without a labelled point: found or not, they do not count.
    """

    similarity: np.ndarray
    scores: np.ndarray
    ignored: np.ndarray


def distances(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Euclidean distances [N, K]."""
    return np.linalg.norm(np.asarray(found, float) - np.asarray(true, float), axis=-1)


def pck(
    found: np.ndarray,
    true: np.ndarray,
    *,
    labelled: np.ndarray,
    reference: np.ndarray,
    threshold: float,
) -> np.ndarray:
    """Share of labelled points nearer to the truth than threshold * reference.

    Args:
      found: [N, K, 2].
      true: [N, K, 2].
      labelled: [N, K].
      reference: [N], pixels, such as the longer side of the person's box.
      threshold: such as 0.1.

    Returns:
      [K], nan where a point is labelled nowhere; over all points together: `overall_pck`.
    """
    near = distances(found, true) < threshold * np.asarray(reference, float)[:, None]
    return _share(near, labelled)


def overall_pck(
    found: np.ndarray,
    true: np.ndarray,
    *,
    labelled: np.ndarray,
    reference: np.ndarray,
    threshold: float,
) -> float:
    """As `pck`, over all points together."""
    near = distances(found, true) < threshold * np.asarray(reference, float)[:, None]
    return float(near[np.asarray(labelled, bool)].mean()) if np.any(labelled) else float("nan")


def heatmap_pck(
    found: np.ndarray,
    true: np.ndarray,
    *,
    size: tuple[int, int],
    threshold: float = 0.5,
    upstream: bool,
) -> np.ndarray:
    """Share of points within half a tenth of the heatmap's sides.

    Args:
      found: [N, K, 2], pixels of the heatmaps.
      true: [N, K, 2]; those with x or y of 1 or less do not count, as in HRNet's code.
      size: (height, width) of the heatmaps.
      threshold: of the distance in tenths.
      upstream: divides x by the height and y by the width, as HRNet's code does; else x by the
        width and y by the height.

    Returns:
      [K], nan where no point counts; HRNet's code prints the mean of the others.
    """
    tenth = np.array(size if upstream else size[::-1], float) / 10
    apart = distances(np.asarray(found, float) / tenth, np.asarray(true, float) / tenth)
    return _share(apart < threshold, np.all(np.asarray(true) > 1, -1))


def oks(
    found: np.ndarray,
    true: np.ndarray,
    *,
    labelled: np.ndarray,
    area: np.ndarray,
    sigmas: Sequence[float],
) -> np.ndarray:
    """Object keypoint similarity [N] in [0, 1]; nan where nothing is labelled.

    Args:
      found: [N, K, 2].
      true: [N, K, 2].
      labelled: [N, K].
      area: [N], of the objects, square pixels; of two detections their mean.
      sigmas: K spreads.
    """
    area = np.asarray(area, float)[:, None]
    spread = (2 * np.asarray(sigmas, float)) ** 2
    similar = np.exp(-(distances(found, true) ** 2) / (2 * spread * (area + EPSILON)))
    labelled = np.asarray(labelled, bool)
    count = labelled.sum(1)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, (similar * labelled).sum(1) / count, np.nan)


def normalised_error(
    found: np.ndarray, true: np.ndarray, *, labelled: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    """Mean distance over the labelled points divided by a reference [N]; nan without any point."""
    labelled = np.asarray(labelled, bool)
    count = labelled.sum(1)
    total = (distances(found, true) * labelled).sum(1)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / count / np.asarray(reference, float), np.nan)


def average_precision(
    pictures: Sequence[Detections], *, thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, float]:
    """COCO's average precision of a set: `ap` over all thresholds, `ap50`, `ap75`, `ar`.

    Args:
      pictures: what was found in each.
      thresholds: of OKS.

    Returns:
      Numbers in [0, 1]; nan if no true object counts. `ap50` and `ap75` where asked for.
    """
    rows = [_curve(pictures, threshold=threshold) for threshold in thresholds]
    precision, recall = (np.array(column) for column in zip(*rows, strict=True))
    made = {"ap": float(precision.mean()), "ar": float(recall.mean())}
    for value, name in ((0.5, "ap50"), (0.75, "ap75")):
        places = np.flatnonzero(np.isclose(thresholds, value))
        if len(places):
            made[name] = float(precision[places[0]])
    return made


def _curve(pictures: Sequence[Detections], *, threshold: float) -> tuple[float, float]:
    """Average precision and recall at one threshold."""
    total = sum(int((~picture.ignored).sum()) for picture in pictures)
    if not total:
        return float("nan"), float("nan")
    scores, hits = [], []
    for picture in pictures:
        for place, hit in _matched(picture, threshold=threshold):
            scores.append(picture.scores[place])
            hits.append(hit)
    order = np.argsort(-np.asarray(scores), kind="mergesort")
    right = np.cumsum(np.asarray(hits, bool)[order])
    if not len(right):
        return 0.0, 0.0
    recall, precision = right / total, right / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    read = np.where(places < len(precision), precision[np.minimum(places, len(precision) - 1)], 0)
    return float(read.mean()), float(recall[-1])


def _matched(picture: Detections, *, threshold: float) -> list[tuple[int, bool]]:
    """Each detection that counts, by falling score, and whether it finds an object of its own."""
    free = np.ones(len(picture.ignored), bool)
    found = []
    for place in np.argsort(-picture.scores, kind="mergesort"):
        similar = np.where(free, picture.similarity[place], -1.0)
        for counted in (True, False):  # an ignored object is taken only if no other one fits
            own = np.where(picture.ignored == (not counted), similar, -1.0)
            if len(own) and own.max() >= min(threshold, 1 - 1e-10):
                free[int(own.argmax())] = False
                if counted:
                    found.append((int(place), True))
                break
        else:
            found.append((int(place), False))
    return found


def _share(right: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """[K]: share of the rows that count; nan where none does."""
    counted = np.asarray(counted, bool)
    count = counted.sum(0)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, (right & counted).sum(0) / count, np.nan)
