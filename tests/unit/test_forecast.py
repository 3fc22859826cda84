import jax
import jax.numpy as jnp
import pytest

from tryon_jax import forecast


def test_a_forecast_reads_the_compiled_program():
    size = 256
    x = jnp.ones((size, size))
    found = forecast.forecast(jax.jit(lambda x: x @ x).lower(x).compile())
    assert found.flops == pytest.approx(2 * size**3, rel=0.01)
    assert found.peak_bytes >= 2 * x.nbytes
    assert 0 < found.step_seconds < 1


def test_short_runs_get_one_line():
    line = forecast.text(forecast.Forecast(2**30, 1e9, 0.5), steps=100, command="x")
    assert "1.00 GiB" in line and "50 s for 100 steps" in line and "\n" not in line


def test_long_runs_name_a_smaller_command():
    text = forecast.text(forecast.Forecast(2**30, 1e12, 30.0), steps=1_000_000, command="try this")
    assert text.endswith("try this")
    assert "347 days" in text
