"""Batches of DesignGAN: persons in garments of two categories, with masks and landmarks.

`landmark_items` lists the keys of a batch, `landmark_layout` the folder that it comes from; H is
config.image_size, W = H * data.aspect.

A step's items of domain A run through a shuffle of all of them, epoch after epoch; those of domain
B are drawn from all by (seed, position), as in CycleGAN. Each item has one draw of its own for all
that belongs to it: enlarged, cropped, mirrored with left and right landmarks exchanged. The two
domains' draws are independent (InstaGAN's are tied).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import fields, landmark_check, landmark_fields, ops, pipeline, prepare, stream
from data_pipelines.landmark_dolls import Dolls
from data_pipelines.landmark_items import Crop, HeldOut, Item, Source, cropped, truths, write
from data_pipelines.landmark_layout import Folder
from data_pipelines.sources import Files

SPLITS = pipeline.SPLITS
PAIRS = ("other",)  # of held-out items: persons in garments of the other domain
_ORDER, _PARTNER, _PLACE = 2, 3, 4  # salts of the random streams; B's place has 5


class Pipeline(pipeline.Pipeline):
    """The data of a run: `load` makes it, after all checks."""

    def __init__(self, source: Source, *, config: ConfigDict, report: prepare.Report | None):
        """Args as attributes.

        Args:
          source: where items come from.
          config: a run's, without faults (`landmark_fields.wrong`).
          report: of the check; None without one.
        """
        counts = {key: len(names) for key, names in source.names.items()}
        pairs = min(counts["test_a"], counts["test_b"])
        super().__init__(
            counts=counts | {"test_same": 0, "test_other": pairs},
            shapes=landmark_fields.shapes(config),
            batch_size=config.batch_size,
            seed=config.seed,
            headline=landmark_fields.headline(config, counts),
            report=report,
        )
        self.kinds = PAIRS if pairs else ()
        self._source, self._flip = source, config.data.flip
        self._size = landmark_fields.size(config)
        self._enlarged = landmark_fields.enlarged(config)
        self._keeps = landmark_fields.keeps(config)
        self._kept: dict[tuple[str, int], Item] = {}

    def fixed(self, split: str, count: int) -> dict[str, np.ndarray]:
        """The first items of both domains, resized and nothing else, for grids.

        Args:
          split: "train" or "test"; a missing test domain is replaced by its training domain.
          count: items wanted; fewer come if a domain has fewer that can be read.

        Returns:
          Dict of the training keys, float32 [n, ...], n <= count the same for both domains; of
          held-out dolls with their counterparts.

        Raises:
          ValueError: if the split is unknown or the count is below 1.
          prepare.DataError: if no item of a domain can be read.
        """
        pipeline.check_fixed(split, count=count)
        found = [self._first(f"{split}_{domain}", count=count) for domain in "ab"]
        pairs = list(zip(*found, strict=False))
        return pipeline.stacked([self._arrays(*pair) for pair in pairs])

    def held_out(self, pairs: str, *, batch_size: int) -> Iterator[HeldOut]:
        """All held-out items in order, resized and nothing else.

        Args:
          pairs: "other".
          batch_size: items at a time; the last batch may be smaller.

        Returns:
          Iterator of batches: item i of A beside item i of B, up to the end of the shorter domain.

        Raises:
          ValueError: if an argument is out of its range.
          prepare.DataError: if there are none, or, while iterating, one cannot be read.
        """
        pipeline.check_held_out(pairs, known=PAIRS, batch_size=batch_size)
        count = self.counts["test_other"]
        if not count:
            raise prepare.DataError(
                f"there are no held-out items ({self._headline}): add pictures of both domains to "
                "the split data.held_out of the folder, or choose other data"
            )
        return (
            self._held_out(range(first, min(first + batch_size, count)))
            for first in range(0, count, batch_size)
        )

    def names(self, pairs: str) -> list[str]:
        """A+B of all held-out items; `pairs` is "other"."""
        pipeline.check_held_out(pairs, known=PAIRS, batch_size=1)
        return [self._name(index) for index in range(self.counts["test_other"])]

    def real(self, kind: str, *, batch_size: int) -> Iterator[np.ndarray]:
        """The held-out pictures of domain b, as which those of a should look."""
        for held in self.held_out(kind, batch_size=batch_size):
            yield held.batch["real_b"]

    def real_origin(self, kind: str) -> str:
        """Which pictures those are, for people."""
        return "the held-out pictures of domain b"

    def files(self, split: str) -> Sequence[Files]:
        """The pictures of both domains of a split; none of dolls."""
        if not isinstance(self._source, Folder):
            return []
        entries = [entry for d in "ab" for entry in self._source.entries[f"{split}_{d}"]]
        return [Files(self._source.root, [entry.picture for entry in entries])]

    def _writer(self) -> Callable[[int, dict[str, np.ndarray]], None]:
        order = stream.Shuffled(
            lambda index: self._training("train_a", index),
            names=list(self._source.names["train_a"]),
            seed=(self._seed, _ORDER),
            skipped=self._skipped,
        )

        def write_both(position: int, into: dict[str, np.ndarray]) -> None:
            for domain, item in (("a", order.at(position)), ("b", self._partner(position))):
                part = cropped(item, self._crop(position, domain=domain))
                write(part, into=into, domain=domain)

        return write_both

    def _partner(self, position: int) -> Item:
        """The item of B at a position; one that cannot be read gives way to the next."""
        names = self._source.names["train_b"]
        (word,) = ops.words(self._seed, position, domain=_PARTNER, count=1)
        first = word * len(names) >> 32
        for index in [*range(first, len(names)), *range(first)]:
            try:
                return self._training("train_b", index)
            except (OSError, ValueError) as error:
                self._skipped[names[index]] = str(error)  # one dict write: atomic
        raise prepare.DataError(
            f"none of {len(names)} items of train_b can be read, such as {names[first]} "
            f"({self._skipped[names[first]]}); is the disk still there?"
        )

    def _training(self, key: str, index: int) -> Item:
        """A training item at the enlarged size."""
        if not self._keeps:
            return self._source.load(key, index, size=self._enlarged)
        if (key, index) not in self._kept:
            self._kept[key, index] = self._source.load(key, index, size=self._enlarged)
        return self._kept[key, index]

    def _crop(self, position: int, *, domain: str) -> Crop:
        """The draw of one item."""
        words = ops.words(self._seed, position, domain=_PLACE + "ab".index(domain))
        top, left = (
            (word * (long - short + 1)) >> 32
            for word, long, short in zip(words, self._enlarged, self._size, strict=False)
        )
        return Crop(top, left, *self._size, mirrored=bool(self._flip and words[2] >> 31))

    def _first(self, key: str, *, count: int) -> list[Item]:
        """The first readable items of a domain; of the training domain if it has none."""
        names = self._source.names[key]
        if not names:
            return self._first(f"train_{key[-1]}", count=count)
        found: list[Item] = []
        for index in range(len(names)):
            if len(found) == count:
                break
            try:
                found.append(self._source.load(key, index, size=self._size))
            except (OSError, ValueError) as error:
                self._skipped[names[index]] = str(error)
        if not found:
            raise prepare.DataError(
                f"none of {len(names)} items of {key} can be read, such as {names[0]} "
                f"({self._skipped[names[0]]}); is the disk still there?"
            )
        return found

    def _arrays(self, item_a: Item, item_b: Item) -> dict[str, np.ndarray]:
        made = {key: np.empty(shape, np.float32) for key, shape in self._shapes.items()}
        for domain, item in (("a", item_a), ("b", item_b)):
            write(item, into=made, domain=domain)
            made |= truths(item, domain=domain)
        return made

    def _held_out(self, indices: range) -> HeldOut:
        made, subsets = [], []
        for index in indices:
            try:
                items = [self._source.load(f"test_{d}", index, size=self._size) for d in "ab"]
            except (OSError, ValueError) as error:
                raise prepare.DataError(
                    f"the items {self._name(index)} cannot be read ({error}): a score over fewer "
                    "could not be compared; repair the files or take them out"
                ) from error
            made.append(self._arrays(*items))
            subsets.append(self._source.subsets("test_a", index))
        return HeldOut(pipeline.stacked(made), [self._name(index) for index in indices], subsets)

    def _name(self, index: int) -> str:
        return "+".join(self._source.names[f"test_{domain}"][index] for domain in "ab")


class Tests(NamedTuple):
    """The held-out items of a domain."""

    names: list[str]
    load: Callable[[int], Item]  # by its index, at the size of the run


def spec(config: ConfigDict) -> dict[str, tuple[int, ...]]:
    """Shapes of a global batch, without reading anything."""
    shapes = landmark_fields.shapes(config)
    return {key: (config.batch_size, *shape) for key, shape in shapes.items()}


def load(config: ConfigDict) -> Pipeline:
    """Finds and checks the items of a run, before anything is compiled.

    Args:
      config: `configs/base.py` and its fields of landmarks; reads seed, batch_size, image_size and
        data.

    Raises:
      prepare.DataError: with everything that is wrong, and the repairs.
    """
    errors, report = landmark_fields.wrong(config), None
    if fields.kind(config) == "folder" and config.data.root:
        found = landmark_check.check(config)
        errors, report = errors + found.errors, found
    pipeline.refuse(errors)
    return Pipeline(_source(config), config=config, report=report)


def browse(config: ConfigDict) -> Mapping[str, Tests]:
    """The held-out items of a run without the check, for inference; each is read when asked for.

    Args:
      config: of a run that has been loaded once.

    Returns:
      By domain, "a" and "b"; `load` raises `prepare.DataError`.
    """
    source, size = _source(config), landmark_fields.size(config)

    def reader(key: str) -> Callable[[int], Item]:
        def read(index: int) -> Item:
            try:
                return source.load(key, index, size=size)
            except (OSError, ValueError) as error:
                raise prepare.DataError(
                    f"{source.names[key][index]} cannot be read ({error}): repair or remove it"
                ) from error

        return read

    keys = {domain: f"test_{domain}" for domain in landmark_fields.DOMAINS}
    return {d: Tests(list(source.names[key]), reader(key)) for d, key in keys.items()}


def _source(config: ConfigDict) -> Source:
    if fields.kind(config) == "folder" and config.data.root:
        return Folder(config)
    return Dolls(config)
