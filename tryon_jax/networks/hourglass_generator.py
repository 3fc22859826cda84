"""photo2cartoon's generator: U-GAT-IT's between hourglasses, its norms steered by content too.

Source: minivision-ai/photo2cartoon. Against U-GAT-IT (Kim et al. 2020) four hourglasses refine
features at full size, and SoftAdaLIN takes gamma and beta from the style and from what the encoder
saw: decoder block i hears encoder block n - i.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.cam import CAM
from tryon_jax.layers.conv import Conv, upsample2
from tryon_jax.layers.init import bias_init, kernel_init
from tryon_jax.layers.norms import LIN, AdaLIN, instance_norm
from tryon_jax.layers.precision import full
from tryon_jax.networks.hourglass import Hourglass
from tryon_jax.networks.ugatit_generator import ResBlock, Translation


class SoftAdaLIN(nn.Module):
    """AdaLIN with gamma = (1 - w) gamma_style + w gamma_content, and beta likewise.

    w, one per channel, begins at 0, style alone, and the optimiser keeps it in [0, 1].
    """

    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, content: jax.Array, style: jax.Array) -> jax.Array:
        """Normalises x [N, H, W, C] with content and style [N, C]."""
        channels = x.shape[-1]
        mixed = {}
        for name in ("gamma", "beta"):
            heard = nn.relu(self._linear(channels, f"content_{name}_1")(content))
            heard = self._linear(channels, f"content_{name}_2")(heard)
            plain = self._linear(channels, f"style_{name}")(style)
            share = self.param(f"w_{name}", nn.initializers.zeros_init(), (channels,))
            mixed[name] = (1 - share) * full(plain) + share * full(heard)
        return AdaLIN(name="norm")(x, **mixed)

    def _linear(self, channels: int, name: str) -> nn.Dense:
        return _linear(channels, fan_in=channels, init_type=self.init_type, dtype=self.dtype)(name)


class DecodeBlock(nn.Module):
    """x + SoftAdaLIN(conv(ReLU(SoftAdaLIN(conv(x))))); each norm has its own linear layers."""

    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, *, content: jax.Array, style: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] with content, style [N, C] to the same shape."""
        conv = _reflected(self.init_type, self.dtype)
        steer = {"content": content, "style": style}
        common = {"init_type": self.init_type, "dtype": self.dtype}
        y = Conv(x.shape[-1], 3, padding=1, name="conv_1", **conv)(x)
        y = nn.relu(SoftAdaLIN(name="norm_1", **common)(y, **steer))
        y = Conv(x.shape[-1], 3, padding=1, name="conv_2", **conv)(y)
        return x + SoftAdaLIN(name="norm_2", **common)(y, **steer)


class Style(nn.Module):
    """What the attended features say of the style: their average (light) or all of them (full)."""

    light: bool
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to [N, C]; full ties the layer to one H x W."""
        channels = x.shape[-1]
        y = jnp.mean(full(x), (1, 2)) if self.light else x.reshape(len(x), -1)
        for name in ("fc_1", "fc_2"):
            options = {"init_type": self.init_type, "dtype": self.dtype}
            y = nn.relu(_linear(channels, fan_in=y.shape[-1], **options)(name)(y))
        return y


class HourglassGenerator(nn.Module):
    """Translates pictures whose sides are multiples of 2^levels; full knows one size only.

    `channels` is ngf, 32 in the published model: 3 773 735 parameters that are used (light).
    """

    channels: int = 32
    blocks: int = 4
    light: bool = True
    levels: int = 4
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> Translation:
        """Maps [N, S, S, 3] in [-1, 1] to a `Translation` with its image in (-1, 1)."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        conv = _reflected(self.init_type, self.dtype)
        y, contents = self._encode(x)
        y, logit, heat = CAM(name="cam", **common)(y)
        # the rows have biases here, which the logits see and the map does not
        cam_bias = self.param("cam_bias", bias_init(self.init_type, fan_in=y.shape[-1]), (2,))
        style = Style(self.light, name="style", **common)(y)

        for i in range(self.blocks):
            steer = {"content": contents[-1 - i], "style": style}
            y = DecodeBlock(name=f"decode_{i}", **common)(y, **steer)
        for i in (1, 2):
            width = self.channels * 2 ** (2 - i)
            y = Conv(width, 3, padding=1, name=f"up_{i}", **conv)(upsample2(y))
            y = nn.relu(LIN(name=f"up_{i}_norm")(y))
        y = Hourglass(levels=self.levels, name="hourglass_3", **common)(y)
        y = Hourglass(output=True, levels=self.levels, name="hourglass_4", **common)(y)
        y = Conv(3, 7, padding=3, name="out", **conv)(y)
        return Translation(jnp.tanh(full(y)), logit + cam_bias, heat)

    def _encode(self, x: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        """Features [N, S/4, S/4, 4 C], and after each block the average of each channel."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        conv = _reflected(self.init_type, self.dtype)
        y = Conv(self.channels, 7, padding=3, name="stem", **conv)(x)
        y = nn.relu(instance_norm(y))
        for i in (1, 2):
            y = Hourglass(levels=self.levels, name=f"hourglass_{i}", **common)(y)
        for i in (1, 2):
            y = Conv(self.channels * 2**i, 3, stride=2, padding=1, name=f"down_{i}", **conv)(y)
            y = nn.relu(instance_norm(y))
        contents = []
        for i in range(self.blocks):
            y = ResBlock(name=f"encode_{i}", **common)(y)
            contents.append(jnp.mean(full(y), (1, 2)))
        return y, contents


def _reflected(init_type: str, dtype: jnp.dtype) -> dict[str, Any]:
    """What all convolutions of this generator outside its hourglasses' 1 x 1 have in common."""
    return {
        "padding_mode": "reflect",
        "use_bias": False,
        "init_type": init_type,
        "dtype": dtype,
    }


def _linear(features: int, *, fan_in: int, init_type: str, dtype: jnp.dtype):
    """A linear layer with a bias, by its name."""
    return lambda name: nn.Dense(
        features,
        kernel_init=kernel_init(init_type),
        bias_init=bias_init(init_type, fan_in=fan_in),
        dtype=dtype,
        name=name,
    )
