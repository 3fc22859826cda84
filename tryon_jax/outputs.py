"""Pictures that a mode leaves on disk: what they are called, and that none is replaced unasked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from tryon_jax.setup import UsageError

# VITON's folders of what a try-on makes, by the key of `sample`
FOLDERS = {"try_on": "try-on", "warped_cloth": "warp-cloth", "warped_mask": "warp-mask"}


def is_picture(path: Path) -> bool:
    """Whether a path ends like a picture that can be written, and is no folder."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind in Image.SAVE and not path.is_dir()


def check_free(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Makes sure that no file would be replaced, unless that is wanted.

    Raises:
      setup.UsageError: with the first file that is there, and how many others are.
    """
    taken = [path for path in paths if path.exists()]
    if taken and not overwrite:
        more = f", and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise UsageError(f"{taken[0]} exists{more}: add --overwrite or another --output")


def save(path: Path, image_uint8: np.ndarray) -> None:
    """Writes uint8 [H, W, 3], or [H, W] in grey, in the format of the suffix; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image_uint8).save(path)
