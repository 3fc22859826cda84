"""Saving and restoring the state: asynchronous, atomic; newest k, every n-th, the best kept.

The only room that knows Orbax. A checkpoint holds the whole state, frozen networks too (the files
they came from may be gone when a run resumes), and a small JSON of what the loop remembers.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from tryon_jax.system import State

SAVED = ("step", "key", "params", "variables", "opt", "ema", "frozen")
SAMPLED = ("step", "params", "variables", "ema", "frozen")
COPIED = 4  # GiB; a larger state on a CPU is written from where it is: a copy might not fit
AT_ONCE = 4  # GB read or written at a time; not less than the largest array


class CheckpointError(OSError):
    """A checkpoint that cannot be written or read; the message says why and what to do."""


class Checkpointer:
    """The folder `checkpoints` of a run; a context manager that waits for the last save.

    Args:
      workdir: the run's folder.
      latest: newest checkpoints to keep.
      every: checkpoints at multiples of this step are kept for good.
      asynchronous: copy the state at once and write it while training goes on; see `can_copy`.
    """

    def __init__(
        self,
        workdir: str | os.PathLike[str],
        *,
        latest: int,
        every: int,
        asynchronous: bool = True,
    ) -> None:
        self.folder = _folder(workdir)
        self._chosen = _Chosen()
        policy = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(latest),
                checkpoint_managers.EveryNSteps(every),
                self._chosen,
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy, enable_async_checkpointing=asynchronous
        )
        handlers = {
            "state": ocp.StandardCheckpointHandler(
                save_concurrent_gb=AT_ONCE, restore_concurrent_gb=AT_ONCE
            ),
            "memory": ocp.JsonCheckpointHandler(),
        }
        self._manager = ocp.CheckpointManager(self.folder, options=options, item_handlers=handlers)

    def __enter__(self) -> Checkpointer:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self._manager.close()

    def keep(self, step: int | None) -> None:
        """Keeps the checkpoint of a step, also of one yet to come, until another is named."""
        self._chosen.step = step

    def steps(self) -> list[int]:
        """Steps that can be restored, oldest first."""
        return sorted(self._manager.all_steps())

    def save(self, state: State, *, memory: dict[str, Any]) -> None:
        """Starts to save; the state may be donated as soon as this returns.

        Raises:
          CheckpointError: if this save, or the one before it, cannot be written.
        """
        step = int(state.step)
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(_plain(state, SAVED)), memory=ocp.args.JsonSave(memory)
        )
        with _explained(self.folder):
            self._manager.save(step, args=args, force=True)

    def wait(self) -> None:
        """Returns when everything is on disk.

        Raises:
          CheckpointError: if it could not be written.
        """
        with _explained(self.folder):
            self._manager.wait_until_finished()

    def restore(self, template: State, *, step: int) -> tuple[State, dict[str, Any]]:
        """The state of a step on the devices that the template names, and the loop's memory.

        Args:
          template: the state as `jax.ShapeDtypeStruct`s with shardings.
          step: one of `steps()`.

        Raises:
          CheckpointError: if the files are damaged or of another shape.
        """
        args = ocp.args.Composite(
            state=ocp.args.StandardRestore(_plain(template, SAVED)), memory=ocp.args.JsonRestore()
        )
        with _explained(self.folder / str(step)):
            found = self._manager.restore(step, args=args)
        # a CPU shares the memory that was read, and what is shared cannot be donated: copy it
        owned = jax.tree.map(jnp.copy, found["state"])
        return _fill(template, owned), dict(found["memory"])


class _Chosen(checkpoint_managers.PreservationPolicy):
    """Keeps one checkpoint, such as the best one."""

    step: int | None = None

    def should_preserve(self, checkpoints: Any, *, context: Any) -> list[bool]:
        """Whether each of the checkpoints is the chosen one."""
        return [info.step == self.step for info in checkpoints]


def can_copy(template: State) -> bool:
    """Whether to save asynchronously: on accelerators always, on a CPU if a copy is small."""
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(_plain(template, SAVED)))
    return jax.default_backend() != "cpu" or size <= COPIED * 2**30


def saved_steps(workdir: str | os.PathLike[str]) -> tuple[Path, list[int]]:
    """The folder of a run's checkpoints, and the steps of the whole ones, oldest first."""
    folder = _folder(workdir)
    return folder, sorted(ocp.utils.checkpoint_steps(folder)) if folder.is_dir() else []


def restore_sampled(folder: Path, template: State) -> State:
    """Weights for inference from one checkpoint folder: no optimiser state is read.

    Args:
      folder: such as `runs/x/checkpoints/5000`.
      template: as for `Checkpointer.restore`; its other fields come back empty.

    Raises:
      CheckpointError: if the files are missing, damaged or of another shape.
    """
    wanted = _plain(template, SAMPLED)
    shardings = jax.tree.map(lambda x: ocp.ArrayRestoreArgs(sharding=x.sharding), wanted)
    args = ocp.args.PyTreeRestore(item=wanted, restore_args=shardings, partial_restore=True)
    with _explained(folder), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        found = checkpointer.restore(folder.absolute() / "state", args=args)
    return _fill(template._replace(opt={}), found)


def _folder(workdir: str | os.PathLike[str]) -> Path:
    return Path(workdir).absolute() / "checkpoints"


class _explained:
    """Turns what Orbax and TensorStore raise into one sentence with the folder in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object):
        if not isinstance(error, Exception):
            return
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        full = "No space left" in str(error) or "RESOURCE_EXHAUSTED" in str(error)
        repair = "free some space" if full else "check the disk and the folder's rights"
        raise CheckpointError(
            f"checkpoint {self.folder}: {reason}; {repair}, then give the same command again "
            "to resume from the newest whole checkpoint"
        ) from error


def _plain(state: State, fields: tuple[str, ...]) -> dict[str, Any]:
    """The state's fields as a dict of plain arrays: Orbax does not know typed keys."""
    tree = {name: getattr(state, name) for name in fields}
    if "key" in tree and isinstance(state.key, jax.Array):
        tree["key"] = jax.random.key_data(state.key)
    elif "key" in tree:
        data = jax.eval_shape(jax.random.key_data, state.key)
        tree["key"] = jax.ShapeDtypeStruct(data.shape, data.dtype, sharding=state.key.sharding)
    return {name: value for name, value in tree.items() if jax.tree.leaves(value)}


def _fill(template: State, found: dict[str, Any]) -> State:
    if "key" in found:
        found = {**found, "key": jax.random.wrap_key_data(found["key"])}
    return template._replace(**found)
