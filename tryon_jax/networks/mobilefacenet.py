"""MobileFaceNet: whose face it is, as a direction, and how far apart two faces are.

Source: Chen et al., "MobileFaceNets", 2018 (arXiv 1804.07573), as photo2cartoon uses it: frozen,
at rest, on the face within a portrait that was cut as photo2cartoon cuts (`data_pipelines/faces.py`
does). What flows through: pictures [N, H, W, 3] in [-1, 1] to unit vectors [N, 512].
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from tryon_jax.layers.conv import conv2d, pad
from tryon_jax.layers.init import kernel_init
from tryon_jax.layers.norms import BatchNorm
from tryon_jax.layers.precision import full

SIDE = 112  # pixels of the face that the network sees
# the portrait is 2.1 faces high: 0.8 of a face above it, 0.3 below; brows and more are cut off
HEIGHT, ABOVE, SKIPPED, BELOW = 2.1, 0.8, 0.33, 0.3
STAGES = ((128, 4, 64, 128), (256, 6, 128, 256), (512, 2, 128, 256))


class Unit(nn.Module):
    """Convolution, batch norm by its running statistics, and PReLU where `rectified`."""

    features: int
    kernel_size: int = 1
    stride: int = 1
    padding: int = 0
    depthwise: bool = False
    rectified: bool = True
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, I] to [N, H', W', features]."""
        inputs = 1 if self.depthwise else x.shape[-1]
        shape = (self.kernel_size, self.kernel_size, inputs, self.features)
        kernel = self.param("kernel", kernel_init("pytorch"), shape).astype(self.dtype)
        x = pad(x.astype(self.dtype), self.padding)
        convolve = depthwise if self.depthwise else conv2d
        y = BatchNorm(name="norm")(convolve(x, kernel, stride=self.stride), update=False)
        if not self.rectified:
            return y
        slope = self.param("slope", nn.initializers.constant(0.25), (self.features,))
        return jnp.where(y > 0, y, slope.astype(self.dtype) * y)


class Bottleneck(nn.Module):
    """Wider by a 1 x 1 layer, filtered channel by channel, narrower again."""

    features: int
    hidden: int
    stride: int = 1
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to [N, H / stride, W / stride, features]; no sum with x."""
        y = Unit(self.hidden, dtype=self.dtype, name="widen")(x)
        filtered = Unit(
            self.hidden,
            3,
            stride=self.stride,
            padding=1,
            depthwise=True,
            dtype=self.dtype,
            name="depthwise",
        )(y)
        return Unit(self.features, rectified=False, dtype=self.dtype, name="narrow")(filtered)


class MobileFaceNet(nn.Module):
    """Faces to directions: two pictures of one person point the same way."""

    features: int = 512
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps faces [N, 112, 112, 3] in [-1, 1] (`face_of`) to float32 unit vectors [N, 512]."""
        common: dict[str, Any] = {"dtype": self.dtype}
        y = Unit(64, 3, stride=2, padding=1, name="stem", **common)(x)
        y = Unit(64, 3, padding=1, depthwise=True, name="stem_depthwise", **common)(y)
        width = 64
        for i, (hidden, count, features, inner) in enumerate(STAGES, 1):
            y = Bottleneck(features, hidden, stride=2, name=f"down_{i}", **common)(y)
            for j in range(count):
                y = y + Bottleneck(features, inner, name=f"stage_{i}_{j}", **common)(y)
            width = features
        y = Unit(4 * width, name="head", **common)(y)
        y = Unit(4 * width, 7, depthwise=True, rectified=False, name="pool", **common)(y)
        linear = nn.Dense(
            self.features,
            use_bias=False,
            kernel_init=kernel_init("pytorch"),
            name="linear",
            **common,
        )
        y = full(BatchNorm(name="norm")(linear(y[:, 0, 0]), update=False))
        return y / jnp.maximum(jnp.linalg.norm(y, axis=-1, keepdims=True), 1e-12)


def distance(x: jax.Array, y: jax.Array) -> jax.Array:
    """1 - cosine of the angle between unit vectors [N, C], mean over the batch: float32 []."""
    return jnp.mean(1 - jnp.sum(full(x) * full(y), -1))


def face_of(picture: jax.Array) -> jax.Array:
    """The face within a portrait [N, H, W, C], as float32 [N, 112, 112, C].

    Raises:
      ValueError: if the portrait is so narrow that the face reaches beyond it.

    Source: photo2cartoon's `FaceFeatures`: a square from below the brows to the chin, resized
    bilinearly with aligned corners.
    """
    height, width = picture.shape[1:3]
    face = height / HEIGHT
    top, bottom = math.floor(face * (ABOVE - SKIPPED)), math.floor(height - face * BELOW)
    side = bottom - top
    left = math.floor(width / 2 - side / 2)
    if left < 0 or left + side > width:
        raise ValueError(
            f"a portrait must be about square, so that the face lies inside; got {height} x {width}"
        )
    cut = full(picture)[:, top:bottom, left : left + side]
    taps = jnp.asarray(_aligned(side, SIDE))
    return jnp.einsum("ih,nhwc,jw->nijc", taps, cut, taps, precision="highest")


def depthwise(x: jax.Array, kernel: jax.Array, *, stride: int = 1) -> jax.Array:
    """Valid convolution channel by channel: [N, H, W, C] with [h, w, 1, C].

    A sum of shifted pictures, which XLA fuses; its own grouped convolution crawls on a CPU.
    """
    size = kernel.shape[0]
    height, width = ((length - size) // stride + 1 for length in x.shape[1:3])
    if height == width == 1:
        return jnp.einsum("nhwc,hwc->nc", x[:, :size, :size], kernel[:, :, 0])[:, None, None]
    total = jnp.zeros((), x.dtype)
    for row in range(size):
        for column in range(size):
            rows = slice(row, row + stride * (height - 1) + 1, stride)
            columns = slice(column, column + stride * (width - 1) + 1, stride)
            total = total + x[:, rows, columns] * kernel[row, column, 0]
    return total


def _aligned(before: int, after: int) -> np.ndarray:
    """Linear interpolation of `before` samples at `after` places, ends on ends: [after, before]."""
    places = np.linspace(0, before - 1, after)
    distances = np.abs(places[:, None] - np.arange(before))
    return np.maximum(1 - distances, 0).astype(np.float32)
