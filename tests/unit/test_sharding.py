import jax
import numpy as np
import pytest

from tryon_jax import sharding


@pytest.mark.parametrize("processes", [1, 2])
def test_a_batch_is_placed_along_the_devices(monkeypatch, processes):
    # several processes take another call; it gives the same where one of them has all devices
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    mesh = sharding.data_mesh()
    batch = {"x": np.arange(24, dtype=np.float32).reshape(4, 6), "y": np.ones(4, np.float32)}
    for array in batch.values():
        array.flags.writeable = False  # as they come from the stream
    placed = sharding.place(batch, mesh=mesh)
    assert list(placed) == ["x", "y"]
    for key, array in placed.items():
        assert isinstance(array, jax.Array) and array.committed
        assert array.sharding == sharding.split(mesh)
        np.testing.assert_array_equal(array, batch[key])
