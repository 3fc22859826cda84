"""Sizes of the landmark networks, what they refuse, and their files."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.landmark_networks import torch_shapes
from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax.networks.hrnet import HRNet
from tryon_jax.networks.pose_resnet import PoseResNet
from tryon_jax.port import hrnet as port

SMALL = {"width": 18, "modules": (1, 3, 2), "blocks": 2}
TINY = {"width": 4, "modules": (1, 1), "blocks": 1, "bottlenecks": 2, "stem": 4}


def write(path, tensors):
    return write_zip(path, {key: whole("Float", x) for key, x in tensors.items()})


def traced(net, height=64, width=64):
    x = jnp.zeros((2, height, width, 3))
    variables = jax.eval_shape(net.init, jax.random.key(0), x)
    return variables, jax.eval_shape(net.apply, variables, x)


def size(variables):
    return sum(x.size for x in jax.tree.leaves(variables["params"]))


@pytest.mark.parametrize(
    ("net", "count"),
    [
        (HRNet(17, **SMALL), 3_757_475),
        (
            HRNet(17, **SMALL, head="deconv"),
            3_757_475 + 25_728 + 17 * 14,
        ),  # two doublings, a wider end
        pytest.param(HRNet(17), 28_536_113, marks=pytest.mark.slow),
        pytest.param(HRNet(17, head="deconv"), 28_536_113 + 32_896, marks=pytest.mark.slow),
        pytest.param(HRNet(17, width=48), 63_595_745, marks=pytest.mark.slow),
        pytest.param(HRNet(17, width=18), 9_318_215, marks=pytest.mark.slow),
        pytest.param(HRNet(98, width=18, head="v2"), 9_662_528, marks=pytest.mark.slow),
        pytest.param(PoseResNet(17, 50), 33_999_697, marks=pytest.mark.slow),
    ],
)
def test_parameters(net, count):
    assert size(traced(net)[0]) == count


def test_heatmaps_have_a_quarter_of_the_size_or_all_of_it():
    for head, shape in (
        ("conv", (2, 24, 16, 5)),
        ("v2", (2, 24, 16, 5)),
        ("deconv", (2, 96, 64, 5)),
    ):
        _, y = traced(HRNet(5, **TINY, head=head), 96, 64)
        assert y.shape == shape and y.dtype == jnp.float32
    _, y = traced(PoseResNet(5, 18, (8, 8, 8), stem=4), 96, 64)
    assert y.shape == (2, 24, 16, 5)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (HRNet(5, **TINY, head="dense"), "head must be one of conv, deconv, v2; got 'dense'"),
        (HRNet(5, **TINY | {"modules": ()}), r"modules must be numbers of 1 or more"),
        (
            HRNet(5, **TINY),
            r"3 branches need pictures whose sides are multiples of 16, got 72 x 64",
        ),
        (PoseResNet(5, 20), r"depth must be one of \[18, 34, 50, 101, 152\]; got 20"),
        (PoseResNet(5, 18, (8,), kernel_size=5), "kernel of 4, 3 or 2; got 5"),
        (PoseResNet(5, 18), "multiples of 32"),
    ],
)
def test_refusals(net, message):
    height = 64 if isinstance(net, PoseResNet) and "32" not in message else 72
    with pytest.raises(ValueError, match=message):
        traced(net, height, 64)


@pytest.mark.parametrize("head", ["conv", "deconv", "v2"])
def test_a_file_of_the_original_is_read_back(head, tmp_path):
    """Every tensor finds its place; the structure is told by the keys alone."""
    net = HRNet(5, **TINY, head=head)
    plan = port.Plan(TINY["modules"], TINY["blocks"], TINY["bottlenecks"], head)
    shapes = torch_shapes(net, port.hrnet_rules(plan))
    assert port.plan(shapes) == plan
    rng = np.random.default_rng(0)
    tensors = {f"module.{key}": rng.normal(size=shape) for key, shape in shapes.items()}
    tensors = {key: x.astype(np.float32) for key, x in tensors.items()}
    write(tmp_path / "net.pth", tensors)
    found = port.load(tmp_path / "net.pth")
    wanted, _ = traced(net)
    assert jax.tree.map(jnp.shape, found) == jax.tree.map(lambda x: x.shape, dict(wanted))
    kernel = found["params"]["stem_1"]["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, tensors["module.conv1.weight"].transpose(2, 3, 1, 0))


def test_another_network_s_file_is_named(tmp_path):
    write(tmp_path / "other.pth", {"features.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(ValueError, match=r"has the keys features\.weight; known here are HRNet"):
        port.load(tmp_path / "other.pth")
