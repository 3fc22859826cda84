"""Persons before their background, by the selfie segmentation of MediaPipe.

Its file (Apache-2.0, 250 KB) lies in MediaPipe's wheel; it is run by ai-edge-litert, since
MediaPipe itself wants NumPy 1. Given once, as the wheel or taken out of it, it is kept in the
cache. Nothing is downloaded here. Pictures enter as uint8 of any size; the network sees them as
256 x 256 RGB in [0, 1].
Source: MediaPipe's model card "Selfie Segmentation" (general model), 2021.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_pipelines import ops
from tryon_jax.files import write_atomic

SIDE = 256  # pixels that the network sees
MEMBER = "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite"  # in the wheel
SHA256 = "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"
PACKAGE = "ai-edge-litert>=2.3"
WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"  # for any machine: it is opened
DOWNLOAD = (
    "pip download mediapipe==0.10.21 --no-deps --only-binary=:all: --python-version=3.11 "
    "--platform=manylinux_2_28_x86_64"
)


class Persons:
    """Pictures to the probability that a pixel belongs to a person."""

    kinds = ("mask",)

    def __init__(self, interpreter: Any):
        """Takes a TensorFlow Lite interpreter of a network [N, 256, 256, 3] to [N, 256, 256, 1]."""
        self._interpreter, self._batch = interpreter, 0

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
        """Masks of pictures of any sizes.

        Args:
          pictures: each uint8 [h, w, 3].

        Returns:
          For each {"mask": float32 [h, w, 1] in [0, 1]} of its size.
        """
        sides = {"width": SIDE, "height": SIDE, "interpolation": "bilinear"}
        seen = np.stack([ops.resize(picture, **sides) for picture in pictures])
        made = self._run(seen.astype(np.float32) / 255)
        return [
            {"mask": _resized(mask[..., 0], size=picture.shape[:2])}
            for mask, picture in zip(made, pictures, strict=True)
        ]

    def _run(self, batch: np.ndarray) -> np.ndarray:
        """[N, 256, 256, 3] in [0, 1] to [N, 256, 256, 1] in [0, 1]."""
        runner = self._interpreter
        entry = runner.get_input_details()[0]["index"]
        if len(batch) != self._batch:
            runner.resize_tensor_input(entry, batch.shape)
            runner.allocate_tensors()
            self._batch = len(batch)
        runner.set_tensor(entry, batch)
        runner.invoke()
        return runner.get_tensor(runner.get_output_details()[0]["index"])


def load(path: str | Path) -> Persons:
    """The network in a file, see `find`.

    Raises:
      FileNotFoundError: if the file or the package that runs it is missing; says how to get it.
      ValueError: if it is another file.
    """
    content = find(path)
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise FileNotFoundError(
            f"masks of persons need a package that is not installed here ({error}): "
            f'pip install "{PACKAGE}"'
        ) from error
    return Persons(Interpreter(model_content=content))


def find(path: str | Path) -> bytes:
    """The file of the network; one that is given is kept in the cache.

    Args:
      path: of the .tflite file or of MediaPipe's wheel; "": the cache.

    Raises:
      FileNotFoundError: if it is not there; says how to get it.
      ValueError: if it is another file.
    """
    kept = cache()
    if not path and not kept.is_file():
        raise FileNotFoundError(
            f"masks of persons need the file selfie_segmentation.tflite, which is not in {kept}: "
            f"`{DOWNLOAD}` once, on any machine that is online, and give --segmenter={WHEEL}"
        )
    source = Path(path).expanduser() if path else kept
    content = _content(source)
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{source} is another file than the selfie segmentation of MediaPipe 0.10.21: its "
            f"SHA-256 is {found}, not {SHA256}; `{DOWNLOAD}` and give --segmenter={WHEEL}"
        )
    if not kept.is_file() or kept.read_bytes() != content:
        write_atomic(kept, content)
    return content


def cache() -> Path:
    """Where the file is kept."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return folder / "tryon_jax" / Path(MEMBER).name


def _content(source: Path) -> bytes:
    """A file, or the network's file in a wheel."""
    if not source.is_file():
        raise FileNotFoundError(f"no file of a segmenter at {source.absolute()}")
    if source.suffix != ".whl":
        return source.read_bytes()
    try:
        with zipfile.ZipFile(source) as wheel:
            return wheel.read(MEMBER)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(
            f"{source} is no wheel that holds {MEMBER} ({error}): `{DOWNLOAD}`"
        ) from error


def _resized(mask: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Float [h, w] to float32 [height, width, 1], bilinear; `size` is (height, width)."""
    height, width = size
    image = Image.fromarray(np.asarray(mask, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))[..., None]
