"""InstaGAN's turns in batches of any size, and what stays as it was. Numbers: golden tests."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import designgan as config_file
from tests.unit import stick_figures
from tryon_jax.networks.instagan import SetGenerator, instances, merged, present
from tryon_jax.systems import designgan
from tryon_jax.systems import designgan_instagan as turns_of


def batch_of(*counts, size=(64, 32), places=4):
    """Figures whose items have so many of their garments as masks, in both domains."""
    batch = stick_figures.batch(0, count=len(counts), size=size)
    for d in ("a", "b"):
        masks = np.full((len(counts), *size, places), -1, np.float32)
        for i, count in enumerate(counts):
            for k in range(count):
                masks[i, 10 * k + 8 : 10 * k + 16, 8:20, k] = 1
        batch[f"mask_{d}"] = masks
    return batch


def config_of(**fields):
    config = config_file.get_config("instagan_smoke").copy_and_resolve_references().unlock()
    config.data.category_a, config.data.category_b = stick_figures.TROUSERS, stick_figures.SKIRT
    config.model.update(fields)
    return config


def test_what_counts_as_an_instance():
    masks = jnp.asarray(batch_of(2, 0, 3)["mask_a"])
    assert present(masks).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]]
    assert instances(masks).tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]]
    whole = merged(masks)
    assert whole.shape == (3, 64, 32, 1)
    assert float(whole[0].sum()) == -64 * 32 + 2 * 2 * 8 * 12


def test_items_of_a_batch_do_not_see_each_other():
    """One with two masks beside one with none, or each alone: the same."""
    net = SetGenerator(channels=2, blocks=1)
    batch = batch_of(2, 0, places=2)
    picture, masks = jnp.asarray(batch["real_a"]), jnp.asarray(batch["mask_a"])
    variables = jax.jit(net.init)(jax.random.key(0, impl="unsafe_rbg"), picture, masks)
    run = jax.jit(net.apply)
    both = run(variables, picture, masks)
    alone = [run(variables, picture[i : i + 1], masks[i : i + 1]) for i in range(2)]
    for k, name in enumerate(("picture", "mask")):
        want = np.concatenate([x[k] for x in alone])
        np.testing.assert_allclose(getattr(both, name), want, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(both.mask[1, ..., 1], -1)  # passed through


def test_turns_take_masks_in_order_and_leave_others_alone():
    batch = batch_of(3, 1)
    turn = turns_of.first_turn(batch, per_turn=2)
    assert turn["valid_a"].tolist() == [1, 1]
    np.testing.assert_array_equal(turn["masks_a"], batch["mask_a"][..., :2])
    made = {}
    for d in ("a", "b"):
        made |= {f"fake_{d}": jnp.full((2, 64, 32, 3), 0.5)}
        made[f"all_masks_{d}"] = jnp.full((2, 64, 32, 4), 0.25)
    second = turns_of.next_turn(turn, made, number=1, per_turn=2)
    assert second["valid_a"].tolist() == [1, 0]
    np.testing.assert_array_equal(second["masks_a"], batch["mask_a"][..., 2:])
    assert float(second["input_a"].min()) == 0.5 and float(second["done_b"].min()) == 0.25
    found = turns_of.so_far(second, made | {"fake_b": jnp.zeros((2, 64, 32, 3))}, "ab")
    assert float(found.picture[0].max()) == 0 and float(found.picture[1].min()) == 0.5


def test_players_whom_nobody_needs_stay_as_they_were():
    config = config_of()
    play = turns_of.turns(config)[0]
    shapes = jax.eval_shape(play.game.init, jax.random.key(0), batch_of(1))
    shapes = shapes._replace(key=jnp.zeros(()))
    old, new = (jax.tree.map(lambda x, v=v: jnp.full(x.shape, v), shapes) for v in (0, 1))
    needed = {"gen": jnp.array(True), "disc_a": jnp.array(False), "disc_b": jnp.array(True)}
    after = turns_of.kept(old, new, needed=needed)

    def values(tree):
        return {float(x.max()) for x in jax.tree.leaves(tree)}

    assert values(after.params["disc_a"]) == values(after.opt["disc_a"]) == {0}
    assert values(after.variables["pool"]["pool_a"]) == {0}
    assert values(after.variables["spectral"]["disc_a"]) == {0}
    for kept in (after.params["gen_ab"], after.opt["disc_b"], after.variables["pool"]["pool_b"]):
        assert values(kept) == {1}


def test_wrong_numbers_of_instances_are_refused():
    config = config_of(per_turn=3)
    with pytest.raises(
        ValueError, match=r"data.instances=4 must be a multiple of model.per_turn=3"
    ):
        designgan.make(config)
    config = config_of()
    config.accumulate = 2
    with pytest.raises(ValueError, match="accumulate=2: InstaGAN's turns take whole batches"):
        designgan.make(config)


@pytest.mark.slow
def test_a_step_of_a_mixed_batch():
    """Finite numbers, and the second turn of a batch without second masks changes nothing."""
    config = config_of(pool=0)
    config.ema.decay = 0.0
    game = designgan.make(config)
    few = batch_of(2, 1)
    state = jax.jit(game.init)(jax.random.key(0), few)
    step = jax.jit(game.train_step)
    after, metrics = step(state, few)
    assert all(np.isfinite(float(x)) for x in metrics.values())
    assert int(after.step) == 1
    first = turns_of.turns(config)[0]
    alone, *_ = jax.jit(first)(state, turns_of.first_turn(few, per_turn=2))
    for x, y in zip(jax.tree.leaves(after.params), jax.tree.leaves(alone.params), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-6)
    _, metrics = step(state, batch_of(4, 1))
    assert float(metrics["instances_a"]) == pytest.approx((1 + 0.5) / 2)
