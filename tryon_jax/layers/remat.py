"""Trading time for memory: forget a network's activations, compute them again going back."""

from __future__ import annotations

from typing import Any

import jax
from flax import linen as nn


def run(network: nn.Module, *inputs: jax.Array, remat: bool, **options: Any) -> Any:
    """`network(*inputs, **options)`; with `remat` only they are kept for the backward pass."""

    def call(network: nn.Module, *inputs: jax.Array) -> Any:
        return network(*inputs, **options)

    return (nn.remat(call) if remat else call)(network, *inputs)
