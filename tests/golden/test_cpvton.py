"""CP-VTON against the authors' PyTorch code: GMM and TOM, forward and through three updates.

Weights and inputs are drawn from the recipes in each file's description.
"""

import ast
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import cpvton as config_file
from tests.golden import cpvton_streams as streams
from tests.golden.goldens import golden_files, nchw, nhwc, read, relative_l2, unknown
from tryon_jax import warp
from tryon_jax.networks.bilinear_unet import BilinearUNet
from tryon_jax.networks.gmm import GMM
from tryon_jax.port import cpvton as port
from tryon_jax.port import vgg as vgg_port
from tryon_jax.stages import stage_config
from tryon_jax.systems import cpvton_gmm, cpvton_tom

KNOWN = (
    *("tps_*", "grid_sample*", "features*"),  # test_warp.py
    *("person*", "plus_person*"),  # test_cpvton_person.py
    *("ckpt_*", "vgg_loss*"),  # test_cpvton_port.py
    *("gmm_forward*", "tom_forward*", "gmm_step*", "plus_gmm_step*", "tom_step*"),
)


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("cpvton", *patterns)]


def test_every_file_is_read():
    assert golden_files("cpvton", "*"), "no golden files found"
    assert unknown("cpvton", *KNOWN) == []


def drawn(recipe):
    """Weights by a recipe such as `streams.weights(gmm_shapes(22,3), 1301, gain=1.4)`."""
    shapes, arguments, seed, gain = re.search(
        r"weights\((\w+)\(([\d, ]*)\), (\d+), gain=([\d.]+)", recipe
    ).groups()
    scale = re.search(r"scale=(\{.*?\})", recipe)
    return streams.weights(
        getattr(streams, shapes)(*map(int, filter(None, arguments.split(",")))),
        int(seed),
        gain=float(gain),
        scale=ast.literal_eval(scale[1]) if scale else None,
    )


def inputs(recipe, *, n=None, size=None):
    """Arrays by name of a recipe such as `b=2 h=8 w=6; agnostic=field(1,b,22,h,w); ...`, NHWC."""
    numbers = {k: int(v) for k, v in re.findall(r"\b([bhw])=(\d+)", recipe)}
    n = n or numbers["b"]
    size = size or (numbers.get("h", 256), numbers.get("w", 192))
    made = {}
    for name, kind, seed, rest in re.findall(
        r"(\w+)=(smooth|field|binary_field)\((\d+),([^)]*)\)", recipe
    ):
        if kind == "binary_field":
            array = streams.binary_field(int(seed), n, *size, int(rest.split(",")[-1]))
        else:
            array = getattr(streams, kind)(int(seed), n, channels(name), *size)
        made[name] = nhwc(array)
    return made


def channels(name):
    return 22 if name in ("a", "agnostic") else 3


def gmm_variables(state_dict):
    nested = port.gmm(state_dict)
    return {"params": nested["params"], "batch_stats": nested["batch_stats"]}


