"""Names and layouts of CAGAN v2's PyTorch checkpoints, and of the seed's (zebincai/imaginaire).

V2 saves bare state dicts, `netG_<step>.pth` and `netD{0,1,2}_<step>.pth` (coarse to fine; ours are
`disc_0` ... `disc_2`). The seed's one file holds `net_G` and `net_D` beside their optimisers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file

StateDict = Mapping[str, np.ndarray]
Rules = dict[str, tuple[str, to.Layout]]


def load_gen(path: str | Path) -> dict[str, Any]:
    """Variables of a `DilatedUNet` from a file such as `netG_3000.pth`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: as `torch_file.read` and `gen`.
    """
    return gen(torch_file.read(path))


def load_disc(path: str | Path) -> dict[str, Any]:
    """Variables of a `WideDiscriminator` from a file such as `netD0_3000.pth`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: as `torch_file.read` and `disc`.
    """
    return disc(torch_file.read(path))


def load_seed_gen(path: str | Path) -> dict[str, Any]:
    """Variables of a `SkipUNet` or `EarlyUNet` from a file such as `epoch_..._checkpoint.pt`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: as `torch_file.read` and `seed_gen`.
    """
    return seed_gen(torch_file.read(path, key="net_G"))


def load_seed_disc(path: str | Path) -> dict[str, Any]:
    """Variables of a `PatchDiscriminator` or `ResidualDiscriminator` from the same file.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: as `torch_file.read` and `seed_disc`.
    """
    return seed_disc(torch_file.read(path, key="net_D"))


def gen(state_dict: StateDict) -> dict[str, Any]:
    """Parameters of v2's generator, {"params": ...}, whatever its `upscaling`.

    Raises:
      ValueError: if keys are missing or left over.
    """
    rules = _kernel("layer1.0.conv", "layer1")
    for i in (2, 3, 4, 5, 8, 9, 10):
        rules |= _kernel(f"layer{i}.0.conv", f"layer{i}") | _norm(f"layer{i}.1", f"layer{i}_norm")
    for i in range(3):
        rules |= _kernel(f"branch_{i}.conv.conv", f"branch_{i}")
    for i in range(2):
        rules |= refiner(f"refine_{i}.", f"refine_{i}/")
        rules |= upscale(state_dict, f"upscale_{i}.", f"upscale_{i}/")
    return to.convert(state_dict, rules)


def disc(state_dict: StateDict) -> dict[str, Any]:
    """Parameters of one of v2's discriminators, {"params": ...}.

    Raises:
      ValueError: if keys are missing or left over.
    """
    rules = _conv("D_net.conv0.conv", "conv0") | _conv("D_net.conv5", "out")
    for conv, norm, i in (("conv1.conv", "bn0", 1), ("conv2.conv", "bn1", 2), ("conv4", "bn4", 3)):
        rules |= _kernel(f"D_net.{conv}", f"conv{i}") | _norm(f"D_net.{norm}", f"norm{i}")
    return to.convert(state_dict, rules)


def refiner(key: str, path: str) -> Rules:
    """Rules of v2's `Refiner`; key and path end with their separators, or are empty."""
    rules = _kernel(f"{key}conv0", f"{path}conv0") | _kernel(f"{key}conv1", f"{path}conv1")
    for i in range(2):
        rules |= residual(f"{key}res_se_block{i}.", f"{path}block{i}/")
    return rules


def residual(key: str, path: str) -> Rules:
    """Rules of v2's `ResidualSE`."""
    rules = excitation(f"{key}se_block.", f"{path}se/")
    for i in range(2):
        rules |= _kernel(f"{key}res_block.conv{i}.conv", f"{path}conv{i}")
        rules |= _norm(f"{key}res_block.bn{i}", f"{path}norm{i}")
    return rules


def excitation(key: str, path: str) -> Rules:
    """Rules of v2's `Excitation`."""
    return _conv(f"{key}fc1", f"{path}fc1") | _conv(f"{key}fc2", f"{path}fc2")


def upscale(state_dict: StateDict, key: str, path: str) -> Rules:
    """Rules of v2's `Upscale`: its layer is transposed, or a plain one by another name."""
    plain = f"{key}up_block.conv.conv"
    if f"{plain}.weight" in state_dict:
        layer = _kernel(plain, f"{path}conv")
    else:
        layer = _kernel(f"{key}up_block.convT", f"{path}conv", to.conv_transpose)
    return layer | _norm(f"{key}up_block.bn", f"{path}norm")


def seed_gen(state_dict: StateDict) -> dict[str, Any]:
    """Parameters of the seed's generators: a `SkipUNet`, or (`cagan2`) an `EarlyUNet`.

    Raises:
      ValueError: if keys are missing or left over.
    """
    rules = _conv("layer1.layers.conv", "enc1")
    for i in (2, 3, 4):
        rules |= _normed(f"layer{i}.layers", f"enc{i}")
    for i in (1, 2, 3):
        rules |= _normed(f"layer{i + 4}", f"dec{i}")
    if "outlayer.conv.weight" in state_dict:
        rules |= _normed("layer8", "dec4") | _conv("outlayer.conv", "out")
    elif "layer8.norm.weight" in state_dict:
        rules |= _normed("layer8", "out")
    else:
        rules |= _conv("layer8.conv", "out")
    return to.convert(state_dict, rules)


def seed_disc(state_dict: StateDict) -> dict[str, Any]:
    """Parameters of the seed's: a `PatchDiscriminator`, or (`cagan2`) a `ResidualDiscriminator`.

    Raises:
      ValueError: if keys are missing or left over.
    """
    if "apply_noise.weight" in state_dict:
        rules: Rules = {"apply_noise.weight": ("params/noise", to.vector)}
        rules |= _conv("layer1.layers.conv", "enc1") | _conv("outlayer.layers.conv", "out")
        for i in (2, 3, 4):
            rules |= _normed(f"layer{i}.layers", f"enc{i}")
        return to.convert(state_dict, rules)
    rules = _conv("dis.model.0.layers.conv", "stem") | _conv("dis.model.9.layers.conv", "out")
    layers = (("0", "conv0"), ("1", "conv1"), ("s", "shortcut"))
    for i in range(4):
        for theirs, ours in layers if i < 3 else layers[:2]:  # the last block keeps its width
            key = f"dis.model.{2 * i + 1}.conv_block_{theirs}.layers.conv"
            rules |= _conv(key, f"block{i}_{ours}")
    return to.convert(state_dict, rules)


def _normed(key: str, path: str) -> Rules:
    return _conv(f"{key}.conv", path) | _norm(f"{key}.norm", f"{path}_norm")


def _conv(key: str, path: str) -> Rules:
    return _kernel(key, path) | {f"{key}.bias": (f"params/{path}/bias", to.vector)}


def _kernel(key: str, path: str, layout: to.Layout = to.conv) -> Rules:
    return {f"{key}.weight": (f"params/{path}/kernel", layout)}


def _norm(key: str, path: str) -> Rules:
    return {
        f"{key}.weight": (f"params/{path}/scale", to.vector),
        f"{key}.bias": (f"params/{path}/bias", to.vector),
    }
