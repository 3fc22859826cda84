"""What CAGAN's networks are made of: rectangular convolutions, norms, small copies of pictures.

The copies are the paper's idea: every layer sees the pictures that went in, shrunk to its size, so
that no detail of the garment has to survive the bottleneck.

Source: Jetchev and Bergmann 2017; paddings and norms of the Keras code (shaoanlu) and of CAGAN v2
(maktu6), the shrinking of the seed's code (zebincai).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from tryon_jax.layers import init
from tryon_jax.layers.conv import conv2d
from tryon_jax.layers.precision import full

Sides = tuple[tuple[int, int], tuple[int, int]]  # pixels (top, bottom), (left, right)

NORMS = ("instance", "keras", "batch")
SHRINKINGS = ("average", "bilinear", "corners")
INIT_TYPES = ("normal", "pytorch", "orthogonal")
SLOPE = 0.2
KERAS_EPS = 1.01e-5


def leaky(x: jax.Array) -> jax.Array:
    """Leaky ReLU with the slope that all variants share."""
    return nn.leaky_relu(x, SLOPE)


class Conv(nn.Module):
    """A convolution with a rectangular kernel, its own padding on each side, and dilation 1 or 2.

    `orthogonal` draws orthonormal kernels, gain 1; `layers.init` scales its own by CycleGAN's 0.02.
    """

    features: int
    kernel: tuple[int, int] = (3, 3)
    stride: int = 1
    padding: Sides = ((1, 1), (1, 1))
    dilation: int = 1
    use_bias: bool = True
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, I] to [N, H', W', features]."""
        shape = (*self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", _kernel_init(self.init_type), shape).astype(self.dtype)
        x = jnp.pad(x.astype(self.dtype), ((0, 0), *self.padding, (0, 0)))
        y = conv2d(x, kernel, stride=self.stride) if self.dilation == 1 else _dilated(x, kernel)
        if self.use_bias:
            fan_in = shape[0] * shape[1] * shape[2]
            bias_init = init.bias_init(self.init_type, fan_in=fan_in)
            y = y + self.param("bias", bias_init, (self.features,)).astype(self.dtype)
        return y


class Norm(nn.Module):
    """Normalises each channel, then scales and shifts it; no running statistics.

    By kind: `instance` over each picture, eps in the variance; `keras` over each picture, eps added
    to the deviation; `batch` over the whole batch, in training and in use (Keras' code). The latter
    two begin with scales of N(1, 0.02).
    """

    kind: str = "instance"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalises [N, H, W, C].

        Raises:
          ValueError: if the kind is unknown.
        """
        if self.kind not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {self.kind!r}")
        drawn = init.normal(mean=1.0, deviation=init.GAIN)
        scale_init = nn.initializers.ones_init() if self.kind == "instance" else drawn
        scale = self.param("scale", scale_init, (x.shape[-1],))
        bias = self.param("bias", nn.initializers.zeros_init(), (x.shape[-1],))
        x32 = full(x)
        axes = (0, 1, 2) if self.kind == "batch" else (1, 2)
        mean, var = jnp.mean(x32, axes, keepdims=True), jnp.var(x32, axes, keepdims=True)
        if self.kind == "keras":  # the floor keeps the root's gradient finite on a flat map
            deviation = jnp.sqrt(jnp.maximum(var, 1e-20)) + KERAS_EPS
        else:
            deviation = jnp.sqrt(var + (KERAS_EPS if self.kind == "batch" else 1e-5))
        return ((x32 - mean) / deviation * scale + bias).astype(x.dtype)


def shrink(x: jax.Array, factor: int, *, mode: str) -> jax.Array:
    """Pictures [N, H, W, C] at 1 / factor of their size.

    Args:
      x: sides are multiples of the factor.
      factor: 1 or more.
      mode: average (of each block) | bilinear (between the middle pixels of each block) | corners
        (bilinear on a grid that runs from corner to corner).

    Raises:
      ValueError: if a side is no multiple of the factor, or the mode unknown.
    """
    n, h, w, c = x.shape
    if h % factor or w % factor:
        raise ValueError(
            f"pictures of {h} x {w} cannot be shrunk {factor} times; sides must be multiples of it"
        )
    if mode not in SHRINKINGS:
        raise ValueError(f"shrinking must be one of {', '.join(SHRINKINGS)}; got {mode!r}")
    small = h // factor, w // factor
    if mode == "average":
        return jnp.mean(x.reshape(n, small[0], factor, small[1], factor, c), (2, 4))
    return resize(x, small, align_corners=mode == "corners")


def resize(x: jax.Array, size: tuple[int, int], *, align_corners: bool = False) -> jax.Array:
    """Bilinear, without antialiasing: PyTorch's `interpolate`.

    Args:
      x: [N, H, W, C].
      size: (height, width) wanted.
      align_corners: the first and last pixels' centres stay where they are; else the edges.
    """
    rows = _taps(x.shape[1], size[0], align_corners=align_corners)
    columns = _taps(x.shape[2], size[1], align_corners=align_corners)
    return jnp.einsum(
        "ph,qw,nhwc->npqc",
        jnp.asarray(rows, x.dtype),
        jnp.asarray(columns, x.dtype),
        x,
        precision=jax.lax.Precision.HIGHEST,
    )


def _taps(before: int, after: int, *, align_corners: bool) -> np.ndarray:
    """[after, before]: how much each old pixel gives to each new one."""
    if align_corners:
        places = np.linspace(0, before - 1, after)
    else:
        places = np.maximum((np.arange(after) + 0.5) * before / after - 0.5, 0)
    low = np.floor(places).astype(int)
    high, share = np.minimum(low + 1, before - 1), places - low
    taps = np.zeros((after, before))
    np.add.at(taps, (np.arange(after), low), 1 - share)
    np.add.at(taps, (np.arange(after), high), share)
    return taps


def _dilated(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Valid convolution with dilation 2: one on each of the four grids of every second pixel."""
    n, h, w, c = x.shape
    height, width = h - 2 * (kernel.shape[0] - 1), w - 2 * (kernel.shape[1] - 1)
    x = jnp.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)))
    half = (h + 1) // 2, (w + 1) // 2
    grids = x.reshape(n, half[0], 2, half[1], 2, c).transpose(2, 4, 0, 1, 3, 5)
    y = conv2d(grids.reshape(4 * n, *half, c), kernel)
    y = y.reshape(2, 2, n, *y.shape[1:]).transpose(2, 3, 0, 4, 1, 5)
    return y.reshape(n, 2 * y.shape[1], 2 * y.shape[3], y.shape[5])[:, :height, :width]


def _kernel_init(name: str) -> init.Initializer:
    if name not in INIT_TYPES:
        raise ValueError(f"init_type must be one of {', '.join(INIT_TYPES)}; got {name!r}")
    if name != "orthogonal":
        return init.kernel_init(name)
    return lambda key, shape: init.kernel_init(name)(key, shape) / init.GAIN
