"""Where a run's weights come from: drawn from the seed, read from files, restored from a run.

Networks that nobody trains (`config.frozen.<network>`) come from the folder of a run that trained
them, from an earlier stage of the same run (`stage:NAME`), or from a file that the system can read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from tryon_jax import record, sharding
from tryon_jax.checkpoint import restore_sampled, saved_steps
from tryon_jax.fresh import drawn
from tryon_jax.port.originals import Original
from tryon_jax.port.weight_file import fingerprint
from tryon_jax.setup import Setup, UsageError, batch_template, make_system
from tryon_jax.system import State, System

STAGE = "stage:"  # a source that is another stage of the same run


class Trained(NamedTuple):
    """A run's networks, for inference."""

    config: ConfigDict
    system: System
    state: State  # without optimisers; of the frozen networks those that `sample` runs
    origin: str  # for people: which step of which folder


class Frozen(NamedTuple):
    """The weights of a network that nobody trains."""

    variables: dict[str, Any]  # by collection
    origin: str  # for people: a file and its fingerprint, or a step of a run


def frozen(setup: Setup, *, workdir: str | os.PathLike[str] | None) -> dict[str, Frozen]:
    """The weights that `config.frozen` names, by network.

    Args:
      setup: of the run.
      workdir: the run's folder, for networks from other stages; None leaves those out.

    Raises:
      setup.UsageError: if a network's weights cannot be had or do not fit.
    """
    found = {}
    for network in setup.template.frozen:
        source = setup.config.frozen[network]
        if workdir is not None or not source.startswith(STAGE):
            found[network] = _read(setup, network, source, workdir=Path(workdir or "."))
            what = f"frozen.{network}={source!r}"
            _check_fit(setup.template, network, found[network].variables, what=what)
    return found


def originals(setup: Setup, source: str) -> dict[str, Original]:
    """Trained networks of an original's checkpoint, all or some, that fit a run.

    Args:
      setup: of the run.
      source: a file or a folder that the system can read.

    Returns:
      By network, at least one of those that `sample` runs.

    Raises:
      setup.UsageError: if the system reads no files, or these do not fit.
    """
    what, template = f"--input={source}", setup.template
    try:
        found = _read_originals(setup, source)
    except (OSError, ValueError) as error:
        raise UsageError(f"{what}: {error}") from error
    _check_options(setup.config, found, what=what)
    if strange := sorted(set(found) - set(template.params)):
        raise UsageError(f"{what}: this config has no network {', '.join(strange)}")
    needed = [name for name in setup.system.sampled if name in template.params]
    if not set(needed) & set(found):
        raise UsageError(
            f"{what} holds {', '.join(found)} alone: give the file of {' or '.join(needed)}, or "
            "the folder with all"
        )
    for network, original in found.items():
        _check_fit(template, network, original.variables, what=what)
    return found


def with_originals(setup: Setup, state: State, found: Mapping[str, Original]) -> State:
    """A state with networks of an original in the place of its own.

    Args:
      setup: of the run.
      state: fresh.
      found: what `originals` gives.
    """
    for network, original in found.items():
        state = _with_network(state, network, original.variables)
    return sharding.place_whole(state, mesh=setup.mesh)


def fresh_state(setup: Setup, *, given: Mapping[str, Frozen] = {}) -> State:
    """Initial networks from the config's seed, the same on every device and process.

    Args:
      setup: of the run.
      given: what `frozen` gives; other frozen networks stay as drawn.
    """
    state = drawn(setup.system.init, jax.random.key(setup.config.seed), batch=setup.batch)
    for network, weights in given.items():
        state = _with_network(state, network, weights.variables)
    return sharding.place_whole(state, mesh=setup.mesh)


def trained(workdir: str | os.PathLike[str], *, checkpoint: str = "latest") -> Trained:
    """The networks of a run; of a run in stages, those of its last stage.

    Args:
      workdir: of a run that has saved at least once.
      checkpoint: "latest", "best" by `checkpoint.best`, or a step.

    Raises:
      setup.UsageError: if there is no such checkpoint.
      FileNotFoundError: if the folder holds no run.
    """
    workdir, config = last_stage(workdir)
    system = make_system(config)
    folder, steps = saved_steps(workdir)
    wanted = str(steps[-1]) if steps and checkpoint == "latest" else checkpoint
    if checkpoint == "best":
        wanted = _best_step(workdir)
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


def digest(system: System, state: State) -> str:
    """16 hexadecimal digits that name the networks that `sample` runs, averaged where they are.

    The SHA-256 of their arrays in the order of their names.
    """
    networks = {**state.frozen, **state.params, **state.ema}
    used = {name: networks[name] for name in system.sampled if name in networks}
    found = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(used):
        found.update(jax.tree_util.keystr(path).encode())
        found.update(np.ascontiguousarray(leaf).tobytes())
    return found.hexdigest()[:16]


