"""Where a body and a garment are, drawn softly from their landmarks: DesignGAN's attention.

Shapes are soft masks in [0, 1] on the picture's pixels: discs around points, capsules around limbs,
filled polygons. A map is a union of shapes, one minus the product of what they leave. Everything
is differentiable in the landmarks' coordinates, which are (x, y) in pixels with integer centres;
a landmark (x, y, v) counts where v > 0. Lengths of `Softness` are pixels of the picture at hand.

Source: the paper (Design-GAN, ICASSP 2021, section 2.1) says that there is such an attention and
no more; the formulas are our own, section 6 of the design that docs/parity.md sums up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tryon_jax import landmark_tables as tables
from tryon_jax.layers.precision import full
from tryon_jax.patches import sides

MODES = ("landmark", "mask", "gaussian", "learned", "none")
FAR = 1e6  # pixels: further than any edge of any polygon
SMALLEST = 0.005  # a garment's attention that covers less of the picture is not believed
HEATMAP_STRIDE = 4  # of the maps that the generator reads beside its features
HEATMAP_SIGMA = 8.0  # pixels at a height of 256: 2 on the quarter-size map, as HRNet's targets
THIGH = 0.24  # lengths of the trunk: how much wider than its joints a garment of the legs is
HIPS, SHOULDERS = (11, 12), (5, 6)

# what a garment covers when its own landmarks are unknown: joints around the legs, limbs
TO_KNEES, TO_ANKLES = (11, 13, 14, 12), (11, 13, 15, 16, 14, 12)
UPPER_ARMS, FOREARMS = (0, 2), (1, 3)  # places in tables.LIMBS
LEGS = {7: TO_KNEES, 8: TO_ANKLES, 9: TO_KNEES} | dict.fromkeys((10, 11, 12, 13), TO_KNEES)
ARMS = dict.fromkeys((1, 3, 10), UPPER_ARMS) | dict.fromkeys((2, 4, 11), UPPER_ARMS + FOREARMS)
TRUNK = (*range(1, 7), *range(10, 14))  # categories that cover it


class Softness(NamedTuple):
    """Lengths in pixels, and the weight of the discs."""

    sigma: float  # of a landmark's disc
    tau: float  # of the edges of capsules and polygons
    line: float  # radius of a contour's line
    kappa: float = 0.5


class Attention(NamedTuple):
    """What a picture's landmarks say, for networks.

    Attributes:
      body: float [N, H, W, 1] in [0, 1].
      garment: float [N, H, W, 1] in [0, 1].
      heatmaps: float [N, H / 4, W / 4, 17] in [0, 1], one disc for each joint.
      path: float [N, 3], one 1 an item: garment landmarks, the body's joints, or the mask were
        what `garment` is drawn from.
      posed: float [N], 1 where a joint is labelled; else `body` is 1 everywhere.
    """

    body: jax.Array
    garment: jax.Array
    heatmaps: jax.Array
    path: jax.Array
    posed: jax.Array


def softness(height: int, *, kappa: float = 0.5) -> Softness:
    """The design's lengths, which are for pictures of 256 rows, at another height."""
    scale = height / 256
    return Softness(4 * scale, 2 * scale, 1.5 * scale, kappa)


def discs(points: jax.Array, *, size: tuple[int, int], sigma: float) -> jax.Array:
    """A Gaussian around each labelled landmark.

    Args:
      points: float [N, K, 3], (x, y, v).
      size: (height, width) in pixels.
      sigma: pixels.

    Returns:
      float [N, height, width, K]; 1 at a labelled landmark, 0 for one that is not.
    """
    points = full(points)
    offset = _pixels(size) - points[:, None, None, :, :2]
    squared = jnp.sum(offset**2, -1)
    return jnp.exp(-squared / (2 * sigma**2)) * _labelled(points)[:, None, None]


def capsules(
    start: jax.Array,
    end: jax.Array,
    *,
    radii: tuple[jax.Array, jax.Array],
    size: tuple[int, int],
    tau: float,
) -> jax.Array:
    """Thick lines with round ends, whose radius changes evenly along them.

    Args:
      start: float [N, S, 2], (x, y).
      end: the same shape.
      radii: at both ends, [N, S] or what broadcasts to it, pixels.
      size: (height, width) in pixels.
      tau: softness of the edge, pixels.

    Returns:
      float [N, height, width, S].
    """
    distance, along = _to_segments(start, end, size=size)
    first, last = (jnp.broadcast_to(r, start.shape[:2])[:, None, None] for r in radii)
    return jax.nn.sigmoid((first + along * (last - first) - distance) / tau)


