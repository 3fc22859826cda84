"""Style and skin losses: what moves them. Numbers: tests/golden/test_designgan.py."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax import garment_style, patches, skin, texture

SIZE = (64, 48)
KNEES = ("knee", "calf")


def garment(x=10, y=12, seed=0):
    """A patterned rectangle on grey, and its mask: [1, 64, 48, 3 and 1]."""
    picture = np.zeros((1, *SIZE, 3), np.float32)
    mask = np.full((1, *SIZE, 1), -1, np.float32)
    picture[:, y : y + 30, x : x + 20] = np.random.default_rng(seed).uniform(-1, 1, (30, 20, 3))
    mask[:, y : y + 30, x : x + 20] = 1
    return jnp.asarray(picture), jnp.asarray(mask)


@partial(jax.jit, static_argnames=("split", "weight"))
def style(before, after, *, split=1, weight="chessboard"):
    """The loss, whether it counts, and the gradient in the made picture."""

    def total(picture):
        loss, counted = garment_style.style_loss(
            before, (picture, after[1]), size=32, split=split, weight=weight
        )
        return jnp.sum(loss), counted

    (loss, counted), gradient = jax.value_and_grad(total, has_aux=True)(after[0])
    return float_of(loss), counted, gradient


def float_of(x):
    return jnp.asarray(x, jnp.float32)


def test_equal_garments_cost_nothing():
    loss, counted, gradient = style(garment(), garment())
    assert float(loss) == 0 and counted.tolist() == [1]
    assert float(jnp.max(jnp.abs(gradient))) == 0


def test_a_garment_elsewhere_is_the_same_garment():
    loss, counted, _ = style(garment(), garment(x=21, y=30))
    assert float(loss) == pytest.approx(0, abs=1e-9) and counted.tolist() == [1]


def test_another_garment_costs_and_pulls_inside_its_box_alone():
    after = garment(seed=1)
    loss, _, gradient = style(garment(), after)
    assert float(loss) > 0.1
    moved = np.abs(np.asarray(gradient)).sum(-1)[0] > 0
    assert moved[12:42, 10:30].mean() > 0.9
    moved[11:43, 9:31] = False  # a pixel around it, by the bilinear samples at its edge
    assert not moved.any()


def test_garments_that_cannot_be_compared_are_counted_out():
    picture, mask = garment()
    nothing, dot = jnp.full_like(mask, -1), jnp.full_like(mask, -1).at[:, 5:7, 5:8].set(1)
    for other in (nothing, dot):  # 6 of 3072 pixels
        loss, counted, gradient = style((picture, mask), (-picture, other))
        assert float(loss) == 0 and counted.tolist() == [0]
        assert float(jnp.max(jnp.abs(gradient))) == 0


@pytest.mark.slow
def test_parts_are_compared_one_by_one():
    """A garment whose upper half is another's: with four parts, two are equal."""
    before, after = garment(), garment(seed=1)
    half = after[0].at[:, 27:].set(before[0][:, 27:])
    loss, counted, gradient = style(before, (half, after[1]), split=2, weight="uniform")
    whole, _, _ = style(before, after, split=2, weight="uniform")
    assert float(loss) == pytest.approx(float(whole) / 2, rel=0.2) and counted.tolist() == [1]
    assert float(jnp.max(jnp.abs(gradient[:, 28:]))) == 0


def test_rims_weigh_more_and_the_mean_is_one():
    valid = jnp.zeros((2, 32, 32, 1)).at[:, 4:28, 6:26].set(1).at[1, 20:].set(0)
    weight = jax.jit(partial(garment_style.style_weight, kind="chessboard"))(valid)
    count = jnp.sum(valid, (1, 2, 3))
    np.testing.assert_allclose(jnp.sum(weight, (1, 2, 3)) / count, 1, rtol=1e-5)
    assert float(weight[0, 4, 15, 0]) > 3 * float(weight[0, 15, 15, 0]) > 0
    assert float(jnp.max(weight * (1 - valid))) == 0


def test_unknown_weights_and_norms_are_named():
    valid = jnp.ones((1, 4, 4, 1))
    with pytest.raises(ValueError, match=r"style weight must be one of chessboard, .*'round'"):
        garment_style.style_weight(valid, kind="round")
    with pytest.raises(ValueError, match=r"style norm must be one of mse, .*'l1'"):
        garment_style.style_distance(valid, valid, valid=valid, weight=valid, norm="l1")


def person():
    """Joints [1, 17, 3] of somebody 40 pixels high; a trunk of 12."""
    joints = np.zeros((1, 17, 3), np.float32)
    places = {5: (28, 16), 6: (20, 16), 11: (28, 28), 12: (20, 28)}
    places |= {13: (29, 39), 14: (19, 39), 15: (29, 50), 16: (19, 50)}
    for k, place in places.items():
        joints[0, k] = (*place, 2)
    return jnp.asarray(joints)


