import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from configs import base
from tryon_jax import optim


def fields(**changes):
    config = base.get_config().optim
    config.update(changes)
    return config


def numpy_adam(params, gradients, *, rates, decay, b1=0.5, b2=0.999, eps=1e-8):
    """PyTorch's Adam with `weight_decay`: L2 enters the moments, eps stands outside the root."""
    m, v = np.zeros_like(params), np.zeros_like(params)
    for t, (rate, gradient) in enumerate(zip(rates, gradients, strict=True), 1):
        gradient = gradient + decay * params
        m = b1 * m + (1 - b1) * gradient
        v = b2 * v + (1 - b2) * gradient**2
        step = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        params = params - rate * step
        yield params


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_equals_its_formula(decay):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4))
    gradients = rng.normal(size=(5, 3, 4)) * 10.0 ** rng.integers(-6, 2, (5, 3, 4))
    config = fields(lr=0.02, weight_decay=decay, policy="linear", hold=0.4)
    optimizer = optim.adam(config, steps=5)
    params = {"net": {"kernel": jnp.asarray(start, jnp.float32)}}
    state, update = optimizer.init(params), jax.jit(optimizer.update)
    rates = 0.02 * np.array([1, 1, 2 / 3, 1 / 3, 0])  # two moves at full rate, then down by thirds
    wanted = numpy_adam(start, gradients, rates=rates, decay=decay)
    for step, (gradient, want) in enumerate(zip(gradients, wanted, strict=True)):
        assert float(optimizer.lr(step)) == pytest.approx(rates[step], rel=1e-6, abs=1e-9)
        updates, state = update({"net": {"kernel": jnp.float32(gradient)}}, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params["net"]["kernel"], want, rtol=2e-5, atol=2e-7)


