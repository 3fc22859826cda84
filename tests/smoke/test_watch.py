"""Scores while training: curves, the best checkpoint, one device or several."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from data_pipelines import unpaired
from tests import tiny_judge
from tests.smoke.runs import REPOSITORY, launch, rows, run, smoke
from tryon_jax import checkpoint, watch, weights
from tryon_jax.metrics import judges
from tryon_jax.setup import UsageError
from tryon_jax.train import DONE
from tryon_jax.weights import trained

WATCHED = {"report__metrics": 1, "report__metric_items": 3, "checkpoint__latest": 1}


def scores(row):
    return {name: value for name, value in row.items() if name.startswith("score/")}


@pytest.mark.slow
class TestTraining:
    @pytest.fixture(scope="class")
    @staticmethod
    def watched(tmp_path_factory):
        """A run that scores itself at each step and keeps what is nearest to its own input."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(judges, "_load", tiny_judge.load)
            patch.setattr(unpaired, "TEST_DOLLS", 5)
            patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
            workdir = tmp_path_factory.mktemp("watched") / "run"
            config = smoke("cyclegan", checkpoint__best="ab_kd_vgg16", **WATCHED)
            assert run(config, workdir) == DONE
        return workdir

    def test_current_and_averaged_weights_have_curves(self, watched):
        found = [row for row in rows(watched) if scores(row)]
        assert [row["step"] for row in found] == [1, 2, 3, 4]
        for row in found:
            assert all(np.isfinite(value) for value in scores(row).values())
            for kind in ("ab", "ba"):
                names = {f"score/{kind}_kd_vgg16_{whose}" for whose in ("trained", "ema")}
                assert names <= set(row)
        last = scores(found[-1])
        assert last["score/ab_cycle_l1_ema"] != last["score/ab_cycle_l1_trained"]

    def test_the_best_checkpoint_stays(self, watched):
        curve = {row["step"]: row["score/ab_kd_vgg16_ema"] for row in rows(watched) if scores(row)}
        best = json.loads((watched / "best.json").read_text())
        assert best["step"] == min(curve, key=curve.__getitem__)
        assert best["value"] == pytest.approx(curve[best["step"]])
        _, steps = checkpoint.saved_steps(watched)
        assert set(steps) == {best["step"], 4}
        assert trained(watched, checkpoint="best").origin == f"step {best['step']} of {watched}"


def test_best_without_a_best_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"--checkpoint=best: .*no best checkpoint; train with"):
        weights._best_step(tmp_path)


def test_a_best_of_another_score_does_not_count(tmp_path):
    path = tmp_path / "best.json"
    path.write_text('{"name": "ab_kid", "step": 3, "value": 0.5}')
    assert watch._read(path, name="ab_kid") == ("ab_kid", 3, 0.5)
    assert watch._read(path, name="ab_fid") is None
    path.write_text("torn")
    assert watch._read(path, name="ab_kid") is None


DEVICES = """
import json, sys
import jax
jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))
from data_pipelines import unpaired
from tests import tiny_judge
from tests.smoke.runs import smoke
from tryon_jax import real_sets, scoring
from tryon_jax.metrics import judges
from tryon_jax.setup import set_up
from tryon_jax.weights import fresh_state

judges._load = tiny_judge.load
unpaired.TEST_DOLLS = 7
setup = set_up(smoke("cyclegan", batch_size=4))
tools = scoring.tools(("l1", "ssim"), distances=("fd_vgg16", "kd_vgg16"))
examiner = scoring.Examiner(setup.system, setup.pipeline, "ab", tools=tools,
                            batch_size=3, mesh=setup.mesh, limit=6)
values = examiner.values(examiner.mark(fresh_state(setup)), examiner.real())
print(json.dumps({value.name: [value.value, value.low, value.n] for value in values}))
"""


@pytest.mark.slow
def test_four_devices_score_as_one(tmp_path):
    """Six fakes, seven real pictures: no batch is full on four devices."""
    found = []
    for devices in ("1", "4"):
        cache = {"XDG_CACHE_HOME": str(tmp_path / devices), "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(
            [sys.executable, "-c", DEVICES, devices],
            cwd=REPOSITORY,
            env={**os.environ, **cache},
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))
    assert set(found[0]) == set(found[1]) and found[0]["fd_vgg16"][2] == 6
    for name, one in found[0].items():
        assert found[1][name] == pytest.approx(one, rel=1e-3, abs=1e-4), name


@pytest.mark.slow
def test_two_processes_score_as_one(tmp_path):
    """The command line after one step, items in batches of which no process has all."""
    arguments = ["--config=configs/cyclegan.py:smoke", "--config.batch_size=2", "--config.steps=1"]
    arguments += ["--config.report.metrics=1", "--config.report.metric_items=5"]
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    alone = launch(*arguments, f"--workdir={tmp_path / 'one'}", **cache)
    assert alone.returncode == 0, alone.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "launch.py", "--distributed", *arguments]
    command.append(f"--workdir={tmp_path / 'two'}")
    places = [
        {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
            "JAX_NUM_PROCESSES": "2",
            "JAX_PROCESS_ID": str(index),
            "XDG_CACHE_HOME": str(tmp_path / f"cache{index}"),
        }
        for index in range(2)
    ]
    processes = [
        subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **place},
            stderr=subprocess.PIPE,
            text=True,
        )
        for place in places
    ]
    for process in processes:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
    (one,), (two,) = ([scores(r) for r in rows(tmp_path / n) if scores(r)] for n in ("one", "two"))
    assert set(one) == set(two) and len(one) > 20
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=2e-2, abs=2e-3), name
