import pytest

from data_pipelines import prepare, triplet_sources, triplets
from tests.unit.data_pipelines import triplet_world as world
from tests.unit.data_pipelines import viton_world

FRONT = "person_half_front"


def folder(root, **fields):
    """The listed folder."""
    return triplet_sources.Folder(world.config(root, **fields).data)


def complaint(root, **fields):
    """What `load` says about a folder."""
    with pytest.raises(prepare.DataError) as caught:
        triplets.load(world.config(root, **fields))
    return str(caught.value)


class TestKeras:
    """Persons in 1/, garments in 5/."""

    def test_pairs_by_number(self, tmp_path):
        found = folder(world.keras(tmp_path))
        assert found.layout == "keras" and len(found.train) == 5
        assert found.train[1][:3] == ("imgs_train/1/02_1.png", "imgs_train/5/02_5.png", "")
        assert [t.other for t in found.tests["other"]] == [
            "imgs_test/5/12_5.png",
            "imgs_test/5/13_5.png",
            "imgs_test/5/11_5.png",
        ]

    @pytest.mark.parametrize("place", ["imgs", "data/imgs_train", "mine"])
    def test_names_of_the_folder(self, tmp_path, place):
        for n in (1, 2):
            world.save(tmp_path / place / "1" / f"{n}_1.png", n)
            world.save(tmp_path / place / "5" / f"{n}_5.png", n)
        found = folder(tmp_path, train_folder="mine" if place == "mine" else "")
        assert found.layout == "keras" and found.train[1].worn == f"{place}/5/2_5.png"

    def test_order_of_names_does_not_matter(self, tmp_path):
        for n in (1, 10):  # "1.png" comes before "10.png", "1_5.png" after "10_5.png"
            world.save(tmp_path / "imgs" / "1" / f"{n}.png", n)
            world.save(tmp_path / "imgs" / "5" / f"{n}_5.png", n)
        pairs = [triplet[:2] for triplet in folder(tmp_path).train]
        assert pairs == [(f"imgs/1/{n}.png", f"imgs/5/{n}_5.png") for n in (1, 10)]

    def test_orphans_are_named(self, tmp_path):
        world.keras(tmp_path)
        (tmp_path / "imgs_train" / "5" / "02_5.png").unlink()
        (tmp_path / "imgs_test" / "1" / "11_1.png").unlink()
        text = complaint(tmp_path)
        assert "1 of 5 persons have no garment of their number: imgs_train/1/02_1.png" in text
        assert "1 of 3 garments have no person of their number: imgs_test/5/11_5.png" in text

    def test_two_pictures_of_a_number(self, tmp_path):
        world.keras(tmp_path)
        world.save(tmp_path / "imgs_train" / "1" / "02_1.bmp", 2)
        text = complaint(tmp_path)
        assert "imgs_train/1/02_1.png and imgs_train/1/02_1.bmp have one number" in text


class TestMpv:
    """MPV's list."""

    LINES = (
        f"1:{FRONT} 1:person_whole_front 1 train",
        f"2:person_half_back 2:{FRONT} 2 train",
        f"1:{FRONT} 1:person_half_back 1 train",  # the same pair again
        "3:person_half_back 3:person_whole_front 3 train",  # nobody from the front
        f"4:{FRONT} 5:{FRONT} 1 test",  # two persons, one garment
        f"6:{FRONT} 6:person_half_back 2 test",
    )

    def test_persons_from_the_front_each_once(self, tmp_path):
        found = folder(world.mpv(tmp_path, self.LINES))
        assert found.layout == "mpv"
        assert [t.person for t in found.train] == [f"all/P{n}/P{n}@8={FRONT}.png" for n in (1, 2)]
        assert found.train[0].worn == "all/G1/G1-A@9=cloth_front.png"
        first, second = (f"all/G{n}/G{n}-A@9=cloth_front.png" for n in (1, 2))
        assert [(t.worn, t.other) for t in found.tests["other"]] == [
            (first, second),
            (first, second),
            (second, first),
        ]

    def test_wrong_lines(self, tmp_path):
        world.mpv(tmp_path, self.LINES)
        with (tmp_path / world.MPV_LIST).open("a") as file:
            file.write("a b c\n\na b c validation\n")
        assert "needs lines `PERSON PERSON GARMENT train` (or test): correct line 7, line 9" in (
            complaint(tmp_path)
        )

    def test_missing_pictures(self, tmp_path):
        world.mpv(tmp_path, self.LINES)
        (tmp_path / "all" / "G2" / "G2-A@9=cloth_front.png").unlink()
        text = complaint(tmp_path)
        assert "garment: 1 of 2 missing: all/G2/G2-A@9=cloth_front.png; put them there" in text

    def test_own_names(self, tmp_path):
        world.mpv(tmp_path, self.LINES)
        (tmp_path / world.MPV_LIST).rename(tmp_path / "mine.txt")
        (tmp_path / "all").rename(tmp_path / "pictures")
        names = {"layout": "mpv", "train_pairs": "mine.txt", "train_folder": "pictures"}
        assert len(folder(tmp_path, **names).train) == 2
        assert "has no list other.txt" in complaint(
            tmp_path, **names | {"train_pairs": "other.txt"}
        )


def test_mpv_in_one_folder(tmp_path):
    for place, numbers in (("", (1, 2)), ("test", (3, 4))):
        for n in numbers:
            world.save(tmp_path / place / f"{n:08d}_{FRONT}.png", n)
            world.save(tmp_path / place / f"{n:08d}_cloth_front.png", world.GARMENT + n)
            world.save(tmp_path / place / f"{n:08d}_person_half_back.png", 9)
    found = folder(tmp_path)
    assert found.layout == "mpv_flat"
    assert [t[:2] for t in found.train] == [
        (f"{n:08d}_{FRONT}.png", f"{n:08d}_cloth_front.png") for n in (1, 2)
    ]
    assert found.tests["other"][1].other == "test/00000003_cloth_front.png"
    (tmp_path / "00000001_cloth_front.png").unlink()
    assert f"1 of 2 persons have no garment of their number: 00000001_{FRONT}.png" in (
        complaint(tmp_path)
    )


