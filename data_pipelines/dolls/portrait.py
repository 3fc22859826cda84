"""A doll's head and shoulders, cut out and laid on white: what photo2cartoon trains on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data_pipelines.dolls.people import Doll, doll
from data_pipelines.dolls.person import joints
from data_pipelines.dolls.view import figure

_SPAN, _BELOW = 1.65, 0.27  # the picture's height, and what is seen below the chin, in heads
_WHITE = (255, 255, 255)


def portrait(index: int, *, seed: int, style: str, size: int) -> np.ndarray:
    """Portrait of the doll that `draw` shows as a whole.

    Args:
      index: which doll, 0 or more.
      seed: which set of dolls, 0 or more.
      style: "photo" or "drawn".
      size: side of the picture in pixels, 16 or more.

    Returns:
      uint8 [size, size, 3], sRGB, white where the doll is not.

    Raises:
      ValueError: if an argument is out of its range.
    """
    seen = figure(_before(doll(index, seed, kind="any")), height=size, width=size, style=style)
    return np.where(seen.body[..., None] > 0, seen.picture, np.uint8(255))


def _before(whole: Doll) -> Doll:
    """The doll with the camera before its face."""
    places, head = joints(whole.person), whole.person.build.head
    bottom = places["chin"][1] + _BELOW * head
    scene = replace(
        whole.scene,
        middle=float(places["head"][0]),
        top=float(bottom - _SPAN * head),
        span=_SPAN * head,
        backdrop=_WHITE,
        paper=_WHITE,
    )
    return replace(whole, scene=scene)
