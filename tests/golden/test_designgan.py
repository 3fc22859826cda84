"""DesignGAN's own parts against the reference implementation of the design, and InstaGAN's nets.

Float64 throughout but for the networks: what is drawn and compared there is met to 1e-9.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.goldens import golden_files, read
from tryon_jax import attention

KNOWN = ("own_landmark_attention*",)


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("designgan", *patterns)]


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


def landmarks(golden, name):
    """The points of a case, [1, K, 3]."""
    xy, v = golden.arrays[name.replace("_", "_pts_")], golden.arrays[name.replace("_", "_vis_")]
    return jnp.concatenate([jnp.asarray(xy), jnp.asarray(v)[:, None]], -1)[None]


def softness(case):
    return attention.Softness(case["sigma"], case["tau"], case.get("r_contour", 0), case["kappa"])


@pytest.mark.slow  # five categories and bodies to compile
@pytest.mark.parametrize("path", cases("own_landmark_attention*"))
def test_attention(path, float64):
    golden = read(path)
    size = golden.arrays["body_att_0"].shape
    body = jax.jit(partial(attention.body_attention, size=size))
    garment = jax.jit(partial(attention.garment_attention, size=size), static_argnames="category")
    for name, case in golden.meta["cases"].items():
        if not name.startswith(("body_", "gar_")) or name == "gar_grad":
            continue
        points, soft = landmarks(golden, name), softness(case)
        if name.startswith("body"):
            got = body(points, soft=soft)
            assert float(attention.trunk_length(points)[0]) == pytest.approx(case["scale"] or 0)
        else:
            got = garment(points, soft=soft, category=case["category"])
        want = golden.arrays[name.replace("_", "_att_")]
        np.testing.assert_allclose(got[0, ..., 0], want, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("path", cases("own_landmark_attention*"))
def test_gradient_of_attention(path, float64):
    golden = read(path)
    case = golden.meta["cases"]["gar_grad"]
    xy = jnp.asarray(golden.arrays["gar_grad_pts_in"])
    size = golden.arrays["gar_att_0"].shape

    def objective(xy):
        points = jnp.concatenate([xy, jnp.ones((len(xy), 1))], -1)[None]
        maps = attention.garment_attention(
            points, category=case["category"], size=size, soft=softness(case)
        )
        return jnp.mean(maps**2)

    want = golden.arrays["gar_grad_pts"]
    np.testing.assert_allclose(jax.jit(jax.grad(objective))(xy), want, atol=1e-9)


@pytest.mark.parametrize("path", cases("own_landmark_attention*"))
def test_discs(path, float64):
    """The file keeps the maps alone: each centre is solved from the slopes around the brightest."""
    golden = read(path)
    want, sigma = golden.arrays["gauss17"], golden.meta["cases"]["gauss17"]["sigma"]
    centres = np.array([centre(np.float64(disc), sigma) for disc in want])
    points = np.concatenate([centres, np.ones((len(want), 1))], 1)[None]
    got = attention.discs(points, size=want.shape[1:], sigma=sigma)
    np.testing.assert_allclose(np.moveaxis(got[0], -1, 0), want, atol=2e-6)


def centre(disc, sigma):
    """(x, y) of a Gaussian: log-ratios of neighbours are linear in it."""
    row, col = np.unravel_index(disc.argmax(), disc.shape)
    x = sigma**2 * np.log(disc[row, col + 1] / disc[row, col - 1]) / 2 + col
    y = sigma**2 * np.log(disc[row + 1, col] / disc[row - 1, col]) / 2 + row
    return x, y
