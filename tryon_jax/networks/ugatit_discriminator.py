"""U-GAT-IT's discriminators: patches judged behind the attention of a classifier.

Source: Kim et al. 2020, appendix B, in the arithmetic of the authors' PyTorch code; the options of
enhanced-UGATIT (zheng-yuwei).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.cam import CAM
from tryon_jax.layers.conv import Conv
from tryon_jax.layers.pooling import adaptive_average
from tryon_jax.layers.precision import full

FEWEST = 3  # layers; the enhanced version fills up to 5 with 3 x 3 convolutions


class Judgement(NamedTuple):
    """A discriminator's patch logits [N, h, w, 1] and CAM logits [N, 2]."""

    logit: jax.Array
    cam_logit: jax.Array


class Discriminator(nn.Module):
    """`layers` = 7 sees 286 pixels (global), 5 sees 70 (local); smallest pictures 96 and 24 px.

    `variant="enhanced"` gives biases to the attention's rows and the logits, and puts a 3 x 3
    convolution before the last layer for each layer fewer than 5. `attend=False` mixes the features
    as they are, not weighed by the classifier.
    """

    channels: int = 64
    layers: int = 7
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32
    variant: str = "official"
    spectral: bool = True
    attend: bool = True

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        update: bool,
        cam_input: jax.Array | None = None,
        feature_mask: jax.Array | None = None,
    ) -> tuple[Judgement, jax.Array]:
        """Judges pictures.

        Args:
          x: [N, S, S, 3].
          update: moves the spectral vectors; with a `cam_input` those before the attention twice.
          cam_input: [N, S, S, 3]: what the classifier sees, through the same layers, instead of x.
          feature_mask: float [N, S, S, 1]: the classifier sees features * averages of the mask.

        Returns:
          The judgement, and the attention map [N, h + 1, w + 1, 1].
        """
        common = {"init_type": self.init_type, "dtype": self.dtype}
        conv = {"padding": 1, "padding_mode": "reflect", "spectral": self.spectral, **common}
        biased = self.variant == "enhanced"
        trunk = [
            Conv(width, size, stride=stride, name=f"conv_{i}", **conv)
            for i, (width, size, stride) in enumerate(self._plan())
        ]

        def seen(y: jax.Array) -> jax.Array:
            for layer in trunk:
                y = nn.leaky_relu(layer(y, update=update), 0.2)
            return y

        y = seen(x)
        judged = y if cam_input is None else seen(cam_input)
        if feature_mask is not None:
            judged = full(judged) * adaptive_average(feature_mask, size=judged.shape[1:3])
        cam = {"slope": 0.2, "spectral": self.spectral, "row_bias": biased, "attend": self.attend}
        y, cam_logit, heat = CAM(name="cam", **cam, **common)(y, judged=judged, update=update)
        logit = Conv(1, 4, use_bias=biased, name="logit", **conv)(y, update=update)
        return Judgement(full(logit), cam_logit), heat

    def _plan(self) -> list[tuple[int, int, int]]:
        """(features, kernel size, stride) of each layer before the attention."""
        strided = [(self.channels * 2**i, 4, 2) for i in range(self.layers - 2)]
        count = max(5 - self.layers, 0) if self.variant == "enhanced" else 0
        filling = [(self.channels * 2 ** (self.layers - 3), 3, 1)] * count
        return [*strided, *filling, (self.channels * 2 ** (self.layers - 2), 4, 1)]
