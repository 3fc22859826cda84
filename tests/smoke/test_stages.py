"""A run in two stages: it trains both, resumes anywhere, and hands the first to the second."""

import shutil

import jax
import numpy as np
import pytest

from tests.smoke.runs import (
    deliver_signal_at_step,
    rows,
    run,
    run_stages,
    saved,
    saved_state,
    smoke,
    smoke_in_stages,
)
from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax import adopt, record, setup, weights
from tryon_jax.port import cpvton as port
from tryon_jax.port import vgg
from tryon_jax.stages import stage_config
from tryon_jax.train import DONE, PREEMPTED


def assert_equal(x, y):
    jax.tree.map(np.testing.assert_array_equal, dict(x), dict(y))


@pytest.fixture(scope="module")
def gmm(staged):
    """What the first stage hands on: its averaged weights, and the statistics of its last step."""
    state = saved(smoke("cpvton", stage="gmm"), staged / "gmm")
    return {"params": state.ema["gmm"], "batch_stats": state.variables["batch_stats"]["gmm"]}


def fresh(**fields):
    """The second stage alone, before its first step."""
    run = setup.set_up(smoke("cpvton", stage="tom", **fields))
    return weights.fresh_state(run, given=weights.frozen(run, workdir="."))


class TestBothStages:
    def test_both_folders_are_complete(self, staged):
        for name, term in (("gmm", "gmm_warp"), ("tom", "tom_perceptual")):
            found = rows(staged / name)
            assert [row["step"] for row in found] == [1, 2, 3, 4]
            assert all(np.isfinite(row[term]) for row in found)
            assert {path.name for path in (staged / name / "checkpoints").iterdir()} == {"2", "4"}
            assert (staged / name / "config.json").exists()
        strips = {path.name for path in (staged / "tom" / "samples").glob("test_*_00000004.png")}
        assert strips == {"test_agnostic_00000004.png", "test_try_on_00000004.png"}
        assert record.read(staged).order == ("gmm", "tom")

    def test_the_same_command_again_does_nothing(self, staged, capsys):
        def times():
            found = [path for name in ("gmm", "tom") for path in (staged / name).rglob("*")]
            return {path: path.stat().st_mtime_ns for path in found if path.is_file()}

        before = times()
        assert run_stages(smoke_in_stages("cpvton"), staged) == DONE
        assert capsys.readouterr().out.splitlines() == [
            "stage 1 of 2, gmm: complete",
            "stage 2 of 2, tom: complete",
        ]
        assert times() == before

    def test_another_config_is_refused(self, staged):
        with pytest.raises(record.WorkdirError, match=r"seed: 0 in the folder, 1 now"):
            run_stages(smoke_in_stages("cpvton", seed=1), staged)

    def test_a_stage_of_another_run_is_refused(self, staged, tmp_path):
        shutil.copytree(staged / "gmm", tmp_path / "gmm")
        with pytest.raises(record.WorkdirError, match=r"gmm holds a run .*\n  seed: 0 in the fold"):
            run_stages(smoke_in_stages("cpvton", seed=1), tmp_path)

    def test_stopped_in_the_second_stage_it_resumes_elsewhere_bit_for_bit(
        self, staged, tmp_path, monkeypatch, capsys
    ):
        """The folder is moved and that of the first stage deleted: checkpoints hold its network."""
        config, here, there = smoke_in_stages("cpvton"), tmp_path / "here", tmp_path / "there"
        shutil.copytree(staged, here, ignore=shutil.ignore_patterns("tom"))
        deliver_signal_at_step(monkeypatch, 3)
        assert run_stages(config, here) == PREEMPTED
        monkeypatch.undo()
        assert [row["step"] for row in rows(here / "tom")] == [1, 2, 3]
        assert "stage 1 of 2, gmm: complete" in capsys.readouterr().out

        here.rename(there)
        shutil.rmtree(there / "gmm")
        assert run_stages(config, there) == DONE
        assert not (there / "gmm").exists()
        assert rows(there / "tom") == rows(staged / "tom")
        tom = stage_config(config, "tom")
        states = saved_state(tom, there / "tom"), saved_state(tom, staged / "tom")
        for x, y in zip(*states, strict=True):
            np.testing.assert_array_equal(x, y)

    def test_the_second_stage_keeps_the_first_network_and_vgg(self, staged, gmm):
        state = saved(smoke("cpvton", stage="tom"), staged / "tom")
        assert set(state.params) == {"tom"} and set(state.frozen) == {"gmm", "vgg"}
        assert_equal(state.frozen["gmm"], gmm["params"])
        assert_equal(state.variables["batch_stats"]["gmm"], gmm["batch_stats"])
        assert_equal(state.frozen["vgg"], vgg.load("", depth=16)["params"])


