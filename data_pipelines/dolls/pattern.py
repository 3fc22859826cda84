"""The flat garment: cloth laid out symmetrically, without a body.

A garment is laid flat by dressing a form of middle build that holds its arms as shops spread
sleeves. Its cloth is printed there; on a person, the same cloth follows the body, row for row.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data_pipelines.dolls.bodice import neck_part
from data_pipelines.dolls.clothes import Strips, garment_parts, garment_strips
from data_pipelines.dolls.garment import Garment
from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.person import Arm, Build, Person, Pose, draw_person, joints

# How far sleeves are spread, radians from hanging: near the arms of a calm pose, so that a spline
# with 5 x 5 nodes can carry the flat garment to a doll (IoU 0.96 with the true mask, 100 dolls).
_SHORT_SLEEVE, _LONG_SLEEVE = 0.36, 0.22


def flat_strips(garment: Garment) -> Strips:
    """The cloth of a garment laid flat, piece by piece, see `clothes.garment_strips`."""
    form = _form(garment)
    return garment_strips(garment, form, joints=joints(form))


def flat_parts(garment: Garment) -> list[Part]:
    """The parts of a garment laid flat, in figure units."""
    form = _form(garment)
    strips = garment_strips(garment, form, joints=joints(form))
    parts = garment_parts(garment, form, strips=strips, layer="over")
    return parts if "bodice" not in strips else [neck_part(garment, form), *parts]


def _form(garment: Garment) -> Person:
    """The form that a garment is laid on."""
    spread = _LONG_SLEEVE if garment.sleeve > 1.2 else _SHORT_SLEEVE
    arms = (Arm(spread, 0.0), Arm(spread, 0.0))
    return replace(_FORM, pose=replace(_FORM.pose, arms=arms))


_FORM = replace(
    draw_person(np.random.Generator(np.random.PCG64(0))),  # its head is of no account
    build=Build(shoulder=0.63, chest=0.49, waist=0.41, hip=0.5, limb=0.99, head=1.14, jaw=0.5),
    pose=Pose(
        lean=0.0,
        sway=0.0,
        tilt=0.0,
        head_tilt=0.0,
        head_turn=0.0,
        arms=(Arm(0.0, 0.0), Arm(0.0, 0.0)),
        stance=((0.1, 0.0), (0.1, 0.0)),
    ),
)
