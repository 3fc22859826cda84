"""Warping pictures: thin-plate splines, affine maps, bilinear sampling, and matching of features.

Coordinates are (x, y) in [-1, 1], x to the right, y down. Grids say for each pixel of the result
where in the input it is taken from. With `align_corners` (the CP-VTON family) -1 is the centre of
the first pixel and 1 that of the last; without it they are the picture's edges (PyTorch's default
since 1.3). All functions are pure and differentiable; all numbers are float32 or wider.

    shift = jnp.zeros((1, 25, 2)).at[0, 12].set([0.3, 0.0])    # the middle node looks to the right
    grid = tps_grid(shift, size=(256, 192))
    warped = sample(picture, grid, padding="border")
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tryon_jax.layers.precision import full

PADDINGS = ("border", "zeros")
EPS = 1e-6  # inside the root of `l2_normalise`


def lattice_nodes(lattice: tuple[int, int], *, extent: float = 1.0) -> np.ndarray:
    """Control points of a regular lattice, column after column.

    Args:
      lattice: nodes along (x, y), 2 or more each.
      extent: half-width of the lattice; its outer nodes lie at -extent and extent.

    Returns:
      float64 [columns * rows, 2], (x, y); node n is in column n // rows, row n % rows.

    Raises:
      ValueError: if a side has fewer than 2 nodes.
    """
    if min(lattice) < 2:
        raise ValueError(f"a lattice has 2 nodes or more along each side, got {lattice}")
    x, y = (np.linspace(-extent, extent, count) for count in lattice)
    return np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)


def identity_grid(size: tuple[int, int], *, extent: float = 1.0) -> np.ndarray:
    """The grid that changes nothing (at `extent` 1 and with aligned corners).

    Args:
      size: (height, width) in pixels.
      extent: coordinate of the last pixel's centre.

    Returns:
      float64 [height, width, 2], (x, y).
    """
    y, x = (np.linspace(-extent, extent, count) for count in size)
    return np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)


def tps_grid(
    shift: jax.Array,
    *,
    size: tuple[int, int],
    lattice: tuple[int, int] = (5, 5),
    extent: float = 1.0,
) -> jax.Array:
    """Sampling grid of a thin-plate spline through a lattice of control points.

    Args:
      shift: float [N, columns * rows, 2], displacement (x, y) of each node in half-widths, in the
        order of `lattice_nodes`: a pixel at a node is taken from the node's place plus its shift.
      size: (height, width) of the grid in pixels, free of the size that the shift was found at.
      lattice: nodes along (x, y).
      extent: half-width of the lattice and of the grid (VITON-HD: 0.9).

    Returns:
      float [N, height, width, 2], (x, y).

    Raises:
      ValueError: if `shift` has another number of nodes.

    Source: Bookstein 1989; CP-VTON (Wang et al. 2018), section 3.2, with the kernel r^2 ln r^2.
      The spline is solved in float64 once per size; the original inverts in float32: 3e-5 apart.
    """
    nodes = lattice[0] * lattice[1]
    if shift.shape[1:] != (nodes, 2):
        raise ValueError(
            f"shift must be [N, {nodes}, 2] for a lattice of {lattice[0]} x {lattice[1]} nodes, "
            f"got {shift.shape}"
        )
    shift = full(shift)
    basis = jnp.asarray(tps_basis(tuple(size), tuple(lattice), extent), shift.dtype)
    # coordinates of pixels: never in the short products of an accelerator
    moved = jnp.einsum("pk,nkc->npc", basis, shift, precision=jax.lax.Precision.HIGHEST)
    still = jnp.asarray(identity_grid(size, extent=extent), shift.dtype)
    return still + moved.reshape(-1, *size, 2)


@functools.lru_cache(maxsize=16)
def tps_basis(size: tuple[int, int], lattice: tuple[int, int], extent: float) -> np.ndarray:
    """How far each pixel follows each node: float64 [height * width, nodes], rows add up to 1.

    Args:
      size: (height, width) in pixels.
      lattice: nodes along (x, y).
      extent: half-width of the lattice and of the grid.
    """
    nodes = lattice_nodes(lattice, extent=extent)
    count = len(nodes)
    system = np.zeros((count + 3, count + 3))
    system[:count] = _terms(nodes, nodes)
    system[count:, :count] = system[:count, count:].T
    pixels = identity_grid(size, extent=extent).reshape(-1, 2)
    return _terms(pixels, nodes) @ np.linalg.inv(system)[:, :count]


def _terms(points: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """The spline's functions at points: one per node, then 1, x, y."""
    squared = np.sum((points[:, None] - nodes[None]) ** 2, -1)
    radial = squared * np.log(np.where(squared > 0, squared, 1))
    return np.concatenate([radial, np.ones((len(points), 1)), points], 1)


