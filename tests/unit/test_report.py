import json
import re

import numpy as np
import pytest

from data_pipelines.leaks import Leaks, Pair
from tests.unit.report_entries import entries, entry
from tryon_jax import contents, examine, scoring
from tryon_jax.report import page, published, tiles
from tryon_jax.scoring import Value


def record_of(path):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())
    return json.loads(found[1])


def written(tmp_path, given, **options):
    options = {"title": "T", "notes": ["a note"], "leaks": None} | options
    page.write(tmp_path / "r.html", given, **options)
    return record_of(tmp_path / "r.html")


class TestPage:
    def test_it_needs_no_other_file(self, tmp_path):
        written(tmp_path, entries(2))
        text = (tmp_path / "r.html").read_text()
        outside = [x for x in re.findall(r"""(?:src|href)=["']?([^"'> ]+)""", text)]
        assert outside and all(x.startswith("data:") for x in outside)
        assert "http:" not in text and "https:" not in text and "@import" not in text

    def test_names_cannot_break_out_of_the_data(self, tmp_path):
        name = "</script><script>alert(1)</script>/*STYLE*/"
        found = written(tmp_path, [entry("a", names=[name, "b"])], title=name)
        assert found["kinds"][0]["names"] == [name, "b"] and found["title"] == name
        assert "<script>alert" not in (tmp_path / "r.html").read_text()

    def test_scores_and_pictures_are_those_of_the_items(self, tmp_path):
        first, second = entries(2)
        found = written(tmp_path, [first, second])["kinds"][0]
        marked = second.groups["ab"].marked
        assert found["scores"][1]["fake_lpips"] == pytest.approx(marked.scores["fake_lpips"])
        item = found["items"][2]
        assert item["shared"] == {"real_a": marked.tiles[2]["real_a"].url,
                                  "truth_b": marked.tiles[2]["truth_b"].url}  # fmt: skip
        assert item["own"][1] == {"fake_b": marked.tiles[2]["fake_b"].url}

    def test_runs_are_compared_on_the_items_that_both_have(self, tmp_path):
        names = ["c", "a", "x"]
        found = written(tmp_path, [entry("1", names=["a", "b", "c"]), entry("2", names=names)])
        (kind,) = found["kinds"]
        assert kind["names"] == ["a", "c"]
        (row,) = [x for x in found["differences"] if x["name"] == "fake_lpips"]
        assert row["n"] == 2 and row["run"] == 1 and row["base"] == 0
        assert row["low"] <= row["value"] <= row["high"]

    def test_a_large_set_shows_its_worst_half_and_a_spread(self, tmp_path):
        given = entry("a", names=[f"n{i}" for i in range(40)])
        kind = written(tmp_path, [given], gallery=8)["kinds"][0]
        scores = given.groups["ab"].marked.scores["fake_lpips"]
        chosen = [item["i"] for item in kind["items"]]
        assert len(kind["names"]) == 40 and len(chosen) == 8
        assert set(np.argsort(-scores)[:4]) <= set(chosen)
        assert np.argmin(scores) in chosen

    def test_leaks_and_numbers_that_are_not_finite(self, tmp_path):
        leaks = Leaks(5, 3, [Pair("t.png", "s.png", "same file", 0.0)])
        given = entry("a", names=["a", "b"])
        nan = given.values[0]._replace(low=float("nan"), high=float("nan"))
        found = written(tmp_path, [given._replace(values=[nan])], leaks=leaks)
        assert found["leaks"]["pairs"][0]["train"] == "s.png"
        assert found["values"][0]["low"] is None


def test_items_that_were_trained_on_are_told_apart():
    marked = entry("a", names=["x+1", "y+2", "z+3"]).groups["ab"].marked
    pair = Pair("test/image/y.jpg", "train/image/k.jpg", "mirrored", 1.0)
    found = examine.with_unseen(marked, Leaks(9, 3, [pair]))
    assert [examine.UNSEEN in own for own in found.subsets] == [True, False, True]
    assert examine.with_unseen(marked, Leaks(9, 3, [])) is marked
    (value,) = [
        x for x in scoring.mean_values(found) if (x.subset, x.name) == ("unseen", "fake_lpips")
    ]
    assert value.n == 2


def test_a_large_picture_is_shown_smaller():
    tile = tiles.encoded(np.zeros((600, 900, 3), np.uint8))
    assert (tile.width, tile.height) == (384, 256)


def test_the_first_score_is_one_of_what_was_made():
    group = entry("a", names=["a"]).groups["ab"]
    assert contents.main_score(group) == "fake_lpips"


class TestPublished:
    VALUE = Value("same", scoring.ALL, "try_on_lpips", 0.12, 0.11, 0.13, 2032, "lower", "")

    def beside(self, *, data="folder /d/viton", size=(256, 192), **fields):
        return published.beside([self.VALUE._replace(**fields)], data=data, size=size)

    def test_the_same_protocol_is_shown(self):
        (table,) = self.beside()
        assert ["CP-VTON", 0.1397] in table["rows"] and table["ours"] == 0.12

    @pytest.mark.parametrize(
        "other",
        [{"n": 416}, {"kind": "other"}, {"name": "try_on_ssim"}, {"subset": "stripes"},
         {"data": "dolls"}, {"size": (128, 96)}],
    )  # fmt: skip
    def test_another_protocol_is_not(self, other):
        assert self.beside(**other) == []

    def test_every_table_is_of_a_number_that_we_have(self):
        for table in published.tables():
            assert table["rows"] and table["source"] and table["better"] == "lower"
            assert table["name"] in {"try_on_lpips", "mean_kid_ugatit", "kid_ugatit"}
