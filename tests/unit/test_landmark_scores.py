"""Scores of landmarks by hand."""

import numpy as np
import pytest

from tryon_jax.metrics import landmarks as scores
from tryon_jax.metrics.landmarks import Detections

TRUE = np.array([[[10.0, 10.0], [20.0, 10.0], [30.0, 10.0]]])
FOUND = TRUE + np.array([[[3.0, 4.0], [0.0, 0.5], [100.0, 0.0]]])  # 5, 0.5 and 100 pixels off
LABELLED = np.array([[True, True, False]])


def test_pck_counts_labelled_points_near_enough():
    near = scores.pck(FOUND, TRUE, labelled=LABELLED, reference=np.array([40.0]), threshold=0.1)
    np.testing.assert_array_equal(near, [0, 1, np.nan])
    arguments = {"labelled": LABELLED, "reference": np.array([60.0])}
    assert scores.overall_pck(FOUND, TRUE, threshold=0.1, **arguments) == 1
    assert scores.overall_pck(FOUND, TRUE, threshold=0.05, **arguments) == 0.5


def test_the_heatmap_pck_of_upstream_swaps_the_sides():
    """4 pixels off in x on a map 40 high, 20 wide: one tenth of the height, two of the width."""
    true = np.full((1, 1, 2), 10.0)
    found = true + np.array([4.0, 0.0])
    for upstream, threshold, share in ((True, 1.1, 1), (False, 1.1, 0), (False, 2.1, 1)):
        got = scores.heatmap_pck(found, true, size=(40, 20), threshold=threshold, upstream=upstream)
        assert got[0] == share
    at_the_rim = scores.heatmap_pck(found, true * 0.1, size=(40, 20), upstream=True)
    assert np.isnan(at_the_rim[0])


def test_oks_and_error_by_hand():
    similar = scores.oks(
        FOUND, TRUE, labelled=LABELLED, area=np.array([100.0]), sigmas=(0.25, 0.25, 0.25)
    )
    wanted = (np.exp(-25 / (2 * 0.25 * 100)) + np.exp(-0.25 / (2 * 0.25 * 100))) / 2
    assert similar[0] == pytest.approx(wanted)
    error = scores.normalised_error(FOUND, TRUE, labelled=LABELLED, reference=np.array([10.0]))
    assert error[0] == pytest.approx(0.275)
    nothing = np.zeros_like(LABELLED)
    options = {"area": np.array([100.0]), "sigmas": (1.0, 1.0, 1.0)}
    assert np.isnan(scores.oks(FOUND, TRUE, labelled=nothing, **options)[0])


def one(similarity, score, *, ignored=False):
    return Detections(np.array([[similarity]]), np.array([score]), np.array([ignored]))


def test_average_precision_by_hand():
    """Right, wrong, right by falling score: precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3."""
    pictures = [one(0.9, 0.9), one(0.2, 0.8), one(0.9, 0.7)]
    made = scores.average_precision(pictures, thresholds=(0.5,))
    read = np.linspace(0, 1, 101)
    wanted = (read <= 1 / 3).sum() * 1 + ((read > 1 / 3) & (read <= 2 / 3)).sum() * 2 / 3
    assert made["ap"] == pytest.approx(wanted / 101)
    assert made["ar"] == pytest.approx(2 / 3) and made["ap50"] == made["ap"]


def test_objects_without_landmarks_do_not_count():
    found = [one(0.9, 0.9), one(0.99, 0.95, ignored=True)]
    assert scores.average_precision(found, thresholds=(0.5,))["ap"] == pytest.approx(1)
    assert np.isnan(scores.average_precision([one(1.0, 1.0, ignored=True)])["ap"])


def test_an_object_is_found_once():
    """Two detections like the same object: the second one is wrong."""
    similarity = np.array([[0.9, 0.1], [0.8, 0.1]])
    both = Detections(similarity, np.array([0.9, 0.8]), np.zeros(2, bool))
    made = scores.average_precision([both], thresholds=(0.5,))
    assert made["ar"] == 0.5 and made["ap"] == pytest.approx(51 / 101)
    perfect = scores.average_precision([one(1.0, 0.5)])
    assert perfect["ap"] == perfect["ap75"] == perfect["ar"] == pytest.approx(1)
