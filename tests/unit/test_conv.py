"""The forms for the CPU against the plain convolutions, values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.layers import conv

# number, side, inputs, side of the kernel, outputs, stride
SHAPES = {
    "few outputs": (1, 14, 8, 7, 3, 1),
    "few inputs": (2, 14, 3, 7, 8, 1),
    "residual": (3, 10, 8, 3, 8, 1),
    "halving": (2, 10, 4, 4, 8, 2),
    "halving with a pixel left": (2, 10, 4, 3, 8, 2),
    "one pixel": (2, 9, 8, 1, 4, 1),
    "every other pixel": (2, 9, 8, 1, 4, 2),
    "kernel as wide as its stride": (2, 9, 4, 2, 6, 2),
    "map smaller than kernel": (2, 6, 8, 4, 6, 1),
    "map of one pixel": (2, 4, 8, 4, 6, 2),
}
# number, side, inputs, side of the kernel, outputs, padding, output padding
TRANSPOSED = {
    "CycleGAN": (2, 5, 8, 3, 4, 1, 1),
    "U-Net": (2, 5, 8, 4, 4, 1, 0),
    "U-Net, one pixel": (1, 1, 8, 4, 4, 1, 0),
    "nothing cut": (1, 4, 3, 3, 2, 0, 0),
    "more added than cut": (1, 4, 3, 2, 2, 0, 1),
}
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2, "float64": 1e-12}


def plain(x, kernel, *, stride):
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def plain_transposed(x, kernel, *, padding, output_padding):
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


def drawn(*shape, dtype="float32", seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def value_and_gradients(function, x, kernel):
    """The value, and what a fixed cotangent becomes in the picture and in the kernel."""
    y, pullback = jax.vjp(function, x, kernel)
    return y, *pullback(drawn(*y.shape, dtype=y.dtype, seed=2))


def assert_same(got, want, *, tolerance):
    """Equal shapes and dtypes, and values apart by less than `tolerance` of the largest."""
    for a, b in zip(got, want, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


def compare(function, reference, x, kernel, *, options, tolerance):
    got, want = (
        jax.jit(lambda x, k, f=f: value_and_gradients(lambda *a: f(*a, **options), x, k))(x, kernel)
        for f in (function, reference)
    )
    assert_same(got, want, tolerance=tolerance)


def compare_convolutions(shape, dtype):
    number, side, inputs, size, outputs, stride = shape
    x = drawn(number, side, side + 2, inputs, dtype=dtype)
    kernel = drawn(size, size, inputs, outputs, dtype=dtype, seed=1)
    options = {"stride": stride}
    compare(conv.conv2d, plain, x, kernel, options=options, tolerance=TOLERANCE[dtype])


def compare_transposed(shape, dtype):
    number, side, inputs, size, outputs, padding, output_padding = shape
    x = drawn(number, side, side + 2, inputs, dtype=dtype)
    kernel = drawn(size, size, inputs, outputs, dtype=dtype, seed=1)
    options = {"padding": padding, "output_padding": output_padding}
    tolerance = TOLERANCE[dtype]
    function, reference = conv.conv2d_transposed, plain_transposed
    compare(function, reference, x, kernel, options=options, tolerance=tolerance)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_convolution(shape):
    with jax.enable_x64(True):
        compare_convolutions(shape, "float64")


@pytest.mark.parametrize("shape", TRANSPOSED.values(), ids=TRANSPOSED)
def test_transposed(shape):
    with jax.enable_x64(True):
        compare_transposed(shape, "float64")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_narrower_types(dtype):
    compare_convolutions(SHAPES["residual"], dtype)
    compare_convolutions(SHAPES["map smaller than kernel"], dtype)
    compare_transposed(TRANSPOSED["CycleGAN"], dtype)


def test_second_derivatives():
    """A gradient penalty differentiates the input gradient by the kernel."""
    x, kernel = drawn(2, 6, 6, 3), drawn(3, 3, 3, 4, seed=1)

    def penalty(kernel, function):
        def score(x):
            return jnp.sum(jnp.tanh(function(x, kernel, stride=1)))

        return jnp.sum(jax.grad(score)(x) ** 2)

    got, want = (jax.grad(penalty)(kernel, f) for f in (conv.conv2d, plain))
    assert_same([got], [want], tolerance=1e-5)


def test_other_backends_keep_the_plain_form(monkeypatch):
    """What a GPU or TPU is given: one convolution each, no zeros and no patches."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    x, kernel = drawn(1, 6, 6, 3), drawn(3, 3, 3, 4)
    for function, options in ((conv.conv2d, {"stride": 1}), (conv.conv2d_transposed, {})):
        options = options or {"padding": 1, "output_padding": 1}
        jaxpr = jax.make_jaxpr(lambda x, k, f=function, o=options: f(x, k, **o))(x, kernel)
        assert [str(equation.primitive) for equation in jaxpr.eqns] == ["conv_general_dilated"]
