"""Optimisers from the config: Adam with coupled L2, learning rate schedules, projections.

What flows through: the fields `config.optim`; what comes out is a pure (init, update) pair as
optax's, with the learning rate beside it for the curves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

POLICIES = ("linear", "constant", "drops", "linear_epoch", "step", "cosine", "plateau")

Schedule = Callable[[Any], jax.Array]  # step [], an array or a number, to rate []


class Optimizer(NamedTuple):
    """An optax transformation and its learning rate as a function of the step (0 is the first)."""

    init: Callable
    update: Callable
    lr: Schedule


def adam(
    config: ConfigDict, *, steps: int, bounds: Mapping[str, tuple[float, float]] | None = None
) -> Optimizer:
    """Adam with L2 added to the gradient before the moments, as PyTorch's `weight_decay`.

    Args:
      config: the fields `config.optim`.
      steps: length of the run, for the schedule.
      bounds: parameters whose paths end so are kept in [low, high] after each move.
    """
    lr = schedule(config, steps=steps)
    chain = optax.chain(
        optax.add_decayed_weights(config.weight_decay) if config.weight_decay else optax.identity(),
        optax.scale_by_adam(b1=config.b1, b2=config.b2, eps=config.eps),
        optax.scale_by_learning_rate(lr),
        keep_within(bounds) if bounds else optax.identity(),
    )
    return Optimizer(chain.init, chain.update, lr)


def keep_within(bounds: Mapping[str, tuple[float, float]]) -> optax.GradientTransformation:
    """Projection: shortens an update so that the moved parameter stays in its interval.

    Args:
      bounds: end of a parameter's path, such as `rho` or `norm_1/rho`, to its (low, high); of
        several that fit the longest counts.

    Source: U-GAT-IT keeps every rho in [0, 1] after each step of the optimiser.
    """

    def update(updates, state, params=None):
        def project(path, change, value):
            whole = "/" + "/".join(str(part.key) for part in path)
            ends = [end for end in bounds if whole.endswith(f"/{end}")]
            limits = bounds[max(ends, key=len)] if ends else None
            return change if limits is None else jnp.clip(value + change, *limits) - value

        return jax.tree_util.tree_map_with_path(project, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def schedule(config: ConfigDict, *, steps: int) -> Schedule:
    """Learning rate at each step; step 0 is the first move.

    `linear` holds the rate for `hold * steps` moves, then lowers it by equal amounts so that the
    last move's rate is 0 (U-GAT-IT). `drops` divides it by ten after each share of the run that
    `drops` names (HRNet: (170 / 210, 200 / 210)). The other policies are CycleGAN's, in epochs of
    `steps / epochs` moves; of these `hold * epochs` are at full rate, and the rate changes at the
    end of an epoch (the code of 2025; that of 2022 changed it one epoch earlier).

    Raises:
      ValueError: if the policy is unknown, or cosine has no epochs to fall over.
    """
    if config.policy not in POLICIES:
        raise ValueError(
            f"optim.policy must be one of {', '.join(POLICIES)}; got {config.policy!r}"
        )
    base = config.lr
    if config.policy == "constant":
        return lambda step: jnp.full((), base, jnp.float32)
    if config.policy == "linear":
        hold = math.floor(config.hold * steps)
        fall = max(steps - hold, 1)
        return lambda step: base * jnp.clip(1 - (step + 1 - hold) / fall, 0, 1)
    if config.policy == "drops":
        ends = jnp.array([round(share * steps) for share in config.drops])
        return lambda step: base * 0.1 ** jnp.sum(step >= ends).astype(jnp.float32)
    constant = round(config.hold * config.epochs)
    if config.policy == "cosine" and not constant:
        raise ValueError(
            "cosine falls over optim.hold * optim.epochs epochs, which must be 1 or more; "
            f"got hold={config.hold}, epochs={config.epochs}"
        )
    epoch_steps = max(steps // config.epochs, 1)
    factors = [
        epoch_factor(config.policy, epoch, constant=constant, decay=config.epochs - constant)
        for epoch in range(config.epochs + 1)
    ]
    table = base * jnp.asarray(factors, jnp.float32)
    return lambda step: table[jnp.minimum(step // epoch_steps, config.epochs)]


def epoch_factor(policy: str, past: int, *, constant: int, decay: int, every: int = 50) -> float:
    """CycleGAN's factor of the learning rate after `past` steps of its scheduler.

    Args:
      policy: linear_epoch | step | cosine | plateau.
      past: completed scheduler steps (epochs).
      constant: n_epochs.
      decay: n_epochs_decay.
      every: lr_decay_iters of `step`, epochs.

    Source: CycleGAN's `get_scheduler`; `plateau` watches a metric that the code leaves at 0.
    """
    if policy == "linear_epoch":
        return 1 - max(0, past + 1 - constant) / (decay + 1)
    if policy == "step":
        return 0.1 ** (past // every)
    if policy == "cosine":
        return (1 + math.cos(math.pi * past / constant)) / 2
    return 0.2 ** (max(past - 1, 0) // 6)