class TestTheSecondStageAlone:
    def test_it_says_what_it_needs(self):
        with pytest.raises(
            setup.UsageError, match=r"frozen.gmm is not set .*: give --config.frozen.gmm=FILE, or"
        ):
            fresh(frozen__gmm="")

    @pytest.mark.slow
    def test_of_the_folder_of_a_run_it_trains_the_same(self, staged, tmp_path):
        config = smoke("cpvton", stage="tom", frozen__gmm=str(staged / "gmm"))
        assert run(config, tmp_path) == DONE
        assert rows(tmp_path) == rows(staged / "tom")

    def test_of_a_run_in_stages(self, staged, gmm):
        assert_equal(fresh(frozen__gmm=str(staged)).frozen["gmm"], gmm["params"])

    def test_of_a_run_with_another_network(self, staged):
        fields = {"model__gmm__channels": 8, "model__gmm__lattice": (4, 5)}
        with pytest.raises(setup.UsageError) as refused:
            fresh(frozen__gmm=str(staged / "gmm"), **fields)
        assert str(refused.value).splitlines() == [
            f"frozen.gmm={staged / 'gmm'}: that run's model.gmm is another:",
            "  channels: 4 in the folder, 8 now",
            "  lattice: (5, 5) in the folder, (4, 5) now",
        ]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("nowhere.pth", r"frozen.gmm=nowhere.pth must be a file .* none at .*/nowhere.pth"),
            ("stage:gmn", r"frozen.gmm=stage:gmn: .*gmn holds no run; train that stage first"),
        ],
    )
    def test_of_nothing(self, source, message):
        with pytest.raises(setup.UsageError, match=message):
            fresh(frozen__gmm=source)

    def test_of_a_run_that_has_no_such_network(self, staged):
        path = staged / "gmm"
        with pytest.raises(setup.UsageError, match=r"gmm: that run has gmm, not vgg"):
            fresh(frozen__gmm=str(path), frozen__vgg=str(path))


@pytest.fixture(scope="module")
def file(gmm, tmp_path_factory):
    """The first stage's network as the authors' code would save it."""
    tensors = {key: whole("Float", x) for key, x in original(gmm).items()}
    return write_zip(tmp_path_factory.mktemp("torch") / "gmm_final.pth", tensors)


class TestFiles:
    def test_the_network_is_the_same(self, gmm, file):
        state = fresh(frozen__gmm=str(file))
        assert_equal(state.frozen["gmm"], gmm["params"])
        assert_equal(state.variables["batch_stats"]["gmm"], gmm["batch_stats"])

    def test_of_another_width(self, file):
        with pytest.raises(
            setup.UsageError,
            match=r"does not fit: \d+ arrays differ, such as "
            r"batch_stats/cloth_features/norm_0/mean, \(4,\) there and \(8,\) here; are the",
        ):
            fresh(frozen__gmm=str(file), model__gmm__channels=8)

    def test_of_another_network(self, tmp_path):
        tensors = {"stray.weight": whole("Float", np.zeros((2, 2), np.float32))}
        other = write_zip(tmp_path / "other.pth", tensors)
        with pytest.raises(setup.UsageError, match=r"frozen.gmm=.*other.pth: .*stray"):
            fresh(frozen__gmm=str(other))


def original(variables):
    """Our GMM in the names and layouts of the authors' code."""
    params, stats = variables["params"], variables["batch_stats"]
    tensors = {}

    def add_conv(key, ours):
        tensors[f"{key}.weight"] = ours["kernel"].transpose(3, 2, 0, 1)
        tensors[f"{key}.bias"] = ours["bias"]

    def add_norm(key, ours, moving):
        tensors[f"{key}.weight"], tensors[f"{key}.bias"] = ours["scale"], ours["bias"]
        tensors[f"{key}.running_mean"] = moving["mean"]
        tensors[f"{key}.running_var"] = moving["var"]

    rooms = {f"{theirs}.model": ours for theirs, ours in port.EXTRACTIONS.items()}
    for key, room in (rooms | {"regression.conv": "regression"}).items():
        behind = 1 if room == "regression" else 2  # the norm's place behind its convolution
        for i in range(4):
            add_conv(f"{key}.{3 * i}", params[room][f"conv_{i}"])
            if f"norm_{i}" in params[room]:
                moving = stats[room][f"norm_{i}"]
                add_norm(f"{key}.{3 * i + behind}", params[room][f"norm_{i}"], moving)
    theta = params["regression"]["theta"]
    kernel = np.reshape(theta["kernel"], (4, 3, -1, 50))  # rows, columns, channels, numbers
    tensors["regression.linear.weight"] = kernel.transpose(3, 2, 0, 1).reshape(50, -1)
    tensors["regression.linear.bias"] = theta["bias"]
    return {key: np.ascontiguousarray(x) for key, x in tensors.items()}


class TestImport:
    """`--mode=import`: a run at step 0 from the file of an original."""

    def test_it_warps_as_the_run_that_the_file_came_from(self, gmm, file, tmp_path, capsys):
        config = smoke("cpvton", stage="gmm")
        assert adopt.adopt(config, workdir=tmp_path, file=str(file)) == DONE
        assert "wrote" in capsys.readouterr().out
        assert "gmm_final.pth (sha256 " in (tmp_path / "frozen.json").read_text()
        run = weights.trained(tmp_path)
        assert run.origin.startswith("step 0 of ")
        assert_equal(run.state.params["gmm"], gmm["params"])
        assert_equal(run.state.ema["gmm"], gmm["params"])
        assert_equal(run.state.variables["batch_stats"]["gmm"], gmm["batch_stats"])
        with pytest.raises(setup.UsageError, match="holds a run at step 0"):
            adopt.adopt(config, workdir=tmp_path, file=str(file))

    def test_a_config_in_stages_is_refused(self, file, tmp_path):
        with pytest.raises(setup.UsageError, match="trains gmm and tom: name a stage"):
            adopt.adopt(smoke_in_stages("cpvton"), workdir=tmp_path, file=str(file))

    def test_a_file_of_another_network_is_refused(self, file, tmp_path):
        fields = {"stage": "tom", "frozen__gmm": str(file)}
        with pytest.raises(setup.UsageError, match=r"--input=.*gmm_final.pth: .*do not fit"):
            adopt.adopt(smoke("cpvton", **fields), workdir=tmp_path, file=str(file))
        with pytest.raises(
            setup.UsageError, match=r"gmm_final.pth has the keys extractionA.*; kno"
        ):
            adopt.adopt(smoke("cagan"), workdir=tmp_path / "b", file=str(file))
        assert not (tmp_path / "b" / "config.json").exists()
