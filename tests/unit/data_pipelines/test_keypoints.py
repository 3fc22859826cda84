"""Boxes with landmarks: crops, files in two layouts, what is refused, and batches."""

import json

import numpy as np
import pytest
from PIL import Image

from configs import landmarks_garment, landmarks_human
from data_pipelines import crops, keypoint_items, keypoint_json, keypoints
from data_pipelines.keypoint_items import Augmentation, Change, Record
from data_pipelines.prepare import DataError
from tryon_jax.landmark_layouts import garment_layout, human_layout
from tryon_jax.landmark_tables import CATEGORIES

HUMAN = human_layout()
SIZE = (48, 64)
STILL = Augmentation(0.0, 0.0, 0.0, False, 0.0)


def person(box=(20.0, 10.0, 30.0, 60.0), seed=0):
    """Joints at whole pixels within a box."""
    rng = np.random.default_rng(seed)
    low, high = np.array(box[:2]), np.array(box[:2]) + np.array(box[2:])
    places = np.round(rng.uniform(low, high, (17, 2)))
    return np.concatenate([places, np.full((17, 1), 2.0)], 1).astype(np.float32)


def record(points=None, **fields):
    points = person() if points is None else points
    made = Record("a", 0, (20.0, 10.0, 30.0, 60.0), points, 900.0, 1)
    return made._replace(**fields)


def written(made, picture, *, change):
    arrays = {
        key: np.full(shape, 9, np.float32)
        for key, shape in keypoint_items.shapes(SIZE, HUMAN.count).items()
    }
    keypoint_items.write(made, picture, change=change, layout=HUMAN, into=arrays)
    return arrays


def test_a_crop_keeps_proportions_and_the_box_in_its_middle():
    crop = crops.around((20, 10, 30, 60), size=SIZE)
    assert crop.centre == (35, 40) and crop.width == pytest.approx(1.25 * 60 * 48 / 64)
    matrix = crops.matrix(crop, size=SIZE)
    np.testing.assert_allclose(crops.apply(matrix, np.array([35.0, 40.0])), [24, 32])
    back = crops.apply(crops.inverse(crop, size=SIZE), np.array([[24.0, 32.0]]))
    np.testing.assert_allclose(back, [[35, 40]])
    with pytest.raises(ValueError, match="above 0, got 0 x 60"):
        crops.around((20, 10, 0, 60), size=SIZE)


@pytest.mark.parametrize("angle", [0.0, 30.0, -75.0])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("width", [40.0, 150.0])
def test_points_move_with_their_pixels(angle, mirrored, width):
    """A bright disc around one joint lies around that joint in the crop, turned or mirrored."""
    y, x = np.mgrid[:200, :240]
    points = np.zeros((17, 3), np.float32)
    points[5] = (120, 100, 2)
    picture = np.zeros((200, 240, 3), np.uint8)
    picture[(x - 120) ** 2 + (y - 100) ** 2 < (width / 12) ** 2] = 255
    change = Change(crops.Crop((118.0, 97.0), width, angle), mirrored)
    made = written(record(points), picture, change=change)
    bright = (made["picture"][..., 0] + 1) / 2
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    middle = (bright * columns).sum() / bright.sum(), (bright * rows).sum() / bright.sum()
    joint = 6 if mirrored else 5  # the other shoulder
    assert made["points"][joint, 2] == 2 and (np.delete(made["points"], joint, 0) == 0).all()
    np.testing.assert_allclose(made["points"][joint, :2], middle, atol=0.6)
    assert made["area"] == pytest.approx(900 * (48 / width) ** 2)
    np.testing.assert_allclose(made["box"][2:], np.array([30, 60]) * 48 / width, rtol=1e-5)


def test_without_augmentation_the_training_crop_is_the_plain_one():
    rng = np.random.default_rng(0)
    change = keypoint_items.drawn(record(), rng, size=SIZE, enlarged=1.25, augmentation=STILL)
    assert change == Change(crops.around(record().box, size=SIZE), False)


def test_half_a_body_is_cropped_where_its_joints_are():
    points = person()
    points[:11, 1] = np.linspace(10, 30, 11)
    points[11:, 1] = np.linspace(50, 70, 6)
    centres = set()
    for seed in range(8):
        change = keypoint_items.drawn(
            record(points),
            np.random.default_rng(seed),
            size=SIZE,
            enlarged=1.25,
            augmentation=STILL._replace(half_body=1.0),
        )
        centres.add(round(change.crop.centre[1]))
    assert centres == {20, 60}


def test_rare_groups_come_more_often():
    indices = keypoint_items.balanced([101] * 16 + [107])
    assert sorted(indices) == [*range(16), *[16] * 4]


