"""CycleGAN's preprocessing of one picture, case by case. Tolerance 1e-6, measured 0."""

import json

import numpy as np
import pytest

from data_pipelines import ops
from tests.golden.goldens import golden_files


@pytest.mark.parametrize(
    "path", golden_files("designgan", "preprocess*.npz"), ids=lambda path: path.stem
)
def test_preprocess(path):
    golden = np.load(path)
    cases = json.loads(str(golden["meta"]))["cases"]
    assert {f"out_{name}" for name in cases} == {key for key in golden if key.startswith("out_")}
    for name, case in cases.items():
        made = processed(golden["image"], case)
        expected = golden[f"out_{name}"].transpose(1, 2, 0)
        np.testing.assert_allclose(made, expected, rtol=0, atol=1e-6, err_msg=f"{name}: {case}")


def processed(image, case):
    assert case["preprocess"] in ops.MODES
    recipe = ops.Recipe(
        case["preprocess"], case["crop_size"], case["load_size"], "bicubic", case["flip"]
    )
    if case["grayscale"]:
        image = ops.grayscale(image)
    image = ops.scale(image, recipe=recipe)
    if case["crop_pos"] and case["preprocess"] in ops.CROPPING:
        col, row = case["crop_pos"]
        image = ops.crop(image, row=row, col=col, size=case["crop_size"])
    return ops.normalise(ops.flip(image) if case["flip"] else image)
