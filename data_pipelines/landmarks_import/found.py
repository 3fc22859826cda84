"""What the importers share: what one of them finds, what it is told, what it leaves out."""

from __future__ import annotations

import hashlib
import pathlib
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from data_pipelines import landmark_coco, skin_patches
from data_pipelines.landmark_items import Item, unlabelled
from data_pipelines.prepare import listed
from tryon_jax.landmark_tables import CATEGORIES, COCO17

SMALLEST = 0.005  # share of the picture that a garment's box covers, else it is left out
TEST_SHARE = 0.15  # of data sets without splits
_LONG, _SHORT = (2, 4, 8, 11), (1, 3, 5, 6, 7, 9, 10, 12, 13)


class Found(NamedTuple):
    """An item of another data set."""

    name: str  # ID
    split: str  # train, val or test
    domain: str  # "a" or "b"
    item: Item
    patch: skin_patches.Patch | None = None
    file: pathlib.Path | None = None  # of the very picture


class Task(NamedTuple):
    """What an importer is told.

    Attributes:
      root: the other data set's folder.
      categories: DeepFashion2's numbers by domain, "a" and "b".
      bare: parts whose skin is looked for first, by domain.
      joints: COCO-17 by name of the picture, without folders and suffix, float32 [17, 3].
      folders: names of folders within the root, by role, where they can be told.
      enlarge: sides of what is cut out over those of the garment's box; 0 cuts nothing out.
    """

    root: pathlib.Path
    categories: Mapping[str, int]
    bare: Mapping[str, tuple[str, ...]]
    joints: Mapping[str, np.ndarray] = {}
    folders: Mapping[str, str] = {}
    enlarge: float = 1.25

    def domain(self, category: int) -> str:
        """The domain of a category; empty if it is none of both."""
        return next((d for d, number in self.categories.items() if number == category), "")

    def joints_of(self, name: str) -> np.ndarray:
        """Joints of a picture by its name; unlabelled if they are not told."""
        return self.joints.get(pathlib.PurePath(name).stem, unlabelled(len(COCO17)))


class Left:
    """What an importer leaves out, by reason."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._names: dict[str, list[str]] = defaultdict(list)

    def out(self, name: str, reason: str) -> None:
        """Notes that something is not imported."""
        self._names[reason].append(name)

    def text(self) -> str:
        """A line for each reason."""
        return "\n".join(
            f"left out {len(names)}: {reason}: {listed(names, count=5)}"
            for reason, names in self._names.items()
        )


def exposed(before: int, after: int) -> tuple[str, ...]:
    """Parts of the body that become bare from one category to another."""
    if before not in _LONG or after not in _SHORT:
        return ()
    return ("calf", "knee") if before == 8 else ("forearm", "elbow")


def split_of(name: str) -> str:
    """The split of a picture of a data set without splits: a seventh, by its name, for tests."""
    word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return "test" if word < TEST_SHARE * 2**32 else "train"


def too_small(mask: np.ndarray) -> bool:
    """Whether a garment's box is so small that nothing can be learned from it."""
    _, _, width, height = landmark_coco.box_of(mask)
    return width * height < SMALLEST * mask.size


def no_points(category: int) -> np.ndarray:
    """Garment points of which none is known."""
    return unlabelled(CATEGORIES[category].count)


def joints_file(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Joints of pictures in a file of COCO annotations, as --mode=infer of landmarks writes it.

    Returns:
      By name of the picture without folders and suffix, float32 [17, 3].

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it holds no annotations.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.absolute()} with joints")
    read = landmark_coco.read(path, category=8)
    if read.errors:
        raise ValueError("; ".join(read.errors))
    return {pathlib.PurePath(name).stem: labels.joints for name, labels in read.labels.items()}