@pytest.mark.parametrize("path", cases("gmm_forward*"))
def test_gmm(path):
    golden = read(path)
    variables = gmm_variables(drawn(golden.meta["weights"]))
    evaluated, trained = golden.meta["inputs"].split("train:")
    size = tuple(map(int, re.search(r",(\d+),(\d+)\)", evaluated).groups()))
    made = inputs(evaluated, n=len(golden.arrays["theta"]), size=size)
    net = GMM()

    @jax.jit
    def evaluate(agnostic, cloth):
        bound = net.bind(variables)
        a = warp.l2_normalise(bound.person_features(agnostic, update=False))
        b = warp.l2_normalise(bound.cloth_features(cloth, update=False))
        shift = bound.shift(agnostic, cloth, update=False)
        return a, b, warp.correlation(a, b), shift, bound(agnostic, cloth, cloth, update=False)

    a, b, corr, shift, fit = evaluate(made["a"], made["c"])
    unit = golden.arrays
    patch = (slice(None), slice(4, 8), slice(3, 6))
    raw = {
        "featA_patch": net.bind(variables).person_features(made["a"], update=False)[patch],
        "featB_patch": net.bind(variables).cloth_features(made["c"], update=False)[patch],
    }
    for name, got in raw.items():
        if relative_l2(nchw(got), unit[name]) > 1e-4:  # the files may hold them normalised
            got = (a if name == "featA_patch" else b)[patch]
        assert relative_l2(nchw(got), unit[name]) < 1e-4
    assert np.abs(nchw(corr) - unit["corr"]).max() < 1e-4 * np.abs(unit["corr"]).max()
    theta = np.asarray(shift).swapaxes(1, 2).reshape(len(shift), -1)
    np.testing.assert_allclose(theta, unit["theta"], atol=1e-4)
    np.testing.assert_allclose(fit.grid[:, ::4, ::4], unit["grid"], atol=1e-4)
    center = nchw(fit.cloth)[:, :, 96:160, 64:128]
    np.testing.assert_allclose(center, unit["warped_center"], atol=1e-4)

    made = inputs(trained, n=len(unit["theta_train"]), size=size)

    @jax.jit
    def train(agnostic, cloth):
        return net.apply(
            variables, agnostic, cloth, update=True, method="shift", mutable=["batch_stats"]
        )

    shift, moved = train(made["a"], made["c"])
    theta = np.asarray(shift).swapaxes(1, 2).reshape(len(shift), -1)
    np.testing.assert_allclose(theta, unit["theta_train"], atol=1e-3)
    check_statistics(golden, moved["batch_stats"])


def check_statistics(golden, batch_stats):
    state_dict = drawn(golden.meta["weights"]) | golden.under("stat:")
    wanted = port.gmm(state_dict)["batch_stats"]
    assert len(golden.under("stat:")) == 2 * 14
    jax.tree.map(
        lambda got, want: np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4),
        jax.tree.map(np.asarray, dict(batch_stats)),
        wanted,
    )


@pytest.mark.parametrize("path", cases("tom_forward*"))
def test_tom(path):
    golden = read(path)
    made = inputs(golden.meta["inputs"])
    net = BilinearUNet(4)
    params = port.tom(drawn(golden.meta["weights"]))["params"]
    raw = jax.jit(lambda x: net.apply({"params": params}, x))(
        jnp.concatenate([made["agnostic"], made["cloth"]], -1)
    )
    rendered, mask = jnp.tanh(raw[..., :3]), jax.nn.sigmoid(raw[..., 3:])
    try_on = made["cloth"] * mask + rendered * (1 - mask)
    arrays, step = golden.arrays, 1 if "raw" in golden.arrays else 2
    if "raw" in arrays:
        np.testing.assert_allclose(nchw(raw), arrays["raw"], atol=1e-4)
    else:
        np.testing.assert_allclose(raw.mean((1, 2)), arrays["raw_mean"], atol=1e-4)
        deviation = raw.std((1, 2), ddof=1)
        np.testing.assert_allclose(deviation, arrays["raw_std"], rtol=1e-4)
    for name, got in (("rendered", rendered), ("mask", mask), ("tryon", try_on)):
        np.testing.assert_allclose(nchw(got)[:, :, ::step, ::step], arrays[name], atol=1e-4)
    l1 = jnp.abs(try_on - made["image"]).mean()
    mask_l1 = jnp.abs(mask - made["cloth_mask"]).mean()
    np.testing.assert_allclose(l1, arrays["l1"], rtol=1e-4)
    np.testing.assert_allclose(mask_l1, arrays["mask_l1"], rtol=1e-4)


def split(agnostic):
    """The agnostic's parts under the names of the batch."""
    parts = {"shape": agnostic[..., :1], "head": agnostic[..., 1:4], "pose": agnostic[..., 4:]}
    return parts | {"reserved": parts["head"]}


