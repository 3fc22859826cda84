"""InstaGAN's sequential step against the authors' code: losses, pictures, norms, parameters.

The records are float64; ours are float32 here, met to the 2e-3 that the files propose for losses.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import designgan as config_file
from tests.golden.goldens import QUICK, drawn_weights, golden_files, nchw, nhwc, read
from tryon_jax import losses
from tryon_jax.networks.instagan import merged
from tryon_jax.port import instagan as port
from tryon_jax.systems import designgan_instagan as turns_of

CASES = [pytest.param(p, id=p.stem) for p in golden_files("designgan", "instagan_train_step*")]
LOSSES = {  # ours by theirs, and its weight's name
    "G_A": ("gen_adv_b", "adv"),
    "G_B": ("gen_adv_a", "adv"),
    "cyc_A": ("gen_cycle_a", "cycle"),
    "cyc_B": ("gen_cycle_b", "cycle"),
    "idt_A": ("gen_identity_b", "identity"),
    "idt_B": ("gen_identity_a", "identity"),
    "ctx_A": ("gen_context_ab", "context"),
    "ctx_B": ("gen_context_ba", "context"),
}


def generator_shapes(f, *, blocks=9):
    shapes = {}

    def layer(key, out, into, size, *, transposed=False):
        shapes[f"{key}.weight"] = (*((into, out) if transposed else (out, into)), size, size)
        shapes[f"{key}.bias"] = (out,)

    for key, channels in (("encoder_img", 3), ("encoder_seg", 1)):
        layer(f"{key}.1", f, channels, 7)
        layer(f"{key}.4", 2 * f, f, 3)
        layer(f"{key}.7", 4 * f, 2 * f, 3)
        for i in range(blocks):
            for index in (1, 5):
                layer(f"{key}.{10 + i}.conv_block.{index}", 4 * f, 4 * f, 3)
    for key, width, channels in (("decoder_img", 2, 3), ("decoder_seg", 3, 1)):
        layer(f"{key}.0", 2 * width * f, 4 * width * f, 3, transposed=True)
        layer(f"{key}.3", width * f, 2 * width * f, 3, transposed=True)
        layer(f"{key}.7", channels, width * f, 7)
    return shapes


def discriminator_shapes(f):
    widths = {"classifier.0": (8 * f, 16 * f), "classifier.3": (16 * f, 1)}
    for key, channels in (("feature_img", 3), ("feature_seg", 1)):
        widths |= {f"{key}.0": (channels, f), f"{key}.2": (f, 2 * f), f"{key}.5": (2 * f, 4 * f)}
    shapes = {}
    for key, (into, out) in widths.items():
        shapes[f"{key}.module.weight_bar"] = (out, into, 4, 4)
        shapes[f"{key}.module.bias"] = (out,)
        shapes[f"{key}.module.weight_u"] = (out,)
        shapes[f"{key}.module.weight_v"] = (16 * into,)
    return shapes


def weights_of(golden):
    """State dicts by the authors' names."""
    config, found = golden.meta["config"], {}
    for name in port.NETWORKS:
        shapes = (
            generator_shapes(config["ngf"])
            if name.startswith("G")
            else discriminator_shapes(config["ndf"])
        )
        found[name] = drawn_weights(
            {"config": config, "shapes": shapes}, seed=golden.meta["seeds"][name]
        )
        total = sum(w.sum(dtype=np.float64) for w in found[name].values())
        assert total == pytest.approx(golden.meta["weight_checks"][name]["sum"], abs=1e-2)
    return found


def converted(name, weights):
    return port.generator(weights) if name.startswith("G") else port.discriminator(weights)


def config_of(theirs):
    config = config_file.get_config("instagan").copy_and_resolve_references().unlock()
    config.steps = 10_000 * config.optim.epochs  # at full rate
    config.data.instances = theirs["ins_max"]
    config.optim.lr, config.optim.b1 = theirs["lr"], theirs["beta1"]
    model, weights = config.model, config.weights.gen
    model.channels, model.disc_channels = theirs["ngf"], theirs["ndf"]
    model.per_turn, model.pool = theirs["ins_per"], theirs["pool_size"]
    assert theirs["lambda_A"] == theirs["lambda_B"] and not theirs["no_lsgan"]
    weights.cycle = theirs["lambda_A"]
    weights.identity = theirs["lambda_A"] * theirs["lambda_idt"]
    weights.context = theirs["lambda_A"] * theirs["lambda_ctx"]
    return config


def started(config, golden, weights):
    """The turns, the state with the recorded weights, and the first turn's keys."""
    plays = turns_of.turns(config)
    batch = {f"real_{d}": nhwc(golden.arrays[d.upper()]) for d in "ab"}
    batch |= {f"mask_{d}": nhwc(golden.arrays[f"selected_{d.upper()}_segs"]) for d in "ab"}
    shapes = jax.eval_shape(plays[0].game.init, jax.random.key(0), batch)
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), (shapes.variables, shapes.opt, shapes.ema)
    )
    networks = {ours: converted(name, weights[name]) for name, ours in port.NETWORKS.items()}
    params = {ours: networks[ours]["params"] for ours in networks}
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, shapes.params)
    spectral = {ours: x["spectral"] for ours, x in networks.items() if "spectral" in x}
    state = shapes._replace(
        step=jnp.int32(0),
        key=jax.random.key(0),
        params=params,
        variables={**zeros[0], "spectral": spectral},
        opt=zeros[1],
        ema=zeros[2],
    )
    return plays, state, turns_of.first_turn(batch, per_turn=config.model.per_turn)


