"""Each option of the enhanced U-GAT-IT changes what it says and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import ugatit as config_file
from configs import ugatit_enhanced
from tryon_jax import setup
from tryon_jax.layers.cam import CAM
from tryon_jax.layers.pooling import adaptive_average, first_maximum
from tryon_jax.layers.squeeze import Squeeze
from tryon_jax.networks.ugatit_discriminator import Discriminator
from tryon_jax.networks.ugatit_generator import Generator, Translation, blended
from tryon_jax.systems import ugatit

SIDE = 16


def size(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


def shapes(network, side, **options):
    """The shapes of what a network returns and of its variables."""
    x = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    return jax.eval_shape(lambda x: network.init_with_output(jax.random.key(0), x, **options), x)


class TestSizes:
    """The numbers of parameters of the enhanced version's own networks."""

    @pytest.mark.parametrize(
        ("options", "count"),
        [
            ({"light": False}, 614_512_389),
            ({}, 10_598_149),
            ({"pool": 32}, 77_641_477),
            ({"pool": 32, "squeeze": True}, 77_908_237),
            ({"pool": 32, "attention_masks": 2, "attention_input": "whole"}, 82_733_703),
            (
                {"pool": 32, "attention_masks": 2, "attention_input": "whole", "squeeze": True},
                83_133_843,
            ),
        ],
    )
    def test_generator(self, options, count):
        network = Generator(**{"light": True, "variant": "enhanced", **options})
        made, variables = shapes(network, 384)
        assert size(variables["params"]) == count
        assert made.image.shape == (1, 384, 384, 3)
        masks = options.get("attention_masks")
        assert (made.attention is None) if masks is None else made.attention.shape[-1] == masks

    @pytest.mark.parametrize(
        ("layers", "count"), [(7, 53_130_179), (5, 3_290_563), (4, 942_403), (3, 243_395)]
    )
    def test_discriminator(self, layers, count):
        network = Discriminator(layers=layers, variant="enhanced")
        assert size(shapes(network, 128, update=True)[1]["params"]) == count

    def test_transposed_doubling_swaps_two_kernels_and_keeps_the_size(self):
        plain, other = (
            shapes(Generator(8, light=True, upsampling=name), 32)
            for name in ("nearest", "transposed")
        )
        assert jax.tree.map(lambda x: x.shape, plain) == jax.tree.map(lambda x: x.shape, other)

    def test_a_pooled_generator_takes_any_side(self):
        network = Generator(4, 1, light=True, pool=3)
        sizes = {size(shapes(network, side)[1]["params"]) for side in (24, 32, 40)}
        assert len(sizes) == 1

    def test_without_spectral_norm_there_are_no_vectors(self):
        _, variables = shapes(Discriminator(4, 3, spectral=False), 32, update=True)
        assert set(variables) == {"params"}


class TestLayers:
    def test_cells_that_do_not_divide_the_map_overlap(self):
        x = jnp.arange(5.0)[None, :, None, None] + 10 * jnp.arange(4.0)[None, None, :, None]
        got = adaptive_average(x, size=(2, 2))[0, ..., 0]
        np.testing.assert_allclose(got, [[1 + 5, 1 + 25], [3 + 5, 3 + 25]])
        np.testing.assert_allclose(adaptive_average(x, size=(5, 4)), x)

    def test_the_gradient_of_a_maximum_goes_to_the_first_place(self):
        x = jnp.array([1.0, 3.0, 3.0, 2.0]).reshape(1, 2, 2, 1)
        grad = jax.grad(lambda x: first_maximum(x).sum())(x)
        np.testing.assert_array_equal(grad.ravel(), [0, 1, 0, 0])
        np.testing.assert_array_equal(first_maximum(x), [[3]])

    def test_squeeze_adds_a_gate_per_channel_and_one_per_place(self):
        x = jax.random.normal(jax.random.key(0), (1, 3, 3, 4))
        variables = Squeeze().init(jax.random.key(1), x)
        shapes = jax.tree.map(jnp.shape, variables["params"])
        assert shapes["reduce"]["kernel"] == (4, 8) and shapes["place"]["kernel"] == (4, 1)
        half = jax.tree.map(jnp.zeros_like, variables)
        np.testing.assert_allclose(Squeeze().apply(half, x), x, rtol=1e-6)  # 1/2 + 1/2
        half["params"]["expand"]["bias"] = jnp.array([0.0, 100.0, -100.0, 0.0])
        got = Squeeze().apply(half, x) / x
        np.testing.assert_allclose(got[0, 1, 1], [1, 1.5, 0.5, 1], rtol=1e-5)

    def test_rows_with_biases_weigh_every_channel(self):
        x = jax.random.normal(jax.random.key(0), (2, 3, 3, 4))
        network = CAM(row_bias=True)
        params = dict(network.init(jax.random.key(1), x)["params"])
        without = {k: v for k, v in params.items() if k not in ("average_bias", "max_bias")}
        shifted = without | {"average_row": params["average_row"] + params["average_bias"]}
        shifted["max_row"] = params["max_row"] + params["max_bias"]
        got, want = network.apply({"params": params}, x), CAM().apply({"params": shifted}, x)
        np.testing.assert_allclose(got.features, want.features, rtol=1e-5)
        plain = CAM().apply({"params": without}, x).logit
        biases = jnp.concatenate([params["average_bias"], params["max_bias"]])
        np.testing.assert_allclose(got.logit, plain + biases, rtol=1e-5)

    def test_without_attention_the_rows_weigh_nothing(self):
        x = jax.random.normal(jax.random.key(0), (1, 3, 3, 4))
        network = CAM(attend=False)
        params = dict(network.init(jax.random.key(1), x)["params"])
        other = params | {"average_row": -params["average_row"]}
        first, second = (network.apply({"params": p}, x) for p in (params, other))
        np.testing.assert_array_equal(first.features, second.features)
        np.testing.assert_allclose(first.logit[:, 0], -second.logit[:, 0])


