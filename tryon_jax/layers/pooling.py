"""Averages over a grid of cells that need not divide the map; maxima."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from tryon_jax.layers.precision import full


def adaptive_average(x: jax.Array, *, size: tuple[int, ...]) -> jax.Array:
    """Average of each cell of a grid over [N, H, W, C], in float32: [N, height, width, C].

    Args:
      x: any dtype.
      size: (height, width) of the grid; cells overlap by a pixel where it does not divide the map.

    Source: PyTorch's `adaptive_avg_pool2d`, which is also its `interpolate(mode="area")`.
    """
    rows, cols = (_cells(old, new) for old, new in zip(x.shape[1:3], size, strict=True))
    return jnp.einsum("ih,jw,nhwc->nijc", rows, cols, full(x), precision="highest")


def _cells(length: int, count: int) -> np.ndarray:
    """[count, length]: row i averages the pixels from floor(i L / n) to ceil((i + 1) L / n)."""
    weights = np.zeros((count, length), np.float32)
    for i in range(count):
        first, end = i * length // count, -(-(i + 1) * length // count)
        weights[i, first:end] = 1 / (end - first)
    return weights


def first_maximum(x: jax.Array) -> jax.Array:
    """Maximum over the places of [N, H, W, C], [N, C]; the gradient goes to the first place alone.

    `jnp.max` would divide it among equal ones, such as the places that a mask has made flat.
    Source: PyTorch's `adaptive_max_pool2d`.
    """
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    place = jnp.argmax(jax.lax.stop_gradient(flat), 1, keepdims=True)
    return jnp.take_along_axis(flat, place, 1)[:, 0]


def max_pool3(x: jax.Array) -> jax.Array:
    """Maximum of 3 x 3 at every second pixel, [N, H, W, C] to [N, H / 2, W / 2, C].

    The rim is padded by 0, which changes no maximum behind a ReLU.
    """
    return nn.max_pool(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), strides=(2, 2))
