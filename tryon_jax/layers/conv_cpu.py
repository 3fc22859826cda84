"""Convolutions in forms that XLA runs fast on a CPU; the numbers agree to float rounding.

Three things are slow there (jaxlib 0.10.2, two cores; milliseconds, slow form and ours):

* a convolution without padding, most of all with few outputs or several pictures: 7 x 7 from 32 to
  3 channels at 128 px 51 and 2, kernel gradient of 3 x 3 from 128 to 64, two pictures at 64 px 29
  and 10. One row of zeros under the picture is enough; what it gives is cut off.
* the input gradient where the map is smaller than its kernel, for XLA swaps the two: 4 x 4 from 512
  to 1024 channels on a 3 x 3 map 293 and 4. As a matrix product with patches it needs no swap.
* the kernel gradient of a transposed convolution, swapped as well: 3 x 3 from 128 to 64 channels at
  32 px 89 and 5. As a matrix product, whose results are laid over one another, it is not.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def convolve(x: jax.Array, kernel: jax.Array, *, stride: int) -> jax.Array:
    """Valid convolution of [N, H, W, I] with [h, w, I, O] at the same stride on both axes."""
    size = kernel.shape[:2]
    height, width = _map_size(x, size=size, stride=stride)
    # patches that do not overlap (1 x 1, for one) cost nothing, and XLA swaps their gradient too
    if height * width <= size[0] * size[1] or stride >= max(size):
        return _patches(x, size=size, stride=stride) @ kernel.reshape(-1, kernel.shape[-1])
    y = jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((0, stride), (0, 0)),  # one row too many in the result
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return y[:, :height]


def convolve_transposed(
    x: jax.Array, kernel: jax.Array, *, padding: int, output_padding: int
) -> jax.Array:
    """Stride-2 transposed convolution; see `conv.conv2d_transposed`."""
    n, height, width, inputs = x.shape
    side, outputs = kernel.shape[0], kernel.shape[3]
    grown = side - 2 - 2 * padding + output_padding
    picture = jax.ShapeDtypeStruct((n, 2 * height + grown, 2 * width + grown, outputs), x.dtype)
    edges = (padding, padding - output_padding, 0)

    def patches(picture: jax.Array) -> jax.Array:
        padded = jax.lax.pad(picture, jnp.zeros((), x.dtype), ((0, 0, 0), edges, edges, (0, 0, 0)))
        return _patches(padded, size=(side, side), stride=2)

    # each pixel paints the mirrored kernel; patches run backwards add up where strokes overlap
    brush = kernel[::-1, ::-1].transpose(2, 0, 1, 3).reshape(inputs, -1)
    (painted,) = jax.linear_transpose(patches, picture)(x @ brush)
    return painted


def _map_size(x: jax.Array, *, size: tuple[int, ...], stride: int) -> tuple[int, int]:
    return (x.shape[1] - size[0]) // stride + 1, (x.shape[2] - size[1]) // stride + 1


def _patches(x: jax.Array, *, size: tuple[int, ...], stride: int) -> jax.Array:
    """[N, H, W, C] to [N, H', W', h w C]: what a kernel of `size` sees at each place."""
    height, width = _map_size(x, size=size, stride=stride)
    views = [
        x[:, row : row + stride * height : stride, column : column + stride * width : stride]
        for row in range(size[0])
        for column in range(size[1])
    ]
    return jnp.concatenate(views, -1)
