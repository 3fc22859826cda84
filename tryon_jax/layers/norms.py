"""Normalisations. Statistics are float32 whatever the compute dtype: bfloat16 loses flat cloth.

Source: Ulyanov et al. 2016 (instance norm); Kim et al. 2020, eq. 1 (AdaLIN, LIN); Ioffe and
Szegedy 2015 (batch norm). Variances follow the reference code: biased in instance and batch norm,
unbiased (N - 1) in AdaLIN and LIN; the difference shows (6e-3 to 2e-2 in U-GAT-IT's pictures).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers import init
from tryon_jax.layers.precision import full

EPS = 1e-5  # inside the root
SPACE = (1, 2)  # height and width: instance statistics
VOLUME = (1, 2, 3)  # height, width and channels: layer statistics


def instance_norm(x: jax.Array) -> jax.Array:
    """Zero mean and unit variance per picture and channel of [N, H, W, C], nothing learned."""
    return _standardise(x, SPACE, ddof=0).astype(x.dtype)


class InstanceNorm(nn.Module):
    """Instance norm with a learned scale and shift per channel."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalises x [N, H, W, C]."""
        scale = self.param("scale", nn.initializers.ones_init(), (x.shape[-1],))
        bias = self.param("bias", nn.initializers.zeros_init(), (x.shape[-1],))
        return (_standardise(x, SPACE, ddof=0) * scale + bias).astype(x.dtype)


class BatchNorm(nn.Module):
    """Batch norm with PyTorch's running statistics: unbiased variance, a share of each batch.

    Under data parallelism the batch is one global array, so the statistics are the global batch's.
    """

    scale_init: init.Initializer = nn.initializers.ones_init()
    momentum: float = 0.1  # the share of the newest batch

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Normalises by the batch and moves the running statistics, or (else) by the latter."""
        channels = x.shape[-1]
        mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        var = self.variable("batch_stats", "var", jnp.ones, (channels,))
        scale = self.param("scale", self.scale_init, (channels,))
        bias = self.param("bias", nn.initializers.zeros_init(), (channels,))
        x32 = full(x)
        if update:
            now_mean, now_var = jnp.mean(x32, (0, 1, 2)), jnp.var(x32, (0, 1, 2))
            if not self.is_initializing():
                count, new = x.size // channels, self.momentum
                mean.value = (1 - new) * mean.value + new * now_mean
                var.value = (1 - new) * var.value + new * now_var * (count / max(count - 1, 1))
        else:
            now_mean, now_var = mean.value, var.value
        y = (x32 - now_mean) * jax.lax.rsqrt(now_var + EPS) * scale + bias
        return y.astype(x.dtype)


class AdaLIN(nn.Module):
    """Adaptive layer-instance norm: rho mixes both statistics, gamma and beta come from outside."""

    rho_init: float = 0.9

    @nn.compact
    def __call__(self, x: jax.Array, *, gamma: jax.Array, beta: jax.Array) -> jax.Array:
        """Normalises x [N, H, W, C] with gamma, beta [N, C]."""
        rho = self.param("rho", nn.initializers.constant(self.rho_init), (x.shape[-1],))
        mixed = _layer_instance(x, rho)
        y = mixed * _per_picture(gamma) + _per_picture(beta)
        return y.astype(x.dtype)


class LIN(nn.Module):
    """Layer-instance norm: as AdaLIN, with gamma and beta learned."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalises x [N, H, W, C]."""
        shape = (x.shape[-1],)
        rho = self.param("rho", nn.initializers.zeros_init(), shape)
        gamma = self.param("gamma", nn.initializers.ones_init(), shape)
        beta = self.param("beta", nn.initializers.zeros_init(), shape)
        return (_layer_instance(x, rho) * gamma + beta).astype(x.dtype)


def _standardise(x: jax.Array, axes: tuple[int, ...], *, ddof: int) -> jax.Array:
    x = full(x)
    mean = jnp.mean(x, axes, keepdims=True)
    var = jnp.var(x, axes, keepdims=True, ddof=ddof)
    return (x - mean) * jax.lax.rsqrt(var + EPS)


def _layer_instance(x: jax.Array, rho: jax.Array) -> jax.Array:
    instance, layer = _standardise(x, SPACE, ddof=1), _standardise(x, VOLUME, ddof=1)
    return rho * instance + (1 - rho) * layer


def _per_picture(x: jax.Array) -> jax.Array:
    return full(x)[:, None, None, :]
