"""FID, KID, Inception Score and resizes by hand and by their properties.

Against the packages: golden/test_distributions.py.
"""

import functools

import numpy as np
import pytest

from tryon_jax.metrics import fid, inception_score, kid, rows
from tryon_jax.metrics.resize import CONVENTIONS, resize


def features(seed, *, n=50, width=8, shift=0.0):
    return np.random.default_rng(seed).standard_normal((n, width)) + shift


def moments(x):
    return fid.update(fid.init(x.shape[1]), x)


class TestFID:
    def test_by_hand(self):
        """One feature: (m1 - m2)^2 + (s1 - s2)^2."""
        a, b = np.array([[0.0], [2.0]]), np.array([[3.0], [7.0]])  # deviations 2^.5 and 8^.5
        wanted = (1 - 5) ** 2 + (np.sqrt(2) - np.sqrt(8)) ** 2
        assert fid.compute(moments(a), moments(b)) == pytest.approx(wanted, rel=1e-12)

    def test_independent_features_add_up(self):
        rng = np.random.default_rng(0)
        scales = np.array([0.5, 2.0])
        signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]])  # uncorrelated, mean 0
        a, b = signs * scales, signs * 3 + rng.standard_normal(2)
        unit = np.sqrt(4 / 3)  # unbiased deviation of +1, +1, -1, -1
        wanted = ((b.mean(0) - a.mean(0)) ** 2).sum() + (unit**2 * (scales - 3) ** 2).sum()
        assert fid.compute(moments(a), moments(b)) == pytest.approx(wanted, rel=1e-12)

    @pytest.mark.parametrize("n", [3, 8, 60])
    def test_a_set_and_itself(self, n):
        """Fewer pictures than features, as many, and more."""
        x = moments(features(0, n=n))
        assert abs(fid.compute(x, x)) < 1e-12

    @pytest.mark.parametrize("n", [5, 60])
    def test_it_grows_with_what_differs_and_is_symmetric(self, n):
        a = moments(features(0, n=n))
        found = [fid.compute(a, moments(features(0, n=n, shift=s))) for s in (0, 0.1, 0.5, 2)]
        assert np.all(np.diff(found) > 0)
        b = moments(features(1, n=n, shift=0.5))
        assert fid.compute(a, b) == pytest.approx(fid.compute(b, a), rel=1e-12)

    @pytest.mark.parametrize("sizes", [(1, 1, 3), (20, 1, 39), (60, 0, 7), (200, 3)])
    def test_parts_are_the_whole(self, sizes):
        parts = [features(i, n=n, shift=i) for i, n in enumerate(sizes)]
        whole = moments(np.concatenate(parts))
        merged = functools.reduce(fid.merge, map(moments, parts))
        updated = functools.reduce(fid.update, parts, fid.init(8))
        other = moments(features(9, n=11))
        for held in (merged, updated):
            assert held.count == sum(sizes)
            np.testing.assert_allclose(held.mean, whole.mean, atol=1e-13)
            got = held.factor.T @ held.factor
            np.testing.assert_allclose(got, whole.factor.T @ whole.factor, rtol=1e-11, atol=1e-10)
            wanted = fid.compute(whole, other)
            assert fid.compute(held, other) == pytest.approx(wanted, rel=1e-11)

    def test_memory_is_bounded(self):
        held = fid.init(8)
        for i in range(100):
            held = fid.update(held, features(i, n=3))
        assert held.count == 300 and len(held.factor) <= 16 + 3 + 1

    def test_means_far_from_zero_lose_nothing(self):
        x = features(0, n=30)
        held = functools.reduce(fid.update, np.split(x + 1e6, 10), fid.init(8))
        got = held.factor.T @ held.factor
        np.testing.assert_allclose(got, moments(x).factor.T @ moments(x).factor, atol=1e-7)

    def test_a_kept_covariance(self):
        x = features(0, n=30)
        kept = fid.from_covariance(x.mean(0), np.cov(x.T), count=30)
        other = moments(features(1, n=5))
        assert fid.compute(kept, other) == pytest.approx(fid.compute(moments(x), other), rel=1e-10)
        more = fid.merge(kept, other)
        wanted = moments(np.concatenate([x, features(1, n=5)]))
        assert abs(fid.compute(more, wanted)) < 1e-10

    def test_caution(self):
        few, many = moments(features(0, n=8)), moments(features(0, n=9))
        assert fid.caution(many, many) == ""
        assert "8 pictures are not more than 8 features" in fid.caution(few, many)

    def test_wrong_sets(self):
        x = moments(features(0))
        with pytest.raises(ValueError, match="two pictures or more on each side, got 0"):
            fid.compute(x, fid.init(8))
        with pytest.raises(ValueError, match="two pictures or more on each side, got 1"):
            fid.compute(moments(features(0, n=1)), x)
        with pytest.raises(ValueError, match=r"features of \[N, 8\], got \(50, 7\)"):
            fid.update(x, features(0, width=7))
        for call in (fid.compute, fid.merge):
            with pytest.raises(ValueError, match="of one width, got 8 and 7"):
                call(x, moments(features(0, width=7)))
        with pytest.raises(ValueError, match="features must be finite"):
            fid.update(x, np.full((1, 8), np.nan))
        with pytest.raises(ValueError, match=r"needs a covariance of \(8, 8\), got \(7, 7\)"):
            fid.from_covariance(np.zeros(8), np.eye(7), count=9)
        with pytest.raises(ValueError, match="no negative eigenvalues, got -1"):
            fid.from_covariance(np.zeros(2), np.diag([1.0, -1.0]), count=9)


