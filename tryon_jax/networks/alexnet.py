"""AlexNet's convolutions as a judge of pictures: five feature maps.

Source: Krizhevsky 2014 (arXiv 1404.5997), the form of one column that torchvision keeps.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv

# channels, kernel, stride, padding, and whether a pool of 3 x 3 at every second pixel comes before
LAYERS = (
    (64, 11, 4, 2, False),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, True),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, False),
)
SMALLEST = 31  # pixels, that leave one behind the second pool


class AlexNet(nn.Module):
    """Five convolutions, 2 469 696 parameters."""

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """Maps pictures [N, H, W, 3] to each convolution's map behind its ReLU.

        Returns:
          relu1 ... relu5 by name, [N, H', W', C] in `dtype`.

        Raises:
          ValueError: if the pictures are too small for the two pools.
        """
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(
                f"AlexNet takes pictures of {SMALLEST} pixels or more, "
                f"got {x.shape[1]} x {x.shape[2]}"
            )
        features = {}
        for i, (width, size, stride, padding, pooled) in enumerate(LAYERS, 1):
            x = nn.max_pool(x, (3, 3), (2, 2)) if pooled else x
            conv = Conv(width, size, stride, padding, dtype=self.dtype, name=f"conv{i}")
            x = features[f"relu{i}"] = nn.relu(conv(x))
        return features
