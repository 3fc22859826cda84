"""What one training step of a config costs: arithmetic, memory, compilation, time.

    python benchmarks/step.py --config=configs/ugatit.py:light --config.image_size=128

Pictures are random: a step takes the same time whatever they show. The last line is one JSON object
for machines, the line before it is the same for people. Numbers are kept in `RESULTS.md`.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Any

import jax
import jax.numpy as jnp
from absl import app, flags
from ml_collections import ConfigDict, config_flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tryon_jax.fresh import drawn

WARM_UP = 2  # steps before the clock starts

_CONFIG = config_flags.DEFINE_config_file("config", help_string="The run to measure.")
_STEPS = flags.DEFINE_integer("steps", 10, "Steps to time.", lower_bound=1)
_FLOPS_ONLY = flags.DEFINE_bool("flops_only", False, "Compile, do not run.")


def main(argv: list[str]) -> None:
    """Compiles and times the step of `--config`; prints a sentence, then a JSON object."""
    if len(argv) > 1:
        raise app.UsageError(f"options are written --config.x=y; got {argv[1:]}")
    config = _CONFIG.value
    with tempfile.TemporaryDirectory() as cache:
        _cache_compilations(cache)
        result = measure(config, steps=0 if _FLOPS_ONLY.value else _STEPS.value)
    print(sentence(result))
    print(json.dumps(result))


def measure(config: ConfigDict, *, steps: int) -> dict[str, Any]:
    """Numbers of one training step.

    Args:
      config: `configs/base.py` and a system's fields.
      steps: steps to time after the warm-up; 0 compiles only.

    Returns:
      flops, peak_bytes (see `peak_bytes`) and compile_s_cold (with an empty cache); with steps also
      compile_s_warm (from the cache), step_s_median and images_per_s (pictures of one domain).
    """
    system = importlib.import_module(f"tryon_jax.systems.{config.system}").make(config)
    pipeline = importlib.import_module(f"data_pipelines.{config.data.pipeline}")
    batch = pictures(pipeline.spec(config))
    key = jax.random.key(config.seed)
    state = jax.eval_shape(system.init, key, batch)
    cold, compiled = _compile(system.train_step, state, batch)
    cost: Any = compiled.cost_analysis()
    result = {
        "device": jax.devices()[0].device_kind,
        "system": config.system,
        "precision": config.precision,
        "batch_size": config.batch_size,
        "image_size": config.image_size,
        "flops": cost["flops"],
        "peak_bytes": peak_bytes(compiled),
        "compile_s_cold": round(cold, 2),
    }
    if not steps:
        return result
    jax.clear_caches()
    warm, compiled = _compile(system.train_step, state, batch)
    times = _times(
        compiled, drawn(system.init, key, batch=jax.eval_shape(lambda: batch)), batch, steps=steps
    )
    median = statistics.median(times)
    return result | {
        "compile_s_warm": round(warm, 2),
        "step_s_median": round(median, 4),
        "step_s_min": round(min(times), 4),
        "images_per_s": round(config.batch_size / median, 3),
    }


def pictures(shapes: dict[str, tuple[int, ...]]) -> dict[str, jax.Array]:
    """A batch of uniform noise, float32 in [-1, 1), by key."""
    keys = jax.random.split(jax.random.key(0), len(shapes))
    return {
        name: jax.random.uniform(key, shape, jnp.float32, -1, 1)
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def peak_bytes(compiled: jax.stages.Compiled) -> int:
    """Bytes of arguments, temporaries and results together; donated arguments count once."""
    memory: Any = compiled.memory_analysis()
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes
    return held + memory.temp_size_in_bytes - memory.alias_size_in_bytes


def sentence(result: dict[str, Any]) -> str:
    """The result for people."""
    parts = [
        f"{result['system']} {result['image_size']} px, batch {result['batch_size']},"
        f" {result['precision']} on {result['device']}",
        f"{result['flops'] / 1e9:.0f} GFLOP a step",
        f"{result['peak_bytes'] / 2**30:.2f} GiB",
        f"compiled in {result['compile_s_cold']:.1f} s",
    ]
    if "step_s_median" in result:
        parts[-1] += f", {result['compile_s_warm']:.1f} s from the cache"
        parts.append(
            f"{result['step_s_median']:.3f} s a step ({result['images_per_s']:.2f} pictures/s,"
            f" {result['flops'] / result['step_s_median'] / 1e9:.0f} GFLOP/s)"
        )
    return "; ".join(parts)


def _cache_compilations(folder: str) -> None:
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _compile(step: Any, state: Any, batch: Any) -> tuple[float, jax.stages.Compiled]:
    """Seconds of lowering and compiling together, and the step that gives its state away."""
    begin = time.perf_counter()
    compiled = jax.jit(step, donate_argnums=0).lower(state, batch).compile()
    return time.perf_counter() - begin, compiled


def _times(step: Any, state: Any, batch: Any, *, steps: int) -> list[float]:
    """Seconds of each step after the warm-up."""
    times = []
    for _ in range(WARM_UP + steps):
        begin = time.perf_counter()
        state, metrics = jax.block_until_ready(step(state, batch))
        times.append(time.perf_counter() - begin)
    if not all(map(jnp.isfinite, metrics.values())):
        raise FloatingPointError(f"the last step gave {metrics}; a faulty step may be a fast one")
    return times[WARM_UP:]


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    app.run(main)
