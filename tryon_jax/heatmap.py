"""Attention maps as pictures: blue where a map is low, red where it is high.

Follows the heat strips of U-GAT-IT (Kim et al. 2020, figure 2; `cam` in the authors' PyTorch code).
Runs inside `jax.jit`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from tryon_jax.layers.precision import full


def heatmap(values: jax.Array, *, size: int) -> jax.Array:
    """Colour picture of each map, stretched to its own range.

    Args:
      values: float [N, h, w, 1], any range.
      size: side of the square picture in pixels.

    Returns:
      float32 [N, size, size, 3] in [-1, 1]; a constant map is all low.

    Raises:
      ValueError: if `values` has not one channel.

    Source: U-GAT-IT's `cam`: h - min, / max, bilinear resize, OpenCV's JET. The reference rounds
      the map to 8 bits before it is resized and coloured; we stay in float32.
    """
    if values.ndim != 4 or values.shape[-1] != 1:
        raise ValueError(
            f"heatmap takes maps [N, h, w, 1], got {values.shape}; "
            "sum over the channels with keepdims=True"
        )
    heat = full(values)
    heat = heat - heat.min(axis=(1, 2, 3), keepdims=True)
    peak = heat.max(axis=(1, 2, 3), keepdims=True)
    heat = heat / jnp.where(peak > 0, peak, 1)
    heat = jax.image.resize(heat, (heat.shape[0], size, size, 1), "linear", antialias=False)
    return 2 * jet(heat[..., 0]) - 1


def jet(heat: jax.Array) -> jax.Array:
    """The jet colour map: dark blue, blue, cyan, yellow, red, dark red.

    Args:
      heat: float [...] in [0, 1].

    Returns:
      float [..., 3], RGB in [0, 1]: one clipped tent per channel, 3/4 wide at its foot, centred at
      3/4, 1/2 and 1/4.
    """
    centres = jnp.array([3.0, 2.0, 1.0])  # red, green, blue, in quarters
    return jnp.clip(1.5 - jnp.abs(4 * heat[..., None] - centres), 0, 1)
