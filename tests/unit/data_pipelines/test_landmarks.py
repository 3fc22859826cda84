import collections

import numpy as np
import pytest

from data_pipelines import dolls, landmark_dolls, landmark_items, landmarks, prepare
from data_pipelines.landmark_items import Crop, cropped, layered, resized
from tests.unit.data_pipelines import landmark_world as world
from tests.unit.data_pipelines.test_unpaired import same, taken
from tryon_jax.landmark_tables import CATEGORIES, COCO17


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return world.folder(tmp_path_factory.mktemp("landmarks") / "data")


class TestBatches:
    """Order, keys and determinism."""

    def test_keep_their_word(self, root):
        config = world.config(root, enlarge=4, flip=True)
        for batch in taken(landmarks.load(config), 2):
            assert {key: array.shape for key, array in batch.items()} == landmarks.spec(config)
            assert all(array.dtype == np.float32 for array in batch.values())
            assert batch["real_a"].min() >= -1 and batch["real_a"].max() <= 1
            assert set(np.unique(batch["mask_a"])) == {-1, 1}
            assert set(np.unique(batch["joints_a"][..., 2])) <= {0, 1, 2}
            assert (batch["skin_valid_b"] == 1).all()

    def test_a_runs_and_b_is_drawn(self, root):
        batches = taken(landmarks.load(world.config(root, batch_size=5)), 40)
        a = [world.numbers(batch, "real_a") for batch in batches]
        assert all(sorted(epoch) == [1, 2, 3, 4, 5] for epoch in a) and a[0] != a[1]
        b = collections.Counter(n for batch in batches for n in world.numbers(batch, "real_b"))
        assert set(b) == {101, 102, 103} and min(b.values()) > 45  # 67 are expected of each

    def test_resume_and_shares_are_exact(self, root):
        config = world.config(root, enlarge=4, flip=True)
        whole = taken(landmarks.load(config), 4)
        same(taken(landmarks.load(config), 2, start=2), whole[2:])
        shares = [
            taken(landmarks.load(config), 2, process_index=index, process_count=2)
            for index in (0, 1)
        ]
        joined = [
            {k: np.concatenate([a[k], b[k]]) for k in a} for a, b in zip(*shares, strict=True)
        ]
        same(joined, whole[:2])

    def test_the_two_domains_draw_apart(self, root):
        batches = taken(landmarks.load(world.config(root, flip=True)), 12)

        def turned(key):
            return [bool(x[0, 0, 0] > x[0, -1, 0]) for batch in batches for x in batch[key]]

        a, b = turned("real_a"), turned("real_b")
        assert a != b and 0.2 < np.mean(a) < 0.8 and 0.2 < np.mean(b) < 0.8

    def test_one_draw_holds_for_all_of_an_item(self, root):
        """Every seen point lies on the pixel that it marks, whatever the draw."""
        config = world.config(root, enlarge=8, flip=True, image_size=20, aspect=0.8)
        pipeline = landmarks.load(config)
        for batch in taken(pipeline, 6):
            for n in range(4):
                number = round((float(batch["real_a"][n, 5, 5, 2]) + 1) * 127.5)
                original = world.item(number).joints
                for x, y, v in batch["joints_a"][n][batch["joints_a"][n, :, 2] > 0]:
                    red, green = batch["real_a"][n, round(float(y)), round(float(x)), :2]
                    col, row = (red + 1) * 127.5 / 8, (green + 1) * 127.5 / 6
                    near = np.abs(original[:, :2] - (col, row)).max(-1) < 1.6
                    assert near[original[:, 2] == v].any()

    def test_an_unreadable_item_gives_way(self, tmp_path):
        root = world.folder(tmp_path / "data")
        pipeline = landmarks.load(world.config(root))
        (root / "trainX_mask" / "item2.png").unlink()
        (root / "trainY" / "item101.png").unlink()
        found = taken(pipeline, 5)
        assert not {2} & {n for batch in found for n in world.numbers(batch, "real_a")}
        assert not {101} & {n for batch in found for n in world.numbers(batch, "real_b")}
        assert set(pipeline.skipped) == {"item2", "item101"}

    def test_memory_changes_nothing(self, tmp_path):
        root = world.folder(tmp_path / "data")
        kept = landmarks.load(world.config(root, cache="memory"))
        same(taken(kept, 3), taken(landmarks.load(world.config(root)), 3))
        assert "kept in memory" in kept.summary()
        for path in root.rglob("*.png"):
            path.unlink()
        assert len(taken(kept, 3)) == 3


