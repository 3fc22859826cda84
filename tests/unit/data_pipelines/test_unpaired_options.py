"""Masks, blurred pictures, colours and crops of the unpaired pipeline."""

import numpy as np
import pytest
from PIL import Image

from configs import base
from data_pipelines import dolls, histogram, masks, ops, prepare, unpaired
from data_pipelines.blur_edges import blur_edges, blurred, edges, grown
from tests.unit.data_pipelines.test_unpaired import same, taken


def stripes(seed, *, side=40):
    """Black and white columns, none of them in the middle: a picture that is its own mask."""
    columns = np.random.default_rng(seed).integers(0, 2, side, np.uint8) * 255
    return np.broadcast_to(columns[None, :], (side, side))


@pytest.fixture
def masked(tmp_path):
    """A run on black and white pictures whose masks are the same pictures, in another format."""
    for number, (name, count) in enumerate({"trainA": 4, "trainB": 3, "testA": 1}.items()):
        for folder in (name, f"{name}_mask"):
            (tmp_path / folder / "deep").mkdir(parents=True)
        for index in range(count):
            pixels = stripes(10 * number + index)
            stem = f"deep/{index}"
            Image.fromarray(np.stack([pixels] * 3, -1)).save(tmp_path / name / f"{stem}.png")
            Image.fromarray(pixels).save(tmp_path / f"{name}_mask" / f"{stem}.bmp")
    config = base.get_config()
    config.image_size, config.batch_size, config.data.enlarge = 32, 2, 4
    config.data.root, config.data.preprocess, config.data.masks = str(tmp_path), "crop", "hard"
    return config


def test_masks_are_cropped_and_mirrored_with_their_pictures(masked):
    pipeline = unpaired.load(masked)
    for batch in taken(pipeline, 4):
        assert set(batch) == set(unpaired.spec(masked))
        for domain in "ab":
            assert batch[f"mask_{domain}"].shape == unpaired.spec(masked)[f"mask_{domain}"]
            assert batch[f"mask_{domain}"].dtype == np.float32
            wanted = (batch[f"real_{domain}"][..., :1] + 1) / 2
            np.testing.assert_array_equal(batch[f"mask_{domain}"], wanted)
            assert (batch[f"fix_mask_{domain}"] <= masks.eroded(wanted[0]).max()).all()


def test_a_second_folder_narrows_what_may_change(masked, tmp_path):
    masked.data.fix_folders = True
    for name in ("trainA", "trainB"):
        (tmp_path / f"{name}_fix" / "deep").mkdir(parents=True)
        for path in (tmp_path / name / "deep").iterdir():
            Image.new("L", (40, 40), 0).save(tmp_path / f"{name}_fix" / "deep" / path.name)
    (batch,) = taken(unpaired.load(masked), 1)
    assert batch["mask_a"].max() == 1 and batch["fix_mask_a"].max() == 0


def test_without_masks_nothing_is_added(masked):
    masked.data.masks = "none"
    assert tuple(taken(unpaired.load(masked), 1)[0]) == unpaired.KEYS


class TestCheck:
    """What is wrong with masks is told by name before training."""

    def test_missing(self, masked, tmp_path):
        (tmp_path / "trainA_mask" / "deep" / "2.bmp").unlink()
        message = r"1 of 4 pictures have no mask of their name in trainA_mask: trainA/deep/2.png"
        with pytest.raises(prepare.DataError, match=message):
            unpaired.load(masked)

    def test_of_another_size(self, masked, tmp_path):
        Image.new("L", (40, 20)).save(tmp_path / "trainB_mask" / "deep" / "1.bmp")
        message = r"train_b: 1 masks do not fit: trainB_mask/deep/1.bmp \(40 x 20, its picture 40 "
        with pytest.raises(prepare.DataError, match=message):
            unpaired.load(masked)

    def test_damaged(self, masked, tmp_path):
        (tmp_path / "trainB_mask" / "deep" / "1.bmp").write_bytes(b"no picture")
        with pytest.raises(prepare.DataError, match=r"trainB_mask/deep/1.bmp \(not a picture"):
            unpaired.load(masked)

    def test_twice(self, masked, tmp_path):
        Image.new("L", (40, 40)).save(tmp_path / "trainA_mask" / "deep" / "1.png")
        with pytest.raises(prepare.DataError, match=r"trainA_mask has two masks .*: deep/1"):
            unpaired.load(masked)

    def test_without_a_picture(self, masked, tmp_path):
        Image.new("L", (40, 40)).save(tmp_path / "trainA_mask" / "deep" / "9.png")
        summary = unpaired.load(masked).summary()
        assert "warning: 1 masks belong to no picture: trainA_mask/deep/9.png" in summary

    def test_later(self, masked, tmp_path):
        pipeline = unpaired.load(masked)
        (tmp_path / "trainA_mask" / "deep" / "0.bmp").unlink()
        taken(pipeline, 2)
        assert list(pipeline.skipped) == ["trainA/deep/0.png"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("masks", "round", "data.masks='round' must be one of none, soft, hard"),
        ("match", "lab", "data.match='lab' must be one of none, rgb, hsv, hsl"),
        ("match_blend", "lut", "data.match_blend='lut' must be one of image, cdf"),
        ("match_ratio", 1.5, r"data.match_ratio=1.5 must be in \[0, 1\]"),
        ("crop_probability", -0.1, r"data.crop_probability=-0.1 must be in \[0, 1\]"),
        ("source", "dolls", "data.fix_folders=True needs a folder of pictures"),
        ("source", "tfds:some/set", "data.masks=hard reads files beside the pictures, a TFDS set"),
    ],
)
def test_wrong_fields(masked, field, value, message):
    if field == "source":
        masked.data.fix_folders = True
    masked.data[field] = value
    with pytest.raises(prepare.DataError, match=message):
        unpaired.load(masked)


