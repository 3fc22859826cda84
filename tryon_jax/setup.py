"""What a run consists of before its first step; everything wrong with a config is found here."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jax.stages import Compiled
from ml_collections import ConfigDict

from tryon_jax import sharding
from tryon_jax.fresh import traced_init
from tryon_jax.system import State, System


class UsageError(ValueError):
    """What a person asked for cannot be done; the message names the value, the rule, the repair."""


PRECISIONS = ("float32", "bfloat16")


class Setup(NamedTuple):
    """A run's parts: the paper, the data, the devices, and the shapes that they agree on."""

    config: ConfigDict
    system: System
    pipeline: Any  # what `load(config)` of a module in data_pipelines gives
    mesh: Mesh
    template: State  # shapes, with the state's sharding
    batch: dict[str, jax.ShapeDtypeStruct]  # one global batch, with its sharding


def set_up(config: ConfigDict) -> Setup:
    """Builds and traces everything, compiles nothing.

    Raises:
      ValueError: if a field, or several together, do not make a run.
      KeyError: if a loss has no weight or a weight no loss.
      data_pipelines.prepare.DataError: if the data cannot be used.
    """
    mesh = sharding.data_mesh()
    _check_fields(config, mesh)
    system = make_system(config)
    batch = batch_template(config, mesh=mesh)
    state = traced_init(system.init, batch).out_info
    template = sharding.whole_template(state, mesh=mesh)
    _traced_step(system, template, batch=batch, mesh=mesh)
    _check_frozen(config, state)
    return Setup(config, system, pipeline(config), mesh, template, batch)


def require(platform: str) -> None:
    """Makes sure of the device instead of falling back to a slower one.

    Raises:
      UsageError: if JAX runs on something else.
    """
    found = jax.devices()[0].platform
    if found != platform and not (platform == "gpu" and found in ("cuda", "rocm")):
        raise UsageError(
            f"--require={platform}, but JAX found {len(jax.devices())} x {found}: install "
            f"jax[{'cuda13' if platform == 'gpu' else platform}] for this machine, or drop the flag"
        )


def make_system(config: ConfigDict) -> System:
    """The system that a config names.

    Raises:
      ValueError: if there is none of that name, or its fields do not fit together.
    """
    return _import("tryon_jax.systems", config.system, field="system").make(config)


def pipeline(config: ConfigDict) -> Any:
    """The checked data of a config: what `load` of its module in data_pipelines gives.

    Raises:
      ValueError: if there is no such module.
      data_pipelines.prepare.DataError: if the data cannot be used.
    """
    return _import("data_pipelines", config.data.pipeline, field="data.pipeline").load(config)


def browse(config: ConfigDict) -> Any:
    """The data of a config without the check, for inference: what `browse` of its module gives.

    Raises:
      ValueError: if there is no such module.
    """
    return _import("data_pipelines", config.data.pipeline, field="data.pipeline").browse(config)


def batch_template(config: ConfigDict, *, mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of a global batch, cut over the devices."""
    pipelines = _import("data_pipelines", config.data.pipeline, field="data.pipeline")
    cut = sharding.split(mesh)
    return {
        key: jax.ShapeDtypeStruct(shape, np.float32, sharding=cut)
        for key, shape in pipelines.spec(config).items()
    }


def compile_step(setup: Setup) -> Compiled:
    """The training step, which donates its state."""
    traced = _traced_step(setup.system, setup.template, batch=setup.batch, mesh=setup.mesh)
    return traced.lower().compile()


def _traced_step(
    system: System, template: State, *, batch: dict[str, jax.ShapeDtypeStruct], mesh: Mesh
) -> jax.stages.Traced:
    """The trace of a step; JAX keeps it for the second call."""
    whole = sharding.replicated(mesh)
    step = jax.jit(system.train_step, donate_argnums=0, out_shardings=(whole, whole))
    return step.trace(template, batch)


def _check_fields(config: ConfigDict, mesh: Mesh) -> None:
    if config.precision not in PRECISIONS:
        raise ValueError(
            f"precision must be one of {', '.join(PRECISIONS)}; got {config.precision!r}"
        )
    for field in ("steps", "image_size", "batch_size", "accumulate"):
        if config[field] < 1:
            raise ValueError(f"{field} must be 1 or more, got {config[field]}")
    for field in ("report.scalars", "report.pictures", "report.count", "checkpoint.steps"):
        group, name = field.split(".")
        if config[group][name] < 1:
            raise ValueError(f"{field} must be 1 or more, got {config[group][name]}")
    if config.report.metrics < 0 or config.report.metric_items < 2:
        raise ValueError(
            "report.metrics must be 0 (no scores) or steps, report.metric_items 2 or more; got "
            f"{config.report.metrics} and {config.report.metric_items}"
        )
    if not 0 <= config.ema.decay < 1:
        raise ValueError(f"ema.decay must be in [0, 1), got {config.ema.decay}")
    sharding.check_batch(config.batch_size, mesh=mesh, accumulate=config.accumulate)


def _check_frozen(config: ConfigDict, state: State) -> None:
    if missing := sorted(set(state.frozen) - set(config.frozen)):
        raise KeyError(
            f"nobody trains {', '.join(missing)}: config.frozen must say where the weights come "
            f"from; it names {', '.join(config.frozen) or 'none'}"
        )


def _import(package: str, name: str, *, field: str) -> Any:
    try:
        return importlib.import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{package}.{name}":
            raise
        raise ValueError(f"{field}={name!r}: there is no {package}.{name}") from error
