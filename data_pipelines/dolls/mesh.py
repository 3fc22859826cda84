"""Grids of cloth drawn pixel by pixel: which point of the cloth lies at each pixel."""

from __future__ import annotations

import numpy as np


def extended(grid: np.ndarray, *, rows: int) -> np.ndarray:
    """A grid, float [R, C, 2], continued straight on before its first and after its last row.

    Args:
      grid: points of the cloth.
      rows: how many rows are added at each end, as far apart as those there.
    """
    steps = np.arange(1, rows + 1)[:, None, None]
    before = grid[0] + steps[::-1] * (grid[0] - grid[1])
    after = grid[-1] + steps * (grid[-1] - grid[-2])
    return np.concatenate([before, grid, after])


def interpolated(
    places: np.ndarray, values: np.ndarray, *, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The values of a grid of points between its points, at the pixels that it covers.

    Args:
      places: float [R, C, 2], pixels (x, y).
      values: float [R, C, K], linear between the points of each triangle.
      height: of the picture.
      width: of the picture.

    Returns:
      Flat pixel numbers, int [N], and their values, float [N, K]; a pixel on several triangles
      appears once for each.
    """
    corners, carried = _triangles(places), _triangles(values)
    low = np.ceil(corners.min(axis=1) - 1e-6).astype(int)
    size = np.floor(corners.max(axis=1) + 1e-6).astype(int) - low + 1
    inside = np.all((size > 0) & (low + size > 0) & (low < (width, height)), axis=1)
    corners, carried, low, size = (array[inside] for array in (corners, carried, low, size))
    if not len(low):
        return np.zeros(0, int), np.zeros((0, values.shape[-1]))
    box = np.stack(np.meshgrid(*(np.arange(n) for n in size.max(axis=0))), axis=-1).reshape(-1, 2)
    pixels = low[:, None] + box
    x, y = pixels[..., 0], pixels[..., 1]
    weights = _barycentric(corners, x, y)
    found = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    for weight in weights:
        found &= weight > -1e-6
    triangle, _ = np.nonzero(found)
    first, second, third = (weight[found][:, None] for weight in weights)
    a, b, c = (carried[triangle, corner] for corner in range(3))
    return (y * width + x)[found], first * a + second * b + third * c


def _triangles(grid: np.ndarray) -> np.ndarray:
    """Two triangles for each cell of a grid [R, C, K]: [T, 3, K]."""
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    corners = np.stack([np.stack([a, b, c], axis=2), np.stack([d, c, b], axis=2)])
    return corners.reshape(-1, 3, grid.shape[-1])


def _barycentric(corners: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weights of the three corners, [T, 3, 2], at pixels, each [T, P]: three float [T, P]."""
    (ax, ay), (bx, by), (cx, cy) = (corners[:, i].T[..., None] for i in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    area = np.where(np.abs(area) < 1e-12, np.inf, area)  # a triangle without area covers nothing
    x, y = x - ax, y - ay
    second = (x * (cy - ay) - y * (cx - ax)) / area
    third = (y * (bx - ax) - x * (by - ay)) / area
    first = np.where(np.isinf(area), -1.0, 1.0 - second - third)
    return first, second, third
