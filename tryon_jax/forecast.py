"""What a run will need, said before its first step: memory, time, and what to try if it is much."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.stages import Compiled

from tryon_jax.progress import duration

LONG = 2 * 86_400.0  # seconds after which a run on a CPU is called long
GIB = 2**30


class Forecast(NamedTuple):
    """Of one device: peak bytes of a step, FLOPs of a step, seconds a step (an estimate)."""

    peak_bytes: int
    flops: float
    step_seconds: float


def forecast(step: Compiled) -> Forecast:
    """Reads a compiled step, and measures this device's speed for a moment.

    The time is the step's FLOPs over the speed of one large convolution, and so a lower bound:
    steps were measured to take 3 to 7 times that on a CPU, the small ones most.
    """
    memory: Any = step.memory_analysis()
    peak = (
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        + memory.temp_size_in_bytes
        - memory.alias_size_in_bytes
    )
    flops = float((step.cost_analysis() or {}).get("flops", 0.0))
    return Forecast(peak, flops, flops / _flops_per_second())


def text(found: Forecast, *, steps: int, command: str) -> str:
    """One or two lines for people.

    Args:
      found: of the compiled step.
      steps: that are still to take.
      command: a smaller run to try where this one would take long.
    """
    total = found.step_seconds * steps
    lines = [
        f"forecast: {found.peak_bytes / GIB:.2f} GiB and {found.flops / 1e9:.4g} GFLOP a step; "
        f"at least {_seconds(found.step_seconds)} a step, {duration(total)} for {steps} steps"
    ]
    device = jax.local_devices()[0]
    limit = (device.memory_stats() or {}).get("bytes_limit")
    if limit and found.peak_bytes > limit:
        lines.append(
            f"this device has {limit / GIB:.1f} GiB: try --config.remat=True, then a smaller "
            "--config.batch_size or --config.accumulate, then --config.precision=bfloat16"
        )
    if total > LONG and device.platform == "cpu":
        lines.append(f"that is long for a CPU; a run of minutes is: {command}")
    return "\n".join(lines)


def _flops_per_second() -> float:
    """Speed of a 3x3 convolution over 128 channels in this process's share of the device."""
    x = jnp.ones((1, 64, 64, 128))
    kernel = jnp.ones((3, 3, 128, 128))
    numbers = ("NHWC", "HWIO", "NHWC")
    run = jax.jit(
        lambda x: jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=numbers)
    )
    run(x).block_until_ready()
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        run(x).block_until_ready()
        best = min(best, time.perf_counter() - start)
    return 2 * 64 * 64 * 9 * 128 * 128 / best


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)
