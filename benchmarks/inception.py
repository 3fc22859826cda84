"""Pictures a second through FID's Inception, beside a plain PyTorch network of the same shape.

    python benchmarks/inception.py [--torch=/path/to/python --batch_size=8 --batches=6]

Weights are random: they cost as much as the published ones. Both networks take pictures of 299 x
299 that are resized already; batch norms are folded in here, and modules of their own there, as in
pytorch-fid. The last line is one JSON object. Numbers: `RESULTS.md`.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from typing import Any

import jax
import numpy as np
from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tryon_jax.networks.inception import BLOCKS, SIDE, STEM, Inception, Step

_TORCH = flags.DEFINE_string("torch", "", "An interpreter that has PyTorch; empty: ours alone.")
_BATCH = flags.DEFINE_integer("batch_size", 8, "Pictures at a time.", lower_bound=1)
_BATCHES = flags.DEFINE_integer("batches", 6, "Batches that are timed.", lower_bound=1)


def main(argv: list[str]) -> None:
    """Times ours, then PyTorch's, taking turns twice; prints a line for each."""
    if len(argv) > 1:
        raise app.UsageError(f"options are written --batches=N; got {argv[1:]}")
    found: dict[str, Any] = {"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    for turn in range(2):
        found[f"ours_{turn}"] = ours(_BATCH.value, batches=_BATCHES.value)
        print("ours", found[f"ours_{turn}"], flush=True)
        if _TORCH.value:
            found[f"torch_{turn}"] = theirs(_BATCH.value, batches=_BATCHES.value)
            print("torch", found[f"torch_{turn}"], flush=True)
    print(json.dumps(found))


def ours(batch_size: int, *, batches: int) -> dict[str, float]:
    """Pictures per wall second and CPU seconds per picture, once compiled."""
    pictures = np.random.default_rng(0).uniform(-1, 1, (batch_size, SIDE, SIDE, 3))
    pictures = jax.device_put(pictures.astype(np.float32))
    network = Inception()
    variables = jax.jit(network.init)(jax.random.key(0), pictures)

    @jax.jit
    def look(variables, pictures):
        with jax.default_matmul_precision("highest"):
            made: Any = network.apply(variables, pictures)
        return made["pool3"]

    jax.block_until_ready(look(variables, pictures))
    walls, cpu = [], time.process_time()
    for _ in range(batches):
        wall = time.perf_counter()
        jax.block_until_ready(look(variables, pictures))
        walls.append(time.perf_counter() - wall)
    cpu_seconds = (time.process_time() - cpu) / (batches * batch_size)
    return rates(walls, cpu_seconds, batch_size=batch_size)


def theirs(batch_size: int, *, batches: int) -> dict[str, float]:
    """The same of `torch_inception.py` in the other interpreter."""
    script = pathlib.Path(__file__).with_name("torch_inception.py")
    command = [_TORCH.value, str(script), str(batch_size), str(batches)]
    done = subprocess.run(
        command, input=json.dumps(shape()), capture_output=True, text=True, check=True
    )
    timed = json.loads(done.stdout)
    return rates(timed["walls"], timed["cpu_s"], batch_size=batch_size)


def rates(walls: list[float], cpu_seconds: float, *, batch_size: int) -> dict[str, float]:
    """Median and best pictures a second, CPU seconds a picture."""
    return {
        "pictures_per_s": round(batch_size / statistics.median(walls), 2),
        "best": round(batch_size / min(walls), 2),
        "cpu_s_per_picture": round(cpu_seconds, 3),
    }


def shape() -> dict[str, Any]:
    """Our network's layers as JSON: the stem, then blocks of branches of links of steps."""

    def links(branch: Any) -> list[list[list[int]]]:
        chain = [(link,) if isinstance(link, Step) else link for link in branch]
        return [[[step.width, *step.size, step.stride] for step in link] for link in chain]

    blocks = [
        {"branches": [links(x) for x in block.branches], "pool": block.pool, "pooled": block.pooled}
        for block in BLOCKS.values()
    ]
    return {"side": SIDE, "stem": [layer[1:] for layer in STEM], "blocks": blocks}


if __name__ == "__main__":
    app.run(main)
