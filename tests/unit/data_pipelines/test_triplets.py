import collections

import numpy as np
import pytest
from PIL import Image

from data_pipelines import dolls, ops, prepare, triplet_sources, triplets
from data_pipelines.dolls import export
from tests.unit.data_pipelines import triplet_world as world
from tests.unit.data_pipelines.test_unpaired import same, taken


@pytest.fixture
def root(tmp_path):
    return world.keras(tmp_path / "data")


def rows(config, count):
    """(person, worn, other) by number, of the first batches, one item after the other."""
    batches = taken(triplets.load(config), count)
    return [
        tuple(world.number_of(batch[key][i]) for key in triplets.KEYS)
        for batch in batches
        for i in range(len(batch["person"]))
    ]


def turned(config, key, count=8):
    """Whether each picture of a key is mirrored, in the first batches."""
    batches = taken(triplets.load(config), count)
    return [bool(world.mirrored(image)) for batch in batches for image in batch[key]]


def test_batches_keep_their_word(root):
    config = world.config(root)
    for batch in taken(triplets.load(config), 3):
        assert {key: array.shape for key, array in batch.items()} == triplets.spec(config)
        for array in batch.values():
            assert array.shape == (4, 64, 48, 3) and array.dtype == np.float32
            assert array.min() >= -1 and array.max() <= 1


def test_every_epoch_shows_every_person_with_the_own_garment(root):
    made = rows(world.plain(root, batch_size=5), 2)
    assert all(worn == person + world.GARMENT for person, worn, _ in made)
    people = [person for person, _, _ in made]
    assert sorted(people[:5]) == sorted(people[5:]) == [1, 2, 3, 4, 5]
    assert people[:5] != people[5:]


def test_the_other_garment_is_any_but_the_one_worn(root):
    made = rows(world.plain(root, batch_size=5), 60)
    drawn = collections.Counter((worn, other) for _, worn, other in made)
    everything = {(a, b) for a in range(101, 106) for b in range(101, 106) if a != b}
    assert set(drawn) == everything
    assert min(drawn.values()) >= 5 and max(drawn.values()) <= 30  # 15 are expected of each
    assert rows(world.plain(root, batch_size=5, seed=1), 3) != made[:15]


def test_the_other_garment_differs_by_path_not_by_person(tmp_path):
    made = set(rows(world.plain(world.shared_garments(tmp_path)), 10))
    assert made == {(1, 101, 102), (2, 101, 102), (3, 101, 102), (4, 102, 101), (5, 102, 101)}


def test_the_draw_belongs_to_epoch_and_person(root):
    whole = rows(world.plain(root, batch_size=4), 5)
    assert rows(world.plain(root, batch_size=1), 20) == whole
    epochs = [dict(map(lambda row: (row[0], row[2]), whole[n : n + 5])) for n in (0, 5, 10, 15)]
    assert all(len({epoch[person] for epoch in epochs}) > 1 for person in (1, 2, 3, 4, 5))


def test_resume_and_shares_are_exact(root):
    config = world.config(root)
    whole = taken(triplets.load(config), 4)
    same(taken(triplets.load(config), 2, start=2), whole[2:])
    shares = [
        taken(triplets.load(config), 2, process_index=index, process_count=2) for index in (0, 1)
    ]
    joined = [{k: np.concatenate([a[k], b[k]]) for k in a} for a, b in zip(*shares, strict=True)]
    same(joined, whole[:2])


def test_memory_changes_nothing(root):
    kept = triplets.load(world.config(root, cache="memory"))
    same(taken(kept, 3), taken(triplets.load(world.config(root)), 3))
    assert "kept in memory" in kept.summary()
    for path in root.rglob("*.png"):
        path.unlink()
    assert len(taken(kept, 3)) == 3


class TestMirrors:
    """Who is mirrored with whom."""

    def test_tied(self, root):
        config = world.config(root)
        person, worn, other = (turned(config, key) for key in triplets.KEYS)
        assert person == worn != other
        assert 0.2 < np.mean(person) < 0.8 and 0.2 < np.mean(other) < 0.8

    def test_free(self, root):
        config = world.config(root, flip_pair="free", flip_other=False)
        person, worn, other = (turned(config, key) for key in triplets.KEYS)
        assert person != worn and 0.2 < np.mean(worn) < 0.8 and 0.2 < np.mean(person) < 0.8
        assert not any(other)

    def test_none(self, root):
        config = world.config(root, flip_pair="none")
        person, worn, other = (turned(config, key) for key in triplets.KEYS)
        assert not any(person) and not any(worn) and any(other)


