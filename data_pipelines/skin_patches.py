"""A patch of the skin that a person shows, for parts of the body that a garment still covers.

The first of these windows that shows enough skin is taken: the part itself that becomes bare,
forearm or elbow, calf or knee, hand, neck, cheek. Where no joints are known but a map of skin is,
the window whose skin is most even. What is not skin in it takes the mean colour of its skin. No
window, no patch: the average skin of a data set never stands in for a person's.

A pixel is skin as the map says; without a map, if its colour is skin's in YCbCr and it is not
garment. Sources: DesignGAN's skin loss; Chai and Ngan 1999 for the colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_pipelines import ops
from tryon_jax.landmark_tables import LIMBS

SIDE = 32  # pixels of a patch
PARTS = ("knee", "calf", "elbow", "forearm")  # that can become bare
SOURCES = (*PARTS, "hand", "neck", "cheek", "even", "user")  # where a patch may come from
_CASCADE = ("forearm", "elbow", "calf", "knee", "hand", "neck", "cheek")
_SHARE = 0.6  # of a window that is skin
_SMALLEST = 6  # pixels of a window's side
_WIDE = 1.5  # side of a window over the limb's radius
_CB, _CR = (77, 127), (133, 173)  # of skin
_RADII = {(limb.a, limb.b): (limb.radius_a, limb.radius_b) for limb in LIMBS}
_HAND, _NECK, _CHEEK = 0.07, 0.11, 0.08  # radii in lengths of the trunk, our own
_BEYOND = 0.35  # the hand's middle behind the wrist, in forearms
_DOWN = 0.65  # the neck's place from the nose to between the shoulders


class Patch(NamedTuple):
    """A patch of skin."""

    picture: np.ndarray  # uint8 [32, 32, 3]
    source: str  # one of SOURCES
    box: tuple[int, int, int, int]  # (x, y, width, height) in the picture; zeros if not from it


class _Window(NamedTuple):
    left: int
    top: int
    side: int

    def of(self, image: np.ndarray) -> np.ndarray:
        """The window's part of [h, w, ...]."""
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


def find(
    picture: np.ndarray,
    *,
    joints: np.ndarray,
    skin: np.ndarray | None = None,
    garment: np.ndarray | None = None,
    bare: Sequence[str] = (),
) -> Patch | None:
    """The person's own skin, from where the picture shows it best.

    Args:
      picture: uint8 [h, w, 3].
      joints: float [17, 3], COCO's (x, y, v) in pixels.
      skin: bool [h, w], from a parse map; None: by colour.
      garment: bool [h, w], what is garment whatever its colour; not read where `skin` is known.
      bare: parts (`PARTS`) that are looked at first.

    Returns:
      The patch; None if no window shows enough skin.

    Source: the order is DesignGAN's as we read it: the paper does not say what lends the skin.
    """
    found = skin if skin is not None else by_colour(picture, garment=garment)
    scale = trunk(joints)
    for source in dict.fromkeys((*bare, *_CASCADE)) if scale else ():
        windows = [
            window
            for window in _windows(source, joints, scale=scale)
            if _inside(window, picture) and window.of(found).mean() >= _SHARE
        ]
        if windows:
            best = max(windows, key=lambda window: window.of(found).mean())
            return _patch(picture, found, best, source=source)
    if skin is not None and not (joints[:, 2] > 0).any():
        window = _evenest(picture, skin)
        return _patch(picture, skin, window, source="even") if window else None
    return None


def by_colour(picture: np.ndarray, *, garment: np.ndarray | None = None) -> np.ndarray:
    """Where a picture has the colours of skin: bool [h, w].

    Args:
      picture: uint8 [h, w, 3].
      garment: bool [h, w], never skin; None: nothing is known to be garment.
    """
    cb, cr = np.moveaxis(np.asarray(Image.fromarray(picture).convert("YCbCr")), -1, 0)[1:]
    found = (cb >= _CB[0]) & (cb <= _CB[1]) & (cr >= _CR[0]) & (cr <= _CR[1])
    return found if garment is None else found & ~garment


def of_user(picture: np.ndarray) -> Patch:
    """A patch that somebody brings: uint8 [h, w, 3] of any size, all of it skin."""
    small = ops.resize(picture, width=SIDE, height=SIDE, interpolation="bilinear")
    return Patch(small, "user", (0, 0, 0, 0))


