"""DesignGAN's networks: sizes, options, refusals. Numbers: tests/golden/test_designgan.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.networks.designgan_discriminator import DesignDiscriminator
from tryon_jax.networks.designgan_generator import DesignGenerator

PARTS = {
    "picture": 5_099_136,
    "garment": 5_102_272,
    "joints": 576,
    "fuse": 139_520,
    "trunk": 5_900_800,
    "head_picture": 378_243,
    "head_mask": 167_553,
}


def inputs(height=256, width=128):
    def of(h, w, c):
        return jax.ShapeDtypeStruct((1, h, w, c), jnp.float32)

    maps = {"body": of(height, width, 1), "heatmaps": of(height // 4, width // 4, 17)}
    return (of(height, width, 3), of(height, width, 1)), maps


def traced(network, *, size=(256, 128)):
    """Shapes of the result and of the parameters."""
    pair, maps = inputs(*size)
    if isinstance(network, DesignGenerator):
        maps["garment"] = maps["body"]

    def run(pair, maps):
        return network.init_with_output(jax.random.key(0), *pair, **maps)

    made, variables = jax.eval_shape(run, pair, maps)
    return made, variables["params"]


def size(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


def test_generator_has_the_design_s_numbers_of_parameters():
    made, params = traced(DesignGenerator())
    assert made.picture.shape == (1, 256, 128, 3) and made.mask.shape == (1, 256, 128, 1)
    trunk = {name: params.pop(name) for name in list(params) if name.startswith("trunk")}
    assert {name: size(params[name]) for name in params} | {"trunk": size(trunk)} == PARTS
    assert size(params) + size(trunk) == 16_788_100


def test_discriminator_has_the_design_s_numbers_of_parameters():
    logits, params = traced(DesignDiscriminator(), size=(256, 256))
    assert logits.shape == (1, 30, 30, 1)
    assert size(params["picture"]) == 658_880 and size(params["mask"]) == 656_832
    assert size(params) == 7_615_873


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({"applied": "concat"}, 2 * 256),
        ({"applied": "none"}, 0),
        ({"applied": "product"}, 0),
        ({"learned": True}, 9 * 17 * 2 + 2),
        ({"upscaling": "resize"}, 0),
    ],
)
def test_options_of_the_generator(fields, more):
    _, params = traced(DesignGenerator(**fields), size=(64, 32))
    assert size(params) == 16_788_100 + more


def test_a_gate_by_heatmaps():
    _, params = traced(DesignDiscriminator(weighed="heatmaps"), size=(64, 32))
    assert size(params) == 7_615_873 + 17 * 256 + 256


def test_without_weights_the_body_says_nothing():
    """Of the discriminator; that it does otherwise is in the golden test."""
    rng = np.random.default_rng(0)
    picture, mask = (jnp.asarray(rng.normal(size=(1, 24, 24, c)), jnp.float32) for c in (3, 1))
    bodies = (jnp.zeros((1, 24, 24, 1)), jnp.asarray(rng.uniform(size=(1, 24, 24, 1))))
    net = DesignDiscriminator(channels=2, weighed="none")

    @jax.jit
    def judge():
        options = {"heatmaps": jnp.zeros((1, 6, 6, 17))}
        first, variables = net.init_with_output(
            jax.random.key(0, impl="unsafe_rbg"), picture, mask, body=bodies[0], **options
        )
        return first, net.apply(variables, picture, mask, body=bodies[1], **options)

    np.testing.assert_array_equal(*judge())


def test_refusals():
    with pytest.raises(ValueError, match=r"applied must be one of residual, .*got 'added'"):
        traced(DesignGenerator(applied="added"))
    with pytest.raises(ValueError, match="upscaling must be one of transposed, resize"):
        traced(DesignGenerator(upscaling="shuffle"))
    with pytest.raises(ValueError, match="weighed must be one of body, heatmaps, none"):
        traced(DesignDiscriminator(weighed="joints"))
    with pytest.raises(ValueError, match="multiples of 8 and at least 24; got 36 x 28"):
        traced(DesignDiscriminator(), size=(36, 28))
