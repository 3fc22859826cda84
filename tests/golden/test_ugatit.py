"""U-GAT-IT against the authors' PyTorch code: blocks, networks, gradients, training."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import ugatit as config_file
from tests.golden.goldens import golden_files, nchw, nhwc, read, relative_l2, unknown
from tryon_jax.layers import norms
from tryon_jax.layers.conv import Conv, pad, upsample2
from tryon_jax.layers.spectral import SpectralNorm
from tryon_jax.port import convert
from tryon_jax.port import ugatit as port
from tryon_jax.systems import ugatit

# the last two: test_ugatit_enhanced.py, test_photo2cartoon.py
KNOWN = ("units*", "gen_*", "dis_*", "step_*", "enh_*", "p2c_*")


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("ugatit", *patterns)]


def test_every_file_is_read():
    assert golden_files("ugatit", "*"), "no golden files found"
    assert unknown("ugatit", *KNOWN) == []


@pytest.mark.parametrize("path", cases("units*"))
class TestUnits:
    """Single layers, at 1e-5."""

    def test_norms(self, path):
        golden = read(path)
        x = nhwc(golden.arrays["in/x"])
        rho = {"rho": golden.arrays["sd/adaILN/rho"].reshape(-1)}
        style = {name: golden.arrays[f"in/{name}"] for name in ("gamma", "beta")}
        got = norms.AdaLIN().apply({"params": rho}, x, **style)
        np.testing.assert_allclose(nchw(got), golden.arrays["out/adaILN"], atol=1e-5)

        lin = {k: v.reshape(-1) for k, v in golden.under("sd/ILN/").items()}
        got = norms.LIN().apply({"params": lin}, x)
        np.testing.assert_allclose(nchw(got), golden.arrays["out/ILN"], atol=1e-5)

        got = norms.instance_norm(x)
        np.testing.assert_allclose(nchw(got), golden.arrays["out/InstanceNorm2d"], atol=1e-5)

    def test_geometry(self, path):
        golden = read(path)
        x = nhwc(golden.arrays["in/x"])
        np.testing.assert_array_equal(nchw(upsample2(x)), golden.arrays["out/upsample2"])
        got = nchw(pad(jnp.asarray(x), 3, mode="reflect"))
        np.testing.assert_array_equal(got, golden.arrays["out/reflect3"])

    def test_spectral_norm(self, path):
        golden = read(path)
        x = nhwc(golden.arrays["in/x"])
        kernel = convert.conv(golden.arrays["sn/step0/weight_orig"])
        size = kernel.shape[0]
        params = {"kernel": kernel, "bias": golden.arrays["sn/step0/bias"]}
        spectral = {
            "u": golden.arrays["sn/step0/weight_u"],
            "v": convert.spectral_v(size)(golden.arrays["sn/step0/weight_v"]),
        }
        layer = Conv(kernel.shape[-1], size, spectral=True)
        variables = {"spectral": {"spectral": spectral}}
        steps = sorted(k for k in golden.arrays if k.startswith("sn/step") and k.endswith("/out"))
        for key in steps:
            y, variables = layer.apply(
                {"params": params, **variables}, x, update=True, mutable=["spectral"]
            )
            np.testing.assert_allclose(nchw(y), golden.arrays[key], atol=1e-5)
            for name in ("u", "v"):
                want = golden.arrays[key.replace("out", f"weight_{name}")]
                want = want if name == "u" else convert.spectral_v(size)(want)
                got = variables["spectral"]["spectral"][name]
                np.testing.assert_allclose(got, want, atol=1e-5)
        y = layer.apply({"params": params, **variables}, x, update=False)
        np.testing.assert_allclose(nchw(y), golden.arrays["sn/eval/out"], atol=1e-5)


def weights_for(*shapes):
    """The files' fixed projections onto a scalar."""
    return [
        nhwc(w) if w.ndim == 4 else w
        for seed, shape in enumerate(shapes, 1001)
        for w in [np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32)]
    ]