def polygon(
    points: jax.Array, *, size: tuple[int, int], tau: float, wider: jax.Array | float = 0.0
) -> jax.Array:
    """The inside of a closed polygon through the labelled ones of its corners.

    Args:
      points: float [N, K, 3], (x, y, v) in the order of the contour.
      size: (height, width) in pixels.
      tau: softness of the edge, pixels.
      wider: pixels by which it grows on all sides, [N] or a number.

    Returns:
      float [N, height, width]; 0 where fewer than three corners are labelled.

    The inside is by the even-odd rule, whose choice has no gradient.
    """
    points = full(points)
    start, end, real = _edges(points)
    distance, _ = _to_segments(start, end, size=size)
    nearest = jnp.min(jnp.where(real[:, None, None], distance, FAR), -1)
    x, y = jnp.moveaxis(_pixels(size), -1, 0)
    (ax, ay), (bx, by) = (jnp.moveaxis(end_[:, None, None], -1, 0) for end_ in (start, end))
    crossed = (ay > y) != (by > y)
    rise = jnp.where(by == ay, 1.0, by - ay)
    crossed &= x < (bx - ax) * (y - ay) / rise + ax
    inside = jnp.sum(crossed & real[:, None, None], -1) % 2
    signed = jnp.where(inside == 1, nearest, -nearest) + _per_item(wider)
    enough = jnp.sum(_labelled(points), 1) >= 3
    return jax.nn.sigmoid(signed / tau) * enough[:, None, None]


def union(*shapes: jax.Array) -> jax.Array:
    """Union over the last axis of soft masks [N, H, W, S], [N, H, W, 1]."""
    return 1 - jnp.prod(1 - jnp.concatenate(shapes, -1), -1, keepdims=True)


def trunk_length(joints: jax.Array) -> jax.Array:
    """The unit of a body's radii, [N] pixels.

    From the middle of the shoulders to that of the hips; where one of the four is not labelled, a
    third of the labelled joints' height; 0 where no joint is.
    """
    joints = full(joints)
    labelled = _labelled(joints)
    four = jnp.all(labelled[:, np.array(SHOULDERS + HIPS)] > 0, 1)
    top, bottom = (jnp.mean(joints[:, np.array(pair), :2], 1) for pair in (SHOULDERS, HIPS))
    length = jnp.sqrt(jnp.sum((top - bottom) ** 2, -1) + 1e-12)
    y = joints[..., 1]
    low = jnp.min(jnp.where(labelled > 0, y, FAR), 1)
    high = jnp.max(jnp.where(labelled > 0, y, -FAR), 1)
    height = jnp.where(jnp.any(labelled > 0, 1), (high - low) / 3, 0.0)
    return jnp.where(four, length, height)


def body_attention(joints: jax.Array, *, size: tuple[int, int], soft: Softness) -> jax.Array:
    """Where the body is: limbs, trunk, head, and a little more around each joint.

    Args:
      joints: float [N, 17, 3], COCO's (x, y, v).
      size: (height, width) in pixels.
      soft: lengths.

    Returns:
      float [N, height, width, 1] in [0, 1]; 0 without any labelled joint.
    """
    joints = full(joints)
    length = trunk_length(joints)
    places = range(len(tables.LIMBS))
    limbs = _limbs(joints, places, length=length, size=size, soft=soft)
    head = joints[:, tables.HEAD_JOINT, None]
    radius = (tables.HEAD_RADIUS * length)[:, None]
    ball = capsules(head[..., :2], head[..., :2], radii=(radius, radius), size=size, tau=soft.tau)
    ball = ball * _labelled(head)[:, None, None]
    return union(limbs, _trunk(joints, size=size, soft=soft), ball, _dots(joints, size, soft))


