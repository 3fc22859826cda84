import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_pipelines import ops, viton_files, viton_read
from data_pipelines import representation as rep
from data_pipelines.viton_files import Layout, Pair
from tests.unit.data_pipelines import viton_world as world


@pytest.fixture
def root(tmp_path):
    return world.build(tmp_path)


def layout(root, *, height=64, width=48, representation="cpvton"):
    return Layout(root / "train", height=height, width=width, representation=representation)


def test_pairs_are_read_past_blanks(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfa_0.jpg a_1.jpg\r\n\r\n  b_0.jpg\t c_1.jpg  \n")
    found = viton_files.read_pairs(path)
    assert found == ([Pair("a_0.jpg", "a_1.jpg"), Pair("b_0.jpg", "c_1.jpg")], [])
    assert found.pairs[1].name == "b_0+c_1"


def test_a_third_name_is_the_cloth_worn(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a b\na c w\n")
    found = viton_files.read_pairs(path, columns=(2, 3))
    assert found == ([Pair("a", "b"), Pair("a", "c", "w")], [])
    assert "correct line 2 (a c w)" in viton_files.read_pairs(path).errors[0]


def test_wrong_lines_are_named(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a b\nc\nd e f\n")
    (error,) = viton_files.read_pairs(path).errors
    assert "line 2 (c), line 3 (d e f)" in error and str(path) in error
    path.write_text("\n\n")
    assert "lists no pairs" in viton_files.read_pairs(path).errors[0]
    path.write_bytes(b"\xff\xfe\x00")
    assert "no text in UTF-8" in viton_files.read_pairs(path).errors[0]


@pytest.mark.parametrize(
    ("person", "cloth"), [("000012_0.jpg", "000012_1.jpg"), ("me.png", "me.png")]
)
def test_own_cloth(person, cloth):
    assert viton_files.own_cloth(person) == cloth


def test_a_person_and_a_cloth(root):
    person, cloth = layout(root).person("000002_0.jpg"), layout(root).cloth("000002_1.jpg")
    image = np.array(Image.open(root / "train" / "image" / "000002_0.jpg"))
    np.testing.assert_array_equal(person.picture, image)
    np.testing.assert_array_equal(person.parse, world.parse())
    np.testing.assert_array_equal(person.body, world.parse())
    np.testing.assert_array_equal(person.joints, world.joints(2)[:, :2])
    assert cloth.picture.shape == (64, 48, 3) and cloth.mask.shape == (64, 48)
    np.testing.assert_array_equal(cloth.mask >= 128, world.cloth_mask() == 255)


def test_other_sizes_are_scaled_each_in_its_way(root):
    person = layout(root, height=128, width=96).person("000002_0.jpg")
    assert person.picture.shape == (128, 96, 3)
    np.testing.assert_array_equal(person.parse, world.parse().repeat(2, 0).repeat(2, 1))
    np.testing.assert_allclose(person.joints, 2 * world.joints(2)[:, :2])
    cloth = layout(root, height=128, width=96).cloth("000002_1.jpg")
    assert cloth.picture.shape == (128, 96, 3) and cloth.mask.shape == (128, 96)
    assert len(np.unique(cloth.mask)) > 3  # bilinear
    folder = root / "train"  # joints go with the photograph, whose width and height differ
    world.picture(2, height=32, width=96).save(folder / "image" / "000002_0.jpg")
    scaled = layout(root).person("000002_0.jpg").joints
    np.testing.assert_allclose(scaled, world.joints(2)[:, :2] * (0.5, 2))


@pytest.mark.parametrize(
    "image",
    [
        world.palette_picture(world.parse()),
        Image.fromarray(world.parse()),
        world.palette_picture(world.parse()).convert("RGB"),
        world.palette_picture(world.parse()).convert("RGBA"),
    ],
    ids=["palette", "grey", "colours", "colours with alpha"],
)
def test_parse_maps_of_all_modes(tmp_path, image):
    image.save(tmp_path / "x.png")
    np.testing.assert_array_equal(viton_read.read_parse(tmp_path / "x.png"), world.parse())


def test_wrong_parse_maps(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(world.parse() * 13).save(path)
    with pytest.raises(viton_read.LabelError, match=r"x\.png: ids go from 0 to 20, here are also"):
        viton_read.read_parse(path)
    world.picture(0).save(path)
    with pytest.raises(viton_read.LabelError, match="none of LIP's 20"):
        viton_read.read_parse(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ops.UnreadableError, match="truncated"):
        viton_read.read_parse(path)


@pytest.mark.parametrize("key", ["pose_keypoints", "pose_keypoints_2d"])
def test_poses_of_both_keys(tmp_path, key):
    world.save_pose(tmp_path / "x.json", world.joints(0), key=key)
    read = viton_read.read_joints(tmp_path / "x.json")
    np.testing.assert_array_equal(read, world.joints(0)[:, :2])
    assert read.dtype == np.float64


def test_body_25_loses_hips_middle_and_feet(tmp_path):
    points = np.arange(75.0).reshape(25, 3)
    world.save_pose(tmp_path / "x.json", points, key="pose_keypoints_2d")
    read = viton_read.read_joints(tmp_path / "x.json")
    kept = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    np.testing.assert_array_equal(read, points[kept, :2])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"people": []}, "found no person"),
        ({"people": [{}]}, "no OpenPose file"),
        ({"persons": []}, "no OpenPose file"),
        ({"people": [{"pose_keypoints": [1, 2, 3, 4]}]}, "no OpenPose file"),
        ({"people": [{"pose_keypoints": [0] * 51}]}, "18 or 25 joints .* got 17"),
        ({"people": [{"pose_keypoints": [float("nan")] * 54}]}, "finite"),
        ("{", "no OpenPose file"),
    ],
)
def test_wrong_poses(tmp_path, content, complaint):
    path = tmp_path / "x.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ops.UnreadableError, match=complaint):
        viton_read.read_joints(path)


