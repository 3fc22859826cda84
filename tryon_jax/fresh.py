"""A system's first state without compiling its `init`.

`jit` would compile one program of hundreds of draws on the host: minutes for XLA, at every start,
as no cache keeps programs that call the host. Here the trace that `setup` has made already is cut
down to what the state depends on, and what is left runs operation by operation. The numbers are
those of `jit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.interpreters import partial_eval

from tryon_jax.system import State

Init = Callable[[jax.Array, Any], State]  # of a key and a batch


def traced_init(init: Init, batch: Mapping[str, jax.ShapeDtypeStruct]) -> jax.stages.Traced:
    """The trace of an `init` at the shapes of a batch; JAX keeps it for the second call."""
    return jax.jit(init).trace(jax.random.key(0), dict(batch))


def drawn(init: Init, key: jax.Array, *, batch: Mapping[str, jax.ShapeDtypeStruct]) -> State:
    """What `jax.jit(init)(key, batch)` gives, on the default device.

    Args:
      init: of a system.
      key: typed PRNG key.
      batch: shapes of a batch, whose numbers no initial value depends on.

    Raises:
      ValueError: if an initial value does depend on them.
    """
    traced = traced_init(init, batch)
    closed = traced.jaxpr
    living, used = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars))
    if any(used[1:]):  # the key is the first argument
        raise ValueError("init must depend on its key and on the shapes of the batch alone")
    run = core.jaxpr_as_fun(core.ClosedJaxpr(living, closed.consts))
    values = run(*[key] * used[0])
    return jax.tree.unflatten(jax.tree.structure(traced.out_info), _apart(values))


def _apart(values: list[jax.Array]) -> list[jax.Array]:
    """Each in memory of its own, for a step that is given all of it."""
    first = {id(value): number for number, value in reversed(list(enumerate(values)))}
    return [x if first[id(x)] == n else jnp.copy(x) for n, x in enumerate(values)]
