"""The shared step of an adversarial game, and the interface that everything else knows.

A paper is one Linen module (see `Game`). `adversarial` turns it into three pure functions: the
generators run forward once per step; the result is shown to each player in turn; each player
lowers one scalar by moving only its own networks. The cotangent of the generator's loss flows back
through the stored forward pass, so nothing is computed twice and nothing is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from tryon_jax import losses
from tryon_jax.exams import Exam
from tryon_jax.landmark_layouts import Layout
from tryon_jax.optim import Optimizer

Tree = Any  # nested dicts of arrays
Batch = Mapping[str, jax.Array]
Shapes = Mapping[str, jax.ShapeDtypeStruct]  # of a batch
Metrics = dict[str, jax.Array]


class Reader(NamedTuple):
    """How the weights of a network that nobody trains come from a file."""

    find: Callable[[str], Path]  # a path, or "" where a package brings the file
    load: Callable[[Path], Mapping[str, Tree]]  # to variables by collection


class Dressing(NamedTuple):
    """What a try-on system needs and shows when it puts a garment on a person.

    Names are keys of `sample`: arrays [N, H, W, 1 or 3] in [-1, 1].
    """

    garment: str  # what is put on
    pictures: tuple[str, ...]  # written one by one; the first is the answer
    strip: tuple[str, ...]  # shown beside one another, from the left
    sheets: Mapping[str, str]  # a sheet of persons and garments, by its name: what stands in it
    sees_worn: bool = False  # needs a picture of the garment worn, alone


class Finding(NamedTuple):
    """What a system that finds landmarks knows of them."""

    layout: Layout  # which they are
    # from a state and a batch with `picture` alone to [N, K, 3]: (x, y, score) in its pixels
    find: Callable[[State, Batch], jax.Array]


class State(NamedTuple):
    """All that a run is; every leaf is an array, saved and donated alike.

    `key` never changes: a step's keys come from folding in the step, so resuming is exact.
    """

    step: jax.Array  # int32 [], optimiser steps taken
    key: jax.Array  # the run's key
    params: dict[str, Tree]  # by network: what the players move
    variables: dict[str, Tree]  # by collection, then network: statistics, spectral vectors, pools
    opt: dict[str, Tree]  # by player
    ema: dict[str, Tree]  # by network: averaged copies of the sampled networks; may be empty
    frozen: dict[str, Tree]  # by network: read by losses and `sample`, never moved


class System(NamedTuple):
    """What the loop, evaluation and inference know of a paper."""

    init: Callable[[jax.Array, Batch], State]
    train_step: Callable[[State, Batch], tuple[State, Metrics]]
    sample: Callable[[State, Batch], dict[str, jax.Array]]
    strips: Mapping[str, tuple[str, ...]]  # picture grids by name: the keys of `sample`, top down
    directions: Mapping[str, tuple[str, str]]  # inference: name to (key in, key out)
    multiple: int  # inference: sides must be multiples of it; 0: only the training size
    sampled: tuple[str, ...]  # networks that `sample` runs
    scores: Mapping[str, tuple[str, ...]]  # by name: a metric and the keys of `sample` it compares
    readers: Mapping[str, Reader]  # by network: what reads its weights from a file
    table: Callable[[Shapes], str]  # layers, shapes, numbers of parameters, for people
    dressing: Dressing | None = None  # of try-on systems
    # networks of an original's file or folder, by name: `port.originals.Original`
    originals: Callable[[str], Mapping[str, Any]] | None = None
    finding: Finding | None = None  # of systems that find landmarks
    # of systems whose garments take textures, see systems/designgan_texture.py
    retexture: Callable[..., dict[str, jax.Array]] | None = None
    exams: Mapping[str, Exam] = {}  # by kind of held-out items


class Game(Protocol):
    """What a paper's module offers to `adversarial`.

    Losses return unweighted terms by name, or dicts of parts. They may see the generators through
    `made` or directly: gradients of both reach the player.

    Attributes `scores`, `exams` and `dressing`, where there are any, are as in `System`. A method
    `find(batch)` with an attribute `layout`, where there is one, gives landmarks, see `Finding`. A
    method `measures(batch, made)`, where there is one, gives float32 scalars by name that nobody
    lowers: numbers for the curves, computed from its arguments alone.
    """

    players: Mapping[str, tuple[str, ...]]  # who moves which networks, in the order of play
    maker: str  # the player whose networks `forward` runs
    sampled: tuple[str, ...]  # networks that `sample` runs: those that are moved, averaged by EMA
    strips: Mapping[str, tuple[str, ...]]
    directions: Mapping[str, tuple[str, str]]
    multiple: int

    def forward(self, batch: Batch) -> Tree:
        """Everything that the generators make in one step."""
        ...

    def sample(self, batch: Batch) -> dict[str, jax.Array]:
        """Pictures float32 [N, H, W, 3] in [-1, 1] by name, without moving any statistics."""
        ...


class Averaging(NamedTuple):
    """Exponential moving average: decay per step (0: none), and the step at which it begins."""

    decay: float
    start: int


def adversarial(
    module: Any,
    *,
    optimizers: Mapping[str, Optimizer],
    weights: Mapping[str, Mapping[str, float]],
    averaging: Averaging,
    accumulate: int = 1,
    readers: Mapping[str, Reader] = {},
    originals: Callable[[str], Mapping[str, Any]] | None = None,
) -> System:
    """The three functions of a paper's module.

    Args:
      module: a Linen module that is a `Game`, with a method `<player>_loss(batch, made)` for each
        player.
      optimizers: one per player.
      weights: player to term to number.
      averaging: of the sampled networks.
      accumulate: parts into which a batch is cut; each player moves by the mean gradient.
        Statistics, spectral vectors and pools advance with each part.
      readers: of the weights of networks, of all that no player moves.
      originals: reads the networks of an original's file or folder, see `System`.

    Raises:
      ValueError: if players, optimizers and weights are not the same names, or the module's
        `maker` is none of its players.
    """
    _check_names(module, optimizers=optimizers, weights=weights)
    rules = _Rules(module, optimizers, weights, averaging)

    def init(key: jax.Array, batch: Batch) -> State:
        return _init(rules, key=key, batch=batch)

    def train_step(state: State, batch: Batch) -> tuple[State, Metrics]:
        if accumulate > 1:
            return _step_in_parts(rules, state, _cut(batch, accumulate))
        return _step(rules, state, batch)

    def at_rest(method: str, state: State, batch: Batch) -> Any:
        networks = {**state.params, **state.ema, **state.frozen}
        return module.apply({"params": networks, **state.variables}, batch, method=method)

    finds = hasattr(module, "find")

    return System(
        init,
        train_step,
        partial(at_rest, "sample"),
        module.strips,
        module.directions,
        module.multiple,
        module.sampled,
        getattr(module, "scores", {}),
        readers,
        table=partial(_table, module),
        dressing=getattr(module, "dressing", None),
        originals=originals,
        finding=Finding(module.layout, partial(at_rest, "find")) if finds else None,
        exams=getattr(module, "exams", {}),
    )


def _check_names(module: Any, **by_player: Mapping[str, Any]) -> None:
    players = module.players
    for name, given in by_player.items():
        if set(given) != set(players):
            raise ValueError(f"{name} must name the players {sorted(players)}; got {sorted(given)}")
    if module.maker not in players:
        raise ValueError(
            f"maker must be one of the players {sorted(players)}; got {module.maker!r}"
        )


class _Rules(NamedTuple):
    module: Any
    optimizers: Mapping[str, Optimizer]
    weights: Mapping[str, Mapping[str, float]]
    averaging: Averaging


def _init(rules: _Rules, *, key: jax.Array, batch: Batch) -> State:
    """Draws every network by tracing a whole step, without computing it."""
    module = rules.module
    run_key, params_key, noise_key = jax.random.split(key, 3)
    streams = {"params": params_key, "noise": noise_key}
    variables = dict(module.init(streams, batch, method=_everything))
    networks = variables.pop("params")
    played = [name for names in module.players.values() for name in names]
    if missing := sorted({*played, *module.sampled} - set(networks)):
        raise ValueError(f"players and `sampled` name what the module does not have: {missing}")
    params = {name: networks[name] for name in played}
    averaged = [n for n in module.sampled if n in params] if rules.averaging.decay else []
    return State(
        step=jnp.zeros((), jnp.int32),
        key=run_key,
        params=params,
        variables=variables,
        opt={
            player: rules.optimizers[player].init(_own(module, player, params))
            for player in module.players
        },
        ema={name: jax.tree.map(jnp.copy, params[name]) for name in averaged},
        frozen={name: networks[name] for name in networks if name not in params},
    )


def _table(module: Any, batch: Shapes) -> str:
    key = jax.random.key(0)
    return module.tabulate(
        {"params": key, "noise": key},
        {name: jnp.zeros(x.shape, x.dtype) for name, x in batch.items()},
        console_kwargs={"width": 160, "force_terminal": False},
        method=_everything,
    )


def _everything(game: Any, batch: Batch) -> None:
    """A step's calls, which touch every network."""
    made = game.forward(batch)
    for player in game.players:
        getattr(game, f"{player}_loss")(batch, made)


