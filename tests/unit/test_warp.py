"""Warping by hand: grids, sampling, its slopes, matching. Against PyTorch: golden/test_warp.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax import warp

# under jit, as in a step; compiled once for each shape
sample = jax.jit(warp.sample, static_argnames=("padding", "align_corners"))
tps_grid = jax.jit(warp.tps_grid, static_argnames=("size", "lattice", "extent"))
affine_grid = jax.jit(warp.affine_grid, static_argnames=("size", "align_corners"))


def picture(height=6, width=5, *, count=1, channels=2):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, height, width, channels)).astype(np.float32)


def moved(size, *, x=0.0, y=0.0):
    """The identity grid plus a shift, float32 [1, h, w, 2]."""
    return jnp.asarray(warp.identity_grid(size)[None] + (x, y), jnp.float32)


class TestGrids:
    def test_nodes_go_down_the_columns(self):
        wanted = [(-1, -1), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 1)]
        np.testing.assert_array_equal(warp.lattice_nodes((3, 2)), wanted)
        np.testing.assert_allclose(warp.lattice_nodes((2, 2), extent=0.9)[1], (-0.9, 0.9))

    def test_the_identity_grid_is_x_then_y(self):
        wanted = [[(-1, -1), (0, -1), (1, -1)], [(-1, 1), (0, 1), (1, 1)]]
        np.testing.assert_array_equal(warp.identity_grid((2, 3)), wanted)

    def test_a_spline_without_shifts_changes_nothing(self):
        grid = tps_grid(jnp.zeros((2, 25, 2)), size=(8, 6))
        np.testing.assert_allclose(grid, np.broadcast_to(warp.identity_grid((8, 6)), (2, 8, 6, 2)))

    @pytest.mark.parametrize(
        ("lattice", "extent"), [((5, 5), 1.0), ((3, 5), 1.0), ((5, 3), 1.0), ((3, 5), 0.9)]
    )
    def test_a_pixel_at_a_node_moves_by_its_shift(self, lattice, extent):
        """The lattice has a node in each pixel of a picture of its own size."""
        columns, rows = lattice
        shift = np.random.default_rng(1).normal(size=(2, columns * rows, 2)).astype(np.float32)
        grid = tps_grid(shift, size=(rows, columns), lattice=lattice, extent=extent)
        nodes = warp.lattice_nodes(lattice, extent=extent)
        wanted = (nodes + shift).reshape(2, columns, rows, 2).swapaxes(1, 2)
        np.testing.assert_allclose(grid, wanted, atol=2e-5)

    def test_an_affine_map_stays_affine_between_the_nodes(self):
        turn = np.array([[0.1, -0.3], [0.2, 0.05]])
        nodes, still = warp.lattice_nodes((3, 5)), warp.identity_grid((9, 7))
        shift = jnp.asarray(nodes @ turn.T + (0.25, -0.5), jnp.float32)[None]
        grid = tps_grid(shift, size=(9, 7), lattice=(3, 5))
        np.testing.assert_allclose(grid[0], still + still @ turn.T + (0.25, -0.5), atol=2e-5)

    def test_every_pixel_follows_its_nodes_in_full(self):
        basis = warp.tps_basis((8, 6), (3, 5), 0.9)
        assert basis.shape == (48, 15)
        np.testing.assert_allclose(basis.sum(1), 1)

    def test_the_extent_of_viton_hd(self):
        grid = tps_grid(jnp.zeros((1, 25, 2)), size=(4, 3), extent=0.9)
        np.testing.assert_allclose(grid[0, 0, 0], (-0.9, -0.9), rtol=1e-6)
        np.testing.assert_allclose(grid[0, -1, -1], (0.9, 0.9), rtol=1e-6)

    @pytest.mark.parametrize(("align_corners", "edge"), [(True, 1.0), (False, 0.75)])
    def test_an_affine_identity(self, align_corners, edge):
        matrix = jnp.eye(2, 3)[None]
        grid = affine_grid(matrix, size=(4, 4), align_corners=align_corners)
        np.testing.assert_allclose(grid[0, 0, 0], (-edge, -edge), rtol=1e-6)
        np.testing.assert_allclose(grid[0, 0, -1], (edge, -edge), rtol=1e-6)
        x = picture(4, 4)
        y = sample(x, grid, padding="zeros", align_corners=align_corners)
        np.testing.assert_allclose(y, x, atol=1e-6)

    @pytest.mark.parametrize("align_corners", [True, False])
    def test_an_affine_half_turn_and_a_move(self, align_corners):
        options = {"align_corners": align_corners}
        x = picture(4, 6, count=2)
        turn = jnp.asarray([[[-1.0, 0, 0], [0, -1, 0]], [[1, 0, 0], [0, 1, 0]]])
        y = sample(x, affine_grid(turn, size=(4, 6), **options), padding="zeros", **options)
        np.testing.assert_allclose(y[0], x[0, ::-1, ::-1], atol=2e-6)
        np.testing.assert_allclose(y[1], x[1], atol=2e-6)
        pixel = 2 / (5 if align_corners else 6)
        move = jnp.asarray([[[1, 0, pixel], [0, 1, 0]]])
        grid = affine_grid(move, size=(4, 6), **options)
        y = sample(x[:1], grid, padding="border", **options)
        np.testing.assert_allclose(y[:, :, :-1], x[:1, :, 1:], atol=5e-6)


class TestSample:
    @pytest.mark.parametrize("padding", warp.PADDINGS)
    def test_the_identity_leaves_a_picture(self, padding):
        x = picture()
        np.testing.assert_allclose(sample(x, moved((6, 5)), padding=padding), x, atol=5e-6)

    def test_one_pixel_to_the_left(self):
        x = picture()
        grid = moved((6, 5), x=2 / 4)  # each pixel is taken from its right neighbour
        border = sample(x, grid, padding="border")
        zeros = sample(x, grid, padding="zeros")
        for y, last in ((border, x[:, :, -1]), (zeros, 0 * x[:, :, -1])):
            np.testing.assert_allclose(y[:, :, :-1], x[:, :, 1:], atol=5e-6)
            np.testing.assert_allclose(y[:, :, -1], last, atol=5e-6)

    def test_one_pixel_down_where_edges_are_ones(self):
        x = picture()
        still = warp.identity_grid((6, 5)) * (4 / 5, 5 / 6)
        grid = jnp.asarray(still[None] - (0, 2 / 6), jnp.float32)
        y = sample(x, grid, padding="zeros", align_corners=False)
        np.testing.assert_allclose(y[:, 1:], x[:, :-1], atol=5e-6)
        np.testing.assert_allclose(y[:, 0], 0, atol=5e-6)

    def test_between_four_pixels(self):
        x = jnp.asarray([[1.0, 2.0], [4.0, 8.0]])[None, :, :, None]
        places = jnp.asarray([[[[0.0, 0.0], [-0.5, 1.0], [2.0, 0.0]]]])
        got = sample(x, places, padding="border")
        np.testing.assert_allclose(got[0, 0, :, 0], (15 / 4, 5.0, 5.0))
        got = sample(x, places, padding="zeros")
        np.testing.assert_allclose(got[0, 0, :, 0], (15 / 4, 5.0, 2.5))  # half a pixel outside

    @staticmethod
    def slope(x, *, padding, align_corners=True):
        """Slope along x of the row 0, 1, 4, 9, 16 at a coordinate."""
        row = jnp.asarray([0.0, 1.0, 4.0, 9.0, 16.0])[None, None, :, None]

        def value(x):
            place = jnp.stack([x, jnp.zeros(())])[None, None, None]
            found = sample(row, place, padding=padding, align_corners=align_corners)
            return found.sum()

        return float(jax.grad(value)(jnp.float32(x)))

    @pytest.mark.parametrize("padding", warp.PADDINGS)
    def test_at_a_pixel_the_slope_is_that_to_its_right(self, padding):
        for pixel, step in ((1, 3), (2, 5), (3, 7)):
            assert self.slope(pixel / 2 - 1, padding=padding) == 2 * step
        assert self.slope(0.25, padding=padding) == 2 * 5  # between the third and the fourth

    @pytest.mark.parametrize("x", [-1.5, -1.0, 1.0, 1.5])
    def test_on_and_beyond_the_border_there_is_none(self, x):
        assert self.slope(x, padding="border") == 0
        assert self.slope(x * 0.9, padding="border", align_corners=False) == 0

    def test_zeros_slope_down_outside(self):
        assert self.slope(-1.0, padding="zeros") == 2 * 1
        assert self.slope(1.0, padding="zeros") == -2 * 16
        assert self.slope(1.25, padding="zeros") == -2 * 16
        assert self.slope(1.75, padding="zeros") == 0

    def test_a_picture_receives_the_weights(self):
        x = jnp.zeros((1, 2, 2, 1))
        place = jnp.asarray([[[[-0.5, 0.0]]]])  # a quarter to the right, half way down
        got = jax.grad(lambda x: sample(x, place, padding="border").sum())(x)
        np.testing.assert_allclose(got[0, ..., 0], [[0.375, 0.125], [0.375, 0.125]])

    def test_widths(self):
        x, grid = picture(), moved((3, 4))
        short = sample(x.astype(jnp.bfloat16), grid.astype(jnp.bfloat16), padding="zeros")
        assert short.dtype == jnp.float32 and short.shape == (1, 3, 4, 2)
        with jax.enable_x64(True):
            shift = jnp.zeros((1, 25, 2), jnp.float64)
            grid = tps_grid(shift, size=(6, 5))
            assert grid.dtype == jnp.float64
            matrix = jnp.eye(2, 3, dtype=jnp.float64)[None]
            affine = affine_grid(matrix, size=(6, 5), align_corners=True)
            for found in (grid, affine):
                y = sample(x.astype(np.float64), found, padding="zeros")
                assert y.dtype == jnp.float64
                np.testing.assert_allclose(y, x, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: warp.lattice_nodes((1, 5)), r"2 nodes or more along each side, got \(1, 5\)"),
        (
            lambda: warp.tps_grid(jnp.zeros((1, 25, 2)), size=(4, 4), lattice=(3, 5)),
            r"must be \[N, 15, 2\] for a lattice of 3 x 5 nodes, got \(1, 25, 2\)",
        ),
        (
            lambda: warp.sample(picture(), moved((2, 2)), padding="reflection"),
            r"padding must be one of border, zeros; got 'reflection'",
        ),
        (
            lambda: warp.sample(picture(count=2), moved((2, 2)), padding="zeros"),
            r"got \(2, 6, 5, 2\) and \(1, 2, 2, 2\)",
        ),
        (lambda: warp.sample(picture()[0], moved((2, 2)), padding="zeros"), r"got \(6, 5, 2\) and"),
        (lambda: warp.sample(picture(), jnp.zeros((1, 2, 2, 3)), padding="zeros"), r"2, 2, 3\)$"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class TestMatching:
    def test_features_of_length_one(self):
        x = jnp.asarray([3.0, 4.0])[None, None, None]
        np.testing.assert_allclose(warp.l2_normalise(x)[0, 0, 0], (0.6, 0.8), rtol=1e-6)
        nothing = jnp.zeros((1, 1, 1, 2))
        np.testing.assert_array_equal(warp.l2_normalise(nothing), 0)
        slope = jax.grad(lambda x: warp.l2_normalise(x).sum())(nothing)
        np.testing.assert_allclose(slope, 1e3, rtol=1e-6)  # 1 / sqrt(1e-6)

    def test_channels_go_down_the_columns_of_the_first_map(self):
        a = jnp.arange(6.0).reshape(1, 2, 3, 1)
        b = jnp.asarray([10.0, 100.0]).reshape(1, 1, 2, 1)
        got = jax.jit(warp.correlation)(a, b)
        assert got.shape == (1, 1, 2, 6)
        np.testing.assert_array_equal(got[0, 0, 0], [0, 30, 10, 40, 20, 50])
        np.testing.assert_array_equal(got[0, 0, 1], got[0, 0, 0] * 10)


@pytest.mark.parametrize(("size", "lines"), [((256, 192), 12), ((64, 48), 12)])
def test_the_lattice_to_look_at(size, lines):
    made = warp.lattice_picture(size)
    assert made.shape == (*size, 3) and made.dtype == np.float32
    assert set(np.unique(made)) == {-1, 1} and (made[..., 1:] == -1).all()
    between = made[size[0] // 20, :, 0] == 1  # a row below the first line
    assert (np.diff(between.astype(int), prepend=0) == 1).sum() == lines
