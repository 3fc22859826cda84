"""photo2cartoon as a system: with and without the face-ID loss. Traced, not compiled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import photo2cartoon as config_file
from tryon_jax import setup, weights
from tryon_jax.optim import adam
from tryon_jax.systems import photo2cartoon


def smoke(**gen):
    config = config_file.get_config("smoke").unlock()
    config.weights.gen.update(gen)
    return config


def batch():
    picture = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    return {"real_a": picture, "real_b": picture}


def test_weight_zero_builds_no_network_of_faces():
    game = photo2cartoon.make(smoke(faceid=0.0))
    state = jax.eval_shape(game.init, jax.random.key(0), batch())
    assert state.frozen == {} and "batch_stats" not in state.variables


@pytest.mark.slow
def test_faces_are_judged_by_a_frozen_network():
    game = photo2cartoon.make(smoke(faceid=1.0))
    state = jax.eval_shape(game.init, jax.random.key(0), batch())
    assert set(state.frozen) == {"face"} and set(state.variables["batch_stats"]) == {"face"}
    assert "face" not in state.ema and set(game.readers) == {"face"}
    after, metrics = jax.eval_shape(game.train_step, state, batch())
    assert after == state
    assert {"gen_faceid", "gen_faceid_a", "gen_faceid_b"} <= set(metrics)


@pytest.mark.slow
def test_without_its_file_the_run_says_where_it_is_and_how_to_do_without():
    run = setup.set_up(smoke(faceid=1.0))
    with pytest.raises(setup.UsageError) as error:
        weights.frozen(run, workdir=None)
    for part in ("frozen.face is not set", "model_mobilefacenet.pth", "weights.gen.faceid=0"):
        assert part in str(error.value)


@pytest.mark.parametrize(("variant", "multiple"), [("light", 16), ("full", 0), ("smoke", 4)])
def test_inference_knows_which_sides_fit(variant, multiple):
    assert photo2cartoon.make(config_file.get_config(variant)).multiple == multiple


def test_shares_of_content_stay_between_style_and_content():
    """The projections that `make` asks for, on one move that would leave the interval."""
    bounds = {name: (0.0, 1.0) for name in ("rho", "w_gamma", "w_beta")}
    config = config_file.get_config()
    config.optim.lr = 0.5
    optimizer = adam(config.optim, steps=10, bounds=bounds)
    norm = {"norm": {"rho": jnp.array([0.9, 0.2])}, "w_gamma": jnp.zeros(2), "w_beta": jnp.ones(2)}
    grads = jax.tree.map(lambda x: jnp.array([-1.0, 1.0]), norm)
    updates, _ = optimizer.update(grads, optimizer.init(norm), norm)
    moved = jax.tree.map(lambda x, change: np.asarray(x + change), norm, updates)
    np.testing.assert_allclose(moved["norm"]["rho"], [1, 0], atol=1e-5)
    np.testing.assert_allclose(moved["w_gamma"], [0.5, 0], atol=1e-5)
    np.testing.assert_allclose(moved["w_beta"], [1, 0.5], atol=1e-5)
