import errno
import json
import math
import os
import shlex
import subprocess
import sys

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict, config_dict

from configs.base import get_config
from tryon_jax import __version__, record
from tryon_jax.record import WorkdirError


@pytest.fixture
def config():
    config = get_config()
    config.system = "ugatit"
    config.model.sizes = (1, 2.5, (3,))
    config.model.width = config_dict.placeholder(int)
    config.model.seed = config.get_ref("seed")
    config.optim.eps = 0.1 + 0.2
    return config


def test_a_config_comes_back_exactly(tmp_path, config):
    config.lock()
    record.write(tmp_path, config)
    again = record.read(tmp_path)
    assert again.to_dict() == config.to_dict()
    assert record.difference(again, config) == []
    assert again.optim.eps == 0.30000000000000004
    assert again.model.sizes == (1, 2.5, (3,)) and again.model.width is None
    assert type(again.steps) is int and type(again.data.flip) is bool
    assert sorted(os.listdir(tmp_path)) == ["config.json", "versions.json"]


def test_the_files_are_sorted_and_readable(tmp_path, config):
    record.write(tmp_path, config)
    lines = (tmp_path / "config.json").read_text().splitlines()
    assert '    "lr": 0.0001,' in lines
    fields = [line.split('"')[1] for line in lines if line.startswith('  "')]
    assert fields == sorted(config.keys())


def test_versions_say_what_ran(tmp_path, config):
    record.write(tmp_path, config)
    versions = json.loads((tmp_path / "versions.json").read_text())
    assert list(versions) == sorted(versions)
    assert versions["jax"] == jax.__version__
    assert versions["tryon_jax"] == __version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"flax", "optax", "orbax-checkpoint", "numpy", "git", "platform"} < versions.keys()
    assert versions["devices"] == jax.device_count() and versions["backend"] == "cpu"
    assert shlex.split(versions["command"]) == sys.orig_argv


def git(folder, *args):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", folder, *identity, *args], check=True, capture_output=True)


def test_git_tells_the_commit_of_its_own_repository_only(tmp_path):
    folder = tmp_path.resolve()
    assert record._git(folder) is None  # no repository
    git(folder, "init")
    assert record._git(folder) is None  # no commit
    git(folder, "commit", "--allow-empty", "-m", "first")
    found = record._git(folder)
    assert len(found["commit"]) == 40 and found["dirty"] is False
    (folder / "package").mkdir()
    (folder / "package" / "a.py").write_text("")
    assert record._git(folder) == {"commit": found["commit"], "dirty": True}
    assert record._git(folder / "package") is None  # somebody else's repository


def test_a_machine_without_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert record._git(record.REPOSITORY) is None


def test_difference_names_each_field(config):
    other = config.copy_and_resolve_references()
    other.optim.lr = 2e-4
    other.optim.policy = "step"
    other.model.sizes = (1, 2.5)
    del other.ema.start
    other.weights.gen = ConfigDict({"cycle": 10.0})
    assert record.difference(config, other) == [
        "ema.start: 0.0 in the folder, absent now",
        "model.sizes: (1, 2.5, (3,)) in the folder, (1, 2.5) now",
        "optim.lr: 0.0001 in the folder, 0.0002 now",
        "optim.policy: 'linear' in the folder, 'step' now",
        "weights.gen.cycle: absent in the folder, 10.0 now",
    ]


def test_difference_is_of_what_json_keeps():
    assert record.difference(ConfigDict({"a": 1}), ConfigDict({"a": 1.0})) == [
        "a: 1 in the folder, 1.0 now"
    ]
    old = ConfigDict({"a": (1, 2), "b": 0.5, "c": math.nan})
    new = ConfigDict({"a": [1, 2], "b": np.float64(0.5), "c": math.nan})
    assert record.difference(old, new) == []


def test_read_says_how_to_make_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python launch.py --config=.* --workdir=") as info:
        record.read(tmp_path / "nothing")
    assert str(tmp_path / "nothing") in str(info.value)


def test_read_refuses_a_damaged_record(tmp_path):
    (tmp_path / "config.json").write_text('{"steps": 10')
    with pytest.raises(WorkdirError, match=r"config.json is not JSON .* another --workdir"):
        record.read(tmp_path)


def test_a_new_folder_is_made_and_left_empty(tmp_path, config):
    folder = record.open_workdir(str(tmp_path / "runs" / "x"), config)
    assert folder == tmp_path / "runs" / "x"
    assert os.listdir(folder) == []


def test_the_same_run_is_let_in(tmp_path, config):
    record.write(tmp_path, config)
    config.report.scalars = 7
    config.checkpoint.minutes = 1.0
    assert record.open_workdir(tmp_path, config) == tmp_path


def test_another_run_is_refused_with_the_repairs(tmp_path, config):
    record.write(tmp_path, config)
    config.report.scalars = 7
    config.steps = 20
    config.model.sizes = (1,)
    config.model.depth = 4
    with pytest.raises(WorkdirError) as info:
        record.open_workdir(tmp_path, config)
    assert str(info.value).splitlines() == [
        f"{tmp_path} holds a run with another config:",
        "  model.depth: absent in the folder, 4 now",
        "  model.sizes: (1, 2.5, (3,)) in the folder, (1,) now",
        "  steps: 1000000 in the folder, 20 now",
        "Only report.* and checkpoint.* may change during a run. Either",
        "  - give the same config file and options again, to resume that run,",
        "  - or set the fields back: '--config.model.sizes=(1, 2.5, (3,))' --config.steps=1000000",
        "  - or start a new run in another folder: --workdir=...",
    ]


def test_a_file_in_the_folders_place_is_named(tmp_path, config):
    path = tmp_path / "x"
    path.write_text("mine")
    with pytest.raises(WorkdirError, match=rf"workdir {path} \(File exists\); .* --workdir"):
        record.open_workdir(path, config)
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_named(config):
    with pytest.raises(WorkdirError, match=r"cannot write to the workdir /proc/tryon \(No such"):
        record.open_workdir("/proc/tryon", config)


def test_a_full_disk_is_named(tmp_path, config, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkdirError, match=r"\(No space left on device\); free some space or"):
        record.open_workdir(tmp_path, config)
    assert os.listdir(tmp_path) == []


def test_a_bucket_is_refused(config):
    with pytest.raises(WorkdirError, match=r"local folder, got gs://bucket/x"):
        record.open_workdir("gs://bucket/x", config)
    assert not os.path.exists("gs:")
