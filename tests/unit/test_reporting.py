import json
import subprocess
import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import logging
from PIL import Image

from tryon_jax import reporting
from tryon_jax.reporting import Averages, Reporter

ROWS = {"real_a": np.zeros((2, 64, 64, 3), np.float32), "fake_b": np.ones((2, 64, 64, 3))}


class Writer:
    """Stands for clu's writer, without TensorFlow: remembers what it is given."""

    def __init__(self, folder):
        self.folder, self.calls = folder, []

    def __getattr__(self, method):
        return lambda *args: self.calls.append((method, *args))


@pytest.fixture
def writers(monkeypatch):
    """The writers made so far."""
    made = []

    def make(folder):
        made.append(Writer(folder))
        return made[-1]

    fake = SimpleNamespace(metric_writers=SimpleNamespace(SummaryWriter=make))
    monkeypatch.setitem(sys.modules, "clu", fake)
    return made


@pytest.fixture
def warnings(monkeypatch):
    lines = []
    monkeypatch.setattr(logging, "warning", lambda text, *args: lines.append(text % args))
    return lines


def rows_of(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_each_writer_gets_what_it_should(tmp_path, writers, warnings):
    with Reporter(tmp_path, active=True) as reporter:
        reporter.text("config", "| a |")
        reporter.scalars(10, {"gen_cycle": 1 / 3, "disc": np.float32(0.1)})
        reporter.pictures(10, "train", ROWS)
    (row,) = rows_of(tmp_path)
    assert row.pop("time") > 1.7e9
    assert row == {"step": 10, "gen_cycle": 1 / 3, "disc": float(np.float32(0.1))}
    with Image.open(tmp_path / "samples" / "train_00000010.png") as image:
        picture = np.asarray(image)
    (writer,) = writers
    assert writer.folder == str(tmp_path / "tensorboard")
    calls = [call for call in writer.calls if call[0] != "flush"]
    assert calls[0] == ("write_texts", 0, {"config": "| a |"})
    assert calls[1] == ("write_scalars", 10, {"gen_cycle": 1 / 3, "disc": row["disc"]})
    assert calls[2][:2] == ("write_images", 10)
    np.testing.assert_array_equal(calls[2][2]["train"], picture[None])
    assert calls[3] == ("close",)
    assert writer.calls.count(("flush",)) == 3
    assert warnings == []


def test_an_inactive_reporter_does_nothing(tmp_path, writers):
    with Reporter(tmp_path / "x", active=False) as reporter:
        reporter.text("config", "| a |")
        reporter.scalars(10, {"gen_cycle": 1.0})
        reporter.pictures(10, "train", ROWS)
    assert not (tmp_path / "x").exists() and writers == []


def write_steps(workdir, steps, *, start_step):
    with Reporter(workdir, active=True, start_step=start_step) as reporter:
        for step in steps:
            reporter.scalars(step, {"loss": step / 7})


def test_a_resumed_run_has_the_rows_of_an_uninterrupted_one(tmp_path, writers, warnings):
    write_steps(tmp_path, [10, 20, 30], start_step=0)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "lo')  # killed in mid-write
    kept = (tmp_path / "metrics.jsonl").read_text().splitlines()[:2]
    write_steps(tmp_path, [30, 40], start_step=20)
    assert [(row["step"], row["loss"]) for row in rows_of(tmp_path)] == [
        (step, step / 7) for step in (10, 20, 30, 40)
    ]
    assert (tmp_path / "metrics.jsonl").read_text().splitlines()[:2] == kept
    assert warnings == []


def test_a_run_that_starts_again_starts_the_file_anew(tmp_path, writers):
    write_steps(tmp_path, [0, 10], start_step=0)
    write_steps(tmp_path, [0], start_step=0)
    assert [row["step"] for row in rows_of(tmp_path)] == [0]


def test_numbers_that_are_not_finite_can_be_read(tmp_path, writers):
    with Reporter(tmp_path, active=True) as reporter:
        reporter.scalars(1, {"gen": float("nan"), "disc": float("-inf")})
    (row,) = rows_of(tmp_path)
    assert np.isnan(row["gen"]) and row["disc"] == -np.inf


def test_a_failing_tensorboard_warns_once_and_the_others_go_on(tmp_path, writers, warnings):
    with Reporter(tmp_path, active=True) as reporter:

        def fail(*args):
            raise RuntimeError("quota exceeded")

        for method in ("write_scalars", "write_images", "write_texts", "close"):
            setattr(writers[0], method, fail)
        for step in (1, 2):
            reporter.text("config", "| a |")
            reporter.scalars(step, {"gen": 1.0})
            reporter.pictures(step, "train", ROWS)
    assert warnings == [
        f"Writing tensorboard in {tmp_path} failed (RuntimeError: quota exceeded); "
        "training goes on without it."
    ]
    assert len(rows_of(tmp_path)) == 2
    assert len(list((tmp_path / "samples").iterdir())) == 2


def test_a_machine_without_tensorflow_still_keeps_numbers_and_pictures(
    tmp_path, monkeypatch, warnings
):
    monkeypatch.setitem(sys.modules, "clu", None)
    with Reporter(tmp_path, active=True) as reporter:
        reporter.scalars(1, {"gen": 1.0})
        reporter.pictures(1, "train", ROWS)
    assert len(warnings) == 1 and "tensorboard" in warnings[0] and "clu" in warnings[0]
    assert len(rows_of(tmp_path)) == 1 and len(list((tmp_path / "samples").iterdir())) == 1


def test_a_folder_that_disappears_warns_once_for_each_writer(tmp_path, writers, warnings):
    place = tmp_path / "run"
    with Reporter(place, active=True) as reporter:
        (place / "metrics.jsonl").unlink()
        place.rmdir()
        place.write_text("a file in the folder's place")
        for step in (1, 2):
            reporter.scalars(step, {"gen": 1.0})
            reporter.pictures(step, "train", ROWS)
    assert len(warnings) == 2
    assert "metrics.jsonl" in warnings[0] and "NotADirectoryError" in warnings[0]
    assert "samples" in warnings[1]
    written = [call[0] for call in writers[0].calls if call[0] != "flush"]
    assert written == ["write_scalars", "write_images"] * 2 + ["close"]


def test_an_interrupt_is_not_swallowed(tmp_path, writers):
    def interrupt(*args):
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        Reporter(tmp_path, active=True) as reporter,
    ):
        writers[0].write_scalars = interrupt
        reporter.scalars(1, {"gen": 1.0})
    assert writers[0].calls[-1] == ("close",)


