"""The precision rule: statistics and losses are float32 whatever networks compute in."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def full(x: jax.Array) -> jax.Array:
    """X in float32 if it is narrower; float64 stays, so that references can be met to 1e-9."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
