"""Every config in the folder: it trains, shows, saves, resumes bit for bit, and infers."""

import functools
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from data_pipelines.prepare import DataError
from tests.smoke.runs import (
    CONFIGS,
    REPOSITORY,
    deliver_signal_at_step,
    launch,
    picture,
    rows,
    run,
    saved_state,
    smoke,
)
from tryon_jax import checkpoint, infer, setup
from tryon_jax.train import DONE, PREEMPTED

# they take long to compile
SLOW = dict.fromkeys(
    ("cagan", "landmarks_garment", "landmarks_human", "photo2cartoon", "ugatit", "ugatit_enhanced"),
    pytest.mark.slow,
)
TRANSLATORS = [
    pytest.param(name, marks=SLOW.get(name, ()))
    for name in CONFIGS
    if smoke(name).data.pipeline == "unpaired"
]
translators = pytest.mark.parametrize("finished", TRANSLATORS, indirect=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """From a config's name to the folder of its finished smoke run, each made once."""

    @functools.cache
    def finish(name):
        workdir = tmp_path_factory.mktemp(name)
        assert run(smoke(name), workdir) == DONE
        return workdir

    return finish


@pytest.fixture(params=[pytest.param(name, marks=SLOW.get(name, ())) for name in CONFIGS])
def finished(request, runs):
    """A config's name and the folder of its finished smoke run."""
    return request.param, runs(request.param)


def test_a_run_leaves_numbers_pictures_and_checkpoints(finished):
    name, workdir = finished
    config = smoke(name)
    found = rows(workdir)
    assert [row["step"] for row in found] == [1, 2, 3, 4]
    players = [player for player in config.weights if f"{player}_lr" in found[0]]
    assert players
    for player in players:  # others belong to another stage
        for term in config.weights[player]:
            assert all(np.isfinite(row[f"{player}_{term}"]) for row in found)
    strips = setup.make_system(config).strips
    for step in (0, 2, 4):
        for split in ("train", "test"):
            for strip in strips:
                grid = picture(workdir / "samples" / f"{split}_{strip}_{step:08d}.png")
                assert grid.std() > 5
    assert list((workdir / "tensorboard").glob("events*"))
    assert (workdir / "config.json").exists() and (workdir / "versions.json").exists()
    assert {p.name for p in (workdir / "checkpoints").iterdir()} >= {"2", "4"}


def test_told_to_stop_it_saves_and_continues_bit_for_bit(finished, tmp_path, monkeypatch):
    name, whole = finished
    config = smoke(name)
    deliver_signal_at_step(monkeypatch, 3)
    assert run(config, tmp_path) == PREEMPTED
    monkeypatch.undo()
    assert run(config, tmp_path) == DONE
    assert rows(tmp_path) == rows(whole)
    for x, y in zip(saved_state(config, tmp_path), saved_state(config, whole), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.slow
def test_rows_between_saves_are_those_of_an_uninterrupted_run(tmp_path, monkeypatch):
    """A mean over steps 1-4 is the same if the run stopped after step 3."""
    fields = {"report__scalars": 4, "checkpoint__steps": 3}
    config = smoke("cyclegan", **fields)
    assert run(config, tmp_path / "whole") == DONE
    deliver_signal_at_step(monkeypatch, 3)
    assert run(config, tmp_path / "cut") == PREEMPTED
    monkeypatch.undo()
    assert run(config, tmp_path / "cut") == DONE
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


@pytest.mark.slow
def test_it_saves_by_minutes_too(tmp_path):
    config = smoke("cyclegan", steps=3, checkpoint__minutes=0.0, checkpoint__steps=1000)
    assert run(config, tmp_path) == DONE
    assert checkpoint.saved_steps(tmp_path)[1] == [2, 3]


def test_a_finished_run_has_nothing_left_to_do(finished, capsys):
    name, workdir = finished
    before = rows(workdir)
    assert run(smoke(name), workdir) == DONE
    assert "complete at step 4" in capsys.readouterr().err
    assert rows(workdir) == before


@translators
def test_infer_translates_pictures_and_folders(finished, tmp_path, capsys):
    _, workdir = finished
    photo = np.random.default_rng(0).integers(0, 256, (50, 41, 3), dtype=np.uint8)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.fromarray(photo).save(tmp_path / "in" / "one.png")
    Image.fromarray(photo[:30]).save(tmp_path / "in" / "deep" / "two.jpg")
    options = infer.Options(str(tmp_path / "in"), str(tmp_path / "out"))
    infer.infer(workdir, options)
    assert "averaged" in capsys.readouterr().out
    assert picture(tmp_path / "out" / "one.png").shape == (50, 41, 3)
    assert picture(tmp_path / "out" / "deep" / "two.png").shape == (30, 41, 3)
    with pytest.raises(setup.UsageError, match="exists, and 1 more"):
        infer.infer(workdir, options)

    one = infer.Options(str(tmp_path / "in" / "one.png"), str(tmp_path / "beside.png"))
    infer.infer(workdir, one._replace(direction="ba", size="native", side_by_side=True))
    assert picture(tmp_path / "beside.png").shape == (50, 82, 3)
    first = picture(tmp_path / "out" / "one.png")
    infer.infer(workdir, one._replace(output=str(tmp_path / "raw.png"), average=False))
    assert np.abs(first - picture(tmp_path / "raw.png")).max() > 0


@translators
def test_infer_names_a_picture_that_cannot_be_read(finished, tmp_path):
    _, workdir = finished
    (tmp_path / "in.png").write_bytes(b"no picture")
    options = infer.Options(str(tmp_path / "in.png"), str(tmp_path / "out.png"))
    with pytest.raises(DataError, match=r"in\.png"):
        infer.infer(workdir, options)


@translators
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": "nowhere.png"}, "does not exist"),
        ({"output": "out.txt"}, "must end like a picture"),
        ({"direction": "up"}, "--direction must be one of ab, ba; got 'up'"),
        ({"size": "33"}, "multiple of 4 pixels; got '33'"),
        ({"checkpoint": "7"}, "holds 2, 4"),
    ],
)
def test_infer_refuses(finished, tmp_path, change, message):
    _, workdir = finished
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png")
    options = infer.Options(str(tmp_path / "in.png"), str(tmp_path / "out.png"))
    with pytest.raises(setup.UsageError, match=message):
        infer.infer(workdir, options._replace(**change))


