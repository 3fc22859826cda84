"""The hourglass of photo2cartoon: features down to a sixteenth, back up, and a picture on the way.

Source: minivision-ai/photo2cartoon; the form is that of face alignment networks (Newell et al.
2016; Bulat and Tzimiropoulos 2017). What flows through: features [N, H, W, C] at full size.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv, upsample2
from tryon_jax.layers.norms import instance_norm


class ConvBlock(nn.Module):
    """x + [a, b, c]: three rectified 3 x 3 convolutions, each of the one before it.

    They are C / 2, C / 4 and C / 4 channels wide. The original stores a 1 x 1 convolution beside
    them that it never runs; we have none.
    """

    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C], C a multiple of 4, to the same shape."""
        common = {"padding": 1, "padding_mode": "reflect", "use_bias": False}
        common |= {"init_type": self.init_type, "dtype": self.dtype}
        made, y = [], x
        for i, share in enumerate((2, 4, 4), 1):
            layer = Conv(x.shape[-1] // share, 3, name=f"conv_{i}", **common)
            y = layer(nn.relu(instance_norm(y)))
            made.append(y)
        return jnp.concatenate(made, -1) + x


class Pyramid(nn.Module):
    """`levels` halvings and as many doublings, with a block beside each level."""

    levels: int
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape.

        Raises:
          ValueError: if the sides cannot be halved so often, or leave a single pixel.
        """
        _check_sides(x, self.levels)
        common = {"init_type": self.init_type, "dtype": self.dtype}
        beside = []
        for i in range(self.levels):
            beside.append(ConvBlock(name=f"beside_{i}", **common)(x))
            x = ConvBlock(name=f"down_{i}", **common)(average_pool2(x))
        x = ConvBlock(name="bottom", **common)(x)
        for i in reversed(range(self.levels)):
            x = beside[i] + upsample2(ConvBlock(name=f"up_{i}", **common)(x))
        return x


class Hourglass(nn.Module):
    """Features refined, or a picture made of them.

    `output` False: features in, and features plus what was learned of them and of the picture out;
    `output` True: the picture, three channels of any range.
    """

    output: bool = False
    levels: int = 4
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape, or to [N, H, W, 3]."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        y = Pyramid(self.levels, name="pyramid", **common)(x)
        y = ConvBlock(name="block", **common)(y)
        y = Conv(x.shape[-1], 1, use_bias=False, name="mix", **common)(y)
        y = nn.relu(instance_norm(y))
        picture = Conv(3, 1, name="picture", **common)(y)
        if self.output:
            return picture
        return (
            x
            + Conv(x.shape[-1], 1, name="from_features", **common)(y)
            + Conv(x.shape[-1], 1, name="from_picture", **common)(picture)
        )


def average_pool2(x: jax.Array) -> jax.Array:
    """The mean of each 2 x 2 of [N, H, W, C] with even sides."""
    n, h, w, c = x.shape
    return jnp.mean(x.reshape(n, h // 2, 2, w // 2, 2, c), (2, 4))


def _check_sides(x: jax.Array, levels: int) -> None:
    height, width = x.shape[1:3]
    factor = 2**levels
    if height % factor or width % factor or min(height, width) < 2 * factor:
        raise ValueError(
            f"an hourglass of {levels} levels needs sides that are multiples of {factor}, "
            f"{2 * factor} or more; got {height} x {width}"
        )