def _own(module: Any, player: str, params: dict[str, Tree]) -> dict[str, Tree]:
    return {name: params[name] for name in module.players[player]}


def _apply(module: Any, method: str, networks: Tree, variables: Tree, *args, key: jax.Array):
    """Runs one method; returns its result and the moved variables."""
    return module.apply(
        {"params": networks, **variables},
        *args,
        method=method,
        mutable=list(variables),
        rngs={"noise": key},
    )


def _forward(rules: _Rules, networks: Tree, variables: Tree, batch: Batch, *, key: jax.Array):
    """What the generators make, the pullback to their parameters, and the moved variables."""
    module = rules.module

    def forward(own):
        return _apply(module, "forward", {**networks, **own}, variables, batch, key=key)

    return jax.vjp(forward, _own(module, module.maker, networks), has_aux=True)


def _gradients(rules: _Rules, player: str, networks, variables, batch, made, pullback, *, key):
    """One player's gradients and numbers, and the moved variables."""
    module = rules.module

    def loss(own, made):
        terms, moved = _apply(
            module, f"{player}_loss", {**networks, **own}, variables, batch, made, key=key
        )
        total, numbers = losses.weighted(terms, rules.weights[player], player=player)
        return total, (numbers, moved)

    own = _own(module, player, networks)
    if player != module.maker:
        grads, (numbers, moved) = jax.grad(loss, has_aux=True)(own, jax.lax.stop_gradient(made))
        return (grads, numbers), moved
    (grads, cotangent), (numbers, moved) = jax.grad(loss, (0, 1), has_aux=True)(own, made)
    if hasattr(module, "measures"):
        numbers |= module.measures(batch, made)
    (through_made,) = pullback(cotangent)
    return (jax.tree.map(jnp.add, grads, through_made), numbers), moved


