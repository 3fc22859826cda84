"""SimpleBaseline: a ResNet and three deconvolutions that find landmarks.

Source: Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018 (arXiv
1804.06208), section 2, in the arithmetic of the code beside HRNet's. What flows through: pictures
[N, H, W, 3] normalised as ImageNet's, to heatmaps of a quarter of their size.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv
from tryon_jax.layers.pooling import max_pool3
from tryon_jax.layers.precision import full
from tryon_jax.networks.residual import INIT, BasicBlock, Bottleneck, Doubling, Unit

COARSEST = 32  # both sides of a picture are multiples of it
# depth: the block, and how many each of the four stages has
DEPTHS = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


class PoseResNet(nn.Module):
    """Pictures to heatmaps.

    Attributes:
      outputs: landmarks.
      depth: of the ResNet, 18 | 34 | 50 | 101 | 152.
      deconvolutions: channels of each.
      kernel_size: of the deconvolutions, 4 | 3 | 2.
      stem: channels of the first convolution; stage i has 2^i times as many in its narrow part.
    """

    outputs: int
    depth: int = 50
    deconvolutions: tuple[int, ...] = (256, 256, 256)
    kernel_size: int = 4
    stem: int = 64
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool = False) -> jax.Array:
        """Maps pictures [N, H, W, 3], normalised as ImageNet's, to float32 heatmaps.

        Returns:
          [N, H / 4, W / 4, outputs] with three deconvolutions.

        Raises:
          ValueError: if the depth is unknown, or a side is no multiple of 32.
        """
        if self.depth not in DEPTHS:
            raise ValueError(f"depth must be one of {list(DEPTHS)}; got {self.depth}")
        if x.shape[1] % COARSEST or x.shape[2] % COARSEST:
            raise ValueError(
                f"a ResNet halves pictures five times, got {x.shape[1]} x {x.shape[2]}; use "
                f"multiples of {COARSEST} pixels"
            )
        common: dict[str, Any] = {"dtype": self.dtype}
        block, counts = DEPTHS[self.depth]
        y = max_pool3(Unit(self.stem, 7, stride=2, name="stem", **common)(x, update=update))
        for stage, count in enumerate(counts):
            for i in range(count):
                stride = 2 if stage and not i else 1
                name = f"layer{stage + 1}_{i}"
                y = block(self.stem * 2**stage, stride, name=name, **common)(y, update=update)
        for i, features in enumerate(self.deconvolutions):
            up = Doubling(features, self.kernel_size, name=f"up_{i}", **common)
            y = up(y, update=update)
        return full(Conv(self.outputs, 1, init_type=INIT, name="last", **common)(y))
