"""`--mode=warp`: a trained GMM lays every garment on its person and writes the warped garments.

The TOM may then train on files (`data.warps=folder`) as the original does: each picture has gone
through truncation to 8 bits and JPEG of quality 75, the mask too. Files are named by their pair, so
that no garment on a second person replaces the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from data_pipelines import viton
from tryon_jax import outputs
from tryon_jax.setup import UsageError
from tryon_jax.weights import Trained, trained

WARPED = ("warped_cloth", "warped_mask")


def prewarp(
    workdir: str | os.PathLike[str], *, output: str, checkpoint: str, overwrite: bool
) -> int:
    """Writes `warp-cloth` and `warp-mask` for every training and test pair.

    Args:
      workdir: of a GMM run, or of a run in stages that begins with one.
      output: folder in which they are written, as OUTPUT/train/warp-cloth; "": the data's own.
      checkpoint: "latest", or a step.
      overwrite: replace files that exist.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      data_pipelines.prepare.DataError: if the data cannot be used.
      FileNotFoundError: if the folder holds no run.
    """
    stage = Path(workdir, "gmm")
    run = trained(stage if workdir and stage.is_dir() else workdir, checkpoint=checkpoint)
    if run.config.system != "cpvton_gmm":
        raise UsageError(
            f"--mode=warp needs a run of cpvton_gmm, {workdir} is one of {run.config.system}: name "
            "the folder of a GMM, such as --workdir=runs/cpvton/gmm"
        )
    root = Path(output or run.config.data.root)
    if not str(output or run.config.data.root):
        raise UsageError("--mode=warp of a run on paper dolls has no data folder: give --output")
    print(f"weights: {run.origin}")
    written: set[Path] = set()  # a pair may stand in two lists
    for path, picture in _warped(run, root):
        if path not in written:
            outputs.check_free([path], overwrite=overwrite)
            outputs.save(path, picture)
            written.add(path)
    print(f"warped the garments of {len(written) // len(WARPED)} pairs: {root}")
    return 0


def _warped(run: Trained, root: Path) -> Iterator[tuple[Path, np.ndarray]]:
    """File and bytes of every warped garment and mask."""
    data, sample = viton.load(run.config), jax.jit(run.system.sample)
    fields = run.config.data
    for pairs in ("train", *viton.PAIRS):
        split = fields.train_folder if pairs == "train" else fields.test_folder
        if not data.counts["train" if pairs == "train" else f"test_{pairs}"]:
            continue
        for held in data.held_out(pairs, batch_size=run.config.batch_size):
            made = sample(run.state, held.batch)
            for key in WARPED:
                folder = root / split / outputs.FOLDERS[key]
                for name, picture in zip(held.names, np.asarray(made[key]), strict=True):
                    yield folder / f"{name}.jpg", _truncated(picture)


def _truncated(picture: np.ndarray) -> np.ndarray:
    """Float [H, W, 3 or 1] in [-1, 1] as uint8 [H, W, 3] or [H, W]; rounds down as the original."""
    levels = np.clip((picture + 1) / 2 * 255, 0, 255).astype(np.uint8)
    return levels[..., 0] if levels.shape[-1] == 1 else levels
