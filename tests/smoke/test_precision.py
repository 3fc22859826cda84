"""bfloat16 compute: how far losses and pictures move, and that nothing else changes its type."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.smoke.runs import smoke
from tryon_jax.setup import make_system, pipeline

pytestmark = pytest.mark.slow


GAMES = {  # a picture that each makes, and how far its losses may move
    ("cyclegan", ""): ("fake_b", 1e-2),
    ("cpvton", "gmm"): ("warped_cloth", 1e-2),
    ("cpvton", "tom"): ("try_on", 1e-2),
}


@pytest.fixture(scope="module", params=GAMES, ids="-".join)
def steps(request):
    """Game and one step of it from the same state on the same pictures, in both precisions."""
    name, stage = request.param
    made = {}
    for precision in ("float32", "bfloat16"):
        config = smoke(name, stage=stage, precision=precision)
        system = make_system(config)
        batch = pipeline(config).fixed("train", 2)
        state = jax.jit(system.init)(jax.random.key(0), batch)
        pictures = jax.jit(system.sample)(state, batch)
        made[precision] = (*jax.jit(system.train_step)(state, batch), pictures)
    return request.param, made


def test_losses_move_by_less_than_a_percent(steps):
    game, made = steps
    (_, want, _), (_, got, _) = made["float32"], made["bfloat16"]
    for name in want:
        assert np.isfinite(got[name]), name
        if name.startswith(("gen_", "disc_", "gmm_", "tom_")):
            gap = abs(float(got[name] - want[name]))
            assert gap < GAMES[game][1] * max(abs(float(want[name])), 0.1), name


def test_pictures_move_by_a_few_levels_of_256(steps):
    game, made = steps
    (_, _, want), (_, _, got) = made["float32"], made["bfloat16"]
    picture = GAMES[game][0]
    gap = np.abs(np.asarray(got[picture]) - np.asarray(want[picture])) * 127.5
    assert 0 < gap.mean() < 2
    assert got[picture].dtype == jnp.float32


def test_parameters_moments_and_losses_stay_float32(steps):
    state, metrics, _ = steps[1]["bfloat16"]
    floats = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
    assert {x.dtype for x in [*floats, *metrics.values()]} == {jnp.dtype("float32")}
