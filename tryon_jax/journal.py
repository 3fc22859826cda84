"""What a run writes down while it goes: rows of numbers and grids of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from tryon_jax import sharding
from tryon_jax.progress import Pace
from tryon_jax.reporting import Averages, Reporter, memory_stats
from tryon_jax.setup import Setup
from tryon_jax.stopping import check_finite
from tryon_jax.system import State

EARLY = (10, 100)  # steps whose pictures are shown besides the multiples of report.pictures


class Journal:
    """Collects the numbers of each step, and draws the fixed items.

    Args:
      setup: of the run.
      reporter: where rows and grids go.
      values: numbers of the steps since the last row, as the checkpoint remembers them.
      start: steps done.
    """

    def __init__(
        self, setup: Setup, reporter: Reporter, *, values: Mapping[str, list[float]], start: int
    ) -> None:
        self.pace = Pace(setup.config.batch_size)
        self.totals: dict[str, float] = {}  # of the last row, for the progress line
        self._setup, self._reporter, self._done = setup, reporter, start
        self._averages = Averages(values)
        self._sample = jax.jit(setup.system.sample, out_shardings=sharding.replicated(setup.mesh))
        count = setup.config.report.count
        self._fixed = {
            split: sharding.place_whole(setup.pipeline.fixed(split, count), mesh=setup.mesh)
            for split in ("train", "test")
        }

    def add(self, metrics: Mapping[str, jax.Array]) -> None:
        """Takes in the numbers of one step without waiting for them."""
        self._averages.add(metrics)
        self.pace.count()
        self._done += 1

    def values(self) -> dict[str, list[float]]:
        """The numbers since the last row, all finite; waits for the device.

        Raises:
          stopping.NonFiniteError: naming the first that is not.
        """
        values = self._averages.values()
        length = max(map(len, values.values()), default=0)
        check_finite(values, first_step=self._done - length + 1)
        return values

    def write_row_if_due(self) -> None:
        """A row of means since the last one, at each multiple of report.scalars and at the end."""
        config = self._setup.config
        if self._done % config.report.scalars and self._done != config.steps:
            return
        self.values()
        means, pace = self._averages.mean(), self.pace.read()
        self.totals = {name: value for name, value in means.items() if name.endswith("_total")}
        self._reporter.scalars(
            self._done,
            {
                **means,
                **pace,
                **memory_stats(),
                "pictures_skipped": len(self._setup.pipeline.skipped),
            },
        )
        self._averages = Averages()
        self.pace.restart()

    def show_if_due(self, state: State) -> None:
        """Grids early and then regularly, and at the end: the first steps change most."""
        config, done = self._setup.config, self._done
        if done in EARLY or done % config.report.pictures == 0 or done == config.steps:
            self.show(state)

    def show(self, state: State) -> None:
        """Grids of the fixed training and test items, one for each strip of the system."""
        for split, batch in self._fixed.items():
            made: dict[str, Any] = {
                name: np.asarray(value) for name, value in self._sample(state, batch).items()
            }
            for strip, names in self._setup.system.strips.items():
                rows = {name: made[name] for name in names if name in made}
                self._reporter.pictures(self._done, f"{split}_{strip}", rows)
