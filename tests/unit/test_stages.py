"""The configs of stages. Whole runs in stages: smoke/test_stages.py."""

import pytest

from configs import cpvton
from tryon_jax import record
from tryon_jax.stages import stage_config


@pytest.fixture
def config():
    return cpvton.get_config("smoke")


def test_a_stage_is_a_run_of_its_own(config):
    config.steps, config.batch_size = 7, 6
    config.stages.tom.steps = 5
    for name, steps in (("gmm", 7), ("tom", 5)):
        stage = stage_config(config, name)
        assert (stage.system, stage.steps, stage.batch_size) == (f"cpvton_{name}", steps, 6)
        assert stage.order == () and not stage.stages and stage.is_locked
    assert stage_config(config, "gmm").frozen.to_dict() == {}
    assert stage_config(config, "tom").frozen.to_dict() == {"gmm": "stage:gmm", "vgg": ""}


@pytest.mark.parametrize("name", ["gmm", "tom"])
def test_it_is_that_of_the_stage_alone(config, name):
    """So that a stage begun alone goes on in the whole run, and the other way round."""
    alone = cpvton.get_config(f"{name}-smoke")
    if name == "tom":
        alone.frozen.gmm = "stage:gmm"
    assert record.difference(alone, stage_config(config, name)) == []


def test_the_whole_config_stays_as_it_was(config):
    before = record.flatten(config)
    stage_config(config, "tom")
    assert record.flatten(config) == before and config.is_locked


def test_a_stage_may_change_a_field_of_any_group(config):
    with config.unlocked():
        config.stages.tom.optim = {"lr": 0.5}
    stage = stage_config(config, "tom")
    assert stage.optim.lr == 0.5 and stage.optim.b1 == config.optim.b1
    assert stage_config(config, "gmm").optim.lr == config.optim.lr != 0.5
