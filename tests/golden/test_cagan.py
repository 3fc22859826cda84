"""CAGAN's networks and losses against the original programs and mirrors of them.

Whole training steps are in test_cagan_steps.py. Tolerances: pictures and probabilities 2e-5,
losses 1e-5 of their size, gradient norms 1e-4. At full width 5e-4, and 2e-3 for gradients by the
pictures: the recorded float32 numbers are 1.4e-4 and 9.4e-4 from those of the same program in
float64 (and ours in float64 equal the latter).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden import cagan_files as files
from tests.golden.goldens import golden_files, nchw, nhwc, read, relative_l2, unknown
from tryon_jax import losses
from tryon_jax.networks import cagan_dilated as dilated
from tryon_jax.networks.cagan_layers import Conv
from tryon_jax.port import cagan as port
from tryon_jax.systems.cagan import colour_distance

GENERATORS = ("canon_gen*", "keras_gen*", "seed_gen*")
DISCRIMINATORS = ("canon_dis*", "keras_dis*", "seed_dis*", "v2_disc*")
STEPS = ("canon_step*", "keras_step*", "seed_step*", "v2_step*")  # test_cagan_steps.py
KNOWN = (
    *(*GENERATORS, *DISCRIMINATORS, *STEPS),
    *("canon_losses*", "v2_gen*", "v2_blocks*", "v2_conv2dsame*"),
)
# two formulas on probabilities, not on logits, at their clamps: no logit is that large
CLAMPED = ("bce_saturated_prob_[0,1,.5]_target1", "bce_keras_saturated_target1")


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("cagan", *patterns)]


def test_every_file_is_read():
    assert golden_files("cagan", "*"), "no golden files found"
    assert unknown("cagan", *KNOWN) == []


def weights_of(golden, names, params):
    """The file's weights, or those that its seed draws for parameters of these shapes."""
    return golden.under("w/") or files.stream(names.shapes(params), golden.meta["seed"])


def probed(y):
    """The recorded loss of an output: its mean under a wave over NCHW places."""
    y = y.transpose(0, 3, 1, 2).reshape(-1)
    return jnp.mean(y * np.cos(0.37 * np.arange(y.size)).astype(np.float32))


def check_network(golden, run, loss, *, names, params, x):
    """Output, loss, gradients by parameters and by pictures."""

    @jax.jit
    def everything(params, x):
        def lowered(params, x):
            y = run(params, x)
            return loss(y), y

        return jax.value_and_grad(lowered, (0, 1), has_aux=True)(params, x)

    (value, y), (gradients, gradient_x) = everything(params, x)
    np.testing.assert_allclose(nchw(y), golden.arrays["y"], atol=2e-5)
    assert float(value) == pytest.approx(float(golden.arrays["loss"]), rel=1e-5, abs=5e-9)
    gradients = names.flat(gradients)
    wanted, gap = golden.arrays["grad_norm"], 5e-4 if files.width(golden) == 64 else 1e-4
    assert len(gradients) == len(wanted)
    for i, (name, got) in enumerate(gradients.items()):
        noise = 1e-6 * wanted.max()  # biases before a norm: the true gradient is zero
        assert np.linalg.norm(got) == pytest.approx(wanted[i], rel=gap, abs=noise), name
        head = golden.arrays["grad_head"][i][: got.size]
        np.testing.assert_allclose(got.ravel()[:6], head, atol=gap * wanted[i] + noise)
    by_picture = relative_l2(nchw(gradient_x)[:, :, ::4, ::4], golden.arrays["grad_x_sub4"])
    assert by_picture < (2e-3 if files.width(golden) == 64 else 1e-4)


@pytest.mark.parametrize("path", cases(*GENERATORS))
def test_generator(path):
    golden = read(path)
    config = files.config_of(golden)
    module = files.module_of(config)
    x = jnp.concatenate(files.pictures(golden.arrays["x_u8"]), -1)

    def run(params, x):
        look = module.apply({"params": {"gen": params}}, *jnp.split(x, 3, -1), method="_first")[-1]
        return jnp.concatenate([look.alpha, look.painted], -1)

    def shaped(key):
        return module.init(key, *jnp.split(x, 3, -1), method="_first")["params"]["gen"]

    ported = files.PORTS[golden.name.split("_")[0]][0]
    names = files.Names(ported, golden.meta["grad_names"])
    weights = weights_of(golden, names, jax.eval_shape(shaped, jax.random.key(0)))
    assert sum(w.size for w in weights.values()) == golden.meta["n_params"]
    params = ported(weights)["params"]
    check_network(golden, run, probed, names=names, params=params, x=x)


