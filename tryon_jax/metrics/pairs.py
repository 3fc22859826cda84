"""Scores of pictures against the truth: one number per picture, never pooled.

Pictures are float [N, H, W, C] in [-1, 1]; masks are pictures whose foreground is above 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from tryon_jax.layers.precision import full
from tryon_jax.metrics import garments
from tryon_jax.metrics import ssim as similarity

SPAN = 2.0  # of pixel values in [-1, 1]: the data range R of PSNR
VISIBLE = 4 / 127.5  # four grey levels: what resizing and grain leave of equal pixels


def iou(masks: jax.Array, truth: jax.Array) -> jax.Array:
    """Intersection over union of the foregrounds: [N] in [0, 1]; 1 where both are empty.

    Source: CP-VTON+'s warp IoU, taken per picture; soft edges count from one half on.
    """
    masks, truth = masks > 0, truth > 0
    either = jnp.sum(masks | truth, (1, 2, 3))
    both = jnp.sum(masks & truth, (1, 2, 3))
    return jnp.where(either > 0, both / jnp.maximum(either, 1), 1.0)


def l1(pictures: jax.Array, truth: jax.Array) -> jax.Array:
    """Mean absolute difference, [N] in [0, 2]."""
    return jnp.mean(jnp.abs(full(pictures) - full(truth)), (1, 2, 3))


def psnr(pictures: jax.Array, truth: jax.Array) -> jax.Array:
    """Peak signal-to-noise ratio in dB, [N]; infinite where both are equal."""
    error = jnp.mean((full(pictures) - full(truth)) ** 2, (1, 2, 3))
    return 10 * jnp.log10(SPAN**2 / error)


def psnr_pooled(pictures: jax.Array, truth: jax.Array) -> jax.Array:
    """PSNR of the error of all pictures together, in dB, []: torchmetrics' own mean.

    It lies below the mean of `psnr`, by 0.2 to 0.9 dB on our test pictures.
    """
    return 10 * jnp.log10(SPAN**2 / jnp.mean((full(pictures) - full(truth)) ** 2))


def iou_pooled(masks: jax.Array, truth: jax.Array) -> dict[str, jax.Array]:
    """IoU of all pictures' pixels together, []: `foreground`, and `both`, the mean with the ground.

    The latter is the "mean IU" of Long et al. 2015, which CP-VTON+'s authors cite. 1 where empty.
    """
    found = {}
    for name, (a, b) in {
        "foreground": (masks > 0, truth > 0),
        "ground": (masks <= 0, truth <= 0),
    }.items():
        either = jnp.sum(a | b)
        found[name] = jnp.where(either > 0, jnp.sum(a & b) / jnp.maximum(either, 1), 1.0)
    return {"foreground": found["foreground"], "both": (found["foreground"] + found["ground"]) / 2}


def ssim(pictures: jax.Array, truth: jax.Array) -> jax.Array:
    """Structural similarity, [N] in [-1, 1]; the mean over RGB of each channel's.

    Gaussian window of 11 x 11 with sigma 1.5, biased (co)variances, windows inside the picture only
    ("valid"), data range 2: `ssim.ssim` by the convention of Wang.

    Raises:
      ValueError: if a side is shorter than the window.
    """
    return similarity.ssim(pictures, truth)


def ssim_grey(pictures: jax.Array, truth: jax.Array) -> jax.Array:
    """The same of Pillow's grey levels, as HR-VITON's evaluation has it: [N] in [-1, 1]."""
    grey = (similarity.grey_pillow(x) for x in (pictures, truth))
    return similarity.ssim(*grey)


def l1_changed(pictures: jax.Array, truth: jax.Array, before: jax.Array) -> jax.Array:
    """Mean absolute difference to the truth where that differs from what was before, [N] in [0, 2].

    In a try-on: is the other garment there? The unchanged photograph is at its worst.

    Args:
      pictures: [N, H, W, C], what was made.
      truth: the same shape.
      before: the same shape, what it was made from.
    """
    return _masked_l1(pictures, truth, _changed(truth, before))


def l1_kept(pictures: jax.Array, truth: jax.Array, before: jax.Array) -> jax.Array:
    """Mean absolute difference to the truth where that is as before, [N] in [0, 2].

    In a try-on: how far paint leaks outside of both garments; 0 for the unchanged photograph.
    Arguments as of `l1_changed`.
    """
    return _masked_l1(pictures, truth, ~_changed(truth, before))


PAIRWISE: Mapping[str, Callable[..., jax.Array]] = {
    "garment_colours": garments.colours,
    "garment_texture": garments.texture,
    "iou": iou,
    "l1": l1,
    "l1_changed": l1_changed,
    "l1_kept": l1_kept,
    "psnr": psnr,
    "skin_lab": garments.skin,
    "ssim": ssim,
    "ssim_grey": ssim_grey,
}


HIGHER = ("iou", "psnr", "ssim", "ssim_grey")  # are better; of the others lower ones
PROTOCOLS: Mapping[str, str] = {
    "garment_colours": "colour histograms of both garments' patches, half of the absolute sum",
    "garment_texture": "Gram matrices of colours and slopes of both garments' patches, Frobenius",
    "iou": "intersection over union of what is above one half, mean over pictures, 1 if both empty",
    "l1": "mean absolute difference of pictures in [-1, 1]",
    "l1_changed": "l1 where the truth differs from the photograph by 4 levels or more",
    "l1_kept": "l1 where it does not",
    "lpips": "LPIPS 0.1 through AlexNet, at the pictures' own size",
    "nearest": "distance of features to those of the nearest real picture",
    "psnr": "in dB, mean over pictures",
    "skin_lab": "CIE Lab (Delta E of 1976) of bared windows' mean colours and the source patch",
    "ssim": "Wang: Gaussian window 11 x 11, inside the picture only, mean of RGB",
    "ssim_grey": "the same of Pillow's grey levels",
}


def _changed(truth: jax.Array, before: jax.Array) -> jax.Array:
    """Where two pictures differ by more than rounding, [N, H, W, 1]."""
    return jnp.max(jnp.abs(full(truth) - full(before)), -1, keepdims=True) > VISIBLE


def _masked_l1(pictures: jax.Array, truth: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean absolute difference inside of a mask [N, H, W, 1]; 0 where it is empty."""
    error = jnp.mean(jnp.abs(full(pictures) - full(truth)), -1, keepdims=True)
    area = jnp.maximum(jnp.sum(mask, (1, 2, 3)), 1)
    return jnp.sum(jnp.where(mask, error, 0.0), (1, 2, 3)) / area