@pytest.fixture
def coco(tmp_path):
    """Two photographs with three persons to train on, and one to test on, as a COCO folder."""
    for split, count in (("train2017", 2), ("val2017", 1)):
        (tmp_path / split).mkdir()
        for i in range(count):
            pixels = np.random.default_rng(i).integers(0, 256, (80, 100, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / split / f"{i}.png")
        save(tmp_path, split, [person_annotation(i, image=i % count) for i in range(count + 1)])
    return tmp_path


def save(root, split, annotations, **changes):
    images = [
        {"id": i, "file_name": f"{i}.png", "width": 100, "height": 80}
        for i in range(len(list((root / split).glob("*.png"))))
    ]
    (root / "annotations").mkdir(exist_ok=True)
    path = root / "annotations" / f"person_keypoints_{split}.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, **changes}))


def person_annotation(number, *, image=0, **changes):
    points = person(seed=number)
    made = keypoint_json.annotation(number, record(points), image_id=image, layout=HUMAN)
    return {**made, "bbox": [20, 10, 31, 61], **changes}


def human(root, **fields):
    config = landmarks_human.get_config("smoke").unlock()
    config.data.root = str(root)
    config.data.update(fields)
    return config


def test_a_coco_folder_gives_its_persons(coco):
    data = keypoints.load(human(coco))
    assert data.counts == {"train": 3, "test": 2}
    (held,) = data.held_out("test", batch_size=4)
    found = held.records[1]
    assert found.name == "0.png#1" and found.box == (20, 10, 30, 60) and found.area == 900
    np.testing.assert_array_equal(found.points, person(seed=1))
    assert held.batch["picture"].shape == (2, 64, 48, 3)
    assert (held.batch["points"][..., 2] == 2).all()


def test_what_is_no_use_is_left_out_and_said(coco):
    annotations = [
        person_annotation(0),
        person_annotation(1, iscrowd=1),
        person_annotation(2, keypoints=[0] * 51),
        person_annotation(3, bbox=[200, 10, 20, 20]),
        person_annotation(4, category_id=3),
    ]
    save(coco, "train2017", annotations)
    data = keypoints.load(human(coco))
    assert data.counts["train"] == 1
    for reason in ("crowds", "without a labelled", "without an area", "of other categories"):
        assert f"{reason}" in data.summary()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": [1, 2, 2] * 16}, "a person has 17 keypoints, this one 16"),
        ({"keypoints": [1, 2, 3] * 17}, "v of a keypoint must be 0, 1 or 2"),
        ({"keypoints": [1, float("nan"), 2] * 17}, "must be finite"),
        ({"image_id": 9}, "image_id 9 is none of the images"),
    ],
)
def test_what_is_wrong_with_an_annotation_is_named(coco, change, message):
    save(coco, "train2017", [person_annotation(0), person_annotation(7, **change)])
    with pytest.raises(DataError, match=rf"annotation 7: .*{message}"):
        keypoints.load(human(coco))