def spline(
    nodes: jax.Array, values: jax.Array, *, known: jax.Array, places: jax.Array
) -> jax.Array:
    """A thin-plate spline through scattered points.

    Args:
      nodes: float [N, K, 2], (x, y); those that are known lie apart and not on one line.
      values: float [N, K, C], what the spline is there.
      known: bool [N, K]; the other nodes do not count.
      places: float [P, 2], where it is wanted.

    Returns:
      float [N, P, C].

    Source: Bookstein 1989; solved in the precision of `nodes`, at least float32, with 1e-6 added
      to the kernel's diagonal, for points that all but coincide.
    """
    nodes, values = jnp.asarray(full(nodes)), jnp.asarray(full(values))
    use = jnp.asarray(known, nodes.dtype)

    def terms(at: jax.Array) -> jax.Array:
        squared = jnp.sum((at[:, :, None] - nodes[:, None]) ** 2, -1)
        radial = squared * jnp.log(jnp.where(squared > 0, squared, 1)) * use[:, None]
        ones = jnp.ones((*at.shape[:2], 1), nodes.dtype)
        return jnp.concatenate([radial, ones, at], -1)

    count = nodes.shape[1]
    own = terms(nodes) * use[..., None]
    # an unknown node has a row of its own, which says that its weight is 0
    diagonal = jnp.where(known, 1e-6, 1.0)
    upper = own + jnp.pad(jax.vmap(jnp.diag)(diagonal), ((0, 0), (0, 0), (0, 3)))
    lower = jnp.pad(jnp.swapaxes(own[..., count:], 1, 2), ((0, 0), (0, 0), (0, 3)))
    right = jnp.pad(values * use[..., None], ((0, 0), (0, 3), (0, 0)))
    weights = jnp.linalg.solve(jnp.concatenate([upper, lower], 1), right)
    places = jnp.asarray(places, nodes.dtype)
    wanted = terms(jnp.broadcast_to(places, (len(nodes), *places.shape)))
    return jnp.einsum("npk,nkc->npc", wanted, weights, precision=jax.lax.Precision.HIGHEST)


def affine_grid(matrix: jax.Array, *, size: tuple[int, int], align_corners: bool) -> jax.Array:
    """Sampling grid of an affine map.

    Args:
      matrix: float [N, 2, 3]; (x, y) of the input = matrix @ (x, y, 1) of the result.
      size: (height, width) of the grid in pixels.
      align_corners: whether -1 and 1 are pixel centres, or edges.

    Returns:
      float [N, height, width, 2], (x, y).
    """
    matrix = full(matrix)
    still = identity_grid(size)
    if not align_corners:
        height, width = size
        still = still * ((width - 1) / width, (height - 1) / height)
    still = jnp.asarray(still, matrix.dtype)
    turned = jnp.einsum(
        "nij,hwj->nhwi", matrix[:, :, :2], still, precision=jax.lax.Precision.HIGHEST
    )
    return turned + matrix[:, None, None, :, 2]


