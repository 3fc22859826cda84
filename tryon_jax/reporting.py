"""Numbers and pictures of a run: `metrics.jsonl`, `samples/*.png` and TensorBoard in its folder.

The only room that knows clu, and through it TensorFlow: both are imported when a `Reporter` is
built, so that a step can be taken on a machine without them. No failing writer stops a training.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
from absl import logging

from tryon_jax import grids
from tryon_jax.files import write_atomic


class Reporter:
    """Writes what a run has to say; a context manager.

    A writer that fails (a full disk, a missing package) is named in one warning; it is tried again
    at the next report, and the others go on.

    Args:
      workdir: the run's folder, local.
      active: False on all processes but the first: every method then does nothing.
      start_step: step that the run starts or resumes from. Rows of `metrics.jsonl` beyond it are
        dropped, so that the file is the one of an uninterrupted run; a run from 0 starts the file
        anew. TensorBoard's own loader does the same when it meets a step again (measured on 2.21;
        with `--load_fast=false` it draws both).
    """

    def __init__(
        self, workdir: str | os.PathLike[str], *, active: bool, start_step: int = 0
    ) -> None:
        self._workdir = Path(workdir)
        self._active = active
        self._start_step = start_step
        self._warned: set[str] = set()
        self._tensorboard: Any = None
        if active:
            with self._guard("metrics.jsonl"):
                _rewind(self._workdir / "metrics.jsonl", start_step=start_step)
            with self._guard("tensorboard"):
                self._tensorboard = _summary_writer(self._workdir / "tensorboard")

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._tensorboard is not None:
            with self._guard("tensorboard"):
                self._tensorboard.close()

    def text(self, name: str, markdown: str) -> None:
        """Show a text in TensorBoard, such as the run's config (`markdown_table`)."""
        if self._active:
            self._to_tensorboard("write_texts", self._start_step, {name: markdown})

    def scalars(self, step: int, numbers: Mapping[str, float]) -> None:
        """Append a row to `metrics.jsonl` and a point to each curve.

        Args:
          step: steps done.
          numbers: curve -> value; written with all digits, so that two runs can be compared value
            for value. A non-finite one is written as NaN or Infinity, which Python's json reads.
        """
        if not self._active:
            return
        numbers = {name: float(value) for name, value in numbers.items()}
        row = json.dumps({"step": int(step), "time": time.time(), **numbers})
        with self._guard("metrics.jsonl"), (self._workdir / "metrics.jsonl").open("a") as file:
            file.write(f"{row}\n")
        self._to_tensorboard("write_scalars", step, numbers)

    def pictures(self, step: int, name: str, rows: dict[str, np.ndarray]) -> None:
        """Write a grid to `samples/{name}_{step:08d}.png` and to TensorBoard.

        Args:
          step: steps done.
          name: which grid, such as `train` or `test`.
          rows: title -> float [N, H, W, 3 or 1] in [-1, 1], see `grids.grid`.
        """
        if not self._active:
            return
        with self._guard("samples"):
            picture = grids.grid(rows)
            self._to_tensorboard("write_images", step, {name: picture[None]})
            grids.save_png(self._workdir / "samples" / f"{name}_{step:08d}.png", picture)

    def _to_tensorboard(self, method: str, step: int, values: Mapping[str, Any]) -> None:
        """Hand values to one of clu's `write_*` methods, and to the disk at once."""
        if self._tensorboard is None:
            return
        with self._guard("tensorboard"):
            getattr(self._tensorboard, method)(step, values)
            self._tensorboard.flush()

    @contextlib.contextmanager
    def _guard(self, writer: str) -> Iterator[None]:
        """Turn any failure of a writer into one warning."""
        try:
            yield
        except Exception as error:
            if writer not in self._warned:
                self._warned.add(writer)
                logging.warning(
                    "Writing %s in %s failed (%s: %s); training goes on without it.",
                    writer,
                    self._workdir,
                    type(error).__name__,
                    error,
                )


class Averages:
    """Means of the numbers of several steps, taken without making the steps wait.

    The device's arrays are kept as they are and fetched together when they are asked for. Not
    summed on the device: a sum would be one more program that every process had to run.

    Args:
      values: name -> one number per step, as `values()` gave them before a checkpoint: a resumed
        run then reports the means of an uninterrupted one.
    """

    def __init__(self, values: Mapping[str, list[float]] | None = None) -> None:
        self._values: dict[str, list[Any]] = defaultdict(list)
        for name, numbers in (values or {}).items():
            self._values[name] += numbers

    def add(self, metrics: Mapping[str, jax.Array]) -> None:
        """Take in the scalars of one step; a name may be missing in some steps.

        Raises:
          ValueError: if a metric is not a scalar.
        """
        for name, value in metrics.items():
            if np.shape(value):
                raise ValueError(
                    f"a metric is a scalar, got {name} of shape {np.shape(value)}; take its mean"
                )
            self._values[name].append(value)

    def values(self) -> dict[str, list[float]]:
        """Every number of every step so far; waits for the device."""
        fetched = jax.device_get(dict(self._values))
        return {name: [float(value) for value in values] for name, values in fetched.items()}

    def mean(self) -> dict[str, float]:
        """Mean of each number over the steps that had it, in float64; waits for the device."""
        return {
            name: float(np.mean(values, dtype=np.float64))
            for name, values in self.values().items()
            if values
        }


def markdown_table(values: Mapping[str, object]) -> str:
    """Two columns for `Reporter.text`: names and values as code."""
    lines = [f"| `{name}` | `{value!r}` |" for name, value in values.items()]
    return "\n".join(["| field | value |", "| --- | --- |", *lines])


def memory_stats() -> dict[str, int]:
    """Memory that this process uses, in bytes, as far as the machine tells.

    Returns:
      `device_peak_bytes`: most that any of its devices held so far (a CPU does not tell);
      `process_bytes`: resident memory now (Linux only).
    """
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [stat["peak_bytes_in_use"] for stat in stats if "peak_bytes_in_use" in stat]
    memory = {"device_peak_bytes": max(peaks)} if peaks else {}
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        memory["process_bytes"] = int(fields["VmRSS"].split()[0]) * 1024  # "  5120 kB"
    return memory


def _summary_writer(folder: Path) -> Any:
    """Clu's TensorBoard writer; imports TensorFlow."""
    from clu import metric_writers

    return metric_writers.SummaryWriter(str(folder))


def _rewind(path: Path, *, start_step: int) -> None:
    """Keep the rows up to `start_step`; a row torn by a kill is dropped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = []
    if path.exists() and start_step > 0:
        for line in path.read_text().splitlines(keepends=True):
            with contextlib.suppress(json.JSONDecodeError):
                if json.loads(line)["step"] <= start_step:
                    kept.append(line)
    write_atomic(path, "".join(kept).encode())
