"""Scores of pictures against the truth: one number per picture, never pooled.

Pictures are float [N, H, W, C] in [-1, 1]; masks are pictures whose foreground is above 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from tryon_jax.layers.precision import full

SPAN = 2.0  # of pixel values in [-1, 1]: the data range R of SSIM and PSNR
WINDOW = 11  # pixels
SIGMA = 1.5  # pixels
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


def ssim(pictures: jax.Array, truth: jax.Array) -> jax.Array:
    """Structural similarity, [N] in [-1, 1]; the mean over RGB of each channel's.

    Gaussian window of 11 x 11 with sigma 1.5, biased (co)variances, windows inside the picture only
    ("valid"), data range 2: scikit-image with Wang's settings, pytorch-msssim.

    Raises:
      ValueError: if a side is shorter than the window.

    Source: Wang et al. 2004.
    """
    if min(pictures.shape[1:3]) < WINDOW:
        raise ValueError(
            f"SSIM looks through windows of {WINDOW} pixels, got pictures of "
            f"{pictures.shape[1]} x {pictures.shape[2]}"
        )
    x, y = full(pictures) + 1, full(truth) + 1  # SSIM's brightness begins at black
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x, var_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * SPAN) ** 2, (0.03 * SPAN) ** 2
    brightness = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return jnp.mean(brightness * structure, (1, 2, 3))


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
    "iou": iou,
    "l1": l1,
    "l1_changed": l1_changed,
    "l1_kept": l1_kept,
    "psnr": psnr,
    "ssim": ssim,
}


def _changed(truth: jax.Array, before: jax.Array) -> jax.Array:
    """Where two pictures differ by more than rounding, [N, H, W, 1]."""
    return jnp.max(jnp.abs(full(truth) - full(before)), -1, keepdims=True) > VISIBLE


def _masked_l1(pictures: jax.Array, truth: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean absolute difference inside of a mask [N, H, W, 1]; 0 where it is empty."""
    error = jnp.mean(jnp.abs(full(pictures) - full(truth)), -1, keepdims=True)
    area = jnp.maximum(jnp.sum(mask, (1, 2, 3)), 1)
    return jnp.sum(jnp.where(mask, error, 0.0), (1, 2, 3)) / area


def _blurred(x: jax.Array) -> jax.Array:
    """The means through the window; as 22 shifted sums, which XLA fuses on every device."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    taps = np.exp(-(offsets**2) / (2 * SIGMA**2))
    for axis in (1, 2):
        length = x.shape[axis] - WINDOW + 1
        shifted = (
            tap * jax.lax.slice_in_dim(x, start, start + length, axis=axis)
            for start, tap in enumerate((taps / taps.sum()).tolist())
        )
        x = sum(shifted, start=jnp.zeros((), x.dtype))
    return x
