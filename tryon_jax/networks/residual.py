"""Residual blocks with batch norm, as ResNet and HRNet stack them.

Source: He et al., "Deep Residual Learning for Image Recognition", 2016 (arXiv 1512.03385), figure
5, in PyTorch's arithmetic: a bottleneck's stride is that of its 3 x 3 convolution. What flows
through: [N, H, W, C]; `update` says that this is training, and moves the running statistics.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv, ConvTranspose
from tryon_jax.layers.norms import BatchNorm

INIT = "small"  # the pose networks' draw of kernels: N(0, 0.001)
EXPANSION = 4  # a bottleneck's output channels to those of its narrow part


class Unit(nn.Module):
    """Convolution, batch norm, and ReLU if `rectified`."""

    features: int
    kernel_size: int = 3
    stride: int = 1
    rectified: bool = True
    use_bias: bool = False
    momentum: float = 0.1
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, H / stride, W / stride, features]."""
        conv = Conv(
            self.features,
            self.kernel_size,
            stride=self.stride,
            padding=self.kernel_size // 2,
            use_bias=self.use_bias,
            init_type=INIT,
            dtype=self.dtype,
            name="conv",
        )
        y = BatchNorm(momentum=self.momentum, name="norm")(conv(x), update=update)
        return nn.relu(y) if self.rectified else y


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions, added to what came in or to its projection."""

    features: int
    stride: int = 1
    momentum: float = 0.1
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, H / stride, W / stride, features]."""
        common: dict[str, Any] = {"momentum": self.momentum, "dtype": self.dtype}
        y = Unit(self.features, stride=self.stride, name="unit_1", **common)(x, update=update)
        y = Unit(self.features, rectified=False, name="unit_2", **common)(y, update=update)
        beside = _beside(x, self.features, stride=self.stride, update=update, **common)
        return nn.relu(y + beside)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions, added to what came in or to its projection."""

    features: int  # of the narrow part; four times as many come out
    stride: int = 1
    momentum: float = 0.1
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, H / stride, W / stride, 4 features]."""
        common: dict[str, Any] = {"momentum": self.momentum, "dtype": self.dtype}
        out = EXPANSION * self.features
        y = Unit(self.features, 1, name="unit_1", **common)(x, update=update)
        y = Unit(self.features, stride=self.stride, name="unit_2", **common)(y, update=update)
        y = Unit(out, 1, rectified=False, name="unit_3", **common)(y, update=update)
        return nn.relu(y + _beside(x, out, stride=self.stride, update=update, **common))


class Doubling(nn.Module):
    """A transposed convolution that doubles the map, batch norm, ReLU.

    Source: Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking", 2018 (arXiv
    1804.06208), section 2; kernels of 4, 3 or 2.
    """

    features: int
    kernel_size: int = 4
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, 2 H, 2 W, features].

        Raises:
          ValueError: if the kernel has another size.
        """
        paddings = {4: (1, 0), 3: (1, 1), 2: (0, 0)}
        if self.kernel_size not in paddings:
            raise ValueError(f"a doubling has a kernel of 4, 3 or 2; got {self.kernel_size}")
        padding, output_padding = paddings[self.kernel_size]
        deconv = ConvTranspose(
            self.features,
            self.kernel_size,
            padding=padding,
            output_padding=output_padding,
            use_bias=False,
            init_type=INIT,
            dtype=self.dtype,
            name="conv",
        )
        return nn.relu(BatchNorm(name="norm")(deconv(x), update=update))


def _beside(x: jax.Array, features: int, *, stride: int, update: bool, **common: Any) -> jax.Array:
    """X, or where the block's result has another shape its projection by a 1 x 1 convolution."""
    if stride == 1 and x.shape[-1] == features:
        return x
    projection = Unit(features, 1, stride=stride, rectified=False, name="beside", **common)
    return projection(x, update=update)