class TestBlended:
    """Drafts in the proportions of masks; letters as in the description of the seed's code."""

    masks = jnp.array([0.25, 0.75]).reshape(1, 1, 1, 2)
    picture = jnp.array([0.1, 0.2, 0.3]).reshape(1, 1, 1, 3)

    def test_without_the_input(self):
        drafts = jnp.arange(6.0).reshape(1, 1, 1, 6)  # red 0 1, green 2 3, blue 4 5
        got = blended(drafts, self.masks, picture=self.picture, attention_input="none")
        np.testing.assert_allclose(got.ravel(), [0.75, 2.75, 4.75])

    def test_the_input_is_the_first_draft(self):
        drafts = jnp.array([0.5, 0.6, 0.7]).reshape(1, 1, 1, 3)
        got = blended(drafts, self.masks, picture=self.picture, attention_input="whole")
        np.testing.assert_allclose(got, 0.25 * self.picture + 0.75 * drafts, rtol=1e-6)

    def test_colour_major_mixes_colours_as_the_seed_does(self):
        drafts = jnp.array([0.5, 0.6, 0.7]).reshape(1, 1, 1, 3)
        got = blended(drafts, self.masks, picture=self.picture, attention_input="colour_major")
        red, green, blue = got.ravel()
        np.testing.assert_allclose(red, 0.25 * 0.1 + 0.75 * 0.2, rtol=1e-6)
        np.testing.assert_allclose(green, 0.25 * 0.3 + 0.75 * 0.5, rtol=1e-6)
        np.testing.assert_allclose(blue, 0.25 * 0.6 + 0.75 * 0.7, rtol=1e-6)


class OneJudge(ugatit.UGATIT):
    """The game with one discriminator of the four, which are alike."""

    def _judges(self):
        return {"gb": super()._judges()["gb"]}


