"""A garment on a doll: where it is seen, where all of it is, the true warp from the flat one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from data_pipelines.dolls.bodice import neck_part
from data_pipelines.dolls.clothes import Strips, as_worn, garment_parts, garment_strips, laid_on
from data_pipelines.dolls.garment import Garment
from data_pipelines.dolls.mesh import extended, interpolated
from data_pipelines.dolls.paint import in_order
from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.pattern import flat_parts, flat_strips
from data_pipelines.dolls.people import Doll, all_parts, place_of
from data_pipelines.dolls.person import joints
from data_pipelines.dolls.shapes import Strip
from data_pipelines.dolls.shop import flat_frame
from data_pipelines.dolls.view import Frame

_ACROSS, _ROWS = np.linspace(-1.2, 1.2, 13), 30  # columns (u) and number of rows of the mesh
_BEYOND = 0.35  # cloth before the first and after the last row (a sleeve's cap), figure units


class Worn(NamedTuple):
    """A garment on a doll.

    Attributes:
      visible: uint8 [H, W], 255 where it is seen, else 0.
      whole: uint8 [H, W], 255 where it is, also under arms, hair or other garments.
      warp: float32 [H, W, 2], for each pixel of `whole` the (x, y) in [-1, 1] of its point in the
        picture of `flat` of the same format, -1 the centre of the first pixel and 1 that of the
        last; elsewhere -2.
    """

    visible: np.ndarray
    whole: np.ndarray
    warp: np.ndarray


def worn(doll: Doll, garment: Garment, *, height: int = 256, width: int = 192) -> Worn:
    """Where a garment lies on the doll that wears it.

    Args:
      doll: who wears it.
      garment: one of its outfit's garments.
      height: of the doll's picture and of the flat one, 16 or more.
      width: likewise.

    Raises:
      ValueError: if the doll does not wear the garment, or the picture is too small.
    """
    _check_worn(doll, garment)
    frame = Frame(doll.scene, height, width)
    parts, strips = unhidden(doll, garment)
    flat = flat_frame(flat_parts(garment), height=height, width=width)
    warp = np.full((height * width, 2), -2.0, np.float32)
    for part in in_order(parts):
        for strip in _strips_of(part, strips):
            numbers, points = _laid_back(strip, frame, flat)
            inside = frame.filled([part.outline], [255]).ravel()[numbers] > 0
            warp[numbers[inside]] = points[inside]
    warp = warp.reshape(height, width, 2)
    whole = np.where(warp[..., 0] > -2.0, 255, 0).astype(np.uint8)
    return Worn(np.minimum(_visible(doll, garment, frame), whole), whole, warp)


def seen(doll: Doll, garment: Garment, *, height: int = 256, width: int = 192) -> np.ndarray:
    """Where a garment is seen on the doll that wears it, without the cost of `worn`.

    Args:
      doll: who wears it.
      garment: one of its outfit's garments.
      height: of the picture, 16 or more.
      width: likewise.

    Returns:
      uint8 [H, W], 255 where it is seen, else 0.

    Raises:
      ValueError: as `worn`.
    """
    _check_worn(doll, garment)
    return _visible(doll, garment, Frame(doll.scene, height, width))


def unhidden(doll: Doll, garment: Garment) -> tuple[list[Part], Strips]:
    """The parts and cloth of a garment as if nothing lay over it, not even a belt."""
    fitted = replace(as_worn(garment, doll.outfit), hem=garment.hem)
    places = joints(doll.person)
    strips = garment_strips(fitted, doll.person, joints=places)
    strips = laid_on(strips, flat_strips(garment))
    parts = garment_parts(fitted, doll.person, strips=strips, layer="over")
    if "bodice" in strips:
        parts.append(neck_part(garment, doll.person))
    return parts, strips


def _check_worn(doll: Doll, garment: Garment) -> None:
    if garment not in doll.outfit.garments:
        raise ValueError(
            f"a garment is seen on the doll that wears it, got a {garment.category} that is not in "
            f"its outfit; dress the doll first: dressed(doll, garment)"
        )


def _strips_of(part: Part, strips: Strips) -> list[Strip]:
    """The cloth that a part is made of, the foremost piece last."""
    if part.name in strips:
        return [strips[part.name]]
    if part.name in ("trousers", "shorts"):
        return [strips["left_leg"], strips["right_leg"], strips["seat"]]
    return [strips["bodice"]]


def _laid_back(strip: Strip, frame: Frame, flat: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of a worn strip, int [N], and their points in the flat picture, float [N, 2]."""
    rows = np.linspace(0.0, strip.length, _ROWS)
    u, v = np.meshgrid(_ACROSS, rows)
    places, origins = (
        seen.pixels(extended(cloth.at(u, v), rows=math.ceil(_BEYOND / rows[1])))
        for seen, cloth in ((frame, strip), (flat, strip.printed))
    )
    origins = origins / (flat.width - 1, flat.height - 1) * 2.0 - 1.0
    return interpolated(places, origins, height=frame.height, width=frame.width)


def _visible(doll: Doll, garment: Garment, frame: Frame) -> np.ndarray:
    parts = in_order(all_parts(doll))
    values = [255 if _belongs(part, garment) else 0 for part in parts]
    return frame.filled([part.outline for part in parts], values)


def _belongs(part: Part, garment: Garment) -> bool:
    upper = place_of(garment) == "above" and part.name.endswith(("_sleeve", "_collar"))
    return upper or part.name == garment.category
