"""What it costs to draw a run's networks: our way, and the same compiled as one program.

    python benchmarks/init.py --config=configs/photo2cartoon.py:demo

Prints wall-clock and CPU seconds of tracing, of `fresh.drawn` and of `jit`, as one JSON object.
Numbers: `RESULTS.md`.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import app
from ml_collections import config_flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tryon_jax import fresh, setup, sharding

_CONFIG = config_flags.DEFINE_config_file("config", help_string="The run to measure.")


def main(argv: list[str]) -> None:
    """Measures one config; nothing is kept in a cache."""
    if len(argv) > 1:
        raise app.UsageError(f"options are written --config.x=y; got {argv[1:]}")
    config, key = _CONFIG.value, jax.random.key(0)
    init = setup.make_system(config).init
    batch = setup.batch_template(config, mesh=sharding.data_mesh())
    empty = {name: np.zeros(x.shape, x.dtype) for name, x in batch.items()}
    found = {"arrays": len(jax.tree.leaves(fresh.traced_init(init, batch).out_info))}
    jax.clear_caches()
    ways: dict[str, Callable[[], Any]] = {
        "trace": lambda: fresh.traced_init(init, batch),
        "drawn": lambda: fresh.drawn(init, key, batch=batch),
        "jit": lambda: jax.jit(init)(key, empty),
    }
    print(json.dumps(found | {name: _seconds(way) for name, way in ways.items()}))


def _seconds(way: Callable[[], Any]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    jax.block_until_ready(jax.tree.leaves(way()))
    return {
        "wall_s": round(time.perf_counter() - wall, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
    }


if __name__ == "__main__":
    app.run(main)
