"""Warping against CP-VTON's PyTorch code: splines, sampling with gradients, correlation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.goldens import golden_files, nchw, nhwc, read, relative_l2
from tryon_jax import warp


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("cpvton", *patterns)]


def shifts(theta):
    """The original's 25 dx, then 25 dy, as [N, 25, 2]."""
    return jnp.asarray(theta.reshape(len(theta), 2, -1).swapaxes(1, 2))


@pytest.mark.parametrize("path", cases("tps_*x*"))
def test_the_grid_of_the_paper(path):
    golden = read(path)
    size = (golden.meta["h"], golden.meta["w"])
    got = warp.tps_grid(shifts(golden.arrays["theta"]), size=size)
    np.testing.assert_allclose(got, golden.arrays["grid"], atol=3e-5)
    nodes = warp.lattice_nodes((5, 5))
    np.testing.assert_allclose(nodes[:, 0], golden.arrays["P_X"].ravel(), atol=1e-7)
    np.testing.assert_allclose(nodes[:, 1], golden.arrays["P_Y"].ravel(), atol=1e-7)
    # the original's inverse, in float32, applied to the shifts: our basis without its pixels
    inverse = golden.arrays["Li"].astype(np.float64)
    pixels = warp.identity_grid(size).reshape(-1, 2)
    basis = warp._terms(pixels, nodes) @ inverse[:, :25]
    np.testing.assert_allclose(warp.tps_basis(size, (5, 5), 1.0), basis, atol=1e-4)


@pytest.mark.parametrize("path", cases("tps_small*"))
def test_grids_of_any_size(path):
    golden = read(path)
    for case in golden.meta["cases"]:
        side = case["grid_size"]
        got = warp.tps_grid(
            shifts(golden.arrays[f"theta_{case['i']}"]),
            size=(case["h"], case["w"]),
            lattice=(side, side),
        )
        np.testing.assert_allclose(got, golden.arrays[f"grid_{case['i']}"], atol=3e-5)


@pytest.mark.parametrize("path", cases("grid_sample*"))
@pytest.mark.parametrize("corners", ["align", "noalign"])
@pytest.mark.parametrize("padding", warp.PADDINGS)
def test_sampling(path, padding, corners):
    golden = read(path)
    arrays, kind = golden.arrays, f"{padding}_{corners}"
    options = {"padding": padding, "align_corners": corners == "align"}
    image, target = nhwc(arrays["image"]), nhwc(arrays["target"])
    got = warp.sample(image, arrays["grid"], **options)
    np.testing.assert_allclose(nchw(got), arrays[f"warp_{kind}"], atol=5e-6)
    got = warp.sample(image, arrays["edge_grid"], **options)
    np.testing.assert_allclose(nchw(got), arrays[f"edge_{kind}"], atol=5e-6)

    def loss(image, grid):
        return jnp.mean((warp.sample(image, grid, **options) - target) ** 2)

    value, (d_image, d_grid) = jax.value_and_grad(loss, (0, 1))(image, arrays["grid"])
    np.testing.assert_allclose(value, arrays[f"loss_{kind}"], rtol=5e-6)
    assert relative_l2(nchw(d_image), arrays[f"dimage_{kind}"]) < 1e-4
    assert relative_l2(d_grid, arrays[f"dgrid_{kind}"]) < 1e-4

    def from_theta(theta):
        side = golden.meta["grid_size"]
        shift = theta.reshape(len(theta), 2, -1).swapaxes(1, 2)
        size = tuple(golden.meta["tps_out"])
        return loss(image, warp.tps_grid(shift, size=size, lattice=(side, side)))

    d_theta = jax.grad(from_theta)(jnp.asarray(arrays["theta"]))
    # the spline is solved in another precision: a few coordinates cross a pixel's centre
    assert relative_l2(d_theta, arrays[f"dtheta_{kind}"]) < 1e-3


@pytest.mark.parametrize("path", cases("features*"))
def test_features(path):
    arrays = read(path).arrays
    numbers = sorted({key.rsplit("_", 1)[1] for key in arrays if key.startswith("corr_")})
    assert numbers
    for i in numbers:
        a, b = nhwc(arrays[f"A_{i}"]), nhwc(arrays[f"B_{i}"])

        def corr(a, b):
            return warp.correlation(warp.l2_normalise(a), warp.l2_normalise(b))

        got = nchw(corr(a, b))
        np.testing.assert_allclose(got, arrays[f"corr_{i}"], atol=2e-6)
        if f"normA_{i}" not in arrays:
            continue
        np.testing.assert_allclose(nchw(warp.l2_normalise(a)), arrays[f"normA_{i}"], atol=2e-6)
        np.testing.assert_allclose(nchw(warp.l2_normalise(b)), arrays[f"normB_{i}"], atol=2e-6)
        weights = nhwc(arrays[f"wgt_{i}"])
        d_a, d_b = jax.grad(lambda a, b, w=weights: jnp.sum(corr(a, b) * w), (0, 1))(a, b)
        assert relative_l2(nchw(d_a), arrays[f"dA_{i}"]) < 1e-5
        assert relative_l2(nchw(d_b), arrays[f"dB_{i}"]) < 1e-5
