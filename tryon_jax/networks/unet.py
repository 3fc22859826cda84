"""The U-Net of pix2pix and CycleGAN: n halvings, n doublings, skips by concatenation.

Source: Isola et al. 2017, appendix 6.1.1; CycleGAN's code (dropout in the middle only).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv, ConvTranspose
from tryon_jax.layers.precision import full
from tryon_jax.networks.blocks import Dropout, Norm, needs_bias


class UNet(nn.Module):
    """Translates pictures whose sides are multiples of 2 ** halvings (7: 128 px, 8: 256 px)."""

    channels: int = 64
    halvings: int = 8
    out_channels: int = 3
    norm: str = "batch"
    dropout: bool = False
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool = False) -> jax.Array:
        """Maps [N, H, W, C] in [-1, 1] to float32 [N, H, W, out_channels] in (-1, 1).

        Raises:
          ValueError: if a side is not a multiple of 2 ** halvings.
        """
        _check_size(x.shape, self.halvings)
        common = {"init_type": self.init_type, "dtype": self.dtype}
        biased = {"use_bias": needs_bias(self.norm), **common}
        skips = []
        y = x
        for i in range(self.halvings):
            y = nn.leaky_relu(y, 0.2) if i else y
            width = self.channels * min(2**i, 8)
            y = Conv(width, 4, stride=2, padding=1, name=f"down_{i}", **biased)(y)
            if 0 < i < self.halvings - 1:
                y = Norm(self.norm, name=f"down_{i}_norm")(y, update=update)
            skips.append(y)
        y = skips.pop()
        for i in reversed(range(self.halvings)):
            width = self.channels * min(2 ** (i - 1), 8) if i else self.out_channels
            options = biased if i else common
            y = ConvTranspose(width, 4, padding=1, name=f"up_{i}", **options)(nn.relu(y))
            if i:
                y = Norm(self.norm, name=f"up_{i}_norm")(y, update=update)
                if self.dropout and 4 < i < self.halvings - 1:
                    y = Dropout()(y, update=update)
                y = jnp.concatenate([skips.pop(), y], -1)
        return jnp.tanh(full(y))


def _check_size(shape: tuple[int, ...], halvings: int) -> None:
    multiple = 2**halvings
    if shape[1] % multiple or shape[2] % multiple:
        raise ValueError(
            f"a U-Net with {halvings} halvings needs sides that are multiples of {multiple}, "
            f"got {shape[1]} x {shape[2]}; choose another image_size or generator"
        )
