"""VGG as a judge of pictures: feature maps on five scales, and how far apart two pictures' are.

Source: Simonyan and Zisserman 2015, table 1, columns D (16) and E (19); the loss is that of
CP-VTON (Wang et al. 2018, section 3.3), whose pictures enter as they are, in [-1, 1]. Other judges
see them through `imagenet`, as the networks were trained.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax import losses
from tryon_jax.layers.conv import Conv

CONVS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}  # per block
WIDTHS = (64, 128, 256, 512, 512)
SMALLEST = 16  # pixels, that four halvings leave one
WEIGHTS = {"relu1_1": 1 / 32, "relu2_1": 1 / 16, "relu3_1": 1 / 8, "relu4_1": 1 / 4, "relu5_1": 1.0}
SHIFT = (-0.030, -0.088, -0.188)  # ImageNet's mean (0.485, 0.456, 0.406), seen from [-1, 1]
SCALE = (0.458, 0.448, 0.450)  # ImageNet's deviation (0.229, 0.224, 0.225), seen from [-1, 1]


class VGG(nn.Module):
    """The convolutions of VGG up to the last of `taps`, the maps that it gives, in their order.

    Up to relu5_1, 19 has 12 944 960 parameters, 16 has 9 995 072; up to relu5_3, 16 has 14 714 688.
    """

    depth: int = 19
    taps: tuple[str, ...] = tuple(WEIGHTS)
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """Maps pictures [N, H, W, 3] to the taps, each behind its ReLU.

        Returns:
          relu1_1 ... by name, block and convolution in it: [N, H / s, W / s, C] in `dtype`, s = 1,
          2, 4, 8, 16, rounded down at each halving.

        Raises:
          ValueError: if the depth or a tap is unknown, or the pictures are too small to be halved
            four times.
        """
        if self.depth not in CONVS:
            depths = ", ".join(map(str, CONVS))
            raise ValueError(f"the depth of VGG must be one of {depths}; got {self.depth}")
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(
                f"VGG halves pictures four times, got {x.shape[1]} x {x.shape[2]}; "
                f"use {SMALLEST} pixels or more"
            )
        names = [f"{b}_{i}" for b, n in enumerate(CONVS[self.depth], 1) for i in range(1, n + 1)]
        if strange := [tap for tap in self.taps if tap.removeprefix("relu") not in names]:
            raise ValueError(
                f"VGG{self.depth} has no {', '.join(strange)}; it ends at relu{names[-1]}"
            )
        features = {}
        for name in names[: 1 + names.index(self.taps[-1].removeprefix("relu"))]:
            block, i = map(int, name.split("_"))
            x = max_pool2(x) if block > 1 and i == 1 else x
            conv = Conv(WIDTHS[block - 1], 3, padding=1, dtype=self.dtype, name=f"conv{name}")
            x = features[f"relu{name}"] = nn.relu(conv(x))
        return {tap: features[tap] for tap in self.taps}


def imagenet(x: jax.Array) -> jax.Array:
    """Pictures [N, H, W, 3] in [-1, 1] as networks trained on ImageNet know them."""
    return (x - jnp.asarray(SHIFT, x.dtype)) / jnp.asarray(SCALE, x.dtype)


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
