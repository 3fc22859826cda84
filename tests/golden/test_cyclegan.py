"""CycleGAN against the authors' PyTorch code: networks, losses, pool, schedules, training."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from configs import cyclegan as config_file
from tests.golden.goldens import (
    drawn_weights,
    golden_files,
    nchw,
    nhwc,
    read,
    relative_l2,
    unknown,
)
from tests.golden.test_designgan import KNOWN as DESIGNGAN
from tryon_jax import losses, optim, pool
from tryon_jax.networks.patchgan import PatchGAN, PixelGAN
from tryon_jax.networks.resnet_generator import ResnetGenerator
from tryon_jax.networks.unet import UNet
from tryon_jax.port import cyclegan as port
from tryon_jax.systems import cyclegan

NETWORKS = ("cyclegan_resnet*", "cyclegan_unet*", "patchgan_*", "pixelgan_*")
KNOWN = (
    *NETWORKS,
    *("cyclegan_train_step*", "gan_losses*", "image_pool*", "lr_schedules*", "preprocess*"),
    *("hrnet_*", "pose_resnet*", "landmark_heatmaps*"),  # of test_landmarks.py
)


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("designgan", *patterns)]


def test_every_file_is_read():
    assert golden_files("designgan", "*"), "no golden files found"
    assert unknown("designgan", *KNOWN, *DESIGNGAN) == []


def network(config, weights):
    """The module that a file describes, and its variables."""
    common = {"norm": config["norm"]}
    if kind := config.get("netD"):
        common["channels"] = config["ndf"]
        if kind == "pixel":
            return PixelGAN(**common), port.pixelgan(weights)
        return PatchGAN(layers=config.get("n_layers", 3), **common), port.patchgan(weights)
    common |= {"channels": config["ngf"], "dropout": config.get("dropout", False)}
    common["out_channels"] = config["out"]
    if config["netG"].startswith("unet"):
        halvings = {"unet_128": 7, "unet_256": 8}[config["netG"]]
        return UNet(halvings=halvings, **common), port.unet(weights)
    padding = config.get("padding", "reflect")
    blocks = int(config["netG"].removeprefix("resnet_").removesuffix("blocks"))
    net = ResnetGenerator(blocks=blocks, padding_mode=padding, **common)
    return net, port.resnet_generator(weights, padding=padding)


@pytest.mark.parametrize("path", cases(*NETWORKS))
def test_network(path):
    golden = read(path)
    config = golden.meta["config"]
    weights = drawn_weights(golden.meta, seed=golden.meta["seed_weights"])
    assert sum(w.sum(dtype=np.float64) for w in weights.values()) == pytest.approx(
        golden.meta["weight_checks"]["sum"], abs=1e-2
    )
    net, variables = network(config, weights)
    size = sum(x.size for x in jax.tree.leaves(variables["params"]))
    assert size == golden.meta["n_parameters"]
    update = config["norm"] == "batch" and config.get("mode") == "train"

    @jax.jit
    def run(x):
        return net.apply(variables, x, update=update, mutable=["batch_stats"])

    y, moved = run(nhwc(golden.arrays["x"]))
    np.testing.assert_allclose(nchw(y), golden.arrays["y"], atol=2e-4)
    after = golden.under("after_")
    if update:
        assert after
        convert = port.patchgan if "netD" in config else port.resnet_generator
        wanted = convert({**weights, **after})["batch_stats"]
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, atol=1e-4, rtol=1e-4),
            dict(moved["batch_stats"]),
            wanted,
        )


@pytest.mark.parametrize("path", cases("gan_losses*"))
def test_losses(path):
    golden = read(path)
    pred = jnp.asarray(golden.arrays["pred"])
    for name, want in golden.meta["losses"].items():
        mode, *labels, side = name.split("_")
        of = {"real": losses.gan_real, "fake": losses.gan_fake}[side]
        options = {"label": float(labels[1 + (side == "fake")])} if labels else {}
        got = of(pred, mode=mode, **options)
        assert float(got) == pytest.approx(want, rel=1e-5), name
        if not labels:
            grad = jax.grad(lambda p, of=of, mode=mode: of(p, mode=mode))(pred)
            want_grad = golden.arrays[f"grad_{mode}_{side}"]
            np.testing.assert_allclose(grad, want_grad, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("path", cases("gan_losses*"))
def test_gradient_penalty(path):
    golden = read(path)
    config = golden.meta["gp_discriminator"]
    meta = {"config": config, "shapes": disc_shapes(config)}
    net, variables = network(config, drawn_weights(meta, seed=golden.meta["gp_seed_weights"]))
    real, fake = (nhwc(golden.arrays[f"gp_{side}"]) for side in ("real", "fake"))
    alpha = jnp.asarray(golden.arrays["gp_alpha"]).reshape(-1)
    where = {"real": real, "fake": fake, "mixed": losses.mixed(real, fake, alpha=alpha)}

    @jax.jit
    def penalty(pictures, constant):
        def disc(x):
            return net.apply(variables, x, update=False)

        return losses.gradient_penalty(disc, pictures, constant=constant)

    for name, want in golden.meta["gradient_penalty"].items():
        kind, constant, weight = name.split("_")
        got = penalty(where[kind], float(constant.removeprefix("const")))
        got = float(got) * float(weight.removeprefix("lambda"))
        assert got == pytest.approx(want, rel=1e-4), name


def disc_shapes(config):
    """Shapes of a discriminator's state dict, from a network of ours."""
    widths = [config["in"]]
    widths += [config["ndf"] * min(2**i, 8) for i in range(config["n_layers"] + 1)] + [1]
    indices = [0, *range(2, 3 * config["n_layers"] + 3, 3)]
    shapes = {}
    for i, index in enumerate(indices):
        shapes[f"model.{index}.weight"] = (widths[i + 1], widths[i], 4, 4)
        shapes[f"model.{index}.bias"] = (widths[i + 1],)
    return shapes


