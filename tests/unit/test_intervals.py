import numpy as np
import pytest

from tryon_jax.metrics import fid, intervals, kid


def normal(seed, n, *, width=6, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (n, width))


def frechet(x, y):
    return fid.compute(*(fid.update(fid.init(z.shape[1]), z) for z in (x, y)))


class TestMean:
    def test_it_holds_the_mean_of_a_normal_sample(self):
        values = normal(0, 400, width=1)[:, 0]
        low, high = intervals.of_mean(values)
        half = 1.96 * values.std() / 20
        assert low == pytest.approx(values.mean() - half, abs=0.02)
        assert high == pytest.approx(values.mean() + half, abs=0.02)

    def test_it_covers_the_truth_about_as_often_as_it_says(self):
        covered = 0
        for seed in range(200):
            low, high = intervals.of_mean(normal(seed, 60, width=1)[:, 0], seed=seed)
            covered += low <= 0 <= high
        assert 0.90 <= covered / 200 <= 0.98

    def test_one_picture_has_no_spread(self):
        assert intervals.of_mean(np.array([3.0])) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("interval", "distance"), [(intervals.of_frechet, frechet), (intervals.of_kernel, kid.mmd2)]
)
class TestSets:
    def test_its_width_is_that_of_new_samples(self, interval, distance):
        """Against the spread of the distance over fresh samples, which only a test can draw."""
        fresh = [distance(normal(2 * s, 150), normal(2 * s + 1, 150, shift=1)) for s in range(60)]
        x, y = normal(1000, 150), normal(1001, 150, shift=1)
        low, high = interval(x, y, value=distance(x, y))
        assert (high - low) / (2 * 1.96) == pytest.approx(np.std(fresh), rel=0.35)
        assert (low + high) / 2 == pytest.approx(distance(x, y))

    def test_more_pictures_make_it_narrower(self, interval, distance):
        widths = []
        for n in (40, 400):
            x, y = normal(0, n), normal(1, n, shift=1)
            low, high = interval(x, y, value=distance(x, y))
            widths.append(high - low)
        assert widths[1] < widths[0] / 2

    def test_fewer_pictures_than_features(self, interval, distance):
        x, y = normal(0, 12, width=64), normal(1, 9, width=64, shift=1)
        low, high = interval(x, y, value=5.0)
        assert low < 5 < high

    def test_the_same_seed_gives_the_same_interval(self, interval, distance):
        x, y = normal(0, 30), normal(1, 20)
        assert interval(x, y, value=0.0) == interval(x, y, value=0.0)
