import shutil

import numpy as np
import pytest
from PIL import Image

from data_pipelines import ops, prepare, viton, viton_dolls
from tests.unit.data_pipelines import viton_world as world
from tests.unit.data_pipelines.test_unpaired import same, taken

BINARY = {"cloth_mask", "worn_mask", "truth_mask", "truth_whole", "warped_mask"}


@pytest.fixture
def root(tmp_path):
    return world.build(tmp_path)


@pytest.fixture
def config(root):
    return world.config(root)


def photograph(root, number, *, split="train"):
    """A person's picture as values."""
    path = root / split / "image" / world.names(number)[0]
    return ops.normalise(np.asarray(Image.open(path)))


def numbers_of(batch, root):
    """Which training persons a batch shows."""
    known = {number: photograph(root, number) for number in world.TRAIN}
    return [
        next(number for number, image in known.items() if np.array_equal(image, shown))
        for shown in batch["person"]
    ]


def keep_promises(batch):
    for key, array in batch.items():
        assert array.dtype == np.float32
        allowed = {0, 1} if key in BINARY else {-1, 1} if key == "pose" else None
        if allowed:
            assert set(np.unique(array)) <= allowed, key
        assert array.min() >= -1 and array.max() <= 1 and array.std() > 0, key


@pytest.mark.parametrize("representation", ["cpvton", "plus"])
def test_batches_keep_their_word(config, representation):
    config.data.representation = representation
    for batch in taken(viton.load(config), 3):
        assert sorted(batch) == sorted(viton.KEYS)
        assert {key: array.shape for key, array in batch.items()} == viton.spec(config)
        assert batch["pose"].shape == (4, 64, 48, 18)
        keep_promises(batch)
        differ = (batch["head"] != batch["reserved"]).any()
        assert differ == (representation == "plus")


def test_every_epoch_shows_every_pair(config, root):
    config.batch_size = 1
    pipeline = viton.load(config)
    assert pipeline.steps_per_epoch == 6
    seen = [numbers_of(batch, root)[0] for batch in taken(pipeline, 12)]
    assert sorted(seen[:6]) == sorted(seen[6:]) == list(world.TRAIN)
    assert seen[:6] != seen[6:]


def test_resume_and_shares_are_exact(config):
    whole = taken(viton.load(config), 4)
    same(taken(viton.load(config), 2, start=2), whole[2:])
    shares = [
        taken(viton.load(config), 2, process_index=index, process_count=2) for index in (0, 1)
    ]
    joined = [
        {key: np.concatenate([left[key], right[key]]) for key in left}
        for left, right in zip(*shares, strict=True)
    ]
    same(joined, whole[:2])


def test_a_person_wears_the_cloth_of_the_line(config, root):
    (batch,) = taken(viton.load(config), 1)
    for number, cloth in zip(numbers_of(batch, root), batch["cloth"], strict=True):
        path = root / "train" / "cloth" / world.names(number)[1]
        np.testing.assert_array_equal(cloth, ops.normalise(np.asarray(Image.open(path))))


def test_mirrored_items_are_mirrored_whole(config, root):
    plain = taken(viton.load(config), 4)
    config.data.flip = True
    mirrored = 0
    for before, after in zip(plain, taken(viton.load(config), 4), strict=True):
        for item in range(4):
            turn = not np.array_equal(before["person"][item], after["person"][item])
            mirrored += turn
            for key, array in before.items():
                wanted = array[item][:, ::-1] if turn else array[item]
                np.testing.assert_array_equal(after[key][item], wanted)
    assert 2 <= mirrored <= 14
    same([viton.load(config).fixed("train", 3)], [viton.load(config).fixed("train", 3)])
    np.testing.assert_array_equal(
        viton.load(config).fixed("train", 1)["person"][0], photograph(root, 1)
    )


def test_kept_items_are_the_same_and_read_once(config, root):
    plain = taken(viton.load(config), 4)
    config.data.cache = "memory"
    pipeline = viton.load(config)
    assert "kept in memory once read (up to 0 MiB)" in pipeline.summary()
    pipeline.fixed("train", 6)
    shutil.rmtree(root / "train")
    same(taken(pipeline, 4), plain)


