"""The line a person watches: where the run is, how fast it goes, how long it will take.

On a terminal one line is rewritten; in a file plain lines appear every few seconds at first, every
minute later.
"""

from __future__ import annotations

import collections
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import TextIO

TERMINAL_SECONDS = 0.2  # between two rewrites on a terminal
FILE_SECONDS = (5.0, 60.0)  # between two lines of a file: at the start, and after ten minutes
MARKS = 100  # lines over which the speed is measured

_UNITS = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))


class Progress:
    """A progress line of a run; never stops it: a stream that fails is written no more.

    Args:
      total: steps of the whole run.
      active: False on all processes but the first: nothing is written.
      stream: a terminal or a file; standard error if not given.
    """

    def __init__(self, total: int, *, active: bool = True, stream: TextIO | None = None) -> None:
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._broken = not active
        self._line = ""
        self._born = monotonic()
        self.begin(0)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, step: int) -> None:
        """The steps begin here and now: 0, or the step that the run resumes from."""
        # (time, step) of the start, then of the last lines
        self._marks = collections.deque([(monotonic(), step)], maxlen=MARKS)
        self._lines = 0

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Says what is done and, behind it, how long it took."""
        if self._terminal:
            self._write(f"{what} ...")
        begun = monotonic()
        yield
        self.note(f"{what}: {monotonic() - begun:.1f} s")

    def update(
        self, step: int, numbers: Mapping[str, float], *, images_per_second: float, data_wait: float
    ) -> None:
        """Say where the run is, if it is time to; the first and the last step are always shown.

        Args:
          step: steps done.
          numbers: losses to show, in this order; a terminal cuts those that do not fit.
          images_per_second: measured by the loop.
          data_wait: share of the time that the loop waited for data, [0, 1].
        """
        if not self._due(step):
            return
        parts = [f"step {step}/{self._total} ({step / self._total:.1%})"]
        parts += [f"{images_per_second:.3g} images/s", f"data wait {data_wait:.0%}"]
        parts += self._time_left()
        parts += [f"{name} {value:.4g}" for name, value in numbers.items()]
        self._line = "  ".join(parts)
        self._show()

    def count(self, done: int, what: str) -> None:
        """Say how many of something are done, how fast they go by and how long the rest will take.

        Args:
          done: how many; a total of 0 is one that nobody knows.
          what: they are, in the singular: `frame`.
        """
        if not self._due(done):
            return
        of = f"/{max(self._total, done)} ({min(done / self._total, 1):.1%})" if self._total else ""
        (then, first), (now, last) = self._marks[0], self._marks[-1]
        speed = [f"{(last - first) / (now - then):.3g} {what}s/s"] if last > first else []
        left = self._time_left() if self._total else []
        self._line = "  ".join([f"{what} {done}{of}", *speed, *left])
        self._show()

    def note(self, message: str) -> None:
        """Print a whole line of its own; a terminal's progress line moves below it."""
        if not self._terminal:
            self._write(f"{message}\n")
            return
        self._write(f"\r\x1b[K{message}\n")
        if self._line:
            self._show()

    def close(self) -> None:
        """Leave the last line standing and the cursor below it."""
        if self._terminal and self._line:
            self._write("\n")
        self._line = ""

    def _pause(self, now: float) -> float:
        """Seconds between two lines."""
        if self._terminal:
            return TERMINAL_SECONDS
        return min(max(FILE_SECONDS[0], (now - self._born) / 10), FILE_SECONDS[1])

    def _due(self, step: int) -> bool:
        """Whether it is time for a line; the first and the last step are always shown."""
        now = monotonic()
        early = now - self._marks[-1][0] < self._pause(now)
        if self._lines and early and step != self._total:
            return False
        self._mark(now, step)
        return True

    def _mark(self, now: float, step: int) -> None:
        """Remember a line; the second makes the start forgotten, whose first step was compiled."""
        if self._lines == 1:
            self._marks.popleft()
        self._marks.append((now, step))
        self._lines += 1

    def _time_left(self) -> list[str]:
        """The remaining time at the speed of the last lines; nothing while that is a guess."""
        (then, first), (now, step) = self._marks[0], self._marks[-1]
        if step - first < 2:
            return []
        rest = max(self._total - step, 0)  # a total may be an estimate
        return [f"{duration((now - then) / (step - first) * rest)} left"]

    def _show(self) -> None:
        """Print the current line."""
        if not self._terminal:
            self._write(f"{self._line}\n")
            return
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except OSError:
            columns = 0
        columns = columns or 80  # a container's terminal may have no size
        self._write(f"\r\x1b[K{self._line[: columns - 1]}")

    def _write(self, text: str) -> None:
        """Write and flush; a log on a full disk or a closed pipe must not end the training."""
        if self._broken:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._broken = True


class Pace:
    """How fast steps go by, and which share of the time they wait for data.

    Args:
      batch_size: pictures per step and domain.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._last = {"images_per_second": 0.0, "data_wait": 0.0}
        self._steps = 0
        self.restart()

    def restart(self) -> None:
        """Measure anew from here."""
        self._last = self.read()
        self._born, self._steps, self._waited = monotonic(), 0, 0.0

    def count(self) -> None:
        """One more step."""
        self._steps += 1

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """The time inside is time without data."""
        begun = monotonic()
        yield
        self._waited += monotonic() - begun

    def read(self) -> dict[str, float]:
        """`images_per_second`, and `data_wait` in [0, 1], since the last restart or before it."""
        if not self._steps:
            return self._last
        passed = max(monotonic() - self._born, 1e-9)
        speed = self._steps * self._batch_size / passed
        return {"images_per_second": speed, "data_wait": min(self._waited / passed, 1.0)}


def duration(seconds: float) -> str:
    """A time for people, in its two largest units: `45 s`, `3 h 20 min`, `12 days 4 h`.

    Args:
      seconds: not negative; rounded to whole seconds, then what is below the two units is cut.
    """
    rest = round(seconds)
    parts = []
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        parts.append((count, unit + "s" if unit == "day" and count != 1 else unit))
    first = next((i for i, (count, _) in enumerate(parts) if count), len(parts) - 1)
    shown = [f"{count} {unit}" for count, unit in parts[first : first + 2] if count]
    return " ".join(shown) or "0 s"