class Layout:
    """Our parameter trees in the original's names and order."""

    def __init__(self, ported, shapes):
        self.shapes = shapes
        self.places = ported({k: np.arange(np.prod(s)).reshape(s) for k, s in shapes.items()})
        self.owners = ported({k: np.full(s, i) for i, (k, s) in enumerate(shapes.items())})

    def flat(self, tree):
        """Original key to its numbers, flattened in its order."""
        out = {}
        for value, place, owner in zip(
            *map(jax.tree.leaves, (dict(tree), self.places, self.owners)), strict=True
        ):
            key = list(self.shapes)[int(owner.flat[0])]
            out[key] = np.empty(value.size)
            out[key][place.ravel().astype(int)] = np.asarray(value).ravel()
        return out


def run_three_steps(system, state, batch, player):
    """Losses, gradients of the first update, parameters and statistics after it."""
    step = jax.jit(system.train_step)
    first, metrics = step(state, batch)
    losses, after = [metrics], first
    for _ in range(2):
        after, metrics = step(after, batch)
        losses.append(metrics)
    moments = [x for x in jax.tree.leaves(first.opt, is_leaf=has_moments) if has_moments(x)]
    gradients = jax.tree.map(lambda mu: mu / 0.5, moments[0].mu[player])
    return losses, gradients, first


def has_moments(x):
    return hasattr(x, "mu")


def check_update(golden, layout, gradients, params, *, norms, silent):
    """Gradient norms, gradients and parameters at the sampled places of every tensor."""
    arrays, names = golden.arrays, golden.meta["names"]
    gradients, params = layout.flat(gradients), layout.flat(params)
    total = arrays["grad_norm_f64"].max()
    compared = 0
    for i, name in enumerate(names):
        want_norm = arrays["grad_norm_f64"][i]
        if want_norm < 1e-6 * total or silent(name):  # mathematically zero: rounding noise
            continue
        got_norm = np.linalg.norm(gradients[name])
        assert abs(got_norm - want_norm) < norms * want_norm, (name, got_norm, want_norm)
        index = arrays["sample_index"][i]
        wanted = arrays["grad_samples_f64"][i]
        large = np.abs(wanted) > 0.01 * np.abs(wanted).max()  # Adam's first step is a sign
        np.testing.assert_allclose(
            params[name][index][large], arrays["param_samples"][i][large], atol=5e-6, err_msg=name
        )
        error = np.abs(gradients[name][index] - wanted).max()
        assert error < 10 * norms * want_norm, (name, error)
        compared += large.sum()
    assert compared > len(names)


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("gmm_step*", "plus_gmm_step*"))
def test_gmm_training(path):
    golden = read(path)
    plus = path.stem.startswith("plus")
    state_dict = drawn(golden.meta["weights"])
    made = inputs(golden.meta["inputs"])
    batch = split(made["agnostic"]) | {
        "cloth": made["cloth"],
        "cloth_mask": made["cloth_mask"],
        "worn": made["parse_cloth"],
    }
    config = config_file.get_config("plus-gmm" if plus else "gmm")
    system = cpvton_gmm.make(config)
    state = jax.jit(system.init)(jax.random.key(0), batch)
    nested = gmm_variables(state_dict)
    state = state._replace(
        params={"gmm": nested["params"]}, variables={"batch_stats": {"gmm": nested["batch_stats"]}}
    )
    losses, gradients, first = run_three_steps(system, state, batch, "gmm")
    totals = [float(metrics["gmm_total"]) for metrics in losses]
    np.testing.assert_allclose(totals[0], golden.arrays["losses"][0], rtol=1e-6)
    np.testing.assert_allclose(totals[1:], golden.arrays["losses"][1:], rtol=3e-3)
    if plus:
        grids = [40 * float(metrics["gmm_grid"]) for metrics in losses]
        np.testing.assert_allclose(grids[0], golden.arrays["Lgic40"][0], rtol=1e-4)
        warps = [float(metrics["gmm_warp"]) for metrics in losses]
        np.testing.assert_allclose(warps, golden.arrays["Lwarp"], rtol=3e-3)
    layout = Layout(
        lambda sd: port.gmm(sd | statistics(state_dict))["params"],
        {k: v.shape for k, v in state_dict.items() if "running" not in k},
    )
    check_update(
        golden,
        layout,
        gradients,
        first.params["gmm"],
        norms=2e-2 if plus else 1e-3,
        silent=lambda name: re.fullmatch(r"regression\.conv\.\d+\.bias", name) and norm_next(name),
    )
    check_statistics(golden, first.variables["batch_stats"]["gmm"])


