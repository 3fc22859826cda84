"""CycleGAN's ResNet generator: two halvings, n residual blocks, two doublings.

Source: Zhu et al. 2017, appendix 7.2 (c7s1-64, d128, d256, R256 x n, u128, u64, c7s1-3) after
Johnson et al. 2016.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv, ConvTranspose
from tryon_jax.layers.precision import full
from tryon_jax.networks.blocks import Dropout, Norm, needs_bias


class ResnetBlock(nn.Module):
    """x + [conv, norm, ReLU, (dropout), conv, norm](x), no rectifier after the sum."""

    norm: str
    dropout: bool
    padding_mode: str
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps [N, H, W, C] to the same shape."""
        y = x
        for index in (1, 2):
            y = Conv(
                x.shape[-1],
                3,
                padding=1,
                padding_mode=self.padding_mode,
                use_bias=needs_bias(self.norm),
                init_type=self.init_type,
                dtype=self.dtype,
                name=f"conv_{index}",
            )(y)
            y = Norm(self.norm, name=f"norm_{index}")(y, update=update)
            if index == 1:
                y = nn.relu(y)
                if self.dropout:
                    y = Dropout()(y, update=update)
        return x + y


class ResnetGenerator(nn.Module):
    """Translates pictures [N, H, W, C] with sides that are multiples of 4.

    `channels` is ngf, the width after the first layer; `padding_mode` is that of the blocks.
    """

    channels: int = 64
    blocks: int = 9
    out_channels: int = 3
    norm: str = "instance"
    dropout: bool = False
    padding_mode: str = "reflect"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool = False) -> jax.Array:
        """Maps [N, H, W, C] in [-1, 1] to float32 [N, H, W, out_channels] in (-1, 1)."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        biased = {"use_bias": needs_bias(self.norm), **common}

        def rectified(y: jax.Array, name: str) -> jax.Array:
            return nn.relu(Norm(self.norm, name=f"{name}_norm")(y, update=update))

        y = Conv(self.channels, 7, padding=3, padding_mode="reflect", name="stem", **biased)(x)
        y = rectified(y, "stem")
        for i in (1, 2):
            width = self.channels * 2**i
            y = Conv(width, 3, stride=2, padding=1, name=f"down_{i}", **biased)(y)
            y = rectified(y, f"down_{i}")
        for i in range(self.blocks):
            block = ResnetBlock(
                self.norm, self.dropout, self.padding_mode, **common, name=f"block_{i}"
            )
            y = block(y, update=update)
        for i in (1, 2):
            width = self.channels * 2 ** (2 - i)
            up = ConvTranspose(width, 3, padding=1, output_padding=1, name=f"up_{i}", **biased)
            y = rectified(up(y), f"up_{i}")
        out = Conv(self.out_channels, 7, padding=3, padding_mode="reflect", name="out", **common)
        return jnp.tanh(full(out(y)))