def trunk(joints: np.ndarray) -> float:
    """Length of the trunk in pixels, from joints float [17, 3]; 0 if none can be said.

    From between the shoulders to between the hips; where one of the four is unknown, a third of
    the height of all joints.
    """
    known = joints[:, 2] > 0
    if known[[5, 6, 11, 12]].all():
        middle = joints[[5, 11], :2] / 2 + joints[[6, 12], :2] / 2
        return float(np.hypot(*(middle[0] - middle[1])))
    rows = joints[known, 1]
    return float(np.ptp(rows)) / 3 if len(rows) else 0.0


def _windows(source: str, joints: np.ndarray, *, scale: float) -> Iterator[_Window]:
    """A window on either side of the body, or one in the middle, where the joints are known."""
    points, known = joints[:, :2], joints[:, 2] > 0
    if source == "neck":
        if known[[0, 5, 6]].all():
            shoulders = (points[5] + points[6]) / 2
            yield _around(points[0] + _DOWN * (shoulders - points[0]), _NECK * scale)
        return
    for elbow, wrist, knee, ankle, ear in ((7, 9, 13, 15, 3), (8, 10, 14, 16, 4)):
        needed, share, radius = {
            "knee": ((knee,), 0.0, _RADII[knee, ankle][0]),
            "calf": ((knee, ankle), 0.5, sum(_RADII[knee, ankle]) / 2),
            "elbow": ((elbow,), 0.0, _RADII[elbow, wrist][0]),
            "forearm": ((elbow, wrist), 0.5, sum(_RADII[elbow, wrist]) / 2),
            "hand": ((elbow, wrist), 1 + _BEYOND, _HAND),
            "cheek": ((0, ear), 0.5, _CHEEK),
        }[source]
        if known[list(needed)].all():
            first, last = points[needed[0]], points[needed[-1]]
            yield _around(first + share * (last - first), radius * scale)


def _around(centre: np.ndarray, radius: float) -> _Window:
    side = max(round(_WIDE * radius), _SMALLEST)
    left, top = (round(float(place) - (side - 1) / 2) for place in centre)
    return _Window(left, top, side)


def _inside(window: _Window, picture: np.ndarray) -> bool:
    height, width = picture.shape[:2]
    right, bottom = window.left + window.side, window.top + window.side
    return min(window.left, window.top) >= 0 and right <= width and bottom <= height


def _evenest(picture: np.ndarray, skin: np.ndarray) -> _Window | None:
    """The most even of the windows with hardly anything but skin, too small for a whole face."""
    height = len(picture)
    grey = np.asarray(Image.fromarray(picture).convert("L")).astype(np.float64)
    sums = [_summed(plane) for plane in (skin.astype(np.float64), grey, grey**2)]
    for side in (max(height // 48, _SMALLEST), max(height // 72, _SMALLEST)):
        share, mean, square = (_boxes(plane, side=side) / side**2 for plane in sums)
        if share.size and (share >= 0.98).any():
            spread = np.where(share >= 0.98, square / np.maximum(mean, 1) ** 2, np.inf)
            top, left = np.unravel_index(np.argmin(spread), spread.shape)
            return _Window(int(left), int(top), side)
    return None


def _summed(plane: np.ndarray) -> np.ndarray:
    """Sums over all that lies above and to the left: float [h + 1, w + 1]."""
    return np.pad(plane, ((1, 0), (1, 0))).cumsum(0).cumsum(1)


def _boxes(sums: np.ndarray, *, side: int) -> np.ndarray:
    """Sums over every square of a side, from sums as `_summed` gives them."""
    low, high = sums[:-side], sums[side:]
    return high[:, side:] - high[:, :-side] - low[:, side:] + low[:, :-side]


def _patch(picture: np.ndarray, skin: np.ndarray, window: _Window, *, source: str) -> Patch:
    part, marked = window.of(picture), window.of(skin)
    filled = np.where(marked[..., None], part, np.round(part[marked].mean(0)).astype(np.uint8))
    small = ops.resize(filled, width=SIDE, height=SIDE, interpolation="bilinear")
    return Patch(small, source, (window.left, window.top, window.side, window.side))
