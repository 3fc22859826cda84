"""`--mode=check`: what a person runs while adding a system; under a minute on two cores.

Takes the config's `smoke` variant, two steps on the built-in data, and looks at everything that a
system promises. A broken promise is one line; nothing stops at the first.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from tryon_jax import describe, grids, sharding
from tryon_jax.checkpoint import Checkpointer
from tryon_jax.setup import Setup, UsageError, compile_step, set_up
from tryon_jax.stages import stage_config
from tryon_jax.system import State
from tryon_jax.weights import fresh_state

STEPS = 2


def check(config: ConfigDict, *, file: Path) -> int:
    """Checks the data that the config names, then its smoke variant as a system.

    Args:
      config: as given on the command line; with `data.root` its whole folder is looked through.
      file: the config's file, for its smoke variant.

    Returns:
      0 if every promise holds, else 2.

    Raises:
      data_pipelines.prepare.DataError: if the data cannot be used.
      setup.UsageError: if the file has no smoke variant.
    """
    if config.data.root or config.data.source != "auto":
        pipeline = set_up(_runs(config)[0]).pipeline
        print(pipeline.summary(), pipeline.report.text() if pipeline.report else "", sep="\n")
    broken = []
    for smoke in _runs(_smoke(file)):
        setup = set_up(smoke)
        print(describe.device(setup.config), setup.system.table(setup.batch), sep="\n")
        name = file.stem if smoke.system == file.stem else f"{file.stem}_{smoke.system}"
        broken += _broken_promises(setup, grid=Path("runs") / "check" / f"{name}.png")
    for line in broken:
        print(f"BROKEN  {line}")
    print(f"check of {file}: {f'{len(broken)} promises broken' if broken else 'all well'}")
    return 2 if broken else 0


def _runs(config: ConfigDict) -> list[ConfigDict]:
    """The config of each stage, or the one config."""
    return [stage_config(config, name) for name in config.order] or [config]


def _smoke(file: Path) -> ConfigDict:
    found = importlib.util.spec_from_file_location(file.stem, file)
    if found is None or found.loader is None:
        raise UsageError(f"{file} is not a config file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.get_config("smoke")


def _broken_promises(setup: Setup, *, grid: Path) -> Iterator[str]:
    step = compile_step(setup)
    batches = setup.pipeline.batches(0)
    try:
        placed = [sharding.place(next(batches), mesh=setup.mesh) for _ in range(STEPS)]
    finally:
        batches.close()
    before = fresh_state(setup)
    start = before._replace(**jax.tree.map(np.array, _movable(before)))
    state, metrics = step(before, placed[0])
    weights = setup.config.weights.to_dict()
    played = {player: weights[player] for player in weights if f"{player}_total" in metrics}
    print(describe.losses(metrics, played), "", sep="\n")
    yield from _not_finite(metrics)
    yield from _not_moved(start, state)
    with tempfile.TemporaryDirectory() as folder:
        saved = _through_checkpoint(state, setup, folder)
    after, _ = step(state, placed[1])
    again, _ = step(saved, placed[1])
    if not _same(_movable(after), _movable(again)):
        yield "a step after restoring a checkpoint differs from the step without it"
    yield from _pictures(setup, after, grid)


def _not_finite(metrics: dict[str, jax.Array]) -> Iterator[str]:
    for name, value in metrics.items():
        if not np.isfinite(value):
            yield f"{name} is {value} in the first step"
        if name.startswith("grad_norm_") and value == 0:
            yield f"{name} is 0: no loss reaches this network"


def _not_moved(start: State, state: State) -> Iterator[str]:
    """Adam moves every parameter that has a gradient by about the learning rate."""
    for network, tree in state.frozen.items():
        if not _same(start.frozen[network], tree):
            yield f"{network} belongs to no player and moved"
    for network, tree in state.params.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            before = start.params[network]
            for key in path:
                before = before[key.key]
            if np.array_equal(before, leaf):
                name = "/".join(str(key.key) for key in path)
                yield f"{network}/{name} {leaf.shape} did not move: it has no gradient"


def _through_checkpoint(state: State, setup: Setup, folder: str) -> State:
    with Checkpointer(folder, latest=1, every=1) as checkpoints:
        checkpoints.save(state, memory={"values": {}})
        checkpoints.wait()
        restored, _ = checkpoints.restore(setup.template, step=int(state.step))
    return restored


def _movable(state: State) -> dict[str, Any]:
    """The fields that a step may move, and those it must not, without the typed key."""
    return {name: getattr(state, name) for name in ("params", "variables", "opt", "ema", "frozen")}


def _same(x: Any, y: Any) -> bool:
    return all(
        np.array_equal(a, b) for a, b in zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    )


def _pictures(setup: Setup, state: State, grid: Path) -> Iterator[str]:
    """Every picture of the strips is there, [N, H, W, 3], in [-1, 1]."""
    batch = sharding.place_whole(setup.pipeline.fixed("test", 4), mesh=setup.mesh)
    made = {k: np.asarray(v) for k, v in jax.jit(setup.system.sample)(state, batch).items()}
    rows = {}
    for strip, names in setup.system.strips.items():
        for name in names:
            if name not in made:
                yield f"strip {strip} names the picture {name}, which sample does not make"
                continue
            picture = rows[name] = made[name]
            if picture.ndim != 4 or picture.shape[-1] not in (1, 3):
                yield f"picture {name} has shape {picture.shape}, not [N, H, W, 3]"
            elif not (np.abs(picture) <= 1).all():
                yield f"picture {name} spans {picture.min()} ... {picture.max()}, not [-1, 1]"
    for direction, keys in setup.system.directions.items():
        for key in keys:
            if key not in made:
                yield f"direction {direction} names {key}, which sample does not make"
    grids.save_png(grid, grids.grid(rows))
    print(f"pictures after {STEPS} steps: {grid}")
