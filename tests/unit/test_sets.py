import numpy as np
import pytest

from tryon_jax.metrics import fid, judges, sets


def features(seed, n, width=8):
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def gathered(x, *, parts):
    whole = sets.init(x.shape[1])
    for part in np.array_split(x, parts):
        whole = sets.update(whole, part)
    return whole


def test_parts_make_the_whole_however_they_come(monkeypatch):
    monkeypatch.setattr(sets, "KEPT", 20)
    x, y = features(0, 50), features(1, 30)
    one = gathered(x, parts=1)
    many = sets.merged([gathered(z, parts=3) for z in np.array_split(x, 4)], width=8)
    for found in (one, many):
        assert found.count == 50 and not found.complete
        np.testing.assert_array_equal(found.kept.array(), one.kept.array())
    other = gathered(y, parts=2)
    distances = [fid.compute(found.moments, other.moments) for found in (one, many)]
    assert distances[0] == pytest.approx(distances[1], rel=1e-9)


def test_up_to_the_limit_every_row_is_kept_in_order():
    x = features(0, 40)
    found = gathered(x, parts=7)
    assert found.complete
    np.testing.assert_array_equal(found.kept.array(), x)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(sets, "KEPT", 100)
    found = gathered(features(0, 5000), parts=50)
    assert len(found.kept.array()) == 100 and found.count == 5000
    assert len(found.moments.factor) <= 16
    value, interval = judges.DISTANCES["fd_vgg16"].compute(found, found, None)
    assert value == pytest.approx(0, abs=1e-9) and np.isnan(interval.low)


class TestDistances:
    def test_a_set_is_0_from_itself(self):
        one = gathered(features(0, 40, 64), parts=2)
        value, _ = judges.DISTANCES["fd_vgg16"].compute(one, one, None)
        assert abs(value) < 1e-9

    @pytest.mark.parametrize("name", ["fd_vgg16", "kd_vgg16", "kid_ugatit", "kid_clean"])
    def test_they_grow_with_the_shift(self, name):
        real = gathered(features(0, 60), parts=1)
        values = []
        for shift in (0.0, 0.5, 1.0, 2.0):
            fake = gathered(features(1, 60) + np.float32(shift), parts=1)
            value, interval = judges.DISTANCES[name].compute(fake, real, None)
            assert interval.low <= value <= interval.high
            values.append(value)
        assert values == sorted(values) and values[-1] > 4 * abs(values[0])

    def test_the_mean_of_u_gat_it_needs_the_source(self):
        one = gathered(features(0, 40), parts=1)
        with pytest.raises(ValueError, match="what the fakes were made from"):
            judges.DISTANCES["mean_kid_ugatit"].compute(one, one, None)


class TestLoading:
    def test_fid_without_its_file_says_where_it_is(self):
        with pytest.raises(FileNotFoundError, match=r"FID needs .* download https://.* fd_vgg16"):
            judges.load(("fid",), inception_file="")

    def test_an_unknown_distance_is_named(self):
        with pytest.raises(ValueError, match=r"distances of sets are fd_vgg16, .*; got fidd"):
            judges.load(("fidd",), inception_file="")

    def test_what_is_computed_unless_asked(self):
        usual = judges.distances(inception_file="", translates=True)
        assert usual == ("fd_vgg16", "kd_vgg16")
        assert judges.distances(inception_file="x", translates=False) == ("fid", "kid")
        assert "kid_ugatit" in judges.distances(inception_file="x", translates=True)
        assert judges.asked("none", usual=usual) == ()
        assert judges.asked("fid,kid", usual=usual) == ("fid", "kid")
        assert judges.asked("", usual=usual) == usual
