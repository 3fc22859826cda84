import errno
import fcntl
import io
import itertools
import os
import pty
import struct
import termios

import pytest

from tryon_jax import progress
from tryon_jax.progress import Progress, duration


class Terminal(io.StringIO):
    """80 columns: it has no file number to ask for its size."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def run(bar, clock, *, steps, seconds, numbers=None):
    for step in steps:
        clock[0] += seconds
        bar.update(step, numbers or {}, images_per_second=4 / seconds, data_wait=0.031)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (45, "45 s"),
        (59.7, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3 * 3600 + 20 * 60 + 34, "3 h 20 min"),
        (3600 + 5, "1 h"),
        (86_400 + 59, "1 day"),
        (12 * 86_400 + 4 * 3600 + 59, "12 days 4 h"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_a_line_says_where_how_fast_and_how_long(clock):
    stream = io.StringIO()
    bar = Progress(1000, stream=stream)
    run(bar, clock, steps=[1], seconds=60)  # compilation
    run(bar, clock, steps=[101], seconds=200, numbers={"disc": 0.51234, "gen_cycle": 12.0})
    first, second = stream.getvalue().splitlines()
    assert first == "step 1/1000 (0.1%)  0.0667 images/s  data wait 3%"  # one step tells nothing
    assert second == (
        "step 101/1000 (10.1%)  0.02 images/s  data wait 3%  29 min 58 s left"  # 899 steps of 2 s
        "  disc 0.5123  gen_cycle 12"
    )


def test_a_count_says_how_many_how_fast_and_how_long(clock):
    stream = io.StringIO()
    bar = Progress(300, stream=stream)
    for done, seconds in ((1, 40), (21, 10), (320, 60)):  # a total may be an estimate
        clock[0] += seconds
        bar.count(done, "frame")
    assert stream.getvalue().splitlines() == [
        "frame 1/300 (0.3%)  0.025 frames/s",
        "frame 21/300 (7.0%)  2 frames/s  2 min 20 s left",  # without the compilation
        "frame 320/320 (100.0%)  4.56 frames/s  0 s left",
    ]


def test_a_count_without_a_total_has_neither_share_nor_end(clock):
    stream = io.StringIO()
    bar = Progress(0, stream=stream)
    for done in (1, 2, 12):
        clock[0] += 5
        bar.count(done, "frame")
    assert stream.getvalue().splitlines()[-1] == "frame 12  1.1 frames/s"


def test_the_speed_after_a_resume_counts_the_steps_of_this_process(clock):
    stream = io.StringIO()
    bar = Progress(1000, stream=stream)
    bar.begin(500)
    run(bar, clock, steps=[600], seconds=100)
    assert "  6 min 40 s left" in stream.getvalue()


def test_a_file_gets_lines_at_growing_intervals(clock):
    stream = io.StringIO()
    bar = Progress(10_000, stream=stream)
    run(bar, clock, steps=range(1, 3601), seconds=1)
    lines = stream.getvalue().splitlines()
    seconds = [int(line.split()[1].split("/")[0]) for line in lines]
    pauses = [b - a for a, b in itertools.pairwise(seconds)]
    assert pauses[:9] == [5] * 9
    assert pauses == sorted(pauses) and pauses[-1] == 60
    assert len(lines) < 90
    assert "\r" not in stream.getvalue() and "\x1b" not in stream.getvalue()


def test_the_last_step_is_always_shown(clock):
    stream = io.StringIO()
    bar = Progress(3, stream=stream)
    run(bar, clock, steps=[1, 2, 3], seconds=0.001)
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["1/3", "3/3"]


def test_a_terminal_rewrites_one_line_that_fits(clock):
    stream = Terminal()
    bar = Progress(100, stream=stream)
    numbers = {f"gen_term_{i}": i for i in range(20)}
    run(bar, clock, steps=range(1, 101), seconds=0.125, numbers=numbers)
    drawn = stream.getvalue().split("\r\x1b[K")[1:]
    assert len(drawn) == 51  # steps 1, 3, ... 99, 100: at most one line in 0.2 s
    assert "\n" not in stream.getvalue()
    assert max(map(len, drawn)) == 79
    assert drawn[-1].startswith("step 100/100 (100.0%)  32 images/s  data wait 3%  0 s left")
    bar.close()
    bar.close()
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")


@pytest.mark.parametrize(("columns", "fitting"), [(60, 59), (0, 79)])
def test_a_terminal_is_asked_for_its_width(columns, fitting):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as reader, os.fdopen(theirs, "w") as stream:
        bar = Progress(100, stream=stream)
        bar.update(1, {"gen_" * 30: 1.0}, images_per_second=1.0, data_wait=0.0)
        line = reader.read(1000).decode().removeprefix("\r\x1b[K")
    assert len(line) == fitting


def test_a_note_has_a_line_of_its_own(clock):
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        bar = Progress(10, stream=stream)
        bar.note("before")
        run(bar, clock, steps=[1], seconds=1)
        bar.note("saved runs/x")
    line = "step 1/10 (10.0%)  4 images/s  data wait 3%"
    assert terminal.getvalue() == (
        f"\r\x1b[Kbefore\n\r\x1b[K{line}\r\x1b[Ksaved runs/x\n\r\x1b[K{line}"
    )
    assert file.getvalue() == f"before\n{line}\nsaved runs/x\n"


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_a_stream_that_fails_is_written_no_more(clock, kind):
    class Full(kind):
        calls = 0

        def write(self, text):
            self.calls += 1
            raise OSError(errno.ENOSPC, "No space left on device")

    stream = Full()
    bar = Progress(10, stream=stream)
    run(bar, clock, steps=range(1, 11), seconds=60)
    bar.note("done")
    bar.close()
    assert stream.calls == 1
