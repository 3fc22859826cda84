"""How many try-on items a second come out of files in VITON's layout.

    python benchmarks/data.py --root=DIR [--torch_python=PYTHON]

Reads training batches of 4 at 256 x 192 without and with `data.cache=memory`, in turns, and with
`--torch_python` also a plain PyTorch DataLoader of two workers (`torch_data.py`, run by that
interpreter; our own needs no PyTorch). The last line is one JSON object. Numbers: `RESULTS.md`.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

WARM_UP = 20  # batches before the clock starts

_ROOT = flags.DEFINE_string("root", None, "Folder in VITON's layout.", required=True)
_BATCHES = flags.DEFINE_integer("batches", 150, "Batches of 4 to time.", lower_bound=1)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Rounds of all loaders.", lower_bound=1)
_TORCH = flags.DEFINE_string("torch_python", "", "Interpreter that has torch, numpy and pillow.")


class Speed(NamedTuple):
    """How fast a loader is."""

    items_per_s: float
    cpu_ms: float  # CPU time of an item, all threads and processes together

    def __str__(self) -> str:
        return f"{self.items_per_s:.0f} items/s, {self.cpu_ms:.1f} CPU ms each"


def main(argv: list[str]) -> None:
    """Times the loaders in turns; prints a line for each round, then a JSON object."""
    if len(argv) > 1:
        raise app.UsageError(f"options are written --root=DIR; got {argv[1:]}")
    rounds: dict[str, list[Speed]] = {}
    for _ in range(_REPEATS.value):
        made = {cache: ours(_ROOT.value, cache=cache) for cache in ("none", "memory")}
        if _TORCH.value:
            made["torch"] = torchs(_TORCH.value, _ROOT.value)
        for name, speed in made.items():
            rounds.setdefault(name, []).append(speed)
        load = os.getloadavg()[0]
        print("; ".join(f"{name} {speed}" for name, speed in made.items()), f"(load {load:.1f})")
    print(json.dumps({"cpus": os.cpu_count()} | {k: _medians(v) for k, v in rounds.items()}))


def ours(root: str, *, cache: str) -> Speed:
    """Speed of `viton.Pipeline.batches`; with a cache once every item is in it."""
    from configs import base
    from data_pipelines import viton

    config = base.get_config()
    config.batch_size, config.data = 4, base.viton_data()
    config.data.root, config.data.cache = root, cache
    pipeline = viton.load(config)
    warm_up = WARM_UP if cache == "none" else pipeline.steps_per_epoch
    batches = pipeline.batches(0)
    for _ in range(warm_up):
        next(batches)
    begin, before = time.perf_counter(), time.process_time()
    for _ in range(_BATCHES.value):
        next(batches)
    seconds, used = time.perf_counter() - begin, time.process_time() - before
    batches.close()
    count = _BATCHES.value * config.batch_size
    return Speed(count / seconds, 1000 * used / count)


def torchs(python: str, root: str) -> Speed:
    """Speed of `torch_data.py`, in a process of its own."""
    script = pathlib.Path(__file__).with_name("torch_data.py")
    command = [python, str(script), root, str(WARM_UP), str(_BATCHES.value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise app.UsageError(f"{' '.join(command)} failed:\n{done.stderr}")
    return Speed(*map(float, done.stdout.split()))


def _medians(speeds: list[Speed]) -> dict[str, float]:
    columns = zip(*speeds, strict=True)
    return dict(zip(Speed._fields, (round(statistics.median(c), 2) for c in columns), strict=True))


if __name__ == "__main__":
    app.run(main)
