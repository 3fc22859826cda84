"""SqueezeNet 1.1 as a judge of pictures: seven feature maps.

Source: Iandola et al. 2016 (arXiv 1602.07360); version 1.1 as torchvision keeps it.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv

# torchvision's places in `features`: the fires, their widths (squeezed, expanded), and the pools
FIRES = {
    3: (16, 64),
    4: (16, 64),
    6: (32, 128),
    7: (32, 128),
    9: (48, 192),
    10: (48, 192),
    11: (64, 256),
    12: (64, 256),
}
POOLS = (2, 5, 8)
TAPS = (1, 4, 7, 9, 10, 11, 12)
SMALLEST = 17  # pixels, that leave two before the last pool


class Fire(nn.Module):
    """Few channels, then many: half of them see a pixel, half its neighbours too."""

    squeezed: int
    expanded: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to [N, H, W, 2 * expanded]."""
        x = nn.relu(Conv(self.squeezed, 1, dtype=self.dtype, name="squeeze")(x))
        one = Conv(self.expanded, 1, dtype=self.dtype, name="expand1x1")(x)
        three = Conv(self.expanded, 3, padding=1, dtype=self.dtype, name="expand3x3")(x)
        return nn.relu(jnp.concatenate([one, three], -1))


class SqueezeNet(nn.Module):
    """A convolution and eight fires, 722 496 parameters."""

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """Maps pictures [N, H, W, 3] to the maps behind the first ReLU and behind fires.

        Returns:
          relu1, fire4, fire7, fire9 ... fire12 by name, [N, H', W', C] in `dtype`.

        Raises:
          ValueError: if the pictures are too small for the three pools.
        """
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(
                f"SqueezeNet takes pictures of {SMALLEST} pixels or more, "
                f"got {x.shape[1]} x {x.shape[2]}"
            )
        x = nn.relu(Conv(64, 3, 2, dtype=self.dtype, name="conv")(x))
        features = {"relu1": x}
        for place in range(2, 13):
            if place in POOLS:
                x = _pooled(x)
                continue
            x = Fire(*FIRES[place], dtype=self.dtype, name=f"fire{place}")(x)
            if place in TAPS:
                features[f"fire{place}"] = x
        return features


def _pooled(x: jax.Array) -> jax.Array:
    """The largest of 3 x 3 at every second pixel; a window may hang over the right and lower edge.

    PyTorch's `ceil_mode`.
    """
    edges: Any = [(0, (side - 3) % 2) for side in x.shape[1:3]]
    return nn.max_pool(x, (3, 3), (2, 2), edges)
