"""Names and layouts of photo2cartoon's files: six networks in one, and MobileFaceNet.

Its discriminators are U-GAT-IT's, and so are the names of the six networks (`port/ugatit.py`). The
1 x 1 convolution that each of its hourglass blocks stores and never runs is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file, ugatit
from tryon_jax.port.originals import Original, unknown
from tryon_jax.port.weight_file import existing

FACE_FILE = "model_mobilefacenet.pth"

# never run: behind the blocks of the pyramid and behind it, ConvBlock4 of each block
DEAD = re.compile(r"HourGlass\d\.HG\.(0\.ConvBlock\w+|1)\.ConvBlock4\.2\.weight")

Rules = dict[str, tuple[str, to.Layout]]


def originals(path: str | Path) -> dict[str, Original]:
    """All networks of a file such as `photo2cartoon_weights.pt`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: as `torch_file.read_all`, or if the file is another program's.
    """
    path = existing(path)
    held = torch_file.read_all(path)
    if not {"genA2B", "genB2A"} <= set(held) or "ConvBlock1.1.weight" not in held["genA2B"]:
        known = f"photo2cartoon's checkpoints (of {', '.join(ugatit.NETWORKS)})"
        raise unknown(path, held.get("", held.get("genA2B", held)), known=known)
    found = {}
    for theirs, ours in ugatit.NETWORKS.items():
        if theirs in held:
            read = _gen_original if theirs.startswith("gen") else _disc_original
            found[ours] = read(path, held[theirs])
    return found


def _gen_original(path: Path, state_dict: Mapping[str, np.ndarray]) -> Original:
    variables = {"params": generator(state_dict)}
    channels, style = state_dict["FC.0.weight"].shape
    light = style == channels
    fields: dict[str, Any] = {
        "model.light": light,
        "model.channels": len(state_dict["ConvBlock1.1.weight"]),
    }
    if not light:
        fields["image_size"] = 4 * round((style // channels) ** 0.5)
    return Original(path, variables, fields, "" if light else "full")


def _disc_original(path: Path, state_dict: Mapping[str, np.ndarray]) -> Original:
    params, spectral = ugatit.discriminator(state_dict)
    return Original(path, {"params": params, "spectral": spectral}, {})


def load_face(path: str | Path) -> dict[str, Any]:
    """Variables of a `MobileFaceNet` from `model_mobilefacenet.pth`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if the file is another network's.
    """
    return mobilefacenet(torch_file.read(path))


def find_face(source: str | Path) -> Path:
    """The file that `load_face` reads.

    Raises:
      FileNotFoundError: if none is named or there is none; says how to get one or do without.
    """
    if source:
        return existing(source)
    raise FileNotFoundError(
        f"the face-ID loss compares faces by MobileFaceNet, {FACE_FILE} of the links in "
        "https://github.com/minivision-ai/photo2cartoon; without that file train with "
        "--config.weights.gen.faceid=0"
    )


def generator(state_dict: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Parameters of a `HourglassGenerator`, light or full by the shape of its first style layer.

    Raises:
      ValueError: if keys are missing or left over.
    """
    living = {key: value for key, value in state_dict.items() if not DEAD.fullmatch(key)}
    blocks = sum(re.fullmatch(r"DecodeBlock\d+\.conv1\.weight", key) is not None for key in living)
    # a file of something else may lack these two: `convert` then says what is missing
    channels = np.size(living.get("conv1x1.bias", ()))
    light = np.shape(living.get("FC.0.weight", ())) == (channels, channels)
    rules: Rules = {
        "ConvBlock1.1.weight": ("stem/kernel", to.conv),
        "gap_fc.weight": ("cam/average_row", to.linear),
        "gmp_fc.weight": ("cam/max_row", to.linear),
        "conv1x1.weight": ("cam/mix", to.mix_1x1),
        "conv1x1.bias": ("cam/bias", to.vector),
        "gap_fc.bias": ("cam_bias/average", to.vector),
        "gmp_fc.bias": ("cam_bias/max", to.vector),
        **_linear("FC.0", "style/fc_1", to.linear if light else to.flattened(channels)),
        **_linear("FC.2", "style/fc_2"),
        "ConvBlock2.1.weight": ("out/kernel", to.conv),
    }
    for i in (1, 2):
        rules[f"DownBlock{i}.1.weight"] = (f"down_{i}/kernel", to.conv)
        rules[f"UpBlock{i}.2.weight"] = (f"up_{i}/kernel", to.conv)
        for name in ("rho", "gamma", "beta"):
            rules[f"UpBlock{i}.3.{name}"] = (f"up_{i}_norm/{name}", to.vector)
    for i in range(blocks):
        rules |= _encode_and_decode(i)
    for k in (1, 2, 3, 4):
        rules |= _hourglass(k)
    nested = to.convert(living, rules)
    biases = nested.pop("cam_bias")
    return nested | {"cam_bias": np.concatenate([biases["average"], biases["max"]])}


