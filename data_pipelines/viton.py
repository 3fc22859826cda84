"""Batches for virtual try-on in VITON's layout, or from paper dolls.

A batch is a dict of float32 [B, H, W, C], H = config.image_size, W = 3/4 H; `viton_items` lists its
keys, channels and ranges, `viton_files` the files they come from. Training pairs show a person and
the cloth that the person wears; test pairs are "same" (the same) or "other" (a cloth to put on).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import (
    fields,
    ops,
    pipeline,
    prepare,
    sources,
    stream,
    viton_check,
    viton_fields,
    viton_items,
)
from data_pipelines.viton_dolls import Dolls
from data_pipelines.viton_folder import Folder

KEYS = tuple(viton_items.CHANNELS)
SPLITS = pipeline.SPLITS
PAIRS = ("same", "other")  # of the test set
_LIST_OF = {"train": "train_pairs", "same": "test_same", "other": "test_pairs"}
_ORDER, _MIRROR = 2, 3  # salts of the random streams


class Pipeline(pipeline.Pipeline):
    """The data of a run: `load` makes it, after all checks."""

    def __init__(
        self,
        source: viton_items.Source,
        *,
        config: ConfigDict,
        report: viton_check.Report | None,
    ):
        """Args as attributes.

        Args:
          source: where items come from.
          config: a run's, without faults (`viton_fields.wrong`).
          report: of the check; None without one.
        """
        self._source = source
        counts = {"train": len(source.train_names)}
        counts |= {f"test_{pairs}": len(source.test_names[pairs]) for pairs in PAIRS}
        super().__init__(
            counts=counts,
            shapes={key: shape[1:] for key, shape in spec(config).items()},
            batch_size=config.batch_size,
            seed=config.seed,
            headline=viton_fields.headline(config, counts),
            report=report,
        )
        self.kinds = tuple(pairs for pairs in PAIRS if self.counts[f"test_{pairs}"])
        self._representation, self._flip = config.data.representation, config.data.flip
        self._kept: dict[int, viton_items.Item] | None = {} if viton_fields.keeps(config) else None

    def fixed(self, split: str, count: int) -> dict[str, np.ndarray]:
        """The first pairs, never mirrored, for grids.

        Args:
          split: "train" or "test"; of test the pairs "other", and if there are none, train.
          count: pairs wanted; fewer come if fewer can be read.

        Returns:
          Dict of float32 [n, H, W, C], n <= count: the training keys and `parse`.

        Raises:
          ValueError: if the split is unknown or the count is below 1.
          prepare.DataError: if no pair can be read.
        """
        pipeline.check_fixed(split, count=count)
        testing = split == "test" and bool(self._source.test_names["other"])
        names = self._source.test_names["other"] if testing else self._source.train_names
        shown = []
        for index, name in enumerate(names):
            if len(shown) == count:
                break
            try:
                item = self._source.testing("other", index) if testing else self._training(index)
                shown.append(self._shown(item._replace(truth=None)))
            except (OSError, ValueError) as error:
                self._skipped[name] = str(error)
        if not shown:
            raise prepare.DataError(
                f"none of {len(names)} {split} pairs can be read, such as {names[0]} "
                f"({self._skipped[names[0]]}); is the disk still there?"
            )
        return pipeline.stacked(shown)

    def held_out(self, pairs: str, *, batch_size: int) -> Iterator[viton_items.HeldOut]:
        """All pairs of a kind in the order of their list, never mirrored.

        Args:
          pairs: "same" or "other" of the test set, or "train".
          batch_size: items at a time; the last batch may be smaller.

        Returns:
          Iterator of batches (`viton_items`: training keys, `parse`, truths where known).

        Raises:
          ValueError: if an argument is out of its range.
          prepare.DataError: if there are no such pairs, or, while iterating, one cannot be read.
        """
        pipeline.check_held_out(pairs, known=("train", *PAIRS), batch_size=batch_size)
        names = self.names(pairs)
        if not names:
            raise prepare.DataError(
                f"there are no pairs {pairs!r} ({self._headline}): write "
                f"--config.data.{_LIST_OF[pairs]}, or choose other data"
            )
        return (
            self._held_out(pairs, range(first, min(first + batch_size, len(names))))
            for first in range(0, len(names), batch_size)
        )

    def real(self, kind: str, *, batch_size: int) -> Iterator[np.ndarray]:
        """Photographs of the persons of a kind, each once: [n, H, W, 3] in [-1, 1]."""
        return pipeline.persons_once(self.held_out(kind, batch_size=batch_size))

    def real_origin(self, kind: str) -> str:
        """Which pictures those are, for people."""
        return f"the photographs of the persons in {kind!r}"

    def files(self, split: str) -> Sequence[sources.Files]:
        """The photographs of the persons in the lists of a split; none of dolls."""
        return [self._source.photographs(split)] if isinstance(self._source, Folder) else []

    def names(self, pairs: str) -> list[str]:
        """PERSON+CLOTH of all pairs of a kind: "same", "other" or "train"."""
        return self._source.train_names if pairs == "train" else self._source.test_names[pairs]

    def persons(self) -> list[str]:
        """Names of all persons of the test set, for `item`."""
        return self._source.persons()

    def cloths(self) -> list[str]:
        """Names of all cloths of the test set, for `item`."""
        return self._source.cloths()

    def item(self, *, person: str, cloth: str) -> dict[str, np.ndarray]:
        """A batch of one for inference: any person in any cloth.

        Args:
          person: path of a picture `.../image/x.jpg` with what belongs to it beside that folder, or
            its name in the test or the training split; for dolls `doll_N`.
          cloth: the same with `.../cloth/y.jpg`.

        Returns:
          Dict of float32 [1, H, W, C]: the training keys and `parse`.

        Raises:
          FileNotFoundError: with every file that was looked for.
          ValueError: if a file cannot be read.
        """
        return pipeline.stacked([self._shown(self._source.asked(person, cloth))])

    def _writer(self) -> Callable[[int, dict[str, np.ndarray]], None]:
        order = stream.Shuffled(
            self._training,
            names=self._source.train_names,
            seed=(self._seed, _ORDER),
            skipped=self._skipped,
        )

        def write(position: int, into: dict[str, np.ndarray]) -> None:
            item = order.at(position)
            mirrored = self._flip and ops.words(self._seed, position, domain=_MIRROR)[0] >> 31 == 1
            viton_items.write(
                item, into=into, representation=self._representation, mirrored=mirrored
            )

        return write

    def _training(self, index: int) -> viton_items.Item:
        if self._kept is None:
            return self._source.training(index)
        if index not in self._kept:
            self._kept[index] = self._source.training(index)
        return self._kept[index]

    def _shown(self, item: viton_items.Item) -> dict[str, np.ndarray]:
        return viton_items.shown(item, representation=self._representation)

    def _held_out(self, pairs: str, indices: range) -> viton_items.HeldOut:
        items = []
        names = [self.names(pairs)[index] for index in indices]
        for name, index in zip(names, indices, strict=True):
            try:
                if pairs == "train":
                    item = self._training(index)
                    item = item._replace(truth=viton_items.own_truth(item.person))
                else:
                    item = self._source.testing(pairs, index)
            except (OSError, ValueError) as error:
                raise prepare.DataError(
                    f"the pair {name} cannot be read ({error}): a score over fewer pairs could not "
                    "be compared; repair the file or take the pair out of its list"
                ) from error
            items.append(item)
        batch = pipeline.stacked([self._shown(item) for item in items])
        return viton_items.HeldOut(batch, names, [item.subsets for item in items])


def spec(config: ConfigDict) -> dict[str, tuple[int, ...]]:
    """Shapes of a global batch, without reading anything."""
    size = (config.batch_size, *viton_fields.size(config))
    return {key: (*size, channels) for key, channels in viton_fields.channels(config).items()}


def load(config: ConfigDict) -> Pipeline:
    """Finds and checks the items of a run, before anything is compiled.

    Args:
      config: `configs/base.py` and the try-on fields of data; reads seed, batch_size, image_size
        and data.

    Raises:
      prepare.DataError: with everything that is wrong, and the repairs.
    """
    errors = viton_fields.wrong(config)
    source, report = _source(config), None
    if isinstance(source, Folder):
        report = viton_check.check(source)
        errors += report.errors
    pipeline.refuse(errors)
    return Pipeline(source, config=config, report=report)


def browse(config: ConfigDict) -> Pipeline:
    """The items of a run without the check, for inference: only what is asked for is read.

    Args:
      config: of a run that has been loaded once; its folder needs no lists.
    """
    return Pipeline(_source(config), config=config, report=None)


def _source(config: ConfigDict) -> Dolls | Folder:
    height, width = viton_fields.size(config)
    if fields.kind(config) == "folder" and config.data.root:
        return Folder(config.data, height=height, width=width)
    representation = config.data.representation
    return Dolls(config.data.dolls, height=height, width=width, representation=representation)
