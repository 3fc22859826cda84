"""Resizes, FID, KID and Inception Score against the packages that papers use."""

import re

import jax
import numpy as np
import pytest

from tests.golden.goldens import golden_files, read
from tryon_jax.metrics import fid, inception_score, kid
from tryon_jax.metrics import resize as resizes

resize = jax.jit(resizes.resize, static_argnames=("size", "convention"))


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("metrics", *patterns)]


def resized(arrays, *kinds):
    """Convention, picture, size and what came out."""
    for key in arrays:
        if found := re.fullmatch(rf"({'|'.join(kinds)})_(\d)_(\d+)x(\d+)", key):
            kind, i, h, w = found.groups()
            yield kind, arrays[f"img_{i}"], (int(h), int(w)), arrays[key], key


@pytest.mark.parametrize("convention", ["pt", "ptaa", "tf1", "clean"])
@pytest.mark.parametrize("path", cases("resize*"))
def test_resize_in_float(path, convention):
    found = list(resized(read(path).arrays, convention))
    assert len(found) == 8
    for _, levels, size, wanted, _ in found:
        got = resize(levels, size=size, convention=convention)
        np.testing.assert_allclose(got, wanted, atol=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
@pytest.mark.parametrize("path", cases("resize*"))
def test_resize_in_whole_levels(path, kind):
    """Pillow 12.1 takes rows first; Pillow 13 the other way round where the two differ."""
    arrays = read(path).arrays
    for _, levels, size, wanted, key in resized(arrays, f"pil8_{kind}"):
        older = arrays.get(key.replace("pil8", "pil8h"))
        first = resize(levels, size=size, convention=f"pillow_{kind}")
        np.testing.assert_array_equal(first, wanted if older is None else older)
        if older is not None:
            got = resize(levels, size=size, convention=f"pillow_{kind}_columns_first")
            np.testing.assert_array_equal(got, wanted)


def moments(features, *, batch=37):
    held = fid.init(features.shape[1])
    for start in range(0, len(features), batch):
        held = fid.update(held, features[start : start + batch])
    return held


@pytest.mark.parametrize("path", cases("fid_kid_is*"))
class TestSets:
    @pytest.mark.parametrize("kind", ["full", "low", "same", "swap"])
    def test_fid(self, path, kind):
        golden = read(path)
        names = {"full": ("feat_a", "feat_b"), "low": ("low_a", "low_b"),
                 "same": ("feat_a", "feat_a"), "swap": ("feat_b", "feat_a")}[kind]  # fmt: skip
        a, b = (moments(golden.arrays[name]) for name in names)
        got, values = fid.compute(a, b), golden.meta["values"]
        assert got == pytest.approx(values[f"fid_{kind}_exact_svd"], abs=1e-11)
        if kind != "low":  # singular covariances: the packages' roots of 1e-16 add up to 1e-7
            assert got == pytest.approx(values[f"fid_{kind}_pytorch_fid"], abs=1e-8)
            assert got == pytest.approx(values[f"fid_{kind}_torch_fidelity_f64feats"], abs=1e-8)
        assert got == pytest.approx(values[f"fid_{kind}_cleanfid_f32feats"], abs=3e-7)

    def test_fid_from_kept_covariances(self, path):
        golden = read(path)
        arrays = golden.arrays
        a, b = (
            fid.from_covariance(
                arrays[f"mu_{k}"], arrays[f"cov_{k}"], count=len(arrays[f"feat_{k}"])
            )
            for k in "ab"
        )
        wanted = golden.meta["values"]["fid_full_exact_svd"]
        assert fid.compute(a, b) == pytest.approx(wanted, abs=1e-8)
        mixed = fid.compute(moments(arrays["feat_a"]), b)
        assert mixed == pytest.approx(wanted, abs=1e-8)

    def test_kid_by_subsets(self, path):
        golden = read(path)
        a, b = golden.arrays["feat_a"], golden.arrays["feat_b"]
        values = golden.meta["values"]
        got = kid.torch_fidelity(a, b, size=100)
        assert got.mean == pytest.approx(values["kid_torch_fidelity_f64_mean"], rel=1e-9)
        assert got.spread == pytest.approx(values["kid_torch_fidelity_f64_std"], rel=1e-9)
        draws = (golden.arrays[f"kid_idx_{k}"] for k in "ab")
        each = [kid.mmd2(a[i], b[j]) for i, j in zip(*draws, strict=True)]
        np.testing.assert_allclose(each, golden.arrays["kid_subset_mmd2"], rtol=1e-9, atol=1e-12)
        got = kid.clean_fid(a, b, seed=values["kid_cleanfid_seed"], largest=100)
        assert got.mean == pytest.approx(values["kid_cleanfid"], rel=1e-9)
        got = kid.mmd2(a[:100], b[:100])
        assert got == pytest.approx(values["kid_torchmetrics_first100_f64"], rel=1e-9)
        for estimator in ("unbiased", "biased", "u-statistic"):
            got = kid.mmd2(a[:260], b[:260], estimator=estimator)
            assert got == pytest.approx(values[f"mmd2_first260_{estimator}"], rel=1e-9)

    @pytest.mark.parametrize("kind", ["full", "low"])
    @pytest.mark.parametrize("size", [10, 64, 1024])
    def test_kid_by_blocks(self, path, kind, size):
        golden = read(path)
        names = ("feat_a", "feat_b") if kind == "full" else ("low_a", "low_b")
        a, b = (golden.arrays[name] for name in names)
        name = f"kid_{kind}_ganmetrics_block{size}_f64"
        values = golden.meta["values"]
        got = kid.blocks(a, b, size=size)
        assert got.mean == pytest.approx(values[f"{name}_mean"], rel=1e-9)
        wanted = values[f"{name}_stderr"]
        if wanted is None:
            assert np.isnan(got.spread)
        else:
            assert got.spread == pytest.approx(wanted, rel=1e-9)

    def test_inception_score(self, path):
        golden = read(path)
        logits, values = golden.arrays["logits"], golden.meta["values"]
        found = {
            "torch_fidelity_shuffled10": inception_score.torch_fidelity(logits),
            "ganmetrics_splits10": inception_score.in_order(logits),
        }
        for splits in (1, 7, 10):
            found[f"torch_fidelity_plain{splits}"] = inception_score.in_order(logits, splits=splits)
        for splits in (1, 7):
            name = f"sbarratt_splits{splits}"
            found[name] = inception_score.whole_splits(logits, splits=splits)
        for name, got in found.items():
            assert got.mean == pytest.approx(values[f"is_{name}_mean"], abs=1e-9), name
            assert got.spread == pytest.approx(values[f"is_{name}_std"], abs=1e-9), name
