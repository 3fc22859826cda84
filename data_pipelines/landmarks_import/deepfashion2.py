"""DeepFashion2: photographs with boxes, polygons and landmarks of each garment.

    {train,validation}/image/000001.jpg
    {train,validation}/annos/000001.json    item1, item2, ... each with category_id, bounding_box
                                            [x1, y1, x2, y2], landmarks [x, y, v, ...] and
                                            segmentation (polygons)

Each garment of the two categories becomes an item: its box, enlarged, is cut out. What is
`validation` there is `test` here. Source: Ge et al. 2019, DeepFashion2.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from data_pipelines import landmark_coco, skin_patches
from data_pipelines.landmark_items import Crop, Item, cropped
from data_pipelines.landmarks_import.found import Found, Left, Task, too_small
from data_pipelines.viton_read import read_picture

SPLITS = {"train": "train", "validation": "test"}
_SIDES = 32  # pixels of the shorter side of what is cut out, else it is left out


def items(task: Task, left: Left) -> Iterator[Found]:
    """All garments of the two categories.

    Raises:
      FileNotFoundError: if the set is not there.
    """
    files = {split: sorted((task.root / split / "annos").glob("*.json")) for split in SPLITS}
    if not any(files.values()):
        raise FileNotFoundError(
            f"{task.root.absolute()} has neither train/annos/*.json nor validation/annos/*.json: "
            "give the unpacked set's --input"
        )
    for split, paths in files.items():
        for path in paths:
            try:
                yield from _of_picture(task, left, path, split=SPLITS[split])
            except (OSError, ValueError, KeyError, TypeError) as error:
                left.out(f"{split}/{path.stem}", f"cannot be read ({error})")


def _of_picture(task: Task, left: Left, path: pathlib.Path, *, split: str) -> Iterator[Found]:
    content = json.loads(path.read_text(encoding="utf-8"))
    wanted = {
        key: entry
        for key, entry in sorted(content.items())
        if key.startswith("item") and task.domain(int(entry["category_id"]))
    }
    if not wanted:
        left.out(path.stem, "neither category")
        return
    picture = read_picture(path.parent.parent / "image" / f"{path.stem}.jpg")
    for key, entry in wanted.items():
        name = f"{path.stem}_{key}"
        item = _item(task, picture, entry, joints=task.joints_of(path.stem))
        if min(item.size) < _SIDES or too_small(item.masks[..., 0]):
            left.out(name, "the garment is too small")
            continue
        domain = task.domain(item.category)
        garment = item.masks[..., 0]
        patch = skin_patches.find(
            item.picture, joints=item.joints, garment=garment, bare=task.bare[domain]
        )
        skin = patch.picture if patch else None
        yield Found(name, split, domain, item._replace(skin=skin), patch)


def _item(task: Task, picture: np.ndarray, entry: Mapping, *, joints: np.ndarray) -> Item:
    """A garment, cut out with what is around it."""
    category = int(entry["category_id"])
    height, width = picture.shape[:2]
    mask = landmark_coco.mask_of(entry["segmentation"], size=(width, height))
    points = landmark_coco.garment_points(entry["landmarks"], category=category)
    whole = Item(category, picture, mask[..., None], joints, points)
    if not task.enlarge:
        return whole
    left, top, right, bottom = (float(number) for number in entry["bounding_box"])
    grow = (task.enlarge - 1) / 2
    across, down = grow * (right - left), grow * (bottom - top)
    x0, y0 = max(round(left - across), 0), max(round(top - down), 0)
    x1, y1 = min(round(right + across), width), min(round(bottom + down), height)
    return cropped(whole, Crop(y0, x0, max(y1 - y0, 1), max(x1 - x0, 1), mirrored=False))
