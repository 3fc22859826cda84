import json
import shutil

import numpy as np
import pytest
from PIL import Image

from data_pipelines import viton_check
from data_pipelines.viton_folder import Folder
from tests.unit.data_pipelines import viton_world as world


@pytest.fixture
def root(tmp_path):
    return world.build(tmp_path)


def check(root, **changes):
    config = world.config(root, **changes)
    return viton_check.check(Folder(config.data, height=64, width=48))


def only_error(root, **changes):
    """The one error of a folder that has nothing else wrong."""
    report = check(root, **changes)
    assert len(report.errors) == 1 and not report.warnings, report.text()
    return report.errors[0]


def only_warning(root, **changes):
    report = check(root, **changes)
    assert len(report.warnings) == 1 and not report.errors, report.text()
    return report.warnings[0]


def test_a_good_folder(root):
    report = check(root)
    assert (report.errors, report.warnings) == ([], [])
    lines = report.text().splitlines()
    assert lines[0].split()[:3] == ["folder", "files", "missing"]
    assert lines[1].split() == ["train/image", "6", "0", "48", "x", "64"]
    assert [line.split()[0] for line in lines[1:]][:5] == [
        "train/image", "train/image-parse", "train/pose", "train/cloth", "train/cloth-mask",
    ]  # fmt: skip
    assert lines[-1] == "(every file of all 12 pairs was decoded)"


@pytest.mark.parametrize(
    "path",
    ["image/000002_0.jpg", "image-parse/000002_0.png", "pose/000002_0_keypoints.json",
     "cloth/000002_1.jpg", "cloth-mask/000002_1.jpg"],
)  # fmt: skip
@pytest.mark.parametrize("damage", ["missing", "empty", "cut off"])
def test_a_damaged_file_is_named(root, path, damage):
    file = root / "train" / path
    folder, name = path.split("/")
    if damage == "missing":
        file.unlink()
        assert only_error(root).startswith(
            f"train/{folder}: 1 of 6 missing: {name}; put them there"
        )
        return
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if damage == "cut off" else b"")
    what = "1 of 6 hold no pose" if folder == "pose" else "1 of 6 unreadable or half-copied"
    assert only_error(root).startswith(f"train/{folder}: {what}: {name} (")


def test_a_whole_folder_is_missing(root):
    shutil.rmtree(root / "train" / "image-parse")
    error = only_error(root)
    assert error.startswith("train/image-parse: 6 of 6 missing: 000001_0.png")
    assert check(root).text().splitlines()[2].split()[:3] == ["train/image-parse", "6", "6"]


def test_large_sets_are_sampled_and_cut_files_found_all_the_same(root, monkeypatch):
    monkeypatch.setattr(viton_check, "DECODE_ALL", 11)
    monkeypatch.setattr(viton_check, "DECODE_SAMPLE", 2)
    for path in ("image/000002_0.jpg", "image-parse/000003_0.png"):
        file = root / "train" / path
        file.write_bytes(file.read_bytes()[:-40])
    # what only decoding tells is found in the sample, the first and the fourth item, alone
    for number in (1, 2):
        world.picture(9).save(root / "train" / "cloth-mask" / world.names(number)[1])
    report = check(root)
    assert report.text().count("of each folder up to 2 were decoded") == 1
    found = "\n".join(report.errors)
    assert len(report.errors) == 3, found
    assert "000002_0.jpg (" in found and "000003_0.png (" in found
    assert "1 of 6 look like pictures, not like masks (many greys): 000001_1.jpg" in found


def test_exchanged_columns(root):
    path = root / "train_pairs.txt"
    world.write_list(path, [world.names(1), world.names(2)[::-1]])
    error = only_error(root)
    assert error.startswith(
        "train_pairs.txt: 1 of 2 lines name the cloth first and the person second"
    )
    assert "000002_1.jpg 000002_0.jpg; exchange the columns" in error
    (root / "train" / "image" / "000002_0.jpg").unlink()
    assert only_error(root) == error


def test_a_split_without_a_folder(root):
    (root / "test").rename(root / "valid")
    error = only_error(root)
    assert error.startswith(f"data.test_folder=test must be a folder in {root}, which holds train")
    assert check(root, test_folder="valid").errors == []


def test_a_list_that_names_a_missing_cloth(root):
    world.write_list(root / "test_pairs.txt", [("000011_0.jpg", "000099_1.jpg")])
    report = check(root)
    assert [error.split(":")[0] for error in report.errors] == ["test/cloth", "test/cloth-mask"]
    assert all("1 of 4 missing: 000099_1.jpg" in error for error in report.errors)


def test_lists_without_lines(root):
    (root / "train_pairs.txt").write_text("\n")
    assert "lists no pairs" in only_error(root)


def test_masks_where_cloths_are_expected(root):
    folder = root / "train"
    (folder / "cloth").rename(folder / "x")
    (folder / "cloth-mask").rename(folder / "cloth")
    (folder / "x").rename(folder / "cloth-mask")
    errors = check(root).errors
    assert len(errors) == 2
    assert errors[0].startswith("train/cloth: 6 of 6 look like masks") and "exchanged" in errors[0]
    assert errors[1].startswith("train/cloth-mask: 6 of 6 look like pictures")


def test_black_cloth_on_white_is_no_mask(root):
    image = Image.fromarray(255 - world.cloth_mask()).convert("RGB")
    image.save(root / "train" / "cloth" / "000001_1.jpg")
    assert check(root).errors == []


def test_the_person_where_the_cloth_is_expected(root):
    folder = root / "train"
    shutil.copy(folder / "image" / "000001_0.jpg", folder / "cloth" / "000001_1.jpg")
    assert "1 of 6 are the very picture of a person in image/: 000001_1.jpg" in only_error(root)


