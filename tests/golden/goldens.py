"""Where the reference implementations' numbers are, and how to read them.

`TRYON_GOLDEN` names a folder with one sub-folder per family; else `../shared/golden` beside the
repository; else the small subset committed under `tests/golden/data`. A file of a kind that no test
knows is a failure: see `unknown`.
"""

import fnmatch
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
# for `jax.jit(..., compiler_options=QUICK)`: what is run once takes longer to compile than to run
QUICK = {"xla_backend_optimization_level": 0}


class Golden(NamedTuple):
    """One file: its JSON description and its arrays (float16 holds exact values: widened)."""

    name: str
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose keys start with the prefix, without it."""
        return {k.removeprefix(prefix): v for k, v in self.arrays.items() if k.startswith(prefix)}


def folder() -> Path:
    """The folder with one sub-folder per family."""
    if named := os.environ.get("TRYON_GOLDEN"):
        return Path(named)
    beside = REPOSITORY.parent / "shared" / "golden"
    return beside if beside.is_dir() else REPOSITORY / "tests" / "golden" / "data"


def golden_files(family: str, *patterns: str) -> list[Path]:
    """Files of a family, a sub-folder, whose names match one of the patterns."""
    return [
        path
        for path in sorted((folder() / family).glob("*.npz"))
        if any(fnmatch.fnmatch(path.stem, pattern.removesuffix(".npz")) for pattern in patterns)
    ]


def read(path: Path) -> Golden:
    """Reads a file; float16 becomes float32."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {
            key: file[key].astype(np.float32) if file[key].dtype == np.float16 else file[key]
            for key in file.files
            if key != "meta"
        }
        return Golden(path.stem, json.loads(str(file["meta"])), arrays)


def unknown(family: str, *known: str) -> list[str]:
    """Files of a family that no test reads."""
    expected = set(golden_files(family, *known))
    return [path.name for path in golden_files(family, "*") if path not in expected]


def nhwc(x: np.ndarray) -> np.ndarray:
    """NCHW, the layout of the files, to ours."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def nchw(x: Any) -> np.ndarray:
    """Ours to NCHW."""
    return np.asarray(x).transpose(0, 3, 1, 2)


def relative_l2(x: Any, y: Any) -> float:
    """||x - y|| / ||y||."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return float(np.linalg.norm(x - y) / max(np.linalg.norm(y), 1e-30))


def drawn_weights(meta: dict[str, Any], *, seed: int) -> dict[str, np.ndarray]:
    """Weights by the scheme np-sorted-v1 that the `weight_scheme` of the files describes."""
    rng = np.random.RandomState(seed)
    gain = meta["config"].get("gain", 1.0)
    weights = {}
    for key, shape in sorted(meta["shapes"].items()):
        if key.endswith("num_batches_tracked"):
            continue
        if key.endswith("running_mean"):
            value = 0.1 * rng.randn(*shape)
        elif key.endswith("running_var"):
            value = 0.5 + rng.rand(*shape)
        elif key.endswith(("weight_u", "weight_v")):
            value = rng.randn(*shape)
            value /= np.linalg.norm(value) + 1e-12
        elif len(shape) >= 2:
            value = gain / np.sqrt(np.prod(shape[1:])) * rng.randn(*shape)
        else:
            value = 0.1 * rng.randn(*shape)
            value += 1 if key.endswith("weight") else 0
        weights[key] = value.astype(np.float32)
    return weights
