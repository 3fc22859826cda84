"""Batches of two picture domains, A and B, without or with pairs.

Keys of a batch, all float32 [B, S, S, 3] in [-1, 1], RGB, S = config.image_size:

  real_a    pictures of the source domain
  real_b    pictures of the target domain; with `data.paired` the partners of real_a

With `data.masks`, float32 [B, S, S, 1] in [0, 1], 1 in the foreground of real_a and real_b:

  mask_a, mask_b            how much of a pixel is foreground
  fix_mask_a, fix_mask_b    the same without a rim: what may change

With `data.blur`, other draws of the training pictures, their edges blurred: blur_a, blur_b.

Training pictures are scaled, cropped and mirrored at random (`ops.augment`), each domain in its own
shuffled order and with its own epochs, so that their numbers may differ. A pair shares its crop and
its mirroring. Fixed pictures, for grids, are resized to S x S and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import fields, masks, ops, pipeline, prepare, sources, stream, unpaired_tests
from data_pipelines.blur_edges import blur_edges
from data_pipelines.unpaired_examples import Item, Maker, maker
from data_pipelines.viton_items import HeldOut

KEYS = ("real_a", "real_b")
SPLITS = pipeline.SPLITS
TEST_DOLLS = 16  # per domain
_ORDER = 2  # salt: lane n draws its crops from n and its order from 2 + n
_BLUR = 4  # salt: of the blurred pictures lane n draws crops from 4 + n and order from 6 + n
_DOMAINS = ("train_a", "train_b", "test_a", "test_b")


Layers = Mapping[str, Mapping[str, masks.Folder | masks.Dolls]]


class Pipeline(pipeline.Pipeline):
    """The data of a run: `load` makes it, after all checks."""

    def __init__(
        self,
        found: dict[str, sources.Source],
        *,
        maker: Maker,
        batch_size: int,
        paired: bool,
        headline: str,
        report: prepare.Report | None,
        layers: Layers,
        blur: bool,
    ):
        """Args as attributes.

        Args:
          found: domain (`train_a`, `train_b`, `test_a`, `test_b`) -> its pictures.
          maker: how training pictures are made; its seed names their order, too.
          batch_size: pictures per step and domain over all processes.
          paired: item i of A belongs to item i of B.
          headline: where the pictures come from and how many there are, for people.
          report: of the check; None for dolls, which need none.
          layers: training domain -> what lies over its pictures (`mask`, `fix`).
          blur: add blurred pictures.
        """
        super().__init__(
            counts=_counts(found),
            shapes={key: maker.shape(key) for key in maker.keys(blur=blur)},
            batch_size=batch_size,
            seed=maker.seed,
            headline=headline,
            report=report,
        )
        self._found, self._maker, self._recipe = found, maker, maker.recipe
        self._paired, self._layers, self._blur = paired, layers, blur
        self._tests = unpaired_tests.Tests(found, recipe=maker.recipe, paired=paired)
        self.kinds = self._tests.kinds

    @property
    def warnings(self) -> list[str]:
        """What a person should know about the data before training."""
        missing = [key for key in ("test_a", "test_b") if not self.counts[key]]
        return [
            f"no {key} pictures, the first of train_{key[-1]} are shown as test pictures"
            for key in missing
        ] + super().warnings

    def fixed(self, split: str, count: int) -> dict[str, np.ndarray]:
        """The first pictures of both domains, resized to S x S, without augmentation.

        Args:
          split: "train" or "test"; a missing test domain is replaced by its training domain.
          count: pictures wanted; fewer come if a domain has fewer that can be read.

        Returns:
          Dict (`KEYS`) of float32 [n, S, S, 3] in [-1, 1], n <= count the same for both.

        Raises:
          ValueError: if the split is unknown or the count is below 1.
          prepare.DataError: if no picture of a domain can be read.
        """
        pipeline.check_fixed(split, count=count)
        shown = [self._shown(split, lane, count=count) for lane in self._lanes]
        columns = [column for pictures in shown for column in zip(*pictures, strict=True)]
        length = min(map(len, columns))
        return {key: np.stack(column[:length]) for key, column in zip(KEYS, columns, strict=True)}

    def names(self, kind: str) -> list[str]:
        """Names of all test pictures that a direction, ab or ba, translates."""
        return self._tests.names(kind)

    def held_out(self, kind: str, *, batch_size: int) -> Iterator[HeldOut]:
        """All test pictures that a direction translates: see `unpaired_tests`."""
        unpaired_tests.check(self._tests, kind, batch_size=batch_size)
        return self._tests.held_out(kind, batch_size=batch_size)

    def real(self, kind: str, *, batch_size: int) -> Iterator[np.ndarray]:
        """Real pictures of the domain into which a direction translates."""
        unpaired_tests.check(self._tests, kind, batch_size=batch_size)
        return self._tests.real(kind, batch_size=batch_size)

    def real_origin(self, kind: str) -> str:
        """Which pictures those are, for people."""
        return self._tests.real_origin(kind)

    def files(self, split: str) -> Sequence[sources.Encoded]:
        """The pictures of both domains as files."""
        return sources.encoded(x for key, x in self._found.items() if key.startswith(split))

    @property
    def _lanes(self) -> list[str]:
        """Domains that are drawn together."""
        return ["ab"] if self._paired else ["a", "b"]

    def _writer(self) -> Callable[[int, dict[str, np.ndarray]], None]:
        return stream.written(self._example())

    def _example(self) -> Callable[[int], dict[str, np.ndarray]]:
        orders = [self._order(lane, salt=number) for number, lane in enumerate(self._lanes)]
        blurs = [self._order(domain, salt=_BLUR + n) for n, domain in enumerate("ab" * self._blur)]

        def example(position: int) -> dict[str, np.ndarray]:
            items, draws = {}, {}
            for number, (lane, order) in enumerate(zip(self._lanes, orders, strict=True)):
                items |= zip(lane, order.at(position), strict=True)
                draws |= dict.fromkeys(lane, self._maker.draws(position, domain=number))
            made = {}
            for domain, item in self._maker.alike(items, position).items():
                made |= self._maker.arrays(item, domain, draws=draws[domain])
            for number, order in enumerate(blurs):
                (item,) = order.at(position)
                words = self._maker.draws(position, domain=_BLUR + number)
                image = ops.augment(blur_edges(item["real"]), recipe=self._recipe, draws=words)
                made[f"blur_{'ab'[number]}"] = image
            return made

        return example

    def _order(self, lane: str, *, salt: int) -> stream.Shuffled[list[Item]]:
        domains = [f"train_{domain}" for domain in lane]
        listed = [self._found[domain].names for domain in domains]
        return stream.Shuffled(
            lambda index: [self._item(domain, index) for domain in domains],
            names=[" + ".join(parts) for parts in zip(*listed, strict=True)],
            seed=(self._seed, _ORDER + salt),
            skipped=self._skipped,
        )

    def _item(self, domain: str, index: int) -> Item:
        """A training picture and what lies over it."""
        item = {"real": self._load(self._found[domain], index)}
        for name, layer in self._layers.get(domain, {}).items():
            item[name] = layer.load(index)
            if item[name].shape[:2] != item["real"].shape[:2]:
                raise ValueError(f"its {name} is of another size than the picture")
        return item

    def _load(self, source: sources.Source, index: int) -> np.ndarray:
        image = source.load(index)
        height, width = image.shape[:2]
        if not ops.fits(width, height, recipe=self._recipe):
            raise ValueError(ops.misfit(width, height, recipe=self._recipe))
        return image

    def _shown(self, split: str, lane: str, *, count: int) -> list[list[np.ndarray]]:
        """The first readable items of a lane, each a picture for every domain of it."""
        found = [
            self._found.get(f"{split}_{domain}", self._found[f"train_{domain}"]) for domain in lane
        ]
        items = []
        for index in range(len(found[0].names)):
            if len(items) == count:
                break
            try:
                items.append(
                    [
                        unpaired_tests.plain(source.load(index), recipe=self._recipe)
                        for source in found
                    ]
                )
            except (OSError, ValueError) as error:
                self._skipped[found[0].names[index]] = str(error)
        if not items:
            raise prepare.DataError(
                f"none of {len(found[0].names)} {split} pictures can be read, such as "
                f"{found[0].names[0]}; is the disk still there?"
            )
        return items


def spec(config: ConfigDict) -> dict[str, tuple[int, ...]]:
    """Shapes of a global batch, without reading anything."""
    made = maker(config)
    keys = made.keys(blur=config.data.blur)
    return {key: (config.batch_size, *made.shape(key)) for key in keys}


def load(config: ConfigDict) -> Pipeline:
    """Finds and checks the pictures of a run, before anything is compiled.

    Args:
      config: `configs/base.py`; reads seed, batch_size, image_size and data.

    Raises:
      prepare.DataError: with everything that is wrong, and the repairs.
    """
    errors = fields.wrong(config)
    recipe = fields.recipe(config)
    # with wrong fields the folders are looked through all the same: one message tells everything
    checked = recipe._replace(mode="resize_and_crop") if errors else recipe
    found, report, layers = {}, None, {}
    try:
        found, report = _find(config, recipe=checked)
        layers, report = _layers(config, found, report)
        errors += report.errors if report else []
        if config.data.paired:
            errors += _unequal(found)
            report = report and report._replace(warnings=report.warnings + prepare.strangers(found))
    except ValueError as error:
        errors.append(str(error))
    pipeline.refuse(errors)
    return Pipeline(
        found,
        maker=maker(config),
        batch_size=config.batch_size,
        paired=config.data.paired,
        headline=_headline(config, _counts(found)),
        report=report,
        layers=layers,
        blur=config.data.blur,
    )


class Tests(NamedTuple):
    """The test pictures of a domain."""

    names: Sequence[str]
    load: Callable[[int], np.ndarray]  # by its index float32 [S, S, 3] in [-1, 1]


def browse(config: ConfigDict) -> dict[str, Tests]:
    """The test pictures of a run without the check, for inference; each is read when asked for.

    Args:
      config: of a run that has been loaded once.

    Returns:
      By key of a batch (`KEYS`), of the domains that have some; `load` raises `prepare.DataError`.
    """
    data, kind = config.data, fields.kind(config)
    wanted = {key.replace("real", "test"): key for key in KEYS}
    found: Mapping[str, sources.Source] = {}
    if kind == "dolls":
        found = _dolls(config)
    elif kind == "folder" and data.root:
        found = {domain: sources.Folder(data.root, data[domain]) for domain in wanted}
    elif kind == "tfds":
        name = data.source.removeprefix("tfds:")
        splits = {domain: data[domain] for domain in wanted}
        found = sources.tfds_splits(name, data_dir=data.root, splits=splits)
    recipe = fields.recipe(config)
    return {
        wanted[domain]: Tests(source.names, partial(_test_picture, source, recipe=recipe))
        for domain, source in found.items()
        if domain in wanted and source.names
    }


def _test_picture(source: sources.Source, index: int, *, recipe: ops.Recipe) -> np.ndarray:
    try:
        return unpaired_tests.plain(source.load(index), recipe=recipe)
    except (OSError, ValueError) as error:
        raise prepare.DataError(
            f"{source.names[index]} cannot be read ({error}): repair or remove it"
        ) from error


def _headline(config: ConfigDict, counts: dict[str, int]) -> str:
    if fields.kind(config) == "dolls":
        return (
            f"data: built-in paper dolls{'' if config.data.root else ' (no data.root given)'}, "
            f"{counts['train_a']} + {counts['train_b']} training, "
            f"{counts['test_a']} + {counts['test_b']} test pictures"
        )
    origin = config.data.root if fields.kind(config) == "folder" else config.data.source
    parts = [f"{config.data[key]} {count}" for key, count in counts.items()]
    return f"data: {origin}, {', '.join(parts)} pictures"


def _counts(found: dict[str, sources.Source]) -> dict[str, int]:
    return {key: len(found[key].names) if key in found else 0 for key in _DOMAINS}


def _find(
    config: ConfigDict, *, recipe: ops.Recipe
) -> tuple[dict[str, sources.Source], prepare.Report | None]:
    """The sources that have items, by domain, and the report of their check."""
    data, kind = config.data, fields.kind(config)
    folders = {key: data[key] for key in _DOMAINS}
    found: Mapping[str, sources.Source] = {}
    report = None
    if kind == "dolls":
        found = _dolls(config)
    elif kind == "folder" and data.root:
        report = prepare.check_folders(data.root, folders=folders, recipe=recipe)
        found = {key: sources.Folder(data.root, name) for key, name in folders.items()}
    elif kind == "tfds" and data.source != "tfds:":
        name = data.source.removeprefix("tfds:")
        encoded = sources.tfds_splits(name, data_dir=data.root, splits=folders)
        found, report = encoded, prepare.check_sources(encoded, recipe=recipe)
    return {key: source for key, source in found.items() if source.names}, report


def _dolls(config: ConfigDict) -> dict[str, sources.Source]:
    data = config.data
    size = config.image_size + (0 if data.preprocess == "none" else data.enlarge)
    found: dict[str, sources.Source] = {}
    for number, key in enumerate(_DOMAINS):
        # a pair is one doll in both styles; without pairs no doll occurs twice
        first = (number - number % 2 if data.paired else number) * fields.MAX_DOLLS
        found[key] = sources.Dolls(
            data.dolls if key.startswith("train") else TEST_DOLLS,
            first=first,
            style="photo" if key.endswith("a") else "drawn",
            size=size,
            view=data.doll_view,
        )
    return found


def _layers(
    config: ConfigDict, found: Mapping[str, sources.Source], report: prepare.Report | None
) -> tuple[Layers, prepare.Report | None]:
    """Masks of the training pictures, and the report with what is wrong with them."""
    data, made = config.data, {}
    if data.masks == "none":
        return made, report
    domains = [domain for domain in ("train_a", "train_b") if domain in found]
    for domain in domains:
        source = found[domain]
        if isinstance(source, sources.Dolls):
            made[domain] = {"mask": masks.Dolls(first=source.first, size=source.size)}
        elif isinstance(source, sources.Folder):
            kinds = ("mask", "fix") if data.fix_folders else ("mask",)
            names = {"name": data[domain], "names": source.names}
            made[domain] = {kind: masks.Folder(data.root, kind=kind, **names) for kind in kinds}
    for kind in ("mask", "fix"):
        if report is None:  # dolls need no check
            break
        folders = {key: layers[kind] for key, layers in made.items() if kind in layers}
        looked = masks.check(folders, report.domains, edge=data.masks)
        report = report._replace(
            errors=report.errors + looked.errors, warnings=report.warnings + looked.warnings
        )
    return made, report


def _unequal(found: dict[str, sources.Source]) -> list[str]:
    """What is wrong with the numbers of pairs."""
    counts = _counts(found)
    return [
        f"data.paired=True needs as many pictures in {a} as in {b}, got {counts[a]} and "
        f"{counts[b]}: remove those without a partner, or set --config.data.paired=False"
        for a, b in (("train_a", "train_b"), ("test_a", "test_b"))
        if counts[a] != counts[b]
    ]
