"""Others' data sets become ours; what cannot be used is left out with a reason."""

import json
import shutil

import numpy as np
import pytest
import scipy.io
from PIL import Image

from data_pipelines import landmark_layout, landmarks, landmarks_prepare
from data_pipelines.dolls import export
from data_pipelines.landmarks_import import __main__ as command
from data_pipelines.landmarks_import import found, viton
from tests.unit.data_pipelines import landmark_world as world
from tryon_jax.landmark_tables import CCP_LABELS, COCO17


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (*shape, 3)).astype(np.uint8)


def opened(root, *, a=8, b=7):
    """The written folder, checked as a run checks it."""
    config = world.config(root, category_a=a, category_b=b, held_out="test")
    landmarks.load(config)
    return landmark_layout.Folder(config)


def run(*arguments):
    return command.main([*map(str, arguments)])


class TestClothingCoParsing:
    """Labels of pixels to masks and skin."""

    @pytest.fixture
    def ccp(self, tmp_path):
        worn = {"0001": "jeans", "0002": "shorts", "0003": "skirt", "0004": "pants",
                "0005": "shorts"}  # fmt: skip
        for number, (name, garment) in enumerate(worn.items()):
            labels = np.zeros((60, 40), np.uint8)
            labels[30:50, 10:30] = CCP_LABELS.index(garment)
            labels[10:20, 10:20] = CCP_LABELS.index("skin")
            if name == "0005":
                labels[50:, 10:30] = CCP_LABELS.index("jeans")
            (tmp_path / "annotations" / "pixel-level").mkdir(parents=True, exist_ok=True)
            path = tmp_path / "annotations" / "pixel-level" / f"{name}.mat"
            scipy.io.savemat(path, {"groundtruth": labels})
            picture = noise((60, 40), number)
            picture[10:20, 10:20] = (200, 150, 120)
            save(tmp_path / "photos" / f"{name}.jpg", picture)
        (tmp_path / "annotations" / "pixel-level" / "0006.mat").write_bytes(b"broken")
        return tmp_path

    def test_items(self, ccp, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(found, "TEST_SHARE", 0.0)
        assert run("--from=ccp", f"--input={ccp}", f"--output={tmp_path / 'out'}") == 0
        said = capsys.readouterr().out
        assert "left out 1: neither category: 0003" in said
        assert "left out 1: both categories: 0005" in said
        assert "0006" in said and "wrote trainX 2, trainY 1" in said
        folder = opened(tmp_path / "out")
        assert folder.names["train_a"] == ["0001", "0004"]
        item = folder.whole("train_b", 0)
        np.testing.assert_array_equal(np.argwhere(item.masks[..., 0]).min(0), (30, 10))
        assert item.skin is not None and not item.joints.any()
        np.testing.assert_allclose(item.skin.reshape(-1, 3).mean(0), (200, 150, 120), atol=12)
        copied = (tmp_path / "out" / "trainX" / "0001.jpg").read_bytes()
        assert copied == (ccp / "photos" / "0001.jpg").read_bytes()

    def test_refusals(self, ccp, tmp_path, capsys):
        for more, complaint in (
            (["--a=2"], "apart, not 2"),
            (["--a=trouser"], "must be one of 1 short"),
            (["--a=shorts"], "the same category 7"),
            (["--joints=nowhere.json"], "nowhere.json with joints"),
            ([f"--input={tmp_path / 'photos'}"], "has no .mat files"),
            ([f"--output={ccp}"], "not an empty folder"),
        ):
            with pytest.raises(SystemExit):
                run("--from=ccp", f"--input={ccp}", f"--output={tmp_path / 'out'}", *more)
            assert complaint in capsys.readouterr().err

    def test_nothing_for_a_domain(self, ccp, tmp_path, capsys):
        (ccp / "annotations" / "pixel-level" / "0003.mat").unlink()
        output = tmp_path / "out"
        assert run("--from=ccp", "--b=skirt", f"--input={ccp}", f"--output={output}") == 3
        assert "nothing for" in capsys.readouterr().err


def test_a_seventh_is_for_tests():
    names = [f"{number:04d}" for number in range(1, 1005)]
    share = np.mean([found.split_of(name) == "test" for name in names])
    assert 0.12 < share < 0.18


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        (8, 7, ("calf", "knee")),
        (8, 9, ("calf", "knee")),
        (7, 8, ()),
        (2, 1, ("forearm", "elbow")),
        (1, 2, ()),
        (11, 12, ("forearm", "elbow")),
    ],
)
def test_what_becomes_bare(before, after, parts):
    assert found.exposed(before, after) == parts


