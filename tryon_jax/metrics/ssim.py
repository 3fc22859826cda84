"""Structural similarity by the conventions in use: window, borders, covariance, colour.

Pictures are float [N, H, W, C] in [-1, 1], one channel or several; each channel has its own map,
and the score is the mean of all. Papers differ by up to 0.09 through the border alone.

| convention | window | (co)variances | border | used by |
|---|---|---|---|---|
| wang | Gaussian 11 x 11, sigma 1.5 | / N | inside only | Wang, pytorch-msssim, see below |
| skimage | uniform 7 x 7 | / (N - 1) | inside only | scikit-image's defaults |
| skimage_gaussian | Gaussian | / (N - 1) | inside only | scikit-image with gaussian_weights alone |
| torchmetrics | Gaussian | / N, 0 or more | mirrored | torchmetrics from 1.5 on |
| zeros | Gaussian | / N | zeros around | Po-Hsun-Su's: ACGPN, Flow-Style-VTON |
| matlab | Gaussian | / N | edges repeated | MATLAB's ssim as we understand it: CP-VTON+ |

The first is scikit-image's too, so set, and torchmetrics' up to 1.4.

Source: Wang et al. 2004; several scales: Wang, Simoncelli and Bovik 2003.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from tryon_jax.layers.precision import full

SPAN = 2.0  # of pixel values in [-1, 1]: the data range R
SIGMA = 1.5  # pixels
C1, C2 = (0.01 * SPAN) ** 2, (0.03 * SPAN) ** 2
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # exponents, finest first
GREYS = {"pillow": (19595, 38470, 7471), "skimage": (0.2125, 0.7154, 0.0721)}


class Convention(NamedTuple):
    """How statistics of a neighbourhood are taken."""

    window: int = 11  # pixels
    gaussian: bool = True  # else uniform
    unbiased: bool = False  # covariances by N - 1
    border: str = "valid"  # or what surrounds a picture: a mode of numpy.pad
    clamped: bool = False  # variances, at 0


CONVENTIONS: Mapping[str, Convention] = {
    "wang": Convention(),
    "skimage": Convention(window=7, gaussian=False, unbiased=True),
    "skimage_gaussian": Convention(unbiased=True),
    "torchmetrics": Convention(border="reflect", clamped=True),
    "zeros": Convention(border="constant"),
    "matlab": Convention(border="edge"),
}


def ssim(pictures: jax.Array, truth: jax.Array, *, convention: str = "wang") -> jax.Array:
    """Structural similarity, [N] in [-1, 1]: the mean of `ssim_map`.

    Raises:
      ValueError: if the convention is unknown or a side is shorter than the window.
    """
    return jnp.mean(ssim_map(pictures, truth, convention=convention), (1, 2, 3))


def ssim_map(pictures: jax.Array, truth: jax.Array, *, convention: str = "wang") -> jax.Array:
    """The similarity at each place, [N, H', W', C]; "inside only" is smaller than the picture.

    Raises:
      ValueError: if the convention is unknown or a side is shorter than the window.
    """
    if convention not in CONVENTIONS:
        raise ValueError(
            f"the convention must be one of {', '.join(CONVENTIONS)}; got {convention!r}"
        )
    brightness, structure = _parts(pictures, truth, CONVENTIONS[convention])
    return brightness * structure


def ms_ssim(pictures: jax.Array, truth: jax.Array) -> jax.Array:
    """Similarity on five scales as pytorch-msssim takes it: [N] in [0, 1].

    A product for each channel, then their mean; halving an odd side counts a row of zeros.

    Raises:
      ValueError: if a side is not longer than 160 pixels, which the fifth scale needs.
    """
    _check_scales(pictures)
    x, y = full(pictures) + 1, full(truth) + 1
    score = jnp.ones((), x.dtype)
    for level, power in enumerate(SCALES):
        brightness, structure = _parts(x - 1, y - 1, CONVENTIONS["wang"])
        last = level == len(SCALES) - 1
        found = jnp.mean(brightness * structure if last else structure, (1, 2))
        score = score * nn.relu(found) ** power
        edges: Any = [(side % 2, side % 2) for side in x.shape[1:3]]
        x, y = (nn.avg_pool(z, (2, 2), (2, 2), edges) for z in (x, y))
    return jnp.mean(score, -1)


def ms_ssim_torchmetrics(pictures: jax.Array, truth: jax.Array) -> jax.Array:
    """The same as torchmetrics takes it: [N] in [0, 1].

    One product for all channels together; halving drops an odd row; the fifth scale is mirrored at
    the borders, the others are not.

    Raises:
      ValueError: if a side is not longer than 160 pixels.
    """
    _check_scales(pictures)
    x, y = full(pictures), full(truth)
    score = jnp.ones((), x.dtype)
    for power in SCALES[:-1]:
        _, structure = _parts(x, y, Convention(clamped=True))
        score = score * nn.relu(jnp.mean(structure, (1, 2, 3))) ** power
        x, y = (nn.avg_pool(z, (2, 2), (2, 2)) for z in (x, y))
    return score * nn.relu(ssim(x, y, convention="torchmetrics")) ** SCALES[-1]


def grey_pillow(pictures: jax.Array) -> jax.Array:
    """Pictures [N, H, W, 3] as Pillow's convert("L") gives them, in whole levels: [N, H, W, 1].

    HR-VITON's evaluation and others score this.
    """
    levels = jnp.round((full(pictures) + 1) * 127.5).astype(jnp.int32)
    weights = jnp.asarray(GREYS["pillow"])
    grey = (jnp.sum(levels * weights, -1, keepdims=True) + (1 << 15)) >> 16
    return grey.astype(jnp.float32) / 127.5 - 1


def grey_skimage(pictures: jax.Array) -> jax.Array:
    """Pictures [N, H, W, 3] as scikit-image's rgb2gray gives them, unrounded: [N, H, W, 1]."""
    x = full(pictures)
    return jnp.sum(x * jnp.asarray(GREYS["skimage"], x.dtype), -1, keepdims=True)


