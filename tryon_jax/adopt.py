"""`--mode=import`: a run's folder from the weights of an original, for inference and training.

What the folder then holds is a checkpoint at step 0: `--mode=infer` and `--mode=evaluate` use it,
and the training command goes on from it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict

from tryon_jax import record
from tryon_jax.checkpoint import Checkpointer, saved_steps
from tryon_jax.port.originals import Original
from tryon_jax.port.weight_file import fingerprint
from tryon_jax.setup import UsageError, set_up
from tryon_jax.system import State
from tryon_jax.weights import fresh_state, frozen, originals, with_originals


def adopt(config: ConfigDict, *, workdir: str | os.PathLike[str], file: str) -> int:
    """Writes a checkpoint at step 0 with the weights of a file; the rest is drawn from the seed.

    Args:
      config: of the run that the folder will be; its fields are those of the weights.
      workdir: the run's folder.
      file: such as `tom_final.pth` or `netG_3000.pth`, or a folder that holds several.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      record.WorkdirError: if the folder holds another run or cannot be written.
      data_pipelines.prepare.DataError: if the data cannot be used.
    """
    if not file:
        raise UsageError("--mode=import needs a file of weights, or a folder: --input=PATH")
    if config.order:
        raise UsageError(
            f"--mode=import fills one run, this config trains {' and '.join(config.order)}: "
            f"name a stage, such as --config=FILE.py:{config.order[-1]}"
        )
    record.open_workdir(workdir, config)
    if steps := saved_steps(workdir)[1]:
        raise UsageError(f"{workdir} holds a run at step {steps[-1]}: give another --workdir")
    setup = set_up(config)
    given = frozen(setup, workdir=workdir)
    found = originals(setup, file)
    state = with_originals(setup, fresh_state(setup, given=given), found)
    origins = _origins(found)
    record.write(workdir, config)
    record.write_origins(workdir, {name: w.origin for name, w in given.items()} | origins)
    with Checkpointer(workdir, latest=config.checkpoint.latest, every=1) as checkpoints:
        checkpoints.save(state, memory={"values": {}})
    lines = [f"{network}: {origin}" for network, origin in origins.items()]
    lines += _drawn(state, found, sampled=setup.system.sampled)
    print("\n".join([*lines, f"wrote {workdir}, a run at step 0"]))
    return 0


def _origins(found: Mapping[str, Original]) -> dict[str, str]:
    """The file of each network, with its fingerprint, for people."""
    marks = {path: fingerprint(path) for path in {original.path for original in found.values()}}
    return {name: f"{o.path} (sha256 {marks[o.path]})" for name, o in found.items()}


def _drawn(state: State, found: Mapping[str, Original], *, sampled: Sequence[str]) -> list[str]:
    """What to say of networks that were not in the files; nothing if all were."""
    names = sorted(set(state.params) - set(found))
    if not names:
        return []
    used = [name for name in names if name in sampled]
    then = f"; {', '.join(used)} makes no picture worth seeing" if used else ", for training only"
    return [f"drawn from the seed: {', '.join(names)}{then}"]