class TestKID:
    def test_by_hand(self):
        """One feature: k(x, y) = (x y + 1)^3."""
        x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
        cross = np.mean([1, 1, 8, 27])
        assert kid.mmd2(x, y) == pytest.approx(1 + 27 - 2 * cross)
        biased = np.mean([1, 1, 1, 8]) + np.mean([8, 27, 27, 125]) - 2 * cross
        assert kid.mmd2(x, y, estimator="biased") == pytest.approx(biased)
        got = kid.mmd2(x, y, estimator="u-statistic")  # without (0, 1) and (1, 2)
        assert got == pytest.approx(1 + 27 - 2 * (1 + 8) / 2)

    def test_one_distribution_scatters_around_zero(self):
        values = [kid.mmd2(features(2 * i), features(2 * i + 1)) for i in range(200)]
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values)) < 4 * error and min(values) < 0
        x = features(0)
        assert kid.mmd2(x, x) < 0 and abs(kid.mmd2(x, x, estimator="biased")) < 1e-12

    def test_it_grows_with_what_differs(self):
        x = features(0)
        for measure in (
            kid.mmd2,
            lambda x, y: kid.torch_fidelity(x, y, subsets=20, size=30).mean,
            lambda x, y: kid.clean_fid(x, y, subsets=20).mean,
            lambda x, y: kid.blocks(x, y).mean,
        ):
            found = [measure(x, features(1, shift=s)) for s in (0, 0.5, 1, 2)]
            assert np.all(np.diff(found) > 0)

    def test_draws_repeat_by_their_seed(self):
        x, y = features(0), features(1)
        first, again, other = (
            kid.torch_fidelity(x, y, subsets=5, size=10, seed=seed) for seed in (1, 1, 2)
        )
        assert first == again != other and first.spread > 0

    def test_blocks_use_each_picture_once(self):
        x, y = features(0, n=7, width=1), features(1, n=5, width=1)
        parts = [(x[:3], y[:2]), (x[3:], y[2:])]  # the shorter ones first
        values = [kid.mmd2(a, b) for a, b in parts]
        got = kid.blocks(x, y, size=4)
        assert got.mean == pytest.approx(np.mean(values))
        assert got.spread == pytest.approx(np.std(values, ddof=1) / np.sqrt(2))
        assert np.isnan(kid.blocks(x, y, size=7).spread)

    def test_the_mean_kid_is_mostly_the_sources(self):
        source, target, fake = features(0, shift=1), features(1), features(2)
        got = kid.ugatit_mean(target, source, fake)
        near, far = kid.blocks(target, fake), kid.blocks(source, fake)
        assert got.mean == pytest.approx(0.01 * near.mean + 0.49 * far.mean)
        assert got.mean > 10 * abs(near.mean)

    def test_wrong_sets(self):
        x = features(0)
        with pytest.raises(
            ValueError, match="needs 1000 pictures of each side or more, got 50 and"
        ):
            kid.torch_fidelity(x, x)
        with pytest.raises(ValueError, match="needs 2 pictures of each side or more, got 50 and 1"):
            kid.mmd2(x, x[:1])
        with pytest.raises(ValueError, match=r"5 blocks of 10 need 10 pictures .* got 50 and 9"):
            kid.blocks(x, x[:9])
        with pytest.raises(ValueError, match=r"got \(50, 8\) and \(50, 7\); are they of two netw"):
            kid.mmd2(x, features(0, width=7))
        for estimator, y in (("best", x), ("u-statistic", x[:9])):
            with pytest.raises(ValueError, match=f"u-statistic; got '{estimator}' for 50 and"):
                kid.mmd2(x, y, estimator=estimator)