def test_a_file_that_vanishes_is_skipped_and_told(config, root):
    pipeline = viton.load(config)
    (root / "train" / "pose" / "000003_0_keypoints.json").unlink()
    seen = {number for batch in taken(pipeline, 6) for number in numbers_of(batch, root)}
    assert seen == set(world.TRAIN) - {3}
    assert list(pipeline.skipped) == ["000003_0+000003_1"]
    assert "000003_0_keypoints.json" in pipeline.skipped["000003_0+000003_1"]
    shutil.rmtree(root / "train")
    batches = pipeline.batches(0)
    with pytest.raises(prepare.DataError, match="none of 6"):
        next(batches)
    batches.close()


def test_fixed_shows_test_persons_in_other_cloths(config, root):
    pipeline = viton.load(config)
    made = pipeline.fixed("test", 2)
    assert sorted(made) == sorted([*viton.KEYS, "parse"])
    np.testing.assert_array_equal(made["person"][0], photograph(root, 11, split="test"))
    cloth = ops.normalise(np.asarray(Image.open(root / "test" / "cloth" / "000012_1.jpg")))
    np.testing.assert_array_equal(made["cloth"][0], cloth)
    assert made["parse"].shape == (2, 64, 48, 3)
    assert len(pipeline.fixed("train", 99)["person"]) == 6
    for split, count in (("valid", 1), ("test", 0)):
        with pytest.raises(ValueError, match="must be"):
            pipeline.fixed(split, count)


def test_held_out_in_order_with_truth(config, root):
    pipeline = viton.load(config)
    found = list(pipeline.held_out("same", batch_size=2))
    assert [made.names for made in found] == [
        ["000011_0+000011_1", "000012_0+000012_1"],
        ["000013_0+000013_1"],
    ]
    assert found[1].subsets == [frozenset()]
    for batch, _, _ in found:
        keep_promises(batch)
        np.testing.assert_array_equal(batch["truth"], batch["person"])
        np.testing.assert_array_equal(batch["truth_mask"], batch["worn_mask"])
    (other,) = pipeline.held_out("other", batch_size=9)
    assert other.names[0] == "000011_0+000012_1" and "truth" not in other.batch
    np.testing.assert_array_equal(other.batch["person"][0], photograph(root, 11, split="test"))


def test_the_training_set_in_order(config, root):
    config.data.flip = True
    whole = list(viton.load(config).held_out("train", batch_size=4))
    assert [len(made.names) for made in whole] == [4, 2]
    assert numbers_of(whole[0].batch, root) == [1, 2, 3, 4]
    np.testing.assert_array_equal(whole[1].batch["truth"], whole[1].batch["person"])


def test_browsing_needs_no_lists(config, root):
    for path in root.glob("*.txt"):
        path.unlink()
    shutil.rmtree(root / "train")
    (root / "test" / "cloth" / ".DS_Store").touch()
    wardrobe = viton.browse(config)
    assert wardrobe.cloths() == ["000011_1.jpg", "000012_1.jpg", "000013_1.jpg"]
    assert wardrobe.persons() == ["000011_0.jpg", "000012_0.jpg", "000013_0.jpg"]
    for name in wardrobe.cloths():
        assert wardrobe.item(person="000011_0", cloth=name)["pose"].shape == (1, 64, 48, 18)


def test_truths_in_the_folder(config, root):
    pairs = [("000011_0", "000012_1"), ("000012_0", "000013_1"), ("000013_0", "000011_1")]
    for folder in ("truth", "truth-mask"):
        (root / "test" / folder).mkdir()
    for number, pair in enumerate(pairs):
        assert "truth" not in next(viton.load(config).held_out("other", batch_size=3)).batch
        name = f"{'+'.join(pair)}.png"
        world.picture(300 + number).save(root / "test" / "truth" / name)
        Image.fromarray(world.cloth_mask()).save(root / "test" / "truth-mask" / name)
    (other,) = viton.load(config).held_out("other", batch_size=3)
    keep_promises(other.batch)
    wanted = ops.normalise(np.asarray(world.picture(302)))
    np.testing.assert_array_equal(other.batch["truth"][2], wanted)
    np.testing.assert_array_equal(other.batch["truth_mask"][2, ..., 0], world.cloth_mask() == 255)


