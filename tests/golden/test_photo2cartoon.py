"""photo2cartoon against its own code: SoftAdaLIN, the generator, the distance between faces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.goldens import golden_files, nchw, nhwc, read, relative_l2
from tests.golden.test_ugatit import weights_for
from tryon_jax.networks import mobilefacenet
from tryon_jax.networks.hourglass_generator import HourglassGenerator, SoftAdaLIN
from tryon_jax.port import convert
from tryon_jax.port import photo2cartoon as port


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("ugatit", *patterns)]


@pytest.mark.parametrize("path", cases("units*"))
def test_soft_adalin(path):
    golden = read(path)
    rules = {"norm.rho": ("norm/rho", convert.vector), **port.soft_adalin("", "")}
    params = convert.convert(golden.under("sd/SoftAdaLIN/"), rules)
    steer = {name: golden.arrays[f"in/{name}"] for name in ("content", "style")}
    got = SoftAdaLIN().apply({"params": params}, nhwc(golden.arrays["in/x"]), **steer)
    np.testing.assert_allclose(nchw(got), golden.arrays["out/SoftAdaLIN"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("p2c_gen_*"))
def test_generator(path):
    """The gradient is ill-conditioned: float32 and float64 are up to 3e-3 apart in the original."""
    golden = read(path)
    config = golden.meta["config"]
    net = HourglassGenerator(config["ngf"], light=config["light"])
    params = port.generator(golden.under("sd/"))
    x = nhwc(golden.arrays["in/x"])
    wanted = [golden.arrays[f"out/{name}"] for name in ("image", "cam_logit", "heatmap")]
    w_image, w_cam, w_heat = weights_for(*(w.shape for w in wanted))

    def scalar(x):
        made = net.apply({"params": params}, x)
        total = jnp.sum(made.image * w_image) + jnp.sum(made.cam_logit * w_cam)
        return total + jnp.sum(made.heat * w_heat) / 100, made

    (_, made), grad = jax.jit(jax.value_and_grad(scalar, has_aux=True))(x)
    np.testing.assert_allclose(nchw(made.image), wanted[0], atol=5e-4)
    np.testing.assert_allclose(made.cam_logit, wanted[1], atol=1e-4)
    assert relative_l2(nchw(made.heat), wanted[2]) < 1e-4
    assert relative_l2(nchw(grad), golden.arrays["grad/input"]) < 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("p2c_faceid*"))
def test_faces(path):
    golden = read(path)
    net, variables = mobilefacenet.MobileFaceNet(), port.mobilefacenet(golden.under("sd/"))
    a, b = (nhwc(golden.arrays[f"in/{name}"]) for name in "ab")
    crop = nchw(mobilefacenet.face_of(a[:1]))
    np.testing.assert_allclose(crop, golden.arrays["out/crop_a"], atol=1e-5)

    def scalar(a):
        found = net.apply(variables, mobilefacenet.face_of(jnp.concatenate([a, b])))
        feature_a, feature_b = jnp.split(found, 2)
        distance = mobilefacenet.distance(feature_a, feature_b)
        return len(a) * distance, (feature_a, feature_b)

    (total, found), grad = jax.jit(jax.value_and_grad(scalar, has_aux=True))(a)
    for name, feature in zip("ab", found, strict=True):
        np.testing.assert_allclose(feature, golden.arrays[f"out/feature_{name}"], atol=1e-4)
    assert float(total) == pytest.approx(float(golden.arrays["out/distance"].sum()), abs=1e-4)
    assert relative_l2(nchw(grad), golden.arrays["grad/a"]) < 1e-2
