"""Heatmaps of landmarks: drawn as targets, compared, and read again.

Maps are [N, H, W, K], one for each landmark; places are (x, y) in pixels of the maps. A picture's
pixel p lies at p / stride. Sources: Sun et al. 2019 and its code (quantised targets, quarter
offset, flip test, loss); Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose
Estimation", CVPR 2020 (DARK: unbiased targets, Newton step); Chen et al. 2018 (hard landmarks).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from tryon_jax.layers.precision import full

TARGETS = ("unbiased", "quantised", "floored")
DECODINGS = ("dark", "quarter", "argmax", "soft")
BLUR, BLUR_SIGMA = 11, 2.0  # DARK's Gaussian: width and deviation, pixels
BETA = 25.0  # sharpness of the soft maximum, for maps whose maximum is near 1
TINY = 1e-10  # below it DARK takes no logarithm
HARD = 8  # landmarks that hard mining keeps


def targets(
    places: jax.Array,
    weight: jax.Array,
    *,
    size: tuple[int, int],
    sigma: float,
    kind: str = "unbiased",
) -> tuple[jax.Array, jax.Array]:
    """Gaussian bumps at the landmarks.

    Args:
      places: [N, K, 2], (x, y) in pixels of the maps, not rounded.
      weight: [N, K], 0 for what is not labelled; up to 0.5 the map stays empty.
      size: (height, width) of the maps.
      sigma: of the bump, pixels of the maps.
      kind: unbiased (centred where the landmark is, everywhere above 0; DARK) | quantised (centred
        on the nearest pixel, cut off beyond 3 sigma; HRNet) | floored (as quantised on the pixel
        before; HRNet for faces).

    Returns:
      Maps [N, H, W, K], 1 at most, and the weight, 0 where the bump's window misses the map.

    Raises:
      ValueError: if the kind is unknown.
    """
    if kind not in TARGETS:
        raise ValueError(f"kind must be one of {', '.join(TARGETS)}; got {kind!r}")
    places, weight, reach = full(places), full(weight), 3 * sigma
    if kind == "quantised":
        places = jnp.trunc(places + 0.5)
    first, end = jnp.trunc(places - reach), jnp.trunc(places + reach + 1)
    misses = jnp.any((first >= jnp.array(size[::-1])) | (end < 0), -1)
    weight = jnp.where(misses, 0, weight)
    centre = places if kind == "unbiased" else first + (2 * reach + 1) // 2
    bumps = []
    for axis, length in ((1, size[0]), (0, size[1])):  # y, then x
        pixel = jnp.arange(length)
        bump = jnp.exp(-((pixel - centre[..., axis, None]) ** 2) / (2 * sigma**2))
        if kind != "unbiased":
            inside = (pixel >= first[..., axis, None]) & (pixel < end[..., axis, None])
            bump = jnp.where(inside, bump, 0)
        bumps.append(bump)
    maps = jnp.einsum("nkh,nkw->nhwk", *bumps)
    return jnp.where((weight > 0.5)[:, None, None], maps, 0), weight


def squared_error(maps: jax.Array, target: jax.Array, *, weight: jax.Array | None) -> jax.Array:
    """Half the mean squared difference, each landmark's multiplied by its weight (squared).

    Args:
      maps: [N, H, W, K].
      target: likewise.
      weight: [N, K], or None for 1 everywhere.
    """
    return jnp.mean(_errors(maps, target, weight))


def hardest_error(
    maps: jax.Array, target: jax.Array, *, weight: jax.Array | None, count: int = HARD
) -> jax.Array:
    """As `squared_error`, of each picture's `count` worst landmarks alone.

    Source: Chen et al., "Cascaded Pyramid Network for Multi-Person Pose Estimation", 2018, eq. 1.
    """
    worst, _ = jax.lax.top_k(_errors(maps, target, weight), min(count, maps.shape[-1]))
    return jnp.mean(worst)


def decode(maps: jax.Array, *, how: str) -> tuple[jax.Array, jax.Array]:
    """Places of the landmarks and how sure they are.

    Args:
      maps: [N, H, W, K].
      how: one of DECODINGS.

    Returns:
      Places [N, K, 2], (x, y) in pixels of the maps, (0, 0) where no value is above 0 (but for
      `soft`), and the maxima [N, K].

    Raises:
      ValueError: if `how` is unknown.
    """
    if how not in DECODINGS:
        raise ValueError(f"decoding must be one of {', '.join(DECODINGS)}; got {how!r}")
    places, score = peaks(maps)
    if how == "quarter":
        places = quarter(maps, places)
    if how == "dark":
        places = newton(maps, places)
    if how == "soft":
        places = soft_argmax(maps)
    return places, score


def peaks(maps: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The first maximum of each map: places [N, K, 2], 0 if it is not above 0, and its value."""
    n, height, width, count = maps.shape
    flat = maps.reshape(n, height * width, count)
    place, score = jnp.argmax(flat, 1), jnp.max(flat, 1)
    places = jnp.stack([place % width, place // width], -1).astype(full(maps).dtype)
    return jnp.where((score > 0)[..., None], places, 0), score


def quarter(maps: jax.Array, places: jax.Array) -> jax.Array:
    """Places [N, K, 2] moved by a quarter of a pixel towards the larger neighbour on each axis."""
    x, y = _whole(places)
    slope = [_at(maps, x + 1, y) - _at(maps, x - 1, y), _at(maps, x, y + 1) - _at(maps, x, y - 1)]
    within = _within(maps, x, y, low=1, rim=1)
    return places + jnp.where(within[..., None], 0.25 * jnp.sign(jnp.stack(slope, -1)), 0)


def newton(maps: jax.Array, places: jax.Array) -> jax.Array:
    """Places [N, K, 2] moved to the maximum of a parabola through the blurred map's logarithm."""
    log = jnp.log(jnp.maximum(blurred(maps), TINY))
    x, y = _whole(places)

    def value(dx: int, dy: int) -> jax.Array:
        return _at(log, x + dx, y + dy)

    here = value(0, 0)
    dx, dy = (value(1, 0) - value(-1, 0)) / 2, (value(0, 1) - value(0, -1)) / 2
    dxx = (value(2, 0) - 2 * here + value(-2, 0)) / 4
    dyy = (value(0, 2) - 2 * here + value(0, -2)) / 4
    dxy = (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)) / 4
    area = dxx * dyy - dxy**2
    solvable = _within(maps, x, y, low=1, rim=2) & (area != 0)
    step = jnp.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], -1)
    step = step / jnp.where(solvable, area, 1)[..., None]
    return places + jnp.where(solvable[..., None], step, 0)