@pytest.mark.parametrize("path", cases("image_pool*"))
def test_image_pool(path):
    golden = read(path)
    for name, case in golden.meta["cases"].items():
        shown = list(replay(golden.arrays[f"in_{name}"], case))
        np.testing.assert_array_equal(shown, golden.arrays[f"out_{name}"])


def replay(queries, case):
    """The pool's answers to each query with the recorded draws."""
    size = case["pool_size"]
    draws = iter(case["draws"])
    pictures, count = jnp.zeros((max(size, 1), 1, 1, 1)), jnp.int32(0)
    exchange = jax.jit(pool.exchange)
    for query in queries:
        if not size:
            yield query
            continue
        chance, slot = [], []
        for i in range(len(query)):
            full = int(count) + i >= size
            chance.append(next(draws)[1] if full else 0.0)
            slot.append(next(draws)[1] if chance[-1] > 0.5 else 0)
        fakes = jnp.asarray(query, jnp.float32).reshape(-1, 1, 1, 1)
        pictures, count, answer = exchange(
            pictures, count, fakes, chance=jnp.array(chance), slot=jnp.array(slot)
        )
        yield np.asarray(answer).reshape(-1).astype(int)
    if size:
        np.testing.assert_array_equal(pictures.reshape(-1)[: int(count)], case["final_pool"])


@pytest.mark.parametrize("path", cases("lr_schedules*"))
def test_learning_rates(path):
    golden = read(path)
    for name, case in golden.meta["cases"].items():
        early = "before" in case["step_called"]
        policy = "linear_epoch" if case["policy"] == "linear" else case["policy"]
        for j, want in enumerate(golden.arrays[name]):
            factor = optim.epoch_factor(
                policy,
                j + early + (case["epoch_count"] - 1 if policy == "linear_epoch" else 0),
                constant=case["n_epochs"],
                decay=case["n_epochs_decay"],
                every=case.get("lr_decay_iters", 50),
            )
            assert case["base_lr"] * factor == pytest.approx(want, rel=1e-9, abs=1e-15), (name, j)


def test_the_schedule_of_a_run_is_that_of_its_epochs():
    """The linear case of the goldens through the config: 9 epochs of 3 steps."""
    fields = ConfigDict({"lr": 2e-4, "policy": "linear_epoch", "hold": 5 / 9, "epochs": 9})
    lr = optim.schedule(fields, steps=27)
    want = [2e-4 * optim.epoch_factor("linear_epoch", e, constant=5, decay=4) for e in range(9)]
    got = [float(lr(jnp.int32(step))) for step in range(27)]
    np.testing.assert_allclose(got, np.repeat(want, 3), rtol=1e-6)


