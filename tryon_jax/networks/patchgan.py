"""PatchGAN discriminators of pix2pix and CycleGAN: each logit judges one patch.

Source: Isola et al. 2017, section 3.2.2 and appendix 6.1.2. Receptive fields of n layers: 16, 34,
70, 142, 286 pixels for n = 1 ... 5.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv
from tryon_jax.layers.precision import full
from tryon_jax.networks.blocks import Norm, needs_bias


class PatchGAN(nn.Module):
    """n strided layers, one at stride 1, one logit layer; 256 px and n = 3 give 30 x 30 logits."""

    channels: int = 64
    layers: int = 3
    norm: str = "instance"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps pictures [N, H, W, C] to float32 logits [N, h, w, 1], without a sigmoid.

        Raises:
          ValueError: if the picture is too small for so many layers.
        """
        common = {"padding": 1, "init_type": self.init_type, "dtype": self.dtype}
        biased = {"use_bias": needs_bias(self.norm), **common}
        y = nn.leaky_relu(Conv(self.channels, 4, stride=2, name="conv_0", **common)(x), 0.2)
        for i in range(1, self.layers + 1):
            width = self.channels * min(2**i, 8)
            stride = 2 if i < self.layers else 1
            y = Conv(width, 4, stride=stride, name=f"conv_{i}", **biased)(y)
            _check_map(y.shape, x.shape)
            y = nn.leaky_relu(Norm(self.norm, name=f"norm_{i}")(y, update=update), 0.2)
        return full(Conv(1, 4, name="logit", **common)(y))


class PixelGAN(nn.Module):
    """Judges each pixel by itself: three 1x1 layers."""

    channels: int = 64
    norm: str = "instance"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps pictures [N, H, W, C] to float32 logits [N, H, W, 1]."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        biased = {"use_bias": needs_bias(self.norm), **common}
        y = nn.leaky_relu(Conv(self.channels, 1, name="conv_0", **common)(x), 0.2)
        y = Conv(2 * self.channels, 1, name="conv_1", **biased)(y)
        y = nn.leaky_relu(Norm(self.norm, name="norm_1")(y, update=update), 0.2)
        return full(Conv(1, 1, name="logit", **biased)(y))


def _check_map(shape: tuple[int, ...], picture: tuple[int, ...]) -> None:
    """One pixel has no instance statistics, and the next 4x4 layer would leave nothing of it."""
    if min(shape[1:3]) < 2:
        raise ValueError(
            f"a {picture[1]} x {picture[2]} picture leaves a {shape[1]} x {shape[2]} map inside "
            "PatchGAN; use larger pictures or fewer discriminator layers"
        )
