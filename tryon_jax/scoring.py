"""Scores of what networks make of held-out items: one number per picture, and distances of sets.

Items stream through: of each there remain its scores, its features, and small pictures for a
report. Every process reads all items and computes its part of each batch; all then know everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from tryon_jax import real_sets, sharding
from tryon_jax.exams import Exam
from tryon_jax.grids import to_uint8
from tryon_jax.metrics import intervals, judges, lpips, pairs, sets
from tryon_jax.metrics.judges import DISTANCES, Judge
from tryon_jax.metrics.sets import Features
from tryon_jax.port import weight_file
from tryon_jax.report.tiles import Tile, encoded
from tryon_jax.system import State, System

ALL = "all"  # the subset of every item
FEWEST = 4  # items in a batch, about


class Value(NamedTuple):
    """One number of an evaluation."""

    kind: str  # of items: same, other, ab, ba
    subset: str
    name: str
    value: float
    low: float  # of its 95 % interval
    high: float
    n: int  # pictures
    better: str  # lower | higher
    protocol: str


class Tools(NamedTuple):
    """What pictures are scored by."""

    metrics: Mapping[str, Any]  # by name; trees with weights, functions of pairs of pictures
    judges: Mapping[str, Judge]
    distances: tuple[str, ...]  # of `judges.DISTANCES`


class Marked(NamedTuple):
    """What is known of the items of one kind."""

    kind: str
    names: list[str]
    subsets: list[frozenset[str]]
    scores: dict[str, np.ndarray]  # by name, float64 [N]
    metric_of: dict[str, str]  # by name of a score
    fakes: dict[str, Features]  # by judge
    sources: dict[str, Features]  # by judge, what the fakes were made from
    tiles: list[dict[str, Tile]]  # of each item, by key


def metrics_of(system: System) -> set[str]:
    """The metrics of pairs of pictures that a system's scores name."""
    exams = (Exam(scores=system.scores), *system.exams.values())
    return {metric for exam in exams for metric, *_ in exam.scores.values()}


def tools(metrics: Iterable[str], *, distances: tuple[str, ...], inception_file: str = "") -> Tools:
    """Metrics by name, and the judges of some distances; says what cannot be had.

    Raises:
      ValueError: if a distance is unknown, or a file of weights another one.
      FileNotFoundError: if the weights of a distance are missing.
    """
    found = judges.load(distances, inception_file=inception_file)
    return Tools(pairwise(metrics), found, distances)


def pairwise(names: Iterable[str]) -> dict[str, Any]:
    """Metrics of pairs of pictures; without its weights LPIPS is left out, and that said."""
    names = set(names)
    found: dict[str, Any] = {
        name: jax.tree_util.Partial(pairs.PAIRWISE[name])
        for name in sorted(names & {*pairs.PAIRWISE})
    }
    if "lpips" in names:
        try:
            found["lpips"] = lpips.load("alex")
        except FileNotFoundError as error:
            print(f"without LPIPS: {error}")
    return found