def test_plus_takes_what_is_there(root):
    plain = layout(root, representation="plus").person("000001_0.jpg")
    np.testing.assert_array_equal(plain.parse, plain.body)
    newer, mask = np.where(world.parse() == 3, 20, world.parse()), np.ones((64, 48))
    for folder, ids in (("image-parse-new", newer), ("image-mask", mask)):
        (root / "train" / folder).mkdir()
        Image.fromarray(ids.astype(np.uint8)).save(root / "train" / folder / "000001_0.png")
    found = layout(root, representation="plus").person("000001_0.jpg")
    assert (found.parse == 20).any() and (found.body == 1).all()
    older = layout(root).person("000001_0.jpg")
    assert not (older.parse == 20).any() and (older.body == 0).any()
    np.testing.assert_array_equal(
        layout(root, representation="plus").person("000002_0.jpg").parse, world.parse()
    )


def test_warps_are_found_by_pair_then_cloth_then_person(root):
    pair, folder = Pair("000001_0.jpg", "000002_1.jpg"), root / "train" / "warp-cloth"
    assert layout(root).warp_files(pair)["cloth"] == folder / "000001_0+000002_1.jpg"
    folder.mkdir()
    for name in ("000001_0.jpg", "000002_1.jpg", "000001_0+000002_1.jpg"):
        world.picture(0).save(folder / name)
        files = layout(root).warp_files(pair)
        assert files == {"cloth": folder / name, "mask": root / "train" / "warp-mask" / name}


def found(root, asked, kind="image"):
    return viton_files.find(asked, kind=kind, layouts=[layout(root)])


def test_find_by_path_and_by_name(root):
    path = root / "test" / "image" / "000011_0.jpg"
    by_path = found(root, str(path))
    assert (by_path.layout.folder, by_path.name) == (root / "test", "000011_0.jpg")
    for asked in ("000001_1.jpg", "000001_1"):
        by_name = found(root, asked, "cloth")
        assert (by_name.layout.folder, by_name.name) == (root / "train", "000001_1.jpg")


def test_find_names_what_it_looked_for(root):
    with pytest.raises(FileNotFoundError) as caught:
        found(root, "nobody")
    for path in (Path("nobody").absolute(), root / "train" / "image" / "nobody.jpg"):
        assert str(path) in str(caught.value)
    (root / "train" / "pose" / "000001_0_keypoints.json").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        found(root, "000001_0")
    assert str(root / "train" / "pose" / "000001_0_keypoints.json") in str(caught.value)
    assert "image-parse" not in str(caught.value)
    world.picture(0).save(root / "me.jpg")
    with pytest.raises(FileNotFoundError, match="must lie in a folder image/") as caught:
        found(root, str(root / "me.jpg"))
    assert "me_keypoints.json" in str(caught.value)


def test_labels_and_colours_belong_together():
    assert len(rep.LABELS) == len(rep.PALETTE) == viton_read.MAX_LABEL + 1 == 21
