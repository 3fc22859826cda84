"""The loop: next batch, step, report, pictures, save. It knows `System` and nothing of a paper.

Order of a start, so that a person sees something early: what is wrong with the data or the folder;
the device; the pictures of the untrained networks; the compilation of the step and its forecast.
"""

from __future__ import annotations

import collections
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax
from jax.stages import Compiled
from ml_collections import ConfigDict

from data_pipelines.prepare import DataError
from tryon_jax import describe, forecast, record, sharding
from tryon_jax.checkpoint import Checkpointer, can_copy
from tryon_jax.journal import Journal
from tryon_jax.progress import Progress
from tryon_jax.reporting import Reporter, markdown_table
from tryon_jax.setup import Setup, UsageError, compile_step, set_up
from tryon_jax.stopping import Stop, agreed
from tryon_jax.system import State
from tryon_jax.watch import Watch, check
from tryon_jax.weights import fresh_state, frozen

DONE, PREEMPTED = 0, 75  # exit codes
AHEAD = 2  # steps under way at once; many more deadlock XLA's all-reduce on few CPU cores
PROFILED = 5  # steps in a trace


def train(
    config: ConfigDict,
    *,
    workdir: str | os.PathLike[str],
    smaller: str,
    dry_run: bool = False,
    profile: int = 0,
) -> int:
    """Trains until `config.steps`, from the newest checkpoint in the folder if there is one.

    Args:
      config: the run's final config.
      workdir: the run's folder.
      smaller: command of a run of minutes, named where this one would take days.
      dry_run: say what the run will need and stop; nothing is written.
      profile: step after which a few steps are traced for TensorBoard; 0: none.

    Returns:
      0 when the run is complete, 75 when it was told to stop and has saved.

    Raises:
      record.WorkdirError: if the folder holds another run or cannot be written.
      stopping.NonFiniteError: if a number of a step is not finite.
      checkpoint.CheckpointError: if a checkpoint cannot be written or read.
      setup.UsageError: if the config does not make a run.
      data_pipelines.prepare.DataError: if the data cannot be used.
    """
    if not dry_run:
        record.open_workdir(workdir, config)
    setup = _set_up(config)
    with Progress(config.steps, active=jax.process_index() == 0) as progress:
        progress.note(describe.device(config))
        progress.note(setup.pipeline.summary())
        progress.note(describe.sizes(setup.template))
        if dry_run:
            _compiled(setup, progress, left=config.steps, smaller=smaller)
            return DONE
        return _run(setup, Path(workdir), progress, smaller=smaller, profile=profile)


def _set_up(config: ConfigDict) -> Setup:
    try:
        setup = set_up(config)
        check(config, system=setup.system, kinds=setup.pipeline.kinds)
        return setup
    except DataError:
        raise
    except (ValueError, KeyError) as error:
        raise UsageError(f"this config does not make a run: {error.args[0]}") from error


def _run(setup: Setup, workdir: Path, progress: Progress, *, smaller: str, profile: int) -> int:
    """From what the folder holds to the last step."""
    config, first = setup.config, jax.process_index() == 0
    with ExitStack() as stack:
        stop = stack.enter_context(Stop())
        keep = config.checkpoint
        checkpoints = stack.enter_context(
            Checkpointer(
                workdir,
                latest=keep.latest,
                every=keep.every,
                asynchronous=can_copy(setup.template),
            )
        )
        state, values, start = _start(setup, checkpoints, progress, workdir=workdir)
        if start >= config.steps:
            progress.note(f"the run is complete at step {start}: nothing left to do")
            return DONE
        # before the writers: this import of TensorFlow keeps it off the accelerators
        batches = setup.pipeline.batches(
            start, process_index=jax.process_index(), process_count=jax.process_count()
        )
        stack.callback(batches.close)
        if first:
            record.write(workdir, config)
        reporter = stack.enter_context(Reporter(workdir, active=first, start_step=start))
        watch = Watch(setup, reporter, workdir=workdir)
        reporter.text("config", markdown_table(record.flatten(config)))
        reporter.text("parameters", describe.parameters(setup.template))
        journal = Journal(setup, reporter, values=values, start=start)
        if start == 0:
            with progress.timed(f"first pictures, into {workdir / 'samples'}"):
                journal.show(state)
        step = _compiled(setup, progress, left=config.steps - start, smaller=smaller)
        progress.begin(start)
        saving = _Saving(checkpoints, config, watch)
        tracing = _Tracing(workdir / "tensorboard", profile)
        return _loop(
            setup, step, state, batches, journal, progress, saving, tracing, stop, start=start
        )


