import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.heatmap import heatmap, jet

LOW, HIGH = [-1, -1, 0], [0, -1, -1]  # dark blue, dark red


def test_jet_by_hand():
    heat = jnp.array([0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1])
    colours = [
        [0, 0, 0.5],
        [0, 0, 1],
        [0, 0.5, 1],
        [0, 1, 1],
        [0.5, 1, 0.5],
        [1, 1, 0],
        [1, 0.5, 0],
        [1, 0, 0],
        [0.5, 0, 0],
    ]
    np.testing.assert_allclose(jet(heat), colours, atol=1e-6)


def test_low_is_blue_and_high_is_red_whatever_the_range():
    ramp = jnp.array([[0.0, 1.0], [0.0, 1.0]])[None, :, :, None]
    maps = jnp.concatenate([ramp, 1000 * ramp - 7, 1e-6 * ramp])
    images = jax.jit(heatmap, static_argnames="size")(maps, size=8)
    assert images.shape == (3, 8, 8, 3) and images.dtype == jnp.float32
    for image in images:
        np.testing.assert_allclose(image[:, 0], np.tile(LOW, (8, 1)), atol=1e-4)
        np.testing.assert_allclose(image[:, -1], np.tile(HIGH, (8, 1)), atol=1e-4)


def test_constant_maps_are_all_low():
    maps = jnp.stack([jnp.zeros((3, 3, 1)), jnp.full((3, 3, 1), 5.0)]).astype(jnp.bfloat16)
    images = heatmap(maps, size=6)
    np.testing.assert_allclose(images, np.broadcast_to(LOW, (2, 6, 6, 3)), atol=1e-6)


def test_resize_is_bilinear_between_pixel_centres():
    ramp = jnp.array([0.0, 1.0])[None, None, :, None]
    image = heatmap(ramp, size=4)[0, 0]  # heat 0, 1/4, 3/4, 1
    expected = 2 * jet(jnp.array([0, 0.25, 0.75, 1])) - 1
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_refuses_maps_of_many_channels():
    with pytest.raises(ValueError, match=r"got \(2, 4, 4, 256\); sum over the channels"):
        heatmap(jnp.zeros((2, 4, 4, 256)), size=8)
