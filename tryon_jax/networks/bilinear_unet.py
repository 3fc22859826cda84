"""The U-Net of CP-VTON's Try-On Module: strided convolutions down, bilinear doublings up.

Source: Wang et al. 2018, section 3.3, in the arithmetic of the authors' code: instance norm without
parameters on every map but the first and the innermost going down, and behind the last layer too.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv, upsample2, upsample2_bilinear
from tryon_jax.layers.norms import instance_norm
from tryon_jax.layers.precision import full

UPSAMPLINGS = {"bilinear": upsample2_bilinear, "nearest": upsample2}


class BilinearUNet(nn.Module):
    """Maps pictures whose sides are multiples of 2^halvings to maps of the same size."""

    out_channels: int
    channels: int = 64
    halvings: int = 6
    upsampling: str = "bilinear"
    output_norm: bool = True
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to float32 [N, H, W, out_channels], not squashed.

        With `output_norm` each output channel of each picture has mean 0 and variance 1: the
        original's composition mask can therefore never be black and white.

        Raises:
          ValueError: if a side is no multiple of 2^halvings, or the upsampling unknown.
        """
        _check(self, x.shape)
        skips, y = [], x
        for i in range(self.halvings):
            y = nn.leaky_relu(y, 0.2) if i else y
            width = self.channels * min(2**i, 8)
            y = Conv(width, 4, stride=2, padding=1, dtype=self.dtype, name=f"down_{i}")(y)
            if 0 < i < self.halvings - 1:
                y = instance_norm(y)
            skips.append(y)
        y = skips.pop()
        for i in reversed(range(self.halvings)):
            width = self.channels * min(2 ** (i - 1), 8) if i else self.out_channels
            y = UPSAMPLINGS[self.upsampling](nn.relu(y))
            y = Conv(width, 3, padding=1, dtype=self.dtype, name=f"up_{i}")(y)
            if i:
                y = jnp.concatenate([skips.pop(), instance_norm(y)], -1)
        return full(instance_norm(y) if self.output_norm else y)


def _check(net: BilinearUNet, shape: tuple[int, ...]) -> None:
    if net.upsampling not in UPSAMPLINGS:
        raise ValueError(
            f"model.upsampling must be one of {', '.join(UPSAMPLINGS)}; got {net.upsampling!r}"
        )
    multiple = 2**net.halvings
    if shape[1] % multiple or shape[2] % multiple:
        raise ValueError(
            f"a U-Net with {net.halvings} halvings needs sides that are multiples of {multiple}, "
            f"got {shape[1]} x {shape[2]}; set --config.image_size or --config.model.halvings"
        )
    if shape[1] == shape[2] == multiple and net.halvings > 1:
        raise ValueError(
            f"{net.halvings} halvings of a {shape[1]} x {shape[2]} picture leave one pixel, which "
            "has no instance statistics; use larger pictures or fewer halvings"
        )
