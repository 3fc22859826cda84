"""Cloth around the trunk: the strip that tops, dresses, skirts, trousers share, and its folds."""

from __future__ import annotations

import numpy as np

from data_pipelines.dolls.body import trunk_width
from data_pipelines.dolls.garment import Garment
from data_pipelines.dolls.person import CROTCH, HIP, WAIST, Person
from data_pipelines.dolls.shapes import Strip


def trunk_strip(garment: Garment, person: Person, *, top: float, bottom: float) -> Strip:
    """Cloth of a garment around the trunk; below the hips it hangs.

    Args:
      garment: its ease and flare are used.
      person: who wears it.
      top: y of the upper edge on an upright doll, in figure units.
      bottom: y of the lower edge.
    """
    y = np.linspace(top, bottom, 16)
    width = trunk_width(person.build, np.minimum(y, CROTCH)) + garment.ease
    start = HIP if garment.category == "top" else WAIST
    fall = np.clip((y - start) / max(bottom - start, 0.2), 0.0, 1.0)
    width += garment.flare * fall ** (1.0 if bottom > 0.5 else 2.0)
    if garment.category == "top":  # a shirt bridges the waist and clears what is worn below
        width += 5.0 * garment.ease * np.maximum(0.0, person.build.hip - 0.04 - width)
        width += 0.05 * np.clip((y + 0.6) / 0.6, 0.0, 1.0)
    (right, _), (left, _) = person.pose.stance
    follow = 0.25 * (left - right) * np.maximum(y, 0.0)  # a long hem goes with the leg set aside
    edges = (np.stack([sign * width, y], axis=1) for sign in (-1.0, 1.0))
    shift = np.stack([follow, np.zeros_like(follow)], axis=1)
    return Strip(*(person.pose.posed(edge) + shift for edge in edges), sag=0.07)


def hanging_folds(strip: Strip, *, start: float, flare: float) -> list[np.ndarray]:
    """Folds that fall from the row `start` to the hem; more of them in a wide skirt."""
    count = 3 + int(8 * flare)
    order = np.arange(count)
    places = (order + 0.5 + 0.22 * np.sin(5.0 * order)) / count * 2.0 - 1.0
    folds = []
    for index, u in enumerate(places):
        top = start + (0.1, 0.35, 0.22)[index % 3]
        folds.append(strip.at(u * np.linspace(0.82, 1.0, 6), np.linspace(top, strip.length, 6)))
    return folds


def limb_folds(strip: Strip, rows: list[tuple[float, float]], *, drop: float) -> list[np.ndarray]:
    """Creases from an edge of a sleeve or trouser leg to its middle.

    Args:
      strip: the cloth of the limb.
      rows: pairs (v where the crease starts, u of its edge).
      drop: how far along the limb it ends.
    """
    return [strip.at(np.linspace(u, 0.0, 4), np.linspace(v, v + drop, 4)) for v, u in rows]
