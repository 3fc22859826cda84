"""Landmarks of dolls: counted as the tables say, seen where the masks say."""

import numpy as np

from data_pipelines import dolls
from data_pipelines.dolls import points

SIZE = {"height": 128, "width": 96}
POINTS = {1: 25, 2: 33, 5: 15, 7: 10, 8: 14, 9: 8, 10: 29, 11: 37, 12: 19}  # of DeepFashion2


def test_landmarks_follow_the_tables():
    seen = set()
    for index in range(60):
        doll = dolls.doll(index, kind="any")
        for garment in doll.outfit.garments:
            number = points.category(garment)
            if number in seen:
                continue
            seen.add(number)
            joints, found = dolls.landmarks(doll, garment, height=96, width=96)
            assert found.shape == (POINTS[number], 3) and joints.shape == (17, 3)
            assert set(found[:, 2]) | set(joints[:, 2]) <= {0, 1, 2}
            assert (found[found[:, 2] == 0] == 0).all()
            visible = dolls.worn(doll, garment, height=96, width=96).visible > 0
            for x, y in np.round(found[found[:, 2] == 2, :2]).astype(int):
                assert visible[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].any()
            assert (found[:, 2] == 2).any()
    assert len(seen) > 6


def test_joints_are_those_of_openpose():
    doll = dolls.doll(1)
    joints = dolls.landmarks(doll, dolls.top_of(doll), **SIZE).coco17
    keypoints = dolls.figure(doll, **SIZE).keypoints
    pairs = {0: 0, 5: 5, 6: 2, 9: 7, 10: 4, 11: 11, 12: 8, 1: 15, 2: 14}  # COCO-17 to COCO-18
    for place, other in pairs.items():
        np.testing.assert_allclose(joints[place, :2], keypoints[other, :2])
