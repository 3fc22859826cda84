"""An endless stream of batches whose order is a pure function of the position.

Position p of a run is epoch p // N, place p % N of a shuffle that depends on (seed, epoch) alone.
Therefore step s can be entered directly, a resumed run continues bit for bit, and any number of
processes reads the same global batches: step s covers the positions s * B to (s + 1) * B - 1, and
process k of n loads the k-th contiguous B / n of them.

tf.data numbers the items, runs them on its threads and waits for the order; plain Python writes
each item straight into its place in a batch, beside tf.data: Pillow and NumPy work outside the
interpreter lock, and as a tensor a finished batch would be copied twice more.
"""

from __future__ import annotations

import functools
import math
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Generic, TypeVar

import numpy as np

from data_pipelines.prepare import DataError, workers

PREFETCH = 2  # finished batches that wait for the training loop: one at the door, others in tf.data
_LAST = 2**62  # local items in an endless stream
_ALIGNED = 64  # bytes; JAX on a CPU takes over arrays that begin at a multiple without a copy
_PLACES = 1024  # of an epoch that are shuffled at once: one call costs 0.5 ms, however many

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
    block, place = divmod(place, _PLACES)
    return int(_shuffled_places(block, length=length, seed=(*seed, epoch))[place])


@functools.lru_cache(maxsize=64)  # 8 KB each; a batch at the turn of an epoch needs both
def _shuffled_places(block: int, *, length: int, seed: tuple[int, ...]) -> np.ndarray:
    """Indices of the items at `_PLACES` places of one epoch: int64 [_PLACES or fewer]."""
    places = np.arange(block * _PLACES, min((block + 1) * _PLACES, length), dtype=np.int64)
    words = np.random.SeedSequence(seed).generate_state(2)
    shuffle = tensorflow().random.experimental.index_shuffle
    return shuffle(places, seed=words.astype(np.int64), max_index=np.int64(length - 1)).numpy()


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
        tensorflow()  # not first on a thread: whoever asks for an order keeps it off accelerators

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


def written(
    example: Callable[[int], Mapping[str, np.ndarray]],
) -> Callable[[int, dict[str, np.ndarray]], None]:
    """For `Batches`: copies what an example (position -> float32 arrays of one item) makes."""

    def write(position: int, into: dict[str, np.ndarray]) -> None:
        made = example(position)
        for key, place in into.items():
            if made[key].shape != place.shape:  # NumPy would repeat what is smaller
                raise ValueError(
                    f"{key} must be {place.shape}, as in `shapes`, got {made[key].shape}"
                )
            place[...] = made[key]

    return write


class Batches(Iterator[dict[str, np.ndarray]]):
    """One process's share of every global batch, in order, without end.

    `close()` stops its threads; so does the end of the program or of the last reference.
    """

    def __init__(
        self,
        write: Callable[[int, dict[str, np.ndarray]], None],
        *,
        shapes: Mapping[str, tuple[int, ...]],
        start_step: int,
        batch_size: int,
        process_index: int = 0,
        process_count: int = 1,
    ):
        """Starts to load at a step; what came before costs nothing.

        Args:
          write: (position, arrays) -> writes every number of one item into the float32 arrays;
            depends on the position alone, called from several threads.
          shapes: shape of each array of an item.
          start_step: first step, >= 0.
          batch_size: items in a global batch.
          process_index: which share, in [0, process_count).
          process_count: shares of a global batch; must divide batch_size.

        Raises:
          ValueError: if a number is out of its range.
        """
        _check_share(start_step, batch_size, process_index, process_count)
        share = batch_size // process_count
        self._desk = _Desk(write, shapes, share=share)
        self._failure: Exception | None = None
        dataset = _dataset(
            self._desk.make,
            first=start_step * share,
            share=share,
            batch_size=batch_size,
            offset=process_index * share,
        )
        self._courier = _Courier(dataset)
        # also runs when the interpreter ends, before its threads lose the ground
        self.close = weakref.finalize(self, self._courier.stop)

    def __next__(self) -> dict[str, np.ndarray]:
        """The next batch, float32 [share, ...] for each key, read-only; ends only after `close`.

        The arrays share one piece of memory: what keeps one keeps all of the batch.
        """
        if self._courier.stopped:
            raise StopIteration
        if self._failure:
            raise self._failure
        brought = self._courier.next()
        if isinstance(brought, Exception):
            # of items under way a later one may have failed first
            failures = self._desk.failures
            self._failure = failures[min(failures)] if failures else brought
            raise self._failure from None
        return self._desk.take(brought)


