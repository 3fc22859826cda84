"""Numbers of a game that nobody lowers: `Game.measures`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.unit.test_system import Toy, build, pictures


class Measured(Toy):
    """A toy with a number that nobody lowers."""

    def measures(self, batch, made):
        return {"brightness": jnp.mean(made["fake_b"]), "size": jnp.float32(batch["real_a"].size)}


@pytest.mark.parametrize("accumulate", [1, 2])
def test_measures_are_curves_that_move_nothing(accumulate):
    batch = pictures()
    plain, game = build(Toy(), accumulate=accumulate), build(Measured(), accumulate=accumulate)
    state = plain.init(jax.random.key(0), batch)
    wanted, numbers = jax.jit(plain.train_step)(state, batch)
    after, metrics = jax.jit(game.train_step)(state, batch)
    assert set(metrics) == {*numbers, "brightness", "size"}
    made = Toy().apply({"params": state.params}, batch, method="forward")["fake_b"]
    np.testing.assert_allclose(metrics["brightness"], jnp.mean(made), rtol=1e-5)
    for x, y in zip(jax.tree.leaves(after.params), jax.tree.leaves(wanted.params), strict=True):
        np.testing.assert_array_equal(x, y)
