"""Inception's features of pictures, by the conventions in use: what FID, KID and IS compare.

Pictures are uint8, as they are saved. A convention fixes how they are resized to 299 x 299 and
which numbers black and white become; the network is one and the same.

| convention | resize (`resize`) | -1 ... 1 |
|---|---|---|
| pytorch_fid | pt | 2 x / 255 - 1 |
| torch_fidelity | tf1 | (x - 128) / 128 |
| clean_fid | clean | (x - 128) / 128 |
| torchmetrics | ptaa, its default from 1.8 on | (x - 128) / 128 |
| gan_metrics | pillow_bilinear, U-GAT-IT's | 2 x / 255 - 1 |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from tryon_jax.metrics.resize import resize
from tryon_jax.networks.inception import SIDE, Inception
from tryon_jax.port import inception as port

WIDTH = 2048  # of pool3


class Preparation(NamedTuple):
    """How a package prepares pictures for Inception."""

    resize: str  # of `resize.CONVENTIONS`
    grey: float  # the level that becomes 0
    half: float  # levels from -1 to 0


CONVENTIONS: Mapping[str, Preparation] = {
    "pytorch_fid": Preparation("pt", 127.5, 127.5),
    "torch_fidelity": Preparation("tf1", 128, 128),
    "clean_fid": Preparation("clean", 128, 128),
    "torchmetrics": Preparation("ptaa", 128, 128),
    "gan_metrics": Preparation("pillow_bilinear", 127.5, 127.5),
}


@struct.dataclass
class Features:
    """Inception with its weights: a function of pictures, and an argument of jitted functions."""

    variables: Any
    convention: str = struct.field(pytree_node=False)

    @jax.jit
    def __call__(self, image_uint8: jax.Array) -> dict[str, jax.Array]:
        """Features of pictures uint8 [N, H, W, 3], float32, as `networks.inception.Inception`'s.

        FID and KID take pool3 [N, 2048], torch-fidelity's Inception Score unbiased [N, 1008].

        Raises:
          ValueError: if the pictures are not uint8 in colour.
        """
        if image_uint8.dtype != jnp.uint8 or image_uint8.shape[3:] != (3,):
            raise ValueError(
                "Inception's features are those of saved pictures, uint8 [N, H, W, 3]; got "
                f"{image_uint8.dtype} {image_uint8.shape}"
            )
        how = CONVENTIONS[self.convention].resize
        return self.of_levels(resize(image_uint8, size=(SIDE, SIDE), convention=how))

    @jax.jit
    def of_levels(self, levels: jax.Array) -> dict[str, jax.Array]:
        """The same of pictures that were resized already, float32 [N, 299, 299, 3] in 0..255."""
        rule = CONVENTIONS[self.convention]
        with jax.default_matmul_precision("highest"):
            features: Any = Inception().apply(self.variables, (levels - rule.grey) / rule.half)
        return features


def load(source: str | Path, *, convention: str = "pytorch_fid") -> Features:
    """Inception from its published file, by a package's convention.

    Raises:
      FileNotFoundError: if no file is named, or there is none; says where it is.
      ValueError: if the convention is unknown, or the file another one.
    """
    if convention not in CONVENTIONS:
        raise ValueError(
            f"the convention must be one of {', '.join(CONVENTIONS)}; got {convention!r}"
        )
    return Features(jax.tree.map(jnp.asarray, port.load(source)), convention)
