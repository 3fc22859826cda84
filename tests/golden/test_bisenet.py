"""The parser of faces against zllrunning/face-parsing.PyTorch in float64, with drawn weights.

The file is small and always that of the repository: weights come from its seed.
"""

import jax
import numpy as np
import pytest

from data_pipelines import masks
from tests.golden.goldens import REPOSITORY, drawn_weights, nchw, nhwc, read
from tryon_jax.networks.bisenet import BiSeNet
from tryon_jax.port import bisenet
from tryon_jax.segment import faces

PATH = REPOSITORY / "tests" / "golden" / "data" / "segment" / "bisenet.npz"


def test_logits_become_probabilities_at_the_picture_s_size():
    """Bilinear, bicubic, softmax, sums; a picture of 29 x 51 that the network saw as 64 x 64."""
    arrays = read(PATH).arrays
    made = faces.layers(nhwc(arrays["out/logits"])[0], side=64, size=(29, 51))
    np.testing.assert_allclose(made["mask"][..., 0], arrays["out/foreground"][0], atol=1e-5)
    eroded = masks.eroded(arrays["out/glasses"][0][..., None])
    wanted = np.maximum(arrays["out/kept"][0][..., None], eroded)
    np.testing.assert_allclose(made["fix"], wanted, atol=1e-5)


@pytest.mark.slow
def test_network():
    golden = read(PATH)
    variables = bisenet.bisenet(drawn_weights(golden.meta, seed=golden.meta["seed"]))
    share = golden.arrays["in/picture"].astype(np.float32) / 255
    seen = (share - faces.MEAN) / faces.DEVIATION
    logits = jax.jit(BiSeNet().apply)(variables, seen)
    np.testing.assert_allclose(nchw(logits), golden.arrays["out/logits"], atol=1e-4)
