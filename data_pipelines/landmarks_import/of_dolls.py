"""The built-in paper dolls as files, for other programs and for trying out the layout."""

from __future__ import annotations

from collections.abc import Iterator

from data_pipelines import dolls
from data_pipelines.fields import MAX_DOLLS
from data_pipelines.landmark_dolls import drawn
from data_pipelines.landmarks_import.found import Found, Task


def items(task: Task, *, counts: dict[str, int], size: tuple[int, int]) -> Iterator[Found]:
    """Dolls of both domains, those of a run with the same categories.

    Args:
      task: of which the root counts for nothing.
      counts: dolls of each domain by split, train and test.
      size: (height, width) of the pictures.
    """
    for order, (split, count) in enumerate(counts.items()):
        for place, (domain, category) in enumerate(task.categories.items()):
            for index in range(count):
                number = (2 * order + place) * MAX_DOLLS + index
                doll = dolls.wearer(number, 0, category=category, aspect=size[1] / size[0])
                item = drawn(doll, category=category, size=size, bare=task.bare[domain])
                yield Found(f"doll_{number}", split, domain, item)
