"""Where arrays live: the batch is split over axis `data` of a mesh, the state is on every device.

The step is one `jit` over this mesh; XLA inserts the all-reduces. Losses and batch statistics are
means over the global batch, so the numbers do not depend on the number of devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


def data_mesh() -> Mesh:
    """All devices of all processes along one axis, `data`."""
    # Auto axes: Explicit ones, the default, fail in the image pool and in batched linear solves
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
    """The first axis cut over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def check_batch(batch_size: int, *, mesh: Mesh, accumulate: int) -> None:
    """Refuses a batch that cannot be cut evenly.

    Raises:
      ValueError: if the devices times the accumulated parts do not divide the batch.
    """
    devices = mesh.size
    if batch_size % (devices * accumulate):
        raise ValueError(
            f"batch_size={batch_size} is over all devices together and must be a multiple of "
            f"{devices} devices x accumulate={accumulate}: set --config.batch_size="
            f"{max(1, round(batch_size / (devices * accumulate))) * devices * accumulate}"
            + (" or hide devices (CUDA_VISIBLE_DEVICES)" if devices > 1 else "")
        )


def place(batch: Mapping[str, np.ndarray], *, mesh: Mesh) -> dict[str, jax.Array]:
    """This process's share of a batch as part of one global array per key."""
    target = split(mesh)
    if jax.process_count() == 1:  # all arrays at once: half the time, of which data_wait consists
        return jax.device_put(dict(batch), target)
    return {k: jax.make_array_from_process_local_data(target, v) for k, v in batch.items()}


def place_whole(tree: Any, *, mesh: Mesh) -> Any:
    """Arrays that every process has in full, on every device."""
    target = replicated(mesh)
    if jax.process_count() == 1:
        # not through NumPy: a CPU would share its memory, and what is shared cannot be donated
        return jax.device_put(tree, target)

    def place_one(x: jax.Array) -> jax.Array:
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(place_one(jax.random.key_data(x)))
        return jax.make_array_from_process_local_data(target, np.asarray(x))

    return jax.tree.map(place_one, tree)


def whole_template(tree: Any, *, mesh: Mesh) -> Any:
    """Shapes with the sharding that `place_whole` gives."""
    target = replicated(mesh)
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=target), tree)
