"""PyTorch's own files of weights, exactly; VGG19's features and loss."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden import cpvton_streams as streams
from tests.golden.goldens import folder, golden_files, nchw, nhwc, read, relative_l2
from tryon_jax.networks.vgg import VGG, WEIGHTS, perceptual
from tryon_jax.port import torch_file
from tryon_jax.port import vgg as port

CHECKPOINTS = [pytest.param(p, id=p.stem) for p in sorted((folder() / "cpvton").glob("ckpt_*.pth"))]
LOSSES = [pytest.param(p, id=p.stem) for p in golden_files("cpvton", "vgg_loss*")]


@pytest.mark.parametrize("path", CHECKPOINTS)
def test_checkpoint(path):
    with np.load(path.with_name("ckpt_expected.npz")) as file:
        wanted = {key: file[key] for key in file.files if key != "meta"}
    got = torch_file.read(path)
    assert got.keys() == wanted.keys()
    for key, array in got.items():
        assert array.dtype == wanted[key].dtype
        np.testing.assert_array_equal(array, wanted[key], strict=True)


def drawn(meta):
    """Weights, x and y from a description such as `x=field(2201,2,3,64,48), y=field(2202,...)`."""
    seed, gain = re.search(r"vgg_shapes\(\), (\d+), gain=([\d.]+)", meta["weights"]).groups()
    x_seed, size, y_seed = re.search(
        r"x=field\((\d+),([\d,]+)\), y=field\((\d+)", meta["inputs"]
    ).groups()
    n, c, h, w = map(int, size.split(","))
    x, y = (nhwc(streams.field(int(s), n, c, h, w)) for s in (x_seed, y_seed))
    return streams.weights(streams.vgg_shapes(), int(seed), gain=float(gain)), x, y


@pytest.mark.parametrize("path", LOSSES)
def test_perceptual_loss(path):
    golden = read(path)
    weights, x, y = drawn(golden.meta)
    variables = port.vgg(weights, depth=19)

    @jax.jit
    def loss(x, variables):
        features = VGG(19).apply(variables, x)
        parts = perceptual(features, VGG(19).apply(variables, y))
        return sum(parts.values(), start=jnp.float32(0)), (parts, features)

    (total, (parts, features)), grad = jax.value_and_grad(loss, has_aux=True)(x, variables)
    per_layer = [parts[name] / weight for name, weight in WEIGHTS.items()]
    np.testing.assert_allclose(per_layer, golden.arrays["per_layer"], rtol=1e-5)
    np.testing.assert_allclose(total, golden.arrays["total"], rtol=1e-5)
    assert [features[name].shape for name in WEIGHTS] == [
        (n, h, w, c) for n, c, h, w in golden.arrays["feat_shapes"].tolist()
    ]
    assert relative_l2(nchw(features["relu5_1"]), golden.arrays["feat5"]) < 1e-4
    assert relative_l2(nchw(grad), golden.arrays["dx"]) < 1e-3
