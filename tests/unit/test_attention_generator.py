"""AttentionGAN's generator: its size by hand, and what its masks promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import cyclegan as config_file
from tryon_jax.networks.attention_generator import MASKS, AttentionGenerator
from tryon_jax.systems import cyclegan


def traced(network, x):
    return jax.eval_shape(lambda x: network.init_with_output(jax.random.key(0), x), x)


def conv(size, inputs, outputs):
    return size * size * inputs * outputs + outputs


def test_parameters_by_hand():
    """CycleGAN's encoder and blocks; two decoders; 27 channels of drafts and 10 of masks."""
    encoder = conv(7, 3, 64) + conv(3, 64, 128) + conv(3, 128, 256)
    blocks = 9 * 2 * conv(3, 256, 256)
    decoder = conv(3, 256, 128) + conv(3, 128, 64)
    want = encoder + blocks + 2 * decoder + conv(7, 64, 27) + conv(1, 64, 10)
    picture = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    image, variables = traced(AttentionGenerator(), picture)
    assert image.shape == (1, 64, 64, 3) and image.dtype == jnp.float32
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) == want == 11_822_949


@pytest.fixture(scope="module")
def network():
    """A small one, its weights of a seed, a picture, and the compiled network."""
    net = AttentionGenerator(4, blocks=0)  # on maps that no kernel covers: those compile fast
    x = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)), jnp.float32)
    params = jax.jit(net.init)(jax.random.key(0), x)["params"]
    return net, params, x, jax.jit(lambda p, x: net.apply({"params": p}, x, method="blend"))


def with_masks(params, biases):
    """The same weights, with masks that are the softmax of ten numbers everywhere."""
    kernel = jnp.zeros_like(params["masks_out"]["kernel"])
    return params | {"masks_out": {"kernel": kernel, "bias": jnp.asarray(biases, jnp.float32)}}


def test_the_image_is_the_sum_of_masked_drafts_and_input(network):
    _, params, x, blend = network
    image, drafts, masks = blend(params, x)
    assert drafts.shape == (1, 16, 16, MASKS - 1, 3) and masks.shape == (1, 16, 16, MASKS)
    np.testing.assert_allclose(masks.sum(-1), 1, rtol=1e-5)
    want = sum(np.asarray(drafts[..., i, :] * masks[..., i : i + 1]) for i in range(MASKS - 1))
    np.testing.assert_allclose(image, want + np.asarray(x * masks[..., -1:]), atol=1e-6)


def test_the_background_passes_unchanged_in_value_and_gradient(network):
    net, params, x, _ = network
    kept = with_masks(params, [0] * 9 + [200])
    cotangent = jnp.asarray(np.random.default_rng(1).normal(size=x.shape), jnp.float32)

    @jax.jit
    def run(x):
        image, pullback = jax.vjp(lambda x: net.apply({"params": kept}, x), x)
        return image, pullback(cotangent)[0]

    image, grad = run(x)
    np.testing.assert_array_equal(image, x)
    np.testing.assert_array_equal(grad, cotangent)


def test_a_draft_passes_nothing_of_the_background(network):
    """Where draft 4 is seen alone, the image is that draft, channel by channel."""
    _, params, x, blend = network
    shown = with_masks(params, [0, 0, 0, 0, 200, 0, 0, 0, 0, 0])
    made = blend(shown, x)
    np.testing.assert_array_equal(made.image, made.drafts[..., 4, :])
    bias = np.zeros(27, np.float32)  # nine pictures one after another
    bias[12:15] = np.arctanh([0.1, 0.2, 0.3])
    kernel = np.zeros_like(params["drafts_out"]["kernel"])
    image = blend(shown | {"drafts_out": {"kernel": kernel, "bias": bias}}, x).image
    np.testing.assert_allclose(image, np.broadcast_to([0.1, 0.2, 0.3], x.shape), rtol=1e-5)


def test_other_channels_are_refused():
    x = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float32)
    with pytest.raises(ValueError, match="both need 1 channels, got out_channels=3"):
        traced(AttentionGenerator(4, blocks=1), x)


@pytest.mark.slow
def test_cyclegan_plays_with_it_and_shows_the_masks():
    config = config_file.get_config("attention").unlock()
    config.model.update({"channels": 4, "disc_channels": 4, "disc_layers": 2, "pool": 2})
    config.remat = True
    game = cyclegan.make(config)
    assert game.multiple == 4
    picture = jax.ShapeDtypeStruct((4, 32, 32, 3), jnp.float32)
    batch = {"real_a": picture, "real_b": picture}
    state = jax.eval_shape(game.init, jax.random.key(0), batch)
    jax.eval_shape(game.train_step, state, batch)
    images = jax.eval_shape(game.sample, state, batch)
    assert game.strips["masks_a"] == ("real_a", *(f"mask_a_{i}" for i in range(1, 10)), "kept_a")
    for name in game.strips["masks_a"] + game.strips["masks_b"]:
        assert images[name].shape == (4, 32, 32, 3 if name.startswith("real") else 1)
