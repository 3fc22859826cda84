import numpy as np
import pytest

from data_pipelines import representation as rep
from tests.unit.data_pipelines import viton_world as world


@pytest.fixture
def person():
    parse = world.parse()
    joints = world.joints(0)[:, :2]
    return rep.Person(np.array(world.picture(0)), parse, parse, joints)


def pose(*points, height=20, width=16, radius=2):
    joints = np.zeros((18, 2))
    joints[: len(points)] = points
    maps = np.full((height, width, 18), np.nan, np.float32)
    rep.draw_pose(joints, into=maps, radius=radius)
    return maps


def filled(pose_map):
    """(first row, last row, first column, last column) of a box."""
    rows, columns = np.nonzero(pose_map == 1)
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_a_box_around_a_joint_has_both_ends():
    maps = pose((7.9, 10.2))
    assert filled(maps[..., 0]) == (8, 12, 5, 9)
    assert (maps[..., 1:] == -1).all()


@pytest.mark.parametrize("point", [(1, 10), (10, 1), (0.9, 10), (0, 0), (-3, 10), (40, 10)])
def test_joints_without_a_box(point):
    assert (pose(point) == -1).all()


def test_boxes_are_cut_at_the_edges():
    assert filled(pose((1.0001, 19.5))[..., 0]) == (17, 19, 0, 3)
    assert filled(pose((17.5, 5))[..., 0]) == (3, 7, 15, 15)


@pytest.mark.parametrize(("height", "radius"), [(256, 5), (512, 10), (128, 2), (64, 1), (16, 1)])
def test_radius_grows_with_the_picture(height, radius):
    assert rep.radius(height) == radius


def test_body_shape_blurs_blocks_of_sixteen():
    body = np.zeros((64, 48), np.uint8)
    body[16:48, 16:32] = 7
    shape = rep.body_shape(body)
    assert shape.shape == (64, 48) and shape.dtype == np.uint8
    assert 150 < shape[32, 24] < 255 and shape[0, 0] < 10
    assert len(np.unique(shape)) > 20


def test_regions_keep_their_labels_alone(person):
    kept = rep.regions(person, (2, 13))
    inside = np.isin(person.parse, (2, 13))
    np.testing.assert_array_equal(kept[inside], person.picture[inside])
    assert (kept[~inside] == 0).all() and inside.any()


def test_worn_cloth_lies_on_white(person):
    worn, inside = rep.worn_cloth(person), np.isin(person.parse, (5, 6, 7))
    np.testing.assert_array_equal(worn[inside], person.picture[inside])
    assert (worn[~inside] == 255).all()


def test_colours_and_ids_are_inverse():
    ids = np.arange(21, dtype=np.uint8).reshape(3, 7)
    np.testing.assert_array_equal(rep.parse_ids(rep.parse_colours(ids)), ids)


def test_unknown_colours_are_shown():
    with pytest.raises(ValueError, match=r"2 colours are none of LIP's 20, such as \(1, 2, 3\)"):
        rep.parse_ids(np.array([[[1, 2, 3], [0, 0, 0], [255, 255, 255]]], np.uint8))
