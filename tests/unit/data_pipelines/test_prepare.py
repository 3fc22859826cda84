import shutil
import subprocess
import sys

import pytest
from PIL import Image

from data_pipelines import ops, prepare
from tests.unit.data_pipelines.conftest import fill

FOLDERS = {"train_a": "trainA", "train_b": "trainB", "test_a": "testA", "test_b": "testB"}
RECIPE = ops.Recipe("resize_and_crop", 32, 36, "bilinear", True)


def check(root, *, folders=FOLDERS, **changes):
    return prepare.check_folders(root, folders=folders, recipe=RECIPE._replace(**changes))


def test_needs_no_tensorflow():
    code = "import sys, data_pipelines.prepare; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_good_folders(world):
    report = check(world)
    assert (report.errors, report.warnings) == ([], [])
    assert {key: len(pictures) for key, pictures in report.domains.items()} == {
        "train_a": 7,
        "train_b": 5,
        "test_a": 3,
        "test_b": 2,
    }
    assert report.depth == "all 17 pictures were decoded"
    lines = report.text().splitlines()
    assert lines[0].split()[:4] == ["domain", "pictures", "unreadable", "twice"]
    assert lines[1].split() == ["train_a", "7", "0", "0", "40", "x", "40"]
    assert len(lines) == 6


def test_large_sets_are_sampled(world, monkeypatch):
    monkeypatch.setattr(prepare, "DECODE_ALL", 10)
    monkeypatch.setattr(prepare, "DECODE_SAMPLE", 4)
    path = world / "trainA" / "01.png"  # not in the sample: 0, 5, 10, 15
    path.write_bytes(b"broken from the header on")
    report = check(world)
    assert report.depth == "the headers of all 17 pictures were read, 4 were decoded"
    assert "trainA/01.png (not a picture of a known kind)" in report.warnings[0]


def test_missing_test_folders_are_no_error(world):
    shutil.rmtree(world / "testA")
    assert check(world).errors == []


def test_unreadable_pictures_are_named(world):
    paths = fill(world / "trainA", first=0, count=14)
    for path in paths[:12]:
        path.write_bytes(path.read_bytes()[:200])
    report = check(world)
    assert report.errors == []
    assert report.warnings[0].startswith("train_a: 12 unreadable, will be skipped: trainA/00.png (")
    assert "trainA/09.png" in report.warnings[0] and "10.png" not in report.warnings[0]
    assert report.warnings[0].endswith("and 2 more")
    assert report.text().splitlines()[1].split()[:3] == ["train_a", "14", "12"]


def test_nothing_readable_is_an_error(world):
    for path in (world / "trainB").iterdir():
        path.write_bytes(b"")
    report = check(world)
    assert report.errors[0].startswith("train_b: none of its 5 pictures can be read: trainB/00.png")
    assert report.warnings == []


def test_small_pictures(world):
    Image.new("RGB", (40, 7)).save(world / "trainA" / "tiny.png")
    Image.new("RGB", (9, 8)).save(world / "testA" / "small.png")
    report = check(world, image_size=36)
    assert report.errors == ["train_a: 1 with a side below 8 pixels, delete: trainA/tiny.png"]
    assert report.warnings == [
        "test_a: 1 with a side below a quarter of image_size=36, will look blurred: "
        "testA/small.png (9 x 8)"
    ]


def test_pictures_too_small_for_a_crop(world):
    Image.new("RGB", (50, 31)).save(world / "trainA" / "low.png")
    Image.new("RGB", (50, 31)).save(world / "testA" / "low.jpg")
    report = check(world, mode="crop")
    assert report.errors == [
        "train_a: 1 of the wrong size, data.preprocess=crop needs at least 32 x 32: "
        "set --config.data.preprocess=resize_and_crop, another --config.image_size, "
        "or resize the files: trainA/low.png (50 x 31)"
    ]


