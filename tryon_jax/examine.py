"""A run examined: its held-out items through its networks, as an entry of a report."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from data_pipelines.leaks import Leaks, find
from tryon_jax import record, scoring, sharding, weights
from tryon_jax.contents import Entry, Group, group_of
from tryon_jax.folders import stem
from tryon_jax.metrics import judges
from tryon_jax.scoring import Marked, Tools, Value
from tryon_jax.setup import UsageError, batch_template, pipeline
from tryon_jax.weights import Trained, trained

UNSEEN = "unseen"  # the subset of items that were not trained on, where others were


class Options(NamedTuple):
    """How pictures are scored.

    `metrics` are names of distances of sets, with commas, "" the usual ones; `inception` is the
    file of FID's weights; `gallery` is how many items of each kind a report shows at most.
    """

    checkpoint: str = "latest"
    metrics: str = ""
    inception: str = ""
    gallery: int = 120


class Examined(NamedTuple):
    """What is known of a run."""

    entry: Entry
    notes: list[str]
    leaks: Leaks | None
    run: Trained
    data: Any  # its pipeline


def examine(workdir: str | os.PathLike[str], options: Options, *, name: str = "") -> Examined:
    """Scores a run on all its held-out items; says what it does.

    Args:
      workdir: of a run that has saved at least once; of a run in stages, the last one is scored.
      options: of the command line.
      name: of the run in a report; "": that of its folder.

    Raises:
      setup.UsageError: if nothing can be scored, or a metric cannot be had.
      data_pipelines.prepare.DataError: if the data cannot be used.
      FileNotFoundError: if the folder holds no run.
    """
    run = trained(workdir, checkpoint=options.checkpoint)
    check(run, workdir=workdir)
    print(f"weights: {run.origin}{', averaged' if run.state.ema else ''}")
    data = pipeline(run.config)
    print(data.summary())
    if not data.kinds:
        raise UsageError(
            "there are no held-out items: name a test folder or a list of test pairs in config.data"
        )
    tools = tools_of(run, options)
    leaks = leaks_of(data)
    groups, values, notes = _marked(run, data, tools=tools, leaks=leaks)
    if not values:
        raise UsageError(
            "no held-out item has a truth: list persons in their own garment in "
            f"{run.config.data.get('test_same', 'the test set')}, in {run.config.data.root}"
        )
    entry = Entry(
        name or Path(workdir).name or str(workdir),
        facts(run, tools=tools),
        groups,
        values,
        _size(run),
        f"{run.config.data.source} {run.config.data.root}".lower(),
    )
    return Examined(entry, notes, leaks, run, data)


def check(run: Trained, *, workdir: str | os.PathLike[str]) -> None:
    """Makes sure that the system says what of its pictures can be scored.

    Raises:
      setup.UsageError: if it does not.
    """
    if not run.system.scores and not run.system.exams:
        raise UsageError(
            f"{workdir} is a run of {run.config.system}, which has no truth to be scored against "
            "and names no fakes: give its module `scores` or `exams`, see docs/adding_a_system.md"
        )


def tools_of(run: Trained, options: Options) -> Tools:
    """Metrics and judges, those that the options name or the usual ones.

    Raises:
      setup.UsageError: if one of them cannot be had; says why and what to do.
    """
    exams = run.system.exams.values()
    translates = any(exam.source for exam in exams)
    usual = judges.distances(inception_file=options.inception, translates=translates)
    if not any(exam.fake for exam in exams):
        usual = ()
    return loaded(options, usual=usual, metrics=scoring.metrics_of(run.system))


def loaded(options: Options, *, usual: Sequence[str], metrics: Iterable[str]) -> Tools:
    """Metrics by name, and the distances that the options name or the usual ones.

    Raises:
      setup.UsageError: if one of them cannot be had; says why and what to do.
    """
    wanted = judges.asked(options.metrics, usual=tuple(usual))
    try:
        return scoring.tools(metrics, distances=wanted, inception_file=options.inception)
    except FileNotFoundError as error:
        if options.metrics or options.inception:
            raise UsageError(f"--metrics={options.metrics}: {error} (--inception=FILE)") from error
        print(f"without distances of sets: {error}")
        return scoring.tools(metrics, distances=())
    except ValueError as error:
        flags = f"--metrics={options.metrics} --inception={options.inception}"
        raise UsageError(f"{flags}: {error}") from error


def facts(run: Trained, *, tools: Tools) -> dict[str, str]:
    """Where the numbers of a run come from, for people and for the record."""
    git = record.versions()["git"] or {}
    commit = str(git.get("commit", "unknown"))[:12] + (", changed" if git.get("dirty") else "")
    found = {
        "weights": f"{run.origin} (sha256 {weights.digest(run.system, run.state)})",
        "system": run.config.system,
        "commit": commit,
    }
    found |= {f"judge {name}": judge.origin for name, judge in tools.judges.items()}
    if "lpips" in tools.metrics:
        found["LPIPS"] = scoring.lpips_origin()
    return found


def leaks_of(data: Any) -> Leaks | None:
    """Test pictures that are training pictures as well; None of data that are drawn, not read."""
    train, test = data.files("train"), data.files("test")
    if not train or not test:
        return None
    leaks = find(train, test)
    print(f"leaks: {leaks.text()}")
    return leaks


def with_unseen(marked: Marked, leaks: Leaks | None) -> Marked:
    """Adds the subset of items whose picture is not among the training pictures, if some are."""
    if not leaks or not leaks.pairs:
        return marked
    known = {stem(pair.test) for pair in leaks.pairs}
    known |= {PurePosixPath(name).name for name in known}  # a try-on names persons alone
    subsets = [
        own if known & {stem(name), name.partition("+")[0]} else own | {UNSEEN}
        for name, own in zip(marked.names, marked.subsets, strict=True)
    ]
    return marked._replace(subsets=subsets)


def _marked(
    run: Trained, data: Any, *, tools: Tools, leaks: Leaks | None
) -> tuple[dict[str, Group], list[Value], list[str]]:
    """Items, numbers and notes of every kind that has anything to score."""
    groups, values, notes = {}, [], []
    mesh, batch_size = sharding.data_mesh(), run.config.batch_size
    for examiner in scoring.examiners(
        run.system, data, tools=tools, batch_size=batch_size, mesh=mesh
    ):
        marked = with_unseen(examiner.mark(run.state, tiles=True), leaks)
        real = examiner.real()
        try:
            found = examiner.values(marked, real)
        except ValueError as error:
            raise UsageError(str(error)) from error
        if found:
            values += found
            groups[examiner.kind] = group_of(examiner, scoring.with_nearest(marked, real))
            notes += examiner.notes(marked, real)
    return groups, values, list(dict.fromkeys(notes))


def _size(run: Trained) -> tuple[int, int]:
    """Height and width of a run's pictures."""
    template = batch_template(run.config, mesh=sharding.data_mesh())
    _, height, width, _ = next(iter(template.values())).shape
    return height, width
