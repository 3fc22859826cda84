"""Names and layouts of the authors' PyTorch CycleGAN (files `*_net_G_A.pth` and the like).

Their G_A is our gen_ab, G_B gen_ba; D_A judges domain b and is our disc_b, D_B disc_a.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file
from tryon_jax.port.originals import Original, newest, unknown

NETWORKS = {"G_A": "gen_ab", "G_B": "gen_ba", "D_A": "disc_b", "D_B": "disc_a"}

Nested = dict[str, Any]  # collections "params" and, with batch norm, "batch_stats"
StateDict = Mapping[str, np.ndarray]


def originals(path: str | Path) -> dict[str, Original]:
    """The network of a file such as `latest_net_G_A.pth`, or the newest of each in a folder.

    A file whose name says nothing, such as the published `horse2zebra.pth`, is a generator G_A.

    Raises:
      FileNotFoundError: if there is no such file, or none of the kind in the folder.
      ValueError: as `torch_file.read`, or if the file is another program's.
    """
    path = Path(path).expanduser().absolute()
    if path.is_dir():
        files = {
            ours: newest(path, rf"(\w+)_net_{theirs}\.pth") for theirs, ours in NETWORKS.items()
        }
        files["gen_ab"] = files["gen_ab"] or newest(path, r"(\w+)_net_G\.pth")
        found = {ours: _original(file) for ours, file in files.items() if file}
        if not found:
            raise FileNotFoundError(f"{path} holds no latest_net_G_A.pth or <epoch>_net_G_A.pth")
        return found
    named = re.search(r"_net_([GD]_[AB])\.pth$", path.name)
    return {NETWORKS[named[1]] if named else "gen_ab": _original(path)}


def _original(path: Path) -> Original:
    """A network, whichever it is by its keys."""
    state_dict = torch_file.read(path)
    if "net.0.weight" in state_dict:
        fields = {"discriminator": "pixel", "disc_channels": len(state_dict["net.0.weight"])}
        variables = pixelgan(state_dict)
    elif any(".conv_block." in key for key in state_dict):
        variables, fields = resnet_generator(state_dict), _resnet_fields(state_dict)
    elif "model.model.0.weight" in state_dict:
        halvings = sum(w.ndim == 4 for w in state_dict.values()) // 2
        fields = {"generator": f"unet_{2**halvings}"}
        fields |= {"channels": len(state_dict["model.model.0.weight"])}
        variables = unet(state_dict)
    elif "model.0.weight" in state_dict:
        variables = patchgan(state_dict)
        fields = {"discriminator": "n_layers", "disc_layers": len(_convs(state_dict)) - 2}
        fields |= {"disc_channels": len(state_dict["model.0.weight"])}
    else:
        known = "CycleGAN's latest_net_<G_A, G_B, D_A, D_B>.pth"
        raise unknown(path, state_dict, known=known)
    if "batch_stats" in variables:
        fields["norm"] = "batch"
    return Original(path, variables, {f"model.{name}": value for name, value in fields.items()})


def _resnet_fields(state_dict: StateDict) -> dict[str, Any]:
    blocks = len({key.split(".")[1] for key in state_dict if ".conv_block." in key})
    channels = len(state_dict["model.1.weight"])
    return {"generator": f"resnet_{blocks}blocks", "channels": channels}


def resnet_generator(state_dict: StateDict, *, padding: str = "reflect") -> Nested:
    """Variables of a `ResnetGenerator`; `padding` is that of its blocks."""
    blocks = len({key.split(".")[1] for key in state_dict if ".conv_block." in key})
    rules = _Rules(state_dict)
    rules.conv("model.1", "stem")
    rules.norm("model.2", "stem_norm/batch")
    for i in (1, 2):
        rules.conv(f"model.{1 + 3 * i}", f"down_{i}")
        rules.norm(f"model.{2 + 3 * i}", f"down_{i}_norm/batch")
    dropout = f"model.10.conv_block.{6 if padding != 'zero' else 4}.weight" in state_dict and (
        state_dict[f"model.10.conv_block.{6 if padding != 'zero' else 4}.weight"].ndim == 4
    )
    first, second = (1, 5) if padding != "zero" else (0, 3)
    second += dropout
    for i in range(blocks):
        block = f"model.{10 + i}.conv_block"
        for j, index in ((1, first), (2, second)):
            rules.conv(f"{block}.{index}", f"block_{i}/conv_{j}")
            rules.norm(f"{block}.{index + 1}", f"block_{i}/norm_{j}/batch")
    for i in (1, 2):
        index = 10 + blocks + 3 * (i - 1)
        rules.conv_transpose(f"model.{index}", f"up_{i}")
        rules.norm(f"model.{index + 1}", f"up_{i}_norm/batch")
    rules.conv(f"model.{17 + blocks}", "out")
    return rules.convert()


def unet(state_dict: StateDict) -> Nested:
    """Variables of a `UNet`; its modules nest one inside the other."""
    halvings = sum(w.ndim == 4 for w in state_dict.values()) // 2
    rules = _Rules(state_dict)
    prefix = "model"
    for i in range(halvings):
        down, up = (1, 5) if i > 0 else (0, 3)
        if i == halvings - 1:
            up = 3
        rules.conv(f"{prefix}.model.{down}", f"down_{i}")
        rules.conv_transpose(f"{prefix}.model.{up}", f"up_{i}")
        if 0 < i < halvings - 1:
            rules.norm(f"{prefix}.model.{down + 1}", f"down_{i}_norm/batch")
        if i:
            rules.norm(f"{prefix}.model.{up + 1}", f"up_{i}_norm/batch")
        prefix = f"{prefix}.model.{3 if i else 1}"
    return rules.convert()


def patchgan(state_dict: StateDict) -> Nested:
    """Variables of a `PatchGAN`."""
    convs = _convs(state_dict)
    rules = _Rules(state_dict)
    for i, index in enumerate(convs):
        last = i == len(convs) - 1
        rules.conv(f"model.{index}", "logit" if last else f"conv_{i}")
        if i and not last:
            rules.norm(f"model.{index + 1}", f"norm_{i}/batch")
    return rules.convert()


def pixelgan(state_dict: StateDict) -> Nested:
    """Variables of a `PixelGAN`."""
    rules = _Rules(state_dict)
    for key, path in (("net.0", "conv_0"), ("net.2", "conv_1"), ("net.5", "logit")):
        rules.conv(key, path)
    rules.norm("net.3", "norm_1/batch")
    return rules.convert()


def _convs(state_dict: StateDict) -> list[int]:
    """Places of a PatchGAN's convolutions."""
    found = (re.fullmatch(r"model\.(\d+)\.weight", key) for key in state_dict)
    return sorted(int(key[1]) for key in found if key and state_dict[key[0]].ndim == 4)