@pytest.mark.parametrize("path", cases("gen_*"))
def test_generator(path):
    golden = read(path)
    config = golden.meta["config"]
    net = ugatit.Generator(config["ngf"], config["n_blocks"], config["light"])
    params = port.generator(golden.under("sd/"))
    x = nhwc(golden.arrays["in/x"])
    wanted = [golden.arrays[f"out/{name}"] for name in ("image", "cam_logit", "heatmap")]
    w_image, w_cam, w_heat = weights_for(*(w.shape for w in wanted))

    @jax.jit
    def scalar(x):
        made = net.apply({"params": params}, x)
        total = jnp.sum(made.image * w_image) + jnp.sum(made.cam_logit * w_cam)
        return total + jnp.sum(made.heat * w_heat) / 100, made

    (_, made), grad = jax.jit(jax.value_and_grad(scalar, has_aux=True))(x)
    np.testing.assert_allclose(nchw(made.image), wanted[0], atol=1e-4)
    np.testing.assert_allclose(made.cam_logit, wanted[1], atol=1e-4)
    assert relative_l2(nchw(made.heat), wanted[2]) < 1e-4
    assert relative_l2(nchw(grad), golden.arrays["grad/input"]) < 1e-3


@pytest.mark.parametrize("path", cases("dis_*"))
def test_discriminator(path):
    golden = read(path)
    config = golden.meta["config"]
    net = ugatit.Discriminator(config["ndf"], config["n_layers"])
    params, spectral = port.discriminator(golden.under("sd/"))
    variables = {"params": params, "spectral": spectral}
    x = nhwc(golden.arrays["in/x"])

    judgement, heat = jax.jit(lambda x: net.apply(variables, x, update=False))(x)
    check_judgement(golden.under("eval/"), judgement, heat)

    shapes = [golden.arrays[f"train/{name}"].shape for name in ("logit", "cam_logit", "heatmap")]
    w_logit, w_cam, w_heat = weights_for(*shapes)

    def scalar(x):
        (judgement, heat), moved = net.apply(variables, x, update=True, mutable=["spectral"])
        total = jnp.sum(judgement.logit * w_logit) + jnp.sum(judgement.cam_logit * w_cam)
        return total + jnp.sum(heat * w_heat) / 100, (judgement, heat, moved)

    (_, (judgement, heat, moved)), grad = jax.jit(jax.value_and_grad(scalar, has_aux=True))(x)
    check_judgement(golden.under("train/"), judgement, heat)
    assert relative_l2(nchw(grad), golden.arrays["train/grad_input"]) < 1e-3
    _, after = port.discriminator({**golden.under("sd/"), **golden.under("train/after/")})
    jax.tree.map(
        lambda got, want: np.testing.assert_allclose(got, want, atol=1e-5),
        dict(moved["spectral"]),
        after,
    )


def check_judgement(want, judgement, heat):
    np.testing.assert_allclose(nchw(judgement.logit), want["logit"], atol=1e-4)
    np.testing.assert_allclose(judgement.cam_logit, want["cam_logit"], atol=1e-4)
    assert relative_l2(nchw(heat), want["heatmap"]) < 1e-4


def loss_names():
    """The names of the authors' training loop, and ours."""
    names = {"Discriminator_loss": "disc_total", "Generator_loss": "gen_total"}
    for judge in ("GA", "LA", "GB", "LB"):
        for player, ours in (("D", "disc"), ("G", "gen")):
            names[f"{player}_ad_loss_{judge}"] = f"{ours}_adv_{judge.lower()}"
            names[f"{player}_ad_cam_loss_{judge}"] = f"{ours}_adv_cam_{judge.lower()}"
    for domain in ("A", "B"):
        for theirs, ours in (("recon", "cycle"), ("identity", "identity"), ("cam", "cam")):
            names[f"G_{theirs}_loss_{domain}"] = f"gen_{ours}_{domain.lower()}"
    return names


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("step_*"))
def test_training(path):
    """All steps of the authors' loop: losses, gradients, learning rates, the state after step 1."""
    golden = read(path)
    config = config_file.get_config("light" if golden.meta["config"]["light"] else "full")
    with config.unlocked():
        config.steps = golden.meta["config"]["iteration"]
        config.model.channels = golden.meta["config"]["ch"]
        config.model.blocks = golden.meta["config"]["n_res"]
        config.ema.decay = 0.0
        config.optim.policy = "linear" if golden.meta["config"]["decay_flag"] else "constant"
    game = ugatit.make(config)
    real = [
        {f"real_{d.lower()}": nhwc(golden.arrays[f"in/step{k}/real_{d}"]) for d in "AB"}
        for k in range(1, len(golden.meta["steps"]) + 1)
    ]
    state = jax.eval_shape(game.init, jax.random.key(0), real[0])
    params, spectral = ported(golden, "sd")
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, state.params)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), state.opt)
    state = state._replace(
        step=jnp.int32(0), key=jax.random.key(0), params=params, variables=spectral, opt=zeros
    )
    step = jax.jit(game.train_step)
    for k, (batch, wanted) in enumerate(zip(real, golden.meta["steps"], strict=True)):
        state, metrics = step(state, batch)
        check_step(metrics, wanted, tolerance=1e-4 if k == 0 else 1e-3)
        if k == 0:
            check_gradients(golden, params, state, decay=config.optim.weight_decay)
            check_state_after_first_step(golden, state)
        for net in ("gen_ab", "gen_ba"):
            rho = state.params[net]["decode_0"]["norm_1"]["rho"]
            assert rho.min() >= 0 and rho.max() <= 1


