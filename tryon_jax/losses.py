"""Losses: float32 scalars, means over all elements; weights come in one place, `weighted`.

Adversarial losses come in three parts, because the generator's part of a hinge loss is not its
discriminator's: `real` and `fake` are what a discriminator lowers, `fool` what a generator lowers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import jax
import jax.numpy as jnp
import optax

from tryon_jax.layers.precision import full

Terms = Mapping[str, "jax.Array | Mapping[str, jax.Array]"]
Weights = Mapping[str, float | Mapping[str, float]]  # by term, or by term and part


def weighted(
    terms: Terms, weights: Weights, *, player: str
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Sum of weight * term, and every term under its name.

    A term may be a dict of parts (one per discriminator, say): its weight multiplies their sum, or
    is a number for each part.

    Args:
      terms: unweighted losses by name.
      weights: one number, or one for each part, for each of these names.
      player: prefix of the names.

    Returns:
      The float32 total, and the unweighted numbers: `gen_cycle`, its parts `gen_cycle_a`, and the
      weighted total `gen_total`.

    Raises:
      KeyError: if a term or part has no weight or a weight no term or part.
    """
    if set(terms) != set(weights):
        without = sorted(set(terms) - set(weights))
        idle = sorted(set(weights) - set(terms))
        raise KeyError(
            f"each loss of player {player!r} needs one weight in config.weights.{player}: "
            f"losses without a weight {without}, weights without a loss {idle}"
        )
    total = jnp.zeros((), jnp.float32)
    numbers = {}
    for name, term in terms.items():
        weight = weights[name]
        parts = term if isinstance(term, Mapping) else {"": term}
        whole = sum(parts.values(), start=jnp.zeros((), jnp.float32))
        if isinstance(term, Mapping):
            numbers |= {f"{player}_{name}_{part}": value for part, value in parts.items()}
        numbers[f"{player}_{name}"] = whole
        if isinstance(weight, Mapping):
            _check_parts(f"{player}.{name}", parts, weight)
            total += sum(weight[part] * value for part, value in parts.items())
        else:
            total += weight * whole
    numbers[f"{player}_total"] = total
    return total, numbers


def _check_parts(name: str, parts: Iterable[str], weight: Iterable[str]) -> None:
    if set(weight) != set(parts):
        raise KeyError(
            f"config.weights.{name} must be one number, or one for each of the parts "
            f"{sorted(parts)}; got {sorted(weight)}"
        )


def l1(x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean absolute difference of two arrays of one shape.

    Raises:
      ValueError: if the shapes differ.
    """
    if x.shape != y.shape:
        raise ValueError(f"l1 compares arrays of one shape, got {x.shape} and {y.shape}")
    return jnp.mean(jnp.abs(full(x) - full(y)))


def squared(logits: jax.Array, target: float) -> jax.Array:
    """Mean squared distance of the logits to one number (LSGAN, Mao et al. 2017)."""
    return jnp.mean((full(logits) - target) ** 2)


def cross_entropy(logits: jax.Array, target: float) -> jax.Array:
    """Mean binary cross entropy of the logits against one probability."""
    logits = full(logits)
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, target)))


def context(
    before: jax.Array, after: jax.Array, *, masks: tuple[jax.Array, jax.Array]
) -> jax.Array:
    """Mean absolute difference of pictures outside of both masks, over the whole picture.

    Args:
      before: [N, H, W, C] in [-1, 1].
      after: the same shape.
      masks: of both, [N, H, W, 1] in [-1, 1]; a gradient flows into them too.

    Source: InstaGAN (Mo et al. 2019), eq. 8, as its authors' code.
    """
    inside = sum((full(mask) + 1) / 2 for mask in masks)
    weight = 1 - jnp.clip(inside, 0, 1)
    return jnp.mean(weight * jnp.abs(full(before) - full(after)))


def total_variation(maps: jax.Array) -> jax.Array:
    """Mean absolute difference of neighbours in [N, H, W, C], down plus across."""
    maps = full(maps)
    down, across = (jnp.mean(jnp.abs(jnp.diff(maps, axis=axis))) for axis in (1, 2))
    return down + across


GAN_MODES = ("lsgan", "vanilla", "wgangp", "hinge")


def gan_real(logits: jax.Array, *, mode: str, label: float = 1.0) -> jax.Array:
    """What a discriminator lowers on real pictures; `label` counts in lsgan and vanilla only."""
    if mode == "hinge":
        return jnp.mean(jax.nn.relu(1 - full(logits)))
    return gan_fool(logits, mode=mode, label=label)


def gan_fake(logits: jax.Array, *, mode: str, label: float = 0.0) -> jax.Array:
    """What a discriminator lowers on fakes; `label` counts in lsgan and vanilla only."""
    if mode == "hinge":
        return jnp.mean(jax.nn.relu(1 + full(logits)))
    if mode == "wgangp":
        return jnp.mean(full(logits))
    return gan_fool(logits, mode=mode, label=label)


def gan_fool(logits: jax.Array, *, mode: str, label: float = 1.0) -> jax.Array:
    """What a generator lowers on its fakes: to be taken for real.

    Raises:
      ValueError: if the mode is unknown.
    """
    if mode == "lsgan":
        return squared(logits, label)
    if mode == "vanilla":
        return cross_entropy(logits, label)
    if mode in ("wgangp", "hinge"):
        return -jnp.mean(full(logits))
    raise ValueError(f"gan mode must be one of {', '.join(GAN_MODES)}; got {mode!r}")


def gradient_penalty(
    disc: Callable[[jax.Array], jax.Array],
    pictures: jax.Array,
    *,
    constant: float = 1.0,
) -> jax.Array:
    """Mean squared distance of the discriminator's gradient norms to `constant`.

    Args:
      disc: pictures to logits.
      pictures: [N, H, W, C] where the gradient is taken; see `mixed`.
      constant: the wanted norm.

    Source: Gulrajani et al. 2017, eq. 3; 1e-16 is added to each entry before the norm, as
    CycleGAN's code does.
    """
    gradients = full(jax.grad(lambda x: jnp.sum(disc(x)))(pictures)) + 1e-16
    norms = jnp.linalg.norm(gradients.reshape(len(gradients), -1), axis=1)
    return jnp.mean((norms - constant) ** 2)


def mixed(real: jax.Array, fake: jax.Array, *, alpha: jax.Array) -> jax.Array:
    """Alpha * real + (1 - alpha) * fake with one alpha [N] in [0, 1] per picture."""
    alpha = alpha.reshape(-1, *[1] * (real.ndim - 1))
    return alpha * real + (1 - alpha) * fake
