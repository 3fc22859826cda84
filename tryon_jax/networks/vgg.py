"""VGG as a judge of pictures: feature maps on five scales, and how far apart two pictures' are.

Source: Simonyan and Zisserman 2015, table 1, columns D (16) and E (19); the loss is that of
CP-VTON (Wang et al. 2018, section 3.3), whose pictures enter as they are, in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax import losses
from tryon_jax.layers.conv import Conv

CONVS = {16: (2, 2, 3, 3, 1), 19: (2, 2, 4, 4, 1)}  # per block; of the fifth only the first
WIDTHS = (64, 128, 256, 512, 512)
SMALLEST = 16  # pixels, that four halvings leave one
WEIGHTS = {"relu1_1": 1 / 32, "relu2_1": 1 / 16, "relu3_1": 1 / 8, "relu4_1": 1 / 4, "relu5_1": 1.0}


class VGG(nn.Module):
    """The convolutions of VGG up to relu5_1; 19 has 12 944 960 parameters, 16 has 9 995 072."""

    depth: int = 19
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """Maps pictures [N, H, W, 3] to the first map of each block, behind its ReLU.

        Returns:
          relu1_1 ... relu5_1 by name: [N, H / s, W / s, C] in `dtype`, s = 1, 2, 4, 8, 16, rounded
          down at each halving.

        Raises:
          ValueError: if the depth is unknown or the pictures are too small to be halved four times.
        """
        if self.depth not in CONVS:
            depths = ", ".join(map(str, CONVS))
            raise ValueError(f"the depth of VGG must be one of {depths}; got {self.depth}")
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(
                f"VGG halves pictures four times, got {x.shape[1]} x {x.shape[2]}; "
                f"use {SMALLEST} pixels or more"
            )
        features = {}
        for block, (count, width) in enumerate(zip(CONVS[self.depth], WIDTHS, strict=True), 1):
            x = x if block == 1 else max_pool2(x)
            for i in range(1, count + 1):
                conv = Conv(width, 3, padding=1, dtype=self.dtype, name=f"conv{block}_{i}")
                x = nn.relu(conv(x))
                if i == 1:
                    features[f"relu{block}_1"] = x
        return features


def perceptual(
    features: Mapping[str, jax.Array], wanted: Mapping[str, jax.Array]
) -> dict[str, jax.Array]:
    """The perceptual loss of two pictures' `VGG` features, in parts: their sum is the loss.

    Each part is the mean absolute difference of one layer times its weight, `WEIGHTS`.

    Source: CP-VTON's code; its paper gives no weights.
    """
    return {
        layer: weight * losses.l1(features[layer], wanted[layer])
        for layer, weight in WEIGHTS.items()
    }


def max_pool2(x: jax.Array) -> jax.Array:
    """The largest of each 2 x 2 of [N, H, W, C]; an odd last row or column is left out.

    Of equals the first has the gradient, as in PyTorch: flat cloth is full of them. XLA's own form,
    `reduce_window`, does so too, but on a CPU VGG16's loss of four pictures of 256 x 192 then takes
    8 to 13 % more time and 912 MiB instead of 358.
    """
    n, h, w, c = x.shape
    pairs = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
    upper, lower = (_larger(pairs[:, :, i, :, 0], pairs[:, :, i, :, 1]) for i in (0, 1))
    return _larger(upper, lower)


def _larger(x: jax.Array, y: jax.Array) -> jax.Array:
    """The maximum, with the whole gradient for x where both are equal."""
    return jnp.where(y > x, y, x)