def test_held_out_refuses(config, root):
    pipeline = viton.load(config)
    with pytest.raises(ValueError, match="pairs must be one of"):
        pipeline.held_out("unpaired", batch_size=1)
    with pytest.raises(ValueError, match="batch_size must be 1 or more, got 0"):
        pipeline.held_out("same", batch_size=0)
    (root / "test" / "image" / "000012_0.jpg").unlink()
    with pytest.raises(prepare.DataError, match="000012_0"):
        list(pipeline.held_out("same", batch_size=1))


def test_without_a_list_of_own_cloths(config, root):
    (root / "test_pairs_same.txt").unlink()
    pipeline = viton.load(config)
    assert pipeline.counts == {"train": 6, "test_same": 3, "test_other": 3}
    assert "no list test_pairs_same.txt: made of the 3 of 3 test persons" in pipeline.summary()
    (root / "test" / "cloth" / "000013_1.jpg").rename(root / "test" / "cloth" / "x.jpg")
    world.write_list(root / "test_pairs.txt", [("000011_0.jpg", "x.jpg"), world.names(12)])
    (root / "test" / "cloth-mask" / "000013_1.jpg").rename(root / "test" / "cloth-mask" / "x.jpg")
    assert viton.load(config).counts["test_same"] == 2


def test_without_test_pairs(config, root):
    (root / "test_pairs.txt").unlink()
    (root / "test_pairs_same.txt").unlink()
    pipeline = viton.load(config)
    assert "warning: no test pairs in" in pipeline.summary()
    np.testing.assert_array_equal(
        pipeline.fixed("test", 1)["person"], pipeline.fixed("train", 1)["person"]
    )
    with pytest.raises(prepare.DataError, match="no pairs 'other'"):
        pipeline.held_out("other", batch_size=1)


def test_warps_of_an_earlier_run(config, root):
    config.data.warps = "folder"
    for split, numbers in (("train", world.TRAIN), ("test", world.TEST)):
        for folder, images in (
            ("warp-cloth", [world.picture(200 + number) for number in numbers]),
            ("warp-mask", [Image.fromarray(world.cloth_mask())] * len(numbers)),
        ):
            (root / split / folder).mkdir()
            for number, image in zip(numbers, images, strict=True):
                image.save(root / split / folder / world.names(number)[1])
    pipeline = viton.load(config)
    (batch,) = taken(pipeline, 1)
    assert {key: array.shape for key, array in batch.items()} == viton.spec(config)
    keep_promises(batch)
    number = numbers_of(batch, root)[0]
    saved = Image.open(root / "train" / "warp-cloth" / world.names(number)[1])
    np.testing.assert_array_equal(batch["warped_cloth"][0], ops.normalise(np.asarray(saved)))
    assert pipeline.fixed("test", 1)["warped_mask"].shape == (1, 64, 48, 1)
    (root / "train" / "warp-mask" / "000004_1.jpg").unlink()
    with pytest.raises(prepare.DataError, match=r"train/warp-mask: 1 of 6 missing: 000004_1\.jpg"):
        viton.load(config)


def test_any_person_in_any_cloth(config, root):
    pipeline = viton.load(config)
    cloth = root / "train" / "cloth" / "000005_1.jpg"
    made = pipeline.item(person="000012_0.jpg", cloth=str(cloth))
    assert {key: array.shape[0] for key, array in made.items()} == dict.fromkeys(made, 1)
    np.testing.assert_array_equal(made["person"][0], photograph(root, 12, split="test"))
    np.testing.assert_array_equal(made["cloth"][0], ops.normalise(np.asarray(Image.open(cloth))))
    with pytest.raises(FileNotFoundError, match="there is no 000099_0"):
        pipeline.item(person="000099_0", cloth=str(cloth))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"image_size": 96}, "image_size=96, the height, must be a multiple of 64"),
        ({"representation": "vton"}, "representation='vton' must be one of cpvton, plus"),
        ({"warps": "tps"}, "warps='tps' must be one of gmm, folder"),
        ({"cache": "disk"}, "cache='disk' must be one of none, memory"),
        ({"source": "tfds:x"}, "source='tfds:x' must be auto, folder or dolls"),
        ({"source": "folder", "root": ""}, "data.source=folder needs one"),
        ({"source": "dolls", "warps": "folder"}, "dolls have none"),
        ({"dolls": 0}, "data.dolls=0 must be from 1"),
        ({"batch_size": 0}, "batch_size=0 must be 1 or more"),
        ({"seed": -1}, "seed=-1 must be 0 or more"),
        ({"train_pairs": "other.txt"}, "has no list other.txt, it holds test_pairs.txt"),
        ({"root": "/nowhere"}, "data.root=/nowhere is no folder"),
    ],
)
def test_wrong_fields(root, changes, complaint):
    with pytest.raises(prepare.DataError) as caught:
        viton.load(world.config(**{"root": root} | changes))
    assert complaint in str(caught.value)


