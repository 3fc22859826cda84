"""Laying a texture on a garment: tiled or stretched, with the garment's own light and shade.

Pictures are float [N, H, W, C] in [-1, 1], masks [N, H, W, 1] in [0, 1], (x, y) in pixels.
Source: the paper fills a texture into the target mask; how it is laid is ours (design, 10).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from tryon_jax.layers.precision import full
from tryon_jax.patches import mask_box

GREY = (0.299, 0.587, 0.114)  # luminance of red, green, blue (Rec. 601)
WINDOW = 9  # pixels: the neighbourhood whose light counts
EPS = 1e-6  # added below the fractions: a black garment is as dark as it may be
DARKEST, BRIGHTEST = 0.6, 1.4  # of the light, in means over the garment


def tile(
    texture: jax.Array,
    *,
    size: tuple[int, int],
    scale: float = 1.0,
    offset: tuple[float, float] = (0.0, 0.0),
) -> jax.Array:
    """A plane covered with a texture, again and again.

    Args:
      texture: [N, h, w, C].
      size: (height, width) of the plane in pixels.
      scale: pixels of the plane for one of the texture.
      offset: (x, y) of the plane where the texture's first pixel lies.

    Returns:
      [N, height, width, C], sampled bilinearly; the edges meet.
    """
    y, x = (
        ((jnp.arange(length) - start) / scale) % period
        for length, start, period in zip(size, offset[::-1], texture.shape[1:3], strict=True)
    )
    rows, cols = _wrapped(y, texture.shape[1]), _wrapped(x, texture.shape[2])
    return jnp.einsum("ih,jw,nhwc->nijc", rows, cols, full(texture), precision="highest")


def stretch(texture: jax.Array, masks: jax.Array) -> jax.Array:
    """A plane on which the texture just fills the box of each mask; beyond, its edge is repeated.

    Args:
      texture: [N, h, w, C].
      masks: [N, H, W, 1]; foreground is above 0.

    Returns:
      [N, H, W, C].
    """
    x0, y0, x1, y1 = jnp.moveaxis(mask_box(masks).astype(full(texture).dtype), -1, 0)
    height, width = masks.shape[1:3]

    def shares(low: jax.Array, high: jax.Array, *, length: int, count: int) -> jax.Array:
        span = jnp.maximum(high - low, 1)[:, None]
        place = (jnp.arange(length) - low[:, None] + 0.5) / span * count - 0.5
        place = jnp.clip(place, 0, count - 1)
        return jnp.maximum(1 - jnp.abs(place[..., None] - jnp.arange(count)), 0)

    rows = shares(y0, y1, length=height, count=texture.shape[1])
    cols = shares(x0, x1, length=width, count=texture.shape[2])
    return jnp.einsum("nih,njw,nhwc->nijc", rows, cols, full(texture), precision="highest")


def shading(pictures: jax.Array, masks: jax.Array) -> jax.Array:
    """The light on a garment: its luminance around each pixel, over its mean.

    Args:
      pictures: [N, H, W, 3] in [-1, 1].
      masks: [N, H, W, 1] in [0, 1].

    Returns:
      [N, H, W, 1] in [DARKEST, BRIGHTEST]; 1 where the garment is not near.
    """
    masks = full(masks)
    light = jnp.sum((full(pictures) + 1) / 2 * jnp.array(GREY), -1, keepdims=True)
    near = _box_sum(masks) / WINDOW**2
    local = _box_sum(light * masks) / WINDOW**2 / (near + EPS)
    area = jnp.sum(masks, (1, 2, 3), keepdims=True)
    mean = jnp.sum(local * masks, (1, 2, 3), keepdims=True) / jnp.where(area > 0, area, 1)
    relative = jnp.clip(local / (mean + EPS), DARKEST, BRIGHTEST)
    return jnp.where(near > 0, relative, 1.0)


def lay(plane: jax.Array, pictures: jax.Array, *, masks: jax.Array, light: jax.Array) -> jax.Array:
    """Pictures whose garments are cut from a plane of texture.

    Args:
      plane: [N, H, W, 3] in [-1, 1].
      pictures: [N, H, W, 3] in [-1, 1].
      masks: [N, H, W, 1] in [0, 1]; between, both are mixed.
      light: [N, H, W, 1], multiplies the plane's brightness; ones for none.
    """
    cloth = 2 * jnp.clip((full(plane) + 1) / 2 * light, 0, 1) - 1
    return full(pictures) * (1 - masks) + masks * cloth


def feather(masks: jax.Array) -> jax.Array:
    """Masks [N, H, W, 1] whose hard edge falls over one pixel on each side: means of 3 x 3."""
    return _box_sum(masks, window=3) / _box_sum(jnp.ones_like(masks), window=3)


def _box_sum(x: jax.Array, *, window: int = WINDOW) -> jax.Array:
    """Sums over squares around each pixel of [N, H, W, C]; beyond the edge there is nothing."""
    return jax.lax.reduce_window(
        full(x), 0.0, jax.lax.add, (1, window, window, 1), (1, 1, 1, 1), "SAME"
    )


def _wrapped(place: jax.Array, length: int) -> jax.Array:
    """How much each of `length` pixels gives at places in [0, length), end to end."""
    near = jnp.abs(place[:, None] - jnp.arange(length))
    return jnp.maximum(1 - jnp.minimum(near, length - near), 0)
