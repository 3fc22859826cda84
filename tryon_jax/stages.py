"""Training in stages: one after the other, each an ordinary run in its own folder.

`config.order` names the stages, `config.stages.<name>` the fields in which a stage differs. The
same command again goes on in the stage that is not complete.
"""

from __future__ import annotations

import os
from pathlib import Path

import jax
from ml_collections import ConfigDict

from tryon_jax import record, train
from tryon_jax.checkpoint import saved_steps


def run(
    config: ConfigDict,
    *,
    workdir: str | os.PathLike[str],
    smaller: str,
    dry_run: bool = False,
    profile: int = 0,
) -> int:
    """Trains all stages, or the one run of a config without stages.

    Args:
      config: the run's final config.
      workdir: the run's folder; stages are folders in it.
      smaller: as for `train.train`.
      dry_run: as for `train.train`.
      profile: as for `train.train`.

    Returns:
      As `train.train`: of the first stage that was told to stop, else 0.

    Raises:
      As `train.train`.
    """
    options = {"smaller": smaller, "dry_run": dry_run, "profile": profile}
    if not config.order:
        return train.train(config, workdir=workdir, **options)
    if not dry_run:
        record.open_workdir(workdir, config)
        if jax.process_index() == 0:
            record.write(workdir, config)
    for number, name in enumerate(config.order):
        folder, stage = Path(workdir) / name, stage_config(config, name)
        title = f"stage {number + 1} of {len(config.order)}, {name}"
        if number < _current(config, workdir) or _complete(folder, stage):
            print(f"{title}: complete")
            continue
        print(f"{title}: {folder}")
        if code := train.train(stage, workdir=folder, **options):
            return code
    return train.DONE


def stage_config(config: ConfigDict, name: str) -> ConfigDict:
    """The config of one stage as a run of its own."""
    stage = ConfigDict(config.copy_and_resolve_references()).unlock()
    changes = stage.stages[name]
    stage.order, stage.stages = (), ConfigDict()
    for field, value in record.flatten(changes).items():
        *groups, last = field.split(".")
        group = stage
        for part in groups:
            group = group[part]
        if value is not None:  # a field that was left unset
            group[last] = value
    return stage.lock()


def _current(config: ConfigDict, workdir: str | os.PathLike[str]) -> int:
    """The place of the latest stage that has saved.

    Its checkpoints hold what it needs of those before it, so that their folders may be gone.
    """
    saved = [bool(saved_steps(Path(workdir) / name)[1]) for name in config.order]
    return max((number for number, has_saved in enumerate(saved) if has_saved), default=0)


def _complete(folder: Path, stage: ConfigDict) -> bool:
    _, steps = saved_steps(folder)
    if not steps or steps[-1] < stage.steps:
        return False
    record.open_workdir(folder, stage)  # refuses the run of another config
    return True
