"""The strips that the originals' test phase writes: each test picture above what becomes of it.

A strip of U-GAT-IT has seven rows: the picture; attention and picture for what stays itself, what
is translated and what comes back; then the masks of the enhanced version. It is as wide as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import jax
import numpy as np
from ml_collections import ConfigDict

from data_pipelines import unpaired
from data_pipelines.prepare import DataError
from tryon_jax import grids, outputs, sharding
from tryon_jax.setup import UsageError, batch_template
from tryon_jax.system import State, System

Tests = Mapping[str, unpaired.Tests]


def write_strips(
    config: ConfigDict, system: System, state: State, *, output: str, overwrite: bool
) -> int:
    """Writes OUTPUT/a2b/NAME.png for every test picture of A, and so on for the other strips.

    Args:
      config: of the run; its data are where they were, or are the paper dolls.
      system: likewise.
      state: whose averaged networks are taken if it has some.
      output: a folder.
      overwrite: replace files that exist.

    Returns:
      How many were written.

    Raises:
      setup.UsageError: if a file is in the way or `output` is none.
      data_pipelines.prepare.DataError: if there are no test pictures, or one cannot be read.
    """
    if not output or Path(output).is_file():
        raise UsageError(f"--strips writes into a folder: --output=FOLDER; got {output!r}")
    tests = unpaired.browse(config)
    strips = {name: keys for name, keys in system.strips.items() if keys[0] in tests}
    if not strips:
        raise DataError(
            f"data.test_a={config.data.test_a} and data.test_b={config.data.test_b} hold no "
            f"pictures (data.root={config.data.root}): put some there"
        )
    paths = {name: _paths(Path(output, name), tests[keys[0]]) for name, keys in strips.items()}
    outputs.check_free((x for found in paths.values() for x in found), overwrite=overwrite)
    for name, keys in strips.items():
        made = _strips(config, system, state, keys=keys, tests=tests)
        for path, strip in zip(paths[name], made, strict=True):
            outputs.save(path, strip)
    return sum(map(len, paths.values()))


def _strips(
    config: ConfigDict, system: System, state: State, *, keys: tuple[str, ...], tests: Tests
) -> Iterator[np.ndarray]:
    """For each test picture of the first key uint8 [rows * S, S, 3], one after the other."""

    @jax.jit
    def run(state: State, batch: dict[str, jax.Array]) -> list[jax.Array]:
        made = system.sample(state, batch)
        return [made[key] for key in keys]

    shapes = batch_template(config, mesh=sharding.data_mesh())
    for index in range(len(tests[keys[0]].names)):
        # what a picture's strip shows of the other domain is the picture of the same number
        pictures = {key: held.load(index % len(held.names))[None] for key, held in tests.items()}
        own = pictures[keys[0]]
        empty = {
            key: np.zeros((1, *x.shape[1:]), np.float32)
            for key, x in shapes.items()
            if key not in unpaired.KEYS
        }
        rows = run(state, {**empty, **dict.fromkeys(unpaired.KEYS, own), **pictures})
        yield np.concatenate([grids.to_uint8(np.asarray(row))[0] for row in rows])


def _paths(folder: Path, tests: unpaired.Tests) -> list[Path]:
    """A file for each test picture, by its name without the folder of its domain."""
    names = [re.sub(r"[^\w./-]+", "_", name).strip("_") for name in tests.names]
    short = ["/".join(PurePosixPath(x).parts[1:] or (x,)) for x in names]
    return [(folder / x).with_suffix(".png") for x in short]
