"""CAGAN v2's generator: dilated layers at a quarter of the size, then two refined enlargements.

Three raw maps come out, at 1/4, 1/2 and full size; each: alpha first, then the colours.

Source: CAGAN v2 in PyTorch (maktu6), a port of a Keras notebook (shaoanlu) after StackGAN++
(Zhang et al. 2017) and squeeze-and-excitation (Hu et al. 2018). Layers keep its names.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers import init
from tryon_jax.layers.conv import conv2d_transposed, upsample2
from tryon_jax.layers.precision import full
from tryon_jax.networks.cagan_layers import Conv, Norm, Sides, leaky, shrink

UPSCALINGS = ("transposed", "nearest", "shuffle")
KERNEL = (4, 3)  # height, width: people are tall


class DilatedUNet(nn.Module):
    """Maps pictures whose sides are multiples of 4 to maps at three scales, coarse to fine."""

    channels: int = 64
    shrinking: str = "average"
    upscaling: str = "transposed"
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, copies: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Maps [N, H, W, 9] and [N, H, W, 6] to float32 [N, H/4, W/4, 4], [.. /2], [N, H, W, 4]."""
        width, common = self.channels, {"init_type": self.init_type, "dtype": self.dtype}
        half, quarter = (shrink(copies, s, mode=self.shrinking) for s in (2, 4))

        def layer(y: jax.Array, features: int, name: str, **options: int) -> jax.Array:
            y = same_conv(features, name=name, **options, **common)(y)
            return Norm(name=f"{name}_norm")(y)

        y = leaky(same_conv(width, stride=2, name="layer1", **common)(x))
        x2 = layer(_join(y, half), 2 * width, "layer2", stride=2)
        x3 = layer(_join(leaky(x2), quarter), 4 * width, "layer3")
        x4 = layer(_join(leaky(x3), quarter), 4 * width, "layer4", dilation=2)
        x4 = _join(leaky(x4), quarter)
        y = layer(x4, 4 * width, "layer5", dilation=2)
        y = layer(_join(leaky(y), quarter), 4 * width, "layer8", dilation=2)
        y = layer(_join(nn.relu(y), x4), 4 * width, "layer9", dilation=2)
        y = layer(_join(nn.relu(_join(y, x3)), quarter), 2 * width, "layer10")
        y = nn.relu(_join(y, x2))
        maps = [same_conv(4, name="branch_0", **common)(y)]
        y = nn.relu(Refiner(width, name="refine_0", **common)(_join(y, quarter)))
        y = nn.relu(Upscale(width, mode=self.upscaling, name="upscale_0", **common)(y))
        maps.append(same_conv(4, name="branch_1", **common)(y))
        y = nn.relu(Refiner(width // 2, name="refine_1", **common)(_join(y, half)))
        y = Upscale(width // 2, mode=self.upscaling, name="upscale_1", **common)(y)
        maps.append(same_conv(4, name="branch_2", **common)(y))
        coarse, middle, fine = map(full, maps)
        return coarse, middle, fine


def same_conv(features: int, *, stride: int = 1, dilation: int = 1, **options: Any) -> Conv:
    """A convolution of 4 x 3 without a bias that keeps the size, or halves it."""
    padding = same_padding(KERNEL, stride=stride, dilation=dilation)
    common = {"stride": stride, "dilation": dilation, "padding": padding, "use_bias": False}
    return Conv(features, KERNEL, **common, **options)


def point_conv(features: int, **options: Any) -> Conv:
    """A convolution of 1 x 1."""
    return Conv(features, (1, 1), padding=((0, 0), (0, 0)), **options)


def same_padding(kernel: tuple[int, int], *, stride: int, dilation: int) -> Sides:
    """V2's padding of each side, whatever the size of the map.

    What is odd goes to the top and to the right: v2 hands its vertical amounts over in the wrong
    order, and its weights have learned that.

    Args:
      kernel: (height, width).
      stride: on both axes.
      dilation: on both axes.

    Returns:
      (top, bottom), (left, right), pixels.
    """
    rows, columns = (dilation * (side - 1) - stride + 1 for side in kernel)
    return (rows - rows // 2, rows // 2), (columns // 2, columns - columns // 2)


class Refiner(nn.Module):
    """Two residual blocks in a bottleneck of `features` channels, added to what comes in."""

    features: int
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        y = point_conv(self.features, use_bias=False, name="conv0", **common)(x)
        for i in range(2):
            y = ResidualSE(name=f"block{i}", **common)(y)
        return x + point_conv(x.shape[-1], use_bias=False, name="conv1", **common)(y)


class ResidualSE(nn.Module):
    """Two layers, whose channels are weighted by what all of the map holds, added to the input."""

    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        y = Norm(name="norm0")(same_conv(x.shape[-1], name="conv0", **common)(x))
        y = Norm(name="norm1")(same_conv(x.shape[-1], name="conv1", **common)(nn.relu(y)))
        return x + Excitation(name="se", **common)(y)


class Excitation(nn.Module):
    """Squeeze and excitation: each channel by a number in (0, 1) that its picture's means give."""

    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        means = jnp.mean(full(x), (1, 2), keepdims=True)
        y = point_conv(max(x.shape[-1] // 8, 1), name="fc1", **common)(means)
        y = point_conv(x.shape[-1], name="fc2", **common)(nn.relu(y))
        return x * nn.sigmoid(y)


class Upscale(nn.Module):
    """Doubles the map, then normalises it; by mode a transposed layer, or one before or behind."""

    features: int
    mode: str = "transposed"
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, I] to [N, 2 H, 2 W, features].

        Raises:
          ValueError: if the mode is unknown.
        """
        common = {"init_type": self.init_type, "dtype": self.dtype, "name": "conv"}
        if self.mode == "transposed":
            y = TallTranspose(self.features, **common)(x)
        elif self.mode == "nearest":
            y = same_conv(self.features, **common)(upsample2(x))
        elif self.mode == "shuffle":
            y = _shuffle(same_conv(4 * self.features, **common)(x))
        else:
            raise ValueError(
                f"model.upscaling must be one of {', '.join(UPSCALINGS)}; got {self.mode!r}"
            )
        return Norm(name="norm")(y)


class TallTranspose(nn.Module):
    """A transposed convolution of 4 x 3, whose missing last column mirrors the last but one."""

    features: int
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, I] to [N, 2 H, 2 W, features]."""
        draw = init.kernel_init(self.init_type, transposed=True)
        kernel = self.param("kernel", draw, (*KERNEL, x.shape[-1], self.features))
        square = jnp.pad(kernel, ((0, 0), (1, 0), (0, 0), (0, 0)))  # a fourth column, of zeros
        y = conv2d_transposed(x.astype(self.dtype), square.astype(self.dtype), padding=1)
        return jnp.concatenate([y[:, :, :-1], y[:, :, -3:-2]], 2)


def _shuffle(x: jax.Array) -> jax.Array:
    """[N, H, W, 4 C] to [N, 2 H, 2 W, C]: four neighbours from four channels (pixel shuffle)."""
    n, h, w, c = x.shape
    y = x.reshape(n, h, w, c // 4, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(n, 2 * h, 2 * w, c // 4)


def _join(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.concatenate([x, y.astype(x.dtype)], -1)
