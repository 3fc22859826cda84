"""Where a run's weights come from: drawn from the seed, read from files, restored from a run.

Networks that nobody trains (`config.frozen.<network>`) come from the folder of a run that trained
them, from an earlier stage of the same run (`stage:NAME`), or from a file that the system can read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from tryon_jax import record, sharding
from tryon_jax.checkpoint import restore_sampled, saved_steps
from tryon_jax.setup import Setup, UsageError, batch_template, make_system
from tryon_jax.system import State, System

STAGE = "stage:"  # a source that is another stage of the same run


class Trained(NamedTuple):
    """A run's networks, for inference."""

    config: ConfigDict
    system: System
    state: State  # without optimisers; of the frozen networks those that `sample` runs
    origin: str  # for people: which step of which folder


def fresh_state(setup: Setup, *, workdir: str | os.PathLike[str] | None = None) -> State:
    """Initial networks from the config's seed, the same on every device and process.

    Args:
      setup: of the run.
      workdir: the run's folder, for frozen networks from other stages; None leaves those as drawn.

    Raises:
      setup.UsageError: if a frozen network's weights cannot be had.
    """
    batch = {key: np.zeros(x.shape, x.dtype) for key, x in setup.batch.items()}
    state = jax.jit(setup.system.init)(jax.random.key(setup.config.seed), batch)
    for network, source in setup.config.frozen.items():
        if workdir is None and source.startswith(STAGE):
            continue
        found = _read(setup, network, source, workdir=Path(workdir or "."))
        state = _with_network(state, network, found, source=source)
    return sharding.place_whole(state, mesh=setup.mesh)


def trained(workdir: str | os.PathLike[str], *, checkpoint: str = "latest") -> Trained:
    """The networks of a run; of a run in stages, those of its last stage.

    Args:
      workdir: of a run that has saved at least once.
      checkpoint: "latest", or a step.

    Raises:
      setup.UsageError: if there is no such checkpoint.
      FileNotFoundError: if the folder holds no run.
    """
    workdir, config = last_stage(workdir)
    system = make_system(config)
    folder, steps = saved_steps(workdir)
    wanted = str(steps[-1]) if steps and checkpoint == "latest" else checkpoint
    if wanted not in map(str, steps):
        raise UsageError(
            f"--checkpoint={checkpoint}: {folder} holds "
            f"{', '.join(map(str, steps)) or 'no checkpoint yet; train first'}"
        )
    mesh = sharding.data_mesh()
    shapes = jax.eval_shape(system.init, jax.random.key(0), batch_template(config, mesh=mesh))
    used = {name: tree for name, tree in shapes.frozen.items() if name in system.sampled}
    template = sharding.whole_template(shapes._replace(frozen=used), mesh=mesh)
    state = restore_sampled(folder / wanted, template)
    return Trained(config, system, state, f"step {wanted} of {workdir}")


def last_stage(workdir: str | os.PathLike[str]) -> tuple[Path, ConfigDict]:
    """A run's folder and record; of a run in stages, those of its last stage.

    Raises:
      setup.UsageError: if no folder is named.
      FileNotFoundError: if the folder holds no run.
    """
    if not str(workdir):
        raise UsageError("this mode needs the folder of a run: --workdir=runs/NAME")
    config = record.read(workdir)
    if config.get("order"):
        return last_stage(Path(workdir) / config.order[-1])
    return Path(workdir), config


def _read(setup: Setup, network: str, source: str, *, workdir: Path) -> dict[str, Any]:
    """A frozen network's variables by collection."""
    if source.startswith(STAGE):
        path = workdir.parent / source.removeprefix(STAGE)
    else:
        path = Path(source).expanduser()
    if source and (path / "config.json").exists():
        return _from_run(setup, network, path)
    if source.startswith(STAGE):
        raise UsageError(f"frozen.{network}={source}: {path} holds no run; train that stage first")
    if source and not path.is_file():
        raise UsageError(
            f"frozen.{network}={source} must be a file of weights or the folder of a run; there is "
            f"none at {path.absolute()}: set --config.frozen.{network}"
        )
    try:
        return dict(setup.system.readers[network](source))
    except (OSError, ValueError) as error:
        raise UsageError(f"frozen.{network}={source!r}: {error}") from error


def _from_run(setup: Setup, network: str, path: Path) -> dict[str, Any]:
    run = trained(path)
    networks = {**run.state.params, **run.state.ema}
    if network not in networks:
        raise UsageError(
            f"frozen.{network}={path}: that run trains {', '.join(networks)}, not {network}"
        )
    theirs, ours = (c.model.get(network, ConfigDict()) for c in (run.config, setup.config))
    if different := record.difference(theirs, ours):
        raise UsageError(
            f"frozen.{network}={path}: that run's model.{network} is another:\n  "
            + "\n  ".join(different)
        )
    collections = {name: held[network] for name, held in run.state.variables.items()}
    return {"params": networks[network], **collections}


def _with_network(state: State, network: str, found: dict[str, Any], *, source: str) -> State:
    wanted = {"params": state.frozen[network]} | {
        name: held[network] for name, held in state.variables.items() if network in held
    }
    shapes, given = (
        {
            jax.tree_util.keystr(path, simple=True, separator="/"): np.shape(leaf)
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        }
        for tree in (wanted, found)
    )
    if shapes != given:
        wrong = sorted(k for k in shapes.keys() | given.keys() if shapes.get(k) != given.get(k))
        name = wrong[0]
        raise UsageError(
            f"frozen.{network}={source!r} does not fit: {len(wrong)} arrays differ, such as "
            f"{name}, {given.get(name, 'absent')} there and {shapes.get(name, 'absent')} here; are "
            f"the fields model.{network} those that it was trained with?"
        )
    return state._replace(
        frozen=state.frozen | {network: found["params"]},
        variables={
            name: held | ({network: found[name]} if name in found else {})
            for name, held in state.variables.items()
        },
    )
