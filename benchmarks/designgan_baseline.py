"""What landmarks, style and skin are worth: DesignGAN beside CycleGAN, on the same dolls and steps.

    python benchmarks/designgan_baseline.py --workdir=runs/baseline [--steps=1500]

Both translate trousers into shorts, by `configs/designgan.py:demo` and by CycleGAN's demo networks
on the same items; scores are means over held-out dolls, whose true counterparts are known. Both are
scored inside the true mask, for CycleGAN makes none. Runs are kept in the workdir, so that the
command can be given again. Prints a table, writes `scores.json`.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial

import jax
import numpy as np
from absl import app, flags, logging
from ml_collections import ConfigDict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

from configs import cyclegan, designgan
from tryon_jax import skin, train
from tryon_jax.metrics import garments, lpips, pairs
from tryon_jax.setup import pipeline
from tryon_jax.weights import trained

_WORKDIR = flags.DEFINE_string("workdir", "runs/baseline", "Where the runs are kept.")
_STEPS = flags.DEFINE_integer("steps", 0, "Steps of each run; 0: those of the demo.")

Scores = dict[str, float]
COLUMNS = ("mask_iou", "ssim", "lpips", "l1_changed", "l1_kept", "colours", "texture", "skin")


def main(argv: list[str]) -> None:
    """Trains what is not there yet, prints the table."""
    if len(argv) > 1:
        raise app.UsageError(f"options are written --workdir=DIR; got {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    workdir = pathlib.Path(_WORKDIR.value)
    jax.config.update("jax_compilation_cache_dir", str(workdir / "xla"))
    found: dict[str, Scores] = {}
    for name, config in {"DesignGAN": _designgan(), "CycleGAN": _cyclegan()}.items():
        print(f"--- {name}", flush=True)
        folder = workdir / name.lower()
        if train.train(config, workdir=folder, smaller="") == train.PREEMPTED:
            sys.exit(train.PREEMPTED)
        found |= scored(folder, name=name)
    (workdir / "scores.json").write_text(f"{json.dumps(found, indent=2)}\n")
    print(table(found))


def _designgan() -> ConfigDict:
    config = designgan.get_config("demo").unlock()
    return _timed(config)


def _cyclegan() -> ConfigDict:
    """CycleGAN's demo on the items and by the schedule of DesignGAN's."""
    config, other = cyclegan.get_config("demo").unlock(), designgan.get_config("demo")
    config.data = other.data
    for field in ("steps", "image_size", "batch_size"):
        config[field] = other[field]
    config.optim.update(other.optim)
    config.ema.update(other.ema)
    return _timed(config)


def _timed(config: ConfigDict) -> ConfigDict:
    config.steps = _STEPS.value or config.steps
    config.report.pictures = config.steps
    return config.lock()


def scored(workdir: pathlib.Path, *, name: str) -> dict[str, Scores]:
    """Means over held-out items of a run, of the unchanged person and of the counterpart itself."""
    run = trained(workdir)
    data, exposed = pipeline(run.config), tuple(run.config.data.expose_ab)
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    measure = jax.jit(partial(_measured, exposed=exposed))
    sample, judge = jax.jit(run.system.sample), lpips.load("alex")
    for held in data.held_out("other", batch_size=4):
        made = sample(run.state, held.batch)
        shown = {
            name: (made["fake_b"], made.get("fake_mask_b")),
            "the person unchanged": (held.batch["real_a"], held.batch["mask_a"]),
            "the counterpart": (held.batch["true_b"], held.batch["true_mask_b"]),
        }
        for who, (picture, mask) in shown.items():
            numbers = measure(judge, held.batch, picture, mask)
            for column, numbers_ in numbers.items():
                values[who][column] += np.asarray(numbers_).tolist()
    return {
        who: {column: float(np.nanmean(x)) for column, x in columns.items()}
        for who, columns in values.items()
    }


def _measured(
    judge: Callable[[jax.Array, jax.Array], jax.Array],
    batch: Mapping[str, jax.Array],
    picture: jax.Array,
    mask: jax.Array | None,
    *,
    exposed: tuple[str, ...],
) -> dict[str, jax.Array]:
    """Scores of translations to domain b, [N] each."""
    truth, person = batch["true_b"], batch["real_a"]
    garment = (picture, batch["true_mask_b"], person, batch["mask_a"])
    windows = skin.beside_source(
        picture,
        joints=batch["joints_a"],
        skin=batch["skin_a"],
        skin_valid=batch["skin_valid_a"],
        parts=exposed,
    )
    found = {
        "ssim": pairs.ssim(picture, truth),
        "lpips": judge(picture, truth),
        "l1_changed": pairs.l1_changed(picture, truth, person),
        "l1_kept": pairs.l1_kept(picture, truth, person),
        "colours": garments.colours(*garment),
        "texture": garments.texture(*garment),
        "skin": garments.skin(*windows),
    }
    return found | ({} if mask is None else {"mask_iou": pairs.iou(mask, batch["true_mask_b"])})


def table(found: Mapping[str, Scores]) -> str:
    """Markdown: a line for each who was scored."""
    lines = ["| result | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for who, scores in found.items():
        cells = [f"{scores[column]:.3f}" if column in scores else "" for column in COLUMNS]
        lines.append(f"| {who} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    app.run(main)
