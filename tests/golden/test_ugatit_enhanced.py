"""The options of U-GAT-IT against the enhanced version's code: networks, gradients, a step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import ugatit as config_file
from data_pipelines import histogram
from tests.golden.goldens import golden_files, nchw, nhwc, read, relative_l2
from tests.golden.test_ugatit import check_judgement, weights_for
from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax.networks.ugatit_discriminator import Discriminator
from tryon_jax.networks.ugatit_generator import Generator
from tryon_jax.port import convert
from tryon_jax.port import ugatit as port
from tryon_jax.systems import ugatit


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("ugatit", *patterns)]


def generator_of(config):
    return Generator(
        config["ngf"],
        config["n_blocks"],
        light=config["light"] > 0,
        variant="enhanced",
        pool=max(config["light"], 1),
        squeeze=config["use_se"],
        attention_masks=config["attention_gan"],
        attention_input="colour_major" if config["attention_input"] else "none",
    )


@pytest.mark.parametrize("path", cases("enh_gen_*"))
def test_generator(path):
    golden = read(path)
    net = generator_of(golden.meta["config"])
    params = port.generator(golden.under("sd/"))
    x = nhwc(golden.arrays["in/x"])
    wanted = [golden.arrays[f"out/{name}"] for name in ("image", "cam_logit", "heatmap")]
    w_image, w_cam, w_heat = weights_for(*(w.shape for w in wanted))

    def scalar(x):
        made = net.apply({"params": params}, x)
        total = jnp.sum(made.image * w_image) + jnp.sum(made.cam_logit * w_cam)
        return total + jnp.sum(made.heat * w_heat) / 100, made

    (_, made), grad = jax.jit(jax.value_and_grad(scalar, has_aux=True))(x)
    np.testing.assert_allclose(nchw(made.image), wanted[0], atol=1e-4)
    np.testing.assert_allclose(made.cam_logit, wanted[1], atol=1e-4)
    assert relative_l2(nchw(made.heat), wanted[2]) < 1e-4
    if "out/attention" in golden.arrays:
        np.testing.assert_allclose(nchw(made.attention), golden.arrays["out/attention"], atol=1e-4)
    assert relative_l2(nchw(grad), golden.arrays["grad/input"]) < 1e-3


@pytest.mark.parametrize("path", cases("enh_dis_*"))
def test_discriminator(path):
    golden = read(path)
    config, masks = golden.meta["config"], golden.meta["masks"] or {}
    net = Discriminator(
        config["ndf"],
        config["n_layers"],
        variant="enhanced",
        spectral=config["with_sn"],
        attend=config["use_cam_attention"],
    )
    params, spectral = port.discriminator(golden.under("sd/"))
    variables = {"params": params, **({"spectral": spectral} if spectral else {})}
    x = nhwc(golden.arrays["in/x"])
    mask = nhwc(golden.arrays["in/mask"]) if masks else None
    options = {
        "cam_input": x * mask if masks.get("inp") else None,  # the files' gradient passes by it
        "feature_mask": mask if masks.get("fea") else None,
    }
    judgement, heat = jax.jit(lambda x: net.apply(variables, x, update=False, **options))(x)
    check_judgement(golden.under("eval/"), judgement, heat)

    shapes = [golden.arrays[f"train/{name}"].shape for name in ("logit", "cam_logit", "heatmap")]
    w_logit, w_cam, w_heat = weights_for(*shapes)

    def scalar(x):
        (judgement, heat), moved = net.apply(
            variables, x, update=True, mutable=["spectral"], **options
        )
        total = jnp.sum(judgement.logit * w_logit) + jnp.sum(judgement.cam_logit * w_cam)
        return total + jnp.sum(heat * w_heat) / 100, (judgement, heat, moved)

    (_, (judgement, heat, moved)), grad = jax.jit(jax.value_and_grad(scalar, has_aux=True))(x)
    check_judgement(golden.under("train/"), judgement, heat)
    assert relative_l2(nchw(grad), golden.arrays["train/grad_input"]) < 1e-3
    _, after = port.discriminator({**golden.under("sd/"), **golden.under("train/after/")})
    close = lambda got, want: np.testing.assert_allclose(got, want, atol=1e-5)  # noqa: E731
    jax.tree.map(close, dict(moved.get("spectral", {})), after)


def config_of(meta):
    """The seed's options by our fields."""
    seed, config = meta["config"], config_file.get_config("light")
    networks = meta["networks"]
    with config.unlocked():
        config.steps, config.ema.decay = 10, 0.0
        config.model.update(
            channels=networks["genA2B"]["ngf"],
            blocks=networks["genA2B"]["n_blocks"],
            light=seed["light"] > 0,
            pool=max(seed["light"], 1),
            global_layers=networks["disGA"]["n_layers"],
            local_layers=networks["disLA"]["n_layers"],
            variant="enhanced",
            squeeze=seed["use_se"],
            attention_masks=seed["attention_gan"],
            attention_input="colour_major" if seed["attention_input"] else "none",
            spectral=seed["sn"],
            disc_attention=seed["cam_D_attention"],
            forward_adv=seed["forward_adv_weight"],
            backward_adv=seed["backward_adv_weight"],
            adv_by="judge",
            mask_logits=seed["seg_D_mask"],
            detach_background=seed["seg_G_detach"],
            cam_input_mask=seed["seg_D_cam_inp_mask"],
            cam_feature_mask=seed["seg_D_cam_fea_mask"],
        )
        config.data.update(masks="soft", blur=seed["has_blur"])
        adv, cam = seed["adv_weight"], seed["adv_weight"] * seed["cam_D_weight"]
        disc, gen = {"adv": adv}, {"adv": adv}
        if cam > 0:
            disc["adv_cam"] = gen["adv_cam"] = cam
        if seed["has_blur"]:
            disc |= {"blur": adv, **({"blur_cam": cam} if cam > 0 else {})}
        if seed["seg_fix_weight"] > 0:
            gen["background"] = seed["seg_fix_weight"]
        gen |= {name: seed[f"{name}_weight"] for name in ("cycle", "identity", "cam")}
        config.weights.disc, config.weights.gen = disc, gen
    return config


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("enh_step_*"))
def test_step(path):
    """One step: losses, gradient norms of networks and decoder parameters, spectral vectors."""
    golden = read(path)
    config = config_of(golden.meta)
    game = ugatit.make(config)
    state = game_state(golden, game, batch := batch_of(golden))
    after, metrics = jax.jit(game.train_step)(state, batch)
    check_losses(golden.meta["losses"], metrics, config=config)
    for theirs, want in golden.meta["grad_l2"].items():
        network, _, parameter = theirs.partition("/")
        if not parameter:
            got = float(metrics[f"grad_norm_{port.NETWORKS[network]}"])
            assert abs(got - want) <= 1e-3 * want, (theirs, got, want)
    check_decoder_gradients(golden, state, after, decay=config.optim.weight_decay)
    for theirs, ours in port.NETWORKS.items():
        if theirs.startswith("dis") and config.model.spectral:
            whole = {**golden.under(f"sd/{theirs}/"), **golden.under(f"after/{theirs}/")}
            _, want = port.discriminator(whole)
            close = lambda x, y: np.testing.assert_allclose(x, y, atol=1e-4)  # noqa: E731
            jax.tree.map(close, dict(after.variables["spectral"][ours]), want)


