"""Any outfit on any person: the cloth of each garment, and the parts of all that is worn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from data_pipelines.dolls.bodice import BODICE_TOP, bodice_parts, bodice_strips
from data_pipelines.dolls.garment import Garment, Outfit
from data_pipelines.dolls.legwear import TROUSER_BELT, legwear_strips, shoe, skirt, trousers
from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.person import SIDES, Person
from data_pipelines.dolls.shapes import Strip, shortened

Strips = dict[str, Strip]  # the cloth of a garment, piece by piece


def worn_parts(
    outfit: Outfit,
    person: Person,
    *,
    joints: dict[str, np.ndarray],
    flats: Mapping[Garment, Strips] | None = None,
) -> list[Part]:
    """The parts of all garments and shoes of an outfit on a person.

    Args:
      outfit: what is worn.
      person: who wears it.
      joints: the person's joints.
      flats: cloth of the garments as it was printed, laid flat; None prints it on this body.
    """
    parts = [shoe(outfit, joints[f"{side}_ankle"], side=side) for side in SIDES]
    for garment in outfit.garments:
        fitted = as_worn(garment, outfit)
        strips = garment_strips(fitted, person, joints=joints)
        if flats is not None:
            strips = laid_on(strips, flats[garment], share=_kept(fitted, garment))
        layer = "under" if lies_under(garment, outfit) else "over"
        parts += garment_parts(fitted, person, strips=strips, layer=layer)
    return parts


def lies_under(garment: Garment, outfit: Outfit) -> bool:
    """Whether a garment goes under the other one of its outfit."""
    return (garment.category in ("top", "dress")) == outfit.tucked


def as_worn(garment: Garment, outfit: Outfit) -> Garment:
    """A garment as it shows in an outfit: a tucked top fits closely and ends at the belt."""
    if outfit.tucked and garment.category == "top":
        return replace(garment, hem=TROUSER_BELT + 0.06, ease=0.03, flare=0.0)
    return garment


def garment_strips(garment: Garment, person: Person, *, joints: dict[str, np.ndarray]) -> Strips:
    """The cloth of a garment on a person, piece by piece.

    Args:
      garment: what is worn.
      person: who wears it.
      joints: the person's joints.

    Returns:
      "bodice" and, if any, "{side}_sleeve"; or "skirt"; or "seat" and "{side}_leg".
    """
    if garment.category in ("top", "dress"):
        return bodice_strips(garment, person, joints=joints)
    return legwear_strips(garment, person, joints=joints)


def laid_on(strips: Strips, flats: Strips, *, share: float = 1.0) -> Strips:
    """The strips of a garment on a person, with the print of the same garment laid flat.

    Args:
      strips: of the garment as worn.
      flats: of the garment laid flat.
      share: of the bodice's length that is worn; a tucked top ends at the belt.
    """
    if share != 1.0:
        flats = flats | {"bodice": shortened(flats["bodice"], share)}
    return {name: replace(strip, flat=flats[name]) for name, strip in strips.items()}


def garment_parts(garment: Garment, person: Person, *, strips: Strips, layer: str) -> list[Part]:
    """The parts of one garment.

    Args:
      garment: what is worn.
      person: who wears it.
      strips: its cloth on that person.
      layer: "under" or "over".
    """
    if garment.category == "skirt":
        return [skirt(garment, strips["skirt"], layer=layer)]
    if garment.category in ("trousers", "shorts"):
        return [trousers(garment, person, strips=strips, layer=layer)]
    return bodice_parts(garment, person, strips=strips, layer=layer)


def _kept(fitted: Garment, garment: Garment) -> float:
    return (fitted.hem - BODICE_TOP) / (garment.hem - BODICE_TOP)
