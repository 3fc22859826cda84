"""U-GAT-IT's generator: encoder, attention by a classifier, decoder in the style of both.

Source: Kim et al. 2020, appendix B, in the arithmetic of the authors' PyTorch code; the options of
enhanced-UGATIT (zheng-yuwei). Attention masks follow AttentionGAN (Tang et al. 2019).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.cam import CAM
from tryon_jax.layers.conv import Conv, ConvTranspose, upsample2
from tryon_jax.layers.norms import LIN, AdaLIN, InstanceNorm, instance_norm
from tryon_jax.layers.pooling import adaptive_average
from tryon_jax.layers.precision import full
from tryon_jax.layers.squeeze import Linear, Squeeze

VARIANTS = ("official", "enhanced")
UPSAMPLINGS = ("nearest", "transposed")
ATTENTION_INPUTS = ("none", "whole", "colour_major")


class Translation(NamedTuple):
    """A generator's image [N, S, S, 3], CAM logits [N, 2] and attention map [N, S/4, S/4, 1].

    `attention` [N, S, S, K] says how much of each of K drafts the image takes; None without them.
    """

    image: jax.Array
    cam_logit: jax.Array
    heat: jax.Array
    attention: jax.Array | None = None


class ResBlock(nn.Module):
    """x + IN(conv(ReLU(IN(conv(x))))); `squeeze` puts scSE before the sum."""

    init_type: str
    dtype: jnp.dtype
    affine: bool = False
    squeeze: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape."""
        drawn = {"init_type": self.init_type, "dtype": self.dtype}
        common = {"padding": 1, "padding_mode": "reflect", "use_bias": False, **drawn}
        y = Conv(x.shape[-1], 3, name="conv_1", **common)(x)
        y = nn.relu(normalised(y, name="norm_1", affine=self.affine))
        y = Conv(x.shape[-1], 3, name="conv_2", **common)(y)
        y = normalised(y, name="norm_2", affine=self.affine)
        return x + (Squeeze(name="squeeze", **drawn)(y) if self.squeeze else y)


class AdaResBlock(nn.Module):
    """x + AdaLIN(conv(ReLU(AdaLIN(conv(x))))); gamma and beta are the same in both."""

    init_type: str
    dtype: jnp.dtype
    use_bias: bool = False
    squeeze: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, *, gamma: jax.Array, beta: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] with gamma, beta [N, C] to the same shape."""
        drawn = {"init_type": self.init_type, "dtype": self.dtype}
        common = {"padding": 1, "padding_mode": "reflect", "use_bias": self.use_bias, **drawn}
        style = {"gamma": gamma, "beta": beta}
        y = AdaLIN(name="norm_1")(Conv(x.shape[-1], 3, name="conv_1", **common)(x), **style)
        y = Conv(x.shape[-1], 3, name="conv_2", **common)(nn.relu(y))
        y = AdaLIN(name="norm_2")(y, **style)
        return x + (Squeeze(name="squeeze", **drawn)(y) if self.squeeze else y)


class Style(nn.Module):
    """gamma and beta from the attended features: averages of them (light) or all (full).

    `pool` is the number of cells along a side that light averages over.
    """

    light: bool
    init_type: str
    dtype: jnp.dtype
    pool: int = 1
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps [N, H, W, C] to gamma, beta float32 [N, C]; full ties the layer to one H x W."""
        channels = x.shape[-1]

        def linear(y: jax.Array, name: str) -> jax.Array:
            options = {"init_type": self.init_type, "dtype": self.dtype, "use_bias": self.use_bias}
            return Linear(channels, name=name, **options)(y)

        if not self.light:
            y = x
        elif self.pool == 1:
            y = jnp.mean(full(x), (1, 2))
        else:
            y = adaptive_average(x, size=(self.pool, self.pool))
        y = y.reshape(len(x), -1)
        y = nn.relu(linear(nn.relu(linear(y, "fc_1")), "fc_2"))
        return full(linear(y, "gamma")), full(linear(y, "beta"))