class TestCrops:
    """Persons are enlarged and cropped, garments are not."""

    def test_nothing_to_crop(self, root):
        for batch in taken(triplets.load(world.plain(root)), 2):
            for array in batch.values():
                np.testing.assert_allclose(array[0, :, 0, 2], array[0, :, 24, 2])
                assert array[0, 0, 0, 2] == -1 and array[0, -1, 0, 2] == 1

    def test_places(self, root):
        config = world.plain(root, enlarge_height=3, enlarge_width=2)
        picture = np.asarray(Image.open(root / "imgs_train" / "1" / "01_1.png"))
        whole = ops.resize(picture, width=50, height=67, interpolation="bilinear")
        places = {
            (row, col): ops.normalise(whole[row : row + 64, col : col + 48, 1:])
            for row in range(4)
            for col in range(3)
        }
        found = collections.Counter()
        for batch in taken(triplets.load(config), 30):
            assert (batch["worn"][:, 0, 0, 1:] == -1).all() and (
                batch["other"][:, -1, -1, 1:] == 1
            ).all()
            for image in batch["person"][..., 1:]:
                found.update(place for place, x in places.items() if np.array_equal(x, image))
        assert set(found) == set(places) and found.total() == 120


def test_fixed(root):
    pipeline = triplets.load(world.config(root))
    train, test = pipeline.fixed("train", 9), pipeline.fixed("test", 2)
    assert [world.number_of(image) for image in train["person"]] == [1, 2, 3, 4, 5]
    assert [world.number_of(image) for image in train["other"]] == [102, 103, 104, 105, 101]
    assert [world.number_of(image) for image in test["other"]] == [112, 113]
    assert sorted(test) == sorted(triplets.KEYS)
    assert not any(map(world.mirrored, (*train["person"], *train["other"])))
    for split, count in (("validation", 1), ("train", 0)):
        with pytest.raises(ValueError, match="must be"):
            pipeline.fixed(split, count)


def test_held_out(root):
    pipeline = triplets.load(world.config(root))
    assert pipeline.counts == {"train": 5, "test_same": 3, "test_other": 3}
    own = list(pipeline.held_out("same", batch_size=2))
    assert [made.names for made in own] == [["11_1+11_5", "12_1+12_5"], ["13_1+13_5"]]
    np.testing.assert_array_equal(own[0].batch["truth"], own[0].batch["person"])
    np.testing.assert_array_equal(own[0].batch["worn"], own[0].batch["other"])
    (other,) = pipeline.held_out("other", batch_size=3)
    assert "truth" not in other.batch and other.names[2] == "13_1+11_5"
    with pytest.raises(ValueError, match="pairs must be one of"):
        pipeline.held_out("train", batch_size=1)
    with pytest.raises(ValueError, match="batch_size must be 1 or more, got 0"):
        pipeline.held_out("same", batch_size=0)
    (root / "imgs_test" / "5" / "12_5.png").unlink()
    with pytest.raises(prepare.DataError, match=r"the triplet 11_1\+12_5 cannot be read"):
        list(pipeline.held_out("other", batch_size=3))


def test_without_tests(tmp_path):
    pipeline = triplets.load(world.config(world.keras(tmp_path, test=())))
    assert "warning: no test person puts on another garment" in pipeline.summary()
    train, test = pipeline.fixed("train", 2), pipeline.fixed("test", 2)
    np.testing.assert_array_equal(train["other"], test["other"])
    with pytest.raises(prepare.DataError, match="no test triplets 'other'"):
        pipeline.held_out("other", batch_size=1)


def test_fixed_other_garments(tmp_path):
    made = rows(world.plain(world.triplets(tmp_path)), 6)
    assert set(made) == {(1, 101, 151), (2, 102, 152), (3, 103, 153)}


def test_broken_pictures_give_way(root):
    (root / "imgs_train" / "1" / "02_1.png").write_bytes(b"no picture")
    (root / "imgs_train" / "5" / "04_5.png").write_bytes(b"no picture")
    pipeline = triplets.load(world.plain(root, batch_size=5))
    assert (
        "train_person: 1 unreadable, will be skipped: imgs_train/1/02_1.png" in pipeline.summary()
    )
    seen = {
        tuple(world.number_of(batch[key][i]) for key in triplets.KEYS)
        for batch in taken(pipeline, 12)
        for i in range(5)
    }
    # person 4 cannot be shown without garment 104; garment 102 is whole, and others wear it
    assert {person for person, _, _ in seen} == {1, 3, 5}
    assert {other for _, _, other in seen} == {101, 102, 103, 105}
    assert set(pipeline.skipped) == {
        "imgs_train/1/02_1.png",
        "imgs_train/1/04_1.png",
        "imgs_train/5/04_5.png",
    }


