"""The networks of the metrics' golden files: weights by seed, shapes from `shapes.json`.

One legacy generator for each network; keys in the order of their characters, so that features.10
comes before features.2.
"""

import json

import numpy as np

from tests.golden.goldens import folder


def weights(network, described):
    """A state dict of float32 arrays in PyTorch's layout.

    Args:
      network: a key of `shapes.json`.
      described: `weights` of a file's description; its digest is checked.
    """
    shapes = json.loads((folder() / "metrics" / "shapes.json").read_text())[network]
    rng = np.random.RandomState(described["seed"])
    drawn = {}
    for key in sorted(shapes):
        if not key.endswith("num_batches_tracked"):
            drawn[key] = _scaled(rng.standard_normal(shapes[key]), key).astype(np.float32)
    count, total, squares, first, last = described["digest"]
    values = [x.astype(np.float64) for x in drawn.values()]
    assert sum(x.size for x in values) == count
    found = [sum(x.sum() for x in values), sum((x * x).sum() for x in values)]
    found += [values[0].flat[0], values[-1].flat[-1]]
    np.testing.assert_allclose(found, [total, squares, first, last], rtol=1e-9)
    return drawn


def _scaled(z, key):
    if key.endswith("running_var"):
        return 1 + 0.2 * np.abs(z)
    if z.ndim >= 2:
        return z * np.sqrt(2 / np.prod(z.shape[1:]))
    if key.endswith("weight"):
        return 1 + 0.1 * z
    return 0.1 * z  # biases, running means
