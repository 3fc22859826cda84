import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from configs import base
from data_pipelines import dolls, ops, prepare, unpaired
from tests.unit.data_pipelines.conftest import fill, picture


def taken(pipeline, steps, *, start=0, **share):
    """The batches of some steps."""
    batches = pipeline.batches(start, **share)
    made = [next(batches) for _ in range(steps)]
    batches.close()
    return made


def same(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def identity(image):
    """Mean of a picture: survives mirroring and tells the test pictures apart."""
    return round(float(np.mean(image)), 5)


def exact(config):
    """The config without scaling or cropping, so that pictures come out as they lie in the file."""
    config.image_size, config.data.preprocess = 40, "none"
    return config


def means(folder):
    return [identity(ops.normalise(np.asarray(Image.open(p)))) for p in sorted(folder.iterdir())]


def test_batches_keep_their_word(config):
    pipeline = unpaired.load(config)
    for batch in taken(pipeline, 3):
        assert tuple(batch) == unpaired.KEYS
        for key, images in batch.items():
            assert images.shape == unpaired.spec(config)[key] == (4, 32, 32, 3)
            assert images.dtype == np.float32 and images.min() >= -1 and images.max() <= 1
            assert images.std() > 0.1


def test_counts_summary_epoch(config, world):
    pipeline = unpaired.load(config)
    assert pipeline.counts == {"train_a": 7, "train_b": 5, "test_a": 3, "test_b": 2}
    assert pipeline.steps_per_epoch == 2
    assert pipeline.summary() == f"data: {world}, trainA 7, trainB 5, testA 3, testB 2 pictures"


def test_each_domain_has_its_own_epochs(config, world):
    config.batch_size = 1
    made = taken(unpaired.load(exact(config)), 35)
    for key, folder, length in (("real_a", "trainA", 7), ("real_b", "trainB", 5)):
        seen = [identity(batch[key]) for batch in made]
        for first in range(0, 35, length):
            np.testing.assert_allclose(
                sorted(seen[first : first + length]), sorted(means(world / folder)), atol=2e-5
            )


def test_resume_is_exact(config):
    whole = taken(unpaired.load(config), 6)
    same(taken(unpaired.load(config), 2, start=4), whole[4:])


def test_seed_changes_order_and_crops(config):
    first = taken(unpaired.load(config), 1)[0]
    config.seed = 1
    second = taken(unpaired.load(config), 1)[0]
    assert not np.array_equal(first["real_a"], second["real_a"])


def test_domains_are_drawn_independently(config, world):
    shutil.rmtree(world / "trainB")
    shutil.copytree(world / "trainA", world / "trainB")
    made = taken(unpaired.load(exact(config)), 4)
    orders = [[identity(image) for batch in made for image in batch[key]] for key in unpaired.KEYS]
    assert not np.allclose(*orders, atol=2e-5)


def test_domains_are_cropped_independently(config, world):
    for folder in ("trainA", "trainB"):
        shutil.rmtree(world / folder)
        fill(world / folder, first=0, count=1)
    batch = taken(unpaired.load(config), 1)[0]
    assert not np.array_equal(batch["real_a"], batch["real_b"])


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_the_batches_of_one(config, count):
    whole = taken(unpaired.load(config), 2, start=3)
    pipeline = unpaired.load(config)
    shares = [
        taken(pipeline, 2, start=3, process_index=k, process_count=count) for k in range(count)
    ]
    joined = [
        {key: np.concatenate([share[step][key] for share in shares]) for key in unpaired.KEYS}
        for step in range(2)
    ]
    same(joined, whole)


def test_fixed_pictures_are_resized_only(config):
    made = unpaired.load(config).fixed("test", 2)
    expected = ops.resize(np.asarray(picture(200)), width=32, height=32, interpolation="bilinear")
    np.testing.assert_array_equal(made["real_a"][0], ops.normalise(expected))
    assert made["real_b"].shape == (2, 32, 32, 3)


def test_fixed_gives_as_many_of_both(config):
    pipeline = unpaired.load(config)
    assert [len(images) for images in pipeline.fixed("test", 9).values()] == [2, 2]
    assert [len(images) for images in pipeline.fixed("train", 9).values()] == [5, 5]


def test_fixed_leaves_unreadable_out(config, world):
    (world / "testA" / "00.png").write_bytes(b"")
    pipeline = unpaired.load(config)
    made = pipeline.fixed("test", 1)
    expected = ops.resize(np.asarray(picture(201)), width=32, height=32, interpolation="bilinear")
    np.testing.assert_array_equal(made["real_a"][0], ops.normalise(expected))
    assert list(pipeline.skipped) == ["testA/00.png"]


def test_fixed_errors(config, world):
    pipeline = unpaired.load(config)
    with pytest.raises(ValueError, match=r"split must be one of .* got 'val'"):
        pipeline.fixed("val", 1)
    with pytest.raises(ValueError, match="count must be 1 or more, got 0"):
        pipeline.fixed("test", 0)
    shutil.rmtree(world / "testB")
    with pytest.raises(prepare.DataError, match=r"none of 2 test pictures .* testB/00.png"):
        pipeline.fixed("test", 1)


def test_missing_test_folder_shows_training_pictures(config, world):
    shutil.rmtree(world / "testB")
    pipeline = unpaired.load(config)
    fixed = [pipeline.fixed(split, 3) for split in ("test", "train")]
    np.testing.assert_array_equal(fixed[0]["real_b"], fixed[1]["real_b"])
    assert not np.array_equal(fixed[0]["real_a"], fixed[1]["real_a"])
    assert pipeline.summary().splitlines()[1:] == [
        "warning: no test_b pictures, the first of train_b are shown as test pictures"
    ]


def test_unreadable_pictures_are_skipped(config, world):
    (world / "trainA" / "02.png").write_bytes(b"no picture")
    pipeline = unpaired.load(config)
    assert "warning: train_a: 1 unreadable, will be skipped: trainA/02.png" in pipeline.summary()
    (world / "trainB" / "04.png").write_bytes(b"")  # after the check
    made = taken(pipeline, 4)
    assert all(np.isfinite(batch["real_a"]).all() for batch in made)
    assert pipeline.skipped.keys() == {"trainA/02.png", "trainB/04.png"}
    same(taken(unpaired.load(config), 2, start=2), made[2:])


def test_all_pictures_gone_is_an_error(config, world):
    pipeline = unpaired.load(config)
    shutil.rmtree(world / "trainB")
    with pytest.raises(prepare.DataError, match="none of 5 pictures can be read"):
        taken(pipeline, 1)


def test_a_picture_that_shrank_is_skipped(config, world):
    config.data.preprocess = "crop"
    pipeline = unpaired.load(config)
    Image.new("RGB", (20, 40)).save(world / "trainA" / "05.png")
    taken(pipeline, 2)
    assert "crop needs at least 32 x 32" in pipeline.skipped["trainA/05.png"]


@pytest.mark.parametrize(
    "mode", ["resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"]
)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_every_preprocess_gives_squares(config, mode, interpolation):
    config.data.preprocess, config.data.interpolation = mode, interpolation
    if mode == "none":
        config.image_size = 40
    if mode == "scale_width":
        config.data.enlarge = 0
    batch = taken(unpaired.load(config), 1)[0]
    assert batch["real_a"].shape == unpaired.spec(config)["real_a"]


@pytest.fixture
def paired(config, world):
    """B holds the negatives of A under the same names."""
    for domain in ("train", "test"):
        shutil.rmtree(world / f"{domain}B")
        (world / f"{domain}B").mkdir()
        for path in (world / f"{domain}A").iterdir():
            image = Image.fromarray(255 - np.asarray(Image.open(path)))
            image.save(world / f"{domain}B" / path.name)
    config.data.paired = True
    config.data.preprocess = "crop"
    return config


def test_pairs_share_order_crop_and_mirroring(paired):
    pipeline = unpaired.load(paired)
    made = taken(pipeline, 5)
    for batch in [*made, pipeline.fixed("test", 3)]:
        np.testing.assert_allclose(batch["real_a"], -batch["real_b"], atol=0.05)
    same(taken(pipeline, 1, start=4), made[4:])


def test_half_a_pair_skips_the_pair(paired, world):
    pipeline = unpaired.load(paired)
    (world / "trainB" / "03.png").unlink()
    (world / "testB" / "00.png").unlink()
    for batch in [*taken(pipeline, 4), pipeline.fixed("test", 3)]:
        np.testing.assert_allclose(batch["real_a"], -batch["real_b"], atol=0.05)
    assert "trainA/03.png + trainB/03.png" in pipeline.skipped


def test_pairs_must_agree(paired, world):
    (world / "trainB" / "03.png").rename(world / "trainB" / "zebra.png")
    summary = unpaired.load(paired).summary()
    assert "warning: data.paired=True pairs by sorted order, and so 03 of A with 04 of B" in summary
    (world / "trainB" / "zebra.png").unlink()
    with pytest.raises(prepare.DataError, match="needs as many pictures in train_a as in train_b"):
        unpaired.load(paired)


@pytest.fixture
def toys(monkeypatch):
    """Dolls that are cheap to draw: a flat picture with the index in it."""

    def draw(index, *, seed, style, size):
        million, rest = divmod(index, 1_000_000)
        value = (40 * million + rest, 255 * (style == "drawn"), 0)
        return np.full((size, size, 3), value, np.uint8)

    monkeypatch.setattr(dolls, "draw", draw)
    config = base.get_config()
    config.image_size, config.batch_size, config.data.dolls = 16, 2, 6
    return config


def test_dolls_by_default(toys):
    pipeline = unpaired.load(toys)
    assert pipeline.summary() == (
        "data: built-in paper dolls (no data.root given), 6 + 6 training, 16 + 16 test pictures"
    )
    seen = {key: set() for key in unpaired.KEYS}
    for batch in taken(pipeline, 3):
        for key, images in batch.items():
            seen[key] |= set(((images[:, 0, 0, 0] + 1) * 127.5).round().astype(int).tolist())
            assert (images[..., 1] == (1 if key == "real_b" else -1)).all()
    assert seen == {"real_a": set(range(6)), "real_b": set(range(40, 46))}
    fixed = pipeline.fixed("test", 2)
    assert ((fixed["real_a"][:, 0, 0, 0] + 1) * 127.5).round().tolist() == [80, 81]
    assert ((fixed["real_b"][:, 0, 0, 0] + 1) * 127.5).round().tolist() == [120, 121]


def test_paired_dolls_are_the_same_in_both_styles(toys):
    toys.data.paired = True
    pipeline = unpaired.load(toys)
    for batch in [*taken(pipeline, 2), pipeline.fixed("test", 4)]:
        np.testing.assert_array_equal(batch["real_a"][..., 0], batch["real_b"][..., 0])


def test_dolls_in_spite_of_a_root(config):
    config.data.source = "dolls"
    summary = unpaired.load(config).summary()
    assert summary.startswith("data: built-in paper dolls, 400 + 400 training")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("source", "web", "data.source='web' must be auto, folder, dolls or tfds:NAME"),
        ("source", "tfds:", "data.source='tfds:' must be auto, folder, dolls or tfds:NAME"),
        ("preprocess", "resize", "data.preprocess='resize' must be one of resize_and_crop, crop"),
        ("interpolation", "nearest", "interpolation='nearest' must be one of bilinear, bicubic:"),
        ("enlarge", -1, "data.enlarge=-1 must be 0 pixels or more: set --config.data.enlarge"),
        ("dolls", 0, "data.dolls=0 must be from 1 to 1000000: set --config.data.dolls"),
        ("preprocess", "scale_width", "data.preprocess=scale_width with data.enlarge=4 makes"),
        ("root", "/no/such/folder", "data.root=/no/such/folder does not exist; / does"),
        ("train_a", "horses", "horses has 0 pictures in .*; found 7 in trainA|found pictures in"),
    ],
)
def test_wrong_fields(config, field, value, message):
    config.data[field] = value
    with pytest.raises(prepare.DataError, match=message):
        unpaired.load(config)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image_size", 4, "image_size=4 must be 8 pixels or more: set --config.image_size"),
        ("batch_size", 0, "batch_size=0 must be 1 or more: set --config.batch_size"),
        ("seed", -1, "seed=-1 must be 0 or more: set --config.seed"),
    ],
)
def test_wrong_numbers(config, field, value, message):
    config[field] = value
    with pytest.raises(prepare.DataError, match=message):
        unpaired.load(config)