def norm_next(name):
    """Whether a batch norm takes this convolution's bias away again."""
    return int(name.split(".")[2]) % 3 == 0


def statistics(state_dict):
    return {k: v for k, v in state_dict.items() if "running" in k}


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("tom_step*"))
def test_tom_training(path):
    golden = read(path)
    tom_recipe, vgg_recipe = golden.meta["weights"].split("VGG:")
    state_dict = drawn(tom_recipe)
    made = inputs(golden.meta["inputs"])
    batch = split(made["agnostic"]) | {
        "warped_cloth": made["cloth"],
        "warped_mask": made["cloth_mask"],
        "person": made["image"],
    }
    batch["worn_mask"] = batch["warped_mask"]
    config = config_file.get_config("tom").unlock()
    config.data.warps = "folder"
    config.model.tom.features = "vgg19"
    system = cpvton_tom.make(config)
    state = jax.jit(system.init)(jax.random.key(0), batch)
    state = state._replace(
        params={"tom": port.tom(state_dict)["params"]},
        frozen={"vgg": vgg_port.vgg(drawn(vgg_recipe), depth=19)["params"]},
    )
    losses, gradients, first = run_three_steps(system, state, batch, "tom")
    for ours, theirs in (("total", "losses"), ("l1", "l1"), ("mask", "mask")):
        got = [float(metrics[f"tom_{ours}"]) for metrics in losses]
        want = golden.arrays[theirs]
        np.testing.assert_allclose(got[0], want[0], rtol=1e-6)
        np.testing.assert_allclose(got[1:], want[1:], rtol=3e-3)
    layout = Layout(lambda sd: port.tom(sd)["params"], {k: v.shape for k, v in state_dict.items()})
    innermost = max((k for k in state_dict if k.endswith("1.bias")), key=len)
    check_update(
        golden,
        layout,
        gradients,
        first.params["tom"],
        norms=1e-3,
        silent=lambda name: (
            name.endswith(".bias") and name not in ("model.model.0.bias", innermost)
        ),
    )


def test_parameter_counts():
    """CP-VTON section 8: 19 057 650 and 21 349 252; CP-VTON+ 19 055 602 and 21 350 276."""

    def count(net, *shapes, **options):
        shapes = [jnp.zeros((1, 256, 192, c)) for c in shapes]
        made = jax.eval_shape(lambda key: net.init(key, *shapes, **options), jax.random.key(0))
        return sum(x.size for x in jax.tree.leaves(made["params"]))

    assert count(GMM(), 22, 3, 1, update=False) == 19_057_650
    assert count(GMM(matches="mask"), 22, 3, 1, update=False) == 19_055_602
    assert count(BilinearUNet(4), 25) == 21_349_252
    assert count(BilinearUNet(4), 26) == 21_350_276


def test_stage_configs_make_the_same_systems():
    """Both stages of the whole run have the fields of each stage alone."""
    whole = config_file.get_config("paper")
    for name in ("gmm", "tom"):
        alone, stage = config_file.get_config(name), stage_config(whole, name)
        for group in ("model", "weights", "optim", "data"):
            assert alone[group].to_dict() == stage[group].to_dict()
        assert alone.system == stage.system