class _Courier:
    """A thread that asks tf.data for the next finished batch before anybody needs it.

    tf.data's own iterator gives the interpreter away for 1 ms, even if the batch waits.
    """

    def __init__(self, dataset):
        self._iterator = dataset.as_numpy_iterator()
        self._brought: queue.SimpleQueue[int | Exception] = queue.SimpleQueue()
        self._room = threading.Semaphore(1)  # batches that it may still bring
        self._thread = threading.Thread(target=self._carry, name="batches", daemon=True)
        self.stopped = False
        self._thread.start()

    def next(self) -> int | Exception:
        """Number of the first item of the next batch, or what went wrong; waits for it."""
        brought = self._brought.get()
        self._room.release()
        return brought

    def stop(self) -> None:
        """Ends the thread and tf.data's."""
        self.stopped = True
        self._room.release()
        if threading.current_thread() is not self._thread:  # the collector runs where it likes
            self._thread.join(timeout=5)  # even on a thread that the courier waits for
        del self._iterator

    def _carry(self) -> None:
        while True:
            self._room.acquire()
            if self.stopped:
                return
            try:
                self._brought.put(int(next(self._iterator)[0]))
            except Exception as error:
                self._brought.put(error)
                return


class _Desk:
    """Where tf.data's threads write items down, and finished batches are taken from."""

    def __init__(
        self,
        write: Callable[[int, dict[str, np.ndarray]], None],
        shapes: Mapping[str, tuple[int, ...]],
        *,
        share: int,
    ):
        self._write, self._shapes, self._share = write, dict(shapes), share
        self._batches: dict[int, dict[str, np.ndarray]] = {}
        self._lock = threading.Lock()
        self.failures: dict[int, Exception] = {}  # by item

    def make(self, item: np.int64, position: np.int64) -> np.int64:
        """Writes one item into its batch; returns its number."""
        number, place = divmod(int(item), self._share)
        try:
            with self._lock:
                if number not in self._batches:
                    self._batches[number] = _empty(self._shapes, count=self._share)
                arrays = self._batches[number]
            self._write(int(position), {key: array[place, ...] for key, array in arrays.items()})
        except Exception as error:  # TensorFlow would turn it into text
            self.failures[int(item)] = error
            raise
        return item

    def take(self, first: int) -> dict[str, np.ndarray]:
        """The finished batch that begins with an item."""
        made = self._batches.pop(first // self._share)
        for array in made.values():
            array.flags.writeable = False
        return made


def _dataset(make, *, first, share, batch_size, offset):
    """Numbers of finished items; i has position i // share * batch_size + offset + i % share."""
    tf = tensorflow()

    def made(item):
        position = item // share * batch_size + offset + item % share
        return tf.ensure_shape(tf.numpy_function(make, [item, position], tf.int64), ())

    options = tf.data.Options()
    options.autotune.enabled = False  # a fixed number of threads; its optimiser would stay busy
    options.threading.private_threadpool_size = workers()
    dataset = tf.data.Dataset.range(first, _LAST)
    dataset = dataset.map(made, num_parallel_calls=workers(), deterministic=True)
    return dataset.batch(share, drop_remainder=True).prefetch(PREFETCH - 1).with_options(options)


def _empty(shapes: Mapping[str, tuple[int, ...]], *, count: int) -> dict[str, np.ndarray]:
    """Arrays for a batch, float32 [count, ...] for each key, undefined.

    One piece of memory for all: the system gives a large one in large pages, several times faster.
    """
    step = _ALIGNED // 4
    sizes = [-(-count * math.prod(shape) // step) * step for shape in shapes.values()]
    memory = np.empty(sum(sizes) + step, np.float32)
    begin, arrays = -memory.ctypes.data % _ALIGNED // 4, {}
    for (key, shape), size in zip(shapes.items(), sizes, strict=True):
        arrays[key] = memory[begin : begin + count * math.prod(shape)].reshape(count, *shape)
        begin += size
    return arrays


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
