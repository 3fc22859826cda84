"""Blocks of the CycleGAN family: a norm chosen by name, and what follows from the choice."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers import init
from tryon_jax.layers.norms import BatchNorm, instance_norm

SCALE_INIT = init.normal(mean=1.0, deviation=init.GAIN)  # CycleGAN's batch norm weights
NORMS = ("instance", "batch", "none")


class Norm(nn.Module):
    """Instance norm without parameters, batch norm, or nothing, by `kind`."""

    kind: str

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Normalises [N, H, W, C]; `update` moves batch statistics.

        Raises:
          ValueError: if the kind is unknown.
        """
        if self.kind not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {self.kind!r}")
        if self.kind == "instance":
            return instance_norm(x)
        if self.kind == "batch":
            return BatchNorm(scale_init=SCALE_INIT, name="batch")(x, update=update)
        return x


def needs_bias(norm: str) -> bool:
    """Whether a convolution in front of `norm` has a bias: only before instance norm (CycleGAN)."""
    return norm == "instance"


class Dropout(nn.Module):
    """Drops half of the features where `update` says that this is training."""

    rate: float = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Scales what is kept by 1 / (1 - rate)."""
        if not update:
            return x
        keep = jax.random.bernoulli(self.make_rng("noise"), 1 - self.rate, x.shape)
        return jnp.where(keep, x / (1 - self.rate), 0).astype(x.dtype)
