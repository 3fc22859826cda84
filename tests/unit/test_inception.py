"""The networks behind FID: sizes, files, refusals. Numbers: golden/test_inception.py."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax.metrics import fid, inception, vgg16
from tryon_jax.networks import inception as network
from tryon_jax.port import inception as port


def traced(*size):
    x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
    return jax.eval_shape(lambda x: network.Inception().init_with_output(jax.random.key(0), x), x)


def units():
    """Names of the convolutions with their kernels' shapes, in torchvision's layout."""
    _, variables = traced(299, 299)
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables["params"]):
        *names, last = (part.key for part in path)
        if last == "kernel":
            h, w, inputs, outputs = leaf.shape
            yield ".".join(names), (outputs, inputs, h, w)


def published():
    """A state dict with the published file's names; tensors without memory of their own."""
    tensors = {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    for name, shape in units():
        tensors[f"{name}.conv.weight"] = shape
        tensors |= {f"{name}.bn.{part}": shape[:1] for part in port.NORM}
    return {key: np.broadcast_to(np.float32(1), shape) for key, shape in tensors.items()}


class TestNetwork:
    def test_sizes(self):
        features, variables = traced(299, 299)
        assert {name: x.shape for name, x in features.items()} == {
            "pool1": (2, 64),
            "pool2": (2, 192),
            "mixed6": (2, 768),
            "pool3": (2, 2048),
            "unbiased": (2, 1008),
            "logits": (2, 1008),
        }
        shapes = dict(units())
        assert len(shapes) == port.CONVOLUTIONS
        norms = sum(shape[0] for shape in shapes.values())
        found = sum(x.size for x in jax.tree.leaves(variables))
        assert found + 3 * norms == 23_885_392  # the published file has four vectors for our one
        assert shapes["Mixed_6c.branch7x7dbl_2"] == (160, 160, 7, 1)

    def test_small_pictures_are_refused(self):
        assert traced(75, 75)[0]["pool3"].shape == (2, 2048)
        with pytest.raises(ValueError, match=r"of 75 pixels or more, .* to 299; got 74 x 80"):
            traced(74, 80)

    def test_an_average_counts_what_lies_in_the_map(self):
        got = network._pool(jnp.ones((1, 4, 5, 2)), "average")
        np.testing.assert_allclose(got, 1, rtol=1e-6)


class TestPort:
    def test_names_and_shapes(self):
        tensors = published() | {"Conv2d_1a_3x3.bn.num_batches_tracked": np.zeros(())}
        params = port.inception(tensors)["params"]
        wanted = traced(299, 299)[1]["params"]
        assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, wanted)

    def test_a_norm_is_folded_in(self):
        tensors = published()
        values = {"weight": 3, "bias": 5, "running_mean": 7, "running_var": 4 - 1e-3}
        for part, value in values.items():
            key = f"Conv2d_3b_1x1.bn.{part}"
            tensors[key] = np.full(tensors[key].shape, value, np.float32)
        unit = port.inception(tensors)["params"]["Conv2d_3b_1x1"]
        np.testing.assert_allclose(unit["kernel"], 3 / 2, rtol=1e-6)
        np.testing.assert_allclose(unit["bias"], 5 - 7 * 3 / 2, rtol=1e-6)

    def test_other_networks_are_refused(self):
        tensors = published()
        del tensors["Mixed_7c.branch_pool.bn.bias"]
        with pytest.raises(ValueError, match=r"missing \['Mixed_7c.branch_pool.bn.bias'\]"):
            port.inception(tensors)
        extra = published() | {"AuxLogits.fc.bias": np.zeros(3)}
        with pytest.raises(ValueError, match=r"not known here \['AuxLogits.fc.bias'\]"):
            port.inception(extra)
        with pytest.raises(ValueError, match="0 of 94 convolutions"):
            port.inception({"fc.weight": np.zeros(3), "fc.bias": np.zeros(3)})

    def test_files(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"download https.*6726825d.pth .* fd_vgg16"):
            inception.load("")
        with pytest.raises(FileNotFoundError, match=r"no file of weights at /nowhere/x\.pth"):
            inception.load("/nowhere/x.pth")
        path = write_zip(tmp_path / "x.pth", {"fc.bias": whole("Float", np.zeros(3, np.float32))})
        with pytest.raises(ValueError, match=r"not FID's Inception: its SHA-256 begins with "):
            inception.load(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with pytest.raises(ValueError, match=r"missing \['fc.weight'\]"):
            port.load(path, sha256=digest[:8])
        with pytest.raises(ValueError, match=r"one of pytorch_fid, .* got 'fid'"):
            inception.load(path, convention="fid")


class TestPictures:
    @pytest.mark.parametrize("image", [jnp.zeros((1, 8, 8, 3)), jnp.zeros((1, 8, 8, 1), jnp.uint8)])
    def test_only_saved_pictures(self, image):
        for features in (inception.Features({}, "pytorch_fid"), vgg16.Features({})):
            with pytest.raises(ValueError, match=r"saved pictures, uint8 \[N, H, W, 3\]; got"):
                features(image)

    def test_conventions_know_black_and_white(self):
        ends = {
            name: ((0 - rule.grey) / rule.half, (255 - rule.grey) / rule.half)
            for name, rule in inception.CONVENTIONS.items()
        }
        assert ends["pytorch_fid"] == ends["gan_metrics"] == (-1, 1)
        assert ends["torch_fidelity"] == ends["clean_fid"] == (-1, 127 / 128)

    @pytest.mark.slow
    def test_fd_vgg16_grows_with_noise(self):
        """Real weights and real statistics, from pictures to the distance."""
        rng = np.random.default_rng(0)
        y, x = np.mgrid[:32, :24]
        scenes = [
            np.stack([np.sin(x / a + b), np.cos(y / a - b), np.sin(x * y / 90 + b)], -1)
            for a, b in rng.uniform(2, 6, (8, 2))
        ]
        scenes = np.stack(scenes) * 90 + 128
        features = vgg16.load()
        sets = []
        for level in (0, 10, 30, 90):
            noisy = np.clip(scenes + level * rng.standard_normal(scenes.shape), 0, 255)
            found = np.asarray(features(jnp.asarray(noisy.astype(np.uint8))))
            assert found.shape == (8, vgg16.WIDTH) and found.dtype == np.float32
            sets.append(fid.update(fid.init(vgg16.WIDTH), found))
        distances = [fid.compute(sets[0], x) for x in sets]
        assert abs(distances[0]) < 1e-9 and np.all(np.diff(distances) > 0)
