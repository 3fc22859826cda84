"""Entries of a report without any network: pictures of one colour each, and scores by number."""

import numpy as np

from tryon_jax import scoring
from tryon_jax.contents import Entry, Group
from tryon_jax.report.tiles import encoded
from tryon_jax.scoring import Marked


def colour(level, *, height=96, width=72):
    return encoded(np.full((height, width, 3), level, np.uint8))


def entry(name, *, names, bias=0.0, level=100):
    """A run whose item i has the score i / 10, mixed up, and a fake of one grey."""
    count = len(names)
    scores = {
        "copy_lpips": np.linspace(0.5, 0.6, count),
        "fake_lpips": np.array([((7 * i) % count) / 10 + bias for i in range(count)]),
        "fake_ssim": np.linspace(0, 0.9, count),
    }
    metrics = {"copy_lpips": "lpips", "fake_lpips": "lpips", "fake_ssim": "ssim"}
    pictures = [
        {"real_a": colour(10 + i), "fake_b": colour(level), "truth_b": colour(200)}
        for i in range(count)
    ]
    subsets = [frozenset(["stripes"] if i % 3 == 0 else []) for i in range(count)]
    marked = Marked("ab", list(names), subsets, scores, metrics, {}, {}, pictures)
    keys = ("real_a", "fake_b", "truth_b")
    group = Group(marked, keys, "fake_b", "truth_b", frozenset(["real_a", "truth_b"]))
    facts = {"weights": f"step 1 of {name}"}
    return Entry(name, facts, {"ab": group}, scoring.mean_values(marked), (96, 72), "dolls")


def entries(count, *, items=12):
    names = [f"item {i}" for i in range(items)]
    return [entry(f"run {n}", names=names, bias=0.05 * n, level=100 + 40 * n) for n in range(count)]
