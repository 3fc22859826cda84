"""The run's record in its folder: `config.json` and `versions.json`, written before the first step.

A folder belongs to one config: the same command resumes it, another config is refused and the
difference shown. The other modes read the config from here, so that no option has to be repeated.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from tryon_jax import __version__
from tryon_jax.files import write_atomic

FREE = ("report.", "checkpoint.")  # fields that may differ when a run resumes: they move no number
REPOSITORY = Path(__file__).resolve().parent.parent


class WorkdirError(ValueError):
    """A folder that cannot hold this run; the message says why and what to do."""


def open_workdir(workdir: str | os.PathLike[str], config: ConfigDict) -> Path:
    """Make the run's folder, or make sure that the one there is this run's and can be written.

    Args:
      workdir: a local folder.
      config: the run's final config.

    Returns:
      The folder.

    Raises:
      WorkdirError: the folder cannot be written, or holds a run with another config (`report.*` and
        `checkpoint.*` may differ).
    """
    if "://" in str(workdir):
        raise WorkdirError(
            f"a workdir is a local folder, got {workdir}; mount it or pass another --workdir"
        )
    workdir = Path(workdir)
    _check_writable(workdir)
    if not (workdir / "config.json").exists():
        return workdir
    before, now = flatten(read(workdir)), flatten(config)
    fields = [field for field in _changed(before, now) if not field.startswith(FREE)]
    if fields:
        raise WorkdirError(_refusal(workdir, fields, before=before, now=now))
    return workdir


def write(workdir: str | os.PathLike[str], config: ConfigDict) -> None:
    """Write `config.json` and `versions.json`, each whole or not at all.

    On a resumed run the versions become those of the latest start.

    Args:
      workdir: the run's folder.
      config: the run's final config.

    Raises:
      OSError: the folder cannot be written.
      TypeError: a field of the config has no JSON form.
    """
    for name, content in (("config", config.to_dict()), ("versions", versions())):
        text = json.dumps(content, indent=2, sort_keys=True)
        write_atomic(Path(workdir) / f"{name}.json", f"{text}\n".encode())


def write_origins(workdir: str | os.PathLike[str], origins: Mapping[str, str]) -> None:
    """Write `frozen.json`: where the weights of the networks that nobody trains came from.

    Args:
      workdir: the run's folder.
      origins: by network, a file and its fingerprint, or a step of a run.

    Raises:
      OSError: the folder cannot be written.
    """
    text = json.dumps(origins, indent=2, sort_keys=True)
    write_atomic(Path(workdir) / "frozen.json", f"{text}\n".encode())


def read(workdir: str | os.PathLike[str]) -> ConfigDict:
    """The config of the run in a folder, unlocked.

    Args:
      workdir: the run's folder.

    Returns:
      The config as written: numbers with all digits, sequences as tuples, unset fields as None.

    Raises:
      FileNotFoundError: no run was started there.
      WorkdirError: its `config.json` is damaged.
    """
    path = Path(workdir) / "config.json"
    if not path.exists():
        raise FileNotFoundError(
            f"no run in {Path(workdir).absolute()}: config.json is missing; make one with "
            f"python launch.py --config=configs/NAME.py --workdir={workdir}"
        )
    try:
        return ConfigDict(_tuples(json.loads(path.read_text())))
    except json.JSONDecodeError as error:
        raise WorkdirError(
            f"{path.absolute()} is not JSON ({error}); restore it or pass another --workdir"
        ) from error


def difference(old: ConfigDict, new: ConfigDict) -> list[str]:
    """Lines such as `optim.lr: 0.0001 in the folder, 0.0002 now`, one per field that differs.

    Args:
      old: the config in the folder.
      new: the config of this command.

    Returns:
      Sorted lines; empty if both are the same after a round trip through JSON. 1 and 1.0 differ.
    """
    before, now = flatten(old), flatten(new)
    return [_line(before, now, field) for field in _changed(before, now)]


def flatten(config: ConfigDict) -> dict[str, Any]:
    """The config's fields by their dotted names, as on the command line: `optim.lr` -> 0.0001."""
    plain = json.loads(json.dumps(config.to_dict()))  # as it will be read: NumPy's numbers, lists
    return _flatten(_tuples(plain), prefix="")


def versions() -> dict[str, Any]:
    """What a run's numbers depend on besides its config: software, commit, devices, command."""
    names = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
    devices = jax.devices()
    return {
        **{name: metadata.version(name) for name in names},
        "tryon_jax": __version__,
        "python": platform.python_version(),
        "git": _git(REPOSITORY),
        "platform": platform.platform(),
        "backend": devices[0].platform,
        "device_kind": devices[0].device_kind,
        "devices": len(devices),
        "processes": jax.process_count(),
        "command": shlex.join(sys.orig_argv),
    }


def _check_writable(workdir: Path) -> None:
    """Write a small file and delete it: a permission bit does not tell of quotas and full disks."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=workdir, prefix=".writable") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        repair = "free some space" if error.errno == errno.ENOSPC else "make it writable"
        raise WorkdirError(
            f"cannot write to the workdir {workdir.absolute()} ({error.strerror}); "
            f"{repair} or pass another --workdir"
        ) from error


def _refusal(
    workdir: Path, fields: list[str], *, before: dict[str, Any], now: dict[str, Any]
) -> str:
    """What to say of a folder that holds another run: the fields that differ, and the repairs."""
    options = [
        shlex.quote(f"--config.{field}={before[field]}")
        for field in fields
        if field in before and field in now
    ]
    return "\n".join(
        [
            f"{workdir.absolute()} holds a run with another config:",
            *(f"  {_line(before, now, field)}" for field in fields),
            "Only report.* and checkpoint.* may change during a run. Either",
            "  - give the same config file and options again, to resume that run,",
            *([f"  - or set the fields back: {' '.join(options)}"] if options else []),
            "  - or start a new run in another folder: --workdir=...",
        ]
    )


def _tuples(value: Any) -> Any:
    """Lists as tuples at any depth: JSON knows one sequence, a config should be hashable."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _flatten(fields: Mapping[str, Any], *, prefix: str) -> dict[str, Any]:
    flat = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, prefix=f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Fields that differ, sorted; compared as shown, so that 1 is not 1.0 and NaN equals itself."""
    fields = sorted(before.keys() | now.keys())
    return [field for field in fields if _shown(before, field) != _shown(now, field)]


def _line(before: dict[str, Any], now: dict[str, Any], field: str) -> str:
    return f"{field}: {_shown(before, field)} in the folder, {_shown(now, field)} now"


def _shown(fields: dict[str, Any], field: str) -> str:
    return repr(fields[field]) if field in fields else "absent"


def _git(folder: Path) -> dict[str, Any] | None:
    """Commit and whether files differ from it; None without git, a commit, or an own repository."""
    run = ["git", "-C", str(folder)]
    try:
        outputs = [
            subprocess.run([*run, *args], capture_output=True, text=True, timeout=10, check=True)
            for args in (("rev-parse", "--show-toplevel", "HEAD"), ("status", "--porcelain"))
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    top, commit = outputs[0].stdout.split("\n")[:2]
    if Path(top) != folder:  # installed inside somebody else's repository
        return None
    return {"commit": commit, "dirty": bool(outputs[1].stdout)}
