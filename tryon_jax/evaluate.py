"""`--mode=evaluate`: scores of a run on its held-out items, and a report that shows them.

Every system says in its exams which of its pictures have a truth and which should look like the
real pictures of a kind. Scores are means over items, for each subset apart; what a network has to
beat (the flat garment, the unchanged picture) stands beside them. All numbers go to `metrics.json`,
and with pictures to `report.html`, both in the run's folder.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from tryon_jax import contents, evaluate_landmarks, files, record, scoring, sharding
from tryon_jax.examine import Examined, Options, examine
from tryon_jax.report import page
from tryon_jax.scoring import ALL, Value
from tryon_jax.setup import UsageError, make_system, pipeline
from tryon_jax.weights import Trained, last_stage, trained

TITLES = {"same": "same garment", "other": "other garment", "test": "test boxes"}
Table = dict[str, dict[str, dict[str, float]]]  # kind, subset, score to its mean


def evaluate(workdir: str | os.PathLike[str], options: Options = Options()) -> int:  # noqa: B008
    """Scores a run, prints tables, writes `metrics.json` and `report.html` into the run's folder.

    Args:
      workdir: of a run that has saved at least once; of a run in stages, the last one is scored.
      options: of the command line.

    Returns:
      0.

    Raises:
      setup.UsageError: if nothing can be scored, or a metric cannot be had.
      data_pipelines.prepare.DataError: if the data cannot be used.
      FileNotFoundError: if the folder holds no run.
    """
    if make_system(last_stage(workdir)[1]).finding:
        return _evaluate_landmarks(workdir, checkpoint=options.checkpoint)
    found = examine(workdir, options)
    table = tabulated(found.entry.values)
    print(text(table))
    for note in found.notes:
        print(f"note: {note}")
    if jax.process_index():
        return 0
    _write(Path(workdir), found, table=table, gallery=options.gallery)
    return 0


def _evaluate_landmarks(workdir: str | os.PathLike[str], *, checkpoint: str) -> int:
    """The same of a run that finds landmarks, which has numbers and no report."""
    run = trained(workdir, checkpoint=checkpoint)
    print(f"weights: {run.origin}")
    data = pipeline(run.config)
    print(data.summary())
    table = evaluate_landmarks.scored(run, data)
    if not table:
        raise UsageError(
            f"there are no test boxes: write {run.config.data.test_annotations} in "
            f"{run.config.data.root}, or set --config.data.test_annotations in training"
        )
    print(text(table))
    path = Path(workdir) / "metrics.json"
    found = {"weights": run.origin, "data": data.summary(), "scores": table}
    files.write_atomic(path, f"{json.dumps(found, indent=2)}\n".encode())
    print(f"wrote {path}")
    return 0


def scored(run: Trained, data: Any) -> Table:
    """Means of every score over the items of each subset, by kind, without distances of sets.

    Args:
      run: the networks.
      data: a pipeline with held-out items.

    Returns:
      Kind to subset to score to number, `n` among them; without what has no truth.
    """
    usual = scoring.tools(scoring.metrics_of(run.system), distances=())
    mesh, batch_size = sharding.data_mesh(), run.config.batch_size
    found = scoring.examiners(run.system, data, tools=usual, batch_size=batch_size, mesh=mesh)
    marked = [examiner.mark(run.state) for examiner in found]
    return tabulated([value for one in marked for value in scoring.mean_values(one)])


def tabulated(values: Sequence[Value]) -> Table:
    """Values by kind, subset and name; `n` counts the items that have a score."""
    table: Table = {}
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for value in values:
        rows = table.setdefault(value.kind, {}).setdefault(value.subset, {"n": 0})
        rows[value.name] = value.value
        counts[value.kind, value.subset] = max(counts[value.kind, value.subset], value.n)
        rows["n"] = counts[value.kind, value.subset]
    return table


def text(table: Table) -> str:
    """The table for people: for each kind of items a line for each score, a column each subset."""
    blocks = []
    for kind, subsets in table.items():
        columns = sorted(subsets, key=lambda subset: (subset != ALL, subset))
        heads = [f"{subset} ({subsets[subset]['n']:.0f})" for subset in columns]
        title = TITLES.get(kind, f"{kind} pictures")
        lines = [f"{title:<20}" + "".join(f"{head:>16}" for head in heads)]
        for name in (name for name in subsets[ALL] if name != "n"):
            found = (subsets[subset].get(name) for subset in columns)
            cells = ("-" if number is None else f"{number:.4f}" for number in found)
            lines.append(f"{name:<20}" + "".join(f"{cell:>16}" for cell in cells))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _write(folder: Path, found: Examined, *, table: Table, gallery: int) -> None:
    """Writes `metrics.json` and `report.html`."""
    contents.write_metrics(
        folder / "metrics.json",
        [found.entry],
        leaks=found.leaks,
        weights=found.entry.facts["weights"].partition(" (")[0],
        data=found.data.summary(),
        config=record.read(folder).to_dict(),
        versions=record.versions(),
        notes=found.notes,
        scores=table,
    )
    size = page.write(
        folder / "report.html",
        [found.entry],
        title=f"{found.entry.name}: {found.entry.facts['system']}",
        notes=found.notes,
        leaks=found.leaks,
        gallery=gallery,
    )
    print(f"wrote {folder / 'metrics.json'} and {folder / 'report.html'} ({size / 1e6:.1f} MB)")
