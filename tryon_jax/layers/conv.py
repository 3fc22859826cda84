"""Convolutions with PyTorch's conventions: explicit padding, its defaults, HWIO kernels.

`Conv` pads by itself (zero, reflect, replicate), may be spectrally normalised, and computes in
`dtype` with float32 parameters. `ConvTranspose` is the gradient of a strided convolution, as
PyTorch's; its kernel is stored as the plain convolution over the dilated picture would read it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from tryon_jax.layers import conv_cpu, init
from tryon_jax.layers.precision import full
from tryon_jax.layers.spectral import SpectralNorm

PADDINGS = {"zero": "constant", "reflect": "reflect", "replicate": "edge"}


def pad(x: jax.Array, width: int, *, mode: str = "zero") -> jax.Array:
    """Pads height and width of [N, H, W, C] by `width` pixels on each side.

    Args:
      x: any dtype.
      width: pixels, 0 or more; `reflect` needs pictures larger than that.
      mode: zero | reflect (the edge is not repeated) | replicate.

    Raises:
      ValueError: if the mode is unknown or the picture too small to reflect.
    """
    if mode not in PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(PADDINGS)}; got {mode!r}")
    if mode == "reflect" and min(x.shape[1:3]) <= width:
        raise ValueError(
            f"a {x.shape[1]} x {x.shape[2]} map is too small to be reflected by {width}; "
            "use larger pictures or fewer layers"
        )
    if not width:
        return x
    return jnp.pad(x, ((0, 0), (width, width), (width, width), (0, 0)), PADDINGS[mode])


def conv2d(x: jax.Array, kernel: jax.Array, *, stride: int = 1) -> jax.Array:
    """Valid convolution of [N, H, W, I] with [h, w, I, O] at the same stride on both axes."""
    if jax.default_backend() == "cpu":
        return conv_cpu.convolve(x, kernel, stride=stride)
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def conv2d_transposed(
    x: jax.Array, kernel: jax.Array, *, padding: int, output_padding: int = 0
) -> jax.Array:
    """Stride-2 transposed convolution of [N, H, W, I], PyTorch's `padding` and `output_padding`.

    Args:
      x: the picture; it is spread out by one zero between its pixels.
      kernel: [k, k, I, O], as a plain convolution over the spread picture reads it.
      padding: pixels cut from each side of the full result.
      output_padding: pixels added again at the bottom and on the right.

    Returns:
      [N, 2 H + g, 2 W + g, O] with g = k - 2 - 2 padding + output_padding.
    """
    if jax.default_backend() == "cpu":
        return conv_cpu.convolve_transposed(
            x, kernel, padding=padding, output_padding=output_padding
        )
    before = kernel.shape[0] - 1 - padding
    edges = (before, before + output_padding)
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        (edges, edges),
        lhs_dilation=(2, 2),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


class Conv(nn.Module):
    """A square convolution: pad, convolve, add the bias."""

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    padding_mode: str = "zero"
    use_bias: bool = True
    spectral: bool = False
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool | jax.Array = False) -> jax.Array:
        """Maps [N, H, W, I] to [N, H', W', features]; `update` moves the spectral vectors."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", init.kernel_init(self.init_type), shape)
        if self.spectral:
            kernel = SpectralNorm(name="spectral")(kernel, update=update)
        x = pad(x.astype(self.dtype), self.padding, mode=self.padding_mode)
        y = conv2d(x, kernel.astype(self.dtype), stride=self.stride)
        if self.use_bias:
            fan_in = self.kernel_size**2 * shape[2]
            bias_init = init.bias_init(self.init_type, fan_in=fan_in)
            y = y + self.param("bias", bias_init, (self.features,)).astype(self.dtype)
        return y


class ConvTranspose(nn.Module):
    """A stride-2 transposed convolution that doubles the picture.

    The kernel is [h, w, in, out], spatially flipped against PyTorch's [in, out, h, w].
    """

    features: int
    kernel_size: int
    padding: int
    output_padding: int = 0
    use_bias: bool = True
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, I] to [N, 2 H, 2 W, features]."""
        size = self.kernel_size
        shape = (size, size, x.shape[-1], self.features)
        kernel = self.param("kernel", init.kernel_init(self.init_type, transposed=True), shape)
        y = conv2d_transposed(
            x.astype(self.dtype),
            kernel.astype(self.dtype),
            padding=self.padding,
            output_padding=self.output_padding,
        )
        if self.use_bias:
            # PyTorch takes the fan-in of its [in, out, h, w] layout: out channels, not in
            bias_init = init.bias_init(self.init_type, fan_in=size**2 * self.features)
            y = y + self.param("bias", bias_init, (self.features,)).astype(self.dtype)
        return y


def upsample2(x: jax.Array) -> jax.Array:
    """Nearest-neighbour doubling, [N, H, W, C] to [N, 2 H, 2 W, C], in a form that exports."""
    return enlarge(x, factor=2)


def enlarge(x: jax.Array, *, factor: int) -> jax.Array:
    """Repeats each pixel of [N, H, W, C] `factor` times in both directions."""
    n, h, w, c = x.shape
    tiles = jnp.broadcast_to(x[:, :, None, :, None], (n, h, factor, w, factor, c))
    return tiles.reshape(n, factor * h, factor * w, c)


def enlarge_bilinear(x: jax.Array, *, factor: int) -> jax.Array:
    """Bilinear enlarging with half-pixel centres, [N, H, W, C] to [N, factor H, factor W, C].

    Source: PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
    """
    if factor == 1:
        return x
    rows, columns = (_between(length, factor=factor) for length in x.shape[1:3])
    return jnp.einsum("ih,jw,nhwc->nijc", rows, columns, full(x), precision="highest").astype(
        x.dtype
    )


def _between(length: int, *, factor: int) -> np.ndarray:
    """[factor * length, length]: the weights of the two pixels around each new one."""
    places = np.clip((np.arange(factor * length) + 0.5) / factor - 0.5, 0, length - 1)
    return np.maximum(1 - np.abs(places[:, None] - np.arange(length)), 0).astype(np.float32)


def upsample2_bilinear(x: jax.Array) -> jax.Array:
    """Bilinear doubling with half-pixel centres, [N, H, W, C] to [N, 2 H, 2 W, C].

    Source: PyTorch's `Upsample(scale_factor=2, mode="bilinear", align_corners=False)`.
    """
    return _double(_double(x, axis=1), axis=2)


def _double(x: jax.Array, *, axis: int) -> jax.Array:
    """Each element's two halves lie a quarter nearer to its neighbours; edges are repeated."""
    length = x.shape[axis]
    edge = [(0, 0)] * x.ndim
    edge[axis] = (1, 1)
    padded = jnp.pad(x, edge, "edge")
    before = jax.lax.slice_in_dim(padded, 0, length, axis=axis)
    after = jax.lax.slice_in_dim(padded, 2, length + 2, axis=axis)
    pair = jnp.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
    return pair.reshape(*x.shape[:axis], 2 * length, *x.shape[axis + 1 :])
