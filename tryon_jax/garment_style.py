"""DesignGAN's style loss: the made garment looks like the one it was made from, its rim above all.

Both garments' boxes are brought to one size and compared pixel by pixel where both are cloth, by a
weight that is largest at the rim. Source: the paper's L_style with w_style, of which it gives one
printed formula and no definitions; boxes, weights and the reading `mse` are ours (design, 8.1).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from tryon_jax.layers.precision import full
from tryon_jax.patches import box_share, mask_box, patch, sides

WEIGHTS = ("chessboard", "euclidean", "inverse_gaussian", "uniform")
NORMS = ("mse", "pixel_norm", "channel_norm")
EROSIONS = 32  # steps of the chessboard distance: half of a patch
W_MIN = 0.2  # weight far from the rim, before the weights' mean is made 1
SIGMA_RIM = 0.35  # how fast it falls, in depths of the deepest place
SIGMA_CENTRE = 0.5  # of weights by place, in half-widths of the patch
SMALLEST_BOX = 0.005  # share of the picture below which a garment is not compared
FEWEST = 16  # pixels that both garments must share
EPS = 1e-12  # inside roots


def chessboard_distance(valid: jax.Array, *, steps: int = EROSIONS) -> jax.Array:
    """How many 3 x 3 erosions each pixel survives, itself included: [N, h, w, 1].

    Args:
      valid: float [N, h, w, 1], 0 or 1; beyond the edge there is 0.
      steps: where counting ends.
    """

    def erode(inside: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        eroded = jax.lax.reduce_window(
            jnp.pad(inside, ((0, 0), (1, 1), (1, 1), (0, 0))),
            jnp.inf,
            jax.lax.min,
            (1, 3, 3, 1),
            (1, 1, 1, 1),
            "VALID",
        )
        return eroded, inside

    _, survived = jax.lax.scan(erode, full(valid), length=steps)
    return jnp.sum(survived, 0)


def euclidean_distance(valid: jax.Array) -> jax.Array:
    """Exact distance of each valid pixel to the nearest that is not: [N, h, w, 1]; beyond is none.

    Args:
      valid: float [N, h, w, 1], 0 or 1.
    """
    outside = jnp.pad(full(valid)[..., 0], ((0, 0), (1, 1), (1, 1))) < 0.5
    rows, cols = ((jnp.arange(n)[:, None] - jnp.arange(n)) ** 2 for n in outside.shape[1:])
    far = rows.shape[0] ** 2 + cols.shape[0] ** 2
    # by Felzenszwalb and Huttenlocher's separation: first along rows, then along columns
    across = jnp.min(jnp.where(outside[:, :, None, :], cols, far), -1)
    nearest = jnp.min(rows[None, :, :, None] + across[:, None], 2)
    return jnp.sqrt(nearest[:, 1:-1, 1:-1].astype(full(valid).dtype))[..., None]


def rim_weight(distance: jax.Array, valid: jax.Array) -> jax.Array:
    """1 at the rim, falling to W_MIN inside; then of mean 1 over what is valid.

    Args:
      distance: [N, h, w, 1], 1 at the rim.
      valid: [N, h, w, 1], 0 or 1.
    """
    deepest = jnp.max(distance, (1, 2, 3), keepdims=True)
    depth = (distance - 1) / jnp.maximum(deepest - 1, 1)
    weight = valid * (W_MIN + (1 - W_MIN) * jnp.exp(-(depth**2) / (2 * SIGMA_RIM**2)))
    total = jnp.sum(weight, (1, 2, 3), keepdims=True)
    count = jnp.sum(valid, (1, 2, 3), keepdims=True)
    return weight * count / jnp.where(total > 0, total, 1)


def centre_gaussian(size: tuple[int, int]) -> jax.Array:
    """1 in the middle of a patch (height, width), falling outwards: [1, height, width, 1]."""
    y, x = ((2 * jnp.arange(n) + 1) / n - 1 for n in size)
    return jnp.exp(-(x**2 + y[:, None] ** 2) / (2 * SIGMA_CENTRE**2))[None, ..., None]


def style_weight(valid: jax.Array, *, kind: str, steps: int = EROSIONS) -> jax.Array:
    """How much each pixel of a patch counts, [N, h, w, 1]; see WEIGHTS.

    Args:
      valid: float [N, h, w, 1], 0 or 1.
      kind: chessboard | euclidean (by the distance to the rim) | inverse_gaussian (by the place in
        the patch) | uniform.
      steps: of the chessboard distance.

    Raises:
      ValueError: if the kind is unknown.
    """
    if kind not in WEIGHTS:
        raise ValueError(f"style weight must be one of {', '.join(WEIGHTS)}; got {kind!r}")
    if kind == "chessboard":
        return rim_weight(chessboard_distance(valid, steps=steps), valid)
    if kind == "euclidean":
        return rim_weight(euclidean_distance(valid), valid)
    if kind == "uniform":
        return valid
    weight = W_MIN + (1 - W_MIN) * (1 - centre_gaussian(sides(valid)))
    return weight / jnp.mean(weight) * jnp.ones_like(valid)


def style_distance(
    patches_a: jax.Array, patches_b: jax.Array, *, valid: jax.Array, weight: jax.Array, norm: str
) -> jax.Array:
    """Half of the weighted distance of two patches, [N].

    Args:
      patches_a: [N, h, w, C] in [-1, 1].
      patches_b: the same shape.
      valid: [N, h, w, 1], 0 or 1: the pixels that count.
      weight: [N, h, w, 1].
      norm: mse (squares, summed over colours) | pixel_norm (the length of each pixel's difference)
        | channel_norm (the root of each colour's mean square).

    Raises:
      ValueError: if the norm is unknown.
    """
    if norm not in NORMS:
        raise ValueError(f"style norm must be one of {', '.join(NORMS)}; got {norm!r}")
    squared = (full(patches_a) - full(patches_b)) ** 2
    share = weight * valid / jnp.maximum(jnp.sum(valid, (1, 2, 3), keepdims=True), 1)
    if norm == "mse":
        return jnp.sum(share * squared, (1, 2, 3)) / 2
    if norm == "pixel_norm":
        length = jnp.sqrt(jnp.sum(squared, -1, keepdims=True) + EPS)
        return jnp.sum(share * length, (1, 2, 3)) / 2
    return jnp.sum(jnp.sqrt(jnp.sum(share * squared, (1, 2)) + EPS), -1) / 2


def style_loss(
    before: tuple[jax.Array, jax.Array],
    after: tuple[jax.Array, jax.Array],
    *,
    size: int = 64,
    weight: str = "chessboard",
    norm: str = "mse",
    split: int = 1,
) -> tuple[jax.Array, jax.Array]:
    """How different a made garment looks, item by item.

    Args:
      before: picture [N, H, W, 3] and mask [N, H, W, 1], both in [-1, 1]; no gradient flows there.
      after: the same of what was made; the gradient flows into the picture alone.
      size: side of the patches, pixels.
      weight: one of WEIGHTS.
      norm: one of NORMS.
      split: each box is cut into split x split, compared one by one.

    Returns:
      float32 [N], 0 where garments cannot be compared, and float32 [N], 1 where they can: both
      boxes are large enough and share enough cloth in each part.
    """
    before, masks = jax.lax.stop_gradient((before, after[1]))
    boxes = [mask_box(mask) for mask in (before[1], masks)]
    area = [box_share(box, size=sides(masks)) for box in boxes]
    large = (area[0] >= SMALLEST_BOX) & (area[1] >= SMALLEST_BOX)
    total, counted = jnp.zeros(()), large
    side = (size // split, size // split)
    for cell in range(split**2):
        cut_a, cut_b = (_cell(box, cell, split) for box in boxes)
        cloth = [patch((m + 1) / 2, b, size=side) for m, b in ((before[1], cut_a), (masks, cut_b))]
        valid = ((cloth[0] > 0.5) & (cloth[1] > 0.5)).astype(jnp.float32)
        enough = large & (jnp.sum(valid, (1, 2, 3)) >= FEWEST)
        distance = style_distance(
            patch(before[0], cut_a, size=side),
            patch(after[0], cut_b, size=side),
            valid=valid,
            weight=jax.lax.stop_gradient(style_weight(valid, kind=weight, steps=max(side) // 2)),
            norm=norm,
        )
        total, counted = total + jnp.where(enough, distance, 0.0) / split**2, counted & enough
    return total, counted.astype(jnp.float32)


def _cell(boxes: jax.Array, cell: int, split: int) -> jax.Array:
    """One of split x split equal parts of boxes [N, 4], row after row."""
    row, col = divmod(cell, split)
    x0, y0, x1, y1 = jnp.moveaxis(boxes.astype(jnp.float32), -1, 0)
    width, height = (x1 - x0) / split, (y1 - y0) / split
    left, top = x0 + col * width, y0 + row * height
    return jnp.stack([left, top, left + width, top + height], -1)
