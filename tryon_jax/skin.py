"""DesignGAN's skin loss: where a made picture bares a limb, it shows the person's own skin.

A window lies on each joint or limb that the target garment leaves bare; it counts if the joints
are known, it lies inside the picture and the made mask leaves it free. There the picture is
compared with the source patch that was prepared with the item. Nobody's skin stands in for
another's: without a source patch the item says nothing. Source: the paper's L_skin with w_skin,
"by landmarks of arms and knees"; all numbers are ours (design, section 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tryon_jax import landmark_tables as tables
from tryon_jax.attention import trunk_length
from tryon_jax.garment_style import centre_gaussian, style_distance
from tryon_jax.layers.precision import full
from tryon_jax.patches import coverage, patch, sides

SIDE = 1.5  # of a window, in radii of the limb
SMALLEST = 6.0  # pixels
COVERED = 0.5  # mean mask from which a window is under the garment


class Part(NamedTuple):
    """What may be bare: the joints whose middle is the window's, left and right; limb radius."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    radius: float  # lengths of the trunk


def _mean_radius(limb: tables.Limb) -> float:
    return (limb.radius_a + limb.radius_b) / 2


FOREARM, CALF = tables.LIMBS[1], tables.LIMBS[5]
PARTS = {
    "knee": Part((13,), (14,), CALF.radius_a),
    "calf": Part((13, 15), (14, 16), _mean_radius(CALF)),
    "elbow": Part((7,), (8,), FOREARM.radius_a),
    "forearm": Part((7, 9), (8, 10), _mean_radius(FOREARM)),
}


def windows(
    joints: jax.Array, *, parts: Sequence[str], size: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """Windows on both sides' parts.

    Args:
      joints: float [N, 17, 3], COCO's (x, y, v).
      parts: names in PARTS, one or more.
      size: (height, width) of the picture in pixels.

    Returns:
      float [N, 2 * parts, 4], boxes as in `patches`, and bool [N, 2 * parts], whether their joints
      are labelled and they lie inside the picture.

    Raises:
      ValueError: if a part is unknown.
    """
    if strange := set(parts) - set(PARTS):
        raise ValueError(f"parts must be among {', '.join(PARTS)}; got {sorted(strange)}")
    joints, length = full(joints), trunk_length(joints)
    boxes, known = [], []
    for part in (PARTS[name] for name in parts):
        half = jnp.maximum(SIDE * part.radius * length, SMALLEST)[:, None] / 2
        for side in (part.left, part.right):
            ends = joints[:, np.array(side)]
            centre = jnp.mean(ends[..., :2], 1) + 0.5  # a pixel's middle, from its edge
            boxes += [jnp.concatenate([centre - half, centre + half], -1)]
            known += [jnp.all(ends[..., 2] > 0, 1)]
    box = jnp.stack(boxes, 1)
    inside = (box[..., :2] >= 0).all(-1) & (box[..., 2:] <= np.array(size[::-1])).all(-1)
    return box, jnp.stack(known, 1) & inside


def cut(pictures: jax.Array, boxes: jax.Array, *, size: tuple[int, int]) -> jax.Array:
    """Several boxes [N, k, 4] of each picture [N, H, W, C] at one size: [N, k, *size, C]."""
    return jax.vmap(partial(patch, size=size), (None, 1), 1)(pictures, boxes)


def beside_source(
    pictures: jax.Array,
    *,
    joints: jax.Array,
    skin: jax.Array,
    skin_valid: jax.Array,
    parts: Sequence[str],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What should be bare and the person's own skin, to be compared; arguments as of `skin_loss`.

    Returns:
      [N, S, k * S, 3], all windows in a row; the source patch beside each, the same shape; and
      [N, S, k * S, 1], 1 where a window can be compared, else -1.
    """
    boxes, usable = windows(joints, parts=parts, size=sides(pictures))
    found = cut(pictures, boxes, size=sides(skin))
    usable &= skin_valid[:, None] > 0
    marks = 2.0 * usable[..., None, None, None] - 1

    def row(patches: jax.Array) -> jax.Array:
        n, k, height, width, c = patches.shape
        return jnp.moveaxis(patches, 1, 2).reshape(n, height, k * width, c)

    sources = jnp.broadcast_to(full(skin)[:, None], found.shape)
    return row(found), row(sources), row(jnp.broadcast_to(marks, (*found.shape[:-1], 1)))


def skin_distance(patches: jax.Array, skin: jax.Array, *, lowpass: int = 1) -> jax.Array:
    """Half of the mean squared distance, more in the middle than at the rims: [N].

    Args:
      patches: [N, S, S, 3] in [-1, 1].
      skin: the same shape.
      lowpass: both are averaged over squares of so many pixels first: then shades count, not grain.
    """
    both = [full(x) for x in (patches, skin)]
    if lowpass > 1:
        n, h, w, c = patches.shape
        squares = (n, h // lowpass, lowpass, w // lowpass, lowpass, c)
        both = [jnp.mean(x.reshape(squares), (2, 4)) for x in both]
    weight = centre_gaussian(sides(both[0]))
    ones = jnp.ones_like(both[0][..., :1])
    return style_distance(*both, valid=ones, weight=weight / jnp.mean(weight), norm="mse")


def skin_loss(
    pictures: jax.Array,
    masks: jax.Array,
    *,
    joints: jax.Array,
    skin: jax.Array,
    skin_valid: jax.Array,
    parts: Sequence[str],
    lowpass: int = 1,
) -> tuple[jax.Array, jax.Array]:
    """How far bared limbs are from the person's skin.

    Args:
      pictures: [N, H, W, 3] in [-1, 1], what was made; the gradient flows here alone.
      masks: [N, H, W, 1] in [-1, 1], the made garment.
      joints: float [N, 17, 3], the person's.
      skin: [N, S, S, 3] in [-1, 1], source patches.
      skin_valid: [N], 1 where there is one.
      parts: what the garment leaves bare; none: the loss is 0.
      lowpass: as in `skin_distance`.

    Returns:
      float32 [], the mean over the windows that count, 0 without any; and their number in each
      item, float32 [N].
    """
    if not parts:
        return jnp.zeros(()), jnp.zeros((len(pictures),))
    boxes, usable = windows(joints, parts=parts, size=sides(pictures))
    covered = jax.lax.stop_gradient((full(masks) + 1) / 2)
    bare = jax.vmap(coverage, (None, 1), 1)(covered, boxes) < COVERED
    counted = (usable & bare & (skin_valid[:, None] > 0)).astype(jnp.float32)
    found = cut(pictures, boxes, size=sides(skin))
    distance = partial(skin_distance, lowpass=lowpass)
    total = jnp.sum(counted * jax.vmap(distance, (1, None), 1)(found, skin))
    counts = jnp.sum(counted, 1)
    return total / jnp.maximum(jnp.sum(counts), 1), counts