def test_the_room_opens_without_tensorflow():
    code = (
        "import sys, tryon_jax.reporting, tryon_jax.record, tryon_jax.progress; "
        "sys.exit(bool({'tensorflow', 'clu', 'tensorboard'} & sys.modules.keys()))"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=reporting.Path(__file__).parents[2]
    )


def test_tensorboard_can_be_read_back(tmp_path):
    with Reporter(tmp_path, active=True, start_step=5) as reporter:
        reporter.text("config", reporting.markdown_table({"optim.lr": 1e-4}))
        reporter.scalars(7, {"gen_cycle": 0.25})
        reporter.pictures(7, "train", ROWS)
    import tensorflow as tf

    (path,) = (tmp_path / "tensorboard").iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            found[value.tag] = event.step, tf.make_ndarray(value.tensor)
    step, loss = found["gen_cycle"]
    assert (step, loss) == (7, 0.25)
    step, picture = found["train"]
    with Image.open(tmp_path / "samples" / "train_00000007.png") as image:
        np.testing.assert_array_equal(tf.io.decode_png(picture[2]), np.asarray(image))
    step, text = next(value for tag, value in found.items() if tag.startswith("config"))
    assert step == 5 and b"| `optim.lr` | `0.0001` |" in text.item()


def test_averages_by_hand():
    averages = Averages()
    assert averages.mean() == {}
    step = jax.jit(lambda x: {"gen": x, "disc": 2 * x})
    for value in (1.0, 2.0, 6.0):
        averages.add(step(value))
    averages.add({"gen": jnp.bfloat16(3), "rare": jnp.float32(0.1)})
    mean = averages.mean()
    assert mean == {"gen": 3.0, "disc": 6.0, "rare": float(np.float32(0.1))}
    assert all(type(value) is float for value in mean.values())


def test_averages_keep_small_differences():
    averages = Averages()
    for value in [16_777_216.0] + [1.0] * 3:  # in float32 the ones would be lost
        averages.add({"gen": jnp.float32(value)})
    assert averages.mean()["gen"] == 16_777_219 / 4


def test_adding_does_not_wait_for_the_device():
    class Pending:
        shape = ()

        def __array__(self, *args, **kwargs):
            raise AssertionError("fetched")

    averages = Averages()
    averages.add({"gen": Pending()})
    with pytest.raises(AssertionError, match="fetched"):
        averages.mean()


def test_averages_name_a_metric_that_is_not_a_scalar():
    with pytest.raises(ValueError, match=r"got gen of shape \(3,\); take its mean"):
        Averages().add({"gen": jnp.zeros(3)})


def test_memory_of_this_process():
    block = np.ones(50_000_000, np.uint8)
    memory = reporting.memory_stats()
    assert block.nbytes < memory["process_bytes"] < 2**40


def test_memory_of_the_fullest_device(monkeypatch):
    stats = [{"peak_bytes_in_use": 5}, {"peak_bytes_in_use": 7, "bytes_in_use": 1}, None, {}]
    devices = [SimpleNamespace(memory_stats=lambda stat=stat: stat) for stat in stats]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)
    assert reporting.memory_stats()["device_peak_bytes"] == 7
    monkeypatch.setattr(jax, "local_devices", lambda: devices[2:])
    assert "device_peak_bytes" not in reporting.memory_stats()
