"""Held-out items of two picture domains: what is translated, and the pictures it is compared with.

A kind of items is a direction: of "ab" the test pictures of A are translated, and the real pictures
are those of B. Where a picture's counterpart is known, it is the truth of the translation: dolls
are drawn in either style, and with `data.paired` partners have the same place in both folders.

Keys of a batch of the direction "ab", all float32 [n, S, S, 3] in [-1, 1]:

  real_a      the items
  real_b      some pictures of B, of which nothing is scored: networks take both
  truth_b     the true translations of real_a, where they are known
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from data_pipelines import ops, pipeline, prepare, sources
from data_pipelines.viton_items import HeldOut

KINDS = {"ab": ("a", "b"), "ba": ("b", "a")}


class Tests:
    """The test pictures of both domains."""

    def __init__(self, found: Mapping[str, sources.Source], *, recipe: ops.Recipe, paired: bool):
        """Args as attributes.

        Args:
          found: domain (`train_a`, `train_b`, `test_a`, `test_b`) -> its pictures.
          recipe: of the run, for their size.
          paired: item i of A belongs to item i of B.
        """
        self._found, self._recipe, self._paired = found, recipe, paired
        self.kinds = tuple(kind for kind, (own, _) in KINDS.items() if f"test_{own}" in found)

    def names(self, kind: str) -> list[str]:
        """Names of the pictures that a direction translates."""
        return list(self._found[f"test_{KINDS[kind][0]}"].names)

    def held_out(self, kind: str, *, batch_size: int) -> Iterator[HeldOut]:
        """All test pictures of a direction, in order; see the module."""
        own, other = KINDS[kind]
        source, others = self._found[f"test_{own}"], self._others(other)
        truth = self._truth(own)
        for first in range(0, len(source.names), batch_size):
            indices = range(first, min(first + batch_size, len(source.names)))
            batch = {
                f"real_{own}": [self._picture(source, i) for i in indices],
                f"real_{other}": [self._picture(others, i % len(others.names)) for i in indices],
            }
            if truth is not None:
                batch[f"truth_{other}"] = [self._picture(truth, i) for i in indices]
            names = [source.names[i] for i in indices]
            stacked = {key: np.stack(pictures) for key, pictures in batch.items()}
            yield HeldOut(stacked, names, [frozenset()] * len(names))

    def real(self, kind: str, *, batch_size: int) -> Iterator[np.ndarray]:
        """All pictures of the domain into which a direction translates, [n, S, S, 3]."""
        source = self._others(KINDS[kind][1])
        for first in range(0, len(source.names), batch_size):
            indices = range(first, min(first + batch_size, len(source.names)))
            yield np.stack([self._picture(source, i) for i in indices])

    def real_origin(self, kind: str) -> str:
        """Which pictures `real` gives, for people."""
        domain = KINDS[kind][1]
        split = "test" if f"test_{domain}" in self._found else "training"
        return f"the {split} pictures of {domain.upper()}"

    def _others(self, domain: str) -> sources.Source:
        """Test pictures of a domain; where there are none, its training pictures."""
        return self._found.get(f"test_{domain}", self._found[f"train_{domain}"])

    def _truth(self, own: str) -> sources.Source | None:
        """The counterparts of a domain's test pictures, in their order."""
        source, other = self._found[f"test_{own}"], KINDS["ab" if own == "a" else "ba"][1]
        if isinstance(source, sources.Dolls):
            return source.restyled("drawn" if own == "a" else "photo")
        return self._found.get(f"test_{other}") if self._paired else None

    def _picture(self, source: sources.Source, index: int) -> np.ndarray:
        try:
            return plain(source.load(index), recipe=self._recipe)
        except (OSError, ValueError) as error:
            raise prepare.DataError(
                f"{source.names[index]} cannot be read ({error}): a score over fewer pictures "
                "could not be compared; repair or remove it"
            ) from error


def check(tests: Tests, kind: str, *, batch_size: int) -> None:
    """Refuses what cannot be given.

    Raises:
      ValueError: if the kind is unknown or the batch size is below 1.
      prepare.DataError: if the direction has no test pictures.
    """
    pipeline.check_held_out(kind, known=tuple(KINDS), batch_size=batch_size)
    if kind not in tests.kinds:
        domain = KINDS[kind][0]
        raise prepare.DataError(
            f"{kind} translates test pictures of {domain.upper()}, and there are none: name their "
            f"folder by --config.data.test_{domain}"
        )


def plain(image: np.ndarray, *, recipe: ops.Recipe) -> np.ndarray:
    """uint8 [h, w, 3] -> float32 [S, S, 3] in [-1, 1], resized and nothing else."""
    size = recipe.image_size
    return ops.normalise(
        ops.resize(image, width=size, height=size, interpolation=recipe.interpolation)
    )
