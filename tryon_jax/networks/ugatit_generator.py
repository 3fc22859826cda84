"""U-GAT-IT's generator: encoder, attention by a classifier, decoder in the style of both.

Source: Kim et al. 2020, appendix B, in the arithmetic of the authors' PyTorch code.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.cam import CAM
from tryon_jax.layers.conv import Conv, upsample2
from tryon_jax.layers.init import kernel_init
from tryon_jax.layers.norms import LIN, AdaLIN, instance_norm
from tryon_jax.layers.precision import full


class Translation(NamedTuple):
    """A generator's image [N, S, S, 3], CAM logits [N, 2] and attention map [N, S/4, S/4, 1]."""

    image: jax.Array
    cam_logit: jax.Array
    heat: jax.Array


class ResBlock(nn.Module):
    """x + IN(conv(ReLU(IN(conv(x)))))."""

    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape."""
        common = {"padding": 1, "padding_mode": "reflect", "use_bias": False}
        common |= {"init_type": self.init_type, "dtype": self.dtype}
        y = nn.relu(instance_norm(Conv(x.shape[-1], 3, name="conv_1", **common)(x)))
        return x + instance_norm(Conv(x.shape[-1], 3, name="conv_2", **common)(y))


class AdaResBlock(nn.Module):
    """x + AdaLIN(conv(ReLU(AdaLIN(conv(x))))); gamma and beta are the same in both."""

    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, *, gamma: jax.Array, beta: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] with gamma, beta [N, C] to the same shape."""
        common = {"padding": 1, "padding_mode": "reflect", "use_bias": False}
        common |= {"init_type": self.init_type, "dtype": self.dtype}
        style = {"gamma": gamma, "beta": beta}
        y = AdaLIN(name="norm_1")(Conv(x.shape[-1], 3, name="conv_1", **common)(x), **style)
        y = Conv(x.shape[-1], 3, name="conv_2", **common)(nn.relu(y))
        return x + AdaLIN(name="norm_2")(y, **style)


class Style(nn.Module):
    """gamma and beta from the attended features: their average (light) or all of them (full)."""

    light: bool
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps [N, H, W, C] to gamma, beta float32 [N, C]; full ties the layer to one H x W."""
        channels = x.shape[-1]

        def linear(y: jax.Array, name: str) -> jax.Array:
            options = {
                "kernel_init": kernel_init(self.init_type),
                "dtype": self.dtype,
                "name": name,
            }
            return nn.Dense(channels, use_bias=False, **options)(y)

        y = jnp.mean(full(x), (1, 2)) if self.light else x.reshape(len(x), -1)
        y = nn.relu(linear(nn.relu(linear(y, "fc_1")), "fc_2"))
        return full(linear(y, "gamma")), full(linear(y, "beta"))


class Generator(nn.Module):
    """Translates pictures; `light` takes any side that is a multiple of 4, full only one."""

    channels: int = 64
    blocks: int = 4
    light: bool = False
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> Translation:
        """Maps [N, S, S, 3] in [-1, 1] to a `Translation` with its image in (-1, 1)."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        conv = {"padding_mode": "reflect", "use_bias": False, **common}
        y = Conv(self.channels, 7, padding=3, name="stem", **conv)(x)
        y = nn.relu(instance_norm(y))
        for i in (1, 2):
            y = Conv(self.channels * 2**i, 3, stride=2, padding=1, name=f"down_{i}", **conv)(y)
            y = nn.relu(instance_norm(y))
        for i in range(self.blocks):
            y = ResBlock(name=f"encode_{i}", **common)(y)

        y, cam_logit, heat = CAM(name="cam", **common)(y)
        gamma, beta = Style(self.light, name="style", **common)(y)

        for i in range(self.blocks):
            y = AdaResBlock(name=f"decode_{i}", **common)(y, gamma=gamma, beta=beta)
        for i in (1, 2):
            width = self.channels * 2 ** (2 - i)
            y = Conv(width, 3, padding=1, name=f"up_{i}", **conv)(upsample2(y))
            y = nn.relu(LIN(name=f"up_{i}_norm")(y))
        y = Conv(3, 7, padding=3, name="out", **conv)(y)
        return Translation(jnp.tanh(full(y)), cam_logit, heat)
