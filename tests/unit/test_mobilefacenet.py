"""What stands around MobileFaceNet: the face within a portrait, the filters, the distance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.networks.mobilefacenet import depthwise, distance, face_of


@pytest.mark.parametrize(
    ("side", "rows", "columns"), [(256, (57, 219), (47, 209)), (64, (14, 54), (12, 52))]
)
def test_the_face_within_a_portrait(side, rows, columns):
    """Bounds as the original computes them; corners fall on corners."""
    row, column = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    picture = jnp.asarray(np.stack([row, column, 0 * row], -1)[None], jnp.float32)
    face = np.asarray(face_of(picture))
    assert face.shape == (1, 112, 112, 3)
    want = np.linspace(rows[0], rows[1] - 1, 112)
    np.testing.assert_allclose(face[0, :, 5, 0], want, rtol=1e-5)
    want = np.linspace(columns[0], columns[1] - 1, 112)
    np.testing.assert_allclose(face[0, 7, :, 1], want, rtol=1e-5)


def test_a_narrow_portrait_is_refused():
    with pytest.raises(ValueError, match=r"must be about square.* got 256 x 128"):
        face_of(jnp.zeros((1, 256, 128, 3)))


@pytest.mark.parametrize(("side", "size", "stride"), [(6, 3, 1), (7, 3, 2), (8, 3, 2), (5, 5, 1)])
def test_depthwise_like_a_grouped_convolution(side, size, stride):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, side, side, 4)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(size, size, 1, 4)), jnp.float32)
    want = jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        "VALID",
        feature_group_count=4,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    np.testing.assert_allclose(depthwise(x, kernel, stride=stride), want, rtol=1e-5, atol=1e-5)


def test_distance_by_hand():
    x = jnp.asarray([[1.0, 0.0], [0.6, 0.8]])
    y = jnp.asarray([[1.0, 0.0], [0.8, -0.6]])  # the same way, and at a right angle
    assert float(distance(x, y)) == pytest.approx(0.5)