def test_pictures_of_the_wrong_size_for_none(world):
    wrong = check(world, mode="none").errors[0]
    assert wrong.startswith("train_a: 7 of the wrong size, data.preprocess=none must give exactly")
    assert wrong.count("(40 x 40)") == 7
    assert check(world, mode="none", image_size=40).errors == []


def test_same_file_in_train_and_test(world):
    shutil.copy(world / "trainB" / "03.png", world / "testA" / "copied.png")
    assert check(world).warnings == [
        "1 test pictures are training pictures as well, scores on them mean nothing: "
        "testA/copied.png = trainB/03.png"
    ]


def test_duplicates_in_a_domain(world):
    for name in ("x.png", "y.png"):
        shutil.copy(world / "trainA" / "03.png", world / "trainA" / name)
    report = check(world)
    assert report.warnings == ["train_a: 2 pictures repeat another one"]
    assert report.duplicates == {"train_a": 2}
    assert report.text().splitlines()[1].split()[3] == "2"


def test_same_length_is_not_same_content(tmp_path):
    for name, color in (("trainA", "red"), ("testA", "blue"), ("trainB", "green")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 40), color).save(tmp_path / name / "x.bmp")
    report = check(tmp_path)
    assert (report.errors, report.warnings) == ([], [])


def test_missing_root_names_what_is_there(tmp_path):
    (tmp_path / "horse2zebra").mkdir()
    root = tmp_path / "horse2zebr" / "x"
    assert check(root).errors == [
        f"data.root={root} does not exist; {tmp_path} does and holds horse2zebra: "
        "correct --config.data.root"
    ]


def test_root_is_a_file(tmp_path):
    (tmp_path / "set.zip").touch()
    report = check(tmp_path / "set.zip")
    assert "set.zip must be a folder, is a file: unpack it" in report.errors[0]
    assert "error: data.root" in report.text()


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ("train_A", "found 7 in train_A: set --config.data.train_a=train_A"),
        ("Train A", "found 7 in Train A: set --config.data.train_a=Train A"),
        ("sets/trainA", "found 7 in sets/trainA: set --config.data.train_a=sets/trainA"),
        ("train", "found 7 in train: set --config.data.train_a=train"),
        ("train_b", "found pictures in train_b (7): set --config.data.train_a to the right one"),
        ("horses", "found pictures in horses (7): set --config.data.train_a to the right one"),
    ],
)
def test_missing_folder_names_the_nearest(world, renamed, message):
    (world / renamed).parent.mkdir(exist_ok=True)
    (world / "trainA").rename(world / renamed)
    assert check(world).errors == [f"trainA has 0 pictures in {world}; {message}"]


def test_both_folders_missing_are_both_named(tmp_path):
    fill(tmp_path / "domain_a", first=0, count=2)
    fill(tmp_path / "domain_b" / "deep", first=9, count=3)
    errors = check(tmp_path, folders={"train_a": "domainA", "train_b": "domainB"}).errors
    assert [error.partition("; ")[2] for error in errors] == [
        "found 2 in domain_a: set --config.data.train_a=domain_a",
        "found 3 in domain_b: set --config.data.train_b=domain_b",
    ]


def test_folder_with_other_files(world):
    for path in (world / "trainA").iterdir():
        path.rename(path.with_suffix(".HEIC"))
    assert check(world).errors == [
        f"trainA has 0 pictures in {world}; the folder holds .heic: "
        "put pictures there (.jpg .jpeg .png .webp .bmp .ppm .pgm .tif .tiff)"
    ]


def test_pictures_in_the_root_itself(tmp_path):
    fill(tmp_path, first=0, count=4)
    errors = check(tmp_path).errors
    assert errors[0].endswith(
        f"4 lie in {tmp_path} itself: put the pictures into {tmp_path / 'trainA'}"
    )
    assert len(errors) == 2


def test_listed_cuts_long_lists():
    assert prepare.listed(["a", "b"]) == "a, b"
    assert prepare.listed(list("abcd"), count=2) == "a, b and 2 more"