class Play:
    """The losses of a tiny game on pictures that no generator made."""

    def __init__(self, *, terms=("disc.adv_cam", "gen.adv_cam"), **options):
        self.game = OneJudge(
            channels=2, global_layers=3, local_layers=3, terms=frozenset(terms), **options
        )
        keys = iter(jax.random.split(jax.random.key(3), 32))

        def picture(channels=3):
            return jax.random.uniform(next(keys), (1, SIDE, SIDE, channels), minval=-1)

        def translation(name):
            return Translation(picture(), jax.random.normal(next(keys), (1, 2)), picture(1))

        names = ("fake_a", "fake_b", "identity_a", "identity_b", "cycle_a", "cycle_b")
        self.made = {name: translation(name) for name in names}
        self.batch = {f"{kind}_{d}": picture() for kind in ("real", "blur") for d in "ab"}
        left = jnp.zeros((1, SIDE, SIDE, 1)).at[:, :, : SIDE // 2].set(1)
        self.batch |= {"mask_a": left, "mask_b": left, "fix_mask_a": left, "fix_mask_b": left}
        self.variables = self.game.init(
            jax.random.key(0), self.batch, self.made, method="disc_loss"
        )

    def loss(self, player, batch=None, **made):
        """The terms of a player, with some pictures in place of others."""
        given = {name: self.made[name]._replace(image=x) for name, x in made.items()}
        return self.game.apply(
            self.variables,
            {**self.batch, **(batch or {})},
            {**self.made, **given},
            method=f"{player}_loss",
            mutable=["spectral"],
        )

    def gradient(self, player, term, **made):
        """Of the sum of a term's parts by one picture."""
        ((name, x),) = made.items()

        def total(x):
            part = self.loss(player, **{name: x})[0][term]
            return sum(part.values())

        return np.asarray(jax.grad(total)(x))


@pytest.fixture(scope="module")
def plain():
    return Play()


def masks(value):
    return {f"mask_{d}": jnp.full((1, SIDE, SIDE, 1), value) for d in "ab"}


def values(terms, name):
    return np.array([terms[name][part] for part in sorted(terms[name])])


def test_the_terms_are_those_that_have_weights(plain):
    assert set(plain.loss("disc")[0]) == {"adv", "adv_cam"}
    assert set(plain.loss("gen")[0]) == {"adv", "adv_cam", "cycle", "identity", "cam"}
    other = Play(terms=("disc.blur", "disc.blur_cam", "gen.background"))
    assert set(other.loss("disc")[0]) == {"adv", "blur", "blur_cam"}
    assert set(other.loss("gen")[0]) == {"adv", "background", "cycle", "identity", "cam"}


@pytest.mark.slow
def test_blurred_pictures_are_fakes(plain):
    """Where the blurred pictures are those that were judged last, they get the same judgement."""
    play = Play(terms=("disc.blur",), spectral=False)
    real = {f"real_{d}": play.batch[f"blur_{d}"] for d in "ab"}
    got = play.loss("disc", real)[0]
    fakes = {f"fake_{d}": play.batch[f"blur_{d}"] for d in "ab"}
    both = play.loss("disc", real, **fakes)[0]  # (D - 1)^2 + D^2
    ones = play.loss("gen", **fakes)[0]  # (D - 1)^2
    np.testing.assert_allclose(
        values(got, "blur"), values(both, "adv") - values(ones, "adv"), atol=1e-5
    )


@pytest.mark.slow
def test_mask_logits_leaves_the_background_out(plain):
    play = Play(mask_logits=True)
    for player in ("disc", "gen"):
        whole = play.loss(player, masks(1.0))[0]
        np.testing.assert_allclose(
            values(whole, "adv"), values(plain.loss(player)[0], "adv"), rtol=1e-5
        )
        nothing = play.loss(player, masks(0.0))[0]
        np.testing.assert_array_equal(values(nothing, "adv"), 0)
        np.testing.assert_array_equal(values(nothing, "adv_cam"), values(whole, "adv_cam"))
        part = values(play.loss(player)[0], "adv")
        assert (part > 0).all() and not np.allclose(part, values(whole, "adv"))


@pytest.mark.slow
def test_background_pixels_receive_no_adversarial_gradient(plain):
    play = Play(detach_background=True)
    fake = play.made["fake_b"].image
    for term in ("adv", "adv_cam"):
        grad, free = (game.gradient("gen", term, fake_b=fake) for game in (play, plain))
        left, right = grad[:, :, : SIDE // 2], grad[:, :, SIDE // 2 :]
        np.testing.assert_array_equal(right, 0)
        assert np.abs(free[:, :, SIDE // 2 :]).max() > 0
        np.testing.assert_allclose(left, free[:, :, : SIDE // 2], rtol=1e-4, atol=1e-8)
        np.testing.assert_array_equal(
            values(play.loss("gen")[0], term), values(plain.loss("gen")[0], term)
        )
    cycle = play.gradient("gen", "cycle", cycle_a=fake)
    assert np.abs(cycle[:, :, SIDE // 2 :]).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("option", ["cam_input_mask", "cam_feature_mask"])
def test_the_classifier_sees_the_foreground_alone(plain, option):
    play = Play(spectral=False, **{option: True})
    free = Play(spectral=False)
    wanted, whole = free.loss("gen")[0], play.loss("gen", masks(1.0))[0]
    part = play.loss("gen")[0]
    np.testing.assert_allclose(values(whole, "adv_cam"), values(wanted, "adv_cam"), rtol=1e-5)
    assert not np.allclose(values(part, "adv_cam"), values(wanted, "adv_cam"), rtol=1e-3)
    for terms in (whole, part):  # patches are judged as they were
        np.testing.assert_allclose(values(terms, "adv"), values(wanted, "adv"), rtol=1e-5)
    if option == "cam_feature_mask":  # nothing is seen: logits 0, without biases
        nothing = play.loss("gen", masks(0.0))[0]
        np.testing.assert_allclose(values(nothing, "adv_cam"), 1, rtol=1e-6)
    else:
        fake = play.made["fake_b"].image
        grad = play.gradient("gen", "adv_cam", fake_b=fake)
        np.testing.assert_array_equal(grad[:, :, SIDE // 2 :], 0)
        assert np.abs(grad[:, :, : SIDE // 2]).max() > 0


def test_the_background_shall_stay():
    play = Play(terms=("gen.background",))
    real, half = play.batch["real_a"], SIDE // 2
    fake = play.made["fake_b"].image
    got = play.loss("gen")[0]["background"]["a"]
    outside = np.abs(np.asarray(fake - real))[:, :, half:]
    np.testing.assert_allclose(got, outside.sum() / fake.size, rtol=1e-5)
    grad = play.gradient("gen", "background", fake_b=fake)
    np.testing.assert_array_equal(grad[:, :, :half], 0)
    np.testing.assert_allclose(np.abs(grad[:, :, half:]), 1 / fake.size, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "moves"), [("official", True), ("enhanced", False)])
def test_the_enhanced_discriminators_rest_while_generators_learn(variant, moves):
    play = Play(variant=variant)
    before = play.variables["spectral"]["disc_gb"]["conv_0"]["spectral"]["u"]
    for player, moved in (("gen", moves), ("disc", True)):
        after = play.loss(player)[1]["spectral"]["disc_gb"]["conv_0"]["spectral"]["u"]
        assert np.array_equal(before, after) != moved


class TestDirections:
    weights = {"disc": {"adv": 2.0}, "gen": {"adv": 2.0, "cycle": 10.0}}  # noqa: RUF012

    def test_forward_teaches_to_make_b(self):
        fields = {"forward_adv": 3.0, "backward_adv": 0.5, "channels": 4}
        got = ugatit.directed(self.weights, ugatit.factors(fields))
        assert fields == {"channels": 4}
        assert got["gen"]["adv"] == {"gb": 6.0, "lb": 6.0, "ga": 1.0, "la": 1.0}
        assert got["disc"]["adv"] == got["gen"]["adv"] and got["gen"]["cycle"] == 10.0

    def test_the_seed_s_code_is_the_other_way_round(self):
        fields = {"forward_adv": 3.0, "backward_adv": 0.5, "adv_by": "judge"}
        got = ugatit.directed(self.weights, ugatit.factors(fields))
        assert got["disc"]["adv"] == {"ga": 6.0, "la": 6.0, "gb": 1.0, "lb": 1.0}

    def test_equal_directions_leave_the_weights_alone(self):
        assert ugatit.directed(self.weights, ugatit.factors({})) is self.weights


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model.variant", "better", "model.variant must be one of official, enhanced; got 'bett"),
        ("model.upsampling", "cubic", "model.upsampling must be one of nearest, transposed"),
        ("model.attention_input", "first", "model.attention_input must be one of none, whole"),
        ("model.attention_input", "whole", "blends by attention masks: set --config.model.att"),
        ("model.adv_by", "b", "model.adv_by must be one of translation, judge; got 'b'"),
        ("model.attention_masks", 1, "model.attention_masks must be 0 or from 2 on, got 1"),
        ("model.pool", 0, "model.pool=0 must be 1 or more"),
        ("model.local_layers", 2, r"model.\*_layers must be 3 or more, got 2"),
        ("model.mask_logits", True, "model.mask_logits need masks of the foreground: set --conf"),
        ("weights.gen.background", 1.0, "weights.gen.background need masks of the foreground"),
        ("weights.disc.blur", 1.0, "needs blurred pictures: set --config.data.blur=True"),
        ("weights.disc.adv_cam", -1.0, "weights.disc.adv_cam must be 0 or more, got -1.0"),
    ],
)
def test_what_does_not_fit_is_refused(field, value, message):
    config = config_file.get_config("light").unlock()
    *groups, name = field.split(".")
    node = config
    for group in groups:
        node = node[group]
    node[name] = value
    with pytest.raises(ValueError, match=message):
        ugatit.make(config)


def test_full_style_layers_have_no_cells():
    config = config_file.get_config("full").unlock()
    config.model.pool = 4
    with pytest.raises(ValueError, match=r"model.pool=4 .* with model.light=True alone"):
        ugatit.make(config)


def test_the_masks_of_a_fake_are_shown():
    strips = setup.make_system(ugatit_enhanced.get_config("smoke")).strips
    assert strips["a2b"][-2:] == ("fake_b_attention_0", "fake_b_attention_1")
    assert len(setup.make_system(config_file.get_config("smoke")).strips["b2a"]) == 7