def mobilefacenet(state_dict: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Parameters and batch statistics of a `MobileFaceNet`.

    Raises:
      ValueError: if keys are missing or left over.
    """
    rules: Rules = {
        **_unit("conv1", "stem"),
        **_unit("conv2_dw", "stem_depthwise"),
        **_unit("conv_6_sep", "head"),
        **_unit("conv_6_dw", "pool", rectified=False),
        "linear.weight": ("params/linear/kernel", to.linear),
        **_norm("bn", "norm"),
    }
    for stage, (down, count) in enumerate((("23", 4), ("34", 6), ("45", 2)), 1):
        rules |= _bottleneck(f"conv_{down}", f"down_{stage}")
        for i in range(count):
            rules |= _bottleneck(f"conv_{stage + 2}.model.{i}", f"stage_{stage}_{i}")
    return to.convert(state_dict, rules)


def _encode_and_decode(i: int) -> Rules:
    encode, decode = f"EncodeBlock{i + 1}.conv_block", f"DecodeBlock{i + 1}"
    rules: Rules = {}
    for j, index in ((1, 1), (2, 5)):
        rules[f"{encode}.{index}.weight"] = (f"encode_{i}/conv_{j}/kernel", to.conv)
        rules[f"{decode}.conv{j}.weight"] = (f"decode_{i}/conv_{j}/kernel", to.conv)
        theirs, ours = f"{decode}.norm{j}", f"decode_{i}/norm_{j}"
        rules[f"{theirs}.norm.rho"] = (f"{ours}/norm/rho", to.vector)
        rules |= soft_adalin(f"{theirs}.", f"{ours}/")
    return rules


def soft_adalin(theirs: str, ours: str) -> Rules:
    """Rules of a `SoftAdaLIN` between two prefixes, without its rho."""
    rules: Rules = {}
    for name in ("gamma", "beta"):
        rules[f"{theirs}w_{name}"] = (f"{ours}w_{name}", to.vector)
        rules |= _linear(f"{theirs}c_{name}.0", f"{ours}content_{name}_1")
        rules |= _linear(f"{theirs}c_{name}.2", f"{ours}content_{name}_2")
        rules |= _linear(f"{theirs}s_{name}", f"{ours}style_{name}")
    return rules


def _hourglass(k: int) -> Rules:
    """Four levels: blocks 1_1 ... 4_2 on the way down, 5 at the bottom, 6 ... 9 on the way up."""
    theirs, ours = f"HourGlass{k}", f"hourglass_{k}"
    blocks = {"0.ConvBlock5": "pyramid/bottom", "1": "block"}
    for i in range(4):
        blocks[f"0.ConvBlock{i + 1}_1"] = f"pyramid/beside_{i}"
        blocks[f"0.ConvBlock{i + 1}_2"] = f"pyramid/down_{i}"
        blocks[f"0.ConvBlock{9 - i}"] = f"pyramid/up_{i}"
    rules: Rules = {f"{theirs}.HG.2.weight": (f"{ours}/mix/kernel", to.conv)}
    for block, path in blocks.items():
        for i in (1, 2, 3):
            key = f"{theirs}.HG.{block}.ConvBlock{i}.3.weight"
            rules[key] = (f"{ours}/{path}/conv_{i}/kernel", to.conv)
    layers = {"Conv1": "picture"}
    if k < 4:
        layers |= {"Conv2": "from_features", "Conv3": "from_picture"}
    for layer, path in layers.items():
        rules[f"{theirs}.{layer}.weight"] = (f"{ours}/{path}/kernel", to.conv)
        rules[f"{theirs}.{layer}.bias"] = (f"{ours}/{path}/bias", to.vector)
    return rules


def _linear(key: str, path: str, layout: to.Layout = to.linear) -> Rules:
    return {
        f"{key}.weight": (f"{path}/kernel", layout),
        f"{key}.bias": (f"{path}/bias", to.vector),
    }


def _bottleneck(key: str, path: str) -> Rules:
    return {
        **_unit(f"{key}.conv", f"{path}/widen"),
        **_unit(f"{key}.conv_dw", f"{path}/depthwise"),
        **_unit(f"{key}.project", f"{path}/narrow", rectified=False),
    }


def _unit(key: str, path: str, *, rectified: bool = True) -> Rules:
    """A convolution, its norm, and its rectifier where it has one."""
    rules: Rules = {
        f"{key}.conv.weight": (f"params/{path}/kernel", to.conv),
        **_norm(f"{key}.bn", f"{path}/norm"),
    }
    if rectified:
        rules[f"{key}.prelu.weight"] = (f"params/{path}/slope", to.vector)
    return rules


def _norm(key: str, path: str) -> Rules:
    return {
        f"{key}.weight": (f"params/{path}/scale", to.vector),
        f"{key}.bias": (f"params/{path}/bias", to.vector),
        f"{key}.running_mean": (f"batch_stats/{path}/mean", to.vector),
        f"{key}.running_var": (f"batch_stats/{path}/var", to.vector),
    }
