"""AttentionGAN's generator: drafts of a picture, and masks that say which draft is seen where.

Source: Tang et al., "AttentionGAN" (2019, arXiv 1911.11897), scheme II, in the arithmetic of the
authors' code (version 2). CycleGAN's encoder and residual blocks; behind them one decoder paints
nine drafts, another paints ten masks. The tenth mask keeps the input.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv, ConvTranspose
from tryon_jax.layers.precision import full
from tryon_jax.networks.blocks import Norm, needs_bias
from tryon_jax.networks.resnet_generator import ResnetBlock

MASKS = 10  # the last one is the background's


class Blend(NamedTuple):
    """How a picture is made; the sum over drafts and input of mask times picture is the image.

    image [N, H, W, C]; drafts [N, H, W, 9, C] in (-1, 1); masks [N, H, W, 10] in [0, 1], of sum 1.
    """

    image: jax.Array
    drafts: jax.Array
    masks: jax.Array


class AttentionGenerator(nn.Module):
    """Translates pictures [N, H, W, C] with sides that are multiples of 4."""

    channels: int = 64
    blocks: int = 9
    out_channels: int = 3
    norm: str = "instance"
    dropout: bool = False
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    def __call__(self, x: jax.Array, *, update: bool = False) -> jax.Array:
        """Maps [N, H, W, C] in [-1, 1] to float32 [N, H, W, C] in [-1, 1]."""
        return self.blend(x, update=update).image

    @nn.compact
    def blend(self, x: jax.Array, *, update: bool = False) -> Blend:
        """The picture of `__call__`, and what it is made of.

        Raises:
          ValueError: if input and output have different channels: the input is part of the output.
        """
        if x.shape[-1] != self.out_channels:
            raise ValueError(
                f"attention blends the input into the output: both need {x.shape[-1]} channels, "
                f"got out_channels={self.out_channels}"
            )
        features = self._encode(x, update=update)
        common = {"init_type": self.init_type, "dtype": self.dtype}
        drafts = self._double(features, "drafts", update=update)
        count = MASKS - 1
        paint = Conv(
            count * self.out_channels,
            7,
            padding=3,
            padding_mode="reflect",
            name="drafts_out",
            **common,
        )
        drafts = jnp.tanh(full(paint(drafts)))
        drafts = drafts.reshape(*drafts.shape[:3], count, self.out_channels)
        masks = self._double(features, "masks", update=update)
        masks = jax.nn.softmax(full(Conv(MASKS, 1, name="masks_out", **common)(masks)), -1)
        painted = jnp.sum(drafts * masks[..., :-1, None], -2)
        return Blend(painted + full(x) * masks[..., -1:], drafts, masks)

    def _encode(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Features [N, H/4, W/4, 4 channels]."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        biased = {"use_bias": needs_bias(self.norm), **common}
        y = Conv(self.channels, 7, padding=3, padding_mode="reflect", name="stem", **biased)(x)
        y = nn.relu(Norm(self.norm, name="stem_norm")(y, update=update))
        for i in (1, 2):
            width = self.channels * 2**i
            y = Conv(width, 3, stride=2, padding=1, name=f"down_{i}", **biased)(y)
            y = nn.relu(Norm(self.norm, name=f"down_{i}_norm")(y, update=update))
        for i in range(self.blocks):
            block = ResnetBlock(self.norm, self.dropout, "reflect", **common, name=f"block_{i}")
            y = block(y, update=update)
        return y

    def _double(self, y: jax.Array, name: str, *, update: bool) -> jax.Array:
        """One decoder's two doublings: [N, H, W, channels]."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        for i in (1, 2):
            width = self.channels * 2 ** (2 - i)
            up = ConvTranspose(
                width,
                3,
                padding=1,
                output_padding=1,
                use_bias=needs_bias(self.norm),
                name=f"{name}_up_{i}",
                **common,
            )
            y = nn.relu(Norm(self.norm, name=f"{name}_up_{i}_norm")(up(y), update=update))
        return y
