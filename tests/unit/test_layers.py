"""Layers by hand. What the original programs compute is in tests/golden."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.layers import init, norms
from tryon_jax.layers.cam import CAM
from tryon_jax.layers.conv import (
    Conv,
    ConvTranspose,
    enlarge,
    enlarge_bilinear,
    pad,
    upsample2,
    upsample2_bilinear,
)
from tryon_jax.layers.precision import full
from tryon_jax.layers.spectral import SpectralNorm, power_iteration

RAMP = jnp.arange(9.0).reshape(1, 3, 3, 1)  # 0 1 2 / 3 4 5 / 6 7 8


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class TestPad:
    @pytest.mark.parametrize(
        ("mode", "top", "second"),
        [
            ("zero", [0, 0, 0, 0, 0], [0, 0, 1, 2, 0]),
            ("reflect", [4, 3, 4, 5, 4], [1, 0, 1, 2, 1]),  # the edge is not repeated
            ("replicate", [0, 0, 1, 2, 2], [0, 0, 1, 2, 2]),
        ],
    )
    def test_modes(self, mode, top, second):
        y = pad(RAMP, 1, mode=mode)[0, :, :, 0]
        np.testing.assert_array_equal(y[0], top)
        np.testing.assert_array_equal(y[1], second)

    @pytest.mark.parametrize("mode", ["zero", "reflect", "replicate"])
    def test_no_width_changes_nothing(self, mode):
        np.testing.assert_array_equal(pad(RAMP, 0, mode=mode), RAMP)

    def test_unknown_modes_are_named(self):
        with pytest.raises(ValueError, match="zero, reflect, replicate; got 'symmetric'"):
            pad(RAMP, 1, mode="symmetric")

    def test_a_map_is_reflected_by_less_than_its_side(self):
        assert pad(RAMP, 2, mode="reflect").shape == (1, 7, 7, 1)
        with pytest.raises(ValueError, match="3 x 3 map is too small to be reflected by 3; use"):
            pad(RAMP, 3, mode="reflect")


class TestConv:
    @pytest.mark.parametrize(
        ("kernel", "stride", "padding", "side"),
        [(3, 1, 1, 8), (3, 2, 1, 4), (4, 2, 1, 4), (4, 1, 1, 7), (7, 1, 3, 8), (1, 1, 0, 8)],
    )
    def test_output_sizes(self, kernel, stride, padding, side):
        layer = Conv(5, kernel, stride=stride, padding=padding, padding_mode="reflect")
        x = jnp.zeros((2, 8, 8, 3))
        shape, variables = jax.eval_shape(layer.init_with_output, jax.random.key(0), x)
        assert shape.shape == (2, side, side, 5)
        params = variables["params"]
        assert params["kernel"].shape == (kernel, kernel, 3, 5) and params["bias"].shape == (5,)

    def test_bfloat16_computes_narrow_and_keeps_float32_parameters(self):
        layer = Conv(4, 3, padding=1, spectral=True, dtype=jnp.bfloat16)
        y, variables = layer.init_with_output(jax.random.key(0), drawn(1, 4, 4, 3))
        assert y.dtype == jnp.bfloat16
        assert {x.dtype for x in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
        transposed = ConvTranspose(4, 3, padding=1, output_padding=1, dtype=jnp.bfloat16)
        y, variables = transposed.init_with_output(jax.random.key(0), drawn(1, 4, 4, 3))
        assert y.dtype == jnp.bfloat16
        assert {x.dtype for x in jax.tree.leaves(variables)} == {jnp.dtype("float32")}

    def test_values_are_those_of_a_loop(self):
        layer = Conv(2, 3, stride=2, padding=1, padding_mode="replicate")
        x = drawn(1, 5, 5, 3)
        y, variables = layer.init_with_output(jax.random.key(0), x)
        kernel, bias = (np.asarray(variables["params"][name]) for name in ("kernel", "bias"))
        padded = np.pad(x[0], ((1, 1), (1, 1), (0, 0)), "edge")
        for i in range(3):
            for j in range(3):
                patch = padded[2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                want = np.einsum("hwi,hwio->o", patch, kernel) + bias
                np.testing.assert_allclose(y[0, i, j], want, atol=1e-5)


@pytest.mark.parametrize(("size", "padding", "output_padding"), [(3, 1, 1), (4, 1, 0)])
def test_conv_transpose_scatters_its_kernel(size, padding, output_padding):
    """Each pixel paints its value times the flipped kernel at twice its place."""
    layer = ConvTranspose(2, size, padding=padding, output_padding=output_padding)
    x = drawn(1, 3, 4, 3)
    y, variables = layer.init_with_output(jax.random.key(0), x)
    kernel, bias = (np.asarray(variables["params"][name]) for name in ("kernel", "bias"))
    canvas = np.zeros((2 * 3 + size, 2 * 4 + size, 2), np.float32)
    for i in range(3):
        for j in range(4):
            patch = np.einsum("i,hwio->hwo", x[0, i, j], kernel[::-1, ::-1])
            canvas[2 * i : 2 * i + size, 2 * j : 2 * j + size] += patch
    want = canvas[padding : padding + 6, padding : padding + 8] + bias
    assert y.shape == (1, 6, 8, 2)
    np.testing.assert_allclose(y[0], want, atol=1e-5)


def test_upsample2_bilinear_mixes_neighbours_three_to_one():
    line = jnp.array([0.0, 4.0, 8.0])[None, :, None, None]
    y = jax.jit(upsample2_bilinear)(jnp.broadcast_to(line, (1, 3, 2, 1)))
    assert y.shape == (1, 6, 4, 1)
    for column in range(4):
        np.testing.assert_allclose(y[0, :, column, 0], [0, 1, 3, 5, 7, 8])
    across = jax.jit(upsample2_bilinear)(jnp.swapaxes(line, 1, 2))
    np.testing.assert_allclose(across[0, 0, :, 0], [0, 1, 3, 5, 7, 8])


def test_upsample2_repeats_each_pixel():
    y = jax.jit(upsample2)(jnp.array([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None])
    want = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(y[0, :, :, 0], want)


class TestNorms:
    # one picture, two channels: 1 2 3 4 and 0 0 0 8
    x = jnp.stack([jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[0.0, 0.0], [0.0, 8.0]])], -1)[
        None
    ]

    def test_instance_norm_divides_by_the_biased_deviation(self):
        y = norms.instance_norm(self.x)
        np.testing.assert_allclose(y[0, 0, 0, 0], -1.5 / np.sqrt(1.25 + 1e-5), rtol=1e-6)
        np.testing.assert_allclose(y[0, 1, 1, 1], 6 / np.sqrt(12 + 1e-5), rtol=1e-6)

    def test_adalin_divides_by_the_unbiased_deviation(self):
        gamma, beta = jnp.array([[2.0, 1.0]]), jnp.array([[0.0, 10.0]])
        for rho, want in (
            (1.0, [2 * -1.5 / np.sqrt(5 / 3 + 1e-5), 10 + 6 / np.sqrt(16 + 1e-5)]),  # instance
            # layer: mean 18 / 8, sum of squares 94: unbiased variance (94 - 8 * 2.25 ** 2) / 7
            (0.0, [2 * -1.25 / np.sqrt(53.5 / 7 + 1e-5), 10 + 5.75 / np.sqrt(53.5 / 7 + 1e-5)]),
        ):
            y = norms.AdaLIN().apply(
                {"params": {"rho": jnp.full(2, rho)}}, self.x, gamma=gamma, beta=beta
            )
            np.testing.assert_allclose([y[0, 0, 0, 0], y[0, 1, 1, 1]], want, rtol=1e-6)

    def test_adalin_and_lin_start_where_the_paper_says(self):
        style = {"gamma": jnp.ones((1, 2)), "beta": jnp.zeros((1, 2))}
        ada = norms.AdaLIN().init(jax.random.key(0), self.x, **style)["params"]
        np.testing.assert_array_equal(ada["rho"], np.float32([0.9, 0.9]))
        y, variables = norms.LIN().init_with_output(jax.random.key(0), self.x)
        starts = {name: float(value[0]) for name, value in variables["params"].items()}
        assert starts == {"rho": 0, "gamma": 1, "beta": 0}
        np.testing.assert_allclose(y[0, 0, 0, 0], -1.25 / np.sqrt(53.5 / 7 + 1e-5), rtol=1e-6)

    def test_bfloat16_keeps_float32_statistics(self):
        x = jnp.asarray(100 + drawn(1, 16, 16, 2), jnp.bfloat16)  # flat cloth: mean 100, spread 1
        y = norms.instance_norm(x)
        assert y.dtype == jnp.bfloat16
        want = norms.instance_norm(x.astype(jnp.float32))
        np.testing.assert_allclose(y.astype(jnp.float32), want, atol=0.02)

    def test_batch_norm_moves_its_running_statistics(self):
        layer = norms.BatchNorm()
        variables = layer.init(jax.random.key(0), self.x, update=True)
        np.testing.assert_array_equal(variables["batch_stats"]["mean"], [0, 0])
        np.testing.assert_array_equal(variables["batch_stats"]["var"], [1, 1])
        for _ in range(2):
            y, moved = layer.apply(variables, self.x, update=True, mutable=["batch_stats"])
            variables = {**variables, **moved}
        np.testing.assert_allclose(y[0, 0, 0, 0], -1.5 / np.sqrt(1.25 + 1e-5), rtol=1e-5)
        stats = variables["batch_stats"]
        np.testing.assert_allclose(stats["mean"], [0.19 * 2.5, 0.19 * 2], rtol=1e-6)
        # the running variance is unbiased: 5/3 and 16 where the batch is divided by 5/4 and 12
        np.testing.assert_allclose(stats["var"], [0.81 + 0.19 * 5 / 3, 0.81 + 0.19 * 16], rtol=1e-6)

    def test_batch_norm_at_rest_uses_its_running_statistics(self):
        variables = {
            "params": {"scale": jnp.array([2.0, 1.0]), "bias": jnp.array([0.0, 5.0])},
            "batch_stats": {"mean": jnp.array([1.0, 0.0]), "var": jnp.array([4.0, 1.0])},
        }
        y, moved = norms.BatchNorm().apply(variables, self.x, update=False, mutable=["batch_stats"])
        want = [2 * 3 / np.sqrt(4 + 1e-5), 5 + 8 / np.sqrt(1 + 1e-5)]
        np.testing.assert_allclose(y[0, 1, 1], want, rtol=1e-6)
        jax.tree.map(np.testing.assert_array_equal, moved["batch_stats"], variables["batch_stats"])


class TestSpectralNorm:
    kernel = drawn(3, 3, 4, 6)

    def test_update_moves_v_then_u_and_rest_moves_nothing(self):
        layer = SpectralNorm()
        variables = layer.init(jax.random.key(0), self.kernel, update=False)
        u, v = (np.asarray(variables["spectral"][name]) for name in "uv")
        assert u.shape == (6,) and v.shape == (36,)
        np.testing.assert_allclose([np.linalg.norm(u), np.linalg.norm(v)], 1, rtol=1e-6)
        y, still = layer.apply(variables, self.kernel, update=False, mutable=["spectral"])
        jax.tree.map(np.testing.assert_array_equal, still["spectral"], variables["spectral"])
        flat = self.kernel.reshape(36, 6)
        np.testing.assert_allclose(y, self.kernel / (v @ flat @ u), rtol=1e-4)
        _, moved = layer.apply(variables, self.kernel, update=True, mutable=["spectral"])
        v = flat @ u / np.linalg.norm(flat @ u)
        u = v @ flat / np.linalg.norm(v @ flat)
        np.testing.assert_allclose(moved["spectral"]["v"], v, atol=1e-6)
        np.testing.assert_allclose(moved["spectral"]["u"], u, atol=1e-6)

    def test_many_updates_find_the_largest_singular_value(self):
        flat = jnp.asarray(self.kernel.reshape(36, 6))
        u = jnp.ones(6) / np.sqrt(6)
        for _ in range(100):
            u, v = power_iteration(flat, u)
        want = np.linalg.svd(self.kernel.reshape(36, 6), compute_uv=False)[0]
        assert float(v @ flat @ u) == pytest.approx(want, rel=1e-4)

    def test_the_vectors_carry_no_gradient(self):
        """d sum(W / sigma) with u, v held: 1 / sigma - sum(W) / sigma^2 * v u."""
        layer = SpectralNorm()
        variables = layer.init(jax.random.key(0), self.kernel, update=False)

        def total(kernel):
            y, moved = layer.apply(variables, kernel, update=True, mutable=["spectral"])
            return jnp.sum(y), moved["spectral"]

        grad, moved = jax.grad(total, has_aux=True)(self.kernel)
        u, v = np.asarray(moved["u"]), np.asarray(moved["v"])
        sigma = v @ self.kernel.reshape(36, 6) @ u
        outer = np.outer(v, u).reshape(self.kernel.shape)
        want = 1 / sigma - self.kernel.sum() / sigma**2 * outer
        np.testing.assert_allclose(grad, want, atol=1e-4)


def test_cam_of_a_discriminator_scores_normalised_and_maps_raw():
    """Its logits take w / |w|, its map w itself: here a row of length 5."""
    x = jnp.array([[[[1.0, 2.0]], [[3.0, 0.0]]]])  # 2 x 1 pixels, 2 channels
    params = {
        "average_row": jnp.array([[3.0], [4.0]]),
        "max_row": jnp.array([[0.0], [-2.0]]),
        "mix": jnp.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]),
        "bias": jnp.array([0.0, -1.0]),
    }
    one, unit = jnp.ones(1), jnp.array([0.6, 0.8])
    spectral = {
        "average_spectral": {"u": one, "v": unit},
        "max_spectral": {"u": one, "v": jnp.array([0.0, -1.0])},
    }
    layer = CAM(slope=0.2, spectral=True)
    got = layer.apply({"params": params, "spectral": spectral}, x)
    np.testing.assert_allclose(got.logit, [[0.6 * 2 + 0.8 * 1, -1.0 * 2]], rtol=1e-6)
    # pixel (1, 2): x * average_row = 3, 8; x * max_row = 0, -4; mixed: 3 - 4, 8 - 1
    # pixel (3, 0): x * average_row = 9, 0; x * max_row = 0, 0; mixed: 9, 0 - 1
    want = [[-0.2, 7.0], [9.0, -0.2]]
    np.testing.assert_allclose(got.features[0, :, 0], want, rtol=1e-6)
    np.testing.assert_allclose(got.heat[0, :, 0, 0], [6.8, 8.8], rtol=1e-6)
    plain = CAM().apply({"params": params}, x)
    np.testing.assert_allclose(plain.logit, [[3 * 2 + 4 * 1, -2 * 2]], rtol=1e-6)
    np.testing.assert_allclose(plain.features[0, :, 0], [[0, 7], [9, 0]], rtol=1e-6)


class TestInit:
    shape = (3, 3, 32, 64)  # fan-in 288, fan-out 576; transposed: the other way round

    def draw(self, name, *, transposed=False, shape=shape, seed=0):
        make = init.kernel_init(name, transposed=transposed)
        return np.asarray(make(jax.random.key(seed), shape), np.float64)

    @pytest.mark.parametrize(
        ("name", "deviation", "transposed_deviation"),
        [
            ("normal", 0.02, 0.02),
            ("xavier", 0.02 * np.sqrt(2 / (288 + 576)), 0.02 * np.sqrt(2 / (288 + 576))),
            ("kaiming", np.sqrt(2 / 288), np.sqrt(2 / 576)),
            ("pytorch", 1 / np.sqrt(3 * 288), 1 / np.sqrt(3 * 576)),
        ],
    )
    def test_mean_and_deviation(self, name, deviation, transposed_deviation):
        for transposed, want in ((False, deviation), (True, transposed_deviation)):
            x = self.draw(name, transposed=transposed)
            assert x.std() == pytest.approx(want, rel=0.02)
            assert abs(x.mean()) < 4 * want / np.sqrt(x.size)

    def test_pytorch_is_uniform_up_to_its_bound(self):
        x = np.abs(self.draw("pytorch")) * np.sqrt(288)
        assert 0.999 < x.max() <= 1
        x = np.abs(self.draw("pytorch", transposed=True)) * np.sqrt(576)
        assert 0.999 < x.max() <= 1

    def test_orthogonal_in_pytorchs_layout(self):
        """Orthonormal on PyTorch's first axis: out channels, or in channels if transposed."""
        rows = self.draw("orthogonal").reshape(-1, 64)
        np.testing.assert_allclose(rows.T @ rows, 0.02**2 * np.eye(64), atol=1e-9)
        rows = np.moveaxis(self.draw("orthogonal", transposed=True), 2, 0).reshape(32, -1)
        np.testing.assert_allclose(rows @ rows.T, 0.02**2 * np.eye(32), atol=1e-9)
        wide = self.draw("orthogonal", shape=(1, 1, 4, 64))[0, 0]
        np.testing.assert_allclose(wide @ wide.T, 0.02**2 * np.eye(4), atol=1e-9)

    @pytest.mark.parametrize("name", init.SCHEMES)
    def test_a_key_gives_the_same_numbers_inside_and_outside_jit(self, name):
        make, key = init.kernel_init(name), jax.random.key(3)
        first = make(key, (3, 3, 4, 5))
        assert first.dtype == jnp.float32
        jitted = jax.jit(make, static_argnums=1)(key, (3, 3, 4, 5))
        np.testing.assert_array_equal(first, jitted)
        assert (first != make(jax.random.key(4), (3, 3, 4, 5))).any()

    def test_biases(self):
        key = jax.random.key(0)
        uniform = np.asarray(init.bias_init("pytorch", fan_in=100)(key, (10_000,)))
        assert 0.0999 < np.abs(uniform).max() <= 0.1 and abs(uniform.mean()) < 0.003
        np.testing.assert_array_equal(init.bias_init("normal", fan_in=100)(key, (5,)), np.zeros(5))

    def test_the_bias_of_a_transposed_convolution_counts_its_out_channels(self):
        layer = ConvTranspose(1000, 3, padding=1, output_padding=1)
        bias = layer.init(jax.random.key(0), jnp.zeros((1, 2, 2, 4)))["params"]["bias"]
        assert 0.99 < np.abs(bias).max() * np.sqrt(9 * 1000) <= 1

    def test_normal(self):
        x = np.asarray(init.normal(mean=1.0, deviation=0.02)(jax.random.key(0), (10_000,)))
        assert x.mean() == pytest.approx(1, abs=1e-3) and x.std() == pytest.approx(0.02, rel=0.05)

    def test_unknown_schemes_are_named(self):
        with pytest.raises(ValueError, match=r"pytorch, normal, .*orthogonal; got 'glorot'"):
            init.kernel_init("glorot")


