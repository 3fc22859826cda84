"""Batches of triplets for CAGAN: a person, the garment worn, another garment.

A batch is a dict of float32 [B, H, W, 3] in [-1, 1], H = config.image_size, W = 3/4 H;
`triplet_items` lists its keys, `triplet_layouts` the folders they come from.

The other garment of a training person is drawn anew in every epoch, from all garments that training
persons wear but the own one; (seed, epoch, person) names the draw. Persons are enlarged and cropped
at random, garments are resized, all are mirrored as `data.flip_pair` and `data.flip_other` say.
Source: Jetchev and Bergmann 2017; its Keras version, whose crop leaves the last place out.
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
    triplet_check,
    triplet_fields,
    viton_fields,
)
from data_pipelines.triplet_items import Source, Triplet, another, garments_of
from data_pipelines.triplet_sources import Dolls, Folder
from data_pipelines.viton_items import HeldOut

KEYS = triplet_fields.KEYS
SPLITS = pipeline.SPLITS
PAIRS = ("same", "other")  # of the test set
_ORDER, _PLACE, _MIRROR, _OTHER = range(2, 6)  # salts of the random streams


class Pipeline(pipeline.Pipeline):
    """The data of a run: `load` makes it, after all checks."""

    def __init__(self, source: Source, *, config: ConfigDict, report: prepare.Report | None):
        """Args as attributes.

        Args:
          source: where triplets come from.
          config: a run's, without faults (`triplet_fields.wrong`).
          report: of the check; None without one.
        """
        self._source, self._data = source, config.data.copy_and_resolve_references()
        self._garments = garments_of(source.train)
        counts = {"train": len(source.train)}
        counts |= {f"test_{pairs}": len(source.tests[pairs]) for pairs in PAIRS}
        super().__init__(
            counts=counts,
            shapes=triplet_fields.shapes(config),
            batch_size=config.batch_size,
            seed=config.seed,
            headline=triplet_fields.headline(
                config, counts, garments=len(self._garments), layout=source.layout
            ),
            report=report,
        )
        self.kinds = tuple(pairs for pairs in PAIRS if self.counts[f"test_{pairs}"])
        self._size = dict(zip(("height", "width"), viton_fields.size(config), strict=True))
        self._enlarged = dict(zip(self._size, triplet_fields.enlarged(config), strict=True))
        self._keeps = viton_fields.keeps(config)
        self._kept: dict[tuple[str, str], np.ndarray] = {}

    def fixed(self, split: str, count: int) -> dict[str, np.ndarray]:
        """The first triplets, resized and nothing else, for grids.

        Args:
          split: "train" or "test"; of test the pairs "other", and if there are none, train.
          count: triplets wanted; fewer come if fewer can be read.

        Returns:
          Dict (`KEYS`, and the truths where known) of float32 [n, H, W, C], n <= count.

        Raises:
          ValueError: if the split is unknown or the count is below 1.
          prepare.DataError: if no triplet can be read.
        """
        pipeline.check_fixed(split, count=count)
        triplets = self._source.tests["other"] if split == "test" else []
        triplets = triplets or [self._first(triplet) for triplet in self._source.train]
        shown = []
        for triplet in triplets:
            if len(shown) == count:
                break
            try:
                shown.append(self._shown(triplet)[0])
            except (OSError, ValueError) as error:
                self._skipped[triplet.person] = str(error)
        if not shown:
            first = triplets[0].person
            raise prepare.DataError(
                f"none of {len(triplets)} {split} triplets can be read, such as {first} "
                f"({self._skipped[first]}); is the disk still there?"
            )
        return pipeline.stacked(shown)

    def held_out(self, pairs: str, *, batch_size: int) -> Iterator[HeldOut]:
        """All test triplets of a kind in order, resized and nothing else.

        Args:
          pairs: "same" (the garment worn is also the other one) or "other".
          batch_size: items at a time; the last batch may be smaller.

        Returns:
          Iterator of batches: `KEYS`, and the truths where known.

        Raises:
          ValueError: if an argument is out of its range.
          prepare.DataError: if there are no such triplets, or, while iterating, one cannot be read.
        """
        pipeline.check_held_out(pairs, known=PAIRS, batch_size=batch_size)
        triplets = self._source.tests[pairs]
        if not triplets:
            raise prepare.DataError(
                f"there are no test triplets {pairs!r} ({self._headline}): add test pictures in "
                "the layout of the folder, or choose other data"
            )
        return (
            self._held_out(triplets[first : first + batch_size])
            for first in range(0, len(triplets), batch_size)
        )

    def real(self, kind: str, *, batch_size: int) -> Iterator[np.ndarray]:
        """Photographs of the persons of a kind, each once: [n, H, W, 3] in [-1, 1]."""
        return pipeline.persons_once(self.held_out(kind, batch_size=batch_size))

    def real_origin(self, kind: str) -> str:
        """Which pictures those are, for people."""
        return f"the photographs of the persons in {kind!r}"

    def files(self, split: str) -> Sequence[sources.Files]:
        """The photographs of the persons of a split; none of dolls."""
        if not isinstance(self._source, Folder):
            return []
        tests = [t for pairs in PAIRS for t in self._source.tests[pairs]]
        persons = dict.fromkeys(
            t.person for t in (tests if split == "test" else self._source.train)
        )
        return [sources.Files(self._source.root, list(persons))]

    def names(self, pairs: str) -> list[str]:
        """PERSON+OTHER of all test triplets of a kind: "same" or "other"."""
        return [triplet.name for triplet in self._source.tests[pairs]]

    def persons(self) -> list[str]:
        """Names of all persons of the test set, for `item`."""
        tests = self._source.tests
        return sorted({triplet.person for pairs in PAIRS for triplet in tests[pairs]})

    def cloths(self) -> list[str]:
        """Names of all garments of the test set, for `item`: worn, or to be put on."""
        others = {triplet.other for triplet in self._source.tests["other"]}
        return sorted({*garments_of(self._source.tests["same"]), *others})

    def item(self, *, person: str, cloth: str, worn: str = "") -> dict[str, np.ndarray]:
        """A batch of one for inference: any person in any garment.

        Args:
          person: path of a picture, or its name in the test or the training split; of dolls
            `doll_N`.
          cloth: the garment to put on, likewise.
          worn: the garment that the person wears, likewise; empty where the data knows it.

        Returns:
          Dict (`KEYS`) of float32 [1, H, W, 3].

        Raises:
          FileNotFoundError: if one is not there, or nothing says what the person wears.
          ValueError: if a file cannot be read.
        """
        triplet = self._source.asked(person, cloth, worn=worn)
        return pipeline.stacked([self._plain(triplet)])

    def _writer(self) -> Callable[[int, dict[str, np.ndarray]], None]:
        train = self._source.train
        order = stream.Shuffled(
            self._training,
            names=[triplet.person for triplet in train],
            seed=(self._seed, _ORDER),
            skipped=self._skipped,
        )

        def write(position: int, into: dict[str, np.ndarray]) -> None:
            index, made = order.at(position)
            if "other" not in made:
                made["other"] = self._drawn(index, epoch=position // len(train))
            images = self._augmented(made, position)
            for key, place in into.items():
                ops.normalise(images[key], into=place)

        return write

    def _training(self, index: int) -> tuple[int, dict[str, np.ndarray]]:
        """A training triplet in uint8, `other` only if it is fixed; the person is enlarged."""
        triplet = self._source.train[index]
        made = {"person": self._person(triplet.person), "worn": self._garment(triplet.worn)}
        if triplet.other:
            made["other"] = self._garment(triplet.other)
        return index, made

    def _drawn(self, index: int, *, epoch: int) -> np.ndarray:
        """Another garment for a training person; one that cannot be read gives way to the next."""
        worn, count = self._source.train[index].worn, len(self._garments) - 1
        words = np.random.SeedSequence((self._seed, _OTHER, epoch, index)).generate_state(1)
        first = int(words[0]) * count >> 32
        for step in range(first, first + count):
            name = another(self._garments, worn, step=step)
            try:
                return self._garment(name)
            except (OSError, ValueError) as error:
                self._skipped[name] = str(error)  # one dict write: atomic
        raise prepare.DataError(
            f"none of the {count} garments but {worn} can be read, such as {name} "
            f"({self._skipped[name]}); is the disk still there?"
        )

    def _augmented(self, made: dict[str, np.ndarray], position: int) -> dict[str, np.ndarray]:
        """The person cropped, all mirrored or not, as the position says."""
        row, col, pair = ops.words(self._seed, position, domain=_PLACE)
        worn, other, _ = ops.words(self._seed, position, domain=_MIRROR)
        words = {"person": pair, "worn": worn if self._data.flip_pair == "free" else pair}
        mirrored = words if self._data.flip_pair != "none" else {}
        mirrored |= {"other": other} if self._data.flip_other else {}
        height, width = self._size.values()
        top, left = (
            (word * (long - short + 1)) >> 32
            for word, long, short in zip(
                (row, col), self._enlarged.values(), (height, width), strict=True
            )
        )
        cropped = made | {"person": made["person"][top : top + height, left : left + width]}
        return {
            key: ops.flip(image) if mirrored.get(key, 0) >> 31 else image
            for key, image in cropped.items()
        }

    def _person(self, name: str) -> np.ndarray:
        return self._remembered("person", name, lambda: self._source.person(name, **self._enlarged))

    def _garment(self, name: str) -> np.ndarray:
        return self._remembered("garment", name, lambda: self._source.garment(name, **self._size))

    def _remembered(self, kind: str, name: str, read: Callable[[], np.ndarray]) -> np.ndarray:
        if not self._keeps:
            return read()
        if (kind, name) not in self._kept:
            self._kept[kind, name] = read()
        return self._kept[kind, name]

    def _first(self, triplet: Triplet) -> Triplet:
        """A training triplet with the garment that is shown in grids."""
        if triplet.other:
            return triplet
        return triplet._replace(other=another(self._garments, triplet.worn, step=0))

    def _plain(self, triplet: Triplet) -> dict[str, np.ndarray]:
        images = {
            "person": self._source.person(triplet.person, **self._size),
            "worn": self._source.garment(triplet.worn, **self._size),
            "other": self._source.garment(triplet.other, **self._size),
        }
        return {key: ops.normalise(image) for key, image in images.items()}

    def _shown(self, triplet: Triplet) -> tuple[dict[str, np.ndarray], frozenset[str]]:
        """The arrays of a triplet with the truths where known, and its subsets."""
        made, known = self._plain(triplet), self._source.known(triplet, **self._size)
        if known.truth is not None:
            made["truth"] = ops.normalise(known.truth)
        if known.mask is not None:
            made["truth_mask"] = known.mask[..., None].astype(np.float32)
        return made, known.subsets

    def _held_out(self, triplets: list[Triplet]) -> HeldOut:
        made = []
        for triplet in triplets:
            try:
                made.append(self._shown(triplet))
            except (OSError, ValueError) as error:
                raise prepare.DataError(
                    f"the triplet {triplet.name} cannot be read ({error}): a score over fewer "
                    "could not be compared; repair the file or take it out"
                ) from error
        batch = pipeline.stacked([arrays for arrays, _ in made])
        names = [triplet.name for triplet in triplets]
        return HeldOut(batch, names, [subsets for _, subsets in made])


def spec(config: ConfigDict) -> dict[str, tuple[int, ...]]:
    """Shapes of a global batch, without reading anything."""
    shapes = triplet_fields.shapes(config)
    return {key: (config.batch_size, *shape) for key, shape in shapes.items()}


def load(config: ConfigDict) -> Pipeline:
    """Finds and checks the triplets of a run, before anything is compiled.

    Args:
      config: `configs/base.py` and its fields of triplets; reads seed, batch_size, image_size and
        data.

    Raises:
      prepare.DataError: with everything that is wrong, and the repairs.
    """
    errors, report = triplet_fields.wrong(config), None
    source = _source(config)
    if isinstance(source, Folder):
        report = triplet_check.check(source, height=config.image_size)
        errors += report.errors
    pipeline.refuse(errors)
    return Pipeline(source, config=config, report=report)


def browse(config: ConfigDict) -> Pipeline:
    """The triplets of a run without the check, for inference: only what is asked for is read.

    Args:
      config: of a run that has been loaded once; its folder needs no lists.
    """
    return Pipeline(_source(config), config=config, report=None)


def _source(config: ConfigDict) -> Dolls | Folder:
    if fields.kind(config) == "folder" and config.data.root:
        return Folder(config.data)
    return Dolls(config.data.dolls, interpolation=config.data.interpolation)
