"""Try-on items from the built-in paper dolls, of which every truth is known.

Training doll i wears its own top. The test dolls are others; in the pairs "other" each puts on the
next one's top, and the true picture shows the same doll dressed in it.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from data_pipelines import dolls
from data_pipelines import representation as rep
from data_pipelines.viton_files import Layout, find
from data_pipelines.viton_items import Item, own_truth

FIRST_TEST = 1_000_000  # index of the first test doll; training dolls are below
TEST_DOLLS = 64
_PREFIX = "doll_"


class Dolls:
    """Dolls as a source of try-on items (`viton_items.Source`); each call draws anew."""

    def __init__(self, count: int, *, height: int, width: int, representation: str):
        """Training dolls 0 to `count - 1` and the test dolls, at a size in pixels.

        Args:
          count: training dolls.
          height: of all pictures, pixels.
          width: of all pictures, pixels.
          representation: of photographs that somebody asks for, see `viton_files.Layout`.
        """
        self._size = {"height": height, "width": width}
        self._layout = Layout(pathlib.Path(), **self._size, representation=representation)
        self.train_names = [_pair(index, index) for index in range(count)]
        places = range(TEST_DOLLS)
        self.test_names = {
            "same": [_pair(FIRST_TEST + i, FIRST_TEST + i) for i in places],
            "other": [_pair(FIRST_TEST + i, FIRST_TEST + _next(i)) for i in places],
        }

    def training(self, index: int) -> Item:
        """A doll and its own top."""
        doll = _doll(index)
        return Item(self._person(doll), self._flat(dolls.top_of(doll)))

    def testing(self, pairs: str, index: int) -> Item:
        """A test doll, its own top or the next one's, and the truth."""
        doll = _doll(FIRST_TEST + index)
        person, dressed = self._person(doll), doll
        garment = dolls.top_of(doll)
        if pairs == "other":
            garment = dolls.top_of(_doll(FIRST_TEST + _next(index)))
            dressed = dolls.dressed(doll, garment)
        whole = dolls.worn(dressed, garment, **self._size).whole > 0
        truth = own_truth(person if pairs == "same" else self._person(dressed), whole=whole)
        return Item(
            person, self._flat(garment), truth=truth, subsets=frozenset(dolls.subsets(dressed))
        )

    def persons(self) -> list[str]:
        """The dolls of the test set."""
        return self.cloths()

    def cloths(self) -> list[str]:
        """The dolls of the test set, for their tops."""
        return [f"{_PREFIX}{FIRST_TEST + index}" for index in range(TEST_DOLLS)]

    def asked(self, person: str, cloth: str) -> Item:
        """A doll or a photograph, and a doll's top or a photograph: `doll_N` or a path.

        Raises:
          FileNotFoundError: if one is neither, or files beside a photograph are missing.
        """
        return Item(self._asked_person(person), self._asked_cloth(cloth))

    def _asked_person(self, asked: str) -> rep.Person:
        if (index := _index(asked)) is not None:
            return self._person(_doll(index))
        found = find(asked, kind="image", layouts=[self._layout])
        return found.layout.person(found.name)

    def _asked_cloth(self, asked: str) -> rep.Cloth:
        if (index := _index(asked)) is not None:
            return self._flat(dolls.top_of(_doll(index)))
        found = find(asked, kind="cloth", layouts=[self._layout])
        return found.layout.cloth(found.name)

    def _person(self, doll: Any) -> rep.Person:
        figure = dolls.figure(doll, **self._size, style="photo")
        joints = np.asarray(figure.keypoints[:, :2], np.float64)
        return rep.Person(figure.picture, figure.parse, figure.body, joints)

    def _flat(self, garment: Any) -> rep.Cloth:
        return rep.Cloth(*dolls.flat(garment, **self._size, style="photo"))


def _doll(index: int) -> Any:
    # one world for all runs: the seed of a run changes the order, not the dolls
    return dolls.doll(index, seed=0, kind="try_on")


def _next(index: int) -> int:
    return (index + 1) % TEST_DOLLS


def _pair(person: int, cloth: int) -> str:
    return f"{_PREFIX}{person}+{_PREFIX}{cloth}"


def _index(name: str) -> int | None:
    """The number of `doll_N`."""
    number = name.removeprefix(_PREFIX)
    return int(number) if number != name and number.isdecimal() else None
