"""InstaGAN's folders: pictures of two domains, and a mask for each garment in them.

    {train,val,test}{A,B}/ID.png
    {train,val,test}{A,B}_seg/ID_0.png, ID_1.png, ...

A is domain a, B domain b; the splits keep their names. Source: Mo et al. 2019, InstaGAN.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from data_pipelines import ops, skin_patches
from data_pipelines.landmark_items import HALF, Item, joined
from data_pipelines.landmark_layout import SPLITS
from data_pipelines.landmarks_import.found import Found, Left, Task, no_points
from data_pipelines.sources import picture_paths
from data_pipelines.viton_read import read_grey, read_picture


def items(task: Task, left: Left) -> Iterator[Found]:
    """All pictures that have masks.

    Raises:
      FileNotFoundError: if there are no pictures.
    """
    any_there = False
    for split in SPLITS:
        for domain in task.categories:
            folder = f"{split}{domain.upper()}"
            for name in picture_paths(task.root / folder):
                any_there = True
                try:
                    yield _item(task, folder, name, split=split, domain=domain)
                except (OSError, ValueError) as error:
                    left.out(f"{folder}/{name}", f"cannot be read ({error})")
    if not any_there:
        raise FileNotFoundError(
            f"{task.root.absolute()} has no pictures in trainA, trainB, valA, valB, testA or testB"
        )


def _item(task: Task, folder: str, name: str, *, split: str, domain: str) -> Found:
    file = task.root / folder / name
    picture, stem = read_picture(file), pathlib.PurePosixPath(name).with_suffix("").as_posix()
    masks: list[np.ndarray] = []
    while (path := task.root / f"{folder}_seg" / f"{stem}_{len(masks)}.png").is_file():
        mask = read_grey(path) >= HALF
        if mask.shape != picture.shape[:2]:
            raise ops.UnreadableError(f"{path} is {mask.shape}, its picture {picture.shape[:2]}")
        masks.append(mask)
    if not masks:
        raise FileNotFoundError(f"no mask {folder}_seg/{stem}_0.png")
    category, joints = task.categories[domain], task.joints_of(name)
    layers = np.stack(masks, -1)
    patch = skin_patches.find(
        picture, joints=joints, garment=joined(layers), bare=task.bare[domain]
    )
    skin = patch.picture if patch else None
    item = Item(category, picture, layers, joints, no_points(category), skin=skin)
    return Found(stem, split, domain, item, patch, file)
