import os
import signal

import pytest

from tryon_jax.stopping import NonFiniteError, Stop, check_finite


def test_signals_are_caught_once_and_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    interrupt = signal.getsignal(signal.SIGINT)  # ignored, if a shell began this in the background
    with Stop() as stop:
        assert not stop.told
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.told
        assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGINT) is interrupt


def test_finite_numbers_pass():
    check_finite({"gen_cycle": [1.0, 2.0], "gen_adv": [0.0]}, first_step=1)
    check_finite({}, first_step=1)


def test_the_first_step_and_its_names_are_told():
    values = {"b": [1.0, 2.0, float("nan")], "a": [1.0, float("inf"), 3.0], "c": [1.0, 1.0, 1.0]}
    with pytest.raises(NonFiniteError, match="not finite at step 12: a = inf;"):
        check_finite(values, first_step=11)
