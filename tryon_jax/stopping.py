"""When a run has to end early: signals of a scheduler or a person, and numbers gone wrong."""

from __future__ import annotations

import math
import signal
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils


class NonFiniteError(ArithmeticError):
    """A loss, norm or rate is NaN or infinite; the message names it and its step."""


class Stop:
    """Catches SIGTERM and SIGINT while it is entered; a second signal acts as before."""

    def __enter__(self) -> Stop:
        self.told = False
        self._before = {s: signal.signal(s, self._catch) for s in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)

    def _catch(self, number: int, _: object) -> None:
        self.told = True
        signal.signal(number, self._before[signal.Signals(number)])


def agreed(flag: bool) -> bool:
    """Whether any process says so; all processes must ask at the same step."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def check_finite(values: Mapping[str, Sequence[float]], *, first_step: int) -> None:
    """Refuses numbers that are not finite.

    Args:
      values: name to one number per step.
      first_step: the step that the first of them belongs to, counted from 1.

    Raises:
      NonFiniteError: naming the first step and every number that was not finite in it.
    """
    broken = {
        name: next(i for i, v in enumerate(numbers) if not math.isfinite(v))
        for name, numbers in values.items()
        if not all(map(math.isfinite, numbers))
    }
    if not broken:
        return
    first = min(broken.values())
    names = [f"{name} = {values[name][first]}" for name in sorted(broken) if broken[name] == first]
    raise NonFiniteError(
        f"not finite at step {first_step + first}: {', '.join(names)}; the newest checkpoint was "
        "saved before. Lower optim.lr, use precision=float32, or look at the pictures of that step"
    )
