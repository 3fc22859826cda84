"""bfloat16 compute: how far losses and pictures move, and that nothing else changes its type."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.smoke.runs import smoke
from tryon_jax.setup import make_system

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def steps():
    """One step of CycleGAN from the same state on the same pictures, in both precisions."""
    rng = np.random.default_rng(0)
    batch = {k: rng.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32) for k in ("real_a", "real_b")}
    made = {}
    for precision in ("float32", "bfloat16"):
        system = make_system(smoke("cyclegan", precision=precision))
        state = jax.jit(system.init)(jax.random.key(0), batch)
        pictures = jax.jit(system.sample)(state, batch)
        made[precision] = (*jax.jit(system.train_step)(state, batch), pictures)
    return made


def test_losses_move_by_less_than_a_percent(steps):
    (_, want, _), (_, got, _) = steps["float32"], steps["bfloat16"]
    for name in want:
        if name.startswith(("gen_", "disc_")):
            gap = abs(float(got[name] - want[name]))
            assert gap < 1e-2 * max(abs(float(want[name])), 0.1), name


def test_pictures_move_by_a_few_levels_of_256(steps):
    (_, _, want), (_, _, got) = steps["float32"], steps["bfloat16"]
    gap = np.abs(np.asarray(got["fake_b"]) - np.asarray(want["fake_b"])) * 127.5
    assert 0 < gap.mean() < 2
    assert got["fake_b"].dtype == jnp.float32


def test_parameters_moments_and_losses_stay_float32(steps):
    state, metrics, _ = steps["bfloat16"]
    floats = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
    assert {x.dtype for x in [*floats, *metrics.values()]} == {jnp.dtype("float32")}
