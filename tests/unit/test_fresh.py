"""States that are drawn without compilation: the numbers of `jit`, in memory of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.fresh import drawn
from tryon_jax.layers.init import bias_init, kernel_init

BATCH = {"x": jax.ShapeDtypeStruct((2, 3), jnp.float32)}


def init(key, batch):
    """Draws, what is computed from one, a copy, one value twice, and work that nobody needs."""
    kernel = kernel_init("pytorch")(jax.random.fold_in(key, 1), (3, 4))
    bias = bias_init("pytorch", fan_in=3)(jax.random.fold_in(key, 2), (4,))
    _ = jnp.linalg.eigh(batch["x"].T @ batch["x"])
    zeros = jnp.zeros(batch["x"].shape)
    return {
        "kernel": kernel,
        "unit": kernel / jnp.linalg.norm(kernel),
        "copy": jnp.copy(kernel),
        "bias": bias,
        "zeros": (zeros, zeros),
        "key": key,
    }


def test_they_are_those_of_jit():
    key = jax.random.key(3)
    made = drawn(init, key, batch=BATCH)
    wanted = jax.jit(init)(key, {"x": jnp.ones((2, 3))})
    assert jax.tree.structure(made) == jax.tree.structure(wanted)
    for state in (made, wanted):
        state["key"] = jax.random.key_data(state["key"])
    jax.tree.map(np.testing.assert_array_equal, made, wanted)


def test_nothing_is_shared_and_no_key_gives_the_same():
    made = drawn(init, jax.random.key(3), batch=BATCH)
    again = drawn(init, jax.random.key(4), batch=BATCH)
    assert np.abs(made["kernel"] - again["kernel"]).min() > 0
    places = [x.unsafe_buffer_pointer() for x in jax.tree.leaves(made) if x.dtype == jnp.float32]
    assert len(set(places)) == len(places) == 6


def test_initial_values_must_not_see_the_batch():
    with pytest.raises(ValueError, match="on its key and on the shapes of the batch alone"):
        drawn(lambda key, batch: {"x": 2 * batch["x"]}, jax.random.key(0), batch=BATCH)
