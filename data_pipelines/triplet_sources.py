"""Where triplets come from: a folder in one of the known layouts, or the built-in paper dolls."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import dolls, ops
from data_pipelines import representation as rep
from data_pipelines.triplet_items import Known, Triplet, another, as_worn, garments_of
from data_pipelines.triplet_layouts import listing
from data_pipelines.viton_dolls import FIRST_TEST, TEST_DOLLS
from data_pipelines.viton_files import own_cloth
from data_pipelines.viton_items import THRESHOLD
from data_pipelines.viton_read import read_grey, read_picture

_DOLL = "doll_"


class Folder:
    """A folder as a source of triplets (`triplet_items.Source`)."""

    def __init__(self, data: ConfigDict):
        """Lists the folder; what is wrong with it waits in `listing`.

        Args:
          data: `config.data`, whose root is a folder.
        """
        self.root = pathlib.Path(data.root).expanduser()
        self.listing = listing(self.root, data)
        self.layout = self.listing.layout
        self.train, self.tests = self.listing.train, self.listing.tests
        self._interpolation = data.interpolation
        self._has_truths = all(triplet.truth for triplet in self.tests["other"])

    def person(self, name: str, *, height: int, width: int) -> np.ndarray:
        """A person as uint8 [height, width, 3]; raises OSError or ops.UnreadableError."""
        return self._resized(read_picture(self.root / name), height=height, width=width)

    def garment(self, name: str, *, height: int, width: int) -> np.ndarray:
        """A garment as uint8 [height, width, 3]; raises as `person`."""
        return self.person(name, height=height, width=width)

    def known(self, triplet: Triplet, *, height: int, width: int) -> Known:
        """The true picture, if all triplets of a kind have theirs; raises as `person`."""
        if not triplet.truth or not (self._has_truths or triplet.truth == triplet.person):
            return Known()
        truth = self.person(triplet.truth, height=height, width=width)
        if not triplet.truth_mask:
            return Known(truth)
        mask = read_grey(self.root / triplet.truth_mask)[..., None]
        return Known(truth, self._resized(mask, height=height, width=width)[..., 0] >= THRESHOLD)

    def asked(self, person: str, cloth: str, *, worn: str) -> Triplet:
        """Any person and garment by path, or by a name in the test or the training split.

        Args:
          person: who.
          cloth: the garment to put on.
          worn: what the person wears; empty: as the lists say, or N_1 beside N_0 as in VITON.

        Raises:
          FileNotFoundError: with where it was looked for.
        """
        triplets = [*self.tests["same"], *self.tests["other"], *self.train]
        own = {triplet.person: triplet.worn for triplet in triplets}
        garments = dict.fromkeys([*own.values(), *(t.other for t in triplets if t.other)])
        wearer = self._found(person, list(own))
        own_name = worn or own.get(wearer, "") or _beside(self.root / wearer)
        if not own_name:
            raise FileNotFoundError(_unknown_worn(person))
        return Triplet(
            wearer, self._found(own_name, list(garments)), self._found(cloth, list(garments))
        )

    def _found(self, asked: str, names: list[str]) -> str:
        """The name that is meant: one of the names, or the path of a file."""
        path = pathlib.Path(asked).expanduser().absolute()
        if path.is_file():
            below = path.is_relative_to(self.root.absolute())
            return path.relative_to(self.root.absolute()).as_posix() if below else str(path)
        for name in names:
            known = pathlib.PurePath(name)
            if asked in (name, known.name, known.stem):
                return name
        raise FileNotFoundError(
            f"there is no {asked}: looked for {path} and among {len(names)} names in {self.root}"
        )

    def _resized(self, image: np.ndarray, *, height: int, width: int) -> np.ndarray:
        return _resized(image, height=height, width=width, interpolation=self._interpolation)


class Dolls:
    """Dolls as a source of triplets (`triplet_items.Source`); each call draws anew.

    A doll's name stands for the doll and for its top. The true picture of a triplet shows the doll
    dressed in the other doll's top. Somebody may ask for photographs too.
    """

    layout = ""

    def __init__(self, count: int, *, interpolation: str):
        """Training dolls 0 to `count - 1`, and the test dolls, who put on the next one's top.

        Args:
          count: training dolls.
          interpolation: of photographs that somebody asks for.
        """
        self._interpolation = interpolation
        names = [f"{_DOLL}{index}" for index in range(count)]
        self.train = [Triplet(name, name) for name in names]
        tests = [f"{_DOLL}{FIRST_TEST + index}" for index in range(TEST_DOLLS)]
        worn = [Triplet(name, name) for name in tests]
        garments = garments_of(worn)
        self.tests = {
            "same": [as_worn(triplet) for triplet in worn],
            "other": [t._replace(other=another(garments, t.worn, step=0)) for t in worn],
        }

    def person(self, name: str, *, height: int, width: int) -> np.ndarray:
        """A doll or a photograph as uint8 [height, width, 3]."""
        if not _is_doll(name):
            return self._photograph(name, height=height, width=width)
        return dolls.figure(_doll(name), height=height, width=width, style="photo").picture

    def garment(self, name: str, *, height: int, width: int) -> np.ndarray:
        """A doll's top, or a photograph, as uint8 [height, width, 3]."""
        if not _is_doll(name):
            return self._photograph(name, height=height, width=width)
        top = dolls.top_of(_doll(name))
        return dolls.flat(top, height=height, width=width, style="photo").picture

    def known(self, triplet: Triplet, *, height: int, width: int) -> Known:
        """The doll in the other one's top, where that is seen, and what makes it hard."""
        dressed = dolls.dressed(_doll(triplet.person), dolls.top_of(_doll(triplet.other)))
        figure = dolls.figure(dressed, height=height, width=width, style="photo")
        mask = rep.labelled(figure.parse, rep.WORN)
        return Known(figure.picture, mask, frozenset(dolls.subsets(dressed)))

    def asked(self, person: str, cloth: str, *, worn: str) -> Triplet:
        """Any dolls by name, `doll_N`, or photographs by path; a doll wears its own top.

        Raises:
          FileNotFoundError: if one is neither, or nothing says what a photographed person wears.
        """
        wearer, garment = self._found(person), self._found(cloth)
        own = self._found(worn) if worn else wearer
        if not _is_doll(wearer) and not worn:
            own = _beside(pathlib.Path(wearer))
        if not own:
            raise FileNotFoundError(_unknown_worn(person))
        return Triplet(wearer, own, garment)

    def _found(self, asked: str) -> str:
        path = pathlib.Path(asked).expanduser().absolute()
        if _is_doll(asked) or path.is_file():
            return asked if _is_doll(asked) else str(path)
        raise FileNotFoundError(
            f"there is no {asked}: looked for {path}, and it is no doll, whose names are doll_N"
        )

    def _photograph(self, path: str, *, height: int, width: int) -> np.ndarray:
        image = read_picture(pathlib.Path(path))
        return _resized(image, height=height, width=width, interpolation=self._interpolation)


def _beside(person: pathlib.Path) -> str:
    """VITON's cloth/N_1 for image/N_0, if it is there."""
    cloth = person.parent.parent / "cloth" / own_cloth(person.name)
    return str(cloth) if person.parent.name == "image" and cloth.is_file() else ""


def _unknown_worn(person: str) -> str:
    return (
        f"nothing says what {person} wears, and CAGAN must see it: give a picture of that garment "
        "alone by --worn=PICTURE"
    )


def _resized(image: np.ndarray, *, height: int, width: int, interpolation: str) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    return ops.resize(image, width=width, height=height, interpolation=interpolation)


def _is_doll(name: str) -> bool:
    return name.startswith(_DOLL) and name.removeprefix(_DOLL).isdecimal()


def _doll(name: str) -> Any:
    # one world for all runs: the seed of a run changes the order, not the dolls
    return dolls.doll(int(name.removeprefix(_DOLL)), seed=0, kind="try_on")
