"""DesignGAN's own parts against the reference implementation of the design, and InstaGAN's nets.

Float64 throughout but for the networks: what is drawn and compared there is met to 1e-9.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.goldens import drawn_weights, golden_files, nchw, nhwc, read
from tryon_jax import attention
from tryon_jax.networks.designgan_discriminator import DesignDiscriminator
from tryon_jax.networks.designgan_generator import DesignGenerator
from tryon_jax.port import convert as to

KNOWN = ("own_landmark_attention*", "own_designgan_networks*")


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("designgan", *patterns)]


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


def landmarks(golden, name):
    """The points of a case, [1, K, 3]."""
    xy, v = golden.arrays[name.replace("_", "_pts_")], golden.arrays[name.replace("_", "_vis_")]
    return jnp.concatenate([jnp.asarray(xy), jnp.asarray(v)[:, None]], -1)[None]


def softness(case):
    return attention.Softness(case["sigma"], case["tau"], case.get("r_contour", 0), case["kappa"])


@pytest.mark.slow  # five categories and bodies to compile
@pytest.mark.parametrize("path", cases("own_landmark_attention*"))
def test_attention(path, float64):
    golden = read(path)
    size = golden.arrays["body_att_0"].shape
    body = jax.jit(partial(attention.body_attention, size=size))
    garment = jax.jit(partial(attention.garment_attention, size=size), static_argnames="category")
    for name, case in golden.meta["cases"].items():
        if not name.startswith(("body_", "gar_")) or name == "gar_grad":
            continue
        points, soft = landmarks(golden, name), softness(case)
        if name.startswith("body"):
            got = body(points, soft=soft)
            assert float(attention.trunk_length(points)[0]) == pytest.approx(case["scale"] or 0)
        else:
            got = garment(points, soft=soft, category=case["category"])
        want = golden.arrays[name.replace("_", "_att_")]
        np.testing.assert_allclose(got[0, ..., 0], want, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("path", cases("own_landmark_attention*"))
def test_gradient_of_attention(path, float64):
    golden = read(path)
    case = golden.meta["cases"]["gar_grad"]
    xy = jnp.asarray(golden.arrays["gar_grad_pts_in"])
    size = golden.arrays["gar_att_0"].shape

    def objective(xy):
        points = jnp.concatenate([xy, jnp.ones((len(xy), 1))], -1)[None]
        maps = attention.garment_attention(
            points, category=case["category"], size=size, soft=softness(case)
        )
        return jnp.mean(maps**2)

    want = golden.arrays["gar_grad_pts"]
    np.testing.assert_allclose(jax.jit(jax.grad(objective))(xy), want, atol=1e-9)


@pytest.mark.parametrize("path", cases("own_landmark_attention*"))
def test_discs(path, float64):
    """The file keeps the maps alone: each centre is solved from the slopes around the brightest."""
    golden = read(path)
    want, sigma = golden.arrays["gauss17"], golden.meta["cases"]["gauss17"]["sigma"]
    centres = np.array([centre(np.float64(disc), sigma) for disc in want])
    points = np.concatenate([centres, np.ones((len(want), 1))], 1)[None]
    got = attention.discs(points, size=want.shape[1:], sigma=sigma)
    np.testing.assert_allclose(np.moveaxis(got[0], -1, 0), want, atol=2e-6)


def centre(disc, sigma):
    """(x, y) of a Gaussian: log-ratios of neighbours are linear in it."""
    row, col = np.unravel_index(disc.argmax(), disc.shape)
    x = sigma**2 * np.log(disc[row, col + 1] / disc[row, col - 1]) / 2 + col
    y = sigma**2 * np.log(disc[row + 1, col] / disc[row - 1, col]) / 2 + row
    return x, y


def networks_of(golden):
    """Both networks of a file with its weights, by the names of the reference implementation."""
    config, weights = golden.meta["config"], {}
    for name, shapes in golden.meta["shapes"].items():
        meta = {"config": config, "shapes": shapes}
        weights[name] = drawn_weights(meta, seed=golden.meta["seeds"][name])
        checks = golden.meta["weight_checks"][name]
        total = sum(w.sum(dtype=np.float64) for w in weights[name].values())
        assert total == pytest.approx(checks["sum"], abs=1e-2)
    gen = DesignGenerator(
        channels=config["c"],
        blocks=config["enc_blocks"],
        trunk_blocks=config["trunk_blocks"],
        landmark_channels=config["lm_c"],
    )
    disc = DesignDiscriminator(channels=config["c"])
    return (
        (gen, to.convert(weights["generator"], generator_rules(config))),
        (disc, to.convert(weights["discriminator"], discriminator_rules())),
    )


def generator_rules(config):
    rules = to.layer("fuse", "fuse") | to.layer("lm", "joints")

    def block(key, path):
        for i in (1, 2):
            rules.update(to.layer(f"{key}.conv{i}", f"{path}/conv_{i}"))

    for theirs, ours in (("enc_img", "picture"), ("enc_gar", "garment")):
        for key, name in (("stem", "stem"), ("down1", "down_1"), ("down2", "down_2")):
            rules |= to.layer(f"{theirs}.{key}", f"{ours}/{name}")
        for i in range(config["enc_blocks"]):
            block(f"{theirs}.blocks.{i}", f"{ours}/block_{i}")
    for i in range(config["trunk_blocks"]):
        block(f"trunk.{i}", f"trunk_{i}")
    for theirs, ours in (("head_img", "head_picture"), ("head_mask", "head_mask")):
        rules |= to.layer(f"{theirs}.out", f"{ours}/out")
        for i in (1, 2):
            rules |= to.layer(f"{theirs}.up{i}", f"{ours}/up_{i}")
            rules |= to.kernel(f"{theirs}.up{i}", f"{ours}/up_{i}", to.conv_transpose)
    return rules


def discriminator_rules():
    rules = to.layer("k1", "fuse") | to.layer("k2", "logit")
    for theirs, ours in (("f_img", "picture"), ("f_mask", "mask")):
        for i in range(3):
            rules |= to.layer(f"{theirs}.c{i + 1}", f"{ours}/conv_{i}")
    return rules


@pytest.mark.parametrize("path", cases("own_designgan_networks*"))
def test_networks(path):
    """The discriminator judges what the generator makes."""
    golden = read(path)
    (gen, gen_variables), (disc, disc_variables) = networks_of(golden)
    x, a, body, garment, maps = (nhwc(golden.arrays[k]) for k in ("x", "a", "Ab", "Ag", "L"))

    @jax.jit
    def run():
        made = gen.apply(gen_variables, x, a, body=body, garment=garment, heatmaps=maps)
        return made, disc.apply(disc_variables, *made, body=body, heatmaps=maps)

    made, logits = run()
    np.testing.assert_allclose(nchw(made.picture), golden.arrays["y"], atol=3e-4)
    np.testing.assert_allclose(nchw(made.mask), golden.arrays["mask"], atol=3e-4)
    np.testing.assert_allclose(nchw(logits), golden.arrays["d"], atol=3e-4)
