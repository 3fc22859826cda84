"""photo2cartoon: sizes, names of the weights, and a file of six networks. Shapes only."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax.networks.hourglass_generator import HourglassGenerator
from tryon_jax.networks.mobilefacenet import MobileFaceNet
from tryon_jax.port import photo2cartoon as port

BLOCKS = [f"{k}_{side}" for k in (1, 2, 3, 4) for side in (1, 2)] + ["5", "6", "7", "8", "9"]


def generator_shapes(f, *, style):
    """The tensors of a generator with ngf = f, as its authors' class names and shapes them."""
    w = 4 * f
    shapes = {"ConvBlock1.1.weight": (f, 3, 7, 7), "ConvBlock2.1.weight": (3, 3, 7, 7)}
    for k in (1, 2, 3, 4):
        prefix = f"HourGlass{k}"
        for block in [*(f"HG.0.ConvBlock{name}" for name in BLOCKS), "HG.1"]:
            shapes[f"{prefix}.{block}.ConvBlock1.3.weight"] = (f // 2, f, 3, 3)
            shapes[f"{prefix}.{block}.ConvBlock2.3.weight"] = (f // 4, f // 2, 3, 3)
            shapes[f"{prefix}.{block}.ConvBlock3.3.weight"] = (f // 4, f // 4, 3, 3)
            shapes[f"{prefix}.{block}.ConvBlock4.2.weight"] = (f, f, 1, 1)
        shapes[f"{prefix}.HG.2.weight"] = (f, f, 1, 1)
        shapes |= layer(f"{prefix}.Conv1", (3, f, 1, 1))
        if k < 4:
            shapes |= layer(f"{prefix}.Conv2", (f, f, 1, 1)) | layer(
                f"{prefix}.Conv3", (f, 3, 1, 1)
            )
    shapes |= layer("gap_fc", (1, w)) | layer("gmp_fc", (1, w)) | layer("conv1x1", (w, 2 * w, 1, 1))
    shapes |= layer("FC.0", (w, style)) | layer("FC.2", (w, w))
    for i in (1, 2):
        shapes[f"DownBlock{i}.1.weight"] = (f * 2**i, f * 2 ** (i - 1), 3, 3)
        out = w // 2**i
        shapes[f"UpBlock{i}.2.weight"] = (out, 2 * out, 3, 3)
        shapes |= {f"UpBlock{i}.3.{name}": (1, out, 1, 1) for name in ("rho", "gamma", "beta")}
    for i in (1, 2, 3, 4):
        for j in (1, 5):
            shapes[f"EncodeBlock{i}.conv_block.{j}.weight"] = (w, w, 3, 3)
        for j in (1, 2):
            shapes[f"DecodeBlock{i}.conv{j}.weight"] = (w, w, 3, 3)
            norm = f"DecodeBlock{i}.norm{j}"
            shapes[f"{norm}.norm.rho"] = (1, w, 1, 1)
            for name in ("gamma", "beta"):
                shapes[f"{norm}.w_{name}"] = (1, w)
                for linear in (f"c_{name}.0", f"c_{name}.2", f"s_{name}"):
                    shapes |= layer(f"{norm}.{linear}", (w, w))
    return shapes


def layer(key, shape):
    return {f"{key}.weight": shape, f"{key}.bias": shape[:1]}


def filled(shapes):
    """Tensors that hold their place among all, without memory of their own."""
    return {key: np.broadcast_to(np.float32(i), s) for i, (key, s) in enumerate(shapes.items())}


def traced(network, side):
    key, x = jax.random.key(0), jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    return jax.eval_shape(lambda x: network.init_with_output(key, x), x)


def count(tree):
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("light", "channels", "stored"),
    [(True, 64, 15_291_527), (True, 32, 3_831_079), (False, 32, 70_923_559)],
)
def test_generator(light, channels, stored):
    """The published numbers count 56 convolutions of f x f that never run."""
    network = HourglassGenerator(channels, light=light)
    made, variables = traced(network, 256)
    assert made.image.shape == (1, 256, 256, 3) and made.heat.shape == (1, 64, 64, 1)
    assert made.cam_logit.shape == (1, 2)
    assert count(variables["params"]) == stored - 56 * channels**2
    tensors = filled(generator_shapes(channels, style=4 * channels * (1 if light else 64**2)))
    assert sum(x.size for x in tensors.values()) == stored
    params = port.generator(tensors)
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, variables["params"])


def test_levels_are_numbered_from_the_outside():
    shapes = generator_shapes(4, style=16)
    tensors = filled(shapes)
    place = {key: float(i) for i, key in enumerate(shapes)}
    pyramid = port.generator(tensors)["hourglass_2"]["pyramid"]
    for block, theirs in (("down_0", "1_2"), ("beside_3", "4_1"), ("up_3", "6"), ("up_0", "9")):
        key = f"HourGlass2.HG.0.ConvBlock{theirs}.ConvBlock3.3.weight"
        assert pyramid[block]["conv_3"]["kernel"].max() == place[key]


def test_the_smallest_picture():
    for side, message in ((40, "multiples of 16, 32 or more; got 40"), (16, "got 16 x 16")):
        with pytest.raises(ValueError, match=message):
            traced(HourglassGenerator(4), side)
    made, _ = traced(HourglassGenerator(4, levels=1), 8)
    assert made.image.shape == (1, 8, 8, 3)


def test_compute_type():
    made, variables = traced(HourglassGenerator(4, levels=1, dtype=jnp.bfloat16), 16)
    assert {x.dtype for x in jax.tree.leaves((made, variables))} == {jnp.dtype("float32")}


class TestFile:
    @pytest.fixture
    def file(self, tmp_path):
        tensors = {
            key: whole("Float", x.copy())
            for key, x in filled(generator_shapes(4, style=16)).items()
        }
        return write_zip(tmp_path / "weights.pt", {"genA2B": tensors, "genB2A": tensors})

    def test_the_networks_that_there_are(self, file):
        found = port.originals(file)
        want = {"params": port.generator(filled(generator_shapes(4, style=16)))}
        assert set(found) == {"gen_ab", "gen_ba"}
        jax.tree.map(np.testing.assert_array_equal, found["gen_ba"].variables, want)
        assert found["gen_ab"].fields == {"model.light": True, "model.channels": 4}

    def test_what_is_missing_is_named(self, tmp_path):
        other = write_zip(tmp_path / "other.pt", {"net": {"w": whole("Float", np.zeros(2))}})
        with pytest.raises(ValueError, match=r"known here are photo2cartoon's checkpoints"):
            port.originals(other)
        tensors = filled(generator_shapes(4, style=16))
        del tensors["gmp_fc.bias"]
        with pytest.raises(ValueError, match=r"missing \['gmp_fc.bias'\]"):
            port.generator(tensors)

    def test_without_a_face_network(self):
        with pytest.raises(FileNotFoundError, match=r"model_mobilefacenet.*weights\.gen\.faceid=0"):
            port.find_face("")
        with pytest.raises(FileNotFoundError, match=r"no file of weights at /nowhere/face\.pth"):
            port.find_face("/nowhere/face.pth")


def test_face_network():
    """By hand: 49 units of a kernel, a scale, a bias, and 33 of them a slope; the linear end."""
    feature, variables = traced(MobileFaceNet(), 112)
    assert feature.shape == (1, 512)
    units = [(27, 64, True), (9, 64, True)]  # weights per output, outputs, rectified
    for inputs, hidden, out, repeats in (
        *((64, 128, 64, 1), (64, 128, 64, 4), (64, 256, 128, 1), (128, 256, 128, 6)),
        *((128, 512, 128, 1), (128, 256, 128, 2)),
    ):
        units += [(inputs, hidden, True), (9, hidden, True), (hidden, out, False)] * repeats
    units += [(128, 512, True), (49, 512, False)]
    total = sum((weights + 2 + rectified) * outputs for weights, outputs, rectified in units)
    assert count(variables["params"]) == total + 512 * 512 + 2 * 512
    assert count(variables["batch_stats"]) == 2 * sum(outputs for _, outputs, _ in units) + 2 * 512
