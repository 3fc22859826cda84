"""Scores against scikit-image, pytorch-msssim and the published protocols."""

import jax
import numpy as np
import pytest

from tests.golden.goldens import golden_files, read, unknown
from tryon_jax.metrics import pairs


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("metrics", *patterns)]


def test_every_file_is_read():
    assert golden_files("metrics", "*"), "no golden files found"
    assert unknown("metrics", "ssim_psnr*", "iou*", "lpips_*", "vgg19_loss*") == []


def pictures(uint8):
    return uint8.astype(np.float32) / 127.5 - 1


@pytest.mark.parametrize("path", cases("ssim_psnr*"))
def test_ssim_and_psnr(path):
    arrays = read(path).arrays
    for i in (0, 1):
        x, y = pictures(arrays[f"x{i}"]), pictures(arrays[f"y{i}"])
        got = jax.jit(pairs.ssim)(x, y)
        np.testing.assert_allclose(got, arrays[f"sk_rgb_wang_{i}"], atol=1e-5)
        np.testing.assert_allclose(got, arrays[f"pm_rgb_255_f64_{i}"], atol=5e-6)
        np.testing.assert_allclose(pairs.psnr(x, y), arrays[f"psnr_sk_255_{i}"], atol=1e-4)


@pytest.mark.parametrize("path", cases("iou*"))
def test_iou(path):
    arrays = read(path).arrays
    masks, truth = (pictures(arrays[name])[..., None] for name in ("pred", "gt"))
    np.testing.assert_allclose(pairs.iou(masks, truth), arrays["iou"], rtol=1e-6)