def test_folder_needs_a_root(config):
    config.data.source, config.data.root = "folder", ""
    with pytest.raises(prepare.DataError, match=r"^data.source=folder needs one: set --config"):
        unpaired.load(config)


def test_none_needs_multiples_of_four(config):
    config.data.preprocess, config.image_size = "none", 42
    with pytest.raises(prepare.DataError, match="multiples of 4, image_size=42 is none"):
        unpaired.load(config)


def test_one_message_tells_everything(config, world):
    config.data.interpolation = "nearest"
    config.data.preprocess = "resize"
    shutil.rmtree(world / "trainB")
    Image.new("RGB", (4, 4)).save(world / "trainA" / "dot.png")
    with pytest.raises(prepare.DataError) as caught:
        unpaired.load(config)
    lines = str(caught.value).splitlines()
    assert lines[0] == "4 things are wrong with the data of this run:"
    starts = ["data.preprocess=", "data.interpolation=", "trainB has 0", "train_a: 1 with a side"]
    assert [line[4 : 4 + len(s)] for line, s in zip(lines[1:], starts, strict=True)] == starts


def test_unprepared_tfds_set(config, tmp_path):
    config.data.source, config.data.root = "tfds:cycle_gan/horse2zebra", str(tmp_path / "empty")
    with pytest.raises(prepare.DataError, match="a run downloads nothing"):
        unpaired.load(config)


def test_tfds_set(config, tiny_pictures):
    config.data.source, config.data.root = "tfds:tiny_pictures", tiny_pictures
    pipeline = unpaired.load(config)
    assert pipeline.summary().splitlines() == [
        "data: tfds:tiny_pictures, trainA 4, trainB 3, testA 1, testB 0 pictures",
        "warning: no test_b pictures, the first of train_b are shown as test pictures",
    ]
    made = taken(pipeline, 3)
    assert made[0]["real_a"].shape == (4, 32, 32, 3)
    same(taken(unpaired.load(config), 1, start=2), made[2:])
    assert pipeline.skipped == {}


def test_tensorflow_sees_no_accelerator(config):
    taken(unpaired.load(config), 1)
    assert sys.modules["tensorflow"].config.get_visible_devices("GPU") == []
