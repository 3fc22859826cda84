"""Attention drawn from landmarks; its numbers are held by tests/golden/test_designgan.py."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax import attention
from tryon_jax import landmark_tables as tables

SIZE = (64, 32)
SOFT = attention.softness(64)
TROUSERS = 8
BODY = np.array(  # a person who stands before us, (x, y); left is the person's
    [[16, 6], [17, 5], [15, 5], [18, 6], [14, 6], [20, 13], [12, 13], [22, 21], [10, 21],
     [23, 29], [9, 29], [18, 31], [14, 31], [19, 43], [13, 43], [19, 56], [13, 56]], float
)  # fmt: skip
LEGS = np.array(  # trousers on it
    [[12, 30], [16, 30], [20, 30], [10, 36], [10, 45], [10, 55], [15, 55], [15, 45], [16, 36],
     [17, 45], [17, 55], [22, 55], [22, 45], [22, 36]], float
)  # fmt: skip


def seen(xy, hidden=()):
    """Landmarks [1, K, 3], all visible but some that are not labelled."""
    points = np.concatenate([xy, np.full((len(xy), 1), 2.0)], 1)
    points[list(hidden), 2] = 0
    return points[None].astype(np.float32)


def mirrored(points, pairs):
    order = list(tables.mirror_order(points.shape[1], pairs))
    points = points[:, order].copy()
    points[..., 0] = SIZE[1] - 1 - points[..., 0]
    return points


NOBODY = seen(BODY, range(17))
NOTHING = seen(LEGS, range(14))
MASK = np.full((1, *SIZE, 1), -1, np.float32)
MASK[:, 30:56, 10:22] = 1


@jax.jit
def attended(joints, points):
    return attention.attend(
        joints, points, mask=jnp.asarray(MASK), category=TROUSERS, mode="landmark", soft=SOFT
    )


def test_maps_are_shares_and_follow_the_landmarks():
    found = attended(seen(BODY), seen(LEGS))
    for maps in (found.body, found.garment, found.heatmaps):
        assert maps.dtype == jnp.float32
        assert float(maps.min()) >= 0 and float(maps.max()) <= 1
    assert found.body.shape == found.garment.shape == (1, *SIZE, 1)
    assert found.heatmaps.shape == (1, 16, 8, 17)
    assert float(found.garment[0, 42, 12, 0]) > 0.9 > 0.1 > float(found.garment[0, 10, 2, 0])
    assert float(found.body[0, 20, 16, 0]) > 0.9  # in the trunk
    assert found.path.tolist() == [[1, 0, 0]] and found.posed.tolist() == [1]


def test_a_mirrored_picture_has_the_mirrored_maps():
    plain = attended(seen(BODY), seen(LEGS))
    joints = mirrored(seen(BODY), tables.COCO17_FLIP_PAIRS)
    points = mirrored(seen(LEGS), tables.CATEGORIES[TROUSERS].flip_pairs)
    turned = attended(joints, points)
    for name in ("body", "garment"):
        want = np.asarray(getattr(plain, name))[:, :, ::-1]
        np.testing.assert_allclose(getattr(turned, name), want, atol=1e-5)
    order = list(tables.mirror_order(17, tables.COCO17_FLIP_PAIRS))
    want = np.asarray(plain.heatmaps)[:, :, ::-1, order]
    np.testing.assert_allclose(turned.heatmaps, want, atol=1e-5)


def test_without_landmarks_joints_tell_then_the_mask():
    region = attended(seen(BODY), NOTHING)
    assert region.path.tolist() == [[0, 1, 0]]
    assert float(region.garment[0, 45, 13, 0]) > 0.9 > 0.1 > float(region.garment[0, 10, 16, 0])
    few = attended(seen(BODY), seen(LEGS, range(2, 14)))  # two landmarks are no contour
    assert few.path.tolist() == [[0, 1, 0]]
    blind = attended(NOBODY, NOTHING)
    assert blind.path.tolist() == [[0, 0, 1]] and blind.posed.tolist() == [0]
    np.testing.assert_array_equal(blind.garment, (MASK + 1) / 2)
    assert float(blind.body.min()) == 1 and float(blind.heatmaps.max()) == 0


def test_a_garment_too_small_to_be_believed_is_its_mask():
    """Three landmarks beyond the picture's edge draw nothing on it."""
    found = attended(seen(BODY), seen(LEGS + 500))
    assert found.path.tolist() == [[0, 0, 1]]
    np.testing.assert_array_equal(found.garment, (MASK + 1) / 2)


@pytest.mark.slow
def test_gradients_are_finite_where_points_coincide():
    def total(xy):
        points = jnp.concatenate([xy, jnp.ones((*xy.shape[:2], 1))], -1)
        body = attention.body_attention(points, size=SIZE, soft=SOFT)
        corners = attention.polygon(points[:, :5], size=SIZE, tau=1.0)
        return jnp.sum(body) + jnp.sum(corners)

    gradient = jax.jit(jax.grad(total))
    for points in (jnp.full((1, 17, 2), 9.0), jnp.asarray(BODY, jnp.float32)[None]):
        assert bool(jnp.all(jnp.isfinite(gradient(points))))
    assert float(jnp.max(jnp.abs(gradient(jnp.asarray(BODY, jnp.float32)[None])))) > 0


def test_a_polygon_is_its_inside():
    square = seen(np.array([[4, 4], [12, 4], [12, 20], [4, 20]], float))
    maps = np.asarray(attention.polygon(square, size=SIZE, tau=0.1))[0]
    assert maps[12, 8] > 0.99 and maps[12, 2] < 0.01 and maps[30, 8] < 0.01
    # half a pixel's edge is as far inside as outside
    assert maps.sum() == pytest.approx(8 * 16, rel=0.02)
    wider = attention.polygon(square, size=SIZE, tau=0.1, wider=2.0)[0]
    assert float(wider[12, 2]) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.slow
def test_outwear_has_two_halves_and_slings_have_straps():
    draw = partial(attention.garment_attention, size=SIZE, soft=SOFT)
    sling = np.full((15, 2), 40.0)
    sling[[1, 6]] = [[6, 30], [6, 4]]  # a strap from the neckline up
    points = seen(sling, set(range(15)) - {1, 6})
    assert float(draw(points, category=6)[0, 17, 6, 0]) > 0.4
    rng = np.random.default_rng(0)
    open_coat = seen(rng.uniform(4, 28, (31, 2)))
    assert draw(open_coat, category=3).shape == (1, *SIZE, 1)


@pytest.mark.slow
def test_modes():
    def draw(mode):
        return attention.attend(
            seen(BODY), seen(LEGS), mask=jnp.asarray(MASK), category=TROUSERS, mode=mode, soft=SOFT
        )

    np.testing.assert_array_equal(draw("mask").garment, (MASK + 1) / 2)
    assert draw("mask").path.tolist() == [[0, 0, 1]]
    nothing = draw("none")
    assert float(nothing.body.max()) == float(nothing.garment.max()) == 0
    discs = draw("gaussian").garment[0, ..., 0]
    assert float(discs[30, 12]) == 1 and float(discs[50, 12]) < 0.1
    with pytest.raises(ValueError, match=r"attention must be one of landmark, .*got 'heat'"):
        draw("heat")


def test_landmarks_of_another_category_are_refused():
    with pytest.raises(ValueError, match=r"shorts has landmarks \[N, 10, 3\]; got \(1, 14, 3\)"):
        attention.garment_attention(seen(LEGS), category=7, size=SIZE, soft=SOFT)
