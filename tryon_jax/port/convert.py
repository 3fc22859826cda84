"""Turning a flat PyTorch state dict into nested parameters, with nothing left over.

A port is a table from the original's key to (path, layout): where the tensor lives here, and how
its axes move. `convert` reads the table both ways, so that no tensor is forgotten or invented.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

StateDict = Mapping[str, np.ndarray]
Layout = Callable[[np.ndarray], np.ndarray]
Rules = dict[str, tuple[str, Layout]]  # original key: ("params/gen/conv/kernel", layout)


def convert(state_dict: StateDict, rules: Mapping[str, tuple[str, Layout]]) -> dict[str, Any]:
    """The tensors of a state dict, nested by the paths of the rules, in float32.

    Args:
      state_dict: original key to array; `num_batches_tracked` counters are passed over.
      rules: original key to (path with slashes, layout).

    Raises:
      ValueError: if keys are missing or left over.
    """
    given = {key for key in state_dict if not key.endswith("num_batches_tracked")}
    if given != set(rules):
        missing, strange = sorted(set(rules) - given)[:5], sorted(given - set(rules))[:5]
        raise ValueError(
            f"the weights do not fit this network: missing {missing}, not known here {strange}; "
            "are width, depth and options those that the file was trained with?"
        )
    nested: dict[str, Any] = {}
    for key, (path, layout) in rules.items():
        *folders, name = path.split("/")
        node = nested
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = np.ascontiguousarray(layout(np.asarray(state_dict[key], np.float32)))
    return nested


def conv(weight: np.ndarray) -> np.ndarray:
    """[out, in, h, w] to [h, w, in, out]."""
    return weight.transpose(2, 3, 1, 0)


def conv_transpose(weight: np.ndarray) -> np.ndarray:
    """[in, out, h, w] to [h, w, in, out], spatially flipped."""
    return weight[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)


def linear(weight: np.ndarray) -> np.ndarray:
    """[out, in] to [in, out]."""
    return weight.T


def vector(weight: np.ndarray) -> np.ndarray:
    """[C], [1, C] or [1, C, 1, 1] to [C]."""
    return weight.reshape(-1)


def mix_1x1(weight: np.ndarray) -> np.ndarray:
    """The 1x1 convolution [out, in, 1, 1] as a matrix [in, out]."""
    return weight[:, :, 0, 0].T


def flattened(channels: int) -> Layout:
    """A linear layer behind a (C, H, W) flatten, [out, C * H * W], to [H * W * C, out]."""

    def layout(weight: np.ndarray) -> np.ndarray:
        out = len(weight)
        return weight.reshape(out, channels, -1).transpose(2, 1, 0).reshape(-1, out)

    return layout


def spectral_v(kernel_size: int) -> Layout:
    """The right vector over (in, h, w) to one over (h, w, in)."""

    def layout(vector: np.ndarray) -> np.ndarray:
        return vector.reshape(-1, kernel_size**2).T.reshape(-1)

    return layout


def kernel(key: str, path: str, layout: Layout = conv) -> Rules:
    """Rules of a layer without a bias; `path` is the layer's among the parameters."""
    return {f"{key}.weight": (f"params/{path}/kernel", layout)}


def layer(key: str, path: str) -> Rules:
    """Rules of a convolution with a bias."""
    return kernel(key, path) | {f"{key}.bias": (f"params/{path}/bias", vector)}


def norm(key: str, path: str) -> Rules:
    """Rules of a norm's scale and shift."""
    return {
        f"{key}.weight": (f"params/{path}/scale", vector),
        f"{key}.bias": (f"params/{path}/bias", vector),
    }


def batch_norm(key: str, path: str) -> Rules:
    """Rules of a norm that has running statistics too."""
    return norm(key, path) | {
        f"{key}.running_mean": (f"batch_stats/{path}/mean", vector),
        f"{key}.running_var": (f"batch_stats/{path}/var", vector),
    }
