"""What the outputs of a landmark network stand for: persons' joints, or points of some garments.

Plain constants and tuples made of `landmark_tables`, for data pipelines, systems and modes alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tryon_jax.landmark_tables import (
    CATEGORIES,
    COCO17,
    COCO17_FLIP_PAIRS,
    COCO17_SIGMAS,
    COCO17_SKELETON,
    GARMENT_SIGMAS,
    mirror_order,
)

PERSON = 1  # COCO's number of persons
GARMENTS = 100  # garment category c is number GARMENTS + c beside persons


class Layout(NamedTuple):
    """What the outputs of a landmark network stand for.

    Attributes:
      names: of the landmarks.
      flip_pairs: that change places in a mirrored picture.
      sigmas: for OKS.
      lines: pairs to draw lines between.
      groups: first and one beyond the last landmark of each kind of object, by its number in our
        COCO files: PERSON, or GARMENTS + DeepFashion2's.
      titles: what these kinds are called.
    """

    names: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    lines: tuple[tuple[int, int], ...]
    groups: dict[int, tuple[int, int]]
    titles: dict[int, str]

    @property
    def count(self) -> int:
        """How many landmarks there are."""
        return len(self.names)

    @property
    def mirror_order(self) -> tuple[int, ...]:
        """See `mirror_order`."""
        return mirror_order(self.count, self.flip_pairs)


def layout(points: str, categories: Iterable[int] = ()) -> Layout:
    """The layout that the fields `data.points` and `data.categories` of a config name.

    Raises:
      ValueError: if they name none.
    """
    if points == "human":
        return human_layout()
    if points == "garment":
        return garment_layout(categories)
    raise ValueError(f"data.points must be human or garment, got {points!r}")


def human_layout() -> Layout:
    """The 17 joints of COCO."""
    groups, titles = {PERSON: (0, len(COCO17))}, {PERSON: "person"}
    return Layout(COCO17, COCO17_FLIP_PAIRS, COCO17_SIGMAS, COCO17_SKELETON, groups, titles)


def garment_layout(categories: Iterable[int] = ()) -> Layout:
    """The landmarks of garment categories, one after the other.

    Args:
      categories: DeepFashion2's numbers; none for all 13, in the order of the 294.

    Raises:
      ValueError: if a number is unknown or repeated.
    """
    chosen = tuple(categories) or tuple(CATEGORIES)
    if not set(chosen) <= set(CATEGORIES) or len(set(chosen)) < len(chosen):
        raise ValueError(f"categories are different numbers from 1 to 13, got {chosen}")
    names: list[str] = []
    pairs: list[tuple[int, int]] = []
    sigmas: list[float] = []
    lines: list[tuple[int, int]] = []
    groups: dict[int, tuple[int, int]] = {}
    for number in chosen:
        category, start = CATEGORIES[number], len(names)
        edges = [edge for c in category.contours for edge in zip(c, (*c[1:], c[0]), strict=True)]
        pairs += [(start + a, start + b) for a, b in category.flip_pairs]
        lines += [(start + a, start + b) for a, b in (*edges, *category.straps)]
        sigmas += GARMENT_SIGMAS[category.start : category.stop]
        names += [f"{category.name} {i + 1}" for i in range(category.count)]
        groups[GARMENTS + number] = (start, len(names))
    titles = {GARMENTS + number: CATEGORIES[number].name for number in chosen}
    return Layout(tuple(names), tuple(pairs), tuple(sigmas), tuple(lines), groups, titles)