@pytest.mark.parametrize(("value", "what"), [(0, "mark nothing"), (255, "mark the whole picture")])
def test_masks_of_one_value(root, value, what):
    mask = Image.fromarray(np.full((64, 48), value, np.uint8))
    mask.save(root / "train" / "cloth-mask" / "000001_1.jpg")
    assert f"1 of 6 {what}: 000001_1.jpg" in only_warning(root)


def test_parse_maps_in_colours(root):
    path = root / "train" / "image-parse" / "000001_0.png"
    world.palette_picture(world.parse()).convert("RGB").save(path)
    assert "1 of 6 saved in colours, read through LIP's palette: 000001_0.png" in only_warning(root)
    world.picture(0).save(path)
    error = only_error(root)
    assert "1 of 6 hold no LIP labels: 000001_0.png (" in error and "none of LIP's 20" in error


def test_labels_out_of_range(root):
    Image.fromarray(world.parse() + 10).save(root / "train" / "image-parse" / "000001_0.png")
    assert "000001_0.png (ids go from 0 to 20, here are also 21, 22" in only_error(root)


def test_nobody_wears_anything(root):
    ids = np.where(np.isin(world.parse(), (5, 6, 7)), 9, world.parse()).astype(np.uint8)
    Image.fromarray(ids).save(root / "train" / "image-parse" / "000001_0.png")
    assert "1 of 6 have no upper clothes" in only_warning(root)


@pytest.mark.parametrize(
    ("points", "what"),
    [
        (np.zeros((18, 3)), "have no joint with x > 1"),
        (world.joints(0) / 64, "OpenPose's --keypoint_scale 0"),
        (world.joints(0) * 4, "have most joints outside the photograph: "),
    ],
)
def test_useless_poses(root, points, what):
    world.save_pose(root / "train" / "pose" / "000001_0_keypoints.json", points)
    error = only_error(root)
    assert what in error and "000001_0_keypoints.json" in error


def test_nobody_was_found(root):
    path = root / "train" / "pose" / "000001_0_keypoints.json"
    path.write_text(json.dumps({"people": []}))
    assert "OpenPose found no person" in only_error(root)


def test_a_joint_outside(root):
    points = world.joints(0)
    points[3] = (48, 20, 1)
    world.save_pose(root / "train" / "pose" / "000001_0_keypoints.json", points)
    assert "000001_0_keypoints.json (1 of 17 beyond 48 x 64)" in only_warning(root)


def test_other_sizes(root):
    path = root / "train" / "image-parse" / "000001_0.png"
    Image.fromarray(world.parse(height=128, width=96)).save(path)
    warning = only_warning(root)
    assert "another size" in warning and "000001_0.png (96 x 128, the picture 48 x 64)" in warning
    Image.fromarray(world.parse(height=64, width=64)).save(path)
    error = only_error(root)
    assert "another shape" in error and "000001_0.png (64 x 64, the picture 48 x 64)" in error


def test_stretched_pictures(root):
    cloth, mask = (root / "train" / folder / "000001_1.jpg" for folder in ("cloth", "cloth-mask"))
    world.picture(0, height=64, width=64).save(cloth)
    Image.fromarray(world.cloth_mask(width=64)).save(mask)
    assert "train/cloth: 1 of 6 are not 3 wide to 4 high: 000001_1.jpg (64 x 64)" in only_warning(
        root
    )


def test_repeated_lines_and_photographs(root):
    world.write_list(root / "train_pairs.txt", [world.names(n) for n in (1, 2, 2, 3)])
    folder = root / "train" / "image"
    shutil.copy(folder / "000001_0.jpg", folder / "000003_0.jpg")
    assert check(root).warnings == [
        "train_pairs.txt: 1 lines repeat another one",
        "train: 1 of 3 photographs repeat one: 000001_0.jpg = 000003_0.jpg",
    ]


def test_leaks_by_content_and_by_name(root):
    train, test = (root / split / "image" for split in ("train", "test"))
    shutil.copy(train / "000004_0.jpg", test / "000012_0.jpg")
    warning = only_warning(root)
    assert "1 of 3 test photographs are training photographs" in warning
    assert "000012_0.jpg = 000004_0.jpg" in warning
    for folder in (root / "train").iterdir():
        for path in list(folder.iterdir()):
            path.rename(path.with_name(path.name.replace("000004", "000012")))
    pairs = [world.names(number) for number in (1, 2, 3, 12)]
    world.write_list(root / "train_pairs.txt", pairs)
    world.picture(77).save(train / "000012_0.jpg")
    assert "1 test persons have the names of training persons" in only_warning(root)


def test_plus_tells_what_stands_in(root):
    warnings = check(root, representation="plus").warnings
    assert len(warnings) == 4
    assert "train/image-parse-new: 6 of 6 persons have no file" in warnings[0]
    assert "train/image-mask: 6 of 6 persons have no file" in warnings[1]


def test_missing_warps(root):
    errors = check(root, warps="folder").errors
    assert [error.split(":")[0] for error in errors] == [
        "train/warp-cloth", "train/warp-mask", "test/warp-cloth", "test/warp-mask",
    ]  # fmt: skip
    assert "6 of 6 missing: 000001_0+000001_1.jpg" in errors[0]


def test_a_root_one_level_too_high(tmp_path):
    root = world.build(tmp_path / "viton" / "data")
    (error,) = check(root.parent).errors
    assert (
        f"{root.parent} has no train_pairs.txt, {root} has: set --config.data.root={root}" in error
    )
