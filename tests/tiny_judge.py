"""A judge of sets that costs nothing, in the place of VGG16: random features of tiny pictures."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from tryon_jax.metrics import judges
from tryon_jax.metrics.resize import resize

SIDE, WIDTH = 16, 12


@struct.dataclass
class Tiny:
    weights: jax.Array

    def __call__(self, image_uint8):
        return self.of_levels(resize(image_uint8, size=(SIDE, SIDE), convention="ptaa"))

    def of_levels(self, levels):
        flat = (levels / 127.5 - 1).reshape(len(levels), -1)
        return jnp.dot(flat, self.weights, precision="highest")


def load(name="vgg16", inception_file=""):
    weights = np.random.default_rng(0).normal(size=(SIDE * SIDE * 3, WIDTH)) / SIDE
    return judges.Judge(Tiny(jnp.asarray(weights, jnp.float32)), WIDTH, "tiny", SIDE, "ptaa")