@pytest.mark.parametrize("finished", ["cyclegan"], indirect=True)
def test_infer_puts_a_face_back_where_it_was(finished, tmp_path):
    """By points beside the picture; outside the mask the photograph keeps its pixels."""
    _, workdir = finished
    photo = np.random.default_rng(0).integers(0, 200, (90, 80, 3), dtype=np.uint8)
    mask = np.zeros((90, 80), np.uint8)
    mask[30:60, 25:55] = 255
    Image.fromarray(photo).save(tmp_path / "me.png")
    options = infer.Options(str(tmp_path), str(tmp_path / "out"), face="paste")
    with pytest.raises(DataError, match=r"me\.json is missing"):
        infer.infer(workdir, options)

    points = {"left_eye": [30, 40], "right_eye": [50, 40], "mouth": [40, 52], "chin": [40, 60]}
    (tmp_path / "me.json").write_text(json.dumps(points))
    Image.fromarray(mask).save(tmp_path / "me.mask.png")
    infer.infer(workdir, options)
    back = picture(tmp_path / "out" / "me.png")
    far = np.ones((90, 80), bool)
    far[28:62, 23:57] = False
    np.testing.assert_array_equal(back[far], photo[far])
    assert np.abs(back - photo)[35:55, 30:50].mean() > 5

    one = options._replace(input=str(tmp_path / "me.png"), output=str(tmp_path / "cut.png"))
    infer.infer(workdir, one._replace(face="cut"))
    cut = picture(tmp_path / "cut.png")
    assert cut.shape == (51, 51, 3)  # 2.1 of 24 pixels
    assert (cut[0] == 255).all() and (cut[25, 20:30] < 255).any()


@pytest.mark.slow
def test_killed_at_a_random_moment_it_continues_bit_for_bit(tmp_path):
    """SIGKILL, three times: what is on disk is always enough."""
    fields = {"steps": 60, "checkpoint__steps": 7, "report__scalars": 5, "report__pictures": 30}
    config = smoke("cyclegan", **fields)
    assert run(config, tmp_path / "whole") == DONE
    arguments = [f"--config.{k.replace('__', '.')}={v}" for k, v in fields.items()]
    command = [sys.executable, "launch.py", "--config=configs/cyclegan.py:smoke", *arguments]
    command.append(f"--workdir={tmp_path / 'killed'}")
    rng = np.random.default_rng(int(time.time()))
    for _ in range(3):
        process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        before = set((tmp_path / "killed").glob("checkpoints/*"))
        while set((tmp_path / "killed").glob("checkpoints/*")) == before:
            assert time.monotonic() < deadline
            if process.poll() is not None:
                break
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.wait()
    last = launch(*command[2:])
    assert last.returncode == DONE, last.stderr
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
    states = [saved_state(config, tmp_path / name) for name in ("killed", "whole")]
    for x, y in zip(*states, strict=True):
        np.testing.assert_array_equal(x, y)
