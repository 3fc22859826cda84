"""What the pipelines of all kinds of batches share: counts, a summary, the stream for training.

`unpaired`, `viton` and `triplets` each have a `Pipeline` of their own, which adds how one item is
written, and the pictures that are shown and scored.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from data_pipelines import stream
from data_pipelines.leaks import Opened
from data_pipelines.prepare import DataError
from data_pipelines.viton_items import HeldOut

SPLITS = ("train", "test")


class Report(Protocol):
    """What the check of a folder found."""

    @property
    def warnings(self) -> list[str]:
        """What may be meant, but should be known."""
        ...

    def text(self) -> str:
        """A table and the messages, for people."""
        ...


class Pipeline(abc.ABC):
    """The data of a run."""

    def __init__(
        self,
        *,
        counts: Mapping[str, int],
        shapes: Mapping[str, tuple[int, ...]],
        batch_size: int,
        seed: int,
        headline: str,
        report: Report | None,
    ):
        """Args as attributes.

        Args:
          counts: items of each kind; those of the kinds `train...` are trained on.
          shapes: key -> shape of a training item's array.
          batch_size: items per step over all processes.
          seed: names the order and the augmentation.
          headline: where the items come from and how many there are, for people.
          report: of the check; None without one.
        """
        self.counts, self.report = dict(counts), report
        self._shapes, self._batch_size, self._seed = dict(shapes), batch_size, seed
        self._headline = headline
        self._skipped: dict[str, str] = {}
        self.kinds: tuple[str, ...] = ()  # of held-out items that there are

    def names(self, kind: str) -> list[str]:
        """Names of all held-out items of a kind."""
        raise DataError(f"{self._headline}: these data have no held-out items {kind!r}")

    def held_out(self, kind: str, *, batch_size: int) -> Iterator[HeldOut]:
        """All held-out items of a kind in order, for scores."""
        raise DataError(f"{self._headline}: these data have no held-out items {kind!r}")

    def real(self, kind: str, *, batch_size: int) -> Iterator[np.ndarray]:
        """Pictures [n, H, W, 3] in [-1, 1] that what is made of a kind should look like."""
        raise DataError(f"{self._headline}: these data have no held-out items {kind!r}")

    def real_origin(self, kind: str) -> str:
        """Which pictures `real` gives, for people."""
        return f"the real pictures of {kind}"

    def files(self, split: str) -> Sequence[Opened]:
        """The pictures of a split as files, for `leaks.find`; none where they are drawn."""
        return ()

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every training item, of two domains the larger, is seen once."""
        trained = (count for kind, count in self.counts.items() if kind.startswith("train"))
        return -(-max(trained) // self._batch_size)

    @property
    def skipped(self) -> dict[str, str]:
        """Name -> reason of the items that could not be read so far."""
        return dict(self._skipped)

    @property
    def warnings(self) -> list[str]:
        """What a person should know about the data before training."""
        return list(self.report.warnings) if self.report else []

    def summary(self) -> str:
        """Where the items come from and how many there are; then one line for each warning."""
        return "\n".join([self._headline, *(f"warning: {message}" for message in self.warnings)])

    def batches(
        self, start_step: int, *, process_index: int = 0, process_count: int = 1
    ) -> stream.Batches:
        """Training batches from a step on, without end: this process's share of each.

        Args:
          start_step: step of the first batch; the order is that of a run from 0.
          process_index: which share of each global batch, in [0, process_count).
          process_count: processes that share a global batch; must divide batch_size.

        Returns:
          Iterator of dicts of float32 [batch_size / process_count, H, W, C], with the keys and
          ranges of the module's docstring; its `close()` ends its threads.

        Raises:
          ValueError: if a number is out of its range.
          prepare.DataError: while iterating, if no item can be read.
        """
        return stream.Batches(
            self._writer(),
            shapes=self._shapes,
            start_step=start_step,
            batch_size=self._batch_size,
            process_index=process_index,
            process_count=process_count,
        )

    @abc.abstractmethod
    def _writer(self) -> Callable[[int, dict[str, np.ndarray]], None]:
        """How one training item is written, for `stream.Batches`."""


def check_fixed(split: str, *, count: int) -> None:
    """Refuses what no pipeline's `fixed` can show.

    Raises:
      ValueError: if the split is unknown or the count is below 1.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
    if count < 1:
        raise ValueError(f"count must be 1 or more, got {count}")


def check_held_out(pairs: str, *, known: Sequence[str], batch_size: int) -> None:
    """Refuses what no pipeline's `held_out` can give.

    Raises:
      ValueError: if the kind of pairs is not known or the batch size is below 1.
    """
    if pairs not in known:
        raise ValueError(f"pairs must be one of {tuple(known)}, got {pairs!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}")


def persons_once(batches: Iterable[HeldOut]) -> Iterator[np.ndarray]:
    """The photographs of try-on items, each person once: [n, H, W, 3], n may be small."""
    seen: set[str] = set()
    for held in batches:
        persons = [name.partition("+")[0] for name in held.names]
        fresh = [i for i, name in enumerate(persons) if name not in {*seen, *persons[:i]}]
        seen.update(persons)
        if fresh:
            yield held.batch["person"][fresh]


def refuse(errors: Sequence[str]) -> None:
    """Says everything that is wrong at once.

    Raises:
      prepare.DataError: if there are errors.
    """
    headline = [f"{len(errors)} things are wrong with the data of this run:"]
    if errors:
        raise DataError("\n  - ".join([*(headline if len(errors) > 1 else []), *errors]))


def stacked(made: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """A batch of items that have the same keys: a new first axis."""
    return {key: np.stack([arrays[key] for arrays in made]) for key in made[0]}
