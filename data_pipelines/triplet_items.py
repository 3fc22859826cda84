"""One triplet: a person, the garment worn, another garment, and the true result where it is known.

Keys of an example, float32 [H, W, 3] in [-1, 1], W = 3/4 H, and CAGAN's symbols:

  person      x_i  the photograph
  worn        y_i  the garment that the person wears, alone
  other       y_j  another garment, alone

Items for grids and tests also have, where they are known,

  truth            the person in the other garment
  truth_mask       where that is seen in it, [H, W, 1] in {0, 1}
"""

from __future__ import annotations

import bisect
import pathlib
from typing import NamedTuple, Protocol

import numpy as np


class Triplet(NamedTuple):
    """Names of pictures; an empty one is not there."""

    person: str
    worn: str
    other: str = ""  # empty: another one is drawn in every epoch
    truth: str = ""  # the person in the other garment
    truth_mask: str = ""  # where that is seen

    @property
    def name(self) -> str:
        """PERSON+OTHER without folders and suffixes."""
        return f"{pathlib.PurePath(self.person).stem}+{pathlib.PurePath(self.other).stem}"


class Known(NamedTuple):
    """What is known about the result; what is None is not."""

    truth: np.ndarray | None = None  # uint8 [H, W, 3]
    mask: np.ndarray | None = None  # bool [H, W]
    subsets: frozenset[str] = frozenset()  # groups in which the item is scored


class Source(Protocol):
    """Where triplets come from; all that read raise OSError or ValueError if they cannot."""

    layout: str  # of a folder, else empty
    train: list[Triplet]
    tests: dict[str, list[Triplet]]  # "same": the garment worn is also the other one; "other"

    def person(self, name: str, *, height: int, width: int) -> np.ndarray:
        """A person as uint8 [height, width, 3]."""
        ...

    def garment(self, name: str, *, height: int, width: int) -> np.ndarray:
        """A garment alone as uint8 [height, width, 3]."""
        ...

    def known(self, triplet: Triplet, *, height: int, width: int) -> Known:
        """What is known about the result, at a size."""
        ...

    def asked(self, person: str, cloth: str, *, worn: str) -> Triplet:
        """Any person and garment by name or path; raises FileNotFoundError."""
        ...


def as_worn(triplet: Triplet) -> Triplet:
    """A person who puts on the garment worn: the truth is the photograph."""
    return Triplet(triplet.person, triplet.worn, triplet.worn, truth=triplet.person)


def garments_of(triplets: list[Triplet]) -> list[str]:
    """The garments that somebody wears, each once, sorted."""
    return sorted({triplet.worn for triplet in triplets})


def another(garments: list[str], worn: str, *, step: int) -> str:
    """One of the garments but the one worn.

    Args:
      garments: two or more, sorted, `worn` among them.
      worn: the one that is left out.
      step: 0 gives the next one; len(garments) - 1 steps in a row give each of them once.
    """
    place = bisect.bisect_left(garments, worn) + 1 + step % (len(garments) - 1)
    return garments[place % len(garments)]
