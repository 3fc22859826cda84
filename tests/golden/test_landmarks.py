"""HRNet and SimpleBaseline against the authors' PyTorch code in float64, with drawn weights."""

import jax
import numpy as np
import pytest

from tests.golden.goldens import golden_files, nchw, nhwc, read, relative_l2
from tests.golden.landmark_networks import described, weights
from tryon_jax import landmark_maps

NETWORKS = ("hrnet_*", "pose_resnet*")
SLOW = ("hrnet_w", "pose_resnet")


def cases(*patterns):
    return [
        pytest.param(
            path, id=path.stem, marks=pytest.mark.slow if path.stem.startswith(SLOW) else ()
        )
        for path in golden_files("designgan", *patterns)
    ]


@pytest.mark.parametrize("path", cases(*NETWORKS))
def test_network(path):
    golden = read(path)
    net, rules, port = described(golden)
    variables = port(weights(golden, net, rules))
    size = sum(x.size for x in jax.tree.leaves(variables["params"]))
    assert size == golden.meta["n_parameters"]
    update = golden.meta["mode"] == "train"

    @jax.jit
    def run(x):
        return net.apply(variables, x, update=update, mutable=["batch_stats"])

    y, moved = run(nhwc(golden.arrays["x"]))
    wanted = golden.arrays["y"]
    gap = golden.meta["suggested_tolerance"]["float32_relative_to_max"]
    np.testing.assert_allclose(nchw(y), wanted, atol=gap * np.abs(wanted).max())
    for key, after in golden.under("after|").items():
        leaf = moved
        for part in rules[key][0].split("/"):
            leaf = leaf[part]
        np.testing.assert_allclose(leaf, after, rtol=1e-4, atol=1e-4 * np.abs(after).max())


@pytest.mark.parametrize("path", cases("hrnet_*_train"))
def test_gradients(path):
    """In float64: of 60 layers with statistics of two pictures float32 keeps two digits."""
    with jax.enable_x64(True):
        golden = read(path)
        net, rules, port = described(golden)
        variables = port(weights(golden, net, rules))
        variables = jax.tree.map(lambda x: x.astype(np.float64), variables)
        x, target = (nhwc(golden.arrays[name].astype(np.float64)) for name in ("x", "target"))
        share = golden.arrays["target_weight"][..., 0].astype(np.float64)

        @jax.jit
        def loss(params):
            given = {**variables, "params": params}
            maps, _ = net.copy(dtype=np.float64).apply(
                given, x, update=True, mutable=["batch_stats"]
            )
            return landmark_maps.squared_error(maps, target, weight=share)

        value, grads = jax.value_and_grad(loss)(variables["params"])
        assert float(value) == pytest.approx(golden.meta["joints_mse"], rel=1e-6)
        for key, norm in golden.meta["grad_norms_sample"].items():
            leaf = {"params": grads}
            for part in rules[key][0].split("/"):
                leaf = leaf[part]
            assert float(np.linalg.norm(leaf)) == pytest.approx(norm, rel=1e-5, abs=1e-8), key
        last = grads["last"]["kernel"].transpose(3, 2, 0, 1)
        assert relative_l2(last, golden.arrays["grad|final_layer.weight"]) < 1e-5