class TestHeldOut:
    """What is shown and scored."""

    def test_a_folder(self, root):
        pipeline = landmarks.load(world.config(root))
        assert pipeline.counts["test_other"] == 2 and pipeline.counts["test_same"] == 0
        (held,) = pipeline.held_out("other", batch_size=3)
        assert world.numbers(held.batch, "real_a") == [51, 52]
        assert held.names == pipeline.names("other") == ["item51+item151", "item52+item152"]
        assert "true_b" not in held.batch and held.subsets == [frozenset()] * 2
        shown = pipeline.fixed("train", 9)
        assert world.numbers(shown, "real_b") == [101, 102, 103]

    def test_items_by_name(self, root):
        tests = landmarks.browse(world.config(root))
        assert tests["b"].names == ["item151", "item152"]
        assert tests["b"].load(1).category == 7
        with pytest.raises(ValueError, match="pairs"):
            landmarks.load(world.config(root)).held_out("same", batch_size=1)

    def test_val_stands_in(self, root):
        config = world.config(root, held_out="val")
        pipeline = landmarks.load(config)
        assert pipeline.counts["test_a"] == 0
        assert world.numbers(pipeline.fixed("test", 2), "real_a") == [1, 2]
        with pytest.raises(prepare.DataError, match="no held-out items"):
            pipeline.held_out("other", batch_size=1)


class TestGeometry:
    """Resizing, cropping, mirroring."""

    def test_a_crop_takes_all_along(self):
        item = world.item(7)
        part = cropped(item, Crop(6, 3, 20, 16, mirrored=False))
        np.testing.assert_array_equal(part.picture, item.picture[6:26, 3:19])
        np.testing.assert_array_equal(part.masks, item.masks[6:26, 3:19])
        known = part.points[:, 2] > 0
        np.testing.assert_array_equal(part.points[known, :2], item.points[known, :2] - (3, 6))
        outside = ~known & (item.points[:, 2] > 0)
        assert outside.any() and (part.points[~known] == 0).all()
        assert (part.points[known, :2] >= 0).all() and (part.points[known, 0] < 16).all()

    def test_a_mirror_exchanges_left_and_right(self):
        item = world.item(7)
        turned = cropped(item, Crop(0, 0, *world.SIZE, mirrored=True))
        np.testing.assert_array_equal(turned.picture, item.picture[:, ::-1])
        np.testing.assert_array_equal(turned.masks, item.masks[:, ::-1])
        left, right = COCO17.index("left_knee"), COCO17.index("right_knee")
        x, y, v = item.joints[left]
        np.testing.assert_array_equal(turned.joints[right], (world.WIDTH - 1 - x, y, v))
        one, other = CATEGORIES[8].flip_pairs[3]
        x, y, v = item.points[one]
        np.testing.assert_array_equal(turned.points[other], (world.WIDTH - 1 - x, y, v))
        back = cropped(turned, Crop(0, 0, *world.SIZE, mirrored=True))
        np.testing.assert_array_equal(back.joints, item.joints)
        np.testing.assert_array_equal(back.points, item.points)

    def test_pixels_have_their_centres_at_whole_numbers(self):
        item = world.item(7)
        small = resized(item, size=(20, 12), interpolation="bicubic")
        known = item.joints[:, 2] > 0
        np.testing.assert_allclose(small.joints[known, :2], item.joints[known, :2] / 2 - 0.25)
        assert (small.joints[~known] == 0).all()
        assert small.masks.shape == (20, 12, 1) and small.masks.dtype == bool
        np.testing.assert_array_equal(small.masks[7:15, 3:9], True)

    def test_instances(self):
        masks = world.item(1, instances=3).masks
        assert layered(masks, count=1).shape == (*world.SIZE, 1)
        np.testing.assert_array_equal(layered(masks, count=1)[..., 0], masks.any(-1))
        four = layered(masks, count=4)
        areas = four.sum((0, 1))
        assert areas[0] > 0 and (np.diff(areas) <= 0).all() and areas[3] == 0
        np.testing.assert_array_equal(layered(masks, count=1 + 1)[..., 0], four[..., 0])

    def test_no_skin(self):
        into = {
            "real_a": np.empty((*world.SIZE, 3), np.float32),
            "mask_a": np.empty((*world.SIZE, 2), np.float32),
            "joints_a": np.empty((17, 3), np.float32),
            "points_a": np.empty((14, 3), np.float32),
            "skin_a": np.full((32, 32, 3), np.nan, np.float32),
            "skin_valid_a": np.full((), np.nan, np.float32),
        }
        landmark_items.write(world.item(3, skin=False), into=into, domain="a")
        assert (into["skin_a"] == 0).all() and into["skin_valid_a"] == 0
        assert (into["mask_a"][..., 1] == -1).all()