def batch_of(golden):
    names = {"real_a": "real_A", "real_b": "real_B", "blur_a": "blur_A", "blur_b": "blur_B"}
    names |= {"mask_a": "maskA", "mask_b": "maskB"}
    names |= {"fix_mask_a": "maskA_erode", "fix_mask_b": "maskB_erode"}
    held = {ours: f"in/{theirs}" for ours, theirs in names.items()}
    return {k: nhwc(golden.arrays[v]) for k, v in held.items() if v in golden.arrays}


def game_state(golden, game, batch):
    params, spectral = {}, {}
    for theirs, ours in port.NETWORKS.items():
        tensors = golden.under(f"sd/{theirs}/")
        if theirs.startswith("gen"):
            params[ours] = port.generator(tensors)
        else:
            params[ours], spectral[ours] = port.discriminator(tensors)
    state = jax.eval_shape(game.init, jax.random.key(0), batch)
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, state.params)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), state.opt)
    variables = {"spectral": spectral} if state.variables else {}
    start = {"step": jnp.int32(0), "key": jax.random.key(0), "opt": zeros}
    return state._replace(params=params, variables=variables, **start)


def check_losses(wanted, metrics, *, config):
    """The file's losses are weighted, and summed over the judges of a domain."""
    weights = config.weights
    by = {"a": config.model.forward_adv, "b": config.model.backward_adv}  # as the seed's code
    got = {"Generator_loss": metrics["gen_total"]}
    for d in ("a", "b"):
        for player, name in (("disc", f"D_loss_{d.upper()}"), ("gen", f"G_ad_loss_{d.upper()}")):
            got[name] = by[d] * sum(
                weight * metrics[f"{player}_{term}_{size}{d}"]
                for term, weight in weights[player].items()
                if term in ugatit.JUDGED
                for size in "gl"
            )
        for theirs, ours in (("recon", "cycle"), ("identity", "identity"), ("cam", "cam")):
            got[f"G_{theirs}_loss_{d.upper()}"] = weights.gen[ours] * metrics[f"gen_{ours}_{d}"]
    if "background" in weights.gen:
        got["G_seg_loss"] = weights.gen.background * metrics["gen_background"]
    for theirs, want in wanted.items():
        value = float(got.pop(theirs.removesuffix(" (weighted)")))
        assert abs(value - want) <= 1e-4 * abs(want), (theirs, value, want)
    assert not got


