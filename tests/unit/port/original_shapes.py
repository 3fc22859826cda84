"""Names and shapes of originals' tensors, at any width, and the files that hold them."""

import numpy as np

from tests.unit.port.torch_writer import whole

NORM = ("weight", "bias")


def normed(key, channels):
    return {f"{key}.{name}": (channels,) for name in NORM}


def conv(key, out, inputs, size=(3, 3), *, bias=True):
    return {f"{key}.weight": (out, inputs, *size)} | ({f"{key}.bias": (out,)} if bias else {})


def v2_gen(c):
    """CAGAN v2's generator with transposed convolutions."""
    size, shapes = (4, 3), conv("layer1.0.conv", c, 9, (4, 3), bias=False)
    layers = {2: (2 * c, c + 6), 3: (4 * c, 2 * c + 6), 4: (4 * c, 4 * c + 6)}
    layers |= {5: layers[4], 8: layers[4], 9: (4 * c, 8 * c + 6), 10: (2 * c, 8 * c + 6)}
    for i, (out, inputs) in layers.items():
        shapes |= conv(f"layer{i}.0.conv", out, inputs, size, bias=False)
        shapes |= normed(f"layer{i}.1", out)
    for i, inputs in enumerate((4 * c, c, c // 2)):
        shapes |= conv(f"branch_{i}.conv.conv", 4, inputs, size, bias=False)
    for i, (inner, outer) in enumerate(((c, 4 * c + 6), (c // 2, c + 6))):
        shapes |= conv(f"refine_{i}.conv0", inner, outer, (1, 1), bias=False)
        shapes |= conv(f"refine_{i}.conv1", outer, inner, (1, 1), bias=False)
        for b in range(2):
            block = f"refine_{i}.res_se_block{b}"
            for k in range(2):
                shapes |= conv(f"{block}.res_block.conv{k}.conv", inner, inner, size, bias=False)
                shapes |= normed(f"{block}.res_block.bn{k}", inner)
            shapes |= conv(f"{block}.se_block.fc1", inner // 8, inner, (1, 1))
            shapes |= conv(f"{block}.se_block.fc2", inner, inner // 8, (1, 1))
        up = f"upscale_{i}.up_block"
        shapes |= {f"{up}.convT.weight": (outer, inner, *size)} | normed(f"{up}.bn", inner)
    return shapes


def v2_disc(c):
    shapes = conv("D_net.conv0.conv", c, 6, (4, 4)) | conv("D_net.conv5", 1, 8 * c, (4, 4))
    for layer, norm, out in (
        ("conv1.conv", "bn0", 2),
        ("conv2.conv", "bn1", 4),
        ("conv4", "bn4", 8),
    ):
        shapes |= conv(f"D_net.{layer}", out * c, out * c // 2, (4, 4), bias=False)
        shapes |= normed(f"D_net.{norm}", out * c)
    return shapes


def seed_gen(c, *, last_norm=False):
    """The generator of the seed's CAGAN; at first its last layer had a norm."""
    shapes = conv("layer1.layers.conv", c, 9)
    for i, (out, inputs) in enumerate(((2, 1), (4, 2), (8, 4)), 2):
        shapes |= conv(f"layer{i}.layers.conv", out * c, inputs * c + 6)
        shapes |= normed(f"layer{i}.layers.norm", out * c)
    for i, (out, inputs) in enumerate(((4, 8), (2, 8), (1, 4)), 5):
        shapes |= conv(f"layer{i}.conv", out * c, inputs * c + 6) | normed(
            f"layer{i}.norm", out * c
        )
    return (
        shapes | conv("layer8.conv", 4, 2 * c + 6) | (normed("layer8.norm", 4) if last_norm else {})
    )


def seed_disc(c, *, injects=False):
    more = 6 * injects
    shapes = {"apply_noise.weight": (1,)} | conv("layer1.layers.conv", c, 6)
    for i, out in enumerate((2, 4, 8), 2):
        shapes |= conv(f"layer{i}.layers.conv", out * c, out * c // 2 + more)
        shapes |= normed(f"layer{i}.layers.norm", out * c)
    return shapes | conv("outlayer.layers.conv", 1, 8 * c + more)


def resnet(c, *, blocks):
    """CycleGAN's generator with instance norms."""
    shapes = (
        conv("model.1", c, 3, (7, 7)) | conv("model.4", 2 * c, c) | conv("model.7", 4 * c, 2 * c)
    )
    for i in range(blocks):
        for k in (1, 5):
            shapes |= conv(f"model.{10 + i}.conv_block.{k}", 4 * c, 4 * c)
    for index, out in ((10 + blocks, 2 * c), (13 + blocks, c)):
        shapes |= {f"model.{index}.weight": (2 * out, out, 3, 3), f"model.{index}.bias": (out,)}
    return shapes | conv(f"model.{17 + blocks}", 3, c, (7, 7))


def patchgan(c, *, layers):
    widths = [3, *(c * 2**i for i in range(layers + 1)), 1]
    places = [0, *(2 + 3 * i for i in range(layers + 1))]
    shapes = {}
    for place, inputs, out in zip(places, widths[:-1], widths[1:], strict=True):
        shapes |= conv(f"model.{place}", out, inputs, (4, 4))
    return shapes


def drawn(shapes, *, seed=0, prefix=""):
    """Random tensors, as a writer of files takes them."""
    rng = np.random.default_rng(seed)
    return {
        prefix + key: whole("Float", (0.1 * rng.normal(size=shape)).astype(np.float32))
        for key, shape in shapes.items()
    }


def seed_checkpoint(c, *, last_norm=False, injects=False):
    """All that the seed's one file holds."""
    return {
        "net_G": drawn(seed_gen(c, last_norm=last_norm), prefix="module."),
        "net_D": drawn(seed_disc(c, injects=injects), seed=1, prefix="module."),
        "opt_G": {"state": {0: {"step": 3}}, "param_groups": []},
        "current_epoch": 3,
    }
