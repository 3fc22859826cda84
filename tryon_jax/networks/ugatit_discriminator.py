"""U-GAT-IT's discriminators: patches judged under attention, every kernel spectrally normalised.

Source: Kim et al. 2020, appendix B, in the arithmetic of the authors' PyTorch code.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.cam import CAM
from tryon_jax.layers.conv import Conv
from tryon_jax.layers.precision import full


class Judgement(NamedTuple):
    """A discriminator's patch logits [N, h, w, 1] and CAM logits [N, 2]."""

    logit: jax.Array
    cam_logit: jax.Array


class Discriminator(nn.Module):
    """`layers` = 7 sees 286 pixels (global), 5 sees 70 (local); smallest pictures 96 and 24 px."""

    channels: int = 64
    layers: int = 7
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> tuple[Judgement, jax.Array]:
        """Judges [N, S, S, 3]; `update` moves the spectral vectors. The second value is the map."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        conv = {"padding": 1, "padding_mode": "reflect", "spectral": True, **common}
        y = x
        for i in range(self.layers - 1):
            stride = 2 if i < self.layers - 2 else 1
            layer = Conv(self.channels * 2**i, 4, stride=stride, name=f"conv_{i}", **conv)
            y = nn.leaky_relu(layer(y, update=update), 0.2)
        y, cam_logit, heat = CAM(slope=0.2, spectral=True, name="cam", **common)(y, update=update)
        logit = Conv(1, 4, use_bias=False, name="logit", **conv)(y, update=update)
        return Judgement(full(logit), cam_logit), heat