class TestForeground:
    def test_soft(self):
        grey = np.array([0, 76, 77, 178, 179, 255], np.uint8).reshape(1, -1, 1)  # 0.3 is 76.5
        got = masks.foreground(grey, edge="soft").ravel()
        np.testing.assert_allclose(got, [0, 0, 77 / 255, 178 / 255, 1, 1])

    def test_hard(self):
        grey = np.array([127, 128], np.uint8).reshape(1, -1, 1)
        np.testing.assert_array_equal(masks.foreground(grey, edge="hard").ravel(), [0, 1])

    def test_eroded_closes_holes_and_takes_a_rim(self):
        mask = np.zeros((15, 15, 1), np.float32)
        mask[3:12, 3:12] = 1
        mask[7, 7] = 0
        got = masks.eroded(mask)[..., 0]
        wanted = np.zeros((15, 15))
        wanted[5:10, 5:10] = 1
        np.testing.assert_array_equal(got, wanted)

    def test_the_border_of_the_picture_is_no_edge(self):
        assert masks.eroded(np.ones((5, 5, 1), np.float32)).min() == 1


def test_masks_of_dolls_are_their_silhouettes():
    config = base.get_config()
    config.image_size, config.batch_size, config.data.dolls = 32, 2, 2
    config.data.masks, config.data.preprocess = "soft", "none"
    (batch,) = taken(unpaired.load(config), 1)
    share = batch["mask_a"].mean()
    assert 0.02 < share < 0.9 and 0 < batch["fix_mask_a"].mean() < share


def test_a_silhouette_is_where_the_doll_hides_the_wall():
    drawn = dolls.draw(0, seed=0, style="drawn", size=64).astype(int)
    inside = dolls.silhouette(0, seed=0, size=64) > 0
    paper = np.abs(drawn - np.median(drawn, (0, 1))).max(-1) < 12
    assert (paper & ~inside).sum() > 0.95 * (~inside).sum()
    assert (paper & inside).sum() < 0.2 * inside.sum()


class TestBlur:
    def test_another_draw_with_an_order_of_its_own(self, masked):
        masked.data.blur, masked.data.masks = True, "none"
        pipeline = unpaired.load(masked)
        made = taken(pipeline, 3)
        assert set(made[0]) == {"real_a", "real_b", "blur_a", "blur_b"}
        assert made[0]["blur_b"].shape == (2, 32, 32, 3)
        same(taken(unpaired.load(masked), 1, start=2), made[2:])
        for batch in made:
            assert not np.array_equal(batch["real_a"], batch["blur_a"])
            assert len(np.unique(batch["blur_a"])) > 2  # black and white has grey edges now

    def test_only_what_is_near_an_edge_is_blurred(self):
        image = np.full((30, 30, 3), 40, np.uint8)
        image[:, 15:] = 220
        found = edges(image[..., 0])
        assert found.sum(1).max() == found.sum(1).min() == 1  # one thin line
        line = int(found[0].argmax())
        got = blur_edges(image)
        changed = np.flatnonzero((got != image).any((0, 2)))
        assert len(changed) and set(changed) <= set(range(line - 2, line + 3))
        np.testing.assert_array_equal(got[:, changed], blurred(image)[:, changed])

    def test_weak_edges_count_where_they_join_strong_ones(self):
        image = np.zeros((20, 20), np.uint8)
        image[:10, 10:] = 255  # Sobel 1020
        image[10:, 10:] = 40  # 160, joined
        assert edges(image)[12:18].any()
        image[:10, 10:] = 40  # nothing strong is left
        assert not edges(image).any()

    def test_a_flat_picture_stays(self):
        image = np.full((9, 9, 3), 77, np.uint8)
        np.testing.assert_array_equal(blur_edges(image), image)
        assert not edges(image[..., 0]).any()

    def test_edges_grow_by_two(self):
        dot = np.zeros((7, 7), bool)
        dot[3, 3] = True
        assert grown(dot)[1:6, 1:6].all() and grown(dot).sum() == 25


