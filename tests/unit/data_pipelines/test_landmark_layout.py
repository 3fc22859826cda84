"""The folder: what is written reads back, and everything wrong with it is named."""

import json

import numpy as np
import pytest
from PIL import Image

from data_pipelines import landmark_coco, landmark_layout, landmarks, prepare
from data_pipelines.landmark_write import Writer
from tests.unit.data_pipelines import landmark_world as world
from tests.unit.data_pipelines.test_unpaired import taken
from tryon_jax.landmark_tables import CATEGORIES, GARMENT_POINTS


@pytest.fixture
def root(tmp_path):
    return world.folder(tmp_path / "data", counts=(3, 2), tests=1)


def refused(root, **fields):
    """The message with which a run on a folder is refused."""
    with pytest.raises(prepare.DataError) as error:
        landmarks.load(world.config(root, **fields))
    return str(error.value)


def grey(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


def annotations(root, folder="trainX"):
    return json.loads((root / "annotations" / f"{folder}.json").read_text())


def annotate(root, content, folder="trainX"):
    (root / "annotations" / f"{folder}.json").write_text(json.dumps(content))


class TestRoundTrip:
    """Exporter and importer."""

    @pytest.mark.parametrize("instances", [1, 3])
    def test_items(self, tmp_path, instances):
        root = world.folder(tmp_path / "data", instances=instances)
        folder = landmark_layout.Folder(world.config(root))
        assert folder.names["train_a"] == [f"item{n}" for n in range(1, 6)]
        for index in range(3):
            written = world.item(101 + index, category=7, instances=instances)
            found = folder.whole("train_b", index)
            for one, other in zip(written[:6], found[:6], strict=True):
                np.testing.assert_array_equal(one, other)

    def test_exact_coordinates(self, tmp_path):
        item = world.item(1)
        odd = np.float32(1) / np.float32(3)
        moved = item.joints + np.array((odd, odd, 0), np.float32)
        item = item._replace(joints=np.where(item.joints > 0, moved, 0))
        writer = Writer(tmp_path / "data", categories={"a": 8, "b": 7}, expose={})
        for domain, category in (("a", 8), ("b", 7)):
            made = item if domain == "a" else world.item(2, category=category)
            writer.add("deep/one", made, split="train", domain=domain)
        writer.close()
        found = landmark_layout.Folder(world.config(tmp_path / "data")).whole("train_a", 0)
        np.testing.assert_array_equal(found.joints, item.joints.astype(np.float32))
        assert writer.counts() == {"trainX": 1, "trainY": 1}

    def test_domains(self, root):
        found = landmark_layout.read_domains(root)
        assert found is not None
        assert found.categories == {"a": 8, "b": 7}
        assert found.expose == {"ab": ("calf", "knee"), "ba": ()}
        content = json.loads((root / "domains.json").read_text())
        assert content["X"] == {"name": "trousers", "category": 8, "slot": "lower"}

    def test_only_into_an_empty_folder(self, root):
        with pytest.raises(FileExistsError, match="not an empty folder"):
            Writer(root, categories={}, expose={})

    def test_the_skin_says_where_it_comes_from(self, root):
        entry = annotations(root)["annotations"][0]
        record = {"bbox": [3, 4, 6, 6], "file": "trainX_skin/item1.png", "source": "calf"}
        assert entry["skin_patch"] == record
        (root / "trainX_skin" / "item1.png").unlink()
        content = annotations(root)
        del content["annotations"][0]["skin_patch"]["file"]
        annotate(root, content)
        item = landmark_layout.Folder(world.config(root)).whole("train_a", 0)
        assert item.skin is not None and item.skin.shape == (32, 32, 3)
        assert item.skin[0, 0, 2] == 1 and 24 <= item.skin[16, 16, 0] <= 64


class TestMasks:
    """Polygons and run lengths."""

    def test_runs_are_undone(self):
        rng = np.random.default_rng(0)
        for mask in (rng.random((5, 7)) < 0.5, np.zeros((3, 4), bool), np.ones((3, 4), bool)):
            runs = landmark_coco.runs_of(mask)
            size = (mask.shape[1], mask.shape[0])
            np.testing.assert_array_equal(landmark_coco.mask_of(runs, size=size), mask)

    def test_runs_go_down_the_columns(self):
        mask = np.array([[0, 1], [0, 1], [1, 0]], bool)
        assert landmark_coco.runs_of(mask) == {"size": [3, 2], "counts": [2, 3, 1]}

    def test_a_polygon_between_pixels(self):
        mask = landmark_coco.mask_of([[2, 1, 6, 1, 6, 5, 2, 5]], size=(8, 7))
        assert landmark_coco.box_of(mask) == [2, 1, 4, 4] and mask.sum() == 16

    def test_refusals(self):
        with pytest.raises(ValueError, match="packed"):
            landmark_coco.mask_of({"size": [2, 2], "counts": "abc"}, size=(2, 2))
        with pytest.raises(ValueError, match="add up to 3"):
            landmark_coco.mask_of({"size": [2, 2], "counts": [1, 2]}, size=(2, 2))

    def test_a_segmentation_stands_in_for_a_file(self, root):
        (root / "trainX_mask" / "item1.png").unlink()
        found = landmark_layout.Folder(world.config(root)).whole("train_a", 0)
        np.testing.assert_array_equal(found.masks, world.item(1).masks)
        landmarks.load(world.config(root))

    def test_a_mask_of_another_picture_is_no_instance(self, root):
        (root / "trainX" / "item1.png").rename(root / "trainX" / "one.png")
        (root / "trainX" / "item2.png").rename(root / "trainX" / "one_0.png")
        (root / "trainX_mask" / "item2.png").rename(root / "trainX_mask" / "one_0.png")
        assert "trainX/one.png has no mask" in refused(root)


class TestAnnotations:
    """Forms of the annotations."""

    def test_all_294_are_taken_apart(self):
        flat = np.zeros((GARMENT_POINTS, 3))
        known = CATEGORIES[7]
        flat[known.start : known.stop] = (4, 5, 2)
        found = landmark_coco.garment_points(flat.ravel().tolist(), category=7)
        np.testing.assert_array_equal(found, np.tile(np.float32((4, 5, 2)), (10, 1)))
        with pytest.raises(ValueError, match="trousers has 14 keypoints"):
            landmark_coco.garment_points([0.0] * 30, category=8)

    def test_the_largest_person_counts(self, root):
        content = annotations(root)
        small = dict(content["annotations"][0], id=99, bbox=[0, 0, 2, 2], keypoints=[1, 1, 2] * 17)
        content["annotations"].insert(0, small)
        annotate(root, content)
        found = landmark_layout.Folder(world.config(root)).whole("train_a", 0)
        np.testing.assert_array_equal(found.joints, world.item(1).joints)

    def test_pixels_alone(self, root):
        for path in (root / "annotations").iterdir():
            path.unlink()
        for path in root.glob("*_skin/*"):
            path.unlink()
        pipeline = landmarks.load(world.config(root))
        assert len([w for w in pipeline.warnings if "no joints are known" in w]) == 1
        assert any("7 of 7 items have no patch" in w for w in pipeline.warnings)
        (batch,) = taken(pipeline, 1)
        assert not batch["joints_a"].any() and not batch["points_b"].any()
        assert not batch["skin_a"].any() and not batch["skin_valid_a"].any()


class TestRefusals:
    """What stops a run before anything is compiled, by the names of its files."""

    def test_missing_masks(self, root):
        for name in ("item1", "item2"):
            (root / "trainX_mask" / f"{name}.png").unlink()
        (root / "annotations" / "trainX.json").unlink()
        message = refused(root)
        assert "trainX/item1.png has no mask: looked for trainX_mask/item1.png" in message
        assert "1 more: trainX/item2.png" in message

    def test_what_cannot_be_read(self, root):
        (root / "trainX" / "item1.png").write_bytes(b"no picture")
        (root / "trainY_mask" / "item101.png").write_bytes(b"no mask")
        (root / "testX_skin" / "item51.png").write_bytes(b"no skin")
        message = refused(root)
        assert "3 things" in message and "trainX/item1.png (not a picture" in message
        assert "trainY_mask/item101.png" in message and "testX_skin/item51.png" in message

    def test_masks_that_are_none(self, root):
        shape = world.SIZE
        grey(root / "trainX_mask" / "item1.png", np.zeros(shape))
        grey(root / "trainX_mask" / "item2.png", np.full((8, 8), 255))
        grey(root / "trainX_mask" / "item3.png", np.full(shape, 100))
        message = refused(root)
        assert "masks mark nothing: trainX_mask/item1.png" in message
        assert "trainX_mask/item2.png (8 x 8, not 24 x 40)" in message
        assert "look like pictures (many greys): trainX_mask/item3.png" in message

    def test_an_empty_domain(self, root):
        for path in (root / "trainY").iterdir():
            path.unlink()
        message = refused(root)
        assert "trainY has 0 pictures" in message and "trainX" in message

    def test_no_folder(self, tmp_path):
        assert "does not exist" in refused(tmp_path / "nowhere")

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            (lambda c: c["annotations"][0]["keypoints"].pop(), "17 keypoints of x, y, v each"),
            (lambda c: c["annotations"][0].update(keypoints=[1, 1, 7] * 17), "v is 0, 1 or 2"),
            (lambda c: c["annotations"][0].update(image_id=77), "name images that it does not"),
            (lambda c: c["images"][0].update(width=99), "99 x 40 there, its picture 24 x 40"),
            (lambda c: c.pop("images"), "holds no COCO annotations"),
            (lambda c: [i.update(file_name="x/" + i["file_name"]) for i in c["images"]], "none of"),
        ],
    )
    def test_annotations(self, root, change, complaint):
        content = annotations(root)
        change(content)
        annotate(root, content)
        message = refused(root)
        assert complaint in message and "annotations/trainX.json" in message

    def test_domains(self, root):
        (root / "domains.json").write_text('{"X": {}}')
        assert "domains.json does not name the categories" in refused(root)

    def test_only_worth_knowing(self, root):
        (root / "domains.json").unlink()
        grey(root / "trainX_mask" / "item1.png", np.full(world.SIZE, 255))
        content = annotations(root)
        content["images"].pop()
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] != 3]
        annotate(root, content)
        warnings = "\n".join(landmarks.load(world.config(root)).warnings)
        assert "has no domains.json" in warnings and "1 masks mark the whole picture" in warnings
        assert "1 of 3 pictures are not in" in warnings
