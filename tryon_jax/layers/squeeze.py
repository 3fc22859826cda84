"""Squeeze and excitation, by channel and by place at once (scSE).

Source: Roy, Navab and Wachinger 2018, section 2.3; the sum of both, and at least 8 hidden channels,
as in the enhanced U-GAT-IT.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers import init
from tryon_jax.layers.precision import full

RATIO = 4  # channels to hidden channels of the channels' gate
FEWEST = 8  # hidden channels at least


class Squeeze(nn.Module):
    """x times the sum of a gate per channel and a gate per place, both in (0, 1)."""

    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape."""
        channels = x.shape[-1]
        linear = partial(Linear, init_type=self.init_type, dtype=self.dtype)
        hidden = linear(max(channels // RATIO, FEWEST), name="reduce")(jnp.mean(full(x), (1, 2)))
        by_channel = linear(channels, name="expand")(nn.relu(hidden))[:, None, None, :]
        by_place = linear(1, name="place")(x)
        gate = nn.sigmoid(full(by_channel)) + nn.sigmoid(full(by_place))
        return (full(x) * gate).astype(x.dtype)


class Linear(nn.Module):
    """A matrix on the last axis, drawn as PyTorch draws its linear layers."""

    features: int
    use_bias: bool = True
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [..., I] to [..., features]."""
        inputs = x.shape[-1]
        kernel_init = init.kernel_init(self.init_type)
        kernel = self.param("kernel", kernel_init, (inputs, self.features))
        y = x.astype(self.dtype) @ kernel.astype(self.dtype)
        if self.use_bias:
            bias_init = init.bias_init(self.init_type, fan_in=inputs)
            y = y + self.param("bias", bias_init, (self.features,)).astype(self.dtype)
        return y