class TestDeepFashion2:
    """Garments are cut out with their landmarks."""

    @pytest.fixture
    def root(self, tmp_path):
        for split, names in (("train", ("000001", "000002")), ("validation", ("000003",))):
            for name in names:
                save(tmp_path / split / "image" / f"{name}.jpg", noise((120, 100)))
                annos = {"source": "user", "pair_id": 1}
                for key, category, count, left in (
                    ("item1", 8, 14, 10),
                    ("item2", 7, 10, 55),
                    ("item3", 1, 25, 55),
                ):
                    right = left + 35
                    annos[key] = {
                        "category_id": category,
                        "bounding_box": [left, 30, right, 100],
                        "landmarks": [left + 5, 40, 2] * (count - 1) + [0, 0, 0],
                        "segmentation": [[left, 30, right, 30, right, 100, left, 100]],
                    }
                path = tmp_path / split / "annos" / f"{name}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(annos))
        return tmp_path

    def test_items(self, root, tmp_path, capsys):
        output = tmp_path / "out"
        assert run("--from=deepfashion2", f"--input={root}", f"--output={output}") == 0
        assert "wrote testX 1, testY 1, trainX 2, trainY 2" in capsys.readouterr().out
        folder = opened(output)
        assert folder.names["train_a"] == ["000001_item1", "000002_item1"]
        item = folder.whole("train_a", 0)
        # the box of 35 x 70 grows by an eighth on each side
        assert item.size == (109 - 21, 49 - 6)
        np.testing.assert_array_equal(item.points[0], (15 - 6, 40 - 21, 2))
        assert item.points[-1, 2] == 0
        mask = item.masks[..., 0]
        assert mask.sum() == 35 * 70 and mask[30 - 21, 10 - 6]
        assert folder.whole("test_b", 0).points.shape == (10, 3)

    def test_whole_pictures(self, root, tmp_path):
        output = tmp_path / "out"
        run("--from=deepfashion2", f"--input={root}", f"--output={output}", "--enlarge=0")
        item = opened(output).whole("train_a", 0)
        assert item.size == (120, 100) and item.points[0, 0] == 15

    def test_what_is_broken_is_left_out(self, root, tmp_path, capsys):
        (root / "train" / "annos" / "000001.json").write_text("{")
        run("--from=deepfashion2", f"--input={root}", f"--output={tmp_path / 'out'}")
        assert "train/000001" in capsys.readouterr().out


def test_instagan(tmp_path, capsys):
    source = tmp_path / "jeans2skirt"
    for folder, names in (("trainA", ("a", "b")), ("trainB", ("c",)), ("valA", ("d",))):
        for name in names:
            save(source / folder / f"{name}.png", noise((30, 20)))
            for k in range(2 if name != "b" else 0):
                mask = np.zeros((30, 20))
                mask[5 + 10 * k : 12 + 10 * k, 5:15] = 255
                save(source / f"{folder}_seg" / f"{name}_{k}.png", mask)
    output = tmp_path / "out"
    assert run("--from=instagan", "--b=skirt", f"--input={source}", f"--output={output}") == 0
    said = capsys.readouterr().out
    assert "trainA/b.png" in said and "no mask trainA_seg/b_0.png" in said
    assert "wrote trainX 1, trainY 1, valX 1" in said
    item = opened(output, b=9).whole("train_a", 0)
    assert item.masks.shape == (30, 20, 2) and item.masks[..., 1].sum() == 70


class TestViton:
    """Sleeves and legs by parse maps and joints."""

    def parse(self, **regions):
        labels = {"cloth": 5, "pants": 9, "skirt": 12, "arm": 14, "leg": 16}
        parse = np.zeros((100, 60), np.uint8)
        for name, (top, bottom, left, right) in regions.items():
            parse[top:bottom, left:right] = labels[name.rstrip("0123456789")]
        return parse

    def joints(self):
        points = np.zeros((17, 3), np.float32)
        for name, place in {
            "left_shoulder": (40, 20), "left_elbow": (45, 35), "left_wrist": (45, 50),
            "right_shoulder": (20, 20), "right_elbow": (15, 35), "right_wrist": (15, 50),
            "left_knee": (35, 75), "left_ankle": (35, 95),
            "right_knee": (25, 75), "right_ankle": (25, 95),
        }.items():  # fmt: skip
            points[COCO17.index(name)] = (*place, 2)
        return points

    @pytest.mark.parametrize(
        ("regions", "slot", "number"),
        [
            ({"cloth": (15, 60, 5, 55)}, "upper", 2),
            ({"cloth": (15, 36, 5, 55), "arm": (36, 60, 5, 55)}, "upper", 1),
            ({"arm": (15, 60, 5, 55), "cloth": (15, 60, 25, 35)}, "upper", 5),
            ({}, "upper", 0),
            ({"pants": (50, 98, 15, 45)}, "lower", 8),
            ({"pants": (50, 70, 15, 45), "leg": (70, 98, 15, 45)}, "lower", 7),
            ({"skirt": (50, 98, 15, 45)}, "lower", 9),
        ],
    )
    def test_categories(self, regions, slot, number):
        assert viton.category_of(self.parse(**regions), self.joints(), slot=slot) == number

    @pytest.mark.slow
    def test_dolls_as_viton_has_them(self, tmp_path, capsys):
        """Sleeves found in parse maps are the sleeves that the dolls have."""
        export.export(tmp_path / "viton", train=12, test=2, look=export.Look(128, 96, "photo", 0))
        output = tmp_path / "out"
        arguments = ("--from=viton", "--a=2", "--b=1", f"--input={tmp_path / 'viton'}")
        assert run(*arguments, f"--output={output}") == 0
        folder = opened(output, a=2, b=1)
        sleeves = {
            f"{number + 1:06d}_0": export.doll(number, 0).outfit.garments[0].sleeve
            for number in range(12)
        }
        names = folder.names
        assert all(sleeves[name] > 1.8 for name in names["train_a"])
        assert all(0.4 < sleeves[name] < 1.0 for name in names["train_b"])
        assert len(names["train_a"]) + len(names["train_b"]) >= 6
        item = folder.whole("train_b", 0)
        assert item.skin is not None and (item.joints[:, 2] == 2).sum() > 8
        assert "wrote" in capsys.readouterr().out


