"""Patches: rectangles of pictures brought to one size, and where a mask's rectangle is.

A box is (x0, y0, x1, y1) in pixels, the far edges exclusive: pixel k reaches from k to k + 1.
Sampling is bilinear without antialiasing; gradients flow into the pictures, never into boxes.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from tryon_jax.layers.precision import full


def sides(maps: jax.Array) -> tuple[int, int]:
    """Height and width of [N, H, W, C]."""
    _, height, width, _ = maps.shape
    return height, width


def mask_box(masks: jax.Array) -> jax.Array:
    """The tight box of what is above 0, int32 [N, 4]; zeros where nothing is.

    Args:
      masks: [N, H, W, 1].
    """
    inside = masks[..., 0] > 0
    spans = []
    for axis in (1, 2):  # columns, then rows: any over the other axis
        used = jnp.any(inside, axis)
        length = used.shape[1]
        first = jnp.argmax(used, 1)
        last = length - jnp.argmax(used[:, ::-1], 1)
        spans += [(first, jnp.where(jnp.any(used, 1), last, 0))]
    (x0, x1), (y0, y1) = spans
    return jnp.stack([x0, y0, x1, y1], -1).astype(jnp.int32)


def box_share(boxes: jax.Array, *, size: tuple[int, int]) -> jax.Array:
    """Areas of boxes [N, 4] as shares of a picture (height, width), [N]."""
    x0, y0, x1, y1 = jnp.moveaxis(boxes.astype(jnp.float32), -1, 0)
    return (x1 - x0) * (y1 - y0) / (size[0] * size[1])


def patch(pictures: jax.Array, boxes: jax.Array, *, size: tuple[int, int]) -> jax.Array:
    """Cuts a box out of each picture and brings it to one size.

    Args:
      pictures: float [N, H, W, C].
      boxes: [N, 4]; what reaches beyond the picture repeats its edge.
      size: (height, width) of the result.

    Returns:
      float [N, height, width, C].
    """
    pictures = full(pictures)
    x0, y0, x1, y1 = jnp.moveaxis(boxes.astype(pictures.dtype), -1, 0)
    rows = _shares(y0, y1, count=size[0], length=pictures.shape[1])
    cols = _shares(x0, x1, count=size[1], length=pictures.shape[2])
    return jnp.einsum("nih,njw,nhwc->nijc", rows, cols, pictures, precision="highest")


def coverage(masks: jax.Array, boxes: jax.Array) -> jax.Array:
    """Mean of masks [N, H, W, 1] over the pixels whose centres lie in boxes [N, 4]: [N]."""
    x0, y0, x1, y1 = (edge[:, None] for edge in jnp.moveaxis(boxes, -1, 0))
    y, x = (jnp.arange(length) + 0.5 for length in masks.shape[1:3])
    rows, cols = (((low <= at) & (at < high)) for low, at, high in ((y0, y, y1), (x0, x, x1)))
    weight = (rows[:, :, None] & cols[:, None, :]).astype(full(masks).dtype)
    return jnp.sum(full(masks)[..., 0] * weight, (1, 2)) / jnp.maximum(jnp.sum(weight, (1, 2)), 1)


def _shares(low: jax.Array, high: jax.Array, *, count: int, length: int) -> jax.Array:
    """How much each of `length` pixels gives to each of `count` samples: [N, count, length]."""
    step = (jnp.arange(count) + 0.5) / count
    place = low[:, None] + step * (high - low)[:, None] - 0.5
    place = jax.lax.stop_gradient(jnp.clip(place, 0, length - 1))
    return jnp.maximum(1 - jnp.abs(place[..., None] - jnp.arange(length)), 0)
