"""Analytic figures for DesignGAN: somebody in trousers (two rectangles) or a skirt (a trapezoid).

The counterpart of a figure is the same one in the other garment, of the same colour.
"""

import numpy as np

from tryon_jax.landmark_tables import CATEGORIES

TROUSERS, SKIRT = 8, 9
SKIN = np.array([0.6, 0.3, 0.1])
OFFSETS = {  # joints from the middle of the hips, in pixels of a picture of 64 rows
    0: (0, -24), 5: (5, -17), 6: (-5, -17), 7: (8, -9), 8: (-8, -9), 9: (9, -2), 10: (-9, -2),
    11: (4, 0), 12: (-4, 0), 13: (4, 13), 14: (-4, 13), 15: (4, 25), 16: (-4, 25),
}  # fmt: skip


def rectangle(size, x0, y0, x1, y1):
    y, x = np.mgrid[: size[0], : size[1]]
    return (x >= x0) & (x < x1) & (y >= y0) & (y < y1)


def trapezoid(size, middle, top, bottom, narrow, wide):
    y, x = np.mgrid[: size[0], : size[1]]
    share = (y - top) / (bottom - top)
    half = narrow + (wide - narrow) * share
    return (np.abs(x - middle) <= half) & (y >= top) & (y < bottom)


def garment(category, size, x, y):
    """Mask and landmarks of a garment whose waist is at (x, y)."""
    if category == TROUSERS:
        mask = rectangle(size, x - 7, y, x - 1, y + 25) | rectangle(size, x + 1, y, x + 7, y + 25)
        mask |= rectangle(size, x - 7, y, x + 7, y + 6)
        outline = [(-7, 0), (0, 0), (6, 0), (-7, 8), (-7, 16), (-7, 24), (-2, 24), (-2, 16),
                   (0, 6), (1, 16), (1, 24), (6, 24), (6, 16), (6, 8)]  # fmt: skip
    else:
        mask = trapezoid(size, x, y, y + 16, 6, 11)
        outline = [(-6, 0), (0, 0), (6, 0), (-8, 8), (-11, 15), (0, 15), (11, 15), (8, 8)]
    points = np.array([(x + dx, y + dy, 2) for dx, dy in outline], float)
    assert len(points) == CATEGORIES[category].count
    return mask, points


def figure(rng, size):
    """A place, and the colours of backdrop and garment."""
    x, y = size[1] / 2 + rng.integers(-3, 4), 31 + rng.integers(-2, 3)
    return x, y, rng.uniform(-1, -0.5, 3), rng.uniform(-0.3, 1, 3)


def dressed(category, size, x, y, backdrop, colour):
    """Picture and mask in [-1, 1], joints, garment points."""
    picture = np.tile(backdrop, (*size, 1))
    for part in ((x - 5, y - 18, x + 5, y), (x - 6, y, x - 2, y + 27), (x + 2, y, x + 6, y + 27)):
        picture[rectangle(size, *part)] = SKIN
    picture[rectangle(size, x - 4, y - 28, x + 4, y - 18)] = SKIN
    mask, points = garment(category, size, x, y)
    picture[mask] = colour
    joints = np.zeros((17, 3))
    for k, (dx, dy) in OFFSETS.items():
        joints[k] = (x + dx, y + dy, 2)
    return picture, 2.0 * mask[..., None] - 1, joints, points


def batch(seed, *, count=1, size=(64, 32), truth=False):
    """A batch of data_pipelines/landmarks.py, of trousers and skirts."""
    rng, items = np.random.default_rng(seed), []
    for _ in range(count):
        item = {}
        for d, own, other in (("a", TROUSERS, SKIRT), ("b", SKIRT, TROUSERS)):
            drawn = figure(rng, size)
            names = (f"real_{d}", f"mask_{d}", f"joints_{d}", f"points_{d}")
            item |= dict(zip(names, dressed(own, size, *drawn), strict=True))
            item |= {f"skin_{d}": np.tile(SKIN, (32, 32, 1)), f"skin_valid_{d}": np.ones(())}
            if truth:
                e = "b" if d == "a" else "a"
                seen = dressed(other, size, *drawn)
                item |= {f"true_{e}": seen[0], f"true_mask_{e}": seen[1]}
        items.append(item)
    return {k: np.stack([item[k] for item in items]).astype(np.float32) for k in items[0]}
