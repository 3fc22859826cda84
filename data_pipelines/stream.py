"""An endless stream of batches whose order is a pure function of the position.

Position p of a run is epoch p // N, place p % N of a shuffle that depends on (seed, epoch) alone.
Therefore step s can be entered directly, a resumed run continues bit for bit, and any number of
processes reads the same global batches: step s covers the positions s * B to (s + 1) * B - 1, and
process k of n loads the k-th contiguous B / n of them. The pictures are made by plain Python on
tf.data's threads: Pillow works outside the interpreter lock.
"""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Generic, TypeVar

import numpy as np

from data_pipelines.prepare import DataError, workers

PREFETCH = 2  # finished batches that wait for the training loop
_LAST = 2**62  # local items in an endless stream

Item = TypeVar("Item")


@functools.cache
def tensorflow() -> ModuleType:
    """TensorFlow, without its start-up messages and kept away from accelerators."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # else it announces them at every start
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    return tf


def shuffled(position: int, *, length: int, seed: tuple[int, ...]) -> int:
    """Index of the item at a position of the endless stream; every epoch is a permutation.

    Args:
      position: counts all items from the start of the run, >= 0.
      length: items in an epoch, >= 1.
      seed: integers >= 0 that name the order.
    """
    epoch, place = divmod(position, length)
    words = np.random.SeedSequence((*seed, epoch)).generate_state(2)
    return int(
        tensorflow().random.experimental.index_shuffle(
            np.int64(place), seed=words.astype(np.int64), max_index=np.int64(length - 1)
        )
    )


class Shuffled(Generic[Item]):
    """Items in shuffled order; one that cannot be read gives way to the next of its epoch."""

    def __init__(
        self,
        load: Callable[[int], Item],
        *,
        names: list[str],
        seed: tuple[int, ...],
        skipped: dict[str, str],
    ):
        """An order of the items; nothing is read yet.

        Args:
          load: index -> item, from several threads; raises OSError or ValueError if unreadable.
          names: one for each index.
          seed: integers >= 0 that name the order.
          skipped: receives name -> reason of the items that could not be read.
        """
        self._load, self._names, self._seed, self._skipped = load, names, seed, skipped

    def at(self, position: int) -> Item:
        """The item at a position, or the first readable one after it in the same epoch.

        Raises:
          DataError: if no item can be read.
        """
        length = len(self._names)
        epoch, place = divmod(position, length)
        for step in range(length):
            neighbour = epoch * length + (place + step) % length
            index = shuffled(neighbour, length=length, seed=self._seed)
            try:
                return self._load(index)
            except (OSError, ValueError) as error:
                self._skipped[self._names[index]] = str(error)  # one dict write: atomic
        raise DataError(
            f"none of {length} pictures can be read, such as {self._names[index]} "
            f"({self._skipped[self._names[index]]}); is the disk still there?"
        )


class Batches(Iterator[dict[str, np.ndarray]]):
    """One process's share of every global batch, in order, without end.

    `close()` stops its threads; so does the end of the program or of the last reference.
    """

    def __init__(
        self,
        example: Callable[[int], dict[str, np.ndarray]],
        *,
        shapes: Mapping[str, tuple[int, ...]],
        start_step: int,
        batch_size: int,
        process_index: int = 0,
        process_count: int = 1,
    ):
        """Starts to load at a step; what came before costs nothing.

        Args:
          example: position -> float32 arrays of one item; pure, called from several threads.
          shapes: shape of each array of an example.
          start_step: first step, >= 0.
          batch_size: items in a global batch.
          process_index: which share, in [0, process_count).
          process_count: shares of a global batch; must divide batch_size.

        Raises:
          ValueError: if a number is out of its range.
        """
        _check_share(start_step, batch_size, process_index, process_count)
        self._failures: list[Exception] = []
        share = batch_size // process_count
        dataset = _dataset(
            self._guard(example),
            shapes=shapes,
            first=start_step * share,
            share=share,
            batch_size=batch_size,
            offset=process_index * share,
        )
        state = {"iterator": dataset.as_numpy_iterator()}
        self._state = state
        # also runs when the interpreter ends, before its threads lose the ground
        self.close = weakref.finalize(self, state.clear)

    def _guard(self, example):
        failures = self._failures

        def guarded(position):
            try:
                made = example(int(position))
            except Exception as error:  # TensorFlow would turn it into text
                failures.append(error)
                raise
            return [made[key] for key in sorted(made)]

        return guarded

    def __next__(self) -> dict[str, np.ndarray]:
        """The next batch, float32 [share, ...] for each key; ends only after `close`."""
        if not self._state:
            raise StopIteration
        try:
            return next(self._state["iterator"])
        except Exception:
            if self._failures:
                raise self._failures[0] from None
            raise


def _dataset(example, *, shapes, first, share, batch_size, offset):
    """Batches of one process; item i has position i // share * batch_size + offset + i % share."""
    tf = tensorflow()
    keys = sorted(shapes)

    def make(item):
        position = item // share * batch_size + offset + item % share
        arrays = tf.numpy_function(example, [position], [tf.float32] * len(keys))
        return {
            key: tf.ensure_shape(array, shapes[key])
            for key, array in zip(keys, arrays, strict=True)
        }

    options = tf.data.Options()
    options.autotune.enabled = False  # a fixed number of threads; its optimiser would stay busy
    options.threading.private_threadpool_size = workers()
    dataset = tf.data.Dataset.range(first, _LAST)
    dataset = dataset.map(make, num_parallel_calls=workers(), deterministic=True)
    return dataset.batch(share, drop_remainder=True).prefetch(PREFETCH).with_options(options)


def _check_share(start_step, batch_size, process_index, process_count):
    if start_step < 0:
        raise ValueError(f"start_step must be 0 or more, got {start_step}")
    if batch_size % process_count:
        raise ValueError(
            f"batch_size={batch_size} cannot be shared by {process_count} processes: "
            f"set --config.batch_size to a multiple of {process_count}"
        )
    if not 0 <= process_index < process_count:
        raise ValueError(f"process_index must be in [0, {process_count}), got {process_index}")
