"""Head and hair before all else, by a parser of faces; mouths and glasses apart.

The network is BiSeNet, its file `79999_iter.pth` of zllrunning/face-parsing.PyTorch, which you
bring along. Pictures enter as uint8 of any size, the network sees 512 x 512, probabilities come out
at the picture's size.
Source: the enhanced U-GAT-IT (zheng-yuwei), `FaceSegmentation`: logits go to the picture's size
before the softmax. Ours sees pictures as the parser's own test does, by Pillow's resize.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from data_pipelines import masks, ops
from tryon_jax.networks.bisenet import BiSeNet
from tryon_jax.port import bisenet

SIDE = 512  # pixels that the network sees
BATCH = 4  # pictures that it sees at a time
STRIP = 64  # rows that are scaled up together: 19 logits of each pixel are much
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's, of pictures in [0, 1]
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
GLASSES, MOUTH = 6, 11
# skin, brows, eyes, glasses, ears, earring, nose, mouth, lips, hair; not neck, necklace, cloth, hat
FOREGROUND = (*range(1, 14), 17)
KEPT = tuple(part for part in FOREGROUND if part not in (GLASSES, MOUTH))
CUBIC = -0.75  # the slope of PyTorch's bicubic kernel


class Faces:
    """Pictures to the probability of head and hair, and to what of it may change."""

    kinds = ("mask", "fix")

    def __init__(self, variables: Mapping[str, Any], *, side: int = SIDE):
        """Takes variables of a `BiSeNet`, which sees squares of `side` pixels."""
        self._side = side
        self._logits = jax.jit(lambda x: BiSeNet().apply(variables, x))

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
        """Masks of pictures of any sizes.

        Args:
          pictures: each uint8 [h, w, 3].

        Returns:
          For each {"mask": ..., "fix": ...}, float32 [h, w, 1] in [0, 1] of its size.
        """
        made = []
        for start in range(0, len(pictures), BATCH):
            some = pictures[start : start + BATCH]
            # always BATCH of them, so that XLA compiles once
            seen = np.zeros((BATCH, self._side, self._side, 3), np.float32)
            for place, picture in zip(seen, some, strict=False):
                place[:] = self._normalised(picture)
            logits = np.asarray(self._logits(seen))
            made += [
                layers(one, side=self._side, size=picture.shape[:2])
                for one, picture in zip(logits, some, strict=False)
            ]
        return made

    def _normalised(self, picture: np.ndarray) -> np.ndarray:
        sides = {"width": self._side, "height": self._side, "interpolation": "bilinear"}
        share = ops.resize(picture, **sides).astype(np.float32) / 255
        return (share - MEAN) / DEVIATION


def load(path: str | Path) -> Faces:
    """The parser in a file.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is another network's.
    """
    return Faces(bisenet.load(path))


def layers(logits: np.ndarray, *, side: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Both masks of a picture from its logits.

    Args:
      logits: float [side / 8, side / 8, 19].
      side: of the square that the network saw.
      size: (height, width) of the picture.

    Returns:
      mask: float32 [h, w, 1], head and hair. fix: the same without the mouth's inside, and with
      glasses only where they are 2 pixels from their rim.
    """
    rows, columns = (_weights(len(logits), through=side, to=length) for length in size)
    strips = []
    for start in range(0, size[0], STRIP):
        tall = np.tensordot(rows[start : start + STRIP], logits, 1)
        strips.append(_sums(np.einsum("wj,hjc->hwc", columns, tall, optimize=True)))
    whole, kept, glasses = np.split(np.concatenate(strips), 3, axis=-1)
    return {"mask": whole, "fix": np.maximum(kept, masks.eroded(glasses))}


def _sums(logits: np.ndarray) -> np.ndarray:
    """Probabilities of foreground, of what is kept of it, of glasses: [h, w, 19] to [h, w, 3]."""
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    chosen = (FOREGROUND, KEPT, (GLASSES,))
    sums = np.stack([shares[..., list(parts)].sum(-1) for parts in chosen], -1)
    return np.clip(sums, 0, 1).astype(np.float32)


def _weights(length: int, *, through: int, to: int) -> np.ndarray:
    """Linear interpolation to `through` samples, then cubic to `to`, ends on ends: [to, length]."""
    return (_cubic(through, to) @ _linear(length, through)).astype(np.float32)


def _linear(before: int, after: int) -> np.ndarray:
    places = np.linspace(0, before - 1, after)
    return np.maximum(1 - np.abs(places[:, None] - np.arange(before)), 0)


def _cubic(before: int, after: int) -> np.ndarray:
    """Keys' kernel on four neighbours; beyond an end the end counts again."""
    places = np.linspace(0, before - 1, after)
    made = np.zeros((after, before))
    for step in range(-1, 3):
        nodes = np.floor(places) + step
        far = np.abs(places - nodes)
        near = ((CUBIC + 2) * far - (CUBIC + 3)) * far**2 + 1
        beyond = CUBIC * (((far - 5) * far + 8) * far - 4)
        index = np.clip(nodes, 0, before - 1).astype(int)
        weights = np.where(far <= 1, near, np.where(far < 2, beyond, 0))
        np.add.at(made, (np.arange(after), index), weights)
    return made
