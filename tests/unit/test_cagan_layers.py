"""The parts of CAGAN's networks by hand-computed numbers.

Whole networks against their originals: tests/golden/test_cagan.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tryon_jax.networks import cagan_discriminators
from tryon_jax.networks.cagan_layers import Conv, Norm, resize, shrink


class TestShrinking:
    RAMP = jnp.arange(8.0).reshape(1, 8, 1, 1) * jnp.ones((1, 8, 8, 1))

    @pytest.mark.parametrize(
        ("mode", "rows"), [("average", [1.5, 5.5]), ("bilinear", [1.5, 5.5]), ("corners", [0, 7])]
    )
    def test_a_ramp(self, mode, rows):
        np.testing.assert_allclose(shrink(self.RAMP, 4, mode=mode)[0, :, 0, 0], rows, atol=1e-6)

    def test_bilinear_sees_the_middle_of_a_block_alone(self):
        x = jnp.zeros((1, 4, 4, 1)).at[0, 0, 0, 0].set(16.0)
        assert float(shrink(x, 4, mode="average")[0, 0, 0, 0]) == pytest.approx(1)
        assert float(shrink(x, 4, mode="bilinear")[0, 0, 0, 0]) == 0

    def test_enlarging(self):
        x = jnp.asarray([0.0, 1.0]).reshape(1, 2, 1, 1)
        np.testing.assert_allclose(resize(x, (4, 1))[0, :, 0, 0], [0, 0.25, 0.75, 1], atol=1e-6)

    def test_sizes_and_modes_that_do_not_fit(self):
        with pytest.raises(ValueError, match="8 x 8 cannot be shrunk 3 times"):
            shrink(self.RAMP, 3, mode="average")
        with pytest.raises(ValueError, match="average, bilinear, corners; got 'area'"):
            shrink(self.RAMP, 2, mode="area")


@pytest.mark.parametrize("side", [(9, 8), (10, 7)])
def test_dilation(side):
    x = np.random.default_rng(0).normal(size=(2, *side, 3)).astype(np.float32)
    layer = Conv(5, (4, 3), padding=((0, 0), (0, 0)), dilation=2, use_bias=False)
    kernel = np.random.default_rng(1).normal(size=(4, 3, 3, 5)).astype(np.float32)
    want = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", rhs_dilation=(2, 2), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(layer.apply({"params": {"kernel": kernel}}, x), want, atol=1e-4)


class TestNorm:
    x = jnp.asarray([0.0, 2.0, 4.0, 10.0]).reshape(2, 2, 1, 1)

    @pytest.mark.parametrize(
        ("kind", "want"),
        [("instance", [-1, 1, -1, 1]), ("keras", [-1, 1, -1, 1]), ("batch", [-1.0690, 1.6036])],
    )
    def test_values(self, kind, want):
        params = {"scale": jnp.ones(1), "bias": jnp.zeros(1)}
        y = Norm(kind).apply({"params": params}, self.x).reshape(-1)
        np.testing.assert_allclose(y if len(want) == 4 else y[jnp.asarray([0, 3])], want, atol=1e-4)

    def test_a_flat_map_has_a_finite_gradient(self):
        params = {"scale": jnp.ones(1), "bias": jnp.zeros(1)}
        flat = jnp.ones((1, 2, 2, 1))
        grad = jax.jit(jax.grad(lambda x: Norm("keras").apply({"params": params}, x)[0, 0, 0, 0]))(
            flat
        )
        assert np.isfinite(grad).all()

    def test_unknown(self):
        with pytest.raises(ValueError, match="instance, keras, batch; got 'layer'"):
            Norm("layer").init(jax.random.key(0), self.x)


@pytest.mark.parametrize(
    ("init_type", "deviation"), [("normal", 0.02), ("orthogonal", 1 / 24), ("pytorch", 0.0241)]
)
def test_initial_weights(init_type, deviation):
    """3 x 3 kernels from 64 to 64: 576 rows, of orthonormal columns (deviation 1 / 24)."""
    x = jnp.zeros((1, 4, 4, 64))
    kernel = Conv(64, init_type=init_type).init(jax.random.key(0), x)["params"]["kernel"]
    assert float(kernel.std()) == pytest.approx(deviation, rel=0.05)
    if init_type == "orthogonal":
        matrix = np.asarray(kernel).reshape(-1, 64)
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(64), atol=1e-5)


class Noisy(nn.Module):
    noise: str

    @nn.compact
    def __call__(self, x):
        return cagan_discriminators._noised(self, x)


class TestNoise:
    x = jnp.ones((1, 64, 64, 6))

    def noise(self, kind, key, amount=1.0):
        params = {"noise": jnp.full(1, amount)} if kind == "learned" else {}
        rngs = {"noise": jax.random.key(key)}
        return np.asarray(Noisy(kind).apply({"params": params}, self.x, rngs=rngs) - self.x)

    @pytest.mark.parametrize(("kind", "deviation"), [("learned", 1.0), ("gaussian", 0.05)])
    def test_is_fresh(self, kind, deviation):
        first = self.noise(kind, key=1)
        assert (first != self.noise(kind, key=2)).any()
        assert (first == self.noise(kind, key=1)).all()
        assert first.std() == pytest.approx(deviation, rel=0.05)
        assert (first[..., 0] == first[..., 5]).all() == (kind == "learned")

    def test_learned_noise_begins_silent(self):
        keys = {"params": jax.random.key(0), "noise": jax.random.key(0)}
        y, variables = Noisy("learned").init_with_output(keys, self.x)
        assert float(variables["params"]["noise"][0]) == 0
        np.testing.assert_array_equal(y, self.x)

    def test_unknown(self):
        with pytest.raises(ValueError, match="none, learned, gaussian; got 'pink'"):
            self.noise("pink", key=1)