def test_full_widens_and_never_narrows():
    assert full(jnp.ones(2, jnp.bfloat16)).dtype == jnp.float32
    with jax.enable_x64(True):
        assert full(jnp.ones(2, jnp.float64)).dtype == jnp.float64


def test_enlarging_by_two_is_doubling():
    x = drawn(2, 3, 5, 2)
    np.testing.assert_array_equal(enlarge(x, factor=2), upsample2(x))
    np.testing.assert_allclose(enlarge_bilinear(x, factor=2), upsample2_bilinear(x), atol=1e-6)


def test_enlarging_by_four_by_hand():
    """Centres of new pixels lie 1/8, 3/8, 5/8 and 7/8 into an old one; edges are repeated."""
    row = enlarge_bilinear(jnp.array([0.0, 8.0]).reshape(1, 1, 2, 1), factor=4)[0, 0, :, 0]
    np.testing.assert_allclose(row, [0, 0, 1, 3, 5, 7, 8, 8], atol=1e-6)


def test_batch_norm_takes_its_share_of_a_batch():
    x = jnp.array([1.0, 3.0]).reshape(2, 1, 1, 1)
    layer = norms.BatchNorm(momentum=0.01)
    variables = layer.init(jax.random.key(0), x, update=True)
    _, moved = layer.apply(variables, x, update=True, mutable=["batch_stats"])
    assert float(moved["batch_stats"]["mean"][0]) == pytest.approx(0.02)
    assert float(moved["batch_stats"]["var"][0]) == pytest.approx(0.99 + 0.01 * 2)  # unbiased
