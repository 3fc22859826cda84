"""Resizing as others' metrics do it before their networks: one name for each convention.

Levels are grey values 0..255, uint8 or float. A value of FID or KID belongs to its resize: on a
shrinking picture the conventions lie up to 7 levels apart.

| name | filter | wider when shrinking | used by |
|---|---|---|---|
| pt | bilinear, half-pixel centres | no | pytorch-fid |
| ptaa | bilinear, half-pixel centres | yes | torchmetrics from 1.8 on |
| tf1 | bilinear, no half pixel: TensorFlow 1 | no | torch-fidelity, TTUR |
| clean | bicubic (a = -1/2) in float, cut to 0..255 | yes | clean-fid |
| pillow_bilinear, pillow_bicubic | whole levels after each pass | yes | Pillow to 12.1, SciPy |
| the same with _columns_first | | yes | Pillow 13, for some pairs of sizes |

Pillow up to 12.1 resizes rows, rounds, then resizes columns. Pillow 13 takes columns first for some
pairs of sizes, always where a picture gets lower and wider; levels then differ by up to 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

BITS = 22  # after the point of Pillow's integer weights


class Convention(NamedTuple):
    """How one axis is weighed, and what becomes of levels."""

    weights: Callable[[int, int], np.ndarray]  # sizes in and out to [out, in]
    whole: bool = False  # levels are rounded to integers behind each pass
    clipped: bool = False  # to 0..255 at the end
    columns_first: bool = False  # the vertical pass before the horizontal one


def resize(levels: jax.Array, *, size: tuple[int, int], convention: str) -> jax.Array:
    """Pictures of another size, by a convention of this module's table.

    Args:
      levels: uint8 or float [N, H, W, C] in 0..255; the pillow conventions take uint8 alone.
      size: (height, width).
      convention: pt | ptaa | tf1 | clean | pillow_bilinear | pillow_bicubic, the latter two also
        with _columns_first.

    Returns:
      float32 [N, height, width, C] in 0..255.

    Raises:
      ValueError: if the convention is unknown, or does not take such levels.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"the resize must be one of {', '.join(CONVENTIONS)}; got {convention!r}")
    rule = CONVENTIONS[convention]
    if rule.whole and levels.dtype != jnp.uint8:
        raise ValueError(f"{convention} rounds to whole levels: give uint8, got {levels.dtype}")
    x = levels.astype(jnp.int32 if rule.whole else jnp.float32)
    for axis in (1, 2) if rule.columns_first else (2, 1):
        if x.shape[axis] != size[axis - 1]:
            weights = rule.weights(x.shape[axis], size[axis - 1])
            x = _whole_pass(x, weights, axis=axis) if rule.whole else _pass(x, weights, axis=axis)
    x = jnp.clip(x, 0, 255) if rule.clipped else x
    return x.astype(jnp.float32)


def resize_on_host(
    image_uint8: np.ndarray, *, size: tuple[int, int], convention: str
) -> np.ndarray:
    """One picture resized in NumPy, so that pictures of many sizes compile nothing.

    Args:
      image_uint8: uint8 [H, W, C].
      size: (height, width).
      convention: as for `resize`.

    Returns:
      float32 [height, width, C] in 0..255; to 1e-3 levels what `resize` gives.
    """
    rule = CONVENTIONS[convention]
    x = image_uint8.astype(np.int64 if rule.whole else np.float32)
    for axis in (0, 1) if rule.columns_first else (1, 0):
        if x.shape[axis] == size[axis]:
            continue
        weights = rule.weights(x.shape[axis], size[axis])
        if rule.whole:
            scaled = weights * 2.0**BITS
            weights = np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int64)
        else:
            weights = weights.astype(np.float32)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
        x = np.clip((x + (1 << (BITS - 1))) >> BITS, 0, 255) if rule.whole else x
    x = np.clip(x, 0, 255) if rule.clipped else x
    return np.ascontiguousarray(x, np.float32)


def _pass(x: jax.Array, weights: np.ndarray, *, axis: int) -> jax.Array:
    matrix = jnp.asarray(weights, jnp.float32)
    y = jnp.tensordot(matrix, x, (1, axis), precision=jax.lax.Precision.HIGHEST)
    return jnp.moveaxis(y, 0, axis)


def _whole_pass(x: jax.Array, weights: np.ndarray, *, axis: int) -> jax.Array:
    """Integer weights and levels; 255 times the weights stays within 31 bits."""
    scaled = weights * 2.0**BITS
    matrix = jnp.asarray(np.trunc(scaled + np.copysign(0.5, scaled)), jnp.int32)
    y = jnp.moveaxis(jnp.tensordot(matrix, x, (1, axis)), 0, axis)
    return jnp.clip((y + (1 << (BITS - 1))) >> BITS, 0, 255)


def _between(places: np.ndarray, length: int) -> np.ndarray:
    """Weights of the two neighbours of each place [out], in float32 as the references count."""
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, length - 1)
    share = (places - low).astype(np.float64)
    matrix = np.zeros((len(places), length))
    rows = np.arange(len(places))
    np.add.at(matrix, (rows, low), 1 - share)
    np.add.at(matrix, (rows, high), share)
    return matrix


def _half_pixel(length: int, wanted: int) -> np.ndarray:
    ratio = np.float32(length) / np.float32(wanted)
    places = ratio * (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    return _between(np.clip(places, 0, length - 1), length)


def _tensorflow1(length: int, wanted: int) -> np.ndarray:
    ratio = np.float32(length) / np.float32(wanted)
    return _between(np.arange(wanted, dtype=np.float32) * ratio, length)


def _widened(kernel: Callable[[np.ndarray], np.ndarray], *, reach: float):
    """Weights of a kernel that grows with the ratio of sizes where pictures shrink."""

    def weights(length: int, wanted: int) -> np.ndarray:
        ratio = length / wanted
        width = max(ratio, 1.0)
        centres = (np.arange(wanted) + 0.5) * ratio
        first = np.maximum((centres - reach * width + 0.5).astype(int), 0)[:, None]
        last = np.minimum((centres + reach * width + 0.5).astype(int), length)[:, None]
        pixels = np.arange(length)[None]
        matrix = kernel(np.abs(pixels + 0.5 - centres[:, None]) / width)
        matrix = np.where((pixels >= first) & (pixels < last), matrix, 0)
        return matrix / matrix.sum(1, keepdims=True)

    return weights


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - distance, 0)


def _cubic(t: np.ndarray) -> np.ndarray:
    """Keys 1981 with a = -1/2."""
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


_BILINEAR = _widened(_triangle, reach=1)
_BICUBIC = _widened(_cubic, reach=2)
CONVENTIONS: Mapping[str, Convention] = {
    "pt": Convention(_half_pixel),
    "ptaa": Convention(_BILINEAR),
    "tf1": Convention(_tensorflow1),
    "clean": Convention(_BICUBIC, clipped=True),
    "pillow_bilinear": Convention(_BILINEAR, whole=True),
    "pillow_bicubic": Convention(_BICUBIC, whole=True),
    "pillow_bilinear_columns_first": Convention(_BILINEAR, whole=True, columns_first=True),
    "pillow_bicubic_columns_first": Convention(_BICUBIC, whole=True, columns_first=True),
}