class TestHistogram:
    image = np.random.default_rng(0).integers(0, 100, (20, 20, 3), np.uint8)
    other = np.random.default_rng(1).integers(100, 256, (30, 10, 3), np.uint8)

    @pytest.mark.parametrize("mode", histogram.MODES)
    @pytest.mark.parametrize("blend", histogram.BLENDS)
    def test_whole_and_not_at_all(self, mode, blend):
        options = {"mode": mode, "blend": blend}
        got = histogram.matched(self.image, self.other, ratio=0.0, **options).astype(int)
        near = 0 if mode == "rgb" or blend == "image" else 4  # 8-bit hue and saturation
        assert np.abs(got - self.image).max() <= near
        got = histogram.matched(self.image, self.other, ratio=1.0, **options)
        assert abs(got.mean() - self.other.mean()) < 6
        np.testing.assert_array_equal(
            got, histogram.matched(self.image, self.other, ratio=1.0, mode=mode, blend="image")
        )

    def test_the_blends_differ_between(self):
        half = {b: histogram.matched(self.image, self.other, mode="rgb", ratio=0.5, blend=b)
                for b in histogram.BLENDS}  # fmt: skip
        whole = histogram.matched(self.image, self.other, mode="rgb", ratio=1.0, blend="cdf")
        middle = (whole.astype(float) + self.image) / 2
        assert np.abs(half["image"] - middle).max() <= 0.5
        assert np.abs(half["cdf"] - middle).mean() > 10  # half of the pixels take other levels

    def test_order_within_a_channel_stays(self):
        got = histogram.match_channel(self.image[..., 0], self.other[..., 0], ratio=1.0)
        order = np.argsort(self.image[..., 0], axis=None, kind="stable")
        assert (np.diff(got.ravel()[order].astype(int)) >= 0).all()

    def test_unknown_words(self):
        with pytest.raises(ValueError, match="mode must be one of rgb, hsv, hsl"):
            histogram.matched(self.image, self.other, mode="lab", ratio=1.0, blend="image")

    def test_the_probability_chooses_who_changes(self, masked, tmp_path):
        for folder, low in (("trainA", 0), ("trainB", 200)):
            for path in (tmp_path / folder / "deep").iterdir():
                Image.fromarray(low + stripes(1) // 8).convert("RGB").save(path)
        masked.data.match, masked.data.masks = "rgb", "none"
        for probability, dark in ((1.0, True), (0.0, False)):
            masked.data.match_probability = probability
            for batch in taken(unpaired.load(masked), 2):
                for x in batch.values():
                    assert (x.mean() < 0) == dark


class TestResizedCrop:
    recipe = ops.Recipe("resized_crop", 20, 0, "bicubic", False, 1.0)
    ramp = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None], (100, 100, 3)).copy()

    def spans(self, recipe, image):
        made = [ops.place(image, recipe=recipe, draws=ops.words(0, p, domain=0, count=5))
                for p in range(200)]  # fmt: skip
        assert {x.shape for x in made} == {(20, 20, 3)}
        return np.array([int(x[-1, 0, 0]) - int(x[0, 0, 0]) for x in made])

    def test_areas_are_those_of_the_seed(self):
        spans = self.spans(self.recipe, self.ramp)
        assert spans.min() >= 81 and spans.max() >= 94  # a side of sqrt(0.748) of the picture: 86
        assert len(np.unique(spans)) > 8

    def test_the_probability(self):
        whole = self.spans(self.recipe._replace(crop_probability=0.0), self.ramp)
        assert len(np.unique(whole)) == 1
        some = self.spans(self.recipe._replace(crop_probability=0.3), self.ramp)
        assert 0.2 < (some != whole[0]).mean() < 0.4

    def test_an_oblong_picture_is_cropped_to_a_square(self):
        self.spans(self.recipe._replace(crop_probability=0.5), self.ramp[:, :50])

    def test_in_a_run(self, masked):
        masked.data.preprocess, masked.data.interpolation = "resized_crop", "bicubic"
        for batch in taken(unpaired.load(masked), 2):
            assert batch["real_a"].shape == (2, 32, 32, 3)
            near = np.abs(batch["mask_a"] - (batch["real_a"][..., :1] > 0)).mean()
            assert near < 0.05