def garment_attention(
    points: jax.Array, *, category: int, size: tuple[int, int], soft: Softness
) -> jax.Array:
    """Where the garment is: its filled contours, their lines, straps, more around each landmark.

    Args:
      points: float [N, K, 3], (x, y, v) in DeepFashion2's numbering of the category.
      category: DeepFashion2's number.
      size: (height, width) in pixels.
      soft: lengths.

    Returns:
      float [N, height, width, 1] in [0, 1].

    Raises:
      ValueError: if the category has another number of landmarks.
    """
    points, known = full(points), tables.CATEGORIES[category]
    if points.shape[1:] != (known.count, 3):
        raise ValueError(
            f"{known.name} has landmarks [N, {known.count}, 3]; got {points.shape}: are they of "
            "another category?"
        )
    shapes = [_dots(points, size, soft)]
    line = {"radii": (soft.line, soft.line), "size": size, "tau": soft.tau}
    for contour in known.contours:
        corners = points[:, np.array(contour)]
        start, end, real = _edges(corners)
        shapes += [polygon(corners, size=size, tau=soft.tau)[..., None]]
        drawn = real & (jnp.sum(real, 1, keepdims=True) >= 3)
        shapes += [capsules(start, end, **line) * drawn[:, None, None]]
    if known.straps:
        ends = points[:, np.array(known.straps)]
        both = jnp.prod(_labelled(ends), -1)
        shapes += [capsules(ends[:, :, 0, :2], ends[:, :, 1, :2], **line) * both[:, None, None]]
    return union(*shapes)


def garment_region(
    joints: jax.Array, *, category: int, size: tuple[int, int], soft: Softness
) -> jax.Array:
    """Where such a garment would be on such a body; arguments and result as `body_attention`."""
    joints = full(joints)
    length = trunk_length(joints)
    shapes = []
    if category in LEGS:
        corners = joints[:, np.array(LEGS[category])]
        legs = polygon(corners, size=size, tau=soft.tau, wider=THIGH * length)
        shapes += [legs[..., None]]
    if category in TRUNK:
        shapes += [_trunk(joints, size=size, soft=soft)]
    if category in ARMS:
        shapes += [_limbs(joints, ARMS[category], length=length, size=size, soft=soft)]
    return union(*shapes)


def heatmaps(joints: jax.Array, *, size: tuple[int, int]) -> jax.Array:
    """A disc for each joint at a quarter of the size, float [N, height / 4, width / 4, 17].

    A pixel of the small map lies in the middle of the 4 x 4 that it stands for, as it does where
    attention is averaged down.
    """
    joints = full(joints)
    xy = (joints[..., :2] - (HEATMAP_STRIDE - 1) / 2) / HEATMAP_STRIDE
    small = size[0] // HEATMAP_STRIDE, size[1] // HEATMAP_STRIDE
    sigma = HEATMAP_SIGMA / HEATMAP_STRIDE * size[0] / 256
    return discs(jnp.concatenate([xy, joints[..., 2:]], -1), size=small, sigma=sigma)


def attend(
    joints: jax.Array,
    points: jax.Array,
    *,
    mask: jax.Array,
    category: int,
    mode: str,
    soft: Softness,
) -> Attention:
    """The attention of pictures whose landmarks may be missing.

    Args:
      joints: float [N, 17, 3], COCO's (x, y, v).
      points: float [N, K, 3], garment landmarks of the category.
      mask: float [N, H, W, 1], the garment in [-1, 1].
      category: DeepFashion2's number.
      mode: landmark | mask (the garment's is its mask) | gaussian (discs alone) | learned (as
        landmark; generators learn their own) | none (zeros).
      soft: lengths.

    Raises:
      ValueError: if the mode is unknown.
    """
    if mode not in MODES:
        raise ValueError(f"attention must be one of {', '.join(MODES)}; got {mode!r}")
    joints, points, mask01 = full(joints), full(points), (full(mask) + 1) / 2
    size = sides(mask)
    posed = jnp.any(_labelled(joints) > 0, 1)
    maps = heatmaps(joints, size=size)
    if mode == "none":
        zeros = jnp.zeros_like(mask01)
        return Attention(zeros, zeros, maps, _path(posed & False, posed & False), full(posed * 1))
    if mode == "gaussian":
        body = jnp.max(discs(joints, size=size, sigma=soft.sigma), -1, keepdims=True)
        own = jnp.max(discs(points, size=size, sigma=soft.sigma), -1, keepdims=True)
    else:
        body = body_attention(joints, size=size, soft=soft)
        own = garment_attention(points, category=category, size=size, soft=soft)
    guess = garment_region(joints, category=category, size=size, soft=soft)
    by_points = (jnp.sum(_labelled(points), 1) >= 3) & _covers(own)
    by_joints = ~by_points & (jnp.sum(_labelled(points), 1) < 3) & _covers(guess)
    if mode == "mask":
        by_points = by_joints = posed & False
    garment = _choose(by_points, own, _choose(by_joints, guess, mask01))
    body = _choose(posed, body, jnp.ones_like(body))
    return Attention(body, garment, maps, _path(by_points, by_joints), full(posed * 1))


