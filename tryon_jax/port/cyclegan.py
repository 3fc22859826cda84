"""Names and layouts of the authors' PyTorch CycleGAN (files `*_net_G_A.pth` and the like).

Their G_A is our gen_ab, G_B gen_ba; D_A judges domain b and is our disc_b, D_B disc_a.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tryon_jax.port import convert as to

NETWORKS = {"G_A": "gen_ab", "G_B": "gen_ba", "D_A": "disc_b", "D_B": "disc_a"}

Nested = dict[str, Any]  # collections "params" and, with batch norm, "batch_stats"
StateDict = Mapping[str, np.ndarray]


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
    found = (re.fullmatch(r"model\.(\d+)\.weight", key) for key in state_dict)
    convs = sorted(int(key[1]) for key in found if key and state_dict[key[0]].ndim == 4)
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
