"""Pictures for people: tensors become a labelled grid, the grid becomes a PNG file.

A row is a dict's key (`real_a`, `fake_b`, ...), a column is an item. NumPy and Pillow only.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tryon_jax.files import write_atomic

MAX_SIDE = 4096  # pixels
MIN_TILE = 48  # pixels; smaller tiles are enlarged by a whole number: a title must fit beside them
GAP = 3  # pixels between tiles
PAD = 8  # pixels left and right of a title
BACKGROUND = (244, 244, 242)
INK = (64, 64, 64)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Bytes of pictures in [-1, 1], rounded to the nearest.

    Args:
      images: float [N, H, W, 3 or 1] in [-1, 1]; values outside are clipped, NaN is shown black.

    Returns:
      uint8 [N, H, W, 3]; one channel is repeated three times.

    Raises:
      ValueError: for another shape, or for numbers that are not float.

    Source: CycleGAN's `tensor2im` truncates, which darkens by half a level on average; we round.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"to_uint8 takes pictures [N, H, W, 1 or 3], got {images.shape}")
    if images.dtype.kind in "iub":
        raise ValueError(
            f"to_uint8 takes float pictures in [-1, 1], got {images.dtype}; "
            "divide by 127.5 and subtract 1"
        )
    levels = (images.astype(np.float32) + 1) * 127.5
    levels = np.rint(np.clip(np.nan_to_num(levels), 0, 255)).astype(np.uint8)
    return np.broadcast_to(levels, (*levels.shape[:3], 3))


def grid(rows: dict[str, np.ndarray], *, titles: bool = True) -> np.ndarray:
    """One picture of many: a row per key in the dict's order, a column per item.

    Args:
      rows: title -> float [N, H, W, 3 or 1] in [-1, 1]. Rows may differ in N, H and W: short rows
        end early, small tiles are enlarged (nearest) to the largest one, keeping their aspect.
      titles: write each key to the left of its row.

    Returns:
      uint8 [height, width, 3], at most 4096 pixels a side: tiles are scaled down until they fit.

    Raises:
      ValueError: if there is nothing to show, or too many tiles to fit.
    """
    tiles = {title: to_uint8(images) for title, images in rows.items()}
    shapes = {title: images.shape for title, images in tiles.items()}
    if not tiles or any(0 in shape for shape in shapes.values()):
        raise ValueError(f"grid shows at least one picture in each row, got {shapes}")
    columns, height, width, _ = map(max, zip(*shapes.values(), strict=True))
    enlarge = -(-MIN_TILE // height)  # ceil
    height, width = height * enlarge, width * enlarge
    font = ImageFont.load_default(size=min(max(height // 10, 12), 22))
    left = round(max(map(font.getlength, tiles))) + 2 * PAD if titles else GAP
    height, width = _shrink((height, width), counts=(len(tiles), columns), left=left)

    size = left + columns * (width + GAP), GAP + len(tiles) * (height + GAP)
    canvas = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for row, (title, images) in enumerate(tiles.items()):
        top = GAP + row * (height + GAP)
        if titles:
            draw.text((PAD, top + height / 2), title, fill=INK, font=font, anchor="lm")
        for column, image in enumerate(images):
            tile = _fit(image, height=height, width=width)
            x = left + column * (width + GAP) + (width - tile.width) // 2
            canvas.paste(tile, (x, top + (height - tile.height) // 2))
    return np.asarray(canvas)


def crossed(
    tiles: Sequence[Sequence[np.ndarray]],
    *,
    rows: Sequence[np.ndarray],
    columns: Sequence[np.ndarray],
) -> np.ndarray:
    """A table of pictures as papers print it: its heads along the top and down the left side.

    Args:
      tiles: for each row its pictures, float [H, W, 3 or 1] in [-1, 1], all of one size.
      rows: heads of the rows.
      columns: heads of the columns.

    Returns:
      uint8 [height, width, 3], at most 4096 pixels a side; the corner is empty.
    """
    corner = np.broadcast_to(np.divide(BACKGROUND, 127.5) - 1, (*columns[0].shape[:2], 3))
    heads = zip([corner, *rows], [columns, *tiles], strict=True)
    table = [[head, *row] for head, row in heads]
    shown = {
        str(number): np.stack([np.broadcast_to(x, (*x.shape[:2], 3)) for x in row])
        for number, row in enumerate(table)
    }
    return grid(shown, titles=False)


def save_png(path: str | os.PathLike[str], image_uint8: np.ndarray) -> None:
    """Write a picture as PNG, whole or not at all.

    Args:
      path: the file; its folder is made if missing.
      image_uint8: uint8 [H, W, 3].

    Raises:
      OSError: the folder cannot be written or the disk is full.
    """
    encoded = io.BytesIO()
    Image.fromarray(image_uint8).save(encoded, format="PNG")
    write_atomic(path, encoded.getvalue())


def _shrink(tile: tuple[int, int], *, counts: tuple[int, int], left: int) -> tuple[int, int]:
    """Tile size (height, width) at which `counts` (rows, columns) of tiles stay within MAX_SIDE."""
    room = ((MAX_SIDE - GAP) / counts[0] - GAP, (MAX_SIDE - left) / counts[1] - GAP)
    scale = min(1.0, room[0] / tile[0], room[1] / tile[1])
    height, width = int(tile[0] * scale), int(tile[1] * scale)
    if min(height, width) < 1:
        raise ValueError(
            f"grid holds at most {MAX_SIDE} pixels a side, "
            f"got {counts[0]} rows of {counts[1]} tiles; show fewer"
        )
    return height, width


def _fit(image_uint8: np.ndarray, *, height: int, width: int) -> Image.Image:
    """The largest picture of one aspect inside (height, width): nearest up, box average down."""
    tile = Image.fromarray(image_uint8)
    scale = min(height / tile.height, width / tile.width)
    size = max(1, round(tile.width * scale)), max(1, round(tile.height * scale))
    resampling = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    return tile.resize(size, resampling)
