"""Scores against scikit-image, pytorch-msssim and the published protocols."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.goldens import golden_files, read, unknown
from tryon_jax.metrics import pairs, ssim

ELSEWHERE = (
    *("lpips_*", "vgg19_loss*"),  # test_lpips.py
    *("resize*", "fid_kid_is*"),  # test_distributions.py
    "inception_fid*",  # test_inception.py
)


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("metrics", *patterns)]


def test_every_file_is_read():
    assert golden_files("metrics", "*"), "no golden files found"
    assert unknown("metrics", "ssim_psnr*", "iou*", *ELSEWHERE) == []


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
        pooled = arrays[f"psnr_tm_1_pooled_{i}"][0]
        np.testing.assert_allclose(pairs.psnr_pooled(x, y), pooled, atol=1e-4)


CONVENTIONS = {
    "skimage": ("sk_rgb_default", "sk_gray_default"),
    "skimage_gaussian": ("sk_gray_gauss_samplecov",),
    "torchmetrics": ("tm_rgb_1_f64",),
    "zeros": ("su_rgb_f64",),
    "matlab": ("own_matlab_like_gray",),
    "wang": ("sk_gray_wang", "tm14_rgb_1_f64", "sk_rgb2gray_wang"),
}


CHANGES = {"gray": ssim.grey_pillow, "rgb2gray": ssim.grey_skimage, "rgb": lambda x: x}


@pytest.mark.slow
@pytest.mark.parametrize("convention", list(CONVENTIONS))
@pytest.mark.parametrize("path", cases("ssim_psnr*"))
def test_ssim_conventions(path, convention):
    arrays = read(path).arrays

    @jax.jit
    def scores(x, y):
        found = {}
        for key in CONVENTIONS[convention]:
            change = next(CHANGES[part] for part in key.split("_") if part in CHANGES)
            found[key] = ssim.ssim(change(x), change(y), convention=convention)
        return found

    x, y = (pictures(arrays[f"{name}1"]) for name in "xy")
    for key, got in scores(x, y).items():
        np.testing.assert_allclose(got, arrays[f"{key}_1"], atol=1e-5, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("ssim_psnr*"))
def test_ssim_in_grey_its_map_and_its_gradient(path):
    arrays = read(path).arrays
    x, y = (jnp.asarray(pictures(arrays[f"{name}1"])) for name in "xy")
    grey = jax.jit(ssim.grey_pillow)
    np.testing.assert_allclose((grey(x)[..., 0] + 1) * 127.5, arrays["grayL_x1"], atol=1e-4)
    score, found = jax.jit(lambda x, y: (pairs.ssim_grey(x, y), ssim.ssim_map(grey(x), grey(y))))(
        x, y
    )
    np.testing.assert_allclose(score, arrays["sk_gray_wang_1"], atol=1e-5)
    np.testing.assert_allclose(found[0, ..., 0], arrays["sk_gray_wang_map_1"], atol=1e-4)
    gradient = jax.jit(jax.grad(lambda x, y: 1 - jnp.mean(pairs.ssim(x, y))))(x[:1], y[:1])
    wanted = arrays["grad_1_minus_ssim_1"] / 2  # by a picture in [0, 1]
    np.testing.assert_allclose(gradient, wanted, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("ssim_psnr*"))
def test_ssim_on_several_scales(path):
    arrays = read(path).arrays
    x, y = (jnp.asarray(pictures(arrays[f"big_{name}"])) for name in "xy")
    np.testing.assert_allclose(jax.jit(ssim.ms_ssim)(x, y), arrays["pm_msssim_255_f64"], atol=1e-5)
    got = jax.jit(ssim.ms_ssim_torchmetrics)(x, y)
    np.testing.assert_allclose(got, arrays["tm_msssim_1_f64"], atol=1e-5)


@pytest.mark.parametrize("path", cases("iou*"))
def test_iou(path):
    golden = read(path)
    arrays, values = golden.arrays, golden.meta["values"]
    masks, truth = (pictures(arrays[name])[..., None] for name in ("pred", "gt"))
    np.testing.assert_allclose(pairs.iou(masks, truth), arrays["iou"], rtol=1e-6)
    pooled = pairs.iou_pooled(masks, truth)
    assert float(pooled["foreground"]) == pytest.approx(values["dataset_foreground"], rel=1e-6)
    assert float(pooled["both"]) == pytest.approx(values["dataset_fcn_mean_iu"], rel=1e-6)