def test_nothing_can_be_read(root):
    pipeline = triplets.load(world.config(root))
    for path in (root / "imgs_train").rglob("*.png"):
        path.unlink()
    with pytest.raises(prepare.DataError, match="none of 5"):
        taken(pipeline, 1)
    with pytest.raises(prepare.DataError, match="none of 5 train triplets can be read"):
        pipeline.fixed("train", 1)


class TestItem:
    """Any person in any garment."""

    def test_by_name(self, root):
        pipeline = triplets.browse(world.config(root))
        assert pipeline.cloths() == [f"imgs_test/5/{n}_5.png" for n in (11, 12, 13)]
        assert pipeline.persons() == [f"imgs_test/1/{n}_1.png" for n in (11, 12, 13)]
        assert pipeline.names("same") == [f"{n}_1+{n}_5" for n in (11, 12, 13)]
        for cloth in pipeline.cloths():
            made = pipeline.item(person="12_1", cloth=cloth)
            assert [world.number_of(made[key][0]) for key in ("person", "worn")] == [12, 112]
            assert made["other"].shape == (1, 64, 48, 3)
        assert world.number_of(made["other"][0]) == 113
        made = pipeline.item(person="01_1.png", cloth="05_5", worn="03_5")
        assert [world.number_of(made[key][0]) for key in triplets.KEYS] == [1, 103, 105]

    def test_by_path(self, root, tmp_path):
        world.save(tmp_path / "me.png", 77, height=100, width=80)
        world.save(tmp_path / "shirt.png", 177)
        pipeline = triplets.browse(world.config(root))
        me, shirt = str(tmp_path / "me.png"), str(tmp_path / "shirt.png")
        made = pipeline.item(person=me, cloth="05_5", worn=shirt)
        assert [world.number_of(made[key][0]) for key in triplets.KEYS] == [77, 177, 105]
        inside = str(root / "imgs_train" / "1" / "02_1.png")
        made = pipeline.item(person=inside, cloth=shirt)
        assert [world.number_of(made[key][0]) for key in triplets.KEYS] == [2, 102, 177]
        with pytest.raises(FileNotFoundError, match=r"nothing says what .*me\.png wears"):
            pipeline.item(person=me, cloth=shirt)
        with pytest.raises(FileNotFoundError, match="there is no 99_5: looked for"):
            pipeline.item(person=inside, cloth="99_5")

    def test_beside_the_person(self, tmp_path):
        for split in ("image", "cloth"):
            world.save(tmp_path / split / f"7_{int(split == 'cloth')}.png", 7)
        world.save(tmp_path / "cloth" / "8_1.png", 8)
        person, cloth = (tmp_path / name for name in ("image/7_0.png", "cloth/8_1.png"))
        made = triplets.browse(world.config(tmp_path)).item(person=str(person), cloth=str(cloth))
        assert [world.number_of(made[key][0]) for key in triplets.KEYS] == [7, 7, 8]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"image_size": 96}, "image_size=96, the height, must be a multiple of 64"),
        ({"layout": "vton"}, "layout='vton' must be one of auto, viton, mpv, mpv_flat, keras"),
        ({"flip_pair": "yes"}, "flip_pair='yes' must be one of tied, free, none"),
        ({"interpolation": "cubic"}, "interpolation='cubic' must be one of bilinear, bicubic"),
        ({"enlarge_width": -1}, "enlarge_width=-1 must be 0 pixels or more"),
        ({"cache": "disk"}, "cache='disk' must be one of none, memory"),
        ({"source": "tfds:x"}, "source='tfds:x' must be auto, folder or dolls"),
        ({"source": "folder", "root": ""}, "data.source=folder needs one"),
        ({"root": "", "dolls": 1}, "data.dolls=1 has one garment"),
        ({"root": "", "dolls": 0}, "data.dolls=0 must be from 1"),
        ({"batch_size": 0}, "batch_size=0 must be 1 or more"),
        ({"seed": -1}, "seed=-1 must be 0 or more"),
        ({"root": "/nowhere"}, "data.root=/nowhere does not exist"),
    ],
)
def test_wrong_fields(root, changes, complaint):
    with pytest.raises(prepare.DataError) as caught:
        triplets.load(world.config(**{"root": root} | changes))
    assert complaint in str(caught.value)


