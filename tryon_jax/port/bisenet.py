"""Names and layouts of the face parser `79999_iter.pth` (zllrunning/face-parsing.PyTorch)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file
from tryon_jax.port.convert import Rules

TRAINING_ONLY = ("conv_out16.", "conv_out32.")  # heads that only help to train
CONTEXT = {
    "arm16.conv": "refine_16/unit",
    "arm32.conv": "refine_32/unit",
    "conv_head16": "head_16",
    "conv_head32": "head_32",
    "conv_avg": "whole",
}


def load(path: str | Path) -> dict[str, Any]:
    """Variables of a `networks.bisenet.BiSeNet`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is another network's.
    """
    return bisenet(torch_file.read(Path(path).expanduser()))


def bisenet(state_dict: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables of a `BiSeNet` from the names of the original.

    Raises:
      ValueError: if keys are missing or left over.
    """
    living = {key: x for key, x in state_dict.items() if not key.startswith(TRAINING_ONLY)}
    rules = _unit("cp.resnet.conv1", "cp.resnet.bn1", "stem")
    for stage in range(1, 5):
        for block in range(2):
            theirs, ours = f"cp.resnet.layer{stage}.{block}", f"stage_{stage}_{block}"
            for i in (1, 2):
                rules |= _unit(f"{theirs}.conv{i}", f"{theirs}.bn{i}", f"{ours}/unit_{i}")
        if stage > 1:
            beside = f"cp.resnet.layer{stage}.0.downsample"
            rules |= _unit(f"{beside}.0", f"{beside}.1", f"stage_{stage}_0/beside")
    for theirs, ours in CONTEXT.items():
        rules |= _unit(f"cp.{theirs}.conv", f"cp.{theirs}.bn", ours)
    for size in (16, 32):
        arm = f"cp.arm{size}"
        rules |= _unit(f"{arm}.conv_atten", f"{arm}.bn_atten", f"refine_{size}/gate")
    rules |= _unit("ffm.convblk.conv", "ffm.convblk.bn", "fuse/unit")
    rules |= to.kernel("ffm.conv1", "fuse/narrow") | to.kernel("ffm.conv2", "fuse/widen")
    rules |= _unit("conv_out.conv.conv", "conv_out.conv.bn", "last")
    return to.convert(living, rules | to.kernel("conv_out.conv_out", "logits"))


def _unit(conv: str, norm: str, path: str) -> Rules:
    return to.kernel(conv, f"{path}/conv") | to.batch_norm(norm, f"{path}/norm")
