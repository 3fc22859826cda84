"""Folders of pictures as entries of a report: made by any program, compared with real pictures.

A picture that has the name of a real one, suffixes apart, is compared with it, as with its truth.
The sets are compared in any case. Pictures may be of various sizes: sets take them as they are,
pairs must be of equal size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from data_pipelines import ops, sources
from data_pipelines.leaks import Leaks, find
from data_pipelines.prepare import DataError, listed
from tryon_jax import real_sets, scoring, sharding
from tryon_jax.contents import Entry, Group
from tryon_jax.metrics import judges
from tryon_jax.report.tiles import encoded
from tryon_jax.scoring import Marked, Tools
from tryon_jax.setup import UsageError

KIND = "folders"
SCORES = {"ssim": "ssim", "lpips": "lpips", "l1": "l1", "psnr": "psnr"}  # by name, of pairs
SIZES = 12  # of pairs, at most: each size is a program of its own to compile
AT_ONCE = 8  # pairs in a batch
SMALLEST = 11  # pixels of a side: SSIM's window


class Found(NamedTuple):
    """The pictures of a folder, in the order of their names."""

    folder: Path
    source: sources.Files

    def load(self, index: int) -> np.ndarray:
        """A picture uint8 [h, w, 3].

        Raises:
          data_pipelines.prepare.DataError: if it cannot be read.
        """
        try:
            return self.source.load(index)
        except (OSError, ValueError) as error:
            name = self.folder / self.source.names[index]
            raise DataError(
                f"{name} cannot be read ({error}): a score over fewer pictures could not be "
                "compared; repair or remove it"
            ) from error

    def pictures(self) -> Iterator[np.ndarray]:
        """All of them."""
        return map(self.load, range(len(self.source.names)))

    def by_name(self) -> dict[str, int]:
        """Places by name without suffix."""
        return {stem(name): i for i, name in enumerate(self.source.names)}


def look(path: str, *, flag: str) -> Found:
    """The pictures below a folder.

    Raises:
      setup.UsageError: if there is no such folder.
      data_pipelines.prepare.DataError: if it holds no pictures.
    """
    folder = Path(path).expanduser()
    if not path or not folder.is_dir():
        raise UsageError(f"{flag}={path} must be a folder of pictures (looked in {Path.cwd()})")
    names = sources.picture_paths(folder)
    if not names:
        raise DataError(
            f"{flag}={path} holds 0 pictures ({' '.join(sources.SUFFIXES)}): name the folder that "
            "has them, or a folder above it"
        )
    return Found(folder, sources.Files(folder, names))


def stem(name: str) -> str:
    """A name without its suffix."""
    return PurePosixPath(name).with_suffix("").as_posix()


def entry(fake: Found, real: Found, *, tools: Tools, name: str) -> tuple[Entry, list[str]]:
    """A folder compared with real pictures, and notes for the reader.

    Raises:
      setup.UsageError: if there are too few pictures for a distance.
      data_pipelines.prepare.DataError: if a picture cannot be read.
    """
    mesh = sharding.data_mesh()
    places, notes = _paired(fake, real)
    scores = _scores(fake, real, places, metrics=tools.metrics, mesh=mesh)
    seen = {
        judge: real_sets.features(fake.pictures(), found, mesh=mesh)
        for judge, found in tools.judges.items()
    }
    true = real_sets.remembered(real.pictures, tools.judges, mesh=mesh)
    names, count = [stem(x) for x in fake.source.names], len(fake.source.names)
    tiles = [_tiles(fake, real, i, places.get(i)) for i in range(count)]
    marked = Marked(
        KIND, names, [frozenset()] * count, scores, {n: SCORES[n] for n in scores}, seen, {}, tiles
    )
    try:
        values = scoring.mean_values(marked)
        values += scoring.distance_values(KIND, tools.distances, fakes=seen, real=true, sources={})
    except ValueError as error:
        raise UsageError(str(error)) from error
    notes += [text for one in seen if (text := judges.caution(seen[one], true[one]))]
    marked = scoring.with_nearest(marked, true)
    group = Group(
        marked, ("made", "truth"), "made", "truth" if places else "", frozenset(["truth"])
    )
    facts = {"fake": str(fake.folder), "real": str(real.folder)}
    facts |= {f"judge {key}": judge.origin for key, judge in tools.judges.items()}
    return Entry(name, facts, {KIND: group}, values), notes


def leaks(fake: Found, real: Found) -> Leaks:
    """Made pictures that are real ones: copies, in which case no distance means anything."""
    return find([real.source], [fake.source])


def _paired(fake: Found, real: Found) -> tuple[dict[int, int], list[str]]:
    """Places of truths by places of fakes, of equal size, and what must be said of the others."""
    held = real.by_name()
    pairs = {i: held[n] for n, i in fake.by_name().items() if n in held}
    if not pairs:
        return {}, ["no picture has the name of a real one: the sets are compared, not pairs"]
    notes = []
    if len(pairs) < len(fake.source.names):
        notes.append(
            f"{len(pairs)} of {len(fake.source.names)} pictures have the name of a real one: "
            "scores of pairs are over those"
        )
    sizes = {i: (_size(fake, i), _size(real, j)) for i, j in pairs.items()}
    other = [i for i, (a, b) in sizes.items() if a != b]
    if other:
        i = other[0]
        shown = [f"{' x '.join(map(str, size))}" for size in sizes[i]]
        notes.append(
            f"{len(other)} pairs are of two sizes, such as {fake.source.names[i]} ({shown[0]} "
            f"made, {shown[1]} real): without scores of pairs; resize one of both"
        )
    equal = {i: j for i, j in pairs.items() if sizes[i][0] == sizes[i][1]}
    kinds = {sizes[i][0] for i in equal}
    if len(kinds) > SIZES:
        notes.append(
            f"the pairs are of {len(kinds)} sizes, more than {SIZES}: without scores of pairs; "
            "resize all to one size"
        )
        return {}, notes
    small = {i: j for i, j in equal.items() if min(sizes[i][0]) < SMALLEST}
    if small:
        names = listed([fake.source.names[i] for i in small])
        raise DataError(f"scores of pairs need sides of {SMALLEST} pixels or more: {names}")
    return equal, notes


def _size(found: Found, index: int) -> tuple[int, int]:
    try:
        with found.source.open(index) as file:
            return ops.header(file)
    except (OSError, ValueError) as error:
        name = found.folder / found.source.names[index]
        raise DataError(f"{name} cannot be read ({error}): repair or remove it") from error


def _scores(
    fake: Found, real: Found, places: Mapping[int, int], *, metrics: Mapping[str, Any], mesh: Mesh
) -> dict[str, np.ndarray]:
    """Scores of all pairs by name, [N]; NaN for pictures without a truth."""
    if not places:
        return {}
    used = {name: metrics[metric] for name, metric in SCORES.items() if metric in metrics}

    def compared(weights: Any, made: jax.Array, truth: jax.Array) -> dict[str, jax.Array]:
        return {name: metric(made, truth) for name, metric in weights.items()}

    measure = jax.jit(compared, out_shardings=sharding.replicated(mesh))
    weights = sharding.place_whole(used, mesh=mesh)
    found = {name: np.full(len(fake.source.names), np.nan) for name in used}
    size = -(-AT_ONCE // mesh.size) * mesh.size
    for part in _parts(fake, places, size=size):
        batch = {
            "made": _stacked(fake.load(i) for i in part),
            "truth": _stacked(real.load(places[i]) for i in part),
        }
        whole = {key: real_sets.padded(x, size) for key, x in batch.items()}
        placed = sharding.place(real_sets.own_share(whole), mesh=mesh)
        for name, values in measure(weights, placed["made"], placed["truth"]).items():
            found[name][part] = np.asarray(values)[: len(part)]
    return found


def _parts(fake: Found, places: Mapping[int, int], *, size: int) -> Iterator[list[int]]:
    """Places of fakes of one size, `size` at most at a time."""
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i in places:
        alike[_size(fake, i)].append(i)
    for indices in alike.values():
        yield from (indices[first : first + size] for first in range(0, len(indices), size))


def _stacked(pictures: Iterable[np.ndarray]) -> np.ndarray:
    return np.stack([ops.normalise(picture) for picture in pictures])


def _tiles(fake: Found, real: Found, index: int, truth: int | None) -> dict[str, Any]:
    tiles = {"made": encoded(fake.load(index))}
    return tiles if truth is None else tiles | {"truth": encoded(real.load(truth))}
