"""Saving and restoring a small state: every bit, in time, and what is said when it fails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax import checkpoint, sharding
from tryon_jax.system import State


def small_state(step):
    return State(
        step=jnp.int32(step),
        key=jax.random.key(step),
        params={"gen": {"kernel": jnp.full((3, 4), jnp.float32(step)), "bias": jnp.arange(4.0)}},
        variables={"pool": {"pool_a": {"count": jnp.int32(step)}}},
        opt={"gen": (jnp.zeros(2), {"mu": jnp.ones((2, 2)) / 3})},
        ema={"gen": {"kernel": jnp.full((3, 4), 0.5)}},
        frozen={"vgg": {"kernel": jnp.ones(5)}},
    )


def template():
    return sharding.whole_template(
        jax.eval_shape(lambda: small_state(0)), mesh=sharding.data_mesh()
    )


def same(x, y):
    x, y = (s._replace(key=jax.random.key_data(s.key)) for s in (x, y))
    return all(
        np.array_equal(a, b) for a, b in zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    )


@pytest.mark.parametrize("asynchronous", [True, False])
def test_what_was_saved_comes_back_though_the_state_was_donated(tmp_path, asynchronous):
    forget = jax.jit(lambda p: jax.tree.map(lambda x: x * 0 - 1, p), donate_argnums=0)
    options = {"latest": 2, "every": 100, "asynchronous": asynchronous}
    with checkpoint.Checkpointer(tmp_path, **options) as checkpoints:
        state = jax.jit(small_state)(jnp.int32(7))
        checkpoints.save(state, memory={"values": {"loss": [0.1, 1e-30]}})
        jax.block_until_ready(forget(state.params))
        checkpoints.wait()
        restored, memory = checkpoints.restore(template(), step=7)
    assert same(restored, small_state(7))
    assert memory == {"values": {"loss": [0.1, 1e-30]}}
    np.testing.assert_array_equal(restored.frozen["vgg"]["kernel"], np.ones(5))


def test_the_newest_and_every_nth_are_kept(tmp_path):
    with checkpoint.Checkpointer(tmp_path, latest=2, every=3) as checkpoints:
        for step in range(1, 9):
            checkpoints.save(small_state(step), memory={})
        checkpoints.wait()
        assert checkpoints.steps() == [3, 6, 7, 8]
    assert checkpoint.saved_steps(tmp_path)[1] == [3, 6, 7, 8]


def test_inference_reads_no_optimiser(tmp_path):
    with checkpoint.Checkpointer(tmp_path, latest=1, every=1) as checkpoints:
        checkpoints.save(small_state(5), memory={})
    folder, _ = checkpoint.saved_steps(tmp_path)
    found = checkpoint.restore_sampled(folder / "5", template())
    assert found.opt == {}
    np.testing.assert_array_equal(found.params["gen"]["kernel"], np.full((3, 4), 5.0))
    np.testing.assert_array_equal(found.ema["gen"]["kernel"], np.full((3, 4), 0.5))


def test_a_folder_without_checkpoints_has_none(tmp_path):
    assert checkpoint.saved_steps(tmp_path / "nowhere")[1] == []


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    def full(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED: Error writing: No space left on device")

    with checkpoint.Checkpointer(tmp_path, latest=1, every=1) as checkpoints:
        monkeypatch.setattr(checkpoint.ocp.CheckpointManager, "save", full)
        with pytest.raises(checkpoint.CheckpointError, match=r"free some space.*to resume from"):
            checkpoints.save(small_state(1), memory={})


def test_small_states_are_copied_and_large_ones_not():
    assert checkpoint.can_copy(template())
    large = {"gen": {"kernel": jax.ShapeDtypeStruct((2**30, 2), jnp.float32)}}
    assert not checkpoint.can_copy(template()._replace(params=large))