def _step(rules: _Rules, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One step: a forward pass, then each player's turn on the same pictures."""
    key = jax.random.fold_in(state.key, state.step)
    forward_key, *turn_keys = jax.random.split(key, 1 + len(rules.module.players))
    made, pullback, variables = _forward(
        rules, {**state.params, **state.frozen}, state.variables, batch, key=forward_key
    )
    metrics = {}
    for player, turn_key in zip(rules.module.players, turn_keys, strict=True):
        (grads, numbers), variables = _gradients(
            rules,
            player,
            {**state.params, **state.frozen},
            variables,
            batch,
            made,
            pullback,
            key=turn_key,
        )
        state, moved = _move(rules, player, state, grads)
        metrics |= numbers | moved
    return _close(rules, state._replace(variables=variables)), metrics


def _step_in_parts(rules: _Rules, state: State, parts: Batch) -> tuple[State, Metrics]:
    """One step in parts: each player runs through all parts before it moves.

    The forward pass is repeated per player, with the generators as they were before the step and
    the same noise: the price of holding one part's activations at a time.
    """
    key = jax.random.fold_in(state.key, state.step)
    forward_key, *turn_keys = jax.random.split(key, 1 + len(rules.module.players))
    count = len(jax.tree.leaves(parts)[0])
    forward_keys = jax.random.split(forward_key, count)
    before = {**state.params, **state.frozen}
    variables, metrics = state.variables, {}
    for player, turn_key in zip(rules.module.players, turn_keys, strict=True):
        now = {**state.params, **state.frozen}

        def one(variables, inputs, player=player, now=now):
            batch, forward_key, turn_key = inputs
            made, pullback, variables = _forward(rules, before, variables, batch, key=forward_key)
            return _gradients(rules, player, now, variables, batch, made, pullback, key=turn_key)

        def add(carry, inputs, one=one):
            variables, total = carry
            found, variables = one(variables, inputs)
            return (variables, jax.tree.map(jnp.add, total, found)), None

        inputs = (parts, forward_keys, jax.random.split(turn_key, count))
        shapes, _ = jax.eval_shape(one, variables, jax.tree.map(lambda x: x[0], inputs))
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        (variables, total), _ = jax.lax.scan(add, (variables, zeros), inputs)
        grads, numbers = jax.tree.map(lambda x: x / count, total)
        state, moved = _move(rules, player, state, grads)
        metrics |= numbers | moved
    return _close(rules, state._replace(variables=variables)), metrics


def _move(rules: _Rules, player: str, state: State, grads: Tree) -> tuple[State, Metrics]:
    """The player's move, and its learning rate and gradient norms."""
    optimizer = rules.optimizers[player]
    own = _own(rules.module, player, state.params)
    updates, opt = optimizer.update(grads, state.opt[player], own)
    numbers = {f"{player}_lr": optimizer.lr(state.step)}
    numbers |= {f"grad_norm_{name}": optax.tree.norm(grads[name]) for name in grads}
    moved: Any = optax.apply_updates(own, updates)
    params = {**state.params, **moved}
    return state._replace(params=params, opt={**state.opt, player: opt}), numbers


def _close(rules: _Rules, state: State) -> State:
    """Counts the step and moves the averages."""
    copying = state.step < rules.averaging.start
    pace = jnp.where(copying, 1.0, 1 - rules.averaging.decay)
    ema = {
        name: optax.incremental_update(state.params[name], state.ema[name], pace)
        for name in state.ema
    }
    return state._replace(step=state.step + 1, ema=ema)


def _cut(batch: Batch, parts: int) -> Batch:
    """[N, ...] to [parts, N / parts, ...]; each part has pictures from every device."""

    def cut(x):
        if len(x) % parts:
            raise ValueError(f"accumulate={parts} must divide the batch of {len(x)} pictures")
        return jnp.moveaxis(x.reshape(len(x) // parts, parts, *x.shape[1:]), 1, 0)

    return jax.tree.map(cut, batch)
