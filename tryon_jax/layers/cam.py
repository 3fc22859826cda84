"""Class activation map: attention by the weights of an auxiliary classifier.

Source: Zhou et al. 2016; Kim et al. 2020, section 2.1. As in the authors' PyTorch code the logits
of a discriminator use spectrally normalised rows, its map the raw ones.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers import init
from tryon_jax.layers.pooling import first_maximum
from tryon_jax.layers.precision import full
from tryon_jax.layers.spectral import SpectralNorm


class Attended(NamedTuple):
    """What the map gives: features [N, H, W, C], logit [N, 2] (average, max), heat [N, H, W, 1]."""

    features: jax.Array
    logit: jax.Array
    heat: jax.Array


class CAM(nn.Module):
    """Weighs each channel by what it tells the classifier, then mixes channels by a 1x1 layer.

    `slope` is the negative slope of the rectifier behind the mix: 0 in generators, 0.2 in
    discriminators. `row_bias` gives each of the two classifiers a bias, which also weighs every
    channel; without `attend` the channels are mixed as they are.
    """

    slope: float = 0.0
    spectral: bool = False
    row_bias: bool = False
    attend: bool = True
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, *, judged: jax.Array | None = None, update: bool = False
    ) -> Attended:
        """Attends features.

        Args:
          x: [N, H, W, C].
          judged: what the classifier sees, of the same shape; x itself if nothing is given.
          update: moves the spectral vectors of the two rows.
        """
        channels = x.shape[-1]
        kernel_init = init.kernel_init(self.init_type)
        average_row = self.param("average_row", kernel_init, (channels, 1))
        max_row = self.param("max_row", kernel_init, (channels, 1))
        mix = self.param("mix", kernel_init, (2 * channels, channels))
        bias = self.param("bias", init.bias_init(self.init_type, fan_in=2 * channels), (channels,))

        x32 = full(x if judged is None else judged)
        logits, weights = [], []
        for name, pooled, row in (
            ("average", jnp.mean(x32, (1, 2)), average_row),
            ("max", first_maximum(x32), max_row),
        ):
            raw = row
            if self.spectral:
                row = SpectralNorm(name=f"{name}_spectral")(row, update=update)
            logit = pooled @ row
            if self.row_bias:
                bias_init = init.bias_init(self.init_type, fan_in=channels)
                row_bias = self.param(f"{name}_bias", bias_init, (1,))
                logit, raw = logit + row_bias, raw + row_bias
            logits.append(logit)
            weights.append(raw if self.attend else 1.0)
        # concat(x * average_row, x * max_row) @ mix, without the tensor of twice the width
        kernel = weights[0] * mix[:channels] + weights[1] * mix[channels:]
        y = x.astype(self.dtype) @ kernel.astype(self.dtype) + bias.astype(self.dtype)
        y = nn.leaky_relu(y, self.slope) if self.slope else nn.relu(y)
        heat = jnp.sum(full(y), -1, keepdims=True)
        return Attended(features=y, logit=jnp.concatenate(logits, -1), heat=heat)