@pytest.mark.parametrize("path", cases(*DISCRIMINATORS))
def test_discriminator(path, monkeypatch):
    golden = read(path)
    module = files.module_of(files.config_of(golden))
    noise = nhwc(golden.arrays["noise"]) if "noise" in golden.arrays else np.zeros((1, 1, 1, 1))
    monkeypatch.setattr(jax.random, "normal", lambda *_: jnp.asarray(noise, jnp.float32))
    x = jnp.concatenate(files.pictures(golden.arrays["x_u8"]), -1)
    linear = not golden.meta.get("use_sigmoid", True)

    def judge(params, x):
        variables = {"params": {"disc_0": params}}
        key = {"noise": jax.random.key(0)}
        return module.apply(variables, 0, *jnp.split(x, 2, -1), method="_judge", rngs=key)

    def run(params, x):
        logits = judge(params, x)
        return logits if linear else jax.nn.sigmoid(logits)

    def shaped(key):
        streams = {"params": key, "noise": key}
        return module.init(streams, 0, *jnp.split(x, 2, -1), method="_judge")["params"]["disc_0"]

    def fool(y):
        return losses.squared(y, 1) if linear else -jnp.mean(jnp.log(y))

    family = golden.name.split("_")[0]
    ported = files.PORTS[family][1]
    names = files.Names(ported, golden.meta["grad_names"])
    weights = weights_of(golden, names, jax.eval_shape(shaped, jax.random.key(0)))
    loss = fool if family == "v2" else probed
    check_network(golden, run, loss, names=names, params=ported(weights)["params"], x=x)


@pytest.mark.parametrize("path", cases("v2_gen*"))
def test_three_scales(path):
    golden = read(path)
    module = files.module_of(files.config_of(golden))
    x = files.pictures(golden.arrays["x_u8"])
    shapes = jax.eval_shape(lambda key: module.init(key, *x, method="_first"), jax.random.key(0))
    names = files.Names(port.gen, v2_names(golden.meta["up_type"]))
    weights = files.stream(names.shapes(shapes["params"]["gen"]), golden.meta["seed"])
    assert sum(w.size for w in weights.values()) == golden.meta["params"]
    variables = {"params": {"gen": port.gen(weights)["params"]}}
    looks = jax.jit(lambda *x: module.apply(variables, *x, method="_first"))(*x)
    for k, look in enumerate(looks):
        out = jnp.concatenate([look.alpha, look.painted], -1)
        np.testing.assert_allclose(nchw(out), golden.arrays[f"out{k}"], atol=2e-5)
        np.testing.assert_allclose(nchw(look.picture), golden.arrays[f"comp{k}"], atol=2e-5)


def v2_names(up_type):
    """Keys of the generator's state dict, section 11.1 of its description."""
    up = "convT" if up_type == "Tconv" else "conv.conv"
    names = ["layer1.0.conv.weight"]
    for i in (2, 3, 4, 5, 8, 9, 10):
        names += [f"layer{i}.0.conv.weight", f"layer{i}.1.weight", f"layer{i}.1.bias"]
    names += [f"branch_{k}.conv.conv.weight" for k in range(3)]
    for r in range(2):
        names += [f"refine_{r}.conv0.weight", f"refine_{r}.conv1.weight"]
        names += [f"upscale_{r}.up_block.{up}.weight"]
        names += [f"upscale_{r}.up_block.bn.{kind}" for kind in ("weight", "bias")]
        for b in range(2):
            block = f"refine_{r}.res_se_block{b}"
            for c in range(2):
                names += [f"{block}.res_block.conv{c}.conv.weight"]
                names += [f"{block}.res_block.bn{c}.{kind}" for kind in ("weight", "bias")]
                names += [f"{block}.se_block.fc{c + 1}.{kind}" for kind in ("weight", "bias")]
    assert len(names) == 75
    return sorted(names)


BLOCKS = {  # by tag: the module, and the rules of its names
    "se": (dilated.Excitation(), lambda sd: port.excitation("", "")),
    "res_se": (dilated.ResidualSE(), lambda sd: port.residual("", "")),
    "refiner": (dilated.Refiner(16), lambda sd: port.refiner("", "")),
    "up_Tconv": (dilated.Upscale(4), lambda sd: port.upscale(sd, "", "")),
    "up_nearest": (dilated.Upscale(4, mode="nearest"), lambda sd: port.upscale(sd, "", "")),
    "up_bilinear": (dilated.Upscale(4, mode="nearest"), lambda sd: port.upscale(sd, "", "")),
    "up_ps": (dilated.Upscale(4, mode="shuffle"), lambda sd: port.upscale(sd, "", "")),
}


