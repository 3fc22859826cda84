"""How many try-on items a second come out of files in VITON's layout.

    python benchmarks/data.py --root=DIR [--torch_python=PYTHON | --consume=100]

Reads training batches of 4 at 256 x 192 without and with `data.cache=memory`, in turns, and with
`--torch_python` also a plain PyTorch DataLoader of two workers (`torch_data.py`, run by that
interpreter; our own needs no PyTorch). With `--consume` a loop that could take so many items a
second sleeps as if an accelerator worked, and the share of its time that it waits for data is
measured instead. The last line is one JSON object. Numbers: `RESULTS.md`.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from data_pipelines import stream

WARM_UP = 20  # batches before the clock starts
BATCH_SIZE = 4

_ROOT = flags.DEFINE_string("root", None, "Folder in VITON's layout.", required=True)
_BATCHES = flags.DEFINE_integer("batches", 150, "Batches of 4 to time.", lower_bound=1)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Rounds of all loaders.", lower_bound=1)
_CONSUME = flags.DEFINE_float("consume", 0, "Items a second that a loop takes; 0: all.", 0)
_TORCH = flags.DEFINE_string("torch_python", "", "Interpreter that has torch, numpy and pillow.")


class Speed(NamedTuple):
    """How fast a loader is."""

    items_per_s: float
    cpu_ms: float  # CPU time of an item, all threads and processes together

    def __str__(self) -> str:
        return f"{self.items_per_s:.0f} items/s, {self.cpu_ms:.1f} CPU ms each"


class Wait(NamedTuple):
    """How long a loop waits for its data."""

    items_per_s: float
    wait: float  # share of the loop's time, in [0, 1]
    longest_ms: float  # for one batch

    def __str__(self) -> str:
        waited = f"{self.wait:.2%} of the time waited, {self.longest_ms:.1f} ms at the longest"
        return f"{self.items_per_s:.0f} items/s, {waited}"


def main(argv: list[str]) -> None:
    """Times the loaders in turns; prints a line for each round, then a JSON object."""
    if len(argv) > 1:
        raise app.UsageError(f"options are written --root=DIR; got {argv[1:]}")
    if _CONSUME.value and _TORCH.value:
        raise app.UsageError("--consume measures ours alone: leave --torch_python out")
    rounds: dict[str, list[Speed | Wait]] = {}
    for _ in range(_REPEATS.value):
        made = {cache: ours(_ROOT.value, cache=cache) for cache in ("none", "memory")}
        if _TORCH.value:
            made["torch"] = torchs(_TORCH.value, _ROOT.value)
        for name, numbers in made.items():
            rounds.setdefault(name, []).append(numbers)
        load = os.getloadavg()[0]
        print(
            "; ".join(f"{name} {numbers}" for name, numbers in made.items()), f"(load {load:.1f})"
        )
    print(json.dumps({"cpus": os.cpu_count()} | {k: _medians(v) for k, v in rounds.items()}))


def ours(root: str, *, cache: str) -> Speed | Wait:
    """What `viton.Pipeline.batches` does; with a cache once every item is in it."""
    from configs import base
    from data_pipelines import viton

    config = base.get_config()
    config.batch_size, config.data = BATCH_SIZE, base.viton_data()
    config.data.root, config.data.cache = root, cache
    pipeline = viton.load(config)
    batches = pipeline.batches(0)
    for _ in range(WARM_UP if cache == "none" else pipeline.steps_per_epoch):
        next(batches)
    measured = consumed(batches, rate=_CONSUME.value) if _CONSUME.value else emptied(batches)
    batches.close()
    return measured


def emptied(batches: stream.Batches) -> Speed:
    """Takes batches as fast as they come."""
    begin, before = time.perf_counter(), time.process_time()
    for _ in range(_BATCHES.value):
        next(batches)
    seconds, used = time.perf_counter() - begin, time.process_time() - before
    count = _BATCHES.value * BATCH_SIZE
    return Speed(count / seconds, 1000 * used / count)


def consumed(batches: stream.Batches, *, rate: float) -> Wait:
    """Takes a batch, sleeps as long as `rate` items a second leave, takes the next."""
    waits, begin = [], time.perf_counter()
    for _ in range(_BATCHES.value):
        asked = time.perf_counter()
        held = next(batches)  # noqa: F841  held as a training step holds it, and freed for the next
        waits.append(time.perf_counter() - asked)
        time.sleep(BATCH_SIZE / rate)
    seconds = time.perf_counter() - begin
    return Wait(_BATCHES.value * BATCH_SIZE / seconds, sum(waits) / seconds, 1000 * max(waits))


def torchs(python: str, root: str) -> Speed:
    """Speed of `torch_data.py`, in a process of its own."""
    script = pathlib.Path(__file__).with_name("torch_data.py")
    command = [python, str(script), root, str(WARM_UP), str(_BATCHES.value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise app.UsageError(f"{' '.join(command)} failed:\n{done.stderr}")
    return Speed(*map(float, done.stdout.split()))


def _medians(rounds: list[Speed | Wait]) -> dict[str, float]:
    medians = (round(statistics.median(column), 4) for column in zip(*rounds, strict=True))
    return dict(zip(rounds[0]._fields, medians, strict=True))


if __name__ == "__main__":
    app.run(main)
