"""The U-Net of the Try-On Module: sizes, its last norm, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.networks.bilinear_unet import BilinearUNet


def traced(network, height, width, *, channels=25):
    x = jax.ShapeDtypeStruct((2, height, width, channels), jnp.float32)
    return jax.eval_shape(lambda x: network.init_with_output(jax.random.key(0), x), x)


@pytest.mark.parametrize(
    ("halvings", "height", "width"),
    [(6, 256, 192), (6, 512, 384), (7, 512, 384), (5, 512, 384), (4, 64, 48), (2, 4, 8)],
)
def test_it_keeps_the_size(halvings, height, width):
    y, variables = traced(BilinearUNet(4, halvings=halvings), height, width)
    assert y.shape == (2, height, width, 4) and y.dtype == jnp.float32
    params = variables["params"]
    assert len(params) == 2 * halvings
    assert params["down_0"]["kernel"].shape == (4, 4, 25, 64)
    assert params["up_0"]["kernel"].shape == (3, 3, 128, 4)
    inner = params[f"up_{halvings - 1}"]["kernel"].shape  # no skip beside the innermost map
    width = 64 * min(2 ** (halvings - 1), 8)
    assert inner[2] == width


def test_a_bfloat16_network_answers_in_float32():
    made, variables = traced(BilinearUNet(4, channels=4, halvings=4, dtype=jnp.bfloat16), 64, 48)
    for x in jax.tree.leaves((made, variables)):
        assert x.dtype == jnp.float32


@pytest.mark.parametrize("upsampling", ["bilinear", "nearest"])
def test_the_last_norm_fixes_mean_and_variance(upsampling):
    x = np.random.default_rng(0).uniform(-1, 1, (2, 16, 12, 5)).astype(np.float32)
    network = BilinearUNet(4, channels=4, halvings=2, upsampling=upsampling)
    params = jax.jit(network.init)(jax.random.key(0), x)
    normed = jax.jit(network.apply)(params, x)
    np.testing.assert_allclose(normed.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normed.var((1, 2)), 1, atol=1e-3)
    plain = jax.jit(network.clone(output_norm=False).apply)(params, x)
    assert np.abs(plain.mean((1, 2))).max() > 1e-2 and np.abs(plain.var((1, 2)) - 1).min() > 1e-2
    own = (plain - plain.mean((1, 2), keepdims=True)) / plain.std((1, 2), keepdims=True)
    np.testing.assert_allclose(normed, own, atol=2e-3)


@pytest.mark.parametrize(
    ("fields", "size", "message"),
    [
        (
            {"halvings": 6},
            (256, 160),
            r"6 halvings needs .* multiples of 64, got 256 x 160; set --",
        ),
        (
            {"halvings": 4},
            (16, 16),
            r"4 halvings of a 16 x 16 picture leave one pixel, which has no",
        ),
        ({"upsampling": "cubic"}, (64, 64), r"must be one of bilinear, nearest; got 'cubic'"),
    ],
)
def test_what_does_not_fit(fields, size, message):
    with pytest.raises(ValueError, match=message):
        traced(BilinearUNet(4, channels=2, **fields), *size)