def last_stage(workdir: str | os.PathLike[str]) -> tuple[Path, ConfigDict]:
    """A run's folder and record; of a run in stages, those of its last stage.

    Raises:
      setup.UsageError: if no folder is named, or its last stage has not begun.
      FileNotFoundError: if the folder holds no run.
    """
    if not str(workdir):
        raise UsageError("this mode needs the folder of a run: --workdir=runs/NAME")
    config = record.read(workdir)
    if not config.get("order"):
        return Path(workdir), config
    last = Path(workdir) / config.order[-1]
    if not (last / "config.json").exists():
        raise UsageError(
            f"{workdir} has not reached its last stage, {last.name}: give the training command "
            f"again, or name a stage's folder, such as --workdir={Path(workdir) / config.order[0]}"
        )
    return last_stage(last)


def _best_step(workdir: Path) -> str:
    """The step that `best.json` names."""
    try:
        found = json.loads((workdir / "best.json").read_text())
        print(f"best: {found['name']} {found['value']:.6g} at step {found['step']}")
        return str(found["step"])
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"--checkpoint=best: {workdir} has no best checkpoint; train with "
            "--config.report.metrics=STEPS --config.checkpoint.best=KIND_SCORE, or take latest"
        ) from error


def _read_originals(setup: Setup, source: str) -> dict[str, Original]:
    """What a file or a folder holds, by network."""
    if setup.system.originals:
        return dict(setup.system.originals(source))
    readers = {n: r for n, r in setup.system.readers.items() if n in setup.template.params}
    if not readers:
        raise ValueError(f"weights of {setup.config.system} cannot be imported from a file yet")
    paths = {network: reader.find(source) for network, reader in readers.items()}
    return {n: Original(paths[n], dict(readers[n].load(paths[n])), {}) for n in readers}


def _check_options(config: ConfigDict, found: Mapping[str, Original], *, what: str) -> None:
    """Refuses files of another variant than the config's."""
    now = record.flatten(config)
    for network, original in found.items():
        other = {k: v for k, v in original.fields.items() if now.get(k, "absent") != v}
        if other:
            lines = [f"{k} is {v} there, {now.get(k, 'absent')} here" for k, v in other.items()]
            options = " ".join(f"--config.{k}={v}" for k, v in other.items())
            preset = f"--config=configs/{config.system}.py:{original.preset}, or "
            raise UsageError(
                f"{what}: {network} was trained with other options ({'; '.join(lines)}): give "
                f"{preset if original.preset else ''}{options}"
            )


def _read(setup: Setup, network: str, source: str, *, workdir: Path) -> Frozen:
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
    reader = setup.system.readers[network]
    try:
        file = reader.find(source)
        return Frozen(dict(reader.load(file)), f"{file} (sha256 {fingerprint(file)})")
    except (OSError, ValueError) as error:
        if source:
            raise UsageError(f"frozen.{network}={source}: {error}") from error
        raise UsageError(
            f"frozen.{network} is not set ({error}): give --config.frozen.{network}=FILE, or the "
            f"folder of a run that trained {network}"
        ) from error


def _from_run(setup: Setup, network: str, path: Path) -> Frozen:
    run = trained(path)
    networks = {**run.state.frozen, **run.state.params, **run.state.ema}
    if network not in networks:
        raise UsageError(
            f"frozen.{network}={path}: that run has {', '.join(networks)}, not {network}"
        )
    theirs, ours = (c.model.get(network, ConfigDict()) for c in (run.config, setup.config))
    if different := record.difference(theirs, ours):
        raise UsageError(
            f"frozen.{network}={path}: that run's model.{network} is another:\n  "
            + "\n  ".join(different)
        )
    variables = run.state.variables
    collections = {name: held[network] for name, held in variables.items() if network in held}
    return Frozen({"params": networks[network], **collections}, run.origin)


def _check_fit(template: State, network: str, found: dict[str, Any], *, what: str) -> None:
    """Refuses variables of other names or shapes before anything is compiled."""
    wanted = {"params": {**template.params, **template.frozen}[network]} | {
        name: held[network] for name, held in template.variables.items() if network in held
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
            f"{what} does not fit: {len(wrong)} arrays differ, such as "
            f"{name}, {given.get(name, 'absent')} there and {shapes.get(name, 'absent')} here; are "
            "the fields of model those that it was trained with?"
        )


def _with_network(state: State, network: str, found: dict[str, Any]) -> State:
    def put(held: dict[str, Any]) -> dict[str, Any]:
        return held | ({network: found["params"]} if network in held else {})

    return state._replace(
        params=put(state.params),
        ema=put(state.ema),
        frozen=put(state.frozen),
        variables={
            name: held | ({network: found[name]} if name in found else {})
            for name, held in state.variables.items()
        },
    )
