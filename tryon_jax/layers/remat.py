"""Trading time for memory: forget a network's activations, compute them again going back."""

from __future__ import annotations

from typing import Any

import jax
from flax import linen as nn


def run(network: nn.Module, x: jax.Array, *, remat: bool, **options: Any) -> Any:
    """`network(x, **options)`; with `remat` only x is kept for the backward pass."""

    def call(network: nn.Module, x: jax.Array) -> Any:
        return network(x, **options)

    return (nn.remat(call) if remat else call)(network, x)