@pytest.mark.slow  # two turns to compile
@pytest.mark.parametrize("path", CASES)
def test_training(path):
    golden = read(path)
    config, weights = config_of(golden.meta["config"]), weights_of(golden)
    plays, state, turn = started(config, golden, weights)
    for k, (play, wanted) in enumerate(zip(plays, golden.meta["iterations"], strict=True)):
        now, before = state._replace(step=jnp.int32(k)), turn
        made = jax.jit(play.made, compiler_options=QUICK)(now, turn)
        state, metrics = jax.jit(play, compiler_options=QUICK)(now, turn)
        if k + 1 < len(plays):
            options = {"number": k + 1, "per_turn": config.model.per_turn}
            turn = turns_of.next_turn(turn, made, **options)
        active = {"A": wanted["forward_A"], "B": wanted["forward_B"]}
        assert {d: bool(before[f"valid_{d.lower()}"][0]) for d in "AB"} == active
        check_losses(config, metrics, wanted, active)
        check_pictures(golden, made, k, active)
    for key, want in golden.under("param_after|").items():
        name, parameter = key.split("|")
        found = stored(name, parameter, weights[name], want)
        network = port.NETWORKS[name]
        ours = state.variables if parameter.endswith("_u") else {"params": state.params}
        kind = "spectral" if parameter.endswith("_u") else "params"
        got = ours[kind][network]
        for step in found[0]:
            got = got[step]
        # the file holds parameters in float16
        np.testing.assert_allclose(got, found[1], atol=4e-5, rtol=2**-11, err_msg=key)


def check_losses(config, metrics, wanted, active):
    for theirs, (ours, weight) in LOSSES.items():
        got = config.weights.gen[weight] * float(metrics[ours])
        assert got == pytest.approx(wanted["losses"][theirs], rel=2e-3, abs=1e-6), theirs
    for side, ours in (("A", "b"), ("B", "a")):  # D_A judges pictures made of A
        if active[side]:
            got = float(metrics[f"disc_{ours}_adv"])
            assert got == pytest.approx(wanted["losses"][f"D_{side}"], rel=2e-3)
    for theirs, ours in port.NETWORKS.items():
        norm = wanted["grad_norm_total"][theirs]
        assert float(metrics[f"grad_norm_{ours}"]) == pytest.approx(norm, rel=1e-2), theirs


def check_pictures(golden, made, k, active):
    for side, one, other in (("A", "a", "b"), ("B", "b", "a")):
        if not active[side]:
            continue
        fake = np.concatenate([made[f"fake_{other}"], made[f"all_masks_{other}"]], -1)
        want = golden.arrays[f"fake_{other.upper()}_mul_{k}"]
        np.testing.assert_allclose(nchw(fake), want, atol=5e-4)
        if f"rec_{side}_sng_{k}" in golden.arrays:
            cycle = np.concatenate([made[f"cycle_{one}"], made[f"cycle_masks_{one}"]], -1)
            # of the second turn: behind a step of Adam, which rounding moves where gradients are 0
            want = golden.arrays[f"rec_{side}_sng_{k}"]
            np.testing.assert_allclose(nchw(cycle), want, atol=2e-3 if k else 1e-3)


def stored(name, parameter, weights, want):
    """Where a parameter of theirs lives among ours, and its values there."""
    plain = converted(name, weights)
    marked = converted(name, {**weights, parameter: want + 1e3})
    leaves = jax.tree_util.tree_leaves_with_path(marked)
    old = jax.tree.leaves(plain)
    ((path, value),) = [
        leaf for leaf, x in zip(leaves, old, strict=True) if np.abs(leaf[1] - x).max() > 1
    ]
    return [part.key for part in path[1:]], value - 1e3


@pytest.mark.parametrize("path", CASES)
def test_masks_are_merged_and_context_weighed(path):
    golden = read(path)
    whole = merged(nhwc(golden.arrays["A_segs"]))
    np.testing.assert_allclose(nchw(whole), golden.arrays["merged_A"], atol=1e-6)
    pictures = [nhwc(golden.arrays[d]) for d in "AB"]
    both = tuple(merged(nhwc(golden.arrays[f"{d}_segs"][:, :2])) for d in "AB")
    context = partial(losses.context, masks=both)
    want = golden.meta["ctx_example"]["value"]
    assert float(jax.jit(context)(*pictures)) == pytest.approx(want, rel=1e-5)
    # above what was before, the slope in a pixel is its weight over their number
    before = jnp.zeros(both[0].shape)
    slope = jax.grad(context, argnums=1)(before, before + 1) * before.size
    np.testing.assert_allclose(nchw(slope), golden.arrays["ctx_weight_example"], atol=1e-5)
