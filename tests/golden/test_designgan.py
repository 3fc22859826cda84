"""DesignGAN's own parts against the reference implementation of the design, and InstaGAN's nets.

Float64 throughout but for the networks: what is drawn and compared there is met to 1e-9.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.goldens import drawn_weights, golden_files, nchw, nhwc, read
from tryon_jax import attention, garment_style, patches, skin, texture
from tryon_jax.networks.designgan_discriminator import DesignDiscriminator
from tryon_jax.networks.designgan_generator import DesignGenerator
from tryon_jax.networks.instagan import SetDiscriminator, SetGenerator
from tryon_jax.port import convert as to
from tryon_jax.port import instagan

KNOWN = (
    "own_landmark_attention*",
    "own_designgan_networks*",
    "own_style_skin_texture*",
    "instagan_*",
)


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


def style_arrays(golden):
    """Pictures [1, H, W, 3] and masks [1, H, W, 1], 0 or 1, of both garments."""
    pictures = [nhwc(golden.arrays[f"image_{d}"][None]).astype(float) for d in "ab"]
    masks = [golden.arrays[f"mask_{d}"][None, ..., None] for d in "ab"]
    return [
        (picture, (mask > 0.5) * 2.0 - 1) for picture, mask in zip(pictures, masks, strict=True)
    ]


def only(x):
    """The one item's one channel."""
    return np.asarray(x)[0, ..., 0]


@pytest.mark.slow  # many small programs to compile
@pytest.mark.parametrize("path", cases("own_style_skin_texture*"))
def test_patches_and_weights(path, float64):
    golden = read(path)
    meta, size = golden.meta, tuple(golden.meta["patch_size"])
    steps = meta["erosion_steps"]
    cloth = []
    for d, (picture, mask) in zip("ab", style_arrays(golden), strict=True):
        box = patches.mask_box(mask)
        assert box[0].tolist() == meta[f"box_{d}"]
        got = patches.patch(picture, box, size=size)
        np.testing.assert_allclose(nchw(got)[0], golden.arrays[f"patch_{d}"], atol=1e-9)
        cloth.append(patches.patch((mask + 1) / 2, box, size=size) > 0.5)
    valid = (cloth[0] & cloth[1]).astype(float)
    np.testing.assert_array_equal(only(valid), golden.arrays["valid"])
    distances = {
        "dist_chessboard": garment_style.chessboard_distance(valid, steps=steps),
        "dist_euclid": garment_style.euclidean_distance(valid),
    }
    for name, got in distances.items():
        np.testing.assert_allclose(only(got), golden.arrays[name], atol=1e-9, err_msg=name)
    names = {"chessboard": "chessboard", "euclidean": "euclid"}
    names |= {"inverse_gaussian": "inverse_gaussian"}
    for kind, name in names.items():
        got = garment_style.style_weight(valid, kind=kind, steps=steps)
        np.testing.assert_allclose(only(got), golden.arrays[f"w_{name}"], atol=1e-9, err_msg=kind)
    centre_weight = garment_style.centre_gaussian(size)
    centre_weight = only(centre_weight / jnp.mean(centre_weight))
    np.testing.assert_allclose(centre_weight, golden.arrays["w_centre"], atol=1e-9)
    for name, want in meta["losses"].items():
        kind = name.rsplit("_", 2 if name.endswith("norm") else 1)[0]
        norm = name.removeprefix(f"{kind}_")
        got = garment_style.style_distance(
            *(nhwc(golden.arrays[f"patch_{d}"][None]) for d in "ab"),
            valid=valid,
            weight=garment_style.style_weight(valid, kind=kind, steps=steps),
            norm=norm,
        )
        assert float(got[0]) == pytest.approx(want, rel=1e-9), name


@pytest.mark.parametrize("path", cases("own_style_skin_texture*"))
def test_gradient_of_style(path, float64):
    golden = read(path)
    size, (a, b) = tuple(golden.meta["patch_size"]), style_arrays(golden)
    valid = jnp.asarray(golden.arrays["valid"])[None, ..., None]
    weight = jnp.asarray(golden.arrays["w_chessboard"])[None, ..., None]

    def loss(picture):
        pair = [patches.patch(x, patches.mask_box(m), size=size) for x, m in (a, (picture, b[1]))]
        return garment_style.style_distance(*pair, valid=valid, weight=weight, norm="mse")[0]

    got = nchw(jax.jit(jax.grad(loss))(b[0]))[0]
    np.testing.assert_allclose(got, golden.arrays["grad_image_b"], atol=1e-9)


