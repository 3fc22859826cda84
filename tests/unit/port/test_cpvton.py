"""Names of CP-VTON's files. Whole networks are compared in tests/golden/test_cpvton.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden.cpvton_streams import gmm_shapes, unet_shapes
from tests.unit.port.torch_writer import whole, write_legacy
from tryon_jax.networks.bilinear_unet import BilinearUNet
from tryon_jax.networks.gmm import GMM
from tryon_jax.port import cpvton as port


def filled(shapes):
    """Tensors without memory of their own; each holds its place in the sorted keys."""
    return {
        key: np.broadcast_to(np.float32(i), shapes[key]) for i, key in enumerate(sorted(shapes))
    }


def drawn(shapes):
    rng = np.random.default_rng(0)
    return {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


def picture(channels, height=256, width=192):
    return jax.ShapeDtypeStruct((1, height, width, channels), jnp.float32)


def shapes_of(network, *inputs, **options):
    made = jax.eval_shape(lambda *x: network.init(jax.random.key(0), *x, **options), *inputs)
    return jax.tree.map(np.shape, dict(made))


def size(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


class TestGMM:
    @pytest.mark.parametrize(
        ("matches", "channels", "count"), [("cloth", 3, 19_057_650), ("mask", 1, 19_055_602)]
    )
    def test_fits_the_network(self, matches, channels, count):
        got = port.gmm(filled(gmm_shapes(22, channels)))
        wanted = shapes_of(GMM(matches=matches), picture(22), picture(3), picture(1), update=False)
        assert jax.tree.map(np.shape, got) == wanted
        assert size(got["params"]) == count
        assert size(got["batch_stats"]) == 2 * (2 * (64 + 128 + 256 + 512 + 512) + 960)

    def test_names(self):
        shapes = gmm_shapes()
        place = {key: i for i, key in enumerate(sorted(shapes))}
        got = port.gmm(filled(shapes))
        params, stats = got["params"], got["batch_stats"]
        assert params["person_features"]["conv_5"]["bias"][0] == place["extractionA.model.15.bias"]
        assert (
            params["cloth_features"]["norm_4"]["scale"][0] == place["extractionB.model.14.weight"]
        )
        assert params["regression"]["norm_3"]["bias"][0] == place["regression.conv.10.bias"]
        mean = stats["regression"]["norm_0"]["mean"][0]
        assert mean == place["regression.conv.1.running_mean"]
        assert (
            stats["cloth_features"]["norm_1"]["var"][0] == place["extractionB.model.5.running_var"]
        )

    def test_theta_sees_what_pytorch_flattens(self):
        tensors = filled(gmm_shapes())
        weight = np.random.default_rng(1).normal(size=(50, 768)).astype(np.float32)
        kernel = port.gmm({**tensors, "regression.linear.weight": weight})["params"]["regression"]
        x = np.random.default_rng(2).normal(size=(4, 3, 64))
        want = weight @ x.transpose(2, 0, 1).reshape(-1)
        np.testing.assert_allclose(x.reshape(-1) @ kernel["theta"]["kernel"], want, rtol=1e-4)

    def test_any_number_of_stages(self):
        """The users' form for 512 x 384 has one more stage in both extractors."""
        shapes = {}
        for key, shape in gmm_shapes().items():
            network, room, place, tail = key.split(".", 3) if "model" in key else ("", "", 0, "")
            if int(place) >= 9:  # the stage at 9 comes twice: from 256 to 512 channels, and again
                shapes[f"{network}.{room}.{int(place) + 3}.{tail}"] = shape
            if int(place) < 12:
                shapes[key] = shape
        for name in ("extractionA", "extractionB"):
            shapes[f"{name}.model.12.weight"] = (512, 512, 4, 4)
        inputs = [picture(channels, 512, 384) for channels in (22, 3, 1)]
        wanted = shapes_of(GMM(halvings=5), *inputs, update=False)
        assert jax.tree.map(np.shape, port.gmm(filled(shapes))) == wanted


class TestTOM:
    @pytest.mark.parametrize(("channels", "count"), [(25, 21_349_252), (26, 21_350_276)])
    def test_fits_the_network(self, channels, count):
        got = port.tom(filled(unet_shapes(channels)))
        assert jax.tree.map(np.shape, got) == shapes_of(BilinearUNet(4), picture(channels))
        assert size(got) == count

    def test_any_number_of_levels(self):
        got = port.tom(filled(unet_shapes(7, 4, 8, levels=3)))
        wanted = shapes_of(BilinearUNet(4, channels=8, halvings=3), picture(7))
        assert jax.tree.map(np.shape, got) == wanted

    def test_names(self):
        shapes = unet_shapes()
        place = {key: i for i, key in enumerate(sorted(shapes))}
        params = port.tom(filled(shapes))["params"]
        inner = "model.model.1.model.3.model.3.model.3.model.3.model"
        assert params["down_0"]["bias"][0] == place["model.model.0.bias"]
        assert params["up_1"]["bias"][0] == place["model.model.1.model.6.bias"]
        assert params["down_5"]["bias"][0] == place[f"{inner}.1.bias"]
        assert params["up_5"]["bias"][0] == place[f"{inner}.4.bias"]


def test_files(tmp_path):
    tensors = drawn(unet_shapes(7, 4, 2, levels=3))
    made = {f"module.{key}": whole("Float", value) for key, value in tensors.items()}
    got = port.load_tom(write_legacy(tmp_path / "tom_final.pth", made))
    jax.tree.map(np.testing.assert_array_equal, got, port.tom(tensors))


def test_another_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"weights do not fit this network: missing .*regression"):
        port.gmm(filled(unet_shapes(7, 4, 2)))
    with pytest.raises(ValueError, match="weights do not fit this network"):
        port.tom(filled(gmm_shapes()))
    made = {"fc.weight": whole("Float", np.zeros((2, 2), np.float32))}
    for load in (port.load_gmm, port.load_tom):
        with pytest.raises(ValueError, match="weights do not fit this network"):
            load(write_legacy(tmp_path / "x.pth", made))
