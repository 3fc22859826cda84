"""Paper dolls as a source of landmarks: their joints, or the points of what they wear."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import numpy as np

from data_pipelines import dolls
from data_pipelines.keypoint_items import Record
from tryon_jax.landmark_layouts import GARMENTS, PERSON, Layout

FIRST = {"train": 0, "test": 1_000_000}  # number of the first doll of a split
TEST_DOLLS = 128
STYLE = "photo"
FAR = 60  # dolls looked through for one that wears what is wanted
SLIM = 0.5  # a standing person's outline to its box: COCO's areas are those of outlines

Place = tuple[int, int]  # a doll and which of its garments, or 0


class Dolls:
    """Dolls as a source (`keypoint_items.Source`), drawn when they are asked for, then kept."""

    def __init__(self, count: int, *, layout: Layout, side: int):
        """The first dolls that have what the layout names, and test dolls.

        Args:
          count: training objects.
          layout: of the landmarks.
          side: of the square pictures, pixels.

        Raises:
          ValueError: if no doll wears one of the categories.
        """
        self._layout, self._side = layout, side
        counts = {"train": count, "test": TEST_DOLLS}
        self._places = {split: self._first(split, count=n) for split, n in counts.items()}
        self.names = {
            split: [self._name(place) for place in places] for split, places in self._places.items()
        }
        self.groups = {
            split: [self._group(place) for place in places]
            for split, places in self._places.items()
        }
        self._kept = functools.cache(self._drawn)

    def item(self, split: str, index: int) -> tuple[Record, np.ndarray]:
        """An object and its picture, uint8 [side, side, 3]."""
        return self._kept(self._places[split][index])

    def _drawn(self, place: Place) -> tuple[Record, np.ndarray]:
        doll, size = _doll(place), {"height": self._side, "width": self._side}
        picture = dolls.figure(doll, **size, style=STYLE).picture
        group = self._group(place)
        if group == PERSON:
            points = dolls.joints(doll, **size)
        else:
            points = dolls.landmarks(doll, doll.outfit.garments[place[1]], **size).garment
        return _record(self._name(place), place, points, group=group, layout=self._layout), picture

    def _first(self, split: str, *, count: int) -> list[Place]:
        """The first places that the layout names, one after the other."""
        found: list[Place] = []
        for number in itertools.count(FIRST[split]):
            if len(found) >= count:
                return found[:count]
            if not found and number - FIRST[split] > FAR:
                raise ValueError(
                    f"no doll wears {', '.join(self._layout.titles.values())}: set "
                    "--config.data.root to pictures that show it, or other "
                    "--config.data.categories"
                )
            found += self._shown(number)
        raise AssertionError("dolls never end")

    def _shown(self, number: int) -> Iterator[Place]:
        """What a doll has to show."""
        if PERSON in self._layout.groups:
            yield number, 0
            return
        for place in range(len(_doll((number, 0)).outfit.garments)):
            if self._group((number, place)) in self._layout.groups:
                yield number, place

    def _group(self, place: Place) -> int:
        if PERSON in self._layout.groups:
            return PERSON
        return GARMENTS + dolls.category(_doll(place).outfit.garments[place[1]])

    def _name(self, place: Place) -> str:
        group = self._group(place)
        return f"doll_{place[0]}" + ("" if group == PERSON else f"/{self._layout.titles[group]}")


@functools.lru_cache(maxsize=4)  # asked for several times in a row
def _record_of(number: int) -> dolls.Doll:
    return dolls.doll(number, kind="any")


def _doll(place: Place) -> dolls.Doll:
    return _record_of(place[0])


def _record(name: str, place: Place, points: np.ndarray, *, group: int, layout: Layout) -> Record:
    """A record whose box is that of the labelled points, a person's with room for head and feet."""
    labelled = points[points[:, 2] > 0, :2].astype(float)
    low, high = labelled.min(0), labelled.max(0)
    if group == PERSON:
        room = (high[1] - low[1]) * np.array([0.04, 0.06])
        low, high = low - room * (1, 2), high + room
    wide, tall = np.maximum(high - low, 1).tolist()
    start, stop = layout.groups[group]
    whole = np.zeros((layout.count, 3), np.float32)
    whole[start:stop] = points
    area = wide * tall * (SLIM if group == PERSON else 1.0)
    box = (float(low[0]), float(low[1]), wide, tall)
    return Record(name, place[0], box, whole, area, group)
