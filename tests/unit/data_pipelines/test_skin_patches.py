"""Where the skin is taken from, in the order of the search."""

import numpy as np
import pytest

from data_pipelines import skin_patches
from tryon_jax.landmark_tables import COCO17

SKIN, CLOTH = (220, 170, 140), (30, 60, 160)
PLACES = {  # (x, y) of joints in a picture of 200 x 120
    "nose": (60, 20), "left_ear": (68, 20), "right_ear": (52, 20),
    "left_shoulder": (75, 45), "right_shoulder": (45, 45),
    "left_elbow": (85, 75), "right_elbow": (35, 75),
    "left_wrist": (88, 100), "right_wrist": (32, 100),
    "left_hip": (68, 105), "right_hip": (52, 105),
    "left_knee": (68, 140), "right_knee": (52, 140),
    "left_ankle": (68, 180), "right_ankle": (52, 180),
}  # fmt: skip
ALL = ("forearm", "elbow", "calf", "knee", "hand", "neck", "cheek")
CENTRES = {
    "knee": (68, 140), "calf": (68, 160), "elbow": (85, 75), "forearm": (86.5, 87.5),
    "hand": (89, 109), "neck": (60, 36), "cheek": (64, 20),
}  # fmt: skip


def joints():
    found = np.zeros((17, 3), np.float32)
    for name, place in PLACES.items():
        found[COCO17.index(name)] = (*place, 2)
    return found


def shown(*sources, half=9):
    """A picture of cloth with squares of skin at the left side's windows."""
    picture = np.full((200, 120, 3), CLOTH, np.uint8)
    for source in sources:
        x, y = (round(place) for place in CENTRES[source])
        picture[max(y - half, 0) : y + half + 1, x - half : x + half + 1] = SKIN
    return picture


@pytest.mark.parametrize("bare", [(), ("calf", "knee")])
def test_the_order(bare):
    order = list(dict.fromkeys((*bare, *ALL)))
    for first in range(len(order)):
        found = skin_patches.find(shown(*order[first:], half=4), joints=joints(), bare=bare)
        if found is None:
            assert first == len(order)
            continue
        assert found.source in order[first:]
    best = skin_patches.find(shown(*order), joints=joints(), bare=bare)
    assert best is not None and best.source == order[0]


@pytest.mark.parametrize("source", ALL)
def test_each_place(source):
    found = skin_patches.find(shown(source), joints=joints())
    assert found is not None
    x, y, width, height = found.box
    middle = (x + (width - 1) / 2, y + (height - 1) / 2)
    if found.source == source:
        np.testing.assert_allclose(middle, CENTRES[source], atol=1)
        assert width == height >= 6
    else:  # a neighbouring window sees enough of the same skin
        assert ALL.index(found.source) < ALL.index(source)
    np.testing.assert_allclose(found.picture.reshape(-1, 3).mean(0), SKIN, atol=3)


def test_what_is_not_skin_takes_the_mean_of_what_is():
    picture = shown("calf")
    picture[:, 66:68] = CLOTH  # a stripe through the calf's window
    found = skin_patches.find(picture, joints=joints(), bare=("calf",))
    assert found is not None and found.source == "calf"
    assert np.abs(found.picture.astype(int) - SKIN).max() <= 1


def test_garments_of_the_colour_of_skin():
    picture = np.full((200, 120, 3), SKIN, np.uint8)
    everywhere = np.ones((200, 120), bool)
    assert skin_patches.find(picture, joints=joints(), garment=everywhere) is None
    assert skin_patches.find(picture, joints=joints()) is not None


def test_a_map_of_skin_rules_out_colours():
    picture = np.full((200, 120, 3), CLOTH, np.uint8)
    skin = np.zeros((200, 120), bool)
    assert skin_patches.find(picture, joints=joints(), skin=skin) is None
    skin[150:170, 58:78] = True
    found = skin_patches.find(picture, joints=joints(), skin=skin)
    assert found is not None and found.source == "calf"


def test_the_more_visible_side_lends_it():
    picture = shown()
    picture[152:168, 44:60] = SKIN  # the right calf whole
    picture[152:168, 66:76] = SKIN  # the left one in part
    found = skin_patches.find(picture, joints=joints(), bare=("calf",))
    assert found is not None and found.box[0] < 60


def test_nothing_known_nothing_found():
    unknown = np.zeros((17, 3), np.float32)
    picture = np.full((200, 120, 3), SKIN, np.uint8)
    assert skin_patches.find(picture, joints=unknown) is None
    outside = joints()
    outside[:, :2] += 500
    assert skin_patches.find(picture, joints=outside) is None


def test_without_joints_the_most_even_skin_of_a_map():
    unknown = np.zeros((17, 3), np.float32)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (200, 120, 3)).astype(np.uint8)
    skin = np.zeros((200, 120), bool)
    skin[20:60, 40:80] = skin[150:170, 50:70] = True
    picture[150:170, 50:70] = SKIN
    found = skin_patches.find(picture, joints=unknown, skin=skin)
    assert found is not None and found.source == "even" and 150 <= found.box[1] <= 164
    assert (found.picture == SKIN).all()
    thin = np.zeros((200, 120), bool)
    thin[20:23] = True
    assert skin_patches.find(picture, joints=unknown, skin=thin) is None


def test_the_trunk():
    assert skin_patches.trunk(joints()) == pytest.approx(60)
    some = joints()
    some[COCO17.index("left_hip")] = 0
    assert skin_patches.trunk(some) == pytest.approx((180 - 20) / 3)
    assert skin_patches.trunk(np.zeros((17, 3))) == 0
    assert skin_patches.of_user(np.full((5, 9, 3), 7, np.uint8)).picture.shape == (32, 32, 3)
