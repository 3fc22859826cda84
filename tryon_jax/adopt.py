"""`--mode=import`: a run's folder from the weights of an original, for inference and training.

What the folder then holds is a checkpoint at step 0: `--mode=infer` and `--mode=evaluate` use it,
and the training command goes on from it.
"""

from __future__ import annotations

import os

from ml_collections import ConfigDict

from tryon_jax import record
from tryon_jax.checkpoint import Checkpointer, saved_steps
from tryon_jax.setup import UsageError, set_up
from tryon_jax.weights import fresh_state, frozen, imported


def adopt(config: ConfigDict, *, workdir: str | os.PathLike[str], file: str) -> int:
    """Writes a checkpoint at step 0 with the weights of a file.

    Args:
      config: of the run that the folder will be; its fields are those of the weights.
      workdir: the run's folder.
      file: such as `gmm_final.pth` or `photo2cartoon_weights.pt`.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      record.WorkdirError: if the folder holds another run or cannot be written.
      data_pipelines.prepare.DataError: if the data cannot be used.
    """
    if not file:
        raise UsageError("--mode=import needs the file of weights: --input=tom_final.pth")
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
    state, networks, origin = imported(setup, fresh_state(setup, given=given), file)
    record.write(workdir, config)
    origins = {name: weights.origin for name, weights in given.items()}
    record.write_origins(workdir, {**origins, **dict.fromkeys(networks, origin)})
    with Checkpointer(workdir, latest=config.checkpoint.latest, every=1) as checkpoints:
        checkpoints.save(state, memory={"values": {}})
    print(f"{', '.join(networks)}: {origin}\nwrote {workdir}, a run at step 0")
    return 0