class TestInceptionScore:
    def test_sure_and_varied_pictures_score_the_number_of_classes(self):
        logits = np.log(np.eye(4).repeat(10, 0) + 1e-30)
        assert inception_score.in_order(logits, splits=1).mean == pytest.approx(4)
        shuffled = inception_score.torch_fidelity(logits, splits=2)
        assert 3 < shuffled.mean <= 4

    def test_unsure_or_equal_pictures_score_one(self):
        for logits in (np.zeros((6, 4)), np.log(np.eye(4)[[2] * 6] + 1e-30)):
            assert inception_score.whole_splits(logits).mean == pytest.approx(1)
        certain = np.where(np.eye(4)[[2] * 6] > 0, 0.0, -2000.0)  # exp of it is 0
        assert inception_score.in_order(certain, splits=3).mean == pytest.approx(1)

    def test_splits_and_what_remains(self):
        logits = features(0, n=11)
        whole = inception_score.whole_splits(logits, splits=5)
        assert whole == inception_score.in_order(logits[:10], splits=5)
        with pytest.raises(ValueError, match=r"12 splits need logits of as many .* got \(11, 8\)"):
            inception_score.torch_fidelity(logits, splits=12)


class TestRows:
    def test_parts_are_the_whole(self):
        x = features(0).astype(np.float32)
        first = rows.update(rows.update(rows.init(8), x[:7]), x[7:20])
        whole = rows.merge(first, rows.update(rows.init(8), x[20:]))
        np.testing.assert_array_equal(whole.array(), x)
        assert whole.array().dtype == np.float32 and rows.init(8).array().shape == (0, 8)

    def test_a_buffer_may_be_used_again(self):
        x = features(0)
        held = rows.update(rows.init(8), x)
        x[:] = 0
        assert held.array().any()

    def test_wrong_sets(self):
        held = rows.init(8)
        with pytest.raises(ValueError, match=r"features of \[N, 8\], got \(50, 7\)"):
            rows.update(held, features(0, width=7))
        with pytest.raises(ValueError, match="features must be finite"):
            rows.update(held, np.full((1, 8), np.inf))
        with pytest.raises(ValueError, match="of one width, got 8 and 7"):
            rows.merge(held, rows.init(7))


class TestResize:
    @pytest.mark.parametrize("convention", list(CONVENTIONS))
    def test_flat_pictures_stay_flat(self, convention):
        levels = np.full((1, 7, 10, 2), 77, np.uint8)
        got = resize(levels, size=(13, 4), convention=convention)
        assert got.shape == (1, 13, 4, 2) and got.dtype == np.float32
        np.testing.assert_allclose(got, 77, atol=1e-4)

    def test_two_pixels_by_hand(self):
        levels = np.array([0, 100], np.float32).reshape(1, 1, 2, 1)
        found = {
            name: np.asarray(resize(levels, size=(1, 4), convention=name)).reshape(-1)
            for name in ("pt", "ptaa", "tf1")
        }
        np.testing.assert_allclose(found["pt"], [0, 25, 75, 100])
        np.testing.assert_allclose(found["ptaa"], [0, 25, 75, 100], atol=1e-4)
        np.testing.assert_allclose(found["tf1"], [0, 50, 100, 100])

    def test_only_some_look_at_all_pixels_when_shrinking(self):
        levels = np.zeros((1, 1, 64, 1), np.float32)
        levels[:, :, 3] = 255
        seen = {
            name: float(np.max(resize(levels, size=(1, 4), convention=name))) > 0
            for name in ("pt", "tf1", "ptaa", "clean")
        }
        assert seen == {"pt": False, "tf1": False, "ptaa": True, "clean": True}

    def test_wrong_levels(self):
        levels = np.zeros((1, 8, 8, 3), np.float32)
        with pytest.raises(ValueError, match=r"resize must be one of pt, .* got 'lanczos'"):
            resize(levels, size=(4, 4), convention="lanczos")
        with pytest.raises(ValueError, match="give uint8, got float32"):
            resize(levels, size=(4, 4), convention="pillow_bilinear")
