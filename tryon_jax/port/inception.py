"""FID's Inception v3: the file of pytorch-fid and torch-fidelity, its batch norms folded in.

Both packages publish the TensorFlow graph "inception-2015-12-05" under names that end in 6726825d,
the beginning of the file's SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file
from tryon_jax.port.weight_file import existing, fingerprint

SHA256 = "6726825d"  # how it begins
URL = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth"
)
EPSILON = 1e-3  # of batch norm
CONVOLUTIONS = 94
NORM = ("weight", "bias", "running_mean", "running_var")


def load(source: str | Path, *, sha256: str = SHA256) -> dict[str, Any]:
    """Variables of a `networks.inception.Inception` from the published file.

    Args:
      source: pt_inception-2015-12-05-6726825d.pth, or torch-fidelity's file of the same bytes.
      sha256: how the file's fingerprint begins; other weights give other distances.

    Raises:
      FileNotFoundError: if no file is named, or there is none; says where it is.
      ValueError: if it is another file.
    """
    if not source:
        raise FileNotFoundError(
            f"FID needs the weights of its Inception: download {URL} and name the file; "
            "fd_vgg16 needs none"
        )
    path = existing(source)
    found = fingerprint(path)
    if not found.startswith(sha256):
        raise ValueError(
            f"{path} is not FID's Inception: its SHA-256 begins with {found}, not {sha256}; "
            f"download {URL} again, and do not take torchvision's inception_v3"
        )
    return inception(torch_file.read(path))


def inception(state_dict: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables of a `networks.inception.Inception` from torchvision's names.

    A norm's y = (x - mean) * weight / sqrt(var + 0.001) + bias becomes part of the convolution,
    computed in float64.

    Raises:
      ValueError: if keys are missing or left over.
    """
    given = {k: x for k, x in state_dict.items() if not k.endswith("num_batches_tracked")}
    modules = sorted({k.rsplit(".", 2)[0] for k in given if k.endswith(".conv.weight")})
    wanted = {f"{name}.conv.weight" for name in modules} | {"fc.weight", "fc.bias"}
    wanted |= {f"{name}.bn.{part}" for name in modules for part in NORM}
    if set(given) != wanted or len(modules) != CONVOLUTIONS:
        raise ValueError(
            f"the weights do not fit FID's Inception: {len(modules)} of {CONVOLUTIONS} "
            f"convolutions, missing {sorted(wanted - set(given))[:5]}, not known here "
            f"{sorted(set(given) - wanted)[:5]}"
        )
    folded: dict[str, np.ndarray] = {k: given[k] for k in ("fc.weight", "fc.bias")}
    rules: dict[str, tuple[str, to.Layout]] = {
        "fc.weight": ("params/fc_kernel", to.linear),
        "fc.bias": ("params/fc_bias", to.vector),
    }
    for name in modules:
        folded[f"{name}.weight"], folded[f"{name}.bias"] = _folded(given, name)
        place = f"params/{name.replace('.', '/')}"
        rules[f"{name}.weight"] = (f"{place}/kernel", to.conv)
        rules[f"{name}.bias"] = (f"{place}/bias", to.vector)
    return to.convert(folded, rules)


def _folded(given: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    weight, bias, mean, var = (given[f"{name}.bn.{part}"].astype(np.float64) for part in NORM)
    scale = weight / np.sqrt(var + EPSILON)
    return given[f"{name}.conv.weight"] * scale[:, None, None, None], bias - mean * scale
