"""FID's Inception against torch-fidelity, pytorch-fid and clean-fid, with drawn weights."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.goldens import golden_files, read
from tests.golden.metric_streams import weights
from tryon_jax.metrics import inception
from tryon_jax.metrics.resize import resize
from tryon_jax.networks.inception import BLOCKS, STEM, Inception
from tryon_jax.port import inception as port

PACKAGES = {"tf1": "torch_fidelity", "pt": "pytorch_fid", "clean": "clean_fid"}
FEATURES = {"64": "pool1", "192": "pool2", "768": "mixed6", "2048": "pool3",
            "logits": "logits", "logits_unbiased": "unbiased"}  # fmt: skip

STAGES = [*(name for name, *_ in STEM), *BLOCKS]

pytestmark = pytest.mark.slow


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("metrics", *patterns)]


@functools.cache
def variables(path):
    found = port.inception(weights("inception", read(path).meta["weights"]))
    return jax.tree.map(jnp.asarray, found)


@functools.cache
def compiled():
    """One program for all conventions: [2, 299, 299, 3] to features and stages."""

    def run(variables, x):
        with jax.default_matmul_precision("highest"):
            return Inception().apply(
                variables, x, capture_intermediates=lambda module, _: module.name in STAGES
            )

    return jax.jit(run)


@pytest.mark.parametrize("picture", ["a", "b"])
@pytest.mark.parametrize("convention", list(PACKAGES))
@pytest.mark.parametrize("path", cases("inception_fid*"))
def test_features(path, convention, picture):
    arrays = read(path).arrays
    rule = inception.CONVENTIONS[PACKAGES[convention]]
    levels = resize(arrays[f"img_{picture}"], size=(299, 299), convention=rule.resize)
    seen = levels[:, ::13, ::13]
    np.testing.assert_allclose(seen, arrays[f"resize_{convention}_{picture}"], atol=5e-3)
    made, _ = compiled()(variables(path), (levels - rule.grey) / rule.half)
    for theirs, ours in FEATURES.items():
        if (name := f"{convention}_{picture}_{theirs}") in arrays:
            np.testing.assert_allclose(made[ours], arrays[name], atol=5e-6, err_msg=name)


@pytest.mark.parametrize("path", cases("inception_fid*"))
def test_stages(path):
    arrays = read(path).arrays
    levels = resize(arrays["img_a"], size=(299, 299), convention="tf1")
    _, held = compiled()(variables(path), (levels - 128) / 128)
    for name in STAGES:
        (x,) = held["intermediates"][name]["__call__"]
        wanted = arrays[f"stage_mean_{name}"]
        np.testing.assert_allclose(x.mean((1, 2)), wanted, atol=5e-6 * (1 + np.abs(wanted).max()))


@pytest.mark.parametrize("path", cases("inception_fid*"))
def test_the_public_function(path):
    """The same through `Features`, whose weights would come from the published file."""
    arrays = read(path).arrays
    features = inception.Features(variables(path), "torch_fidelity")
    got = features(jnp.asarray(arrays["img_a"]))
    np.testing.assert_allclose(got["pool3"], arrays["tf1_a_2048_f64"], atol=5e-6)
