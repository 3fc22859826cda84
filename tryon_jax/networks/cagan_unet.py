"""CAGAN's single-scale generators: U-Nets that see small copies of their pictures at every scale.

A generator maps the three pictures (person, garment worn, garment wanted; 9 channels) and the six
channels to be copied into its layers to one raw map: alpha first, then the colours, not squashed.

Source: Jetchev and Bergmann 2017, section 3; widths and kernels of the seed's code (`SkipUNet`,
`EarlyUNet`) and of the Keras notebook (`KerasUNet`).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import ConvTranspose, upsample2_bilinear
from tryon_jax.layers.precision import full
from tryon_jax.networks.cagan_layers import Conv, Norm, leaky, shrink

LEVELS = 4
INJECTIONS = ("append", "replace")


class SkipUNet(nn.Module):
    """Four halvings, four bilinear doublings; skips join behind a doubling's layer.

    The copies come on top of a layer's width (`append`) or are a part of it (`replace`, the paper
    read to the letter). `output_norm` normalises the raw map as well (the seed's first code).
    """

    channels: int = 64
    injection: str = "append"
    shrinking: str = "average"
    output_norm: bool = False
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, copies: jax.Array) -> tuple[jax.Array]:
        """Maps [N, H, W, 9] and [N, H, W, 6], sides multiples of 16, to float32 [N, H, W, 4]."""
        *skips, y = _encode(self, x, copies)
        replaced = copies.shape[-1] if self.injection == "replace" else 0
        for i in range(1, LEVELS):
            width = self.channels * 2 ** (LEVELS - 1 - i)
            y = _layer(self, upsample2_bilinear(y), width - replaced, name=f"dec{i}")
            if replaced:
                y = _beside(y, shrink(copies, 2 ** (LEVELS - i), mode=self.shrinking))
            y = _beside(y, skips.pop())
        y = _conv(self, upsample2_bilinear(y), 4, name="out")
        return (full(Norm(name="out_norm")(y) if self.output_norm else y),)


class EarlyUNet(nn.Module):
    """As `SkipUNet`, but skips join before a doubling's layer, and a layer more at full size.

    Source: `generators/cagan2` of the seed's code.
    """

    channels: int = 64
    injection: str = "append"
    shrinking: str = "average"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, copies: jax.Array) -> tuple[jax.Array]:
        """Maps [N, H, W, 9] and [N, H, W, 6], sides multiples of 16, to float32 [N, H, W, 4]."""
        *skips, y = _encode(self, x, copies)
        for i, skip in enumerate(reversed([copies, *skips]), 1):
            width = self.channels * 2 ** max(LEVELS - 1 - i, 0)
            y = _layer(self, _beside(upsample2_bilinear(y), skip), width, name=f"dec{i}")
        return (full(_conv(self, y, 4, name="out")),)


class KerasUNet(nn.Module):
    """The Keras notebook's: kernels of 4 x 4, transposed convolutions, skips before activation.

    Its last copies pass a ReLU, which takes their dark half away; the first layer has no skip.
    """

    channels: int = 64
    shrinking: str = "average"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, copies: jax.Array) -> tuple[jax.Array]:
        """Maps [N, H, W, 9] and [N, H, W, 6], sides multiples of 16, to float32 [N, H, W, 4]."""
        common = {"use_bias": False, "init_type": self.init_type, "dtype": self.dtype}
        small = [shrink(copies, 2**i, mode=self.shrinking) for i in range(LEVELS + 1)]
        skips, y = [], x
        for i in range(1, LEVELS + 1):
            width = self.channels * 2 ** (i - 1)
            y = Conv(width, (4, 4), stride=2, name=f"enc{i}", **common)(y)
            y = Norm("keras", name=f"enc{i}_norm")(y) if i > 1 else y
            skips.append(y)
            y = _beside(leaky(y), small[i])
        for i in range(1, LEVELS + 1):
            width = self.channels * 2 ** (LEVELS - i) // 2
            y = ConvTranspose(width, 4, padding=1, name=f"dec{i}", **common)(y)
            y = Norm("keras", name=f"dec{i}_norm")(y)
            if i < LEVELS - 1:
                y = _beside(nn.relu(_beside(y, skips[LEVELS - 1 - i])), small[LEVELS - i])
            elif i < LEVELS:
                y = nn.relu(_beside(nn.relu(y), small[1]))
        same = ((1, 2), (1, 2))  # TensorFlow's SAME
        return (full(Conv(4, (4, 4), padding=same, name="out", **common)(y)),)


def _encode(net: SkipUNet | EarlyUNet, x: jax.Array, copies: jax.Array) -> list[jax.Array]:
    """The maps at 1/2 ... 1/16 of the size, each with its copies."""
    if net.injection not in INJECTIONS:
        raise ValueError(
            f"model.injection must be one of {', '.join(INJECTIONS)}; got {net.injection!r}"
        )
    replaced = copies.shape[-1] if net.injection == "replace" else 0
    maps = [x]
    for i in range(1, LEVELS + 1):
        width = net.channels * 2 ** (i - 1) - replaced
        y = _layer(net, maps[-1], width, name=f"enc{i}", stride=2, norm=i > 1)
        maps.append(_beside(y, shrink(copies, 2**i, mode=net.shrinking)))
    return maps[1:]


def _layer(net, x: jax.Array, width: int, *, name: str, stride: int = 1, norm: bool = True):
    y = _conv(net, x, width, name=name, stride=stride)
    return leaky(Norm(name=f"{name}_norm")(y) if norm else y)


def _conv(net, x: jax.Array, width: int, *, name: str, stride: int = 1) -> jax.Array:
    return Conv(width, stride=stride, init_type=net.init_type, dtype=net.dtype, name=name)(x)


def _beside(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.concatenate([x, y.astype(x.dtype)], -1)