def _pixels(size: tuple[int, int]) -> jax.Array:
    """Coordinates (x, y) of every pixel, [height, width, 1, 2]."""
    y, x = np.mgrid[: size[0], : size[1]]
    return jnp.asarray(np.stack([x, y], -1)[:, :, None], jnp.result_type(float))


def _labelled(points: jax.Array) -> jax.Array:
    """1 where a landmark (..., x, y, v) counts, without the last axis."""
    return (points[..., 2] > 0).astype(points.dtype)


def _to_segments(
    start: jax.Array, end: jax.Array, *, size: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """Distance of each pixel to each segment, and where along it in [0, 1]: [N, H, W, S]."""
    start, whole = (x[:, None, None] for x in (start, end - start))
    offset = _pixels(size) - start
    along = jnp.sum(offset * whole, -1) / (jnp.sum(whole**2, -1) + 1e-6)
    along = jnp.clip(along, 0, 1)
    rest = offset - along[..., None] * whole
    return jnp.sqrt(jnp.sum(rest**2, -1) + 1e-12), along


def _edges(points: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """From each corner [N, K, 3] to the next labelled one: starts, ends [N, K, 2], real [N, K]."""
    count = points.shape[1]
    following = (np.arange(count)[:, None] + 1 + np.arange(count)) % count
    labelled = points[..., 2] > 0
    step = jnp.argmax(labelled[:, following], -1)
    after = jnp.take_along_axis(jnp.asarray(following)[None], step[..., None], -1)[..., 0]
    start = points[..., :2]
    end = jnp.take_along_axis(start, after[..., None], 1)
    return start, end, labelled & (after != np.arange(count))


def _limbs(
    joints: jax.Array,
    places: Sequence[int],
    *,
    length: jax.Array,
    size: tuple[int, int],
    soft: Softness,
) -> jax.Array:
    """Capsules of the limbs at `places` of the table whose two ends are labelled."""
    limbs = [tables.LIMBS[place] for place in places]
    first = joints[:, np.array([limb.a for limb in limbs])]
    last = joints[:, np.array([limb.b for limb in limbs])]
    radii = np.array([(limb.radius_a, limb.radius_b) for limb in limbs])
    widths = (length[:, None] * radii[:, 0], length[:, None] * radii[:, 1])
    shapes = capsules(first[..., :2], last[..., :2], radii=widths, size=size, tau=soft.tau)
    return shapes * (_labelled(first) * _labelled(last))[:, None, None]


def _trunk(joints: jax.Array, *, size: tuple[int, int], soft: Softness) -> jax.Array:
    """The polygon of shoulders and hips, if the four are labelled: [N, H, W, 1]."""
    corners = joints[:, np.array(tables.TORSO)]
    whole = jnp.prod(_labelled(corners), 1)
    return (polygon(corners, size=size, tau=soft.tau) * _per_item(whole))[..., None]


def _dots(points: jax.Array, size: tuple[int, int], soft: Softness) -> jax.Array:
    """The largest disc at each pixel, weighed down: [N, H, W, 1]."""
    return soft.kappa * jnp.max(discs(points, size=size, sigma=soft.sigma), -1, keepdims=True)


def _per_item(value: jax.Array | float) -> jax.Array:
    """[N] or a number, to stand beside [N, H, W]."""
    return jnp.reshape(jnp.asarray(value), (-1, 1, 1))


def _covers(maps: jax.Array) -> jax.Array:
    return jnp.mean(maps, (1, 2, 3)) >= SMALLEST


def _choose(where: jax.Array, yes: jax.Array, no: jax.Array) -> jax.Array:
    """Whole maps [N, H, W, 1] by item [N]."""
    return jnp.where(where[:, None, None, None], yes, no)


def _path(by_points: jax.Array, by_joints: jax.Array) -> jax.Array:
    path = jnp.stack([by_points, by_joints, ~(by_points | by_joints)], -1)
    return path.astype(jnp.float32)