@pytest.mark.parametrize(
    ("pair", "expose"), [((8, 7), ("calf", "knee")), ((8, 9), ("calf",)), ((2, 1), ("forearm",))]
)
def test_dolls_know_their_counterpart(pair, expose):
    config = world.config(
        image_size=64, aspect=0.5, category_a=pair[0], category_b=pair[1], expose_ab=expose
    )
    pipeline = landmarks.load(config)
    (held,) = [next(pipeline.held_out("other", batch_size=3))]
    batch = held.batch
    assert batch["points_a"].shape[1] == CATEGORIES[pair[0]].count
    assert (batch["points_b"][..., 2] > 0).mean() > 0.8
    for one, other in (("a", "b"), ("b", "a")):
        mask, true_mask = batch[f"mask_{one}"] > 0, batch[f"true_mask_{other}"] > 0
        areas = mask.sum((1, 2, 3)), true_mask.sum((1, 2, 3))
        assert (areas[0] > areas[1]).all() == (one == "a")
        same_place = ~(mask | true_mask)[..., 0]
        changed = np.abs(batch[f"real_{one}"] - batch[f"true_{other}"]).max(-1)
        assert np.median(changed[same_place]) == 0
        cloth = (mask & true_mask)[..., 0]
        both = [batch[key][cloth].mean(0) for key in (f"real_{one}", f"true_{other}")]
        np.testing.assert_allclose(*both, atol=0.15)
    assert batch["skin_valid_a"].all() and batch["skin_valid_b"].all()


def test_dolls_show_the_mask_that_the_warp_knows():
    doll = dolls.wearer(3, category=8, aspect=0.5)
    garment = dolls.garment_of(doll, category=8)
    size = {"height": 192, "width": 96}
    seen = dolls.seen(doll, garment, **size) > 0
    slow = dolls.worn(doll, garment, **size).visible > 0
    assert (seen & slow).sum() / (seen | slow).sum() > 0.97
    item = landmark_dolls.drawn(doll, category=8, size=(192, 96))
    np.testing.assert_array_equal(item.masks[..., 0], seen)


def test_cloth_is_cut_for_its_own_place():
    doll = dolls.wearer(3, category=8, aspect=0.5)
    trousers = dolls.garment_of(doll, category=8)
    skirt = dolls.garment_of(dolls.counterpart(doll, trousers, category=9), category=9)
    assert (skirt.colour, skirt.print) == (trousers.colour, trousers.print)
    with pytest.raises(ValueError, match="same part of the body"):
        dolls.counterpart(doll, trousers, category=1)
    with pytest.raises(ValueError, match="not 9"):
        dolls.garment_of(doll, category=9)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"aspect": 0.55}, "multiples of 4"),
        ({"category_a": 14}, "category_a=14 must be one of 1 short"),
        ({"category_a": 10, "root": ""}, "dolls change between two of"),
        ({"expose_ab": ("nose",)}, "expose_ab names nose"),
        ({"instances": 0}, "instances=0"),
        ({"interpolation": "cubic"}, "interpolation='cubic'"),
        ({"held_out": "dev"}, "held_out='dev'"),
        ({"source": "tfds:x"}, "source='tfds:x'"),
    ],
)
def test_wrong_fields_are_named(root, fields, complaint):
    with pytest.raises(prepare.DataError, match=complaint):
        landmarks.load(world.config(**{"root": root} | fields))


def test_everything_wrong_is_told_at_once(root):
    config = world.config(root, instances=0, interpolation="cubic", category_a=9)
    with pytest.raises(prepare.DataError, match="3 things") as error:
        landmarks.load(config)
    assert "domains.json says category 8 of X" in str(error.value)
