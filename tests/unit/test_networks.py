"""Sizes, parameter counts and smallest pictures of every network: shapes only, nothing compiled.

The numbers are those of the original PyTorch programs.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import cyclegan as cyclegan_config
from configs import ugatit as ugatit_config
from tryon_jax.networks.blocks import Dropout, Norm
from tryon_jax.networks.patchgan import PatchGAN, PixelGAN
from tryon_jax.networks.resnet_generator import ResnetGenerator
from tryon_jax.networks.unet import UNet
from tryon_jax.systems import cyclegan, ugatit


def picture(side, *, channels=3, count=1):
    return jax.ShapeDtypeStruct((count, side, side, channels), jnp.float32)


def traced(network, x, **options):
    """The shapes of what a network returns and of its variables."""
    key = jax.random.key(0)
    return jax.eval_shape(lambda x: network.init_with_output(key, x, **options), x)


def size(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


class TestUGATIT:
    @pytest.mark.parametrize(
        ("light", "side", "channels", "count"),
        [
            (True, 256, 64, 10_589_888),
            (True, 128, 64, 10_589_888),
            (True, 256, 32, 2_653_024),
            (False, 256, 64, 278_959_808),
            (False, 256, 32, 69_745_504),
            (False, 128, 64, 77_633_216),
            (False, 128, 32, 19_413_856),
        ],
    )
    def test_generator(self, light, side, channels, count):
        made, variables = traced(ugatit.Generator(channels, light=light), picture(side))
        assert set(variables) == {"params"}
        assert size(variables["params"]) == count
        assert made.image.shape == (1, side, side, 3)
        assert made.cam_logit.shape == (1, 2)
        assert made.heat.shape == (1, side // 4, side // 4, 1)

    @pytest.mark.parametrize(
        ("layers", "channels", "count", "vectors"),
        [
            (7, 64, 53_130_176, 72_691),
            (5, 64, 3_290_560, 17_395),
            (7, 32, 13_294_048, None),
            (5, 32, 826_080, None),
        ],
    )
    def test_discriminator(self, layers, channels, count, vectors):
        network = ugatit.Discriminator(channels, layers)
        _, variables = traced(network, picture(256), update=True)
        assert size(variables["params"]) == count
        assert vectors is None or size(variables["spectral"]) == vectors

    @pytest.mark.parametrize(
        ("variant", "channels", "count"),
        [
            ("light", 64, 134_021_248),
            ("light", 32, 33_546_304),
            ("full", 64, 670_761_088),
            ("full", 32, 167_731_264),
        ],
    )
    def test_whole_model(self, variant, channels, count):
        config = ugatit_config.get_config(variant)
        config.model.channels = channels
        batch = {"real_a": picture(256), "real_b": picture(256)}
        state = jax.eval_shape(ugatit.make(config).init, jax.random.key(0), batch)
        assert size(state.params) == count
        averaged = size([state.params["gen_ab"], state.params["gen_ba"]])
        assert size(state.ema) == (0 if variant == "full" else averaged)

    @pytest.mark.parametrize(
        ("side", "global_side", "local_side"),
        [(96, 1, 10), (128, 2, 14), (256, 6, 30), (384, 10, 46)],
    )
    def test_logits(self, side, global_side, local_side):
        for layers, logits in ((7, global_side), (5, local_side)):
            network = ugatit.Discriminator(8, layers)
            (judgement, heat), _ = traced(network, picture(side, count=2), update=True)
            assert judgement.logit.shape == (2, logits, logits, 1)
            assert judgement.cam_logit.shape == (2, 2)
            assert heat.shape == (2, logits + 1, logits + 1, 1)

    @pytest.mark.parametrize(("layers", "smallest"), [(7, 96), (5, 24)])
    def test_smallest_picture(self, layers, smallest):
        network = ugatit.Discriminator(8, layers)
        (judgement, _), _ = traced(network, picture(smallest), update=True)
        assert judgement.logit.shape == (1, 1, 1, 1)
        with pytest.raises(ValueError, match="map is too small to be reflected by 1; use larger"):
            traced(network, picture(smallest - 8), update=True)

    def test_a_bfloat16_network_answers_in_float32(self):
        network = ugatit.Generator(8, light=True, dtype=jnp.bfloat16)
        made, variables = traced(network, picture(32))
        network = ugatit.Discriminator(8, 5, dtype=jnp.bfloat16)
        (judgement, _), more = traced(network, picture(32), update=True)
        for x in jax.tree.leaves((made.image, made.cam_logit, judgement, variables, more)):
            assert x.dtype == jnp.float32


class TestCycleGAN:
    @pytest.mark.parametrize(
        ("network", "side", "counts"),
        [
            (
                lambda norm: ResnetGenerator(blocks=6, norm=norm),
                64,
                (7_837_699, 7_841_411, 7_833_987),
            ),
            (
                lambda norm: ResnetGenerator(blocks=9, norm=norm),
                64,
                (11_378_179, 11_383_427, 11_372_931),
            ),
            (lambda norm: UNet(halvings=7, norm=norm), 128, (41_825_667, 41_828_995, 41_821_187)),
            (lambda norm: UNet(halvings=8, norm=norm), 256, (54_409_603, 54_413_955, 54_404_099)),
            (lambda norm: PatchGAN(layers=3, norm=norm), 64, (2_764_737, 2_765_633, 2_763_841)),
            (lambda norm: PixelGAN(norm=norm), 64, (8_705, 8_832, 8_576)),
        ],
        ids=["resnet_6", "resnet_9", "unet_128", "unet_256", "patchgan", "pixelgan"],
    )
    def test_parameters(self, network, side, counts):
        for norm, count in zip(("instance", "batch", "none"), counts, strict=True):
            _, variables = traced(network(norm), picture(side), update=True)
            assert size(variables["params"]) == count, norm
            assert ("batch_stats" in variables) == (norm == "batch")

    def test_parameters_of_other_widths(self):
        _, variables = traced(ResnetGenerator(channels=32), picture(64))
        assert size(variables["params"]) == 2_850_563
        network = PatchGAN(norm="batch")  # pix2pix: the condition beside the picture
        _, variables = traced(network, picture(64, channels=6), update=True)
        assert size(variables["params"]) == 2_768_705

    @pytest.mark.parametrize(
        ("layers", "count", "logits"),
        [
            (1, 136_385, {64: 30, 128: 62, 256: 126}),
            (2, 662_977, {64: 14, 128: 30, 256: 62}),
            (3, 2_764_737, {64: 6, 128: 14, 256: 30}),
            (4, 6_959_553, {64: 2, 128: 6, 256: 14}),
            (5, 11_154_369, {128: 2, 256: 6}),
        ],
    )
    def test_patchgan(self, layers, count, logits):
        for side, want in logits.items():
            y, variables = traced(PatchGAN(layers=layers), picture(side), update=True)
            assert size(variables["params"]) == count
            assert y.shape == (1, want, want, 1) and y.dtype == jnp.float32

    @pytest.mark.parametrize("norm", ["instance", "batch", "none"])
    def test_patchgan_refuses_pictures_that_leave_no_logit(self, norm):
        network = PatchGAN(layers=5, norm=norm)
        with pytest.raises(ValueError, match=r"64 x 64 picture leaves a 1 x 1 map.*use larger"):
            traced(network, picture(64), update=True)
        with pytest.raises(ValueError, match=r"16 x 16 picture leaves a 1 x 1 map.*fewer"):
            traced(network, picture(16), update=True)

    def test_pixelgan_judges_every_pixel(self):
        y, _ = traced(PixelGAN(), picture(33), update=True)
        assert y.shape == (1, 33, 33, 1)

    def test_generators_keep_the_size(self):
        y, _ = traced(ResnetGenerator(channels=8, out_channels=1), picture(36, channels=1))
        assert y.shape == (1, 36, 36, 1)
        y, _ = traced(UNet(channels=8, halvings=5), picture(64))
        assert y.shape == (1, 64, 64, 3)

    def test_unet_needs_multiples(self):
        with pytest.raises(ValueError, match=r"7 halvings needs .* multiples of 128, got 96 x 96"):
            traced(UNet(halvings=7), picture(96))

    def test_whole_model(self):
        config = cyclegan_config.get_config()
        batch = {"real_a": picture(256), "real_b": picture(256)}
        state = jax.eval_shape(cyclegan.make(config).init, jax.random.key(0), batch)
        assert size(state.params) == 2 * (11_378_179 + 2_764_737)
        assert state.variables["pool"]["pool_a"]["pictures"].shape == (50, 256, 256, 3)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"generator": "resnet"}, "model.generator must be one of resnet_9blocks.*'resnet'"),
            ({"discriminator": "basic"}, "model.discriminator must be .*pixel; got 'basic'"),
            ({"norm": "layer"}, "norm must be one of instance, batch, none; got 'layer'"),
            ({"init_type": "he"}, "init_type must be one of .*; got 'he'"),
        ],
    )
    def test_unknown_choices_are_named(self, changes, message):
        config = cyclegan_config.get_config("smoke")
        config.model.update(changes)
        batch = {"real_a": picture(32), "real_b": picture(32)}
        with pytest.raises(ValueError, match=message):
            jax.eval_shape(cyclegan.make(config).init, jax.random.key(0), batch)

    def test_identities_are_weighted_together(self):
        config = cyclegan_config.get_config("smoke").unlock()
        del config.weights.gen["identity_a"]
        with pytest.raises(KeyError, match=r"identity_a and identity_b or neither.*identity_b"):
            cyclegan.make(config)

    def test_without_identity_no_grid_asks_for_it(self):
        config = cyclegan_config.get_config("smoke").unlock()
        del config.weights.gen["identity_a"], config.weights.gen["identity_b"]
        game = cyclegan.make(config)
        assert game.strips == {
            "a2b": ("real_a", "fake_b", "cycle_a"),
            "b2a": ("real_b", "fake_a", "cycle_b"),
        }

    @pytest.mark.parametrize(("generator", "multiple"), [("resnet_6blocks", 4), ("unet_128", 128)])
    def test_inference_knows_which_sides_fit(self, generator, multiple):
        config = cyclegan_config.get_config()
        config.model.generator = generator
        assert cyclegan.make(config).multiple == multiple


def test_dropout_rests_without_update_and_keeps_the_mean():
    x = jnp.ones((1, 64, 64, 16))
    np.testing.assert_array_equal(Dropout().apply({}, x, update=False), x)
    y = Dropout().apply({}, x, update=True, rngs={"noise": jax.random.key(0)})
    assert set(np.unique(y)) == {0, 2}
    assert float(y.mean()) == pytest.approx(1, abs=0.02)


def test_batch_norm_of_cyclegan_starts_around_one():
    x = jnp.ones((1, 2, 2, 4096))
    scale = Norm("batch").init(jax.random.key(0), x, update=True)["params"]["batch"]["scale"]
    assert float(scale.mean()) == pytest.approx(1, abs=2e-3)
    assert float(scale.std()) == pytest.approx(0.02, rel=0.05)
