"""Test pictures that are training pictures as well: the same file, or the same picture.

A network may have learned such a picture by heart, and its score on it says nothing. Pictures are
compared as they look: a hash of 64 bits finds candidates, also mirrored ones, and small copies of
32 x 32 pixels decide. Recompressed, resized or slightly brightened pictures are found; crops and
the same person in another photograph are not.

Source: the difference hash of N. Krawetz 2013; the thresholds are ours (docs/evaluation.md).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image

from data_pipelines import ops
from data_pipelines.prepare import listed, workers

BITS_APART = 10  # of 64: hashes of candidates
LEVELS_APART = 6.0  # mean absolute difference of small copies, of equal mean brightness
ALIKE = 0.98  # correlation of small copies: two shirts on white are near, but not so alike
SMALL = 32  # pixels, the side of a small copy
AT_ONCE = 512  # test pictures compared at a time


class Opened(Protocol):
    """Pictures that can be read as files."""

    @property
    def names(self) -> Sequence[str]:
        """Name of each."""
        ...

    def open(self, index: int) -> Any:
        """The encoded picture, open for reading; raises OSError."""
        ...


class Look(NamedTuple):
    """What is compared of a picture."""

    name: str
    content: bytes  # SHA-256 of the file
    bits: int  # its difference hash
    mirrored: int  # that of its mirror image
    small: np.ndarray  # float32 [SMALL, SMALL], grey


class Pair(NamedTuple):
    """A test picture and the training picture that it repeats."""

    test: str
    train: str
    kind: str  # same file | same picture | mirrored
    apart: float  # grey levels between small copies


class Leaks(NamedTuple):
    """What a check of a data set found."""

    train: int  # pictures looked at
    test: int
    pairs: list[Pair]  # one for each test picture that is also a training picture

    def text(self) -> str:
        """One sentence for people, with the first names."""
        if not self.pairs:
            return f"none of {self.test} test pictures is among {self.train} training pictures"
        named = listed([f"{p.test} = {p.train} ({p.kind})" for p in self.pairs], count=3)
        return (
            f"{len(self.pairs)} of {self.test} test pictures are also among {self.train} training "
            f"pictures, scores on them say little: {named}"
        )

    def record(self) -> dict[str, Any]:
        """As JSON."""
        pairs = [pair._asdict() for pair in self.pairs]
        return {"train": self.train, "test": self.test, "pairs": pairs, "text": self.text()}


def find(train: Sequence[Opened], test: Sequence[Opened]) -> Leaks:
    """Looks through all pictures of both splits; those that cannot be read are left out.

    Args:
      train: sources of training pictures.
      test: sources of test pictures.
    """
    learned, asked = _looks(train), _looks(test)
    if not learned or not asked:
        return Leaks(len(learned), len(asked), [])
    return Leaks(len(learned), len(asked), _repeats(learned, asked))


def look(name: str, data: bytes) -> Look:
    """What is compared of an encoded picture.

    Raises:
      ops.UnreadableError: if it cannot be read.
    """
    grey = Image.fromarray(ops.decode(io.BytesIO(data))).convert("L")
    small = np.asarray(grey.resize((SMALL, SMALL), Image.Resampling.BOX), np.float32)
    tiny = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), np.int16)
    content = hashlib.sha256(data).digest()
    return Look(name, content, _hash(tiny), _hash(tiny[:, ::-1]), small)


def _hash(tiny: np.ndarray) -> int:
    bits = (tiny[:, 1:] > tiny[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _looks(found: Sequence[Opened]) -> list[Look]:
    def examine(place: tuple[Opened, int]) -> Look | None:
        source, index = place
        try:
            with source.open(index) as file:
                return look(source.names[index], file.read())
        except (OSError, ValueError):
            return None

    places = [(source, index) for source in found for index in range(len(source.names))]
    with ThreadPoolExecutor(workers()) as pool:
        return [seen for seen in pool.map(examine, places) if seen is not None]


def _repeats(learned: list[Look], asked: list[Look]) -> list[Pair]:
    """For each test picture that repeats training pictures, the nearest one."""
    by_content = {look.content: look.name for look in learned}
    bits = np.array([look.bits for look in learned], np.uint64)
    small = np.stack([look.small for look in learned])
    pairs = []
    for first in range(0, len(asked), AT_ONCE):
        part = asked[first : first + AT_ONCE]
        own = np.array([[look.bits, look.mirrored] for look in part], np.uint64)
        near = np.bitwise_count(own[:, :, None] ^ bits[None, None]) <= BITS_APART
        for look, candidates in zip(part, near, strict=True):
            if look.content in by_content:
                pairs.append(Pair(look.name, by_content[look.content], "same file", 0.0))
            elif found := _nearest(look, candidates, learned, small):
                pairs.append(found)
    return pairs


def _nearest(
    look: Look, candidates: np.ndarray, learned: list[Look], small: np.ndarray
) -> Pair | None:
    best = None
    for kind, copy, chosen in (
        ("same picture", look.small, candidates[0]),
        ("mirrored", look.small[:, ::-1], candidates[1]),
    ):
        for index in np.flatnonzero(chosen):
            gap, alike = _apart(copy, small[index])
            if gap <= LEVELS_APART and alike >= ALIKE and (best is None or gap < best.apart):
                best = Pair(look.name, learned[index].name, kind, round(gap, 2))
    return best


def _apart(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Mean absolute difference once both are as bright, and correlation."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float(np.abs(a - b).mean()), float((a * b).sum()) / scale if scale else 1.0
