"""One item of DesignGAN: somebody in a garment, with its mask, joints, garment points, some skin.

Keys of an example for each domain d in (a, b), all float32; coordinates in pixels of the picture,
x to the right, y down, the first pixel's centre is 0:

  real_d        [H, W, 3]    the picture, [-1, 1]
  mask_d        [H, W, k]    the garment, 1 inside, -1 outside; with k = data.instances > 1 an
                             instance each, the largest first, missing ones -1 everywhere
  joints_d      [17, 3]      COCO's joints (x, y, v); v 0 unlabelled or outside, 1 hidden, 2 seen
  points_d      [p, 3]       garment points as DeepFashion2 counts the domain's category, likewise
  skin_d        [32, 32, 3]  a patch of the person's skin, [-1, 1]; 0 where there is none
  skin_valid_d  []           1 where skin_d is real, else 0

Items of dolls that are shown or scored also have their counterpart, for d = a

  true_b        [H, W, 3]    the same person in the garment of domain b, [-1, 1]
  true_mask_b   [H, W, 1]    that garment, 1 inside, -1 outside

Source: DesignGAN's items (image, mask, human and garment landmarks, skin).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from data_pipelines import ops
from tryon_jax.landmark_tables import (
    CATEGORIES,
    COCO17,
    COCO17_FLIP_PAIRS,
    mirror_order,
)

HALF = 128  # grey from which a mask marks its pixel
_JOINT_ORDER = list(mirror_order(len(COCO17), COCO17_FLIP_PAIRS))


class Truth(NamedTuple):
    """The same person in a garment of the other domain."""

    picture: np.ndarray  # uint8 [h, w, 3]
    mask: np.ndarray  # bool [h, w]


class Item(NamedTuple):
    """Somebody in a garment; coordinates in pixels of the picture."""

    category: int  # DeepFashion2's number of the garment
    picture: np.ndarray  # uint8 [h, w, 3]
    masks: np.ndarray  # bool [h, w, k], an instance each
    joints: np.ndarray  # float32 [17, 3], (x, y, v)
    points: np.ndarray  # float32 [p, 3], likewise
    skin: np.ndarray | None = None  # uint8 [32, 32, 3]
    truth: Truth | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.picture.shape[0], self.picture.shape[1]


class HeldOut(NamedTuple):
    """Some held-out items of both domains."""

    batch: dict[str, np.ndarray]  # the training keys, and the counterparts where they are known
    names: list[str]  # A+B
    subsets: list[frozenset[str]]  # groups in which each is scored


class Source(Protocol):
    """Where items come from."""

    @property
    def names(self) -> Mapping[str, Sequence[str]]:
        """Of the items of `train_a`, `train_b`, `test_a`, `test_b`."""
        ...

    def load(self, key: str, index: int, *, size: tuple[int, int]) -> Item:
        """An item at (height, width); raises OSError or ValueError if it cannot be read."""
        ...

    def subsets(self, key: str, index: int) -> frozenset[str]:
        """Groups in which an item is scored."""
        ...


class Crop(NamedTuple):
    """Which part of an item is taken."""

    top: int
    left: int
    height: int
    width: int
    mirrored: bool


def unlabelled(count: int) -> np.ndarray:
    """Landmarks of which none is known: float32 [count, 3]."""
    return np.zeros((count, 3), np.float32)


def resized(item: Item, *, size: tuple[int, int], interpolation: str) -> Item:
    """An item at another size, its aspect ignored.

    Args:
      item: of any size.
      size: (height, width).
      interpolation: of the picture; masks are bilinear and cut at one half.
    """
    if item.size == size:
        return item
    height, width = size
    whole = {"height": height, "width": width}
    scale = (width / item.size[1], height / item.size[0])
    greys = np.where(item.masks, np.uint8(255), np.uint8(0))
    return item._replace(
        picture=ops.resize(item.picture, **whole, interpolation=interpolation),
        masks=np.concatenate(
            [
                ops.resize(greys[..., [k]], **whole, interpolation="bilinear") >= HALF
                for k in range(greys.shape[-1])
            ],
            axis=-1,
        ),
        joints=scaled(item.joints, scale=scale),
        points=scaled(item.points, scale=scale),
    )


def scaled(points: np.ndarray, *, scale: tuple[float, float]) -> np.ndarray:
    """Landmarks float32 [K, 3] of a picture that is resized by (x, y) factors."""
    x, y, v = np.moveaxis(points.astype(np.float64), -1, 0)
    moved = np.stack([(x + 0.5) * scale[0] - 0.5, (y + 0.5) * scale[1] - 0.5, v], -1)
    return np.where(v[:, None] > 0, moved, 0.0).astype(np.float32)


def cropped(item: Item, crop: Crop) -> Item:
    """A part of an item, mirrored or not; landmarks outside of it are unlabelled."""
    rows = slice(crop.top, crop.top + crop.height)
    cols = slice(crop.left, crop.left + crop.width)
    picture, masks, skin = item.picture[rows, cols], item.masks[rows, cols], item.skin
    joints, points = (_cropped_points(found, crop) for found in (item.joints, item.points))
    if crop.mirrored:
        picture, masks = ops.flip(picture), ops.flip(masks)
        skin = ops.flip(skin) if skin is not None else None
        joints = _mirrored(joints, _JOINT_ORDER, width=crop.width)
        pairs = CATEGORIES[item.category].flip_pairs
        points = _mirrored(points, list(mirror_order(len(points), pairs)), width=crop.width)
    return item._replace(picture=picture, masks=masks, joints=joints, points=points, skin=skin)


def write(item: Item, *, into: Mapping[str, np.ndarray], domain: str) -> None:
    """Writes the arrays of a training example into arrays that exist.

    Args:
      item: of the arrays' size.
      into: float32 arrays of the keys in the module's docstring, in any state.
      domain: "a" or "b": which of the keys.
    """
    ops.normalise(item.picture, into=into[f"real_{domain}"])
    mask = into[f"mask_{domain}"]
    mask[...] = np.where(layered(item.masks, count=mask.shape[-1]), 1, -1)
    into[f"joints_{domain}"][...] = item.joints
    into[f"points_{domain}"][...] = item.points
    into[f"skin_valid_{domain}"][...] = item.skin is not None
    skin = into[f"skin_{domain}"]
    if item.skin is None:
        skin[...] = 0
    else:
        ops.normalise(item.skin, into=skin)


def layered(masks: np.ndarray, *, count: int) -> np.ndarray:
    """Instances as a batch has them.

    Args:
      masks: bool [h, w, k].
      count: 1 joins all of them; else so many, the largest first, and empty ones behind.

    Returns:
      bool [h, w, count].
    """
    if count == 1:
        return joined(masks)[..., None]
    order = np.argsort(-masks.sum((0, 1)), kind="stable")[:count]
    made = np.zeros((*masks.shape[:2], count), bool)
    made[..., : len(order)] = masks[..., order]
    return made


def joined(masks: np.ndarray) -> np.ndarray:
    """All instances together: bool [h, w, k] -> bool [h, w]."""
    return np.any(masks, axis=-1)


def truths(item: Item, *, domain: str) -> dict[str, np.ndarray]:
    """The counterpart of an item of domain "a" or "b" by its keys; empty if it is not known."""
    if item.truth is None:
        return {}
    other = "b" if domain == "a" else "a"
    mask = np.where(item.truth.mask[..., None], 1, -1).astype(np.float32)
    return {f"true_{other}": ops.normalise(item.truth.picture), f"true_mask_{other}": mask}


def _cropped_points(points: np.ndarray, crop: Crop) -> np.ndarray:
    x, y = points[:, 0] - crop.left, points[:, 1] - crop.top
    inside = (x >= -0.5) & (x < crop.width - 0.5) & (y >= -0.5) & (y < crop.height - 0.5)
    known = inside & (points[:, 2] > 0)
    return np.where(known[:, None], np.stack([x, y, points[:, 2]], -1), 0).astype(np.float32)


def _mirrored(points: np.ndarray, order: list[int], *, width: int) -> np.ndarray:
    turned = points[order]
    x = np.where(turned[:, 2] > 0, width - 1 - turned[:, 0], 0)
    return np.concatenate([x[:, None], turned[:, 1:]], -1).astype(np.float32)