class _Rules:
    """Collects rules; biases and batch norms are there where the file has them."""

    def __init__(self, state_dict: StateDict):
        # instance norm before PyTorch 0.4 stored statistics without a weight: nothing to keep
        self.state_dict = {
            key: value
            for key, value in state_dict.items()
            if not key.endswith(("running_mean", "running_var"))
            or f"{key.rsplit('.', 1)[0]}.weight" in state_dict
        }
        self.rules: dict[str, tuple[str, to.Layout]] = {}

    def conv(self, key: str, path: str, layout: to.Layout = to.conv) -> None:
        self.rules[f"{key}.weight"] = (f"params/{path}/kernel", layout)
        if f"{key}.bias" in self.state_dict:
            self.rules[f"{key}.bias"] = (f"params/{path}/bias", to.vector)

    def conv_transpose(self, key: str, path: str) -> None:
        self.conv(key, path, to.conv_transpose)

    def norm(self, key: str, path: str) -> None:
        if f"{key}.running_mean" not in self.state_dict:
            return
        self.rules[f"{key}.weight"] = (f"params/{path}/scale", to.vector)
        self.rules[f"{key}.bias"] = (f"params/{path}/bias", to.vector)
        self.rules[f"{key}.running_mean"] = (f"batch_stats/{path}/mean", to.vector)
        self.rules[f"{key}.running_var"] = (f"batch_stats/{path}/var", to.vector)

    def convert(self) -> Nested:
        return to.convert(self.state_dict, self.rules)