def _loop(
    setup: Setup,
    step: Compiled,
    state: State,
    batches: Any,
    journal: Journal,
    progress: Progress,
    saving: _Saving,
    tracing: _Tracing,
    stop: Stop,
    *,
    start: int,
) -> int:
    """Step after step; the device works ahead of Python, never the other way."""
    total = setup.config.steps
    under_way: collections.deque = collections.deque()
    journal.pace.restart()
    for done in range(start + 1, total + 1):
        with journal.pace.waiting():
            batch = sharding.place(next(batches), mesh=setup.mesh)
        state, metrics = step(state, batch)
        journal.add(metrics)
        under_way.append(metrics)
        if len(under_way) > AHEAD or done == start + 1:
            jax.block_until_ready(under_way.popleft())
        journal.write_row_if_due()
        journal.show_if_due(state)
        progress.update(done, journal.totals, **journal.pace.read())
        told = saving.may_agree(done) and agreed(stop.told)
        if saving.improved(state, done) or told or saving.due(done):
            saving.save(state, journal)
        tracing.after(done)
        if told and done < total:
            saving.wait()
            progress.note(f"told to stop at step {done}; saved: the same command continues")
            return PREEMPTED
    saving.wait()
    progress.note(f"done: {total} steps")
    return DONE


def _start(
    setup: Setup, checkpoints: Checkpointer, progress: Progress, *, workdir: Path
) -> tuple[State, dict[str, list[float]], int]:
    """The newest checkpoint, or fresh networks."""
    if steps := checkpoints.steps():
        with progress.timed(f"resuming at step {steps[-1]}"):
            state, memory = checkpoints.restore(setup.template, step=steps[-1])
        return state, memory["values"], steps[-1]
    given = frozen(setup, workdir=workdir)
    origins = {network: weights.origin for network, weights in given.items()}
    for network, origin in origins.items():
        progress.note(f"frozen {network}: {origin}")
    if origins and jax.process_index() == 0:
        record.write_origins(workdir, origins)
    with progress.timed("drawing the networks"):
        return fresh_state(setup, given=given), {}, 0


def _compiled(setup: Setup, progress: Progress, *, left: int, smaller: str) -> Compiled:
    """The step, and its forecast said."""
    with progress.timed("compiling the step, once: the next start finds it in the cache"):
        step = compile_step(setup)
    progress.note(forecast.text(forecast.forecast(step), steps=left, command=smaller))
    return step


class _Saving:
    """Saves by steps and by minutes, at the end, and what scores best."""

    def __init__(self, checkpoints: Checkpointer, config: ConfigDict, watch: Watch) -> None:
        self._checkpoints, self._config, self._watch = checkpoints, config, watch
        checkpoints.keep(watch.best and watch.best.step)
        self._last = time.monotonic()

    def improved(self, state: State, done: int) -> bool:
        """Scores if it is time; what scores better than ever will be kept."""
        better = self._watch.improved(state, done=done)
        if better:
            self._checkpoints.keep(done)
        return better

    def may_agree(self, done: int) -> bool:
        """Processes ask one another about signals and clocks; several do so at rows only."""
        return jax.process_count() == 1 or done % self._config.report.scalars == 0

    def due(self, done: int) -> bool:
        keep = self._config.checkpoint
        if done == self._config.steps or not done % keep.steps or not done % keep.every:
            return True
        late = time.monotonic() - self._last >= 60 * keep.minutes
        return self.may_agree(done) and agreed(late)

    def save(self, state: State, journal: Journal) -> None:
        """Not before every number so far is known to be finite."""
        self._checkpoints.save(state, memory={"values": journal.values()})
        self._last = time.monotonic()

    def wait(self) -> None:
        self._checkpoints.wait()


class _Tracing:
    """A trace of a few steps, for TensorBoard's profiler."""

    def __init__(self, folder: Path, step: int) -> None:
        self._folder, self._step = folder, step

    def after(self, done: int) -> None:
        if self._step and done == self._step:
            jax.profiler.start_trace(str(self._folder))
        if self._step and done == self._step + PROFILED:
            jax.profiler.stop_trace()
