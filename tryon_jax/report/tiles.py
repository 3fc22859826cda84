"""Pictures inside of a page: small files in text, which no folder beside the page must hold."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

LONGEST = 384  # pixels of a side; larger pictures are shown smaller
QUALITY = 88  # of WebP: differences of two levels are lost, which a map of differences ignores


class Tile(NamedTuple):
    """An encoded picture."""

    data: bytes  # WebP
    width: int
    height: int

    @property
    def url(self) -> str:
        """The picture as text, for `src`."""
        return f"data:image/webp;base64,{base64.b64encode(self.data).decode()}"


def encoded(image_uint8: np.ndarray) -> Tile:
    """A picture uint8 [H, W, 3], not larger than a page shows it."""
    image = Image.fromarray(np.ascontiguousarray(image_uint8))
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=QUALITY, method=2)
    return Tile(buffer.getvalue(), image.width, image.height)
