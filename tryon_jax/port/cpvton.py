"""Names and layouts of the authors' PyTorch CP-VTON and CP-VTON+ (GMM and TOM checkpoints).

Their extractionA sees the person, extractionB the cloth (CP-VTON+: its mask). The number of stages
is the file's; so are the widths.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file

EXTRACTIONS = {"extractionA": "person_features", "extractionB": "cloth_features"}


def load_gmm(path: str | Path) -> dict[str, Any]:
    """Variables of a `GMM` from a file such as `gmm_final.pth`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: as `torch_file.read` and `gmm`.
    """
    return gmm(torch_file.read(path))


def load_tom(path: str | Path) -> dict[str, Any]:
    """Parameters of TOM's U-Net from a file such as `tom_final.pth`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: as `torch_file.read` and `tom`.
    """
    return tom(torch_file.read(path))


def gmm(state_dict: to.StateDict) -> dict[str, Any]:
    """Parameters and batch statistics of a `GMM`: {"params": ..., "batch_stats": ...}.

    Raises:
      ValueError: if keys are missing or left over.
    """
    rules: to.Rules = {}
    for theirs, ours in EXTRACTIONS.items():  # convolution, ReLU, norm; none behind the last
        count = _convolutions(state_dict, f"{theirs}.model")
        for i in range(count):
            rules |= to.layer(f"{theirs}.model.{3 * i}", f"{ours}/conv_{i}")
        for i in range(count - 1):
            rules |= to.batch_norm(f"{theirs}.model.{3 * i + 2}", f"{ours}/norm_{i}")
    count = _convolutions(state_dict, "regression.conv")
    for i in range(count):  # convolution, norm, ReLU
        rules |= to.layer(f"regression.conv.{3 * i}", f"regression/conv_{i}")
        rules |= to.batch_norm(f"regression.conv.{3 * i + 1}", f"regression/norm_{i}")
    # a file of something else may lack it: `convert` then says what is missing
    channels = np.size(state_dict.get(f"regression.conv.{3 * count - 3}.bias", ()))
    theta = "params/regression/theta"
    rules["regression.linear.weight"] = (f"{theta}/kernel", to.flattened(channels))
    rules["regression.linear.bias"] = (f"{theta}/bias", to.vector)
    return to.convert(state_dict, rules)


def tom(state_dict: to.StateDict) -> dict[str, Any]:
    """Parameters of TOM's U-Net, {"params": ...}; its instance norms have none.

    Raises:
      ValueError: if keys are missing or left over.
    """
    levels = sum(np.ndim(weight) == 4 for weight in state_dict.values()) // 2
    rules: to.Rules = {}
    prefix = "model.model"
    for i in range(levels):
        outer, inner = i == 0, i == levels - 1
        rules |= to.layer(f"{prefix}.{0 if outer else 1}", f"down_{i}")
        rules |= to.layer(f"{prefix}.{4 if outer or inner else 6}", f"up_{i}")
        prefix = f"{prefix}.{1 if outer else 3}.model"
    return to.convert(state_dict, rules)


def _convolutions(state_dict: to.StateDict, prefix: str) -> int:
    pattern = re.compile(rf"{re.escape(prefix)}\.\d+\.weight")
    return sum(np.ndim(w) == 4 for key, w in state_dict.items() if pattern.fullmatch(key))