@pytest.mark.parametrize("path", cases("v2_blocks*"))
def test_blocks(path):
    golden = read(path)
    tags = {key.split("/")[0] for key in golden.arrays}
    assert tags == {*BLOCKS, "out_branch", "color", "id"}
    for tag, (block, rules) in BLOCKS.items():
        weights = golden.under(f"{tag}/w/")
        params = port.to.convert(weights, rules(weights))["params"]
        y = jax.jit(lambda params, x, block=block: block.apply({"params": params}, x))(
            params, nhwc(golden.arrays[f"{tag}/x"])
        )
        np.testing.assert_allclose(nchw(y), golden.arrays[f"{tag}/y"], atol=1e-5, err_msg=tag)


@pytest.mark.parametrize("path", cases("v2_blocks*"))
def test_output_branch(path):
    golden = read(path)
    kernel = port.to.conv(golden.arrays["out_branch/w/conv.conv.weight"])
    x = nhwc(golden.arrays["out_branch/x"])
    raw = dilated.same_conv(4).apply({"params": {"kernel": kernel}}, x)
    y = jnp.concatenate([jax.nn.sigmoid(raw[..., :1]), jnp.tanh(raw[..., 1:])], -1)
    np.testing.assert_allclose(nchw(y), golden.arrays["out_branch/y"], atol=1e-5)


@pytest.mark.parametrize("path", cases("v2_blocks*"))
def test_colour_and_area(path):
    golden = read(path)
    x, y = nhwc(golden.arrays["color/a"]), nhwc(golden.arrays["color/b"])
    want = float(golden.arrays["color/loss"])
    assert float(colour_distance(x, y)) == pytest.approx(want, rel=1e-5)
    areas = sum(np.abs(golden.arrays[f"id/alpha{k}"]).mean() for k in range(3))
    assert areas == pytest.approx(float(golden.arrays["id/loss"]), rel=1e-5)


@pytest.mark.parametrize("path", cases("v2_conv2dsame*"))
def test_same_padding(path):
    golden = read(path)
    for i, case in enumerate(golden.meta["cfgs"]):
        kernel, stride, dilation = tuple(case["kernel"]), case["stride"], case["dilation"]
        padding = dilated.same_padding(kernel, stride=stride, dilation=dilation)
        (top, bottom), (left, right) = padding
        assert [left, right, top, bottom] == case["pad_lrtb"]
        layer = Conv(5, kernel, stride=stride, padding=padding, dilation=dilation)
        weights = golden.under(f"c{i}/conv.")
        params = {"kernel": port.to.conv(weights["weight"]), "bias": weights["bias"]}
        y = layer.apply({"params": params}, nhwc(golden.arrays[f"c{i}/x"]))
        np.testing.assert_allclose(nchw(y), golden.arrays[f"c{i}/y"], atol=1e-5)


@pytest.mark.parametrize("path", cases("canon_losses*"))
def test_losses(path):
    golden = read(path)
    z = jnp.asarray(golden.arrays["z"])
    patches = z[0].size
    known = {
        "hinge_d_real": losses.gan_real(z, mode="hinge"),
        "hinge_d_fake": losses.gan_fake(z, mode="hinge"),
        "hinge_g": losses.gan_fool(z, mode="hinge"),
        "keras_use_nsgan_g": -losses.gan_fool(z, mode="vanilla"),  # its sign is wrong: not offered
        "mixup_bce_target_0.37": losses.gan_fool(z, mode="vanilla", label=0.37),
    }
    for target, of in ((0, losses.gan_fake), (1, losses.gan_real)):
        entropy = of(z, mode="vanilla")
        known |= {
            f"bce_{target}": entropy,
            f"bce_keras_eps_{target}": entropy,
            f"bce_logits_{target}": entropy,
            f"patch_sum_bce_{target}": patches * entropy,  # the paper sums over patches
            f"lsgan_on_linear_{target}": of(z, mode="lsgan"),
            f"lsgan_on_prob_{target}": of(jax.nn.sigmoid(z), mode="lsgan"),
        }
    values = golden.meta["values"]
    assert set(values) == {*known, *CLAMPED}
    for name, got in known.items():
        assert float(got) == pytest.approx(values[name], rel=1e-5), name