def check_decoder_gradients(golden, before, after, *, decay):
    """Adam's first moment over (1 - b1), less the decay, is the gradient."""
    wanted = {k: v for k, v in golden.meta["grad_l2"].items() if "/" in k}
    assert wanted
    for network in ("genA2B", "genB2A"):
        ours = port.NETWORKS[network]
        moments = optax.tree.get(after.opt["gen"], "mu")[ours]
        own = before.params[ours]
        grads = jax.tree.map(lambda m, p: np.asarray(m) / 0.5 - decay * p, moments, own)
        # a port takes whole state dicts: each tensor in turn is marked, to see where it goes
        tensors = golden.under(f"sd/{network}/")
        for key, want in wanted.items():
            name = key.removeprefix(f"{network}/")
            if name not in tensors or not key.startswith(network):
                continue
            marked = {k: np.full_like(v, k == name) for k, v in tensors.items()}
            places = jax.tree.leaves(port.generator(marked))
            (grad,) = [
                g for g, place in zip(jax.tree.leaves(grads), places, strict=True) if place.any()
            ]
            got = float(np.linalg.norm(grad))
            assert abs(got - want) <= 1e-3 * want + 1e-6, (key, got, want)


@pytest.mark.parametrize("path", cases("enh_histogram*"))
def test_histogram(path):
    golden = read(path)
    image, reference = (golden.arrays[f"in/{name}"] for name in ("src", "ref"))
    wanted = golden.under("out/rate")
    assert len(wanted) == 3
    for rate, want in wanted.items():
        options = {"mode": "rgb", "ratio": float(rate), "blend": "cdf"}
        np.testing.assert_array_equal(histogram.matched(image, reference, **options), want)
    for name, picture in (("src", image), ("ref", reference)):
        got = histogram.cumulative(picture[..., 0])
        np.testing.assert_allclose(got, golden.arrays[f"out/cdf_{name}_0"], rtol=1e-12)


@pytest.mark.parametrize("path", cases("enh_step_plain*"))
def test_a_checkpoint_is_read(path, tmp_path):
    """A file of six networks and both averages, and one of a generator alone."""
    golden = read(path)

    def written(names, file):
        root = {
            name: {k: whole("Float", v) for k, v in golden.under(f"sd/{source}/").items()}
            for name, source in names.items()
        }
        write_zip(tmp_path / file, root)
        return port.originals(tmp_path / file)

    averages = {"genA2B_ema": "genB2A", "genB2A_ema": "genA2B"}
    found = written({**{name: name for name in port.NETWORKS}, **averages}, "params.pt")
    assert set(found) == set(port.NETWORKS.values())
    equal = lambda tree, other: jax.tree.map(np.testing.assert_array_equal, tree, other)  # noqa: E731
    average = port.generator(golden.under("sd/genB2A/"))
    equal(found["gen_ab"].variables["params"], average)
    equal(found["disc_la"].variables["spectral"], port.discriminator(golden.under("sd/disLA/"))[1])
    assert found["gen_ab"].fields["model.variant"] == "enhanced"

    with pytest.raises(ValueError, match=r"has the keys .*known here are U-GAT-IT's checkpoints"):
        written({"genA2B": "genA2B"}, "g_params.pt")


@pytest.mark.parametrize("path", cases("enh_gen_*"))
def test_transposed_doublings_are_known_by_their_shapes(path):
    golden = read(path)
    tensors = golden.under("sd/")
    doublings = [k for k in tensors if k.startswith("UpBlock") and tensors[k].ndim == 4]
    doublings = [k for k in doublings if tensors[k].shape[0] * 2 == tensors[k].shape[1]]
    doublings = [k for k in doublings if tensors[k].shape[2] == 3]
    assert len(doublings) in (2, 4)
    turned = tensors | {k: tensors[k].swapaxes(0, 1) for k in doublings}
    network = generator_of(golden.meta["config"]).clone(upsampling="transposed")
    x = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    wanted = jax.eval_shape(network.init, jax.random.key(0), x)["params"]
    got = port.generator(turned)
    assert jax.tree.map(np.shape, got) == jax.tree.map(np.shape, wanted)
    kernel = tensors["UpBlock2.2.weight"].swapaxes(0, 1)
    np.testing.assert_array_equal(got["up_1"]["kernel"], convert.conv_transpose(kernel))