def sample(
    pictures: jax.Array, grid: jax.Array, *, padding: str, align_corners: bool = True
) -> jax.Array:
    """Pictures seen through a grid, bilinearly.

    Args:
      pictures: float [N, H, W, C].
      grid: float [N, h, w, 2], (x, y); see `tps_grid`.
      padding: what lies outside: "border" (the nearest pixel of the edge) or "zeros".
      align_corners: whether -1 and 1 are pixel centres, or edges.

    Returns:
      float [N, h, w, C].

    Raises:
      ValueError: if the padding is unknown or the shapes do not fit.

    Source: PyTorch's `grid_sample`, values and gradients: a coordinate that is an integer has the
      slope to its right, one on or beyond the border none.
    """
    _check_sampled(pictures, grid, padding=padding)
    pictures, grid = full(pictures), full(grid)
    height, width = pictures.shape[1:3]
    x = _pixels(grid[..., 0], width, padding=padding, align_corners=align_corners)
    y = _pixels(grid[..., 1], height, padding=padding, align_corners=align_corners)
    left, top = (jax.lax.stop_gradient(jnp.floor(place)) for place in (x, y))
    across, down = (x - left)[..., None], (y - top)[..., None]  # floor has no slope, fractions do
    flat = pictures.reshape(len(pictures), -1, pictures.shape[-1])

    def corner(col: jax.Array, row: jax.Array) -> jax.Array:
        inside = (col >= 0) & (col < width) & (row >= 0) & (row < height)
        col, row = jnp.clip(col, 0, width - 1), jnp.clip(row, 0, height - 1)
        place = (row * width + col).astype(jnp.int32)
        found = jax.vmap(lambda picture, index: picture[index])(flat, place)
        return jnp.where(inside[..., None], found, 0)

    upper = corner(left, top) * (1 - across) + corner(left + 1, top) * across
    lower = corner(left, top + 1) * (1 - across) + corner(left + 1, top + 1) * across
    return upper * (1 - down) + lower * down


def _check_sampled(pictures: jax.Array, grid: jax.Array, *, padding: str) -> None:
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(PADDINGS)}; got {padding!r}")
    if len(pictures) != len(grid) or pictures.ndim != 4 or grid.shape[3:] != (2,):
        raise ValueError(
            f"sample takes pictures [N, H, W, C] and a grid [N, h, w, 2], "
            f"got {pictures.shape} and {grid.shape}"
        )


def _pixels(place: jax.Array, length: int, *, padding: str, align_corners: bool) -> jax.Array:
    """Coordinates in [-1, 1] as fractional pixels."""
    span = length - 1 if align_corners else length
    pixels = (place + 1) * (span / 2) + (length - 1 - span) / 2
    if padding == "border":
        # not jnp.clip: at the border itself it would keep half of the slope
        low, high = jnp.zeros((), pixels.dtype), jnp.asarray(length - 1, pixels.dtype)
        return jax.lax.clamp(low, pixels, high)
    return pixels


def l2_normalise(features: jax.Array) -> jax.Array:
    """Features [N, H, W, C] of length 1 at each place; an epsilon of 1e-6 is inside the root."""
    features = full(features)
    return features / jnp.sqrt(jnp.sum(features**2, -1, keepdims=True) + EPS)


def correlation(features_a: jax.Array, features_b: jax.Array) -> jax.Array:
    """How much each place of one map resembles every place of another.

    Args:
      features_a: float [N, h, w, C].
      features_b: float [N, H, W, C].

    Returns:
      float [N, H, W, w * h]: channel col * h + row is the product with the place (row, col) of
      `features_a`, column after column as in the original.

    Source: Rocco et al. 2017, section 3.2; CP-VTON without the normalisation that follows there.
    """
    a, b = full(features_a), full(features_b)
    products = jnp.einsum("nrkc,nhwc->nhwkr", a, b)
    return products.reshape(*b.shape[:3], -1)


def lattice_picture(size: tuple[int, int]) -> np.ndarray:
    """Red lines on black, to see what a warp does.

    Args:
      size: (height, width) in pixels.

    Returns:
      float32 [height, width, 3] in [-1, 1]; lines of 3 pixels every 17 at a height of 256.
    """
    height, width = size
    step, thick = max(height / 15, 4.0), max(height * 3 / 256, 1.0)
    rows, cols = (np.arange(length) % step < thick for length in (height, width))
    picture = np.full((height, width, 3), -1, np.float32)
    picture[rows[:, None] | cols[None, :], 0] = 1
    return picture
