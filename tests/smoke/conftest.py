"""What several files of smoke tests share, made once."""

import pytest

from data_pipelines.dolls.export import Look, export
from tests.smoke.runs import run_stages, smoke_in_stages
from tryon_jax.train import DONE


@pytest.fixture(scope="session")
def staged(tmp_path_factory):
    """The folder of CP-VTON's finished smoke run in two stages; tests copy what they change."""
    workdir = tmp_path_factory.mktemp("staged") / "cpvton"
    assert run_stages(smoke_in_stages("cpvton"), workdir) == DONE
    return workdir


@pytest.fixture(scope="session")
def wardrobe(tmp_path_factory):
    """Four training and four test dolls as files in VITON's layout; tests copy what they change."""
    root = tmp_path_factory.mktemp("wardrobe") / "set"
    export(root, train=4, test=4, look=Look(height=64, width=48, style="photo", seed=0))
    return root
