"""What CAGAN's choices are worth: each trained on paper dolls, scored against the true pictures.

    python benchmarks/cagan_questions.py --workdir=runs/questions [--steps=700 --seeds=3]

Every answer is a run of `configs/cagan.py:demo` that differs in one field, with as many steps; the
seed changes the initial networks, the order and the other garments. A run is kept in the workdir,
so that the command can be given again. Prints the table of `docs/cagan.md`, writes `scores.json`.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import sys
from collections.abc import Callable, Mapping

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

from configs import cagan
from tryon_jax import evaluate, train
from tryon_jax.setup import pipeline
from tryon_jax.weights import trained

_WORKDIR = flags.DEFINE_string("workdir", "runs/questions", "Where the runs are kept.")
_STEPS = flags.DEFINE_integer("steps", 700, "Steps of each run.", lower_bound=1)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Runs of each answer.", lower_bound=1)

Scores = Mapping[str, float]  # by name, means over held-out triplets
METRICS = ("ssim", "lpips", "l1_changed", "l1_kept")


def _inject_worn(config: ConfigDict) -> None:
    config.model.injected = "worn"


def _no_rec_adv(config: ConfigDict) -> None:
    del config.weights.gen["rec_adv"]


def _id(weight: float) -> Callable[[ConfigDict], None]:
    def change(config: ConfigDict) -> None:
        config.weights.gen["id"] = weight

    return change


ANSWERS: dict[str, Callable[[ConfigDict], None]] = {
    "y_j injected, rec_adv 1, id 0.5": lambda config: None,
    "y_i injected": _inject_worn,
    "no rec_adv": _no_rec_adv,
    "id 0": _id(0.0),
    "id 0.1": _id(0.1),
    "id 1": _id(1.0),
}


def main(argv: list[str]) -> None:
    """Trains what is not there yet, prints the table."""
    if len(argv) > 1:
        raise app.UsageError(f"options are written --workdir=DIR; got {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    workdir = pathlib.Path(_WORKDIR.value)
    jax.config.update("jax_compilation_cache_dir", str(workdir / "xla"))
    found: dict[str, list[Scores]] = {name: [] for name in ANSWERS}
    for seed in range(_SEEDS.value):
        for k, (name, change) in enumerate(ANSWERS.items()):
            print(f"--- {name}, seed {seed}", flush=True)
            scores = scored(change, workdir=workdir / f"{k}-{seed}", seed=seed, steps=_STEPS.value)
            if scores is None:
                sys.exit(train.PREEMPTED)
            found[name].append(scores)
    (workdir / "scores.json").write_text(f"{json.dumps(found, indent=2)}\n")
    print(table(found))


def scored(
    change: Callable[[ConfigDict], None], *, workdir: pathlib.Path, seed: int, steps: int
) -> Scores | None:
    """Scores of a run on persons in another garment; None if it was told to stop."""
    config = cagan.get_config("demo").unlock()
    config.steps, config.seed = steps, seed
    config.report.pictures = config.checkpoint.steps = steps
    change(config)
    if train.train(config.lock(), workdir=workdir, smaller="") == train.PREEMPTED:
        return None
    kept = workdir / "scores.json"
    if not kept.exists():
        run = trained(workdir)
        other = evaluate.scored(run, pipeline(run.config))["other"]
        kept.write_text(json.dumps(other[evaluate.ALL]))
    return json.loads(kept.read_text())


def table(found: Mapping[str, list[Scores]]) -> str:
    """Markdown: mean and standard deviation over seeds, below what has to be beaten."""
    first = next(iter(found.values()))[0]
    metrics = [metric for metric in METRICS if f"copy_{metric}" in first]
    lines = ["| run | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    for key, name in {"copy": "the photograph unchanged", "paste": "the garment pasted"}.items():
        cells = [f"{first[f'{key}_{metric}']:.3f}" for metric in metrics]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for name, scores in found.items():
        cells = [_spread([run[f"try_on_{metric}"] for run in scores]) for metric in metrics]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


if __name__ == "__main__":
    app.run(main)