class TestDolls:
    """The built-in data."""

    @pytest.fixture
    def config(self, monkeypatch):
        monkeypatch.setattr(triplet_sources, "TEST_DOLLS", 3)
        return world.config(dolls=4)

    def test_batches(self, config):
        pipeline = triplets.load(config)
        assert "built-in paper dolls (no data.root given), 4 training persons" in pipeline.summary()
        batches = taken(pipeline, 2)
        assert {key: array.shape for key, array in batches[0].items()} == triplets.spec(config)
        for batch in batches:
            assert len({image.mean() for image in batch["person"]}) == 4
            assert all((a != b).any() for a, b in zip(batch["worn"], batch["other"], strict=True))

    def test_truths(self, config):
        pipeline = triplets.load(config)
        (own,) = pipeline.held_out("same", batch_size=3)
        (other,) = pipeline.held_out("other", batch_size=3)
        assert other.names[2] == "doll_1000002+doll_1000000"
        np.testing.assert_array_equal(own.batch["truth"], own.batch["person"])
        np.testing.assert_array_equal(own.batch["person"], other.batch["person"])
        np.testing.assert_array_equal(other.batch["other"][2], own.batch["worn"][0])
        doll = dolls.doll(1_000_002, seed=0, kind="try_on")
        dressed = dolls.dressed(doll, dolls.top_of(dolls.doll(1_000_000, seed=0, kind="try_on")))
        wanted = dolls.figure(dressed, height=64, width=48, style="photo")
        np.testing.assert_array_equal(other.batch["truth"][2], ops.normalise(wanted.picture))
        for batch in (own.batch, other.batch):
            assert batch["truth_mask"].shape == (3, 64, 48, 1)
            assert set(np.unique(batch["truth_mask"])) == {0, 1}
        assert sorted(pipeline.fixed("train", 1)) == sorted(other.batch)

    def test_any_doll_in_any_top(self, config):
        pipeline = triplets.browse(config)
        assert pipeline.cloths() == [f"doll_{1_000_000 + n}" for n in range(3)]
        made = pipeline.item(person="doll_1", cloth="doll_2")
        shown = pipeline.fixed("train", 3)
        for key in triplets.KEYS:
            np.testing.assert_array_equal(made[key][0], shown[key][1])
        assert pipeline.persons() == pipeline.cloths()
        assert pipeline.names("other")[2] == "doll_1000002+doll_1000000"
        with pytest.raises(FileNotFoundError, match=r"there is no me\.jpg: looked for /.*/me\.jpg"):
            pipeline.item(person="me.jpg", cloth="doll_2")

    def test_photographs_beside_dolls(self, config, tmp_path):
        for number, name in ((77, "image/a_0.png"), (177, "cloth/a_1.png"), (178, "shirt.png")):
            world.save(tmp_path / name, number, height=100, width=80)
        pipeline, shirt = triplets.browse(config), str(tmp_path / "shirt.png")
        made = pipeline.item(person=str(tmp_path / "image" / "a_0.png"), cloth=shirt)
        assert [world.number_of(made[key][0]) for key in triplets.KEYS] == [77, 177, 178]
        assert made["person"].shape == (1, 64, 48, 3)
        made = pipeline.item(person="doll_1", cloth=shirt, worn=shirt)
        np.testing.assert_array_equal(made["person"][0], pipeline.fixed("train", 2)["person"][1])
        assert [world.number_of(made[key][0]) for key in ("worn", "other")] == [178, 178]
        with pytest.raises(FileNotFoundError, match=r"shirt.png wears, .* by --worn=PICTURE"):
            pipeline.item(person=shirt, cloth="doll_1")

    def test_exported(self, tmp_path):
        look = export.Look(height=64, width=48, style="photo", seed=0)
        export.export(tmp_path / "dolls", train=2, test=2, look=look)
        pipeline = triplets.load(world.config(tmp_path / "dolls"))
        (other,) = pipeline.held_out("other", batch_size=2)
        truth = tmp_path / "dolls" / "test" / "truth" / f"{other.names[1]}.png"
        shown = ops.normalise(np.asarray(Image.open(truth)))
        np.testing.assert_array_equal(other.batch["truth"][1], shown)
        assert 0.02 < other.batch["truth_mask"].mean() < 0.5
        assert pipeline.fixed("test", 1)["truth"].shape == (1, 64, 48, 3)
