"""How dolls stand for try-on: upright, arms inside the picture, some hands before the garment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data_pipelines.dolls.person import Arm, Pose, draw_pose

# (upper arm from hanging, forearm from the upright): ranges in radians, outwards; the chance
_BESIDE = {
    "hanging": ((0.16, 0.28), (0.04, 0.18), 0.81),
    "open": ((0.28, 0.4), (0.1, 0.34), 0.13),
    "on_hip": ((0.6, 0.72), (-0.86, -0.76), 0.03),
    "behind": ((0.3, 0.4), (-0.45, -0.3), 0.03),
}
_BEFORE = {
    "belly": ((0.12, 0.34), (-1.3, -0.9)),
    "pocket": ((0.26, 0.4), (-0.72, -0.5)),
    "across": ((0.1, 0.22), (-1.72, -1.4)),
}
_PAIRS = (  # right and left arm of the dolls that cover their garment
    ("belly", "beside"),
    ("beside", "belly"),
    ("belly", "belly"),
    ("pocket", "pocket"),
    ("belly", "pocket"),
    ("across", "beside"),
    ("beside", "across"),
    ("across", "across"),
)


def draw_try_on_pose(rng: np.random.Generator, *, covering: float) -> Pose:
    """A pose for try-on from a generator; the same generator state gives the same pose.

    Args:
      rng: the source of chance.
      covering: share of the poses with a forearm before the trunk, in [0, 1].
    """
    pose = draw_pose(rng)
    before = rng.random() < covering
    kinds = _PAIRS[rng.integers(len(_PAIRS))] if before else ("beside", "beside")
    right, left = (_draw_arm(rng, kind) for kind in kinds)
    return replace(pose, arms=(right, left))


def _draw_arm(rng: np.random.Generator, kind: str) -> Arm:
    if kind == "beside":
        kind = str(rng.choice(list(_BESIDE), p=[chance for *_, chance in _BESIDE.values()]))
        upper_range, fore_range, _ = _BESIDE[kind]
    else:
        upper_range, fore_range = _BEFORE[kind]
    upper, fore = rng.uniform(*upper_range), rng.uniform(*fore_range)
    return Arm(upper, fore - upper, behind=kind == "behind")
