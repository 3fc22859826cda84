"""BiSeNet: which of 19 parts of a portrait each pixel belongs to.

Source: Yu et al., "BiSeNet: Bilateral Segmentation Network", 2018 (arXiv 1808.00897), section 3, as
zllrunning/face-parsing.PyTorch has it: a ResNet-18 is the context path, its own features at an
eighth of the size stand for the spatial path. Frozen, at rest, without the heads that only help to
train. What flows through: pictures [N, H, W, 3] normalised as ImageNet's, to logits.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv
from tryon_jax.layers.norms import BatchNorm
from tryon_jax.layers.pooling import max_pool3
from tryon_jax.layers.precision import full

STRIDE = 8  # pixels of the picture to one of the logits
COARSEST = 32  # both sides of a picture are multiples of it
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # of the ResNet: width, stride; two blocks each


class Unit(nn.Module):
    """Convolution without bias, batch norm by its running statistics, and ReLU if `rectified`."""

    features: int
    kernel_size: int = 3
    stride: int = 1
    rectified: bool = True
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to [N, H / stride, W / stride, features]."""
        conv = Conv(
            self.features,
            self.kernel_size,
            stride=self.stride,
            padding=self.kernel_size // 2,
            use_bias=False,
            dtype=self.dtype,
            name="conv",
        )
        y = BatchNorm(name="norm")(conv(x), update=False)
        return nn.relu(y) if self.rectified else y


class Block(nn.Module):
    """ResNet's basic block: what is added to a picture's features, or to their projection."""

    features: int
    stride: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to [N, H / stride, W / stride, features]."""
        common: dict[str, Any] = {"dtype": self.dtype}
        y = Unit(self.features, stride=self.stride, name="unit_1", **common)(x)
        y = Unit(self.features, rectified=False, name="unit_2", **common)(y)
        if self.stride > 1:
            projection = {"stride": self.stride, "rectified": False, "name": "beside"}
            x = Unit(self.features, 1, **projection, **common)(x)
        return nn.relu(x + y)


class Refinement(nn.Module):
    """Attention refinement (figure 2b): features, each channel weighed by what it says on average.

    The paper's module begins with the average; the code's with a convolution, which is followed.
    """

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to [N, H, W, features]."""
        common: dict[str, Any] = {"dtype": self.dtype}
        y = Unit(self.features, name="unit", **common)(x)
        gate = Unit(self.features, 1, rectified=False, name="gate", **common)(_average(y))
        return y * nn.sigmoid(gate)


class Fusion(nn.Module):
    """Feature fusion (figure 2c): both paths mixed, and channels that matter added once more."""

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps both paths side by side, [N, H, W, C], to [N, H, W, features]."""
        common: dict[str, Any] = {"use_bias": False, "dtype": self.dtype}
        y = Unit(self.features, 1, dtype=self.dtype, name="unit")(x)
        gate = nn.relu(Conv(self.features // 4, 1, name="narrow", **common)(_average(y)))
        gate = Conv(self.features, 1, name="widen", **common)(gate)
        return y + y * nn.sigmoid(gate)


class BiSeNet(nn.Module):
    """Portraits to logits of `classes` parts; 13 150 272 parameters with 19."""

    classes: int = 19
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps pictures [N, H, W, 3], normalised as ImageNet's, to [N, H / 8, W / 8, classes].

        Raises:
          ValueError: if a side is no multiple of 32.
        """
        if x.shape[1] % COARSEST or x.shape[2] % COARSEST:
            raise ValueError(
                f"BiSeNet halves pictures five times, got {x.shape[1]} x {x.shape[2]}; use "
                f"multiples of {COARSEST} pixels"
            )
        common: dict[str, Any] = {"dtype": self.dtype}
        y = max_pool3(Unit(64, 7, stride=2, name="stem", **common)(x))
        features = []
        for i, (width, stride) in enumerate(STAGES, 1):
            y = Block(width, stride, name=f"stage_{i}_0", **common)(y)
            y = Block(width, 1, name=f"stage_{i}_1", **common)(y)
            features.append(y)
        _, eighth, sixteenth, coarse = features
        whole = Unit(128, 1, name="whole", **common)(_average(coarse))
        y = Refinement(128, name="refine_32", **common)(coarse) + whole
        y = Unit(128, name="head_32", **common)(_doubled(y))
        y = Refinement(128, name="refine_16", **common)(sixteenth) + y
        y = Unit(128, name="head_16", **common)(_doubled(y))
        y = Fusion(256, name="fuse", **common)(jnp.concatenate([eighth, y], -1))
        y = Unit(256, name="last", **common)(y)
        return full(Conv(self.classes, 1, use_bias=False, name="logits", **common)(y))


def _average(x: jax.Array) -> jax.Array:
    """[N, H, W, C] to [N, 1, 1, C]."""
    return jnp.mean(full(x), (1, 2), keepdims=True).astype(x.dtype)


def _doubled(x: jax.Array) -> jax.Array:
    """Each pixel twice in both directions."""
    return jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