def ported(golden, prefix):
    params, spectral = {}, {}
    for theirs, ours in port.NETWORKS.items():
        tensors = golden.under(f"{prefix}/{theirs}/")
        if theirs.startswith("gen"):
            params[ours] = port.generator(tensors)
        else:
            params[ours], spectral[ours] = port.discriminator(tensors)
    return params, {"spectral": spectral}


def check_step(metrics, wanted, *, tolerance):
    for theirs, ours in loss_names().items():
        got, want = float(metrics[ours]), wanted["losses"][theirs]
        assert abs(got - want) <= tolerance * max(abs(want), 1e-3), (ours, got, want)
    for theirs, ours in port.NETWORKS.items():
        got, want = float(metrics[f"grad_norm_{ours}"]), wanted["grad_l2"][theirs]
        assert abs(got - want) <= 10 * tolerance * want, (ours, got, want)
    assert metrics["gen_lr"] == pytest.approx(wanted["lr_G"], rel=1e-6, abs=1e-12)
    assert metrics["disc_lr"] == pytest.approx(wanted["lr_D"], rel=1e-6, abs=1e-12)


def check_gradients(golden, before, state, *, decay):
    """The gradients that Adam saw: its first moment over (1 - b1), less the decay."""
    for theirs, ours in port.NETWORKS.items():
        stored = golden.under(f"step1/grad/{theirs}/")
        assert stored
        # a port takes whole state dicts: what the file leaves out stands in as NaN
        whole = {k: np.full_like(v, np.nan) for k, v in golden.under(f"sd/{theirs}/").items()}
        if theirs.startswith("gen"):
            want = port.generator({**whole, **stored})
        else:
            want, _ = port.discriminator({**whole, **stored})
        player = "gen" if theirs.startswith("gen") else "disc"
        moments = optax.tree.get(state.opt[player], "mu")[ours]
        got = jax.tree.map(lambda m, p: np.asarray(m) / 0.5 - decay * p, moments, before[ours])
        gaps = [
            relative_l2(x, y)
            for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)
            if np.isfinite(y).all()
        ]
        assert len(gaps) == len([k for k in stored if not k.endswith(("_u", "_v"))])
        assert max(gaps) < 2e-3, ours


def check_state_after_first_step(golden, state):
    """Adam's first move is lr * sign(gradient): where that is noise it may go either way."""
    tensors = {**golden.arrays, **{
        key.replace("sd/", "step1/after/", 1): value
        for key, value in golden.arrays.items()
        if key.startswith("sd/") and key.replace("sd/", "step1/after/", 1) not in golden.arrays
    }}  # fmt: skip
    params, spectral = ported(golden._replace(arrays=tensors), "step1/after")
    stored = {key.removeprefix("step1/after/") for key in golden.arrays if "step1/after/" in key}
    assert stored, "the file holds no state after step 1"
    gaps = jax.tree.map(lambda x, y: np.abs(np.asarray(x) - y), state.params, params)
    moved = jax.tree.map(lambda x, y: np.abs(x - y), params, ported(golden, "sd")[0])
    compared = [
        gap
        for gap, change in zip(jax.tree.leaves(gaps), jax.tree.leaves(moved), strict=True)
        if change.max() > 0
    ]
    assert compared
    for gap in compared:
        assert gap.mean() < 5e-6
        assert gap.max() < 2.1e-4
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-4), state.variables, spectral
    )


def test_spectral_norm_without_a_name_keeps_the_kernel_shape():
    kernel = jnp.ones((3, 3, 2, 4))
    layer = SpectralNorm()
    variables = layer.init(jax.random.key(0), kernel, update=False)
    y, _ = layer.apply(variables, kernel, update=True, mutable=["spectral"])
    # a kernel of ones is of rank one: sigma = sqrt(18 * 4), found by the first iteration
    np.testing.assert_allclose(y, kernel / np.sqrt(72), rtol=1e-5)
