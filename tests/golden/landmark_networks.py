"""Networks that a file of HRNet or SimpleBaseline describes, and their drawn weights."""

import re

import jax
import jax.numpy as jnp
import numpy as np

from tests.golden.goldens import drawn_weights
from tryon_jax.networks.hrnet import HRNet
from tryon_jax.networks.pose_resnet import DEPTHS, BasicBlock, PoseResNet
from tryon_jax.port import convert, hrnet


def described(golden):
    """The module, the rules of its port, and its variables, for a golden file."""
    config, outputs = golden.meta["config"]["MODEL"], golden.meta["config"]["MODEL"]["NUM_JOINTS"]
    extra = config["EXTRA"]
    if "NUM_DECONV_FILTERS" in extra:
        (kernel_size,) = set(extra["NUM_DECONV_KERNELS"])
        depth = int(re.search(r"resnet(\d+)", golden.name)[1])
        widths = tuple(extra["NUM_DECONV_FILTERS"])
        net = PoseResNet(outputs, depth, widths, kernel_size)
        block, counts = DEPTHS[depth]
        shape = hrnet.Depth(counts, 2 if block is BasicBlock else 3, len(widths))
        return net, hrnet.pose_resnet_rules(shape), hrnet.pose_resnet
    stages = [extra[f"STAGE{stage}"] for stage in (2, 3, 4)]
    head = "v2" if "v2head" in golden.name else "conv"
    modules = tuple(stage["NUM_MODULES"] for stage in stages)
    (blocks,) = {count for stage in stages for count in stage["NUM_BLOCKS"]}
    width = stages[0]["NUM_CHANNELS"][0]
    for stage in stages:
        assert stage["NUM_CHANNELS"] == [width * 2**i for i in range(stage["NUM_BRANCHES"])]
    net = HRNet(outputs, width=width, modules=modules, blocks=blocks, head=head)
    return net, hrnet.hrnet_rules(hrnet.Plan(modules, blocks, net.bottlenecks, head)), hrnet.hrnet


def weights(golden, net, rules):
    """The state dict of the original, drawn from the file's seed."""
    counted = {"running_mean", "running_var"}
    shapes = torch_shapes(net, rules)
    counters = sum(key.endswith("running_mean") for key in shapes)
    assert len(shapes) + counters == golden.meta["state_dict_keys"]
    known = set(shapes) | {
        f"{key.rpartition('.')[0]}.num_batches_tracked"
        for key in shapes
        if key.rpartition(".")[2] in counted
    }
    assert set(golden.meta["keys_sample"]) <= known
    meta = {"config": {}, "shapes": shapes}
    drawn = drawn_weights(meta, seed=golden.meta["seed_weights"])
    checks = golden.meta["weight_checks"]
    np.testing.assert_allclose(
        sum(w.sum(dtype=np.float64) for w in drawn.values()), checks["sum"], rtol=1e-6
    )
    return drawn


def torch_shapes(net, rules):
    """Shapes of the original's tensors, by its keys, from those of a network of ours."""
    side = 64
    variables = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, side, side, 3)))
    shapes = {}
    for key, (path, layout) in rules.items():
        leaf = variables
        for part in path.split("/"):
            leaf = leaf[part]
        shape = leaf.shape
        if layout is convert.conv:
            shape = (shape[3], shape[2], shape[0], shape[1])
        if layout is convert.conv_transpose:
            shape = (shape[2], shape[3], shape[0], shape[1])
        shapes[key] = shape
    own = {jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(variables)}
    assert len(own) == len(shapes), "a tensor of ours has no rule"
    return shapes
