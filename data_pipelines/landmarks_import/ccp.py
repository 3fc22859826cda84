"""Clothing Co-Parsing: photographs with a label for each pixel, trousers, shorts, skirts, skin.

    photos/NNNN.jpg
    annotations/pixel-level/NNNN.mat      key `groundtruth`, [h, w] of label numbers
    label_list.mat                        names of the labels, `landmark_tables.CCP_LABELS`

Pictures without labels of pixels are not read. A picture with garments of both categories is left
out. The set has no splits and no joints. Source: Yang et al. 2014, Clothing Co-Parsing.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from data_pipelines import skin_patches
from data_pipelines.landmark_items import Item
from data_pipelines.landmarks_import.found import Found, Left, Task, no_points, split_of, too_small
from data_pipelines.viton_read import read_picture
from tryon_jax.landmark_tables import CCP_LABELS

LABELS = {7: ("shorts",), 8: ("jeans", "pants"), 9: ("skirt",)}  # of DeepFashion2's categories
_SKIN = CCP_LABELS.index("skin")


def items(task: Task, left: Left) -> Iterator[Found]:
    """All garments of the two categories.

    Raises:
      ValueError: if the set does not tell one of the categories.
      FileNotFoundError: if it is not there.
    """
    unknown = sorted(set(task.categories.values()) - set(LABELS))
    if unknown:
        raise ValueError(
            f"Clothing Co-Parsing tells the categories {', '.join(map(str, LABELS))} apart, not "
            f"{', '.join(map(str, unknown))}: choose --a and --b among them"
        )
    folder = task.root / "annotations" / "pixel-level"
    maps = sorted(folder.glob("*.mat"))
    if not maps:
        raise FileNotFoundError(f"{folder.absolute()} has no .mat files: give the set's --input")
    for path in maps:
        try:
            found = _item(task, left, path)
        except (OSError, ValueError) as error:
            left.out(path.stem, f"cannot be read ({error})")
            continue
        if found:
            yield found


def _item(task: Task, left: Left, path: pathlib.Path) -> Found | None:
    labels = read_labels(path)
    masks = {
        domain: np.isin(labels, [CCP_LABELS.index(name) for name in LABELS[category]])
        for domain, category in task.categories.items()
    }
    there = [domain for domain, mask in masks.items() if mask.any()]
    if len(there) != 1:
        left.out(path.stem, "both categories" if there else "neither category")
        return None
    (domain,) = there
    file = task.root / "photos" / f"{path.stem}.jpg"
    picture = read_picture(file)
    if picture.shape[:2] != labels.shape:
        left.out(path.stem, f"labels of {labels.shape}, picture of {picture.shape[:2]}")
        return None
    if too_small(masks[domain]):
        left.out(path.stem, "the garment is too small")
        return None
    joints, category = task.joints_of(path.stem), task.categories[domain]
    patch = skin_patches.find(picture, joints=joints, skin=labels == _SKIN, bare=task.bare[domain])
    skin = patch.picture if patch else None
    mask = masks[domain][..., None]
    item = Item(category, picture, mask, joints, no_points(category), skin=skin)
    return Found(path.stem, split_of(path.stem), domain, item, patch, file)


def read_labels(path: pathlib.Path) -> np.ndarray:
    """The labels of a picture's pixels: int [h, w].

    Raises:
      OSError: if there is no such file.
      ValueError: if it holds no labels.
    """
    import scipy.io

    try:
        labels = scipy.io.loadmat(path)["groundtruth"]
    except FileNotFoundError:
        raise
    except Exception as error:  # scipy raises a dozen types on damaged files
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
    if labels.ndim != 2 or labels.max() >= len(CCP_LABELS):
        raise ValueError(f"{path}: labels are [h, w] below {len(CCP_LABELS)}, got {labels.shape}")
    return labels
