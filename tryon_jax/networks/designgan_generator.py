"""DesignGAN's generator: a picture and a garment's mask become another garment and its mask.

One extractor sees the picture, one the attended garment beside its mask; both sets of features are
weighed by attention, joined with maps of the joints, and painted by two heads. The paper leaves the
layers open; these are CycleGAN's, as the design's section 7 lays down. InstaGAN's set generator is
in `instagan_generator.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.attention import Attention
from tryon_jax.layers.conv import Conv, ConvTranspose, upsample2
from tryon_jax.layers.norms import instance_norm
from tryon_jax.layers.precision import full
from tryon_jax.networks.resnet_generator import ResnetBlock

APPLIED = ("residual", "product", "concat", "none")
UPSCALING = ("transposed", "resize")


class Dressed(NamedTuple):
    """A picture [N, H, W, 3] and the mask of its garment [N, H, W, 1], both in [-1, 1]."""

    picture: jax.Array
    mask: jax.Array


class Extractor(nn.Module):
    """Features at a quarter of the size: stem, two halvings, residual blocks."""

    channels: int
    blocks: int
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to [N, H / 4, W / 4, 4 * channels]."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        conv = Conv(self.channels, 7, padding=3, padding_mode="reflect", name="stem", **common)
        y = _rectified(conv(x))
        for i in (1, 2):
            width = self.channels * 2**i
            y = _rectified(Conv(width, 3, stride=2, padding=1, name=f"down_{i}", **common)(y))
        for i in range(self.blocks):
            y = _block(**common, name=f"block_{i}")(y, update=False)
        return y


class Head(nn.Module):
    """Two doublings and a 7 x 7 layer: a picture or a mask."""

    channels: int
    out_channels: int
    upscaling: str
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, h, w, C] to float32 [N, 4 h, 4 w, out_channels] in (-1, 1)."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        for i in (1, 2):
            width = self.channels * 2 ** (2 - i)
            if self.upscaling == "resize":
                x = upsample2(x)
                up: Callable = Conv(width, 3, padding=1, name=f"up_{i}", **common)
            else:
                up = ConvTranspose(width, 3, padding=1, output_padding=1, name=f"up_{i}", **common)
            x = _rectified(up(x))
        out = Conv(self.out_channels, 7, padding=3, padding_mode="reflect", name="out", **common)
        return jnp.tanh(full(out(x)))


class DesignGenerator(nn.Module):
    """Translates pictures whose sides are multiples of 4.

    `channels` is the width behind the first layer; `landmark_channels` that of the joints' maps;
    `applied` says how attention weighs features f: residual, f * (1 + A); product, f * A; concat,
    beside them; none, not at all. With `learned`, A is drawn from the joints' maps by a layer of
    the generator's own, one half everywhere at first, instead of what comes in.
    """

    channels: int = 64
    blocks: int = 4
    trunk_blocks: int = 5
    landmark_channels: int = 32
    applied: str = "residual"
    learned: bool = False
    upscaling: str = "transposed"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self,
        picture: jax.Array,
        mask: jax.Array,
        *,
        body: jax.Array,
        garment: jax.Array,
        heatmaps: jax.Array,
    ) -> Dressed:
        """Dresses the person of a picture anew.

        Args:
          picture: [N, H, W, 3] in [-1, 1].
          mask: [N, H, W, 1] in [-1, 1], the garment worn.
          body: [N, H, W, 1] in [0, 1], the body's attention.
          garment: [N, H, W, 1] in [0, 1], the garment's.
          heatmaps: [N, H / 4, W / 4, joints] in [0, 1].

        Raises:
          ValueError: if `applied` or `upscaling` is unknown.
        """
        _check(self)
        common = {"init_type": self.init_type, "dtype": self.dtype}
        if self.learned:
            body, garment = self._attention(heatmaps, **common)
        seen = picture if self.applied == "none" else picture * garment
        extractor = partial(Extractor, self.channels, self.blocks, **common)
        of_picture = extractor(name="picture")(picture)
        of_garment = extractor(name="garment")(jnp.concatenate([seen, mask], -1))
        of_joints = nn.relu(Conv(self.landmark_channels, 1, name="joints", **common)(heatmaps))
        features = [*_weigh(of_picture, body, self.applied)]
        features += [*_weigh(of_garment, garment, self.applied), of_joints]
        y = jnp.concatenate([x.astype(self.dtype) for x in features], -1)
        y = _rectified(Conv(4 * self.channels, 1, name="fuse", **common)(y))
        for i in range(self.trunk_blocks):
            y = _block(**common, name=f"trunk_{i}")(y, update=False)
        head = partial(Head, upscaling=self.upscaling, **common)
        return Dressed(
            head(self.channels, 3, name="head_picture")(y),
            head(self.channels // 2, 1, name="head_mask")(y),
        )

    def _attention(self, heatmaps: jax.Array, **common) -> list[jax.Array]:
        """The body's and the garment's, [N, H, W, 1] each."""
        y = nn.sigmoid(full(Conv(2, 3, padding=1, name="attention", **common)(heatmaps)))
        return jnp.split(upsample2(upsample2(y)), 2, -1)


def dress(gen: DesignGenerator, pair: Dressed, at: Attention, *, remat: bool) -> Dressed:
    """One pass of a generator; with `remat` its activations are computed again going back."""

    def call(gen: DesignGenerator, *arrays: jax.Array) -> Dressed:
        picture, mask, body, garment, heatmaps = arrays
        return gen(picture, mask, body=body, garment=garment, heatmaps=heatmaps)

    return (nn.remat(call) if remat else call)(gen, *pair, at.body, at.garment, at.heatmaps)


def shrink(x: jax.Array, factor: int) -> jax.Array:
    """Means of [N, H, W, C] over squares of `factor` pixels a side, which divides both sides."""
    n, h, w, c = x.shape
    return jnp.mean(x.reshape(n, h // factor, factor, w // factor, factor, c), (2, 4))


def _weigh(features: jax.Array, attention: jax.Array, applied: str) -> list[jax.Array]:
    """Features, and the attention where it stands beside them."""
    if applied == "none":
        return [features]
    attention = shrink(attention, attention.shape[1] // features.shape[1])
    if applied == "concat":
        return [features, attention]
    return [features * (1 + attention if applied == "residual" else attention)]


def _rectified(x: jax.Array) -> jax.Array:
    return nn.relu(instance_norm(x))


def _block(**options) -> ResnetBlock:
    return ResnetBlock("instance", False, "reflect", **options)


def _check(net: DesignGenerator) -> None:
    for field, known in (("applied", APPLIED), ("upscaling", UPSCALING)):
        if (value := getattr(net, field)) not in known:
            raise ValueError(f"{field} must be one of {', '.join(known)}; got {value!r}")
