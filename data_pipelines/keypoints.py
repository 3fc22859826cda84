"""Batches for landmark networks: boxes of persons or garments, cut out with their landmarks.

A batch is a dict of float32 arrays: `picture` [B, H, W, 3] in [-1, 1], `points` [B, K, 3],
`box` [B, 4] and `area` [B]; `keypoint_items` explains them, `keypoint_files` the files they come
from. H = config.image_size; W = config.data.width, or 3/4 H.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import (
    crops,
    fields,
    keypoint_fields,
    keypoint_items,
    pipeline,
    prepare,
    stream,
)
from data_pipelines.keypoint_dolls import Dolls
from data_pipelines.keypoint_files import Folder
from data_pipelines.keypoint_items import Record

SPLITS = pipeline.SPLITS
_ORDER, _CHANGE = 4, 5  # salts of the random streams


class HeldOut(NamedTuple):
    """Some objects as they are scored."""

    batch: dict[str, np.ndarray]
    records: list[Record]


class Pipeline(pipeline.Pipeline):
    """The data of a run: `load` makes it, after all checks."""

    def __init__(
        self, source: keypoint_items.Source, *, config: ConfigDict, report: pipeline.Report | None
    ):
        """Args as attributes.

        Args:
          source: where objects come from.
          config: a run's, without faults (`keypoint_fields.wrong`).
          report: of the check; None without one.
        """
        self._source = source
        counts = {split: len(source.names[split]) for split in SPLITS}
        self._size, self._layout = keypoint_fields.size(config), keypoint_fields.layout(config)
        super().__init__(
            counts=counts,
            shapes=keypoint_items.shapes(self._size, self._layout.count),
            batch_size=config.batch_size,
            seed=config.seed,
            headline=keypoint_fields.headline(config, counts),
            report=report,
        )
        self._enlarged = config.data.enlarged
        self._augmentation = keypoint_fields.augmentation(config)
        groups = source.groups["train"]
        self._indices = (
            keypoint_items.balanced(groups) if config.data.balanced else list(range(len(groups)))
        )

    def fixed(self, split: str, count: int) -> dict[str, np.ndarray]:
        """The first objects as they are, for grids.

        Args:
          split: "train" or "test"; without test objects training ones are shown.
          count: objects wanted; fewer come if fewer can be read.

        Returns:
          A batch of n <= count.

        Raises:
          ValueError: if the split is unknown or the count is below 1.
          prepare.DataError: if none can be read.
        """
        pipeline.check_fixed(split, count=count)
        split = split if self._source.names[split] else "train"
        shown: list[dict[str, np.ndarray]] = []
        for index, name in enumerate(self._source.names[split]):
            if len(shown) == count:
                break
            try:
                shown.append(self._plain(*self._source.item(split, index)))
            except (OSError, ValueError) as error:
                self._skipped[name] = str(error)
        if not shown:
            name = self._source.names[split][0]
            raise prepare.DataError(
                f"none of {self.counts[split]} {split} boxes can be read, such as {name} "
                f"({self._skipped[name]}); is the disk still there?"
            )
        return pipeline.stacked(shown)

    def held_out(self, split: str, *, batch_size: int) -> Iterator[HeldOut]:
        """All objects of a split as they are.

        Args:
          split: "train" or "test".
          batch_size: objects at a time; the last batch may be smaller.

        Raises:
          ValueError: if an argument is out of its range.
          prepare.DataError: if there are none, or, while iterating, one cannot be read.
        """
        pipeline.check_held_out(split, known=SPLITS, batch_size=batch_size)
        count = self.counts[split]
        if not count:
            raise prepare.DataError(
                f"there are no {split} boxes ({self._headline}): set "
                f"--config.data.{split}_annotations, or choose other data"
            )
        return (
            self._held_out(split, range(first, min(first + batch_size, count)))
            for first in range(0, count, batch_size)
        )

    def _writer(self) -> Callable[[int, dict[str, np.ndarray]], None]:
        names = self._source.names["train"]
        order = stream.Shuffled(
            lambda place: self._source.item("train", self._indices[place]),
            names=[names[index] for index in self._indices],
            seed=(self._seed, _ORDER),
            skipped=self._skipped,
        )

        def write(position: int, into: dict[str, np.ndarray]) -> None:
            record, picture = order.at(position)
            change = keypoint_items.drawn(
                record,
                np.random.default_rng((self._seed, _CHANGE, position)),
                size=self._size,
                enlarged=self._enlarged,
                augmentation=self._augmentation,
            )
            keypoint_items.write(record, picture, change=change, layout=self._layout, into=into)

        return write

    def _plain(self, record: Record, picture: np.ndarray) -> dict[str, np.ndarray]:
        crop = crops.around(record.box, size=self._size, enlarged=self._enlarged)
        return keypoint_items.example(
            record, picture, crop=crop, layout=self._layout, size=self._size
        )

    def _held_out(self, split: str, indices: range) -> HeldOut:
        made, records = [], []
        for index in indices:
            try:
                record, picture = self._source.item(split, index)
            except (OSError, ValueError) as error:
                raise prepare.DataError(
                    f"{self._source.names[split][index]} cannot be read ({error}): a score over "
                    "fewer boxes could not be compared; repair the file or take it out"
                ) from error
            made.append(self._plain(record, picture))
            records.append(record)
        return HeldOut(pipeline.stacked(made), records)


def spec(config: ConfigDict) -> dict[str, tuple[int, ...]]:
    """Shapes of a global batch, without reading anything."""
    layout = keypoint_fields.layout(config)
    shapes = keypoint_items.shapes(keypoint_fields.size(config), layout.count)
    return {key: (config.batch_size, *shape) for key, shape in shapes.items()}


def load(config: ConfigDict) -> Pipeline:
    """Finds and checks the objects of a run, before anything is compiled.

    Args:
      config: `configs/base.py` and the landmark fields of data; reads seed, batch_size, image_size
        and data.

    Raises:
      prepare.DataError: with everything that is wrong, and the repairs.
    """
    pipeline.refuse(keypoint_fields.wrong(config))
    if fields.kind(config) == "folder":
        folder = Folder(config.data, layout=keypoint_fields.layout(config))
        pipeline.refuse(folder.report.errors)
        return Pipeline(folder, config=config, report=folder.report)
    try:
        # square pictures, so large that a standing doll's crop is about as sharp as the frame
        side = max(config.image_size, 32)
        source = Dolls(config.data.dolls, layout=keypoint_fields.layout(config), side=side)
    except ValueError as error:
        raise prepare.DataError(str(error)) from error
    return Pipeline(source, config=config, report=None)