class Examiner:
    """Marks the items of one kind, again and again without compiling anew.

    Args:
      system: of the run.
      data: a pipeline with held-out items.
      kind: of items.
      tools: metrics and judges.
      batch_size: of the run, on which batches are built.
      mesh: all devices.
      limit: items to take, the first ones; 0: all.
    """

    def __init__(
        self,
        system: System,
        data: Any,
        kind: str,
        *,
        tools: Tools,
        batch_size: int,
        mesh: Mesh,
        limit: int = 0,
    ) -> None:
        self.kind, self._system, self._data, self._tools = kind, system, data, tools
        self._mesh, self._limit = mesh, limit
        self._size = -(-max(batch_size, FEWEST) // mesh.size) * mesh.size
        exam = system.exams.get(kind, Exam())
        self.exam = exam._replace(scores={**system.scores, **exam.scores})
        compared = (DISTANCES[name] for name in tools.distances)
        self.given: frozenset[str] = frozenset()  # keys of pictures that the data hold
        self._asked = sorted({d.judge for d in compared if d.needs_source})  # of the sources
        self._measure = jax.jit(self._measured, out_shardings=sharding.replicated(mesh))
        weights = {
            "metrics": dict(tools.metrics),
            "judges": {name: judge.features for name, judge in tools.judges.items()},
        }
        self._weights = sharding.place_whole(weights, mesh=mesh)

    def share(self, other: Examiner) -> None:
        """Takes the program of an examiner of the same system and exam."""
        self._measure, self._weights = other._measure, other._weights

    def mark(self, state: State, *, tiles: bool = False) -> Marked:
        """Scores and features of all items; with `tiles` also small pictures."""
        marked = Marked(self.kind, [], [], {}, {}, {}, {}, [])
        parts: list[dict[str, Any]] = []
        for held in self._items():
            count = len(held.names)
            self.given = frozenset(held.batch)
            made = {
                group: {name: x[:count] for name, x in arrays.items()}
                for group, arrays in self._batch(state, held.batch).items()
            }
            marked.names.extend(held.names)
            marked.subsets.extend(held.subsets)
            shown = made.pop("shown")
            if tiles:
                marked.tiles.extend(_tiles(shown, count=count))
            parts.append(made)
        return self._gathered(marked, parts)

    def real(self) -> dict[str, Features]:
        """The real pictures of the kind, by judge; from the cache if they are known."""
        if not self.exam.fake:
            return {}
        return real_sets.remembered(self._real_pictures, self._tools.judges, mesh=self._mesh)

    def values(self, marked: Marked, real: Mapping[str, Features]) -> list[Value]:
        """The numbers of all items and of each subset, with their intervals.

        Args:
          marked: what `mark` gave.
          real: what `real` gave.

        Raises:
          ValueError: if there are too few pictures for a distance.
        """
        found = mean_values(marked)
        if self.exam.fake:
            found_sets = {"fakes": marked.fakes, "real": real, "sources": marked.sources}
            distances = distance_values(marked.kind, self._tools.distances, **found_sets)
            origin = self._data.real_origin(self.kind)
            found += [x._replace(protocol=f"{x.protocol}: {origin}") for x in distances]
        return found

    def notes(self, marked: Marked, real: Mapping[str, Features]) -> list[str]:
        """What a reader of the distances must know, a sentence each."""
        cautions = (judges.caution(fake, real[name]) for name, fake in marked.fakes.items())
        return [text for text in cautions if text]

    def _items(self) -> Iterator[Any]:
        left = self._limit or len(self._data.names(self.kind))
        for held in self._data.held_out(self.kind, batch_size=self._size):
            batch = {key: x[:left] for key, x in held.batch.items()}
            yield held._replace(batch=batch, names=held.names[:left], subsets=held.subsets[:left])
            left -= self._size
            if left <= 0:
                return

    def _real_pictures(self) -> Iterator[np.ndarray]:
        for batch in self._data.real(self.kind, batch_size=self._size):
            yield from to_uint8(batch)

    def _batch(self, state: State, batch: Mapping[str, np.ndarray]) -> dict[str, Any]:
        whole = {key: real_sets.padded(x, self._size) for key, x in batch.items()}
        placed = sharding.place(real_sets.own_share(whole), mesh=self._mesh)
        return jax.tree.map(np.asarray, self._measure(state, placed, self._weights))

    def _measured(self, state: State, batch: Mapping[str, jax.Array], weights: Any) -> Any:
        """Scores, features and pictures of a batch; what nobody asks for is not computed."""
        made = {**batch, **self._system.sample(state, dict(batch))}
        exam, metrics = self.exam, weights["metrics"]
        scores = {
            name: metrics[metric](*(made[key] for key in keys))
            for name, (metric, *keys) in exam.scores.items()
            if metric in metrics and all(key in made for key in keys)
        }
        seen = {
            group: {
                name: judges.seen(f, _levels(made[key])) for name, f in weights["judges"].items()
            }
            for group, key in (("fakes", exam.fake), ("sources", exam.source))
            if key in made
        }
        shown = {key: made[key] for key in exam.shown if key in made}
        return {"scores": scores, "shown": shown, **seen}

    def _gathered(self, marked: Marked, parts: list[dict[str, Any]]) -> Marked:
        """The parts' scores and features together."""
        scores = {
            name: np.concatenate([part["scores"][name] for part in parts]).astype(np.float64)
            for name in self.exam.scores  # in this order: jit has sorted them
            if parts and name in parts[0]["scores"]
        }
        metric_of = {name: self.exam.scores[name][0] for name in scores}
        groups: dict[str, dict[str, Features]] = {"fakes": {}, "sources": {}}
        for group, found in groups.items():
            for part in parts:
                for name, features in part.get(group, {}).items():
                    before = found.get(name) or sets.init(self._tools.judges[name].width)
                    found[name] = sets.update(before, features)
        return marked._replace(scores=scores, metric_of=metric_of, **groups)


def examiners(
    system: System, data: Any, *, tools: Tools, batch_size: int, mesh: Mesh, limit: int = 0
) -> list[Examiner]:
    """One for each kind of held-out items; kinds that are examined alike share their program.

    Args as of `Examiner`.
    """
    found: list[Examiner] = []
    for kind in data.kinds:
        examiner = Examiner(
            system, data, kind, tools=tools, batch_size=batch_size, mesh=mesh, limit=limit
        )
        for other in found:
            if other.exam == examiner.exam:
                examiner.share(other)
        found.append(examiner)
    return found


def with_nearest(marked: Marked, real: Mapping[str, Features]) -> Marked:
    """Adds how far each fake's features are from those of the nearest real picture, by judge.

    The one number for a picture that has no truth: the largest belong to what no real picture
    resembles.
    """
    scores, metric_of = dict(marked.scores), dict(marked.metric_of)
    for name, fake in marked.fakes.items():
        if fake.complete and real[name].count:
            found = _nearest(fake.kept.array(), real[name].kept.array())
            scores[f"nearest_{name}"], metric_of[f"nearest_{name}"] = found, "nearest"
    return marked._replace(scores=scores, metric_of=metric_of)


def _nearest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x.astype(np.float64), y.astype(np.float64)
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    return np.sqrt(np.maximum(squares.min(1), 0))


def mean_values(marked: Marked) -> list[Value]:
    """The means of every score over all items and over each subset.

    Scores that are infinite (PSNR of equal pictures) are left out of the mean; n counts the others.
    """
    found = []
    held = set().union(*marked.subsets)
    for subset in (ALL, *sorted(held)):
        chosen = np.array([subset == ALL or subset in own for own in marked.subsets])
        for name, scores in marked.scores.items():
            numbers = scores[chosen][np.isfinite(scores[chosen])]
            if not len(numbers):
                continue
            metric = marked.metric_of[name]
            found.append(
                Value(
                    marked.kind,
                    subset,
                    name,
                    float(np.mean(numbers)),
                    *intervals.of_mean(numbers),
                    n=len(numbers),
                    better="higher" if metric in pairs.HIGHER else "lower",
                    protocol=pairs.PROTOCOLS[metric],
                )
            )
    return found


def distance_values(
    kind: str,
    names: tuple[str, ...],
    *,
    fakes: Mapping[str, Features],
    real: Mapping[str, Features],
    sources: Mapping[str, Features],
) -> list[Value]:
    """Distances between fakes and real pictures; n is the smaller number of pictures.

    Raises:
      ValueError: if there are too few pictures.
    """
    found = []
    for name in names:
        distance = DISTANCES[name]
        fake, true = fakes[distance.judge], real[distance.judge]
        if min(fake.count, true.count) < 2:
            raise ValueError(
                f"{name} of {kind} needs two pictures or more on each side, got {fake.count} fakes "
                f"and {true.count} real ones"
            )
        value, interval = distance.compute(fake, true, sources.get(distance.judge))
        counts = f"{fake.count} fakes, {true.count} real"
        text = f"{distance.protocol}; {counts}"
        n = min(fake.count, true.count)
        found.append(Value(kind, ALL, name, value, *interval, n=n, better="lower", protocol=text))
    return found


def lpips_origin() -> str:
    """The file of LPIPS's weights and its fingerprint; "" if it is not there."""
    try:
        path = weight_file.packaged("alexnet")
    except FileNotFoundError:
        return ""
    return f"{path.name} (sha256 {weight_file.fingerprint(path)})"


def _levels(pictures: jax.Array) -> jax.Array:
    """Bytes of pictures in [-1, 1], as they would be saved."""
    return jnp.rint(jnp.clip((pictures + 1) * 127.5, 0, 255)).astype(jnp.uint8)


def _tiles(shown: Mapping[str, np.ndarray], *, count: int) -> list[dict[str, Tile]]:
    pictures = {key: to_uint8(x) for key, x in shown.items()}
    return [{key: encoded(x[i]) for key, x in pictures.items()} for i in range(count)]
