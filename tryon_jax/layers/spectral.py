"""Spectral norm as PyTorch's `nn.utils.spectral_norm` computes it, one power iteration a call.

Flax's own `SpectralNorm` keeps sigma in its state and knows no right vector v, so its numbers
differ from the second call on. Here u and v live in the collection `spectral`; they move only
where the call says `update=True`, and sigma is always taken from the current kernel.

Source: Miyato et al. 2018, algorithm 1; the order v, then u, is PyTorch's.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers import init

EPS = 1e-12  # below which a vector is not normalised


def power_iteration(kernel: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One step towards the first pair of singular vectors.

    Args:
      kernel: float [in, out], already flattened.
      u: float [out], unit length.

    Returns:
      The new (u [out], v [in]), both of unit length.
    """
    v = _unit(kernel @ u)
    return _unit(v @ kernel), v


class SpectralNorm(nn.Module):
    """Divides a kernel [..., out] by an estimate of its largest singular value."""

    @nn.compact
    def __call__(self, kernel: jax.Array, *, update: bool | jax.Array) -> jax.Array:
        """Returns the kernel over sigma = u W v; `update` moves u and v first, without gradient.

        An `update` that is an array, bool [], is decided when the program runs.
        """
        flat = kernel.reshape(-1, kernel.shape[-1])
        u = self.variable("spectral", "u", self._random, flat.shape[1])
        v = self.variable("spectral", "v", self._random, flat.shape[0])
        if update is not False and not self.is_initializing():
            moved = power_iteration(jax.lax.stop_gradient(flat), u.value)
            if update is not True:
                moved = tuple(
                    jnp.where(update, new, old)
                    for new, old in zip(moved, (u.value, v.value), strict=True)
                )
            u.value, v.value = moved
        sigma = v.value @ flat @ u.value
        return kernel / sigma

    def _random(self, size: int) -> jax.Array:
        return _unit(init.normal()(self.make_rng("params"), (size,)))


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x), EPS)
