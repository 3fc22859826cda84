"""VITON's layout and its relatives: photographs with parse maps and joints.

    {train,test}/image/ID.jpg
    {train,test}/image-parse/ID.png             LIP's labels in any form
    {train,test}/pose/ID_keypoints.json         OpenPose, 18 or 25 joints

`image`, `image-parse` and `pose` can have other names. Parse maps do not tell long sleeves from
short ones, nor trousers from shorts: the joints do, along which cloth or skin is seen.
Source: Han et al. 2018, VITON; Wang et al. 2018, CP-VTON.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from data_pipelines import representation as rep
from data_pipelines import skin_patches
from data_pipelines.landmark_items import Item
from data_pipelines.landmarks_import.found import Found, Left, Task, no_points, too_small
from data_pipelines.sources import picture_paths
from data_pipelines.viton_read import read_keypoints, read_parse, read_picture
from tryon_jax.landmark_tables import COCO17_FROM_OPENPOSE18

FOLDERS = {"image": "image", "parse": "image-parse", "pose": "pose"}
_UPPER, _PANTS, _SKIRT = (5, 7), (9,), (12,)  # LIP's labels
_ARMS, _LEGS, _SKIN = (14, 15), (16, 17), (13, 14, 15, 16, 17, 20)
_SURE = 0.1  # confidence of a joint beyond which it counts as seen
_LIMBS = {  # joints from the body outwards, on both sides
    "upper arm": ((5, 7), (6, 8)),
    "forearm": ((7, 9), (8, 10)),
    "calf": ((13, 15), (14, 16)),
}


def items(task: Task, left: Left) -> Iterator[Found]:
    """All garments of the two categories.

    Raises:
      FileNotFoundError: if there are no pictures.
    """
    any_there = False
    names = FOLDERS | dict(task.folders)
    for split in ("train", "test"):
        for name in picture_paths(task.root / split / names["image"]):
            any_there = True
            try:
                found = _item(task, left, name, split=split)
            except (OSError, ValueError) as error:
                left.out(f"{split}/{name}", f"cannot be read ({error})")
                continue
            if found:
                yield found
    if not any_there:
        raise FileNotFoundError(
            f"{task.root.absolute()} has no pictures in train/{names['image']} or "
            f"test/{names['image']}: name the folder by --image"
        )


def category_of(parse: np.ndarray, joints: np.ndarray, *, slot: str) -> int:
    """DeepFashion2's number of what is worn; 0 if the picture does not tell.

    Args:
      parse: uint8 [h, w] of LIP's labels.
      joints: float [17, 3], COCO's (x, y, v).
      slot: "upper" (1 short sleeve top, 2 long, 5 vest) or "lower" (7 shorts, 8 trousers, 9 skirt).
    """
    if slot == "upper":
        covered = _covered(parse, joints, limb="forearm", cloth=_UPPER, skin=_ARMS)
        if covered is not False:
            return 2 if covered else 0
        covered = _covered(parse, joints, limb="upper arm", cloth=_UPPER, skin=_ARMS)
        return {True: 1, False: 5, None: 0}[covered]
    if rep.labelled(parse, _SKIRT).sum() > rep.labelled(parse, _PANTS).sum():
        return 9
    covered = _covered(parse, joints, limb="calf", cloth=_PANTS, skin=_LEGS)
    return {True: 8, False: 7, None: 0}[covered]


def _covered(
    parse: np.ndarray,
    joints: np.ndarray,
    *,
    limb: str,
    cloth: tuple[int, ...],
    skin: tuple[int, ...],
) -> bool | None:
    """Whether cloth lies over the middle of a limb, on most of both sides; None: not seen."""
    height, width = parse.shape
    counts = [0, 0]
    for a, b in _LIMBS[limb]:
        if not (joints[a, 2] and joints[b, 2]):
            continue
        share = np.linspace(0.25, 0.75, 11)[:, None]
        x, y = np.round(joints[a, :2] * (1 - share) + joints[b, :2] * share).astype(int).T
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        labels = parse[y[inside], x[inside]]
        counts[0] += int(np.isin(labels, cloth).sum())
        counts[1] += int(np.isin(labels, skin).sum())
    return None if sum(counts) < 6 else counts[0] > counts[1]


def _item(task: Task, left: Left, name: str, *, split: str) -> Found | None:
    names, stem = FOLDERS | dict(task.folders), pathlib.PurePosixPath(name).stem
    folder = task.root / split
    parse = read_parse(folder / names["parse"] / f"{stem}.png")
    joints = _joints(folder / names["pose"] / f"{stem}_keypoints.json")
    slot = "upper" if max(task.categories.values()) <= 6 else "lower"
    category = category_of(parse, joints, slot=slot)
    domain = task.domain(category)
    if not domain:
        left.out(f"{split}/{name}", "neither category" if category else "the limbs are not seen")
        return None
    labels = _UPPER if slot == "upper" else _SKIRT if category == 9 else _PANTS
    mask = rep.labelled(parse, labels)
    if too_small(mask):
        left.out(f"{split}/{name}", "the garment is too small")
        return None
    file = folder / names["image"] / name
    picture = read_picture(file)
    if picture.shape[:2] != parse.shape:
        left.out(f"{split}/{name}", "its parse map has another size")
        return None
    skin = rep.labelled(parse, _SKIN)
    patch = skin_patches.find(picture, joints=joints, skin=skin, bare=task.bare[domain])
    item = Item(category, picture, mask[..., None], joints, no_points(category))
    item = item._replace(skin=patch.picture if patch else None)
    return Found(stem, split, domain, item, patch, file)


def _joints(path: pathlib.Path) -> np.ndarray:
    """COCO-17 of OpenPose's joints: float32 [17, 3], (x, y, v)."""
    found = read_keypoints(path)[list(COCO17_FROM_OPENPOSE18)]
    seen = found[:, 2] > _SURE
    points = np.stack([found[:, 0], found[:, 1], np.full(len(found), 2.0)], -1)
    return np.where(seen[:, None], points, 0).astype(np.float32)
