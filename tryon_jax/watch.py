"""Scores while training: every `report.metrics` steps, on the same held-out items each time.

The networks as they are and their averages are scored alike, so that curves show what averaging is
worth. `checkpoint.best` names the score whose best checkpoint is kept; `best.json` in the run's
folder says which one that is, and `--checkpoint=best` takes it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from tryon_jax import scoring
from tryon_jax.exams import Exam
from tryon_jax.files import write_atomic
from tryon_jax.metrics import judges
from tryon_jax.metrics.sets import Features
from tryon_jax.reporting import Reporter
from tryon_jax.scoring import ALL, Examiner, Value
from tryon_jax.setup import Setup, UsageError
from tryon_jax.system import State

TRAINED, AVERAGED = "trained", "ema"  # whose weights: the end of a curve's name
BEST = "best.json"


class Best(NamedTuple):
    """The best score so far."""

    name: str  # KIND_SCORE, as `checkpoint.best` has it
    step: int
    value: float


class Watch:
    """Scores a run as it goes.

    Args:
      setup: of the run.
      reporter: where curves go.
      workdir: the run's folder.

    Raises:
      setup.UsageError: if the run has nothing to score, a metric cannot be had, or
        `checkpoint.best` names no score.
    """

    def __init__(self, setup: Setup, reporter: Reporter, *, workdir: Path) -> None:
        self._config, self._system, self._reporter = setup.config, setup.system, reporter
        self._path = workdir / BEST
        self._examiners: list[Examiner] = []
        self._real: dict[str, dict[str, Features]] = {}
        self.best: Best | None = None
        if self._config.report.metrics:
            self._examiners = _examiners(setup)
            self.best = _read(self._path, name=self._config.checkpoint.best)

    def improved(self, state: State, *, done: int) -> bool:
        """Scores if it is time; whether the score of `checkpoint.best` is better than ever."""
        every = self._config.report.metrics
        if not every or (done % every and done != self._config.steps):
            return False
        rows = {TRAINED: self._values(state._replace(ema=_unaveraged(state)))}
        if state.ema:
            rows[AVERAGED] = self._values(state)
        self._reporter.scalars(
            done,
            {
                f"score/{value.kind}_{value.name}_{weights}": value.value
                for weights, values in rows.items()
                for value in values
            },
        )
        return self._is_best(rows.get(AVERAGED, rows[TRAINED]), done=done)

    def _values(self, state: State) -> list[Value]:
        found = []
        for examiner in self._examiners:
            if examiner.kind not in self._real:
                self._real[examiner.kind] = examiner.real()
            values = examiner.values(examiner.mark(state), self._real[examiner.kind])
            found += [value for value in values if value.subset == ALL]
        return found

    def _is_best(self, values: list[Value], *, done: int) -> bool:
        name = self._config.checkpoint.best
        if not name:
            return False
        found = {f"{value.kind}_{value.name}": value for value in values}
        if name not in found:
            known = ", ".join(found)
            raise UsageError(f"checkpoint.best={name} must be a score of this run: {known}")
        value = found[name]
        if math.isnan(value.value) or not _beats(value, self.best):
            return False
        self.best = Best(name, done, value.value)
        if jax.process_index() == 0:
            write_atomic(self._path, f"{json.dumps(self.best._asdict())}\n".encode())
        return True


def check(config: ConfigDict, *, system: Any, kinds: tuple[str, ...]) -> None:
    """Refuses fields that ask for scores that there cannot be.

    Raises:
      setup.UsageError: with the field and the repair.
    """
    best = config.checkpoint.best
    if not config.report.metrics:
        if best:
            raise UsageError(
                f"checkpoint.best={best} needs scores: set --config.report.metrics to the steps "
                "between two of them"
            )
        return
    if not kinds or not (system.scores or system.exams):
        raise UsageError(
            f"report.metrics={config.report.metrics}: this run has no held-out items to score; "
            "name a test folder or a list of test pairs in config.data, or leave it 0"
        )
    known = scores_of(config, system=system, kinds=kinds)
    if best and best not in known:
        raise UsageError(
            f"checkpoint.best={best} must be one of {', '.join(known)}, those that have a truth"
        )


def scores_of(config: ConfigDict, *, system: Any, kinds: tuple[str, ...]) -> list[str]:
    """Names that `checkpoint.best` may have: KIND_SCORE."""
    found = []
    for kind in kinds:
        exam = system.exams.get(kind, Exam())
        distances = _distances(config, system) if exam.fake else ()
        found += [f"{kind}_{name}" for name in (*system.scores, *exam.scores, *distances)]
    return found


def _distances(config: ConfigDict, system: Any) -> tuple[str, ...]:
    report = config.report
    translates = any(exam.source for exam in system.exams.values())
    usual = judges.distances(inception_file=report.inception, translates=translates)
    return judges.asked(report.metric_names, usual=usual)


def _examiners(setup: Setup) -> list[Examiner]:
    config, system = setup.config, setup.system
    fakes = any(exam.fake for exam in system.exams.values())
    try:
        tools = scoring.tools(
            scoring.metrics_of(system),
            distances=_distances(config, system) if fakes else (),
            inception_file=config.report.inception,
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"report.metric_names, report.inception: {error}") from error
    return scoring.examiners(
        system,
        setup.pipeline,
        tools=tools,
        batch_size=config.batch_size,
        mesh=setup.mesh,
        limit=config.report.metric_items,
    )


def _unaveraged(state: State) -> Mapping[str, Any]:
    """The networks in the place of their averages: one program serves both."""
    return {name: state.params[name] for name in state.ema}


def _beats(value: Value, best: Best | None) -> bool:
    if best is None:
        return True
    return value.value > best.value if value.better == "higher" else value.value < best.value


def _read(path: Path, *, name: str) -> Best | None:
    """The best score of an earlier start, if it is of the same name."""
    try:
        found = Best(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.name == name else None
