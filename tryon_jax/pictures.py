"""Try-on arrays as pictures: what grids, scores and files are made from."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

MASKS = (
    "cloth_mask",
    "worn_mask",
    "warped_mask",
    "composition",
    "truth_mask",
    "truth_whole",
)


def as_pictures(arrays: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Everything in [-1, 1] with one or three channels: masks are stretched, pose maps united.

    Args:
      arrays: of a batch of `data_pipelines/viton.py` and of what a network made of it; masks
        (`MASKS`) in [0, 1], `pose` [N, H, W, 18], pictures [N, H, W, 1 or 3] in [-1, 1].
    """
    pictures = {name: 2 * x - 1 if name in MASKS else x for name, x in arrays.items()}
    return pictures | {"pose": jnp.max(arrays["pose"], -1, keepdims=True)}
