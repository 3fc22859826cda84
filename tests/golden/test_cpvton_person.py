"""CP-VTON's and CP-VTON+'s person representation against their loaders: exact, code for code."""

import re

import numpy as np
import pytest

from data_pipelines import representation as rep
from data_pipelines import viton_items
from tests.golden.goldens import golden_files, read


def samples(golden, *keys):
    """The arrays of each sample, `KEY_0`, `KEY_1`, ..."""
    count = sum(bool(re.fullmatch(rf"{keys[0]}_\d+", name)) for name in golden.arrays)
    assert count > 0, keys[0]
    return [[golden.arrays[f"{key}_{index}"] for key in keys] for index in range(count)]


def people(golden):
    """The photographed persons of a file."""
    arrays = samples(golden, "image", "parse", "keypoints")
    return [rep.Person(image, parse, parse, joints[:, :2]) for image, parse, joints in arrays]


def maps(person, *, radius):
    """A person's pose maps at the size of the picture."""
    made = np.empty((*person.parse.shape, rep.JOINTS), np.float32)
    rep.draw_pose(person.joints, into=made, radius=radius)
    return made


def codes_of(values):
    """float32 [H, W, C] -> uint8 [C, H, W]; fails if a value is not exactly that of a code."""
    codes = np.round(np.asarray((values + 1) * 127.5)).astype(np.uint8)
    np.testing.assert_array_equal(rep.values(codes), values)
    return codes.transpose(2, 0, 1)


def cases(pattern):
    return [pytest.param(path, id=path.stem) for path in golden_files("cpvton", pattern)]


def test_the_files_are_found():
    assert cases("person*") and cases("plus_person*")


@pytest.mark.parametrize("path", cases("person*"))
def test_cpvton(path):
    golden = read(path)
    pictures = samples(golden, "cloth", "cloth_mask")
    wanted = samples(golden, "agnostic_u8", "parse_cloth_u8", "pose_image_u8", "cloth_mask_bin")
    for person, (cloth, mask), want in zip(people(golden), pictures, wanted, strict=True):
        item = viton_items.Item(person, rep.Cloth(cloth, mask))
        made = viton_items.example(item, representation="cpvton")
        agnostic, worn, union, binary = want
        pose = maps(person, radius=golden.meta["radius"])
        if rep.radius(mask.shape[0]) == golden.meta["radius"]:
            np.testing.assert_array_equal(made["pose"], pose)
        got = np.concatenate([made["shape"], made["head"], pose], axis=-1)
        assert got.dtype == np.float32 and got.shape[-1] == 22
        np.testing.assert_array_equal(codes_of(got), agnostic)
        np.testing.assert_array_equal(codes_of(made["worn"]), worn)
        np.testing.assert_array_equal(codes_of(pose.max(-1, keepdims=True))[0], union)
        np.testing.assert_array_equal(made["cloth_mask"][..., 0], binary)
        np.testing.assert_array_equal(made["reserved"], made["head"])
        np.testing.assert_array_equal(made["cloth"], rep.values(cloth))


@pytest.mark.parametrize("path", cases("person*"))
def test_pose_boxes_of_other_sizes(path):
    golden = read(path)
    for key in {key[: key.rindex("_")] for key in golden.arrays if key.startswith("pose_r")}:
        radius = int(key.removeprefix("pose_r").removesuffix("_u8"))
        for person, (want,) in zip(people(golden), samples(golden, key), strict=True):
            np.testing.assert_array_equal(codes_of(maps(person, radius=radius)), want)


@pytest.mark.parametrize("path", cases("plus_person*"))
def test_plus(path):
    golden = read(path)
    twin = path.with_name(path.name.removeprefix("plus_"))
    wanted = samples(
        golden, "body_mask", "agnostic4_u8_GMM", "agnostic4_u8_TOM", "parse_cloth_mask",
        "shape_ori_u8",
    )  # fmt: skip
    for person, want in zip(people(read(twin)), wanted, strict=True):
        body, gmm, tom, worn_mask, silhouette = want
        item = viton_items.Item(person._replace(body=body), rep.Cloth(person.picture, body))
        made = viton_items.example(item, representation="plus")
        np.testing.assert_array_equal(codes_of(made["shape"]), gmm[:1])
        np.testing.assert_array_equal(codes_of(made["head"]), gmm[1:])
        np.testing.assert_array_equal(codes_of(made["shape"]), tom[:1])
        np.testing.assert_array_equal(codes_of(made["reserved"]), tom[1:])
        np.testing.assert_array_equal(made["worn_mask"][..., 0], worn_mask)
        np.testing.assert_array_equal((body > 0) * 255, silhouette)
