"""A picture whose edges are blurred: what a discriminator should not take for a drawing.

Source: Chen et al. 2018 (CartoonGAN), section 3.2, in the numbers of the enhanced U-GAT-IT
(zheng-yuwei): Canny's edges at 100 and 200, grown by 5 x 5, blurred by a 5 x 5 Gaussian of
deviation 1.1. Canny as OpenCV computes it: Sobel, |x| + |y|, thinning along four directions.
"""

from __future__ import annotations

import numpy as np

from data_pipelines import ops

LOW, HIGH = 100, 200  # of the gradient |x| + |y| of Sobel's 3 x 3
REACH = 2  # pixels by which edges grow, and over which they are blurred
DEVIATION = 1.1
_SHALLOW, _STEEP = np.tan(np.pi / 8), np.tan(3 * np.pi / 8)


def blur_edges(image: np.ndarray) -> np.ndarray:
    """The picture, blurred where its edges are.

    Args:
      image: uint8 [h, w, 3].

    Returns:
      uint8 [h, w, 3], equal away from edges; a picture of 2 pixels or fewer a side is given back.
    """
    if min(image.shape[:2]) <= REACH:
        return image
    near = grown(edges(ops.grayscale(image)[..., 0]))
    return np.where(near[..., None], blurred(image), image)


def edges(grey: np.ndarray) -> np.ndarray:
    """Canny's edges of uint8 [h, w] as bool [h, w]: strong pixels, and weak ones joined to them."""
    across, down = _sobel(grey)
    strength = np.abs(across) + np.abs(down)
    thin = _ridge(strength, across, down) & (strength > LOW)
    return _joined(thin & (strength > HIGH), thin)


def grown(mask: np.ndarray) -> np.ndarray:
    """A bool mask [h, w] with all within REACH rows and columns of it."""
    return _any_shift(_any_shift(mask, axis=0), axis=1)


def blurred(image: np.ndarray) -> np.ndarray:
    """Gaussian blur of uint8 [h, w, C], reflected at the borders."""
    places = np.arange(-REACH, REACH + 1)
    kernel = np.exp(-(places**2) / (2 * DEVIATION**2))
    kernel /= kernel.sum()
    edge = ((REACH, REACH), (REACH, REACH), (0, 0))
    padded = np.pad(image, edge, "reflect").astype(np.float32)
    height, width = image.shape[:2]
    rows = np.zeros((height, *padded.shape[1:]), np.float32)
    both = np.zeros(image.shape, np.float32)
    for i, share in enumerate(kernel.astype(np.float32)):
        rows += share * padded[i : i + height]
    for i, share in enumerate(kernel.astype(np.float32)):
        both += share * rows[:, i : i + width]
    return np.rint(both).astype(np.uint8)


def _sobel(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences (right - left, below - above), int32 [h, w]."""
    padded = np.pad(grey.astype(np.int32), 1, "edge")
    smooth = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    steep = padded[2:] - padded[:-2]
    across = smooth[:, 2:] - smooth[:, :-2]
    return across, steep[:, :-2] + 2 * steep[:, 1:-1] + steep[:, 2:]


def _ridge(strength: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Where the strength has a maximum along its gradient, rounded to one of four directions."""
    padded = np.pad(strength, 1)
    height, width = strength.shape

    def beside(row: int, col: int) -> np.ndarray:
        return padded[1 + row : 1 + row + height, 1 + col : 1 + col + width]

    flat = np.abs(down) < _SHALLOW * np.abs(across)
    upright = np.abs(down) > _STEEP * np.abs(across)
    same = (across < 0) == (down < 0)
    horizontal = (strength > beside(0, -1)) & (strength >= beside(0, 1))
    vertical = (strength > beside(-1, 0)) & (strength >= beside(1, 0))
    falling = (strength > beside(-1, -1)) & (strength > beside(1, 1))
    rising = (strength > beside(-1, 1)) & (strength > beside(1, -1))
    return np.select([flat, upright, same], [horizontal, vertical, falling], rising)


def _joined(strong: np.ndarray, weak: np.ndarray) -> np.ndarray:
    """The weak pixels that a path of weak ones, also over corners, joins to a strong one."""
    width = weak.shape[1] + 2
    left, found = np.pad(weak, 1).reshape(-1), np.pad(strong, 1).reshape(-1)
    left &= ~found
    around = np.array([r * width + c for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c])
    front = np.flatnonzero(found)
    while len(front):
        near = (front[:, None] + around).reshape(-1)
        front = np.unique(near[left[near]])
        left[front], found[front] = False, True
    return found.reshape(-1, width)[1:-1, 1:-1]


def _any_shift(mask: np.ndarray, *, axis: int) -> np.ndarray:
    edge = [(0, 0), (0, 0)]
    edge[axis] = (REACH, REACH)
    padded, length = np.pad(mask, edge), mask.shape[axis]
    shifts = (np.take(padded, range(i, i + length), axis) for i in range(2 * REACH + 1))
    return np.logical_or.reduce(list(shifts))