@pytest.mark.parametrize("path", cases("own_style_skin_texture*"))
def test_skin(path, float64):
    golden = read(path)
    case, (picture, mask) = golden.meta["skin"], style_arrays(golden)[1]
    box = jnp.array([case["window"]])
    covered = patches.coverage((mask + 1) / 2, box)
    assert float(covered[0]) == pytest.approx(case["cover_fraction_mask_b"])
    found = patches.patch(picture, box, size=tuple(case["size"]))
    got = skin.skin_distance(found, nhwc(golden.arrays["skin_patch"][None]).astype(float))
    assert float(got[0]) == pytest.approx(case["loss_mse"], rel=1e-9)


@pytest.mark.parametrize("path", cases("own_style_skin_texture*"))
def test_texture(path, float64):
    """On the first picture, within the second mask."""
    golden = read(path)
    (picture, _), (_, mask) = style_arrays(golden)
    cloth, mask01 = nhwc(golden.arrays["texture"][None]).astype(float), (mask + 1) / 2
    k = 0
    while case := golden.meta.get(f"texture_{k}"):
        if case["mode"] == "tile":
            options = {"scale": case["scale"], "offset": case["offset"]}
            plane = texture.tile(cloth, size=mask.shape[1:3], **options)
        else:
            plane = texture.stretch(cloth, mask)
        shaded = case["shade"]
        light = texture.shading(picture, mask01) if shaded else jnp.ones_like(mask01)
        got = texture.lay(plane, picture, masks=mask01, light=light)
        want = golden.arrays[f"texture_out_{k}"]
        np.testing.assert_allclose(nchw(got)[0], want, atol=1e-9, err_msg=str(case))
        k += 1
    assert k


@pytest.mark.parametrize("path", cases("instagan_generator*"))
def test_set_generator(path):
    """Of a picture without any mask the file holds what rounding made: see docs/parity.md."""
    golden = read(path)
    config = golden.meta["config"]
    weights = drawn_weights(golden.meta, seed=golden.meta["seed_weights"])
    net = SetGenerator(channels=config["ngf"], blocks=config["n_blocks"])
    variables = instagan.generator(weights)
    assert sum(x.size for x in jax.tree.leaves(variables)) == golden.meta["n_parameters"]
    picture, run = nhwc(golden.arrays["image"][None]), jax.jit(net.apply)
    for name in golden.meta["cases"]:
        masks = nhwc(golden.arrays[f"segs_{name}"][None])
        got = nchw(np.concatenate(run(variables, picture, masks), -1))
        if name == "all_empty":
            assert got.shape == golden.arrays[f"out_{name}"].shape and np.isfinite(got).all()
            continue
        np.testing.assert_allclose(got, golden.arrays[f"out_{name}"], atol=2e-4, err_msg=name)
    masks = nhwc(golden.arrays["segs_two"][None])
    plain, turned = (run(variables, picture, m) for m in (masks, masks[..., ::-1]))
    np.testing.assert_allclose(turned.picture, plain.picture, atol=1e-5)
    np.testing.assert_allclose(turned.mask, plain.mask[..., ::-1], atol=1e-5)


@pytest.mark.parametrize("path", cases("instagan_discriminator*"))
def test_set_discriminator(path):
    golden = read(path)
    weights = drawn_weights(golden.meta, seed=golden.meta["seed_weights"])
    net = SetDiscriminator(channels=golden.meta["config"]["ndf"])
    first = instagan.discriminator(weights)
    picture = nhwc(golden.arrays["image"][None])
    run = jax.jit(partial(net.apply, update=True, mutable=["spectral"]))
    for name in golden.meta["cases"]:
        masks, variables = nhwc(golden.arrays[f"segs_{name}"][None]), first
        for call in (1, 2):
            logits, moved = run(variables, picture, masks)
            variables = {**variables, **moved}
            want = golden.arrays[f"out{call}_{name}"]
            np.testing.assert_allclose(nchw(logits), want, atol=2e-4, err_msg=f"{name} {call}")
        if name == "two":
            after = golden.under("u_after2_")
            wanted = instagan.discriminator({**weights, **after})["spectral"]
            for path_, x in jax.tree_util.tree_leaves_with_path(wanted):
                if path_[-1].key == "u":
                    got = variables["spectral"]
                    for step in path_:
                        got = got[step.key]
                    np.testing.assert_allclose(got, x, atol=1e-5)