def test_missing_and_broken_pictures_are_named(coco):
    (coco / "train2017" / "1.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 of 2 pictures looked at cannot be read: 1\.png"):
        keypoints.load(human(coco))
    (coco / "train2017" / "1.png").unlink()
    save(coco, "train2017", [person_annotation(0), person_annotation(1)])
    keypoints.load(human(coco))  # nobody needs it now
    content = json.loads((coco / "annotations" / "person_keypoints_train2017.json").read_text())
    content["images"].append({"id": 5, "file_name": "five.png", "width": 99, "height": 99})
    save(coco, "train2017", [person_annotation(0, image=5)], images=content["images"])
    with pytest.raises(DataError, match=r"1 of 1 pictures are missing in .*: five\.png; set"):
        keypoints.load(human(coco))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_annotations": "nowhere.json"}, "nowhere.json is missing: set the field"),
        ({"points": "face"}, "data.points must be human or garment, got 'face'"),
        ({"layout": "voc"}, "data.layout='voc' must be one of auto, coco, deepfashion2"),
        ({"categories": (7,)}, r"data.categories=\(7,\) are kinds of garments"),
        ({"rotated": 2.0}, r"data.rotated=2.0 must be in \[0, 1\]"),
        ({"root": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_wrong_fields_are_named(coco, fields, message):
    with pytest.raises(DataError, match=message):
        keypoints.load(human(**{"root": coco, **fields}))


def test_a_picture_in_both_splits_is_a_warning(coco):
    data = keypoints.load(human(coco, test_images="train2017"))
    assert "1 of 1 test pictures are training pictures as well" in data.summary()


def garments(root, **fields):
    config = landmarks_garment.get_config("smoke").unlock()
    config.data.root = str(root)
    config.data.update(fields)
    return config


@pytest.fixture
def deepfashion2(tmp_path):
    """One photograph with trousers, shorts and a vest in DeepFashion2's raw form."""
    folder = tmp_path / "train"
    (folder / "image").mkdir(parents=True)
    (folder / "annos").mkdir()
    Image.new("RGB", (100, 80)).save(folder / "image" / "000001.jpg")
    items = {"source": "shop", "pair_id": 1}
    for i, number in enumerate((8, 7, 5), 1):
        count = CATEGORIES[number].count
        points = [[10 * i + k, 20 + k, k % 3] for k in range(count)]
        items[f"item{i}"] = {
            "category_id": number,
            "bounding_box": [10 * i, 20, 10 * i + 20, 60],
            "landmarks": [value for point in points for value in point],
        }
    (folder / "annos" / "000001.json").write_text(json.dumps(items))
    return tmp_path


def test_deepfashion2_s_raw_files_give_their_garments(deepfashion2):
    data = keypoints.load(garments(deepfashion2))
    assert data.counts == {"train": 2, "test": 0}
    assert "1 garments of other categories are left out" in data.summary()
    trousers, shorts = next(data.held_out("train", batch_size=2)).records
    assert (trousers.group, shorts.group) == (108, 107)
    assert shorts.box == (20, 20, 20, 40) and shorts.area == 800
    np.testing.assert_array_equal(shorts.points[14 + 4], [24, 24, 1])
    assert (shorts.points[:14] == 0).all() and (trousers.points[14:] == 0).all()
    np.testing.assert_array_equal(trousers.points[0], 0)  # v = 0: not labelled, nowhere


def test_both_coco_forms_of_a_garment_are_read(tmp_path):
    layout, shorts = garment_layout((8, 7)), CATEGORIES[7]
    own = np.arange(30, dtype=float).reshape(10, 3) + 1
    own[:, 2] = 2
    whole = np.zeros((294, 3))
    whole[shorts.start : shorts.stop] = own
    forms = {7: whole, 107: own}
    annotations = [
        {"id": key, "image_id": 1, "category_id": key, "bbox": [0, 0, 20, 20],
         "keypoints": points.reshape(-1).tolist()}
        for key, points in forms.items()
    ]  # fmt: skip
    images = [{"id": 1, "file_name": "a.png", "width": 50, "height": 50}]
    path = tmp_path / "both.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    found = keypoint_json.read_coco(path, images=tmp_path, layout=layout)
    assert found.errors == []
    one, other = found.records
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_allclose(one.points[14:], own)


def test_what_is_written_is_read_again(tmp_path):
    layout = garment_layout((7, 9))
    points = np.zeros((18, 3), np.float32)
    points[10:] = np.arange(24).reshape(8, 3) % 40
    points[10:, 2] = (0, 1, 2, 2, 2, 2, 1, 2)
    points[10] = 0
    made = Record("a", 3, (1.0, 2.0, 30.0, 40.0), points, 1200.0, 109)
    written = keypoint_json.annotation(4, made, image_id=3, layout=layout)
    images = [{"id": 3, "file_name": "a.png", "width": 90, "height": 90}]
    content = keypoint_json.document(layout, images=images, annotations=[written])
    assert [kind["name"] for kind in content["categories"]] == ["shorts", "skirt"]
    assert len(content["categories"][1]["keypoints"]) == 8
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = keypoint_json.read_coco(tmp_path / "a.json", images=tmp_path, layout=layout)
    (again,) = found.records
    np.testing.assert_array_equal(again.points, points)
    assert again.area == 1200 and again.group == 109


def test_batches_of_dolls_do_not_depend_on_where_they_begin():
    config = landmarks_human.get_config("smoke")
    data = keypoints.load(config)
    runs = []
    for start in (0, 2):
        stream = data.batches(start)
        runs.append([next(stream) for _ in range(3 - start)])
        stream.close()
    for key, wanted in runs[0][2].items():
        np.testing.assert_array_equal(runs[1][0][key], wanted)
    assert set(keypoints.spec(config)) == set(runs[0][0])
    assert keypoints.spec(config)["points"] == (2, 17, 3) == runs[0][0]["points"].shape


def test_dolls_without_a_category_are_refused():
    config = landmarks_garment.get_config("smoke").unlock()
    config.data.categories = (13,)
    with pytest.raises(DataError, match="no doll wears sling dress"):
        keypoints.load(config)