def test_dolls(tmp_path):
    output = tmp_path / "out"
    size = ("--height=64", "--aspect=0.5")
    assert run("--from=dolls", "--train=2", "--test=1", *size, f"--output={output}") == 0
    folder = opened(output)
    assert folder.whole("train_a", 0).points[:, 2].all()
    assert folder.whole("test_b", 0).size == (64, 32)


class TestPrepare:
    """Skin and landmarks that are kept in the folder."""

    @pytest.fixture(scope="class")
    @staticmethod
    def drawn(tmp_path_factory):
        """Dolls as files, drawn once."""
        folder = tmp_path_factory.mktemp("dolls") / "data"
        size = ("--height=96", "--aspect=0.5")
        run("--from=dolls", "--train=2", "--test=1", *size, f"--output={folder}")
        return folder

    @pytest.fixture
    def root(self, drawn, tmp_path):
        return shutil.copytree(drawn, tmp_path / "data")

    def test_skin(self, root, capsys):
        drawn = opened(root).whole("train_b", 0).skin
        for path in root.glob("*_skin/*.png"):
            path.unlink()
        assert landmarks_prepare.main(["skin", f"--root={root}"]) == 0
        assert f"{root}" in capsys.readouterr().out
        folder = opened(root)
        made = [folder.whole(key, 0).skin for key in ("train_a", "train_b", "test_b")]
        assert sum(skin is not None for skin in made) >= 2
        if made[1] is not None and drawn is not None:
            difference = made[1].mean((0, 1)) - drawn.mean((0, 1))
            assert np.abs(difference).max() < 40
        sources = [e["skin_patch"]["source"] for e in self.annotations(root, "trainY")
                   if "skin_patch" in e]  # fmt: skip
        assert set(sources) <= set(landmarks_prepare.skin_patches.SOURCES)
        counts = landmarks_prepare.make_skin(root)
        assert counts["there already"] >= 2

    def test_skin_of_the_user(self, root, tmp_path):
        for path in [*root.glob("*_skin/*.png"), *root.glob("annotations/*")]:
            path.unlink()
        save(tmp_path / "mine.png", np.full((9, 9, 3), 120))
        assert landmarks_prepare.make_skin(root)["none"] == 6
        counts = landmarks_prepare.make_skin(root, user=tmp_path / "mine.png")
        assert counts == {"user": 6}
        item = opened(root).whole("train_a", 1)
        assert item.skin is not None and (item.skin == 120).all()
        assert self.annotations(root, "trainX")[0]["skin_patch"]["source"] == "user"

    def test_landmarks(self, root, tmp_path, capsys):
        file = tmp_path / "landmarks.json"
        name = opened(root).names["train_a"][1]
        new = {
            "images": [{"id": 7, "file_name": f"else/{name}.jpg", "width": 48, "height": 96}],
            "categories": [],
            "annotations": [
                {"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9],
                 "keypoints": [4, 5, 2] * 17, "score": 0.9}
            ],
        }  # fmt: skip
        file.write_text(json.dumps(new))
        before = opened(root)
        assert landmarks_prepare.main(["landmarks", f"--root={root}", f"--file={file}"]) == 0
        assert "trainX 1" in capsys.readouterr().out
        folder = opened(root)
        np.testing.assert_array_equal(folder.whole("train_a", 1).joints, [[4, 5, 2]] * 17)
        for key, index in (("train_a", 0), ("train_b", 1)):
            one, other = before.whole(key, index), folder.whole(key, index)
            np.testing.assert_array_equal(one.joints, other.joints)
        points = [x.whole("train_a", 1).points for x in (before, folder)]
        np.testing.assert_array_equal(*points)

    def test_refusals(self, root, tmp_path, capsys):
        (tmp_path / "broken.json").write_text("[]")
        for arguments, complaint in (
            (["landmarks"], "needs --file"),
            (["landmarks", f"--file={tmp_path / 'broken.json'}"], "holds no COCO annotations"),
            (["skin", f"--patch={tmp_path / 'broken.json'}"], "broken.json"),
        ):
            with pytest.raises(SystemExit):
                landmarks_prepare.main([*arguments, f"--root={root}"])
            assert complaint in capsys.readouterr().err
        (root / "domains.json").unlink()
        with pytest.raises(SystemExit):
            landmarks_prepare.main(["skin", f"--root={root}"])
        assert "has no domains.json" in capsys.readouterr().err

    def annotations(self, root, folder):
        content = json.loads((root / "annotations" / f"{folder}.json").read_text())
        return content["annotations"]
