"""What makes a doll hard for try-on: the names of the subsets that it belongs to."""

from __future__ import annotations

import numpy as np

from data_pipelines.dolls.body import arm_joints, arm_strip
from data_pipelines.dolls.people import Doll, all_parts, top_of
from data_pipelines.dolls.person import SIDES, joints
from data_pipelines.dolls.shapes import Strip, ellipse
from data_pipelines.dolls.view import Frame

OCCLUDED = 0.06  # least share of the trunk's cloth that lies under forearms and hands
_HEIGHT, _WIDTH = 128, 96
_PALM = 0.24  # from the wrist to the middle of the hand, in figure units


def subsets(doll: Doll) -> frozenset[str]:
    """The subsets of a doll: "stripes" (on its top), "occluded" (see `OCCLUDED`)."""
    found = {
        "stripes": top_of(doll).print.kind == "stripes",
        "occluded": covered(doll) >= OCCLUDED,
    }
    return frozenset(name for name, belongs in found.items() if belongs)


def covered(doll: Doll) -> float:
    """Share of the top's trunk, or the dress's, that lies under forearms and hands, in [0, 1]."""
    frame = Frame(doll.scene, _HEIGHT, _WIDTH)
    name = top_of(doll).category
    trunk = [part.outline for part in all_parts(doll) if part.name == name]
    cloth = frame.filled(trunk, [255]) > 0
    places = joints(doll.person)
    over = np.zeros_like(cloth)
    for side, arm in zip(SIDES, doll.person.pose.arms, strict=True):
        if not arm.behind:
            strip = arm_strip(doll.person.build, arm_joints(places, side))
            over |= frame.filled(_forearm(strip), [255, 255]) > 0
    return float((cloth & over).sum() / max(cloth.sum(), 1))


def _forearm(strip: Strip) -> list[np.ndarray]:
    """Outlines of forearm and hand of an arm's strip, as plain shapes."""
    elbow = len(strip.left) // 2
    wrist, before = (strip.left[-1] + strip.right[-1]) / 2, (strip.left[-3] + strip.right[-3]) / 2
    along = (wrist - before) / np.hypot(*(wrist - before))
    return [
        np.concatenate([strip.left[elbow:], strip.right[: elbow - 1 : -1]]),
        ellipse(wrist + _PALM * along, (0.13, 0.13)),
    ]
