"""The folder of a DesignGAN data set: what lies where, and items read from it.

    domains.json            {"X": {"name": "trousers", "category": 8, "slot": "lower"}, "Y": {...},
                             "expose": {"XY": ["calf", "knee"], "YX": []}}; may be missing
    {train,val,test}{X,Y}/ID.jpg              pictures: .jpg, .png, ...
    {train,val,test}{X,Y}_mask/ID.png         8 bits, 128 or more is garment; or ID_0.png,
                                              ID_1.png ..., an instance each
    {train,val,test}{X,Y}_skin/ID.png         a patch of skin; may be missing
    annotations/{train,val,test}{X,Y}.json    see `landmark_coco`; may be missing

X is domain a, Y domain b. The pictures of X and Y are listed apart; ID may contain folders.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import landmark_coco, landmark_fields, ops
from data_pipelines.landmark_coco import Labels
from data_pipelines.landmark_items import HALF, Item, resized, unlabelled
from data_pipelines.skin_patches import SIDE
from data_pipelines.sources import picture_paths
from data_pipelines.viton_read import read_grey, read_picture
from tryon_jax.landmark_tables import CATEGORIES, COCO17

LETTERS = {"a": "X", "b": "Y"}
SPLITS = ("train", "val", "test")
DOMAINS_FILE = "domains.json"


class Domains(NamedTuple):
    """What domains.json says."""

    categories: dict[str, int]  # by domain, "a" and "b"
    expose: dict[str, tuple[str, ...]]  # by direction, "ab" and "ba"


class Entry(NamedTuple):
    """Files of one item, below the root."""

    name: str  # ID
    picture: str
    masks: tuple[str, ...]  # empty: missing
    skin: str  # empty: missing


def slot(category: int) -> str:
    """Where a garment of a category is worn: upper, lower or full."""
    return "upper" if category <= 6 else "lower" if category <= 9 else "full"


def place(split: str, domain: str) -> str:
    """Folder of a split's pictures of a domain: trainX."""
    return f"{split}{LETTERS[domain]}"


def read_domains(root: pathlib.Path) -> Domains | None:
    """What domains.json says; None if it is not there.

    Raises:
      ValueError: if it does not say what it should.
    """
    path = root / DOMAINS_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        categories = {d: int(content[letter]["category"]) for d, letter in LETTERS.items()}
        expose = content.get("expose", {})
        return Domains(
            categories,
            {d: tuple(expose.get(letters, ())) for d, letters in (("ab", "XY"), ("ba", "YX"))},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} does not name the categories of X and Y ({type(error).__name__}: {error}): "
            'write {"X": {"name": "trousers", "category": 8}, "Y": {"name": "shorts", '
            '"category": 7}}'
        ) from error


def entries(root: pathlib.Path, split: str, *, domain: str) -> list[Entry]:
    """The items of a split of a domain, sorted; none if the folder is missing."""
    return entries_in(root, place(split, domain))


def entries_in(root: pathlib.Path, folder: str) -> list[Entry]:
    """The items of a folder of pictures, whose masks and patches lie in folders beside it."""
    pictures = picture_paths(root / folder)
    masks = set(picture_paths(root / f"{folder}_mask"))
    skins = set(picture_paths(root / f"{folder}_skin"))
    names = [pathlib.PurePosixPath(path).with_suffix("").as_posix() for path in pictures]
    known = set(names)
    found = []
    for name, path in zip(names, pictures, strict=True):
        own = [f"{name}.png"] if f"{name}.png" in masks else _instances(name, masks, known=known)
        skin = f"{folder}_skin/{name}.png" if f"{name}.png" in skins else ""
        layers = tuple(f"{folder}_mask/{mask}" for mask in own)
        found.append(Entry(name, f"{folder}/{path}", layers, skin))
    return found


def items_at(path: pathlib.Path, *, category: int) -> dict[str, Callable[[], Item]]:
    """The items of a picture, or of a folder of pictures, anywhere.

    Masks lie in FOLDER_mask beside the pictures' FOLDER, annotations in annotations/FOLDER.json.

    Args:
      path: of a picture or a folder.
      category: DeepFashion2's number of the garments.

    Returns:
      By name what reads the item, as large as it is; that raises OSError or ValueError.

    Raises:
      FileNotFoundError: if there are no pictures.
      ValueError: if the annotations hold faults.
    """
    path = path.expanduser().absolute()
    folder = path if path.is_dir() else path.parent
    root = folder.parent
    held = [
        entry
        for entry in entries_in(root, folder.name)
        if path.is_dir() or root / entry.picture == path
    ]
    if not held:
        raise FileNotFoundError(f"there is no picture {path}, and no folder with pictures")
    annotations = landmark_coco.read(
        root / "annotations" / f"{folder.name}.json", category=category
    )
    if annotations.errors:
        raise ValueError("; ".join(annotations.errors))
    labels = {e.name: annotations.labels.get(e.picture.partition("/")[2]) for e in held}
    return {
        entry.name: partial(read_item, root, entry, labels=labels[entry.name], category=category)
        for entry in held
    }


