"""`--mode=evaluate`: scores of a run on its held-out items, against the truth where there is one.

A try-on has a truth for persons in their own garment, and with paper dolls for any other garment
too. Scores are means over items, for each subset apart; what a network has to beat (the flat
garment, the unchanged person) stands beside them.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from tryon_jax import evaluate_landmarks
from tryon_jax.files import write_atomic
from tryon_jax.metrics import lpips
from tryon_jax.metrics.pairs import PAIRWISE
from tryon_jax.setup import UsageError, pipeline
from tryon_jax.weights import Trained, trained

PAIRS = ("same", "other")
ALL = "all"  # the subset of every item

Metrics = dict[str, Callable[[jax.Array, jax.Array], jax.Array]]  # by name; trees with weights
Table = dict[str, dict[str, dict[str, float]]]  # pairs, subset, score to its mean


def evaluate(workdir: str | os.PathLike[str], *, checkpoint: str = "latest") -> int:
    """Scores a run, prints a table and writes `metrics.json` into the run's folder.

    Args:
      workdir: of a run that has saved at least once; of a run in stages, the last one is scored.
      checkpoint: "latest", or a step.

    Returns:
      0.

    Raises:
      setup.UsageError: if the run's system has no scores, or no held-out item has a truth.
      data_pipelines.prepare.DataError: if the data cannot be used.
      FileNotFoundError: if the folder holds no run.
    """
    run = trained(workdir, checkpoint=checkpoint)
    if not run.system.scores and not run.system.finding:
        raise UsageError(
            f"{workdir} is a run of {run.config.system}, which has no truth to be scored against: "
            "--mode=evaluate takes runs of try-on and of landmarks"
        )
    print(f"weights: {run.origin}")
    data = pipeline(run.config)
    print(data.summary())
    table = evaluate_landmarks.scored(run, data) if run.system.finding else scored(run, data)
    if not table:
        raise UsageError(_nothing(run))
    print(text(table))
    path = Path(workdir) / "metrics.json"
    record = {"weights": run.origin, "data": data.summary(), "scores": table}
    write_atomic(path, f"{json.dumps(record, indent=2)}\n".encode())
    print(f"wrote {path}")
    return 0


def _nothing(run: Trained) -> str:
    """What to say where no held-out item has a truth."""
    if run.system.finding:
        return (
            f"there are no test boxes: write {run.config.data.test_annotations} in "
            f"{run.config.data.root}, or set --config.data.test_annotations in training"
        )
    return (
        "no held-out item has a truth: list persons in their own garment in "
        f"{run.config.data.test_same}, in {run.config.data.root}"
    )


def scored(run: Trained, data: Any) -> Table:
    """Means of every score over the items of each subset, by pairs.

    Args:
      run: the networks.
      data: a pipeline with `held_out`.

    Returns:
      Pairs to subset to score to number, `n` among them; without what has no truth.
    """
    table: Table = {}
    metrics = _metrics(run)
    for pairs in PAIRS:
        if not data.counts[f"test_{pairs}"]:
            continue
        numbers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for subsets, scores in _items(run, data, metrics, pairs=pairs):
            for subset in sorted({ALL, *subsets}):
                for name, value in scores.items():
                    numbers[subset][name].append(value)
        if numbers[ALL]:
            table[pairs] = {
                subset: {"n": len(next(iter(scores.values())))}
                | {name: float(np.mean(values)) for name, values in scores.items()}
                for subset, scores in numbers.items()
            }
    return table


def text(table: Table) -> str:
    """The table for people: for each kind of pairs a line for each score, a column each subset."""
    blocks = []
    for pairs, subsets in table.items():
        columns = sorted(subsets, key=lambda subset: (subset != ALL, subset))
        heads = [f"{subset} ({subsets[subset]['n']:.0f})" for subset in columns]
        title = f"{pairs} garment" if pairs in PAIRS else f"{pairs} boxes"
        lines = [f"{title:<20}" + "".join(f"{head:>16}" for head in heads)]
        for name in (name for name in subsets[ALL] if name != "n"):
            numbers = (subsets[subset].get(name, float("nan")) for subset in columns)
            lines.append(f"{name:<20}" + "".join(f"{number:>16.4f}" for number in numbers))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _metrics(run: Trained) -> Metrics:
    """The metrics that the run's scores name; says which of them cannot be had."""
    names = {metric for metric, *_ in run.system.scores.values()}
    found: Metrics = {
        name: jax.tree_util.Partial(PAIRWISE[name]) for name in sorted(names & set(PAIRWISE))
    }
    if "lpips" in names:
        try:
            found["lpips"] = lpips.load("alex")
        except FileNotFoundError as error:
            print(f"without LPIPS: {error}")
    return found


def _items(
    run: Trained, data: Any, metrics: Metrics, *, pairs: str
) -> Iterator[tuple[frozenset[str], Mapping[str, float]]]:
    """Subsets and scores of every item."""

    @jax.jit
    def measure(state, batch, metrics):
        made = run.system.sample(state, batch)
        return {
            name: metrics[metric](*(made[key] for key in keys))
            for name, (metric, *keys) in run.system.scores.items()
            if metric in metrics and all(key in made for key in keys)
        }

    for held in data.held_out(pairs, batch_size=run.config.batch_size):
        measured = {k: np.asarray(v) for k, v in measure(run.state, held.batch, metrics).items()}
        for i, subsets in enumerate(held.subsets if measured else ()):
            yield subsets, {name: float(values[i]) for name, values in measured.items()}
