"""What a Frechet distance costs, and how exact it is, beside the usual root of a matrix.

    python benchmarks/metrics.py [--features=2048] [--pictures=2032]

Features are positive and correlated, as behind a ReLU. The sets are read in batches of 50, as an
evaluation does, by `metrics.fid`, and at once by the textbook formula with scipy.linalg.sqrtm. The
last line is one JSON object. Numbers: `RESULTS.md`.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tryon_jax.metrics import fid

BATCH = 50

_FEATURES = flags.DEFINE_integer("features", 2048, "Width of a feature vector.", lower_bound=2)
_PICTURES = flags.DEFINE_integer("pictures", 2032, "Pictures on each side.", lower_bound=2)


def main(argv: list[str]) -> None:
    """Times both ways; prints a line for each, then a JSON object."""
    if len(argv) > 1:
        raise app.UsageError(f"options are written --features=N; got {argv[1:]}")
    sets = [features(seed, n=_PICTURES.value, width=_FEATURES.value) for seed in (0, 1)]
    ways: dict[str, Callable[[], float]] = {
        "update": lambda: float(sum(x.count for x in map(gathered, sets))),
        "fid": lambda: fid.compute(*map(gathered, sets)),
        "itself": lambda: fid.compute(gathered(sets[0]), gathered(sets[0])),
        "sqrtm": lambda: textbook(*sets),
    }
    found: dict[str, Any] = {"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    for name, way in ways.items():
        found[name] = measured(way)
        print(name, found[name], flush=True)
    found["gap"] = found["sqrtm"]["value"] - found["fid"]["value"]
    print(json.dumps(found))


def features(seed: int, *, n: int, width: int) -> np.ndarray:
    """Features float32 [n, width] of which neighbours vary together and many are small."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n, width))
    mixed = noise + np.roll(noise, 1, 1) + 0.5 * np.roll(noise, 7, 1)
    scales = np.exp(-4 * np.arange(width) / width)
    return np.maximum(mixed * scales + 0.1 * seed * scales, 0).astype(np.float32)


def gathered(features: np.ndarray) -> fid.Moments:
    """The moments of a set that comes in batches."""
    moments = fid.init(features.shape[1])
    for start in range(0, len(features), BATCH):
        moments = fid.update(moments, features[start : start + BATCH])
    return moments


def textbook(x: np.ndarray, y: np.ndarray) -> float:
    """The distance by whole covariances and the root of their product."""
    first, second = (z.mean(0, dtype=np.float64) for z in (x, y))
    covariances = [np.cov(z.astype(np.float64), rowvar=False) for z in (x, y)]
    root: Any = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    traces = sum(np.trace(c) for c in covariances) - 2 * np.trace(root).real
    return float(((first - second) ** 2).sum() + traces)


def measured(way: Callable[[], float]) -> dict[str, float]:
    """A value, with wall and CPU seconds and the largest memory of NumPy's in MiB."""
    tracemalloc.start()
    wall, cpu = time.perf_counter(), time.process_time()
    value = way()
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return {"value": value, **{k: round(v, 2) for k, v in seconds.items()}, "mib": round(peak)}


if __name__ == "__main__":
    app.run(main)