def blurred(maps: jax.Array) -> jax.Array:
    """Maps under DARK's Gaussian with zeros around them, each scaled to its old maximum."""
    offsets = np.arange(BLUR) - BLUR // 2
    bell = np.exp(-(offsets**2) / (2 * BLUR_SIGMA**2))
    kernel = (bell / bell.sum()).astype(np.float32)
    smooth = full(maps)
    for axis in (1, 2):
        edge = [(0, 0)] * 4
        edge[axis] = (BLUR // 2, BLUR // 2)
        padded, length = jnp.pad(smooth, edge), maps.shape[axis]
        parts = [
            share * jax.lax.slice_in_dim(padded, i, i + length, axis=axis)
            for i, share in enumerate(kernel)
        ]
        smooth = sum(parts[1:], start=parts[0])
    now = jnp.max(smooth, (1, 2), keepdims=True)
    return smooth * jnp.max(maps, (1, 2), keepdims=True) / jnp.where(now == 0, 1, now)


def soft_argmax(maps: jax.Array, *, beta: float = BETA) -> jax.Array:
    """The mean place under softmax(beta * map), [N, K, 2], which has gradients."""
    n, height, width, count = maps.shape
    flat = full(maps).reshape(n, height * width, count)
    share = jax.nn.softmax(beta * flat, axis=1).reshape(maps.shape)
    x = jnp.einsum("nhwk,w->nk", share, jnp.arange(width, dtype=share.dtype))
    y = jnp.einsum("nhwk,h->nk", share, jnp.arange(height, dtype=share.dtype))
    return jnp.stack([x, y], -1)


def flipped_back(maps: jax.Array, *, order: tuple[int, ...]) -> jax.Array:
    """Maps of a mirrored picture as maps of the picture itself.

    Args:
      maps: [N, H, W, K].
      order: `landmark_tables.mirror_order`.
    """
    return maps[:, :, ::-1][..., jnp.array(order)]


def flip_averaged(
    maps: jax.Array, mirrored: jax.Array, *, order: tuple[int, ...], shift: int
) -> jax.Array:
    """The mean of a picture's maps and of its mirrored picture's.

    Args:
      maps: [N, H, W, K], of the picture.
      mirrored: likewise, of the mirrored one.
      order: `landmark_tables.mirror_order`.
      shift: columns by which the latter are moved to the right: 1, for a mirrored pixel lies
        1 - 1 / stride off; 0 for maps of the picture's size.
    """
    back = flipped_back(mirrored, order=order)
    if shift:
        edge = jnp.repeat(back[:, :, :1], shift, 2)
        back = jnp.concatenate([edge, back[:, :, :-shift]], 2)
    return (maps + back) / 2


def _errors(maps: jax.Array, target: jax.Array, weight: jax.Array | None) -> jax.Array:
    """[N, K]: half the mean squared difference of each map."""
    if maps.shape != target.shape:
        raise ValueError(f"maps and targets have one shape, got {maps.shape} and {target.shape}")
    difference = full(maps) - full(target)
    if weight is not None:
        difference = difference * full(weight)[:, None, None]
    return jnp.mean(difference**2, (1, 2)) / 2


def _whole(places: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, y = jnp.moveaxis(jnp.round(places).astype(jnp.int32), -1, 0)
    return x, y


def _within(maps: jax.Array, x: jax.Array, y: jax.Array, *, low: int, rim: int) -> jax.Array:
    height, width = maps.shape[1:3]
    return (x > low) & (x < width - rim) & (y > low) & (y < height - rim)


def _at(maps: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    """Values [N, K] of the maps at x, y [N, K], of the nearest pixel where these lie outside."""
    n, height, width, count = maps.shape
    x, y = jnp.clip(x, 0, width - 1), jnp.clip(y, 0, height - 1)
    return maps[jnp.arange(n)[:, None], y, x, jnp.arange(count)]