@pytest.fixture(params=["float64", pytest.param("float32", marks=pytest.mark.slow)])
def precision(request):
    """The references are float64: met to 1e-6 there, to rounding in float32."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param


# losses, pictures, gradients (relative L2), mean gap of a parameter after each step
TOLERANCES = {"float64": (1e-6, 1e-6, 1e-6, 1e-9), "float32": (1e-3, 2e-4, 1e-2, 2e-5)}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if "lsgan" in path.stem else pytest.mark.slow)
        for path in golden_files("designgan", "cyclegan_train_step*")
    ],
)
def test_training(path, precision):
    """The recorded steps of the authors' loop: losses, pictures, gradient norms, parameters."""
    golden = read(path)
    config = system_config(golden.meta["config"], precision)
    loss_gap, picture_gap, gradient_gap, parameter_gap = TOLERANCES[precision]
    game = cyclegan.make(config)
    steps = golden.meta["steps"]
    batches = [recorded(golden, s, precision) for s in range(len(steps))]
    state = initial(game, golden, batches[0], precision)
    pictures = jax.jit(game.sample)(state, batches[0])
    for theirs, ours in picture_names(config).items():
        np.testing.assert_allclose(nchw(pictures[ours]), golden.arrays[theirs], atol=picture_gap)
    step = jax.jit(game.train_step)
    for s, (batch, wanted) in enumerate(zip(batches, steps, strict=True)):
        state, metrics = step(state, batch)
        check_step(config, metrics, wanted, loss_gap=loss_gap, gradient_gap=gradient_gap)
        if s == 0:
            check_gradients(golden, state, gap=gradient_gap)
        after = golden.under(f"param_after{s + 1}|")
        assert after
        for key, want in after.items():
            net, name = key.split("|")
            got = stored_parameter(state.params[port.NETWORKS[net]], net, name, golden.meta)
            assert np.abs(got - want).mean() < parameter_gap * (s + 1), key


def check_gradients(golden, state, *, gap):
    """The recorded gradients of the first step: Adam's first moment is (1 - b1) times them."""
    wanted = golden.under("grad1|")
    assert wanted
    for key, want in wanted.items():
        net, name = key.split("|")
        player = "gen" if net.startswith("G") else "disc"
        moments = optax.tree.get(state.opt[player], "mu")[port.NETWORKS[net]]
        got = stored_parameter(moments, net, name, golden.meta) / 0.5
        assert relative_l2(got, want) < gap, key


def recorded(golden, step, precision):
    """The batch of a recorded step."""
    names = {"real_a": f"A_{step}", "real_b": f"B_{step}"}
    return {k: nhwc(golden.arrays[v]).astype(precision) for k, v in names.items()}


def initial(game, golden, batch, precision):
    """The recorded initial weights in a fresh state of ours."""
    shapes = jax.eval_shape(game.init, jax.random.key(0), batch)
    params = initial_params(golden.meta, shapes.params)
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, precision if x.dtype == jnp.float32 else x.dtype),
        (shapes.variables, shapes.opt),
    )
    params = jax.tree.map(lambda x: jnp.asarray(x, precision), params)
    variables, opt = zeros
    return shapes._replace(
        step=jnp.int32(0), key=jax.random.key(0), params=params, variables=variables, opt=opt
    )


def system_config(theirs, precision):
    config = config_file.get_config()
    with config.unlocked():
        config.precision = precision
        config.steps = 1000 * config.optim.epochs
        config.ema.decay = 0.0
        config.model.generator = theirs["netG"]
        config.model.channels = theirs["ngf"]
        config.model.disc_channels = theirs["ndf"]
        config.model.norm = theirs["norm"]
        config.model.gan_mode = theirs["gan_mode"]
        weights = {"adv": 1.0, "cycle_a": theirs["lambda_A"], "cycle_b": theirs["lambda_B"]}
        if scale := theirs["lambda_identity"]:
            weights |= {
                "identity_a": scale * theirs["lambda_A"],
                "identity_b": scale * theirs["lambda_B"],
            }
        config.weights.gen = weights
    return config


