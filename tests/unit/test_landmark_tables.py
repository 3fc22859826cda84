"""The tables of landmarks agree with themselves and with facts of the data sets."""

import pytest

from tryon_jax import landmark_tables as tables


def test_the_ranges_follow_each_other_and_add_up():
    categories = tables.CATEGORIES.values()
    starts = [category.start for category in categories]
    stops = [category.stop for category in categories]
    assert starts == [0, *stops[:-1]] and stops[-1] == tables.GARMENT_POINTS == 294
    assert list(tables.CATEGORIES) == list(range(1, 14))
    assert len(tables.GARMENT_SIGMAS) == 294 and len(tables.COCO17_SIGMAS) == 17
    assert min(tables.GARMENT_SIGMAS) > 0 and max(tables.GARMENT_SIGMAS) < 0.1


@pytest.mark.parametrize("category", tables.CATEGORIES.values(), ids=lambda c: c.name)
def test_flip_pairs_are_involutions_within_the_category(category):
    flat = [index for pair in category.flip_pairs for index in pair]
    assert len(set(flat)) == len(flat) and set(flat) <= set(range(category.count))
    order = tables.mirror_order(category.count, category.flip_pairs)
    assert [order[place] for place in order] == list(range(category.count))


@pytest.mark.parametrize("category", tables.CATEGORIES.values(), ids=lambda c: c.name)
def test_contours_visit_landmarks_once_and_mirror_onto_themselves(category):
    edges = set()
    for contour in category.contours:
        assert len(set(contour)) == len(contour) and set(contour) <= set(range(category.count))
        edges |= {frozenset(pair) for pair in zip(contour, (*contour[1:], contour[0]), strict=True)}
    edges |= {frozenset(strap) for strap in category.straps}
    order = tables.mirror_order(category.count, category.flip_pairs)
    assert {frozenset(order[index] for index in edge) for edge in edges} == edges


def test_the_pairs_of_all_categories_swap_left_with_right():
    order = tables.mirror_order(294, tables.all_flip_pairs())
    assert [order[place] for place in order] == list(range(294))
    trousers = tables.CATEGORIES[8]
    assert order[trousers.start] == trousers.start + 2  # the waist's left end and its right
    assert order[trousers.start + 8] == trousers.start + 8  # the crotch
    assert order[trousers.start + 5] == trousers.start + 11  # outer ends of the hems


def test_spreads_of_partners_are_equal_but_for_three_pairs_of_the_published_table():
    """It numbers the collar of outwear with short sleeves as with long ones."""
    sigmas = tables.GARMENT_SIGMAS
    found = [pair for pair in tables.all_flip_pairs() if sigmas[pair[0]] != sigmas[pair[1]]]
    assert found == [(58 + 3, 58 + 5), (58 + 1, 58 + 25), (219 + 14, 219 + 28)]


def test_joints_of_other_orders_keep_their_names():
    names = [tables.OPENPOSE18[place] for place in tables.COCO17_FROM_OPENPOSE18]
    assert tuple(names) == tables.COCO17
    for name, places in zip(tables.OPENPOSE18, tables.OPENPOSE18_FROM_COCO17, strict=True):
        if name != "neck":
            assert tables.COCO17[places[0]] == name
    assert {tables.COCO17[place] for place in tables.OPENPOSE18_FROM_COCO17[1]} == {
        "left_shoulder", "right_shoulder",
    }  # fmt: skip
    for one, other in tables.COCO17_FLIP_PAIRS:
        assert tables.COCO17[one].replace("left", "right") == tables.COCO17[other]


def test_limbs_join_neighbours_of_one_side():
    for limb in tables.LIMBS[:8]:
        sides = [tables.COCO17[joint].split("_")[0] for joint in (limb.a, limb.b)]
        assert sides[0] == sides[1] and limb.radius_a >= limb.radius_b > 0
    names = [tables.COCO17[joint] for joint in tables.TORSO]
    assert names == ["left_shoulder", "right_shoulder", "right_hip", "left_hip"]


def test_labels_that_importers_use_stand_where_the_data_sets_put_them():
    ccp = tables.CCP_LABELS
    assert len(ccp) == 59 and (ccp[25], ccp[31], ccp[40], ccp[41]) == (
        "jeans", "pants", "shorts", "skin",
    )  # fmt: skip
    assert (tables.MHP_LABELS[5], tables.MHP_LABELS[6], tables.MHP_LABELS[18]) == (
        "skirt", "pants", "torso-skin",
    )  # fmt: skip
    assert [len(points) for points in tables.FLD_POINTS.values()] == [6, 4, 8]
