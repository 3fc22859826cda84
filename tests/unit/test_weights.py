"""Which run is meant, and what it lacks. Weights that are read: smoke/test_stages.py."""

import pytest

from configs import cpvton, cyclegan
from tryon_jax import record, weights
from tryon_jax.setup import UsageError


@pytest.fixture
def staged(tmp_path):
    """The record of a run in stages, of which none has begun."""
    record.write(tmp_path, cpvton.get_config("smoke"))
    return tmp_path


def test_a_run_must_be_named():
    with pytest.raises(UsageError, match="needs the folder of a run: --workdir=runs/NAME"):
        weights.last_stage("")


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no run in .*config.json is missing"):
        weights.last_stage(tmp_path)


def test_a_run_without_stages_is_its_own_last(tmp_path):
    record.write(tmp_path, cyclegan.get_config("smoke"))
    folder, config = weights.last_stage(tmp_path)
    assert folder == tmp_path and config.system == "cyclegan"


def test_the_last_stage_is_meant(staged):
    record.write(staged / "tom", cpvton.get_config("tom-smoke"))
    folder, config = weights.last_stage(staged)
    assert folder == staged / "tom" and config.system == "cpvton_tom"


def test_a_last_stage_that_has_not_begun(staged):
    with pytest.raises(
        UsageError, match=r"has not reached its last stage, tom: .*--workdir=.*/gmm"
    ):
        weights.trained(staged)


@pytest.mark.parametrize("checkpoint", ["latest", "7"])
def test_a_run_that_has_not_saved(tmp_path, checkpoint):
    record.write(tmp_path, cyclegan.get_config("smoke"))
    with pytest.raises(
        UsageError, match=rf"--checkpoint={checkpoint}: .* no checkpoint yet; train"
    ):
        weights.trained(tmp_path, checkpoint=checkpoint)