def _parts(x: jax.Array, y: jax.Array, rule: Convention) -> tuple[jax.Array, jax.Array]:
    """Brightness, and contrast with structure, at each place."""
    if min(x.shape[1:3]) < rule.window:
        raise ValueError(
            f"SSIM looks through windows of {rule.window} pixels, got pictures of "
            f"{x.shape[1]} x {x.shape[2]}"
        )
    x, y = _framed(full(x), rule), _framed(full(y), rule)
    mean_x, mean_y = _means(x, rule), _means(y, rule)
    count = rule.window**2
    share = count / (count - 1) if rule.unbiased else 1.0
    var_x = share * (_means(x * x, rule) - mean_x**2)
    var_y = share * (_means(y * y, rule) - mean_y**2)
    if rule.clamped:
        var_x, var_y = jnp.maximum(var_x, 0), jnp.maximum(var_y, 0)
    covariance = share * (_means(x * y, rule) - mean_x * mean_y)
    mean_x, mean_y = mean_x + 1, mean_y + 1  # brightness begins at black; squares lose digits there
    brightness = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return brightness, (2 * covariance + C2) / (var_x + var_y + C2)


def _framed(x: jax.Array, rule: Convention) -> jax.Array:
    """A picture and what the convention puts around it."""
    edge = (rule.window // 2, rule.window // 2)
    widths = ((0, 0), edge, edge, (0, 0))
    if rule.border == "constant":
        return jnp.pad(x, widths, constant_values=-1.0)  # black
    return x if rule.border == "valid" else jnp.pad(x, widths, rule.border)


def _means(x: jax.Array, rule: Convention) -> jax.Array:
    """The means through the window; as shifted sums, which XLA fuses on every device."""
    offsets = np.arange(rule.window) - rule.window // 2
    taps = np.exp(-(offsets**2) / (2 * SIGMA**2)) if rule.gaussian else np.ones(rule.window)
    for axis in (1, 2):
        length = x.shape[axis] - rule.window + 1
        shifted = (
            tap * jax.lax.slice_in_dim(x, start, start + length, axis=axis)
            for start, tap in enumerate((taps / taps.sum()).tolist())
        )
        x = sum(shifted, start=jnp.zeros((), x.dtype))
    return x


def _check_scales(pictures: jax.Array) -> None:
    if min(pictures.shape[1:3]) <= 160:
        raise ValueError(
            "MS-SSIM halves pictures four times and needs sides of more than 160 pixels, got "
            f"{pictures.shape[1]} x {pictures.shape[2]}"
        )
