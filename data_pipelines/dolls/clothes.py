"""Any outfit on any person: the parts of all that is worn, layered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data_pipelines.dolls.bodice import bodice_parts
from data_pipelines.dolls.garment import Outfit
from data_pipelines.dolls.legwear import TROUSER_BELT, shoe, skirt, trousers
from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.person import SIDES, Person


def worn_parts(outfit: Outfit, person: Person, *, joints: dict[str, np.ndarray]) -> list[Part]:
    """The parts of all garments and shoes of an outfit on a person.

    Args:
      outfit: what is worn.
      person: who wears it.
      joints: the person's joints.
    """
    parts = [shoe(outfit, joints[f"{side}_ankle"], side=side) for side in SIDES]
    above, below = ("under", "over") if outfit.tucked else ("over", "under")
    for garment in outfit.garments:
        if garment.category == "skirt":
            parts.append(skirt(garment, person, layer=below))
        elif garment.category in ("trousers", "shorts"):
            parts.append(trousers(garment, person, joints=joints, layer=below))
        else:
            if outfit.tucked and garment.category == "top":
                garment = replace(garment, hem=TROUSER_BELT + 0.06, ease=0.03, flare=0.0)
            parts += bodice_parts(garment, person, joints=joints, layer=above)
    return parts