@partial(jax.jit, static_argnames="parts")
def bared(picture, mask, valid, joints, *, parts=KNEES):
    patch = jnp.full((1, 32, 32, 3), 0.5)
    return skin.skin_loss(
        picture, mask, joints=joints, skin=patch, skin_valid=valid, parts=parts, lowpass=4
    )


def test_skin_counts_where_it_is_bare_and_known():
    bare, blank = jnp.full((1, *SIZE, 1), -1.0), jnp.zeros((1, *SIZE, 3))
    loss, counts = bared(blank, bare, jnp.ones(1), person())
    assert counts.tolist() == [4]  # both knees, both calves
    assert float(loss) == pytest.approx(3 * 0.5**2 / 2, rel=1e-5)
    loss, counts = bared(blank + 0.5, bare, jnp.ones(1), person())
    assert float(loss) == pytest.approx(0, abs=1e-9)


def test_skin_says_nothing_without_a_source_under_cloth_or_without_joints():
    bare, blank = jnp.full((1, *SIZE, 1), -1.0), jnp.zeros((1, *SIZE, 3))
    legs = bare.at[:, 30:60].set(1)
    one_knee = person().at[:, 14:16, 2].set(0)  # right knee and left ankle
    for mask, valid, joints, want in (
        (bare, 0.0, person(), 0),
        (legs, 1.0, person(), 0),
        (bare, 1.0, person().at[..., 2].set(0), 0),
        (bare, 1.0, one_knee, 1),
        (bare, 1.0, person().at[..., 0].add(-18), 2),  # the right leg is beyond the edge
    ):
        loss, counts = bared(blank, mask, jnp.full((1,), valid), joints)
        assert counts.tolist() == [want]
        assert (float(loss) > 0) == (want > 0)


def test_nothing_is_bared_by_long_garments():
    loss, counts = skin.skin_loss(
        jnp.zeros((1, *SIZE, 3)),
        jnp.zeros((1, *SIZE, 1)),
        joints=person(),
        skin=jnp.zeros((1, 32, 32, 3)),
        skin_valid=jnp.ones(1),
        parts=(),
    )
    assert float(loss) == 0 and counts.tolist() == [0]


def test_windows_have_the_limb_s_width():
    boxes, usable = jax.jit(partial(skin.windows, parts=("knee",), size=SIZE))(person())
    side = max(1.5 * 0.17 * 12, 6)
    want = [29.5 - side / 2, 39.5 - side / 2, 29.5 + side / 2, 39.5 + side / 2]
    np.testing.assert_allclose(boxes[0, 0], want, rtol=1e-5)
    assert usable.all()
    with pytest.raises(ValueError, match=r"parts must be among knee, .*got \['toe'\]"):
        skin.windows(person(), parts=("toe",), size=SIZE)


def test_boxes():
    mask = np.full((2, 6, 8, 1), -1.0)
    mask[0, 2:5, 3:7] = 0.1
    boxes = patches.mask_box(jnp.asarray(mask))
    assert boxes.tolist() == [[3, 2, 7, 5], [0, 0, 0, 0]]
    np.testing.assert_allclose(patches.box_share(boxes, size=(6, 8)), [0.25, 0])
    whole = jnp.array([[0.0, 0, 8, 6]])
    np.testing.assert_allclose(patches.coverage(jnp.asarray(mask[:1] > 0), whole), [0.25])


def test_a_plane_of_tiles_goes_on_and_light_falls_on_it():
    cloth = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, 5, 4, 3)), jnp.float32)
    plane = texture.tile(cloth, size=(11, 9))
    np.testing.assert_allclose(plane[:, 5:10, 4:8], cloth, atol=1e-6)
    mask = jnp.ones((1, 11, 9, 1))
    grey = jnp.zeros((1, 11, 9, 3)).at[:, :, 5:].set(-0.9)
    light = texture.shading(grey, mask)
    assert float(light[0, 5, 0, 0]) > 1 > float(light[0, 5, 8, 0]) >= texture.DARKEST
    np.testing.assert_allclose(texture.shading(grey * 0, mask), 1, rtol=1e-5)
    edge = texture.feather(mask.at[:, :, 4:].set(0))
    np.testing.assert_allclose(edge[0, 5, 2:6, 0], [1, 2 / 3, 1 / 3, 0], rtol=1e-6)


def test_windows_stand_beside_the_source():
    picture = jnp.zeros((2, *SIZE, 3)).at[:, 36:].set(0.5)
    joints = jnp.concatenate([person(), person().at[:, 13, 2].set(0)])
    found, source, known = skin.beside_source(
        picture,
        joints=joints,
        skin=jnp.full((2, 8, 8, 3), 0.25),
        skin_valid=jnp.ones(2),
        parts=("knee",),
    )
    assert found.shape == source.shape == (2, 8, 16, 3) and known.shape == (2, 8, 16, 1)
    np.testing.assert_allclose(found, 0.5)
    np.testing.assert_allclose(source, 0.25)
    np.testing.assert_array_equal(known[0], 1)
    assert known[1, 0, :, 0].tolist() == [-1] * 8 + [1] * 8
