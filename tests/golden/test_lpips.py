"""LPIPS and VGG19's loss against the packages lpips and torchvision."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.goldens import golden_files, read
from tests.golden.metric_streams import weights
from tryon_jax.metrics import lpips
from tryon_jax.networks import vgg as networks
from tryon_jax.port import lpips as port
from tryon_jax.port import vgg as vgg_port

TORCHVISION = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("metrics", *patterns)]


def pictures(uint8):
    return uint8.astype(np.float32) / 127.5 - 1


@functools.cache
def judged(path):
    """A file and LPIPS through its network."""
    golden = read(path)
    network = path.stem.split("_")[1]
    drawn = weights(TORCHVISION[network], golden.meta["weights"])
    count = len(port.CHANNELS[network])
    linear = {f"lin{k}.model.1.weight": golden.arrays[f"lin{k}"] for k in range(count)}
    params = {
        "trunk": port.trunks(drawn, network=network),
        "linear": port.linears(linear, network=network),
    }
    return golden.arrays, lpips.Distance(jax.tree.map(jnp.asarray, params), network)


@jax.jit
def everything(distance, x, y):
    baseline = lpips.unweighted(distance)
    return distance(x, y), distance.layers(x, y), distance.spatial(x, y), baseline(x, y)


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("lpips_alex*", "lpips_squeeze*", "lpips_vgg*"))
class TestDrawn:
    @pytest.mark.parametrize("i", [0, 1])
    def test_distance_and_its_parts(self, path, i):
        arrays, distance = judged(path)
        x, y = pictures(arrays[f"x{i}"]), pictures(arrays[f"y{i}"])
        total, layers, spatial, baseline = everything(distance, x, y)
        np.testing.assert_allclose(total, arrays[f"dist{i}_f64"], atol=2e-6)
        np.testing.assert_allclose(layers, arrays[f"per_layer{i}_f64"], atol=2e-6)
        np.testing.assert_allclose(spatial[0], arrays[f"spatial{i}_f64"], atol=2e-6)
        np.testing.assert_allclose(baseline, arrays[f"baseline{i}_f64"], atol=2e-6)

    def test_taps(self, path):
        arrays, distance = judged(path)
        network = lpips.NETWORKS[distance.network]()
        params = {"params": distance.params["trunk"]}
        made = network.apply(params, networks.imagenet(jnp.asarray(pictures(arrays["x1"]))))
        for k, x in enumerate(made.values()):
            c, h, w = arrays[f"tap_shape{k}"]
            assert x.shape[1:] == (h, w, c)
            np.testing.assert_allclose(x.mean((1, 2)), arrays[f"tap_mean{k}"], rtol=1e-4, atol=1e-5)

    def test_gradient(self, path):
        arrays, distance = judged(path)
        x, y = pictures(arrays["x0"]), pictures(arrays["y0"])
        # weights enter as arguments: XLA would spend minutes on folding them as constants
        got = jax.jit(jax.grad(lambda x, y, distance: jnp.mean(distance(x, y))))(x, y, distance)
        np.testing.assert_allclose(got, arrays["grad_x0"], atol=1e-6)
        np.testing.assert_array_equal(distance(x, x), arrays["self_dist"])


@pytest.mark.parametrize("network", ["alex", "vgg"])
@pytest.mark.parametrize("path", cases("lpips_real*"))
def test_real_weights(path, network):
    """The very files of the package; its authors' example pictures among the pairs."""
    arrays = read(path).arrays
    distance = lpips.load(network)
    for i in (0, 1):
        if f"x{i}" in arrays:
            got = distance(pictures(arrays[f"x{i}"]), pictures(arrays[f"y{i}"]))
            np.testing.assert_allclose(got, arrays[f"{network}_dist{i}"], atol=2e-6)
    truth = pictures(np.stack([arrays["ex_ref"]] * 2))
    got = distance(pictures(np.stack([arrays["ex_p0"], arrays["ex_p1"]])), truth)
    np.testing.assert_allclose(got, arrays[f"{network}_ex"], atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("vgg19_loss*"))
def test_vgg19_loss(path):
    golden = read(path)
    arrays = golden.arrays
    variables = vgg_port.vgg(weights("vgg19", golden.meta["weights"]), depth=19)
    x, y = pictures(arrays["x"]), pictures(arrays["y"])

    def parts(variables, x, y):
        with jax.default_matmul_precision("highest"):
            features = [networks.VGG(19).apply(variables, z) for z in (x, y)]
        return networks.perceptual(*features)

    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=1, has_aux=True)
    def loss(variables, x, y):
        found = parts(variables, x, y)
        return sum(found.values()), found

    (total, found), gradient = loss(variables, x, y)
    np.testing.assert_allclose(total, arrays["loss_f64"], atol=1e-6)
    np.testing.assert_allclose(total, arrays["loss_cpvton_f64"], atol=1e-6)
    np.testing.assert_allclose(gradient, arrays["grad_x"], atol=1e-6)
    unweighted = [found[name] / weight for name, weight in networks.WEIGHTS.items()]
    np.testing.assert_allclose(unweighted, arrays["l1_per_tap"], atol=1e-6)
    (normalised, _), _ = loss(variables, *(networks.imagenet(jnp.asarray(z)) for z in (x, y)))
    assert float(normalised) == pytest.approx(arrays["loss_imagenet_normalised_f64"], abs=1e-6)
