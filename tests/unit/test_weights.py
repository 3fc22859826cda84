"""Which run is meant, and what it lacks. Weights that are read: smoke/test_stages.py."""

from pathlib import Path

import jax
import numpy as np
import pytest

from configs import cpvton, cyclegan
from tryon_jax import record, setup, sharding, weights
from tryon_jax.port import weight_file
from tryon_jax.setup import UsageError
from tryon_jax.system import Reader


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


@pytest.fixture(scope="module")
def run():
    """The parts of a small run, without data."""
    config, mesh = cyclegan.get_config("smoke"), sharding.data_mesh()
    system = setup.make_system(config)
    batch = setup.batch_template(config, mesh=mesh)
    shapes = jax.eval_shape(system.init, jax.random.key(0), batch)
    return setup.Setup(config, system, None, mesh, shapes, batch)


class TestImport:
    """One file for several networks, here of zeros with a number in it for each network."""

    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "weights.pt"
        path.write_bytes(b"all of them")
        return path

    def readers(self, run, **numbers):
        """Readers of networks that fill each of them with a number."""

        def reader(network, number):
            tree = run.template.params[network]
            full = jax.tree.map(lambda x: np.full(x.shape, number, x.dtype), tree)
            return Reader(weight_file.existing, lambda path: {"params": full})

        return {network: reader(network, number) for network, number in numbers.items()}

    def imported(self, run, file, readers):
        state = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), run.template._replace(key=()))
        run = run._replace(system=run.system._replace(readers=readers, originals=None))
        found = weights.originals(run, str(file))
        return weights.with_originals(run, state, found), found

    def test_each_network_that_the_system_reads_is_filled(self, run, file):
        readers = self.readers(run, gen_ab=1, gen_ba=2, disc_a=3)
        state, found = self.imported(run, file, readers)
        assert {network: original.path for network, original in found.items()} == dict.fromkeys(
            readers, file
        )
        values = {n: {float(x.max()) for x in jax.tree.leaves(t)} for n, t in state.params.items()}
        assert values == {"gen_ab": {1.0}, "gen_ba": {2.0}, "disc_a": {3.0}, "disc_b": {0.0}}
        assert {float(x.max()) for x in jax.tree.leaves(state.ema["gen_ba"])} == {2.0}

    def test_what_cannot_be_read_is_told(self, run, file):
        with pytest.raises(UsageError, match="weights of cyclegan cannot be imported from a file"):
            self.imported(run, file, {})
        with pytest.raises(UsageError, match=r"--input=/nowhere/x.pt: no file of weights at"):
            self.imported(run, Path("/nowhere/x.pt"), self.readers(run, gen_ab=1))
        short = {"gen_ab": Reader(weight_file.existing, lambda path: {"params": {}})}
        with pytest.raises(UsageError, match=r"weights.pt does not fit: \d+ arrays differ"):
            self.imported(run, file, short)
