"""Starting runs in a test, and comparing what they leave behind."""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
from PIL import Image

from data_pipelines import stream
from tryon_jax import checkpoint, stages
from tryon_jax.setup import set_up
from tryon_jax.train import train

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = sorted(p.stem for p in (REPOSITORY / "configs").glob("[!_]*.py") if p.stem != "base")
MEASURED = {"time", "images_per_second", "data_wait", "process_bytes", "device_peak_bytes"}


def smoke(name, *, stage="", **fields):
    """The smoke variant of a config file, with fields such as batch_size=2 or data__root=...

    Of a config in stages, one stage as a run of its own: the first, or the one that is named.
    """
    config = smoke_in_stages(name)
    if config.order:
        config = stages.stage_config(config, stage or config.order[0])
    return changed(config, fields)


def smoke_in_stages(name, **fields):
    """The same with all its stages."""
    return changed(importlib.import_module(f"configs.{name}").get_config("smoke"), fields)


def changed(config, fields):
    """The config with some fields set."""
    with config.unlocked():
        for field, value in fields.items():
            *groups, last = field.split("__")
            node = config
            for group in groups:
                node = node[group]
            node[last] = value
    return config


def run(config, workdir, **options):
    """Trains in this process; returns the exit code."""
    return train(config, workdir=workdir, smaller="a smaller run", **options)


def run_stages(config, workdir, **options):
    """The same with all stages."""
    return stages.run(config, workdir=workdir, smaller="a smaller run", **options)


def launch(*arguments, timeout=300, **environment):
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "launch.py", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def rows(workdir):
    """The rows of metrics.jsonl without what a clock or the machine's memory says."""
    lines = (Path(workdir) / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(x).items() if k not in MEASURED} for x in lines]


def saved(config, workdir):
    """The newest checkpoint."""
    setup = set_up(config)
    with checkpoint.Checkpointer(workdir, latest=9, every=1) as checkpoints:
        return checkpoints.restore(setup.template, step=checkpoints.steps()[-1])[0]


def saved_state(config, workdir):
    """The newest checkpoint's arrays as a flat list."""
    state = saved(config, workdir)
    state = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(x) for x in jax.tree.leaves(state)]


def deliver_signal_at_step(monkeypatch, step):
    """SIGTERM while the batch of a step is fetched, counted over all runs from here on."""
    taken = 0
    original = stream.Batches.__next__

    def next_batch(self):
        nonlocal taken
        taken += 1
        if taken == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self)

    monkeypatch.setattr(stream.Batches, "__next__", next_batch)


def picture(path):
    """A picture file as int [H, W, C]."""
    with Image.open(path) as image:
        return np.asarray(image, int)