class TestTriplets:
    """Folders whose other garment is fixed."""

    def test_by_name(self, tmp_path):
        found = folder(world.triplets(world.triplets(tmp_path), phase="test", numbers=(8, 9)))
        assert found.layout == "triplets" and not found.listing.warnings
        assert found.train[2][:3] == ("train_x/3.png", "train_yi/3.png", "train_yj/3.png")
        assert found.tests["other"][0].other == "test_yj/8.png"
        assert found.tests["same"][0].other == "test_yi/8.png"

    def test_by_order(self, tmp_path):
        world.triplets(tmp_path)
        (tmp_path / "train_yj" / "3.png").rename(tmp_path / "train_yj" / "30.png")
        text = triplets.load(world.config(tmp_path)).summary()
        assert "makes triplets such as train_x/3.png + train_yi/3.png + train_yj/30.png" in text

    def test_counts_differ(self, tmp_path):
        world.triplets(tmp_path)
        (tmp_path / "train_yj" / "3.png").unlink()
        assert "has train_x 3, train_yi 3, train_yj 2" in complaint(tmp_path)

    def test_one_garment_suffices(self, tmp_path):
        assert (
            len(triplets.load(world.config(world.triplets(tmp_path, numbers=(1,))))._garments) == 1
        )


class TestViton:
    """VITON's pair lists."""

    @pytest.fixture
    def root(self, tmp_path):
        return viton_world.build(tmp_path)

    def test_lists(self, root):
        found = folder(root)
        assert found.layout == "viton" and len(found.train) == 6
        assert found.train[0][:3] == ("train/image/000001_0.jpg", "train/cloth/000001_1.jpg", "")
        assert found.tests["other"][2][:3] == (
            "test/image/000013_0.jpg",
            "test/cloth/000013_1.jpg",
            "test/cloth/000011_1.jpg",
        )
        assert triplets.load(world.config(root)).counts["test_same"] == 3

    def test_needs_pictures_alone(self, root):
        for kind in ("image-parse", "pose", "cloth-mask"):
            for path in (root / "train" / kind).iterdir():
                path.unlink()
        assert triplets.load(world.config(root)).fixed("train", 6)["person"].shape[0] == 6

    def test_own_garment_is_not_put_on(self, root):
        viton_world.write_list(root / "test_pairs.txt", [viton_world.names(n) for n in (11, 12)])
        pipeline = triplets.load(world.config(root))
        assert pipeline.counts["test_other"] == 0
        assert "2 lines left out, their garment is the one worn: 000011_0.jpg" in pipeline.summary()

    def test_nobody_says_what_is_worn(self, root):
        (root / "test_pairs_same.txt").unlink()
        assert len(folder(root).tests["other"]) == 3  # N_1 for N_0
        (root / "test" / "cloth" / "000012_1.jpg").rename(root / "test" / "cloth" / "x.jpg")
        text = complaint(root)
        assert "nobody says what 1 persons of test_pairs.txt wear: 000012_0.jpg" in text

    def test_missing_pictures_are_all_named(self, root):
        for name in ("image/000002_0.jpg", "image/000005_0.jpg", "cloth/000003_1.jpg"):
            (root / "train" / name).unlink()
        text = complaint(root)
        persons = "train/image/000002_0.jpg, train/image/000005_0.jpg"
        assert f"train_person: 2 of 6 missing: {persons}; put them there" in text
        assert "garment: 1 of 9 missing: train/cloth/000003_1.jpg" in text
        assert text.startswith("2 things are wrong")

    def test_missing_folder(self, root):
        (root / "test").rename(root / "tests")
        text = complaint(root)
        assert "data.test_folder=test must be a folder in" in text
        assert "which holds tests, train: set --config.data.test_folder" in text
        assert len(folder(root, test_folder="tests").tests["other"]) == 3


def test_unknown_layout(tmp_path):
    (tmp_path / "photos").mkdir()
    text = complaint(tmp_path)
    assert "is in no known layout, it holds photos: set --config.data.root" in text
    assert "holds no training pairs in the layout keras" in complaint(tmp_path, layout="keras")
    assert "has no list train_pairs.txt" in complaint(tmp_path, layout="viton")


def test_one_garment(tmp_path):
    front = [f"{n}:{FRONT} {n}:person_half_back 1 train" for n in (1, 2, 3)]
    text = complaint(world.mpv(tmp_path, front))
    assert "all 3 training persons wear one garment, all/G1/G1-A@9=cloth_front.png" in text


def test_report(tmp_path):
    world.keras(tmp_path)
    world.save(tmp_path / "imgs_train" / "5" / "01_5.png", 1, height=60, width=60)
    world.save(tmp_path / "imgs_train" / "1" / "02_1.png", 1)
    (tmp_path / "imgs_train" / "1" / "05_1.png").write_bytes(b"no picture")
    pipeline = triplets.load(world.config(tmp_path))
    lines = pipeline.report.text().splitlines()
    assert lines[1].split() == ["train_person", "5", "1", "1", "48", "x", "64"]
    assert lines[3].split() == ["garment", "8", "0", "0", "48-60", "x", "60-64"]
    assert lines[0].index("pictures") + len("pictures") == lines[1].index(" 5 ") + 2
    assert "warning: garment: 1 are not 3 wide to 4 high: imgs_train/5/01_5.png (60 x 60)" in (
        pipeline.summary()
    )
