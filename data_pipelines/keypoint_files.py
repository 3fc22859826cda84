"""A folder with photographs and their landmarks, found and checked before anything is compiled.

Two layouts, below `config.data.root`:

  coco           folders data.train_images and data.test_images, and beside them the files
                 data.train_annotations and data.test_annotations (`keypoint_json`)
  deepfashion2   train/image, train/annos, validation/image, validation/annos, as it is distributed

The test split may be missing.
"""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import keypoint_json, ops, prepare
from data_pipelines.keypoint_items import Record
from data_pipelines.keypoint_json import Found
from tryon_jax.landmark_layouts import Layout

DECODE_ALL = 500  # up to this many pictures of a split every one is decoded
DECODE_SAMPLE = 200  # of more, this many
DEEPFASHION2 = {"train": "train", "test": "validation"}


class Report(NamedTuple):
    """What the check found."""

    lines: list[str]  # one for each split
    errors: list[str]
    warnings: list[str]

    def text(self) -> str:
        """The splits, then the errors and warnings."""
        return "\n".join(
            [
                *self.lines,
                *(f"error: {message}" for message in self.errors),
                *(f"warning: {message}" for message in self.warnings),
            ]
        )


class Folder:
    """A folder as a source (`keypoint_items.Source`); `report` says what is wrong with it."""

    def __init__(self, data: ConfigDict, *, layout: Layout):
        """Reads all annotations, and looks at the pictures that they name.

        Args:
          data: `config.data` of a landmark run.
          layout: of the landmarks.
        """
        self._root = pathlib.Path(data.root).expanduser()
        lines: list[str] = []
        errors: list[str] = []
        warnings: list[str] = []
        self._records: dict[str, list[Record]] = {"train": [], "test": []}
        if not self._root.is_dir():
            errors.append(prepare.root_error(self._root))
        else:
            for split in self._records:
                found = _read(self._root, data, split=split, layout=layout)
                self._records[split] = found.records
                lines.append(f"{split}: {len(found.records)} boxes in {_pictures(found)} pictures")
                errors += _some(found.errors) + _troubles(found.records)
                warnings += _told(found, split=split)
            errors += self._emptiness(layout) if not errors else []
            warnings += _leaks(self._records)
        self.report = Report(lines, errors, warnings)
        self.names = {
            split: [record.name for record in records] for split, records in self._records.items()
        }
        self.groups = {
            split: [record.group for record in records] for split, records in self._records.items()
        }

    def item(self, split: str, index: int) -> tuple[Record, np.ndarray]:
        """An object and its picture, uint8 [H, W, 3].

        Raises:
          OSError: if the file cannot be opened.
          ops.UnreadableError: if it is no picture.
        """
        record = self._records[split][index]
        return record, _decoded(record)

    def _emptiness(self, layout: Layout) -> list[str]:
        if self._records["train"]:
            return []
        titles = ", ".join(layout.titles.values())
        return [
            f"{self._root} shows no landmarks of {titles} to train on: set "
            "--config.data.train_annotations, --config.data.points or --config.data.categories"
        ]


def _read(root: pathlib.Path, data: ConfigDict, *, split: str, layout: Layout) -> Found:
    kind = data.layout
    if kind == "auto":
        raw = (root / DEEPFASHION2["train"] / "annos").is_dir()
        kind = "deepfashion2" if raw else "coco"
    if kind == "deepfashion2":
        folder = root / DEEPFASHION2[split]
        return keypoint_json.read_deepfashion2(folder, layout=layout)
    annotations, images = root / data[f"{split}_annotations"], root / data[f"{split}_images"]
    if split == "test" and not annotations.exists():
        return Found([], [], Counter())
    return keypoint_json.read_coco(annotations, images=images, layout=layout)


def _pictures(found: Found) -> int:
    return len({record.path for record in found.records})


def _troubles(records: Sequence[Record]) -> list[str]:
    """Errors about pictures that are missing or cannot be read."""
    paths = sorted({record.path for record in records if record.path})
    absent = [path for path in paths if not path.is_file()]
    if absent:
        names = prepare.listed([path.name for path in absent])
        return [
            f"{len(absent)} of {len(paths)} pictures are missing in {absent[0].parent}: {names}; "
            "set --config.data.train_images and --config.data.test_images to their folders"
        ]
    stride = 1 if len(paths) <= DECODE_ALL else -(-len(paths) // DECODE_SAMPLE)
    with ThreadPoolExecutor(prepare.workers()) as pool:
        reasons = list(pool.map(_unreadable, paths[::stride]))
    broken = [
        f"{path.name} ({why})" for path, why in zip(paths[::stride], reasons, strict=True) if why
    ]
    if not broken:
        return []
    return [
        f"{len(broken)} of {len(reasons)} pictures looked at cannot be read: "
        f"{prepare.listed(broken)}; load them anew or take them out of the annotations"
    ]


def _unreadable(path: pathlib.Path) -> str:
    try:
        with path.open("rb") as file:
            ops.decode(file)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _decoded(record: Record) -> np.ndarray:
    if record.path is None:
        raise ValueError(f"{record.name} has no file")
    with record.path.open("rb") as file:
        return ops.decode(file)


def _some(errors: list[str]) -> list[str]:
    """The first errors and how many more there are."""
    more = len(errors) - prepare.NAMED
    return errors if more <= 0 else [*errors[: prepare.NAMED], f"and {more} errors like these"]


def _told(found: Found, *, split: str) -> list[str]:
    """What is left out."""
    return [f"{split}: {count} {reason} are left out" for reason, count in found.left_out.items()]


def _leaks(records: dict[str, list[Record]]) -> list[str]:
    """Warnings about pictures that are trained on and tested on."""
    train, test = ({record.path for record in records[split]} for split in ("train", "test"))
    both = sorted(path.name for path in train & test if path)
    if not both:
        return []
    return [
        f"{len(both)} of {len(test)} test pictures are training pictures as well, scores on them "
        f"mean nothing: {prepare.listed(both)}"
    ]
