"""Textures that follow a garment: through its landmarks, on its largest piece.

A garment laid out flat is a template: where in its box each landmark lies. A thin-plate spline
takes each pixel of the worn garment back to its place in the template, on which the texture lies
straight, so that stripes bend with sleeves and legs. Coordinates are (x, y).

Source: how DesignGAN fills a texture is not in the paper; the spline is our own reading.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from tryon_jax.landmark_tables import CATEGORIES
from tryon_jax.layers.precision import full
from tryon_jax.patches import mask_box
from tryon_jax.warp import sample, spline

FEWEST = 10  # known landmarks from which on a garment is followed

# by DeepFashion2's category: each landmark's place in the garment's box, 0 to 1; means of paper
# dolls that stand straight, left and right made alike
TEMPLATES = {
    1: ((0.5, 0.11), (0.35, 0.0), (0.41, 0.08), (0.5, 0.14), (0.59, 0.08), (0.65, 0.0),
        (0.19, 0.05), (0.04, 0.26), (0.0, 0.4), (0.21, 0.44), (0.27, 0.3), (0.2, 0.23),
        (0.21, 0.48), (0.19, 0.72), (0.15, 0.97), (0.5, 1.0), (0.85, 0.97), (0.81, 0.72),
        (0.79, 0.48), (0.8, 0.23), (0.73, 0.3), (0.79, 0.44), (1.0, 0.4), (0.96, 0.26),
        (0.81, 0.05)),
    2: ((0.5, 0.11), (0.36, 0.0), (0.42, 0.08), (0.5, 0.14), (0.58, 0.08), (0.64, 0.0),
        (0.21, 0.05), (0.05, 0.31), (0.01, 0.51), (0.0, 0.71), (0.02, 0.89), (0.15, 0.89),
        (0.17, 0.71), (0.19, 0.53), (0.27, 0.35), (0.22, 0.23), (0.23, 0.48), (0.21, 0.72),
        (0.17, 0.97), (0.5, 1.0), (0.83, 0.97), (0.79, 0.72), (0.77, 0.48), (0.78, 0.23),
        (0.73, 0.35), (0.81, 0.53), (0.83, 0.71), (0.85, 0.89), (0.98, 0.89), (1.0, 0.71),
        (0.99, 0.51), (0.95, 0.31), (0.79, 0.05)),
    5: ((0.5, 0.16), (0.25, 0.0), (0.34, 0.14), (0.5, 0.2), (0.66, 0.14), (0.75, 0.0),
        (0.17, 0.03), (0.08, 0.22), (0.1, 0.59), (0.0, 0.97), (0.5, 1.0), (1.0, 0.97),
        (0.9, 0.59), (0.92, 0.22), (0.83, 0.03)),
    7: ((0.06, 0.0), (0.5, 0.05), (0.94, 0.0), (0.01, 0.7), (0.0, 0.98), (0.46, 1.0), (0.5, 0.64),
        (0.54, 1.0), (1.0, 0.98), (0.99, 0.7)),
    8: ((0.06, 0.0), (0.5, 0.02), (0.94, 0.0), (0.03, 0.19), (0.0, 0.59), (0.04, 1.0),
        (0.34, 1.0), (0.4, 0.6), (0.5, 0.28), (0.6, 0.6), (0.66, 1.0), (0.96, 1.0), (1.0, 0.59),
        (0.97, 0.19)),
    9: ((0.18, 0.0), (0.5, 0.03), (0.82, 0.0), (0.07, 0.48), (0.0, 0.97), (0.5, 1.0), (1.0, 0.97),
        (0.93, 0.48)),
    10: ((0.5, 0.06), (0.36, 0.0), (0.42, 0.05), (0.5, 0.08), (0.58, 0.05), (0.64, 0.0),
        (0.22, 0.03), (0.07, 0.15), (0.0, 0.23), (0.16, 0.27), (0.25, 0.19), (0.23, 0.14),
        (0.26, 0.31), (0.18, 0.48), (0.11, 0.65), (0.06, 0.81), (0.01, 0.98), (0.5, 1.0),
        (0.99, 0.98), (0.94, 0.81), (0.89, 0.65), (0.82, 0.48), (0.74, 0.31), (0.77, 0.14),
        (0.75, 0.19), (0.84, 0.27), (1.0, 0.23), (0.93, 0.15), (0.78, 0.03)),
    11: ((0.5, 0.05), (0.39, 0.0), (0.43, 0.04), (0.5, 0.07), (0.57, 0.04), (0.61, 0.0),
        (0.26, 0.04), (0.09, 0.17), (0.0, 0.28), (0.0, 0.4), (0.05, 0.49), (0.13, 0.49),
        (0.11, 0.39), (0.13, 0.31), (0.23, 0.22), (0.27, 0.14), (0.3, 0.31), (0.23, 0.48),
        (0.18, 0.65), (0.15, 0.81), (0.11, 0.98), (0.5, 1.0), (0.89, 0.98), (0.85, 0.81),
        (0.82, 0.65), (0.77, 0.48), (0.7, 0.31), (0.73, 0.14), (0.77, 0.22), (0.87, 0.31),
        (0.89, 0.39), (0.87, 0.49), (0.95, 0.49), (1.0, 0.4), (1.0, 0.28), (0.91, 0.17),
        (0.74, 0.04)),
    12: ((0.5, 0.1), (0.33, 0.0), (0.39, 0.09), (0.5, 0.13), (0.61, 0.09), (0.67, 0.0),
        (0.27, 0.02), (0.21, 0.14), (0.23, 0.35), (0.11, 0.56), (0.06, 0.77), (0.0, 0.98),
        (0.5, 1.0), (1.0, 0.98), (0.94, 0.77), (0.89, 0.56), (0.77, 0.35), (0.79, 0.14),
        (0.73, 0.02)),
}  # fmt: skip


def follows(points: jax.Array, *, category: int) -> jax.Array:
    """Whether a garment's landmarks suffice to lay a texture by them: bool [N].

    Args:
      points: float [N, K, 3], (x, y, v) in DeepFashion2's numbering of the category.
      category: DeepFashion2's number.
    """
    enough = jnp.sum(points[..., 2] > 0, -1) >= FEWEST
    return enough & (category in TEMPLATES)


def along_landmarks(
    plane: jax.Array, points: jax.Array, *, masks: jax.Array, category: int
) -> jax.Array:
    """A plane of texture bent so that it follows a garment, item by item where landmarks suffice.

    Args:
      plane: [N, H, W, C], the texture as it would lie straight in the picture.
      points: float [N, K, 3], (x, y, v) in pixels, in DeepFashion2's numbering.
      masks: [N, H, W, 1]; the garment is above 0.
      category: DeepFashion2's number.

    Returns:
      [N, H, W, C]; the plane itself where there are fewer than FEWEST landmarks, or no template.

    Raises:
      ValueError: if the category has another number of landmarks.
    """
    known = CATEGORIES[category]
    if points.shape[1:] != (known.count, 3):
        raise ValueError(
            f"{known.name} has landmarks [N, {known.count}, 3]; got {points.shape}: are they of "
            "another category?"
        )
    if category not in TEMPLATES:
        return full(plane)
    height, width = plane.shape[1:3]
    half = jnp.array([(width - 1) / 2, (height - 1) / 2])
    box = mask_box(masks).astype(jnp.float32)[:, None]
    flat = box[..., :2] + jnp.array(TEMPLATES[category]) * (box[..., 2:] - 1 - box[..., :2])
    y, x = (np.arange(length) for length in (height, width))
    places = jnp.asarray(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)) / half - 1
    labelled = points[..., 2] > 0
    # without enough points the answer is not used; a spline through the template has no trouble
    enough = follows(points, category=category)[:, None]
    nodes = jnp.where(enough[..., None], points[..., :2], flat) / half - 1
    grid = spline(nodes, flat / half - 1, known=labelled | ~enough, places=places)
    bent = sample(plane, grid.reshape(-1, height, width, 2), padding="border")
    return jnp.where(enough[..., None, None], bent, full(plane))


def largest_part(masks: jax.Array) -> jax.Array:
    """The largest connected piece of each mask, bool [N, H, W, 1]; corners connect.

    Args:
      masks: [N, H, W, 1]; the foreground is above 0.
    """
    inside = masks > 0
    shape = inside.shape
    numbers = jnp.arange(1, shape[1] * shape[2] + 1).reshape(1, *shape[1:])
    start = jnp.where(inside, numbers, 0)

    def spread(held: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        labels, _ = held
        largest = jax.lax.reduce_window(labels, 0, jax.lax.max, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")
        moved = jnp.where(inside, largest, 0)
        return moved, jnp.any(moved != labels)

    labels, _ = jax.lax.while_loop(lambda held: held[1], spread, (start, jnp.any(inside)))
    flat = labels.reshape(len(labels), -1)
    counts = jax.vmap(lambda x: jnp.bincount(x, length=shape[1] * shape[2] + 1))(flat)
    best = jnp.argmax(counts.at[:, 0].set(0), 1)
    return inside & (labels == best[:, None, None, None])