def seeds_and_shapes(meta, template):
    """Seed of each network and the shapes of its state dict."""
    config = meta["config"]
    return {
        net: (
            meta["seeds"][net],
            generator_shapes(config) if net.startswith("G") else disc_shapes(disc_config(config)),
        )
        for net in port.NETWORKS
    }


def disc_config(config):
    return {"in": 3, "ndf": config["ndf"], "n_layers": config.get("n_layers", 3)}


def generator_shapes(config):
    """Shapes of a ResNet generator with instance norm: every convolution has a bias."""
    f = config["ngf"]
    blocks = int(config["netG"].removeprefix("resnet_").removesuffix("blocks"))
    kernels = {
        "model.1": (f, 3, 7, 7),
        "model.4": (2 * f, f, 3, 3),
        "model.7": (4 * f, 2 * f, 3, 3),
    }
    for i in range(blocks):
        for index in (1, 5):
            kernels[f"model.{10 + i}.conv_block.{index}"] = (4 * f, 4 * f, 3, 3)
    kernels[f"model.{10 + blocks}"] = (4 * f, 2 * f, 3, 3)
    kernels[f"model.{13 + blocks}"] = (2 * f, f, 3, 3)
    kernels[f"model.{17 + blocks}"] = (3, f, 7, 7)
    transposed = (f"model.{10 + blocks}", f"model.{13 + blocks}")
    shapes = {}
    for key, shape in kernels.items():
        shapes[f"{key}.weight"] = shape
        shapes[f"{key}.bias"] = (shape[1] if key in transposed else shape[0],)
    return shapes


def initial_params(meta, template):
    params = {}
    for net, (seed, shapes) in seeds_and_shapes(meta, template).items():
        weights = drawn_weights({"config": meta["config"], "shapes": shapes}, seed=seed)
        convert = port.resnet_generator if net.startswith("G") else port.patchgan
        params[port.NETWORKS[net]] = convert(weights)["params"]
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, template)
    return params


def stored_parameter(params, net, key, meta):
    """One parameter of ours in the original's layout."""
    probe = {
        name: np.arange(np.prod(shape)).reshape(shape)
        for name, shape in seeds_and_shapes(meta, None)[net][1].items()
    }
    convert = port.resnet_generator if net.startswith("G") else port.patchgan
    marks = {name: np.full_like(x, name == key) for name, x in probe.items()}
    where = jax.tree.leaves(convert(marks)["params"])
    order = jax.tree.leaves(convert(probe)["params"])
    (index,) = [i for i, mark in enumerate(where) if mark.size and mark.all()]
    flat = np.empty(order[index].size)
    flat[order[index].reshape(-1).astype(int)] = np.reshape(jax.tree.leaves(params)[index], -1)
    return flat.reshape(probe[key].shape)


def picture_names(config):
    names = {"fake_B": "fake_b", "fake_A": "fake_a", "rec_A": "cycle_a", "rec_B": "cycle_b"}
    if "identity_a" in config.weights.gen:
        # their idt_A is G_A(B): it should return B
        names |= {"idt_A": "identity_b", "idt_B": "identity_a"}
    return names


def check_step(config, metrics, wanted, *, loss_gap, gradient_gap):
    weights = config.weights.gen
    names = {
        "D_A": ("disc_adv_b", 1),
        "D_B": ("disc_adv_a", 1),
        "G_A": ("gen_adv_b", 1),
        "G_B": ("gen_adv_a", 1),
        "cycle_A": ("gen_cycle_a", weights.cycle_a),
        "cycle_B": ("gen_cycle_b", weights.cycle_b),
    }
    if "identity_a" in weights:
        names |= {
            "idt_A": ("gen_identity_b", weights.identity_b),
            "idt_B": ("gen_identity_a", weights.identity_a),
        }
    for theirs, (ours, weight) in names.items():
        got, want = weight * float(metrics[ours]), wanted["losses"][theirs]
        assert got == pytest.approx(want, rel=loss_gap), (ours, got, want)
    for theirs, ours in port.NETWORKS.items():
        want = wanted["grad_norm"][theirs]["__total__"]
        assert float(metrics[f"grad_norm_{ours}"]) == pytest.approx(want, rel=gradient_gap), ours
    assert float(metrics["gen_lr"]) == pytest.approx(2e-4)
