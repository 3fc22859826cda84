"""Names and layouts of CAGAN v2's PyTorch checkpoints, and of the seed's (zebincai/imaginaire).

V2 saves bare state dicts, `netG_<step>.pth` and `netD{0,1,2}_<step>.pth` (coarse to fine; ours are
`disc_0` ... `disc_2`). The seed's one file holds `net_G` and `net_D` beside their optimisers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file
from tryon_jax.port.originals import Original, newest, unknown

KNOWN = (
    "CAGAN v2's netG_<step>.pth (layer1.0.conv.weight, ...) and netD<0, 1, 2>_<step>.pth "
    "(D_net.conv0.conv.weight, ...), and the seed's checkpoint (net_G, net_D)"
)
V2 = {"generator": "dilated", "shrinking": "average", "alpha": "sigmoid", "colours": "tanh"}
# what the seed's generators compute; their files do not show it
SEED = {
    "seed_first": {"shrinking": "bilinear", "alpha": "leaky", "colours": "leaky"},
    "seed": {"shrinking": "corners", "alpha": "linear", "colours": "tanh"},
    "seed_residual": {"shrinking": "corners", "alpha": "linear", "colours": "linear"},
}


def originals(path: str | Path) -> dict[str, Original]:
    """The networks of one file, or the newest of each in a folder of CAGAN v2's.

    Raises:
      FileNotFoundError: if there is no such file, or no generator in the folder.
      ValueError: as `torch_file.read_all`, or if the file is none of `KNOWN`.
    """
    path = Path(path).expanduser().absolute()
    if path.is_dir():
        names = {"gen": "netG", **{f"disc_{k}": f"netD{k}" for k in range(3)}}
        files = {ours: newest(path, rf"{name}_(\w+)\.pth") for ours, name in names.items()}
        if files["gen"] is None:
            raise FileNotFoundError(f"{path} holds no netG_<step>.pth of CAGAN v2")
        return {ours: _v2(file, ours) for ours, file in files.items() if file}
    held = torch_file.read_all(path)
    if {"net_G", "net_D"} <= set(held):
        return _seed(path, held["net_G"], held["net_D"])
    number = re.match(r"netD(\d)", path.name)
    keys = held.get("", held)
    if "D_net.conv0.conv.weight" in keys and number is None:
        raise ValueError(f"{path} is one of three discriminators: call it netD0, netD1 or netD2")
    if not {"D_net.conv0.conv.weight", "layer1.0.conv.weight"} & set(keys):
        raise unknown(path, keys, known=KNOWN)
    return {name: _v2(path, name) for name in [f"disc_{number[1]}" if number else "gen"]}


def _v2(path: Path, network: str) -> Original:
    state_dict = torch_file.read(path)
    if network != "gen":
        variables = disc(state_dict)
        channels = len(state_dict["D_net.conv0.conv.bias"])
        fields = {"discriminator": "wide", "disc_norm": "instance", "disc_channels": channels}
        return Original(path, variables, _model(fields), "v2")
    variables, channels = gen(state_dict), len(state_dict["layer1.0.conv.weight"])
    fields = V2 | {"channels": channels, "injected": "other", "upscaling": _upscaling(state_dict)}
    return Original(path, variables, _model(fields), "v2")


def _upscaling(state_dict: to.StateDict) -> str:
    plain = state_dict.get("upscale_0.up_block.conv.conv.weight")
    if plain is None:
        return "transposed"
    return "nearest" if len(plain) == len(state_dict["upscale_0.up_block.bn.weight"]) else "shuffle"


def _seed(path: Path, gens: to.StateDict, discs: to.StateDict) -> dict[str, Original]:
    variables, judge = seed_gen(gens), seed_disc(discs)
    early, normed = "outlayer.conv.weight" in gens, "layer8.norm.weight" in gens
    preset = "seed_residual" if early else "seed_first" if normed else "seed"
    fields = SEED[preset] | {
        "generator": "early" if early else "skip",
        "channels": len(gens["layer1.layers.conv.bias"]),
        "injected": "other",
        "injection": "append",
        "output_norm": normed and not early,
    }
    return {
        "gen": Original(path, variables, _model(fields), preset),
        "disc_0": Original(path, judge, _model(_seed_judge(discs)), preset),
    }


def _seed_judge(state_dict: to.StateDict) -> dict[str, Any]:
    """Fields of the seed's discriminators."""
    if "apply_noise.weight" not in state_dict:
        channels = len(state_dict["dis.model.0.layers.conv.bias"])
        return {"discriminator": "residual", "disc_channels": channels, "disc_noise": "none"}
    channels = len(state_dict["layer1.layers.conv.bias"])
    return {
        "discriminator": "patch",
        "disc_channels": channels,
        "disc_injects": state_dict["layer2.layers.conv.weight"].shape[1] > channels,
        "disc_padding": 0,
        "disc_noise": "learned",
    }


def _model(fields: dict[str, Any]) -> dict[str, Any]:
    return {f"model.{name}": value for name, value in fields.items()}


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
