"""Heatmaps by hand: where bumps are drawn, what a loss is, and what is read again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax import landmark_maps as maps

SIZE = (24, 16)  # height, width
PLACES = jnp.array([[[5.3, 9.8], [10.0, 4.0], [40.0, 4.0]]])
ONES = jnp.ones((1, 3))


def test_an_unbiased_bump_is_centred_where_the_landmark_is():
    made, weight = maps.targets(PLACES, ONES, size=SIZE, sigma=2.0)
    assert made.shape == (1, 24, 16, 3)
    assert float(made[0, 10, 5, 0]) == pytest.approx(np.exp(-(0.3**2 + 0.2**2) / 8), rel=1e-5)
    assert float(made[0, 4, 10, 1]) == 1
    np.testing.assert_array_equal(weight, [[1, 1, 0]])  # the third window misses the map


def test_a_landmark_far_outside_draws_nothing():
    made, _ = maps.targets(PLACES, ONES, size=SIZE, sigma=2.0)
    assert float(made[..., 2].max()) == 0


def test_quantised_bumps_stand_on_pixels_and_end():
    made, _ = maps.targets(PLACES, ONES, size=SIZE, sigma=1.0, kind="quantised")
    first = np.asarray(made[0, :, :, 0])
    assert first[10, 5] == 1 and (first > 0).sum() == 49  # 6 sigma + 1 on each side
    floored, _ = maps.targets(PLACES, ONES, size=SIZE, sigma=1.0, kind="floored")
    assert float(floored[0, 9, 5, 0]) == 1


def test_what_is_not_labelled_draws_nothing_and_costs_nothing():
    weight = jnp.array([[1.0, 0.0, 1.0]])
    target, weight = maps.targets(PLACES, weight, size=SIZE, sigma=2.0)
    assert float(target[..., 1].max()) == 0
    wrong = target.at[..., 1].add(100.0)
    assert float(maps.squared_error(wrong, target, weight=weight)) == 0
    assert float(maps.hardest_error(wrong, target, weight=weight)) == 0


def test_losses_by_hand():
    """Two landmarks, half the mean square of 1 and of 3: 0.5 and 4.5."""
    target = jnp.zeros((1, 4, 4, 2))
    made = target.at[..., 0].set(1.0).at[..., 1].set(3.0)
    assert float(maps.squared_error(made, target, weight=None)) == pytest.approx(2.5)
    weight = jnp.array([[1.0, 0.5]])  # the weight is squared, as in HRNet's code
    assert float(maps.squared_error(made, target, weight=weight)) == pytest.approx(0.8125)
    assert float(maps.hardest_error(made, target, weight=None, count=1)) == pytest.approx(4.5)


@pytest.mark.parametrize(("how", "within"), [("argmax", 0.71), ("quarter", 0.36), ("dark", 1e-2)])
def test_decoding_finds_the_place(how, within):
    rng = np.random.default_rng(0)
    places = jnp.asarray(rng.uniform(6, 10, (4, 5, 2)), jnp.float32)
    made, _ = maps.targets(places, jnp.ones((4, 5)), size=SIZE, sigma=2.0)
    found, score = jax.jit(maps.decode, static_argnames="how")(made, how=how)
    assert float(jnp.abs(jnp.linalg.norm(found - places, axis=-1)).max()) < within
    assert float(score.min()) > 0.8


def test_the_soft_maximum_is_near_and_has_gradients():
    place = jnp.array([[[7.3, 12.6]]])

    def miss(place):
        made, _ = maps.targets(place, jnp.ones((1, 1)), size=SIZE, sigma=2.0)
        return maps.soft_argmax(made)

    assert float(jnp.abs(jax.jit(miss)(place) - place).max()) < 0.1
    slope = jax.jit(jax.jacobian(miss))(place).reshape(2, 2)
    np.testing.assert_allclose(slope, np.eye(2), atol=0.5)  # the soft bump is 0.4 pixels wide


def test_a_flat_map_is_found_at_zero():
    decode = jax.jit(maps.decode, static_argnames="how")
    for how in ("argmax", "quarter", "dark"):
        found, score = decode(jnp.zeros((1, 8, 8, 2)), how=how)
        np.testing.assert_array_equal(found, np.zeros((1, 2, 2)))
        np.testing.assert_array_equal(score, np.zeros((1, 2)))


def test_the_mean_with_the_mirrored_picture_s_maps():
    """A bump at 3 of 8 columns lies at 4 in the mirror; HRNet's column back makes it 4 again."""
    made = jnp.zeros((1, 1, 8, 2)).at[0, 0, 3, 0].set(1.0)
    mirrored = jnp.zeros((1, 1, 8, 2)).at[0, 0, 4, 1].set(1.0)
    mean = maps.flip_averaged(made, mirrored, order=(1, 0), shift=1)
    np.testing.assert_array_equal(mean[0, 0, :, 0], [0, 0, 0, 0.5, 0.5, 0, 0, 0])
    mean = maps.flip_averaged(made, mirrored, order=(1, 0), shift=0)
    np.testing.assert_array_equal(mean[0, 0, :, 0], [0, 0, 0, 1, 0, 0, 0, 0])
    assert float(mean[..., 1].max()) == 0


def test_unknown_kinds_are_named():
    with pytest.raises(ValueError, match="unbiased, quantised, floored; got 'round'"):
        maps.targets(PLACES, ONES, size=SIZE, sigma=2.0, kind="round")
    with pytest.raises(ValueError, match="dark, quarter, argmax, soft; got 'max'"):
        maps.decode(jnp.zeros((1, 8, 8, 2)), how="max")
    with pytest.raises(ValueError, match=r"one shape, got \(1, 8, 8, 2\) and \(1, 8, 8, 1\)"):
        maps.squared_error(jnp.zeros((1, 8, 8, 2)), jnp.zeros((1, 8, 8, 1)), weight=None)
