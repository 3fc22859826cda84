"""CAGAN's recorded files: their weights, their names for our parameters, the configs they mean."""

import re

import jax
import numpy as np

from configs import cagan as config_file
from tests.golden.goldens import nhwc
from tryon_jax.port import cagan as port
from tryon_jax.port import convert as to
from tryon_jax.systems.cagan import CAGAN

KERAS_GEN = {"layer9": "dec1", "layer10": "dec2", "layer11": "dec3", "layer12": "dec4"}
KERAS_GEN |= {f"layer{i}": f"enc{i}" for i in range(1, 5)} | {"out128": "out"}
KERAS_DISC = {"First": "conv0", "pyramid1": "conv1", "pyramid2": "conv2", "final": "out"}
KERAS_DISC |= {"pyramid1_bn": "norm1", "pyramid2_bn": "norm2"}
KERAS_DISC |= {"pyramid_last": "conv3", "pyramid_last_bn": "norm3"}
TRANSPOSED = re.compile(r"layer(9|1[012])\.weight|.*convT\.weight")


def renamed(table):
    """A port for files whose layers have our names, but for those of the table."""

    def ported(state_dict):
        rules = {}
        for key in state_dict:
            layer, kind = key.removesuffix(".weight").removesuffix(".bias"), key.split(".")[-1]
            norm = re.fullmatch(r".*_(in|bn|norm)", layer)
            path = table.get(layer) or layer.replace("_in", "_norm")
            path = table.get(path.removesuffix("_norm"), path.removesuffix("_norm")) + (
                "_norm" if path.endswith("_norm") else ""
            )
            layout = to.conv_transpose if TRANSPOSED.fullmatch(key) else to.conv
            if kind == "bias":
                rules[key] = (f"params/{path}/bias", to.vector)
            elif norm:
                rules[key] = (f"params/{path}/scale", to.vector)
            else:
                rules[key] = (f"params/{path}/kernel", layout)
        return to.convert(state_dict, rules)

    return ported


PORTS = {  # generator, discriminator
    "canon": (renamed({}), renamed({})),
    "keras": (renamed(KERAS_GEN), renamed(KERAS_DISC)),
    "seed": (port.seed_gen, port.seed_disc),
    "v2": (port.gen, port.disc),
}


class Names:
    """Our parameters by the original's names, in its layouts.

    A tensor of one number, its place among the names, goes through the port: where it comes out is
    where the original's tensor lives here.
    """

    def __init__(self, ported, names):
        self.names = list(names)
        probe = {name: np.full((1, 1, 1, 1), i) for i, name in enumerate(self.names)}
        self.places = ported(probe)["params"]

    def flat(self, tree):
        """Original name to array in its layout."""
        assert jax.tree.structure(self.places) == jax.tree.structure(dict(tree))
        out = {}
        for place, value in zip(jax.tree.leaves(self.places), jax.tree.leaves(tree), strict=True):
            name = self.names[int(place.flat[0])]
            out[name] = self._theirs(name, np.asarray(value))
        return {name: out[name] for name in self.names}

    def shapes(self, tree):
        """Original name to shape; the tree may hold shapes alone."""
        zeros = jax.tree.map(lambda x: np.zeros(x.shape), dict(tree))
        return {name: value.shape for name, value in self.flat(zeros).items()}

    def _theirs(self, name, value):
        if value.ndim != 4:
            return value
        if TRANSPOSED.fullmatch(name):
            return value[::-1, ::-1].transpose(2, 3, 0, 1)
        return value.transpose(3, 2, 0, 1)


def stream(shapes, seed):
    """Weights as the files' `stream` describes them."""
    rng, weights = np.random.RandomState(seed), {}
    for key in sorted(shapes):
        z = rng.standard_normal(shapes[key])
        if z.ndim >= 2:
            z = z / np.sqrt(np.prod(shapes[key][1:]))
        elif key.endswith(".weight") and shapes[key] != (1,):
            z = 1 + 0.1 * z
        else:
            z = 0.1 * z
        weights[key] = z.astype(np.float32)
    return weights


def pictures(uint8):
    """Bytes [N, 3 k, H, W] as k pictures [N, H, W, 3]."""
    x = nhwc(uint8).astype(np.float32) / np.float32(127.5) - 1
    return np.split(x, x.shape[-1] // 3, -1)


def batch_of(uint8):
    return dict(zip(("person", "worn", "other"), pictures(uint8), strict=True))


PRESETS = {
    "canon_": "canonical",
    "keras_": "keras",
    "seed_gen0": "seed_first",
    "seed_gen1": "seed",
    "seed_gen2": "seed_residual",
    "seed_dis1": "seed_first",
    "seed_dis2": "seed_residual",
    "seed_dis3": "seed",
    "seed_step_first": "seed_first",
    "seed_step_head": "seed",
    "v2_": "v2",
}
UPSCALINGS = {"Tconv": "transposed", "nearest": "nearest", "bilinear": "nearest", "ps": "shuffle"}


def config_of(golden):
    """The config that a file means."""
    preset = next(p for start, p in PRESETS.items() if golden.name.startswith(start))
    config = config_file.get_config(preset).copy_and_resolve_references().unlock()
    options = golden.meta.get("options", {})
    model = config.model
    if golden.name.startswith("v2_"):
        model.disc_noise = "none"
        model.disc_channels = width(golden)
        model.upscaling = UPSCALINGS[golden.meta.get("up_type", "Tconv")]
        if not golden.meta.get("mixup", True):
            config.weights.disc = {"real": 1.0, "fake": 1.0, "mismatch": 1.0}
    else:
        model.channels = model.disc_channels = width(golden)
    if options.get("pair") == "xi_yi":
        model.injected = "worn"
    model.disc_injects = options.get("inject", model.disc_injects)
    model.disc_padding = options.get("out_pad", model.disc_padding)
    return config


def width(golden):
    """Of the first layer."""
    named = re.search(r"_(?:w|ndf)(\d+)", golden.name)
    return int(named[1]) if named else 64


def module_of(config):
    fields = config.model.to_dict()
    del fields["disc_lr"]
    return CAGAN(
        **fields, gen_terms=tuple(config.weights.gen), disc_terms=tuple(config.weights.disc)
    )
