"""Scores by hand. Against scikit-image and others: golden/test_metrics.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.metrics import pairs

ssim = jax.jit(pairs.ssim)


def masks(*rows):
    """Masks of one row each, as pictures in [-1, 1]."""
    return 2 * jnp.asarray(rows, jnp.float32)[:, None, :, None] - 1


def noise(seed, *, size=(2, 16, 14, 3)):
    return np.random.default_rng(seed).uniform(-1, 1, size).astype(np.float32)


class TestIoU:
    def test_by_hand(self):
        found = masks([1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0])
        truth = masks([0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0])
        np.testing.assert_allclose(jax.jit(pairs.iou)(found, truth), [1 / 3, 1, 1, 0])

    def test_soft_edges_count_from_one_half(self):
        found = masks([0.49, 0.51, 1.0])
        np.testing.assert_allclose(pairs.iou(found, masks([1, 1, 1])), [2 / 3])


def test_l1_is_a_mean_for_each_picture():
    x = jnp.zeros((2, 2, 2, 3)).at[1, 0, 0].set(1.0)
    np.testing.assert_allclose(jax.jit(pairs.l1)(x, jnp.zeros_like(x)), [0, 3 / 12])
    np.testing.assert_allclose(pairs.l1(jnp.ones_like(x), -jnp.ones_like(x)), [2, 2])


def test_l1_inside_and_outside_of_what_changes():
    before = jnp.zeros((1, 2, 2, 3))
    truth = before.at[0, 0, :, 0].set(0.5)  # the upper row changes, in one colour
    made = before.at[0, 0, 0, 0].set(0.5).at[0, 1, 0].set(0.3)  # half of it found, one pixel leaks
    np.testing.assert_allclose(pairs.l1_changed(made, truth, before), [0.5 / 3 / 2], rtol=1e-6)
    np.testing.assert_allclose(pairs.l1_kept(made, truth, before), [0.3 / 2], rtol=1e-6)
    np.testing.assert_allclose(pairs.l1_kept(before, truth, before), [0])
    np.testing.assert_allclose(pairs.l1_changed(made, before, before), [0])  # nothing to change


def test_psnr_in_decibels():
    x = jnp.zeros((2, 4, 4, 3))
    y = jnp.stack([x[0] + 0.2, x[1]])
    got = jax.jit(pairs.psnr)(x, y)
    assert float(got[0]) == pytest.approx(20, abs=1e-4)  # 10 log10(2^2 / 0.2^2)
    assert float(got[1]) == np.inf


class TestSSIM:
    def test_equal_pictures(self):
        np.testing.assert_allclose(ssim(noise(0), noise(0)), 1, atol=1e-6)

    def test_flat_pictures_by_hand(self):
        """Without variances the brightness is left: (2 a b + c) / (a^2 + b^2 + c), from black."""
        x, y = (jnp.full((2, 16, 14, 3), level) for level in (0.0, -0.5))
        a, b, c = 1.0, 0.5, (0.01 * 2) ** 2
        wanted = (2 * a * b + c) / (a * a + b * b + c)
        assert float(ssim(x, y)[0]) == pytest.approx(wanted, rel=1e-5)

    def test_one_window_by_hand(self):
        """A picture of the window's size has one window: weighted means and (co)variances."""
        x, y = noise(0, size=(1, 11, 11, 1)), noise(1, size=(1, 11, 11, 1))
        tap = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
        weights = np.outer(tap, tap) / tap.sum() ** 2
        a, b = (np.asarray(z[0, ..., 0], np.float64) + 1 for z in (x, y))
        mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
        var_a = (weights * (a - mean_a) ** 2).sum()
        var_b = (weights * (b - mean_b) ** 2).sum()
        both = (weights * (a - mean_a) * (b - mean_b)).sum()
        c1, c2 = 0.02**2, 0.06**2
        wanted = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        wanted *= (2 * both + c2) / (var_a + var_b + c2)
        assert float(ssim(x, y)[0]) == pytest.approx(wanted, abs=1e-5)

    def test_pictures_and_channels_are_apart(self):
        x, y = noise(0), noise(1)
        got = ssim(x, y)
        channels = [ssim(x[..., c : c + 1], y[..., c : c + 1]) for c in range(3)]
        np.testing.assert_allclose(got, np.mean(channels, 0), atol=1e-6)
        np.testing.assert_allclose(got[1:], ssim(x[1:], y[1:]), atol=1e-6)
        np.testing.assert_allclose(got, ssim(y, x), atol=1e-6)

    def test_small_pictures_are_refused(self):
        small = jnp.zeros((1, 10, 16, 3))
        with pytest.raises(ValueError, match="windows of 11 pixels, got pictures of 10 x 16"):
            pairs.ssim(small, small)


def test_scores_are_computed_in_float32():
    x, y = (jnp.asarray(noise(i), jnp.bfloat16) for i in (0, 1))
    for name in ("l1", "psnr", "ssim"):
        got = jax.eval_shape(pairs.PAIRWISE[name], x, y)
        assert got.dtype == jnp.float32 and got.shape == (2,)