class Masks(nn.Module):
    """A second decoder behind the attention: how much of each draft to take at each pixel."""

    count: int
    blocks: int
    affine: bool
    squeeze: bool
    upsampling: str
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to float32 [N, 4 H, 4 W, count], positive, with sum 1 at each pixel."""
        common: dict[str, Any] = {"init_type": self.init_type, "dtype": self.dtype}
        y, channels = x, x.shape[-1]
        for i in range(self.blocks):
            options = {"affine": self.affine, "squeeze": self.squeeze, **common}
            y = ResBlock(name=f"block_{i}", **options)(y)
        for i in (1, 2):
            options = {"upsampling": self.upsampling, "use_bias": self.affine, **common}
            y = doubled(y, name=f"up_{i}", width=channels // 2**i, **options)
        return jax.nn.softmax(full(Conv(self.count, 1, name="out", **common)(y)), -1)


class Generator(nn.Module):
    """Translates pictures; `light` takes any side that is a multiple of 4, full only one.

    `variant="enhanced"` gives instance norms a scale and a shift, and biases to the attention's
    rows, the style layers and all behind them. `attention_masks` > 0 paints so many drafts and
    blends them; with `attention_input` one of them is the input.
    """

    channels: int = 64
    blocks: int = 4
    light: bool = False
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32
    variant: str = "official"
    pool: int = 1
    squeeze: bool = False
    attention_masks: int = 0
    attention_input: str = "none"
    upsampling: str = "nearest"

    @nn.compact
    def __call__(self, x: jax.Array) -> Translation:
        """Maps [N, S, S, 3] in [-1, 1] to a `Translation` with its image in [-1, 1]."""
        attended, cam_logit, heat = CAM(
            row_bias=self.variant == "enhanced", name="cam", **self._drawn()
        )(self._encoded(x))
        drafts = jnp.tanh(full(self._decoded(attended)))
        if not self.attention_masks:
            return Translation(drafts, cam_logit, heat)
        masks = Masks(
            self.attention_masks,
            self.blocks,
            affine=self.variant == "enhanced",
            squeeze=self.squeeze,
            upsampling=self.upsampling,
            name="masks",
            **self._drawn(),
        )(attended)
        image = blended(drafts, masks, picture=x, attention_input=self.attention_input)
        return Translation(image, cam_logit, heat, masks)

    def _drawn(self) -> dict[str, Any]:
        return {"init_type": self.init_type, "dtype": self.dtype}

    def _encoded(self, x: jax.Array) -> jax.Array:
        """[N, S, S, 3] to [N, S/4, S/4, 4 channels]."""
        affine = self.variant == "enhanced"
        conv = {"padding_mode": "reflect", "use_bias": False, **self._drawn()}
        y = Conv(self.channels, 7, padding=3, name="stem", **conv)(x)
        y = nn.relu(normalised(y, name="stem_norm", affine=affine))
        for i in (1, 2):
            y = Conv(self.channels * 2**i, 3, stride=2, padding=1, name=f"down_{i}", **conv)(y)
            y = nn.relu(normalised(y, name=f"down_{i}_norm", affine=affine))
        for i in range(self.blocks):
            options = {"affine": affine, "squeeze": self.squeeze, **self._drawn()}
            y = ResBlock(name=f"encode_{i}", **options)(y)
        return y

    def _decoded(self, x: jax.Array) -> jax.Array:
        """[N, S/4, S/4, 4 channels] to the drafts before their tanh, [N, S, S, 3 k]."""
        use_bias = self.variant == "enhanced"
        style = {"pool": self.pool, "use_bias": use_bias, **self._drawn()}
        gamma, beta = Style(self.light, name="style", **style)(x)
        y = x
        for i in range(self.blocks):
            block = {"use_bias": use_bias, "squeeze": self.squeeze, **self._drawn()}
            y = AdaResBlock(name=f"decode_{i}", **block)(y, gamma=gamma, beta=beta)
        for i in (1, 2):
            options: dict[str, Any] = {"upsampling": self.upsampling, "use_bias": use_bias}
            options |= self._drawn()
            y = doubled(y, name=f"up_{i}", width=self.channels * 2 ** (2 - i), **options)
        drafts = max(self.attention_masks, 1)
        if self.attention_masks and self.attention_input != "none":
            drafts -= 1
        conv = {"padding_mode": "reflect", "use_bias": use_bias, **self._drawn()}
        return Conv(3 * drafts, 7, padding=3, name="out", **conv)(y)


def blended(
    drafts: jax.Array, masks: jax.Array, *, picture: jax.Array, attention_input: str
) -> jax.Array:
    """The drafts in the proportions of the masks.

    Args:
      drafts: float [N, S, S, 3 k] in [-1, 1], colour-major: channel c * k + i is colour c of
        draft i.
      masks: float [N, S, S, K] with sum 1.
      picture: the input, [N, S, S, 3] in [-1, 1].
      attention_input: "none": K = k. "whole": the picture is draft 0, K = k + 1. "colour_major":
        the seed's code, which puts the picture's channels in front and reads all 3 K channels
        colour-major again; mask 0 then does not weigh the picture, and colours mix.

    Returns:
      float32 [N, S, S, 3] in [-1, 1].
    """
    n, height, width, count = masks.shape
    if attention_input == "colour_major":
        drafts = jnp.concatenate([full(picture), drafts], -1)
    drafts = drafts.reshape(n, height, width, 3, -1)
    if attention_input == "whole":
        drafts = jnp.concatenate([full(picture)[..., None], drafts], -1)
    return jnp.sum(drafts * masks.reshape(n, height, width, 1, count), -1)


def normalised(x: jax.Array, *, name: str, affine: bool) -> jax.Array:
    """Instance norm; with `affine` the calling module gets a scale and a shift of that name."""
    return InstanceNorm(name=name)(x) if affine else instance_norm(x)


def doubled(
    x: jax.Array, *, name: str, width: int, upsampling: str, use_bias: bool, **drawn: Any
) -> jax.Array:
    """ReLU(LIN(conv)) at twice the size: the layers `name` and `name`_norm of the caller."""
    if upsampling == "transposed":
        options = {"padding": 1, "output_padding": 1, "use_bias": use_bias, **drawn}
        y = ConvTranspose(width, 3, name=name, **options)(x)
    else:
        options = {"padding": 1, "padding_mode": "reflect", "use_bias": use_bias, **drawn}
        y = Conv(width, 3, name=name, **options)(upsample2(x))
    return nn.relu(LIN(name=f"{name}_norm")(y))