class Folder:
    """A folder as a source of items (`landmark_items.Source`)."""

    def __init__(self, config: ConfigDict):
        """Lists the files; nothing is checked.

        Args:
          config: of a run whose data.root is a folder.
        """
        self.root = pathlib.Path(config.data.root).expanduser()
        self._config = config
        self.splits = {
            f"{kind}_{domain}": (split, domain)
            for kind, split in (("train", "train"), ("test", config.data.held_out))
            for domain in LETTERS
        }
        self.entries = {
            key: entries(self.root, split, domain=domain)
            for key, (split, domain) in self.splits.items()
        }
        self.names = {key: [entry.name for entry in held] for key, held in self.entries.items()}

    @cached_property
    def annotations(self) -> Mapping[str, landmark_coco.Annotations]:
        """What annotations say, by `train_a`, ...: of each picture by its name in the folder."""
        return {
            key: landmark_coco.read(
                self.annotations_file(key),
                category=landmark_fields.category(self._config, domain),
            )
            for key, (_, domain) in self.splits.items()
        }

    def annotations_file(self, key: str) -> pathlib.Path:
        """Where the annotations of `train_a`, ... should be."""
        split, domain = self.splits[key]
        return self.root / "annotations" / f"{place(split, domain)}.json"

    def labels(self, key: str, entry: Entry) -> Labels | None:
        """What annotations say of an item; None if nothing."""
        return self.annotations[key].labels.get(entry.picture.partition("/")[2])

    def load(self, key: str, index: int, *, size: tuple[int, int]) -> Item:
        """An item at (height, width); raises OSError or ValueError if it cannot be read."""
        item = self.whole(key, index)
        return resized(item, size=size, interpolation=self._config.data.interpolation)

    def whole(self, key: str, index: int) -> Item:
        """An item as large as it is; raises as `load`."""
        entry = self.entries[key][index]
        category = landmark_fields.category(self._config, key[-1])
        return read_item(self.root, entry, labels=self.labels(key, entry), category=category)

    def subsets(self, key: str, index: int) -> frozenset[str]:
        """None: a folder has no groups."""
        del key, index
        return frozenset()


def read_item(root: pathlib.Path, entry: Entry, *, labels: Labels | None, category: int) -> Item:
    """An item from its files.

    Args:
      root: of the data set.
      entry: its files.
      labels: what annotations say of it; None leaves all landmarks unlabelled.
      category: DeepFashion2's number of the garment.

    Raises:
      OSError: if a file is not there.
      ValueError: naming the file, if it cannot be used.
    """
    picture = read_picture(root / entry.picture)
    height, width = picture.shape[:2]
    masks = [read_grey(root / name) >= HALF for name in entry.masks]
    if not masks and labels and labels.segmentation is not None:
        masks = [landmark_coco.mask_of(labels.segmentation, size=(width, height))]
    if not masks:
        raise FileNotFoundError(missing_mask(root, entry))
    for name, mask in zip(entry.masks, masks, strict=False):
        if mask.shape != (height, width):
            raise ops.UnreadableError(
                f"{root / name} is {mask.shape[1]} x {mask.shape[0]}, its picture {width} x "
                f"{height}: make the mask again, of the picture's size"
            )
    joints, points = unlabelled(len(COCO17)), unlabelled(CATEGORIES[category].count)
    if labels:
        joints, points = labels.joints, labels.points
    skin = _skin(root, entry, picture, skin=labels.skin if labels else None)
    return Item(category, picture, np.stack(masks, -1), joints, points, skin=skin)


def missing_mask(root: pathlib.Path, entry: Entry) -> str:
    """Which mask is missing, and the repair."""
    folder = entry.picture.partition("/")[0]
    return (
        f"{root / entry.picture} has no mask: looked for {folder}_mask/{entry.name}.png and "
        f"{entry.name}_0.png; put one there, 128 or more on the garment, or remove the picture"
    )


def _instances(name: str, masks: set[str], *, known: set[str]) -> list[str]:
    """ID_0.png, ID_1.png ... as far as they go, but no mask of a picture of that name."""
    found: list[str] = []
    while (part := f"{name}_{len(found)}") not in known and f"{part}.png" in masks:
        found.append(f"{part}.png")
    return found


def _skin(
    root: pathlib.Path, entry: Entry, picture: np.ndarray, *, skin: Mapping[str, Any] | None
) -> np.ndarray | None:
    """The patch in its file, or cut out where annotations say; None if there is none."""
    file = entry.skin or (skin or {}).get("file", "")
    if file:
        found = read_picture(root / file)
    elif skin and any(skin.get("bbox") or ()):
        x, y, width, height = (round(float(number)) for number in skin["bbox"])
        found = picture[max(y, 0) : y + height, max(x, 0) : x + width]
        if not found.size:
            raise ops.UnreadableError(
                f"the box {skin['bbox']} of {entry.picture}'s skin_patch lies outside the picture"
            )
    else:
        return None
    if found.shape[:2] == (SIDE, SIDE):
        return found
    return ops.resize(found, width=SIDE, height=SIDE, interpolation="bilinear")
