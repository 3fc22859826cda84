"""`--mode=warp`: a trained GMM lays every garment on its person and writes the warped garments.

The TOM may then train on files (`data.warps=folder`) as the original does: each picture has gone
through truncation to 8 bits and JPEG of quality 75, the mask too. Files are named by their pair, so
that no garment on a second person replaces the first.
"""

from __future__ import annotations

import os
from pathlib import Path

import jax
import numpy as np
from PIL import Image

from data_pipelines import viton
from tryon_jax.setup import UsageError
from tryon_jax.weights import trained

FOLDERS = {"warped_cloth": "warp-cloth", "warped_mask": "warp-mask"}


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
            f"--mode=warp needs a run of cpvton_gmm, {workdir} is one of {run.config.system}"
        )
    root = Path(output or run.config.data.root)
    if not str(output or run.config.data.root):
        raise UsageError("--mode=warp of a run on paper dolls has no data folder: give --output")
    print(f"weights: {run.origin}")
    data = viton.load(run.config)
    sample = jax.jit(run.system.sample)
    count = 0
    for pairs in ("train", *viton.PAIRS):
        split = run.config.data.train_folder if pairs == "train" else run.config.data.test_folder
        if not data.counts["train" if pairs == "train" else f"test_{pairs}"]:
            continue
        for held in data.held_out(pairs, batch_size=run.config.batch_size):
            made = sample(run.state, held.batch)
            for key, folder in FOLDERS.items():
                for name, picture in zip(held.names, np.asarray(made[key]), strict=True):
                    _save(root / split / folder / f"{name}.jpg", picture, overwrite=overwrite)
            count += len(held.names)
    print(f"warped the garments of {count} pairs: {root}")
    return 0


def _save(path: Path, picture: np.ndarray, *, overwrite: bool) -> None:
    """As the original saves: truncated to 8 bits, JPEG of Pillow's quality, 75."""
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists: add --overwrite, or write to another --output")
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.clip((picture + 1) / 2 * 255, 0, 255).astype(np.uint8)
    Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels).save(path, quality=75)
