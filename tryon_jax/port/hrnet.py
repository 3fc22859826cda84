"""Names and layouts of the authors' HRNet and SimpleBaseline files, for persons, garments, faces.

`pose_hrnet_w32_256x192.pth`, `pose_resnet_50_256x192.pth` and their relatives; the heads are the
plain convolution, HRNetV2's, and two deconvolutions named as SimpleBaseline's. Depth, widths and
head are read from the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import originals, torch_file

PREFIX = "module."  # of files that were saved by several GPUs


class Plan(NamedTuple):
    """How an HRNet is built, as its keys show it."""

    modules: tuple[int, ...]  # of 2, 3 and 4 branches
    blocks: int  # of a branch in a module
    bottlenecks: int  # of the first stage
    head: str  # conv | deconv | v2


class Depth(NamedTuple):
    """How a SimpleBaseline is built, as its keys show it."""

    blocks: tuple[int, ...]  # of the four stages
    units: int  # convolutions of a block: 2, or 3 of a bottleneck
    deconvolutions: int


def load(path: str | Path) -> dict[str, Any]:
    """Variables of a `networks.hrnet.HRNet` or `networks.pose_resnet.PoseResNet` from a file.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is another network's.
    """
    state_dict = torch_file.read(Path(path).expanduser())
    bare = {key.removeprefix(PREFIX): x for key, x in state_dict.items()}
    if "stage2.0.branches.0.0.conv1.weight" in bare:
        return hrnet(bare)
    if "layer1.0.conv1.weight" in bare and "final_layer.weight" in bare:
        return pose_resnet(bare)
    known = "HRNet's pose networks (stage2.0.branches...) and SimpleBaseline's (deconv_layers...)"
    raise originals.unknown(Path(path), bare, known=known)


def hrnet(state_dict: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables of an `HRNet` from the names of the original.

    Raises:
      ValueError: if keys are missing or left over.
    """
    return to.convert(state_dict, hrnet_rules(plan(state_dict)))


def pose_resnet(state_dict: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables of a `PoseResNet` from the names of the original.

    Raises:
      ValueError: if keys are missing or left over.
    """
    blocks = tuple(_count(state_dict, rf"layer{stage}\.(\d+)\.") for stage in range(1, 5))
    units = 3 if "layer1.0.conv3.weight" in state_dict else 2
    deconvolutions = sum(
        np.ndim(x) == 4 for key, x in state_dict.items() if key.startswith("deconv_layers.")
    )
    return to.convert(state_dict, pose_resnet_rules(Depth(blocks, units, deconvolutions)))


def plan(keys: Iterable[str]) -> Plan:
    """How an HRNet with these keys is built."""
    keys = list(keys)
    counts = [_count(keys, rf"stage{stage}\.(\d+)\.") for stage in (2, 3, 4)]
    blocks = _count(keys, r"stage2\.0\.branches\.0\.(\d+)\.")
    head = "conv"
    if any(key.startswith("head.") for key in keys):
        head = "v2"
    if any(key.startswith("deconv_layers.") for key in keys):
        head = "deconv"
    bottlenecks = _count(keys, r"layer1\.(\d+)\.")
    return Plan(tuple(count for count in counts if count), blocks, bottlenecks, head)


def hrnet_rules(plan: Plan) -> to.Rules:
    """Where each tensor of an HRNet goes."""
    rules = _unit("conv1", "bn1", "stem_1") | _unit("conv2", "bn2", "stem_2")
    for i in range(plan.bottlenecks):
        rules |= _block(f"layer1.{i}", f"layer1_{i}", units=3, projected=i == 0)
    for stage, count in enumerate(plan.modules, 2):
        rules |= _transition(stage)
        for i in range(count):
            last = stage == len(plan.modules) + 1 and i == count - 1
            single = last and plan.head != "v2"
            rules |= _module(stage, i, blocks=plan.blocks, single=single)
    if plan.head == "v2":
        mix = to.layer("head.0", "mix/conv") | to.batch_norm("head.1", "mix/norm")
        return rules | mix | to.layer("head.3", "last")
    if plan.head == "deconv":
        rules |= _doublings(2)
    return rules | to.layer("final_layer", "last")


def pose_resnet_rules(depth: Depth) -> to.Rules:
    """Where each tensor of a SimpleBaseline goes."""
    rules = _unit("conv1", "bn1", "stem")
    for stage, count in enumerate(depth.blocks, 1):
        for i in range(count):
            projected = i == 0 and (stage > 1 or depth.units == 3)
            names = (f"layer{stage}.{i}", f"layer{stage}_{i}")
            rules |= _block(*names, units=depth.units, projected=projected)
    return rules | _doublings(depth.deconvolutions) | to.layer("final_layer", "last")


def _transition(stage: int) -> to.Rules:
    """Into a stage: the first branches where their width changes, and the new lowest one."""
    name = f"transition{stage - 1}"
    lower = f"{name}.{stage - 1}.0"
    rules = _unit(f"{lower}.0", f"{lower}.1", f"{name}_{stage - 1}")
    if stage == 2:
        rules |= _unit(f"{name}.0.0", f"{name}.0.1", f"{name}_0")
    return rules


def _module(stage: int, index: int, *, blocks: int, single: bool) -> to.Rules:
    theirs, ours = f"stage{stage}.{index}", f"stage{stage}_{index}"
    rules: to.Rules = {}
    for i in range(stage):
        for k in range(blocks):
            names = (f"{theirs}.branches.{i}.{k}", f"{ours}/branch_{i}_{k}")
            rules |= _block(*names, units=2, projected=False)
    for into in range(1 if single else stage):
        for start in range(stage):
            fuse, path = f"{theirs}.fuse_layers.{into}.{start}", f"{ours}/fuse_{into}_{start}"
            if start > into:
                rules |= _unit(f"{fuse}.0", f"{fuse}.1", path)
            for step in range(into - start):
                rules |= _unit(f"{fuse}.{step}.0", f"{fuse}.{step}.1", f"{path}_{step}")
    return rules


def _block(theirs: str, ours: str, *, units: int, projected: bool) -> to.Rules:
    rules: to.Rules = {}
    for i in range(1, units + 1):
        rules |= _unit(f"{theirs}.conv{i}", f"{theirs}.bn{i}", f"{ours}/unit_{i}")
    if projected:
        beside = f"{theirs}.downsample"
        rules |= _unit(f"{beside}.0", f"{beside}.1", f"{ours}/beside")
    return rules


def _doublings(count: int) -> to.Rules:
    rules: to.Rules = {}
    for i in range(count):  # deconvolution, norm, ReLU
        deconv = to.kernel(f"deconv_layers.{3 * i}", f"up_{i}/conv", to.conv_transpose)
        rules |= deconv | to.batch_norm(f"deconv_layers.{3 * i + 1}", f"up_{i}/norm")
    return rules


def _unit(conv: str, norm: str, path: str) -> to.Rules:
    return to.kernel(conv, f"{path}/conv") | to.batch_norm(norm, f"{path}/norm")


def _count(keys: Iterable[str], pattern: str) -> int:
    """One more than the highest number that the pattern finds at the start of a key."""
    found = (re.match(pattern, key) for key in keys)
    return 1 + max((int(match[1]) for match in found if match), default=-1)