def test_one_message_tells_everything(root):
    (root / "train" / "cloth" / "000001_1.jpg").unlink()
    with pytest.raises(prepare.DataError) as caught:
        viton.load(world.config(root, cache="disk", image_size=100))
    message = str(caught.value)
    assert message.startswith("3 things are wrong")
    for part in (
        "data.cache='disk'",
        "image_size=100",
        "train/cloth: 1 of 6 missing: 000001_1.jpg",
    ):
        assert part in message


class TestDolls:
    """The built-in data."""

    @pytest.fixture
    def config(self, monkeypatch):
        monkeypatch.setattr(viton_dolls, "TEST_DOLLS", 3)
        return world.config("", dolls=4)

    def test_batches(self, config):
        pipeline = viton.load(config)
        assert pipeline.counts == {"train": 4, "test_same": 3, "test_other": 3}
        assert "built-in paper dolls (no data.root given), 4 training pairs" in pipeline.summary()
        batches = taken(pipeline, 2)
        assert {key: array.shape for key, array in batches[0].items()} == viton.spec(config)
        keep_promises(batches[0])
        seen = [sorted(image.mean() for image in batch["person"]) for batch in batches]
        assert seen[0] == seen[1] and len(set(seen[0])) == 4

    def test_truths(self, config):
        pipeline = viton.load(config)
        (same_pairs,) = pipeline.held_out("same", batch_size=3)
        (other,) = pipeline.held_out("other", batch_size=3)
        assert other.names[2] == "doll_1000002+doll_1000000"
        np.testing.assert_array_equal(same_pairs.batch["truth"], same_pairs.batch["person"])
        np.testing.assert_array_equal(same_pairs.batch["person"], other.batch["person"])
        np.testing.assert_array_equal(other.batch["cloth"][2], same_pairs.batch["cloth"][0])
        for batch in (same_pairs.batch, other.batch):
            keep_promises(batch)
            seen, whole = batch["truth_mask"] > 0, batch["truth_whole"] > 0
            assert (seen & whole).sum() > 0.9 * seen.sum()
        changed = (other.batch["truth"] != other.batch["person"]).any(-1, keepdims=True)
        assert 0 < changed.mean() < 0.6

    def test_any_person_in_any_cloth(self, config, tmp_path):
        root = world.build(tmp_path)
        pipeline = viton.load(config)
        path = root / "train" / "cloth" / "000005_1.jpg"
        made = pipeline.item(person="doll_1000001", cloth=str(path))
        (test,) = pipeline.held_out("same", batch_size=3)
        assert pipeline.cloths() == ["doll_1000000", "doll_1000001", "doll_1000002"]
        assert pipeline.persons() == pipeline.cloths()
        np.testing.assert_array_equal(made["person"][0], test.batch["person"][1])
        np.testing.assert_array_equal(made["cloth"][0], ops.normalise(np.asarray(Image.open(path))))
        made = pipeline.item(
            person=str(root / "test" / "image" / "000011_0.jpg"), cloth="doll_1000002"
        )
        np.testing.assert_array_equal(made["cloth"][0], test.batch["cloth"][2])
        with pytest.raises(FileNotFoundError, match="there is no 000011_0"):
            pipeline.item(person="000011_0", cloth="doll_1")
