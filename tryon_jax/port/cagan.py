"""Names and layouts of CAGAN v2's PyTorch checkpoints, and of the seed's (zebincai/imaginaire).

V2 saves bare state dicts, `netG_<step>.pth` and `netD{0,1,2}_<step>.pth` (coarse to fine; ours are
`disc_0` ... `disc_2`). The seed's one file holds `net_G` and `net_D` beside their optimisers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file


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


def gen(state_dict: to.StateDict) -> dict[str, Any]:
    """Parameters of v2's generator, {"params": ...}, whatever its `upscaling`.

    Raises:
      ValueError: if keys are missing or left over.
    """
    rules = to.kernel("layer1.0.conv", "layer1")
    for i in (2, 3, 4, 5, 8, 9, 10):
        rules |= to.kernel(f"layer{i}.0.conv", f"layer{i}")
        rules |= to.norm(f"layer{i}.1", f"layer{i}_norm")
    for i in range(3):
        rules |= to.kernel(f"branch_{i}.conv.conv", f"branch_{i}")
    for i in range(2):
        rules |= refiner(f"refine_{i}.", f"refine_{i}/")
        rules |= upscale(state_dict, f"upscale_{i}.", f"upscale_{i}/")
    return to.convert(state_dict, rules)


def disc(state_dict: to.StateDict) -> dict[str, Any]:
    """Parameters of one of v2's discriminators, {"params": ...}.

    Raises:
      ValueError: if keys are missing or left over.
    """
    rules = to.layer("D_net.conv0.conv", "conv0") | to.layer("D_net.conv5", "out")
    for conv, norm, i in (("conv1.conv", "bn0", 1), ("conv2.conv", "bn1", 2), ("conv4", "bn4", 3)):
        rules |= to.kernel(f"D_net.{conv}", f"conv{i}") | to.norm(f"D_net.{norm}", f"norm{i}")
    return to.convert(state_dict, rules)


def refiner(key: str, path: str) -> to.Rules:
    """Rules of v2's `Refiner`; key and path end with their separators, or are empty."""
    rules = to.kernel(f"{key}conv0", f"{path}conv0") | to.kernel(f"{key}conv1", f"{path}conv1")
    for i in range(2):
        rules |= residual(f"{key}res_se_block{i}.", f"{path}block{i}/")
    return rules


def residual(key: str, path: str) -> to.Rules:
    """Rules of v2's `ResidualSE`."""
    rules = excitation(f"{key}se_block.", f"{path}se/")
    for i in range(2):
        rules |= to.kernel(f"{key}res_block.conv{i}.conv", f"{path}conv{i}")
        rules |= to.norm(f"{key}res_block.bn{i}", f"{path}norm{i}")
    return rules


def excitation(key: str, path: str) -> to.Rules:
    """Rules of v2's `Excitation`."""
    return to.layer(f"{key}fc1", f"{path}fc1") | to.layer(f"{key}fc2", f"{path}fc2")


def upscale(state_dict: to.StateDict, key: str, path: str) -> to.Rules:
    """Rules of v2's `Upscale`: its layer is transposed, or a plain one by another name."""
    plain = f"{key}up_block.conv.conv"
    if f"{plain}.weight" in state_dict:
        layer = to.kernel(plain, f"{path}conv")
    else:
        layer = to.kernel(f"{key}up_block.convT", f"{path}conv", to.conv_transpose)
    return layer | to.norm(f"{key}up_block.bn", f"{path}norm")


def seed_gen(state_dict: to.StateDict) -> dict[str, Any]:
    """Parameters of the seed's generators: a `SkipUNet`, or (`cagan2`) an `EarlyUNet`.

    Raises:
      ValueError: if keys are missing or left over.
    """
    rules = to.layer("layer1.layers.conv", "enc1")
    for i in (2, 3, 4):
        rules |= _normed(f"layer{i}.layers", f"enc{i}")
    for i in (1, 2, 3):
        rules |= _normed(f"layer{i + 4}", f"dec{i}")
    if "outlayer.conv.weight" in state_dict:
        rules |= _normed("layer8", "dec4") | to.layer("outlayer.conv", "out")
    elif "layer8.norm.weight" in state_dict:
        rules |= _normed("layer8", "out")
    else:
        rules |= to.layer("layer8.conv", "out")
    return to.convert(state_dict, rules)


def seed_disc(state_dict: to.StateDict) -> dict[str, Any]:
    """Parameters of the seed's: a `PatchDiscriminator`, or (`cagan2`) a `ResidualDiscriminator`.

    Raises:
      ValueError: if keys are missing or left over.
    """
    if "apply_noise.weight" in state_dict:
        rules: to.Rules = {"apply_noise.weight": ("params/noise", to.vector)}
        rules |= to.layer("layer1.layers.conv", "enc1") | to.layer("outlayer.layers.conv", "out")
        for i in (2, 3, 4):
            rules |= _normed(f"layer{i}.layers", f"enc{i}")
        return to.convert(state_dict, rules)
    rules = to.layer("dis.model.0.layers.conv", "stem") | to.layer("dis.model.9.layers.conv", "out")
    layers = (("0", "conv0"), ("1", "conv1"), ("s", "shortcut"))
    for i in range(4):
        for theirs, ours in layers if i < 3 else layers[:2]:  # the last block keeps its width
            key = f"dis.model.{2 * i + 1}.conv_block_{theirs}.layers.conv"
            rules |= to.layer(key, f"block{i}_{ours}")
    return to.convert(state_dict, rules)


def _normed(key: str, path: str) -> to.Rules:
    return to.layer(f"{key}.conv", path) | to.norm(f"{key}.norm", f"{path}_norm")