def ugatit_rates(steps, lr):
    """The authors' loop: after the middle each step begins by lowering lr / (steps // 2)."""
    rate, rates = lr, []
    for step in range(1, steps + 1):
        if step > steps // 2:
            rate -= lr / (steps // 2)
        rates.append(rate)
    return rates


@pytest.mark.parametrize("steps", [4, 10])
def test_linear_is_the_rule_of_ugatit(steps):
    lr = optim.schedule(fields(lr=1e-4, policy="linear", hold=0.5), steps=steps)
    got = jax.jit(jax.vmap(lr))(jnp.arange(steps))
    np.testing.assert_allclose(got, ugatit_rates(steps, 1e-4), rtol=1e-5, atol=1e-11)
    assert got[-1] == 0
    assert lr(jnp.int32(steps)) == 0  # a step too many does not climb down the hill


def test_linear_from_the_start_and_never():
    falling = optim.schedule(fields(lr=1.0, policy="linear", hold=0.0), steps=4)
    np.testing.assert_allclose([falling(s) for s in range(4)], [0.75, 0.5, 0.25, 0])
    held = optim.schedule(fields(lr=1.0, policy="linear", hold=1.0), steps=4)
    np.testing.assert_allclose([held(s) for s in range(4)], [1, 1, 1, 1])


def test_linear_of_an_odd_run_still_ends_at_zero():
    lr = optim.schedule(fields(lr=1.0, policy="linear", hold=0.5), steps=5)
    np.testing.assert_allclose([lr(s) for s in range(5)], [1, 1, 2 / 3, 1 / 3, 0], atol=1e-7)


def test_constant():
    lr = optim.schedule(fields(lr=3e-4, policy="constant"), steps=10)
    assert float(lr(0)) == float(lr(10**6)) == np.float32(3e-4)


@pytest.mark.parametrize(
    ("policy", "factors"),
    [
        ("linear_epoch", [1, 1, 2 / 3, 1 / 3]),
        ("step", [1, 1, 1, 1]),
        ("cosine", [1, 0.5, 0, 0.5]),  # CycleGAN's own: down over the first half, then up again
        ("plateau", [1, 1, 1, 1]),
    ],
)
def test_policies_in_epochs_change_at_the_end_of_an_epoch(policy, factors):
    lr = optim.schedule(fields(lr=2e-4, policy=policy, hold=0.5, epochs=4), steps=12)
    got = jax.jit(jax.vmap(lr))(jnp.arange(12))
    np.testing.assert_allclose(got, np.repeat(2e-4 * np.array(factors), 3), rtol=1e-6, atol=1e-11)


def test_step_and_plateau_far_into_a_run():
    got = [optim.epoch_factor("step", past, constant=1, decay=1) for past in (49, 50, 99, 100)]
    np.testing.assert_allclose(got, [1, 0.1, 0.1, 0.01])
    got = [optim.epoch_factor("plateau", past, constant=1, decay=1) for past in (6, 7, 12, 13)]
    np.testing.assert_allclose(got, [1, 0.2, 0.2, 0.04])


def test_fewer_steps_than_epochs():
    lr = optim.schedule(fields(lr=1.0, policy="linear_epoch", hold=0.5, epochs=200), steps=4)
    assert [float(lr(s)) for s in range(4)] == [1, 1, 1, 1]


def test_unknown_policies_are_named():
    with pytest.raises(ValueError, match=r"linear, constant, .*linear_epoch.*got 'exponential'"):
        optim.schedule(fields(policy="exponential"), steps=4)


def test_cosine_needs_epochs_to_fall_over():
    with pytest.raises(ValueError, match=r"optim.hold \* optim.epochs.*got hold=0.0, epochs=200"):
        optim.schedule(fields(policy="cosine", hold=0.0), steps=400)


class TestKeepWithin:
    def moved(self, values, changes, bounds):
        params = {"net": {"rho": jnp.float32(values), "gamma": jnp.float32(values)}}
        updates = {"net": {"rho": jnp.float32(changes), "gamma": jnp.float32(changes)}}
        keep = optim.keep_within(bounds)
        updates, _ = jax.jit(keep.update)(updates, keep.init(params), params)
        return optax.apply_updates(params, updates)["net"]

    def test_stops_exactly_at_the_bounds(self):
        values = np.random.default_rng(0).uniform(0, 1, 20_000).astype(np.float32)
        for change, bound in ((1e6, 1.0), (1.5, 1.0), (-1e6, 0.0), (-1.5, 0.0)):
            moved = self.moved(values, np.full_like(values, change), {"rho": (0.0, 1.0)})
            np.testing.assert_array_equal(moved["rho"], np.full_like(values, bound))

    def test_leaves_moves_inside_and_other_names_alone(self):
        moved = self.moved([0.25, 0.5], [0.25, -0.25], {"rho": (0.0, 1.0)})
        np.testing.assert_allclose(moved["rho"], [0.5, 0.25])
        moved = self.moved([0.25, 0.5], [7.0, -7.0], {"rho": (0.0, 1.0)})
        np.testing.assert_allclose(moved["gamma"], [7.25, -6.5])

    def test_of_several_ends_of_a_path_the_longest_counts(self):
        bounds = {"rho": (0.0, 1.0), "net/rho": (0.0, 0.9), "other/rho": (0.0, 0.1)}
        np.testing.assert_allclose(self.moved([0.5], [7.0], bounds)["rho"], [0.9])

    def test_inside_adam_under_large_gradients(self):
        optimizer = optim.adam(
            fields(lr=10.0, policy="constant"), steps=4, bounds={"rho": (0.0, 1.0)}
        )
        params = {"net": {"rho": jnp.array([0.3, 0.3, 0.3]), "kernel": jnp.array([0.3])}}
        gradients = {"net": {"rho": jnp.array([1e9, -1e9, 0.0]), "kernel": jnp.array([1e9])}}
        updates, _ = jax.jit(optimizer.update)(gradients, optimizer.init(params), params)
        moved = optax.apply_updates(params, updates)["net"]
        np.testing.assert_array_equal(moved["rho"], np.float32([0, 1, 0.3]))
        np.testing.assert_allclose(moved["kernel"], [-9.7], rtol=1e-5)


def test_the_fields_may_come_from_a_locked_config():
    config = ConfigDict({"optim": fields()}).lock()
    assert float(optim.adam(config.optim, steps=10).lr(0)) == np.float32(1e-4)


def test_the_rate_drops_to_a_tenth_after_each_share():
    lr = optim.schedule(fields(lr=1.0, policy="drops", drops=(0.5, 0.8)), steps=10)
    rates = [float(lr(jnp.int32(step))) for step in range(10)]
    np.testing.assert_allclose(rates, [1] * 5 + [0.1] * 3 + [0.01] * 2, rtol=1e-6)
