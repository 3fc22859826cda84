"""Splines through scattered points, textures along landmarks, the largest piece of a mask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax import texture_warp, warp
from tryon_jax.landmark_tables import CATEGORIES, mirror_order
from tryon_jax.texture_warp import TEMPLATES, follows

# under jit, as in a mode; compiled once for each shape
spline = jax.jit(warp.spline)
along_landmarks = jax.jit(texture_warp.along_landmarks, static_argnames="category")
largest_part = jax.jit(texture_warp.largest_part)
SIZE = (48, 32)
BOX = (6, 4, 25, 43)  # first and last column and row of the garment


def placed(category):
    """A garment whose landmarks lie exactly as its template says, and its mask."""
    x0, y0, x1, y1 = BOX
    points = np.array(TEMPLATES[category]) * (x1 - x0, y1 - y0) + (x0, y0)
    mask = np.zeros((1, *SIZE, 1), np.float32)
    mask[:, y0 : y1 + 1, x0 : x1 + 1] = 1
    return np.concatenate([points, np.full((len(points), 1), 2.0)], 1)[None], mask


def stripes():
    """Red grows downwards, green to the right."""
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([rows / 48, cols / 32, 0 * rows], -1)[None].astype(np.float32)


class TestSpline:
    """`warp.spline`."""

    def test_it_goes_through_its_points(self):
        rng = np.random.default_rng(0)
        nodes, values = rng.uniform(-1, 1, (2, 12, 2)), rng.uniform(-1, 1, (2, 12, 3))
        known = np.ones((2, 12), bool)
        for n in range(2):
            found = spline(nodes, values, known=known, places=nodes[n])
            np.testing.assert_allclose(found[n], values[n], atol=2e-4)

    def test_an_affine_map_stays_one(self):
        rng = np.random.default_rng(1)
        nodes, places = rng.uniform(-1, 1, (1, 9, 2)), rng.uniform(-2, 2, (20, 2))
        matrix = np.array([[0.5, 0.2], [-0.3, 1.1]])
        values = nodes @ matrix + (0.1, -0.2)
        found = spline(nodes, values, known=np.ones((1, 9), bool), places=places)
        np.testing.assert_allclose(found[0], places @ matrix + (0.1, -0.2), atol=1e-4)

    def test_unknown_points_do_not_count(self):
        rng = np.random.default_rng(2)
        nodes, values = rng.uniform(-1, 1, (1, 9, 2)), rng.uniform(-1, 1, (1, 9, 2))
        known = np.arange(9)[None] < 6
        places = rng.uniform(-1, 1, (5, 2))
        fewer = spline(nodes[:, :6], values[:, :6], known=known[:, :6], places=places)
        for junk in (0.0, 7.0):
            strange = np.where(known[..., None], nodes, junk)
            found = spline(strange, values, known=known, places=places)
            np.testing.assert_allclose(found, fewer, atol=1e-4)


class TestTemplates:
    """Where landmarks lie on a garment laid out flat."""

    @pytest.mark.parametrize("category", TEMPLATES)
    def test_they_are_whole(self, category):
        known, places = CATEGORIES[category], np.array(TEMPLATES[category])
        assert places.shape == (known.count, 2)
        np.testing.assert_array_equal(places.min(0), 0)
        np.testing.assert_array_equal(places.max(0), 1)
        turned = places[list(mirror_order(known.count, known.flip_pairs))]
        np.testing.assert_allclose(turned, np.abs((1, 0) - places), atol=0.011)


class TestAlongLandmarks:
    """A texture bent along a garment."""

    @pytest.mark.parametrize("category", [2, 8])
    def test_a_flat_garment_changes_nothing(self, category):
        points, mask = placed(category)
        found = along_landmarks(stripes(), points, masks=mask, category=category)
        inside = mask[0, ..., 0] > 0
        np.testing.assert_allclose(found[0][inside], stripes()[0][inside], atol=2e-3)

    def test_stripes_follow_a_bent_leg(self):
        points, mask = placed(8)
        lower = points[0, :, 1] > 20
        points[0, lower, 0] += 0.3 * (points[0, lower, 1] - 20)
        found = np.asarray(along_landmarks(stripes(), points, masks=mask, category=8)[0])
        # the waist keeps its columns; at the hem they are shifted as the leg is
        assert abs(found[6, 16, 1] - 16 / 32) < 0.05
        hem = 0.3 * (BOX[3] - 20)
        assert abs(found[BOX[3], 22, 1] - (22 - hem) / 32) < 0.05

    def test_too_few_points_leave_the_plane(self):
        points, mask = placed(8)
        points[0, 9:] = 0
        assert not follows(jnp.array(points), category=8)[0]
        found = along_landmarks(stripes(), points, masks=mask, category=8)
        np.testing.assert_array_equal(found, stripes())
        assert np.isfinite(found).all()

    def test_no_template_leaves_the_plane(self):
        points = np.ones((1, CATEGORIES[13].count, 3))
        assert not follows(jnp.array(points), category=13)[0]
        found = along_landmarks(stripes(), points, masks=placed(8)[1], category=13)
        np.testing.assert_array_equal(found, stripes())

    def test_landmarks_of_another_category(self):
        points, mask = placed(7)
        with pytest.raises(ValueError, match=r"trousers has landmarks \[N, 14, 3\]"):
            along_landmarks(stripes(), points, masks=mask, category=8)


def test_the_largest_piece():
    masks = -np.ones((3, 12, 16, 1), np.float32)
    masks[0, 1:3, 1:4] = 1
    masks[0, 5:11, 6:15] = 1
    masks[0, 7:9, 8:10] = -1  # a hole
    masks[1, 2:5, 2:5] = masks[1, 5:8, 5:8] = 1  # they meet at a corner
    found = np.asarray(largest_part(masks))
    assert found.dtype == bool and found[0].sum() == 6 * 9 - 4 and not found[0, :4].any()
    assert found[1].sum() == 18 and not found[2].any()
    snake = -np.ones((1, 9, 9, 1), np.float32)
    snake[0, ::2] = 1
    snake[0, 1::4, -1] = snake[0, 3::4, 0] = 1
    assert largest_part(snake).sum() == (snake > 0).sum()


def test_the_largest_piece_of_each():
    assert texture_warp.FEWEST == 10
    rng = np.random.default_rng(0)
    masks = np.where(rng.random((2, 16, 16, 1)) < 0.3, 1.0, -1.0)
    ndimage = pytest.importorskip("scipy.ndimage")
    found = np.asarray(largest_part(masks))
    for mask, piece in zip(masks[..., 0] > 0, found[..., 0], strict=True):
        labels, _ = ndimage.label(mask, np.ones((3, 3)))
        sizes = np.bincount(labels.ravel())[1:]
        assert piece.sum() == sizes.max() and len(np.unique(labels[piece])) == 1
