"""Names and layouts of foreign weights. Whole networks are compared in tests/golden."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.layers.conv import Conv, ConvTranspose
from tryon_jax.networks.ugatit_generator import Generator, Style
from tryon_jax.port import convert as to
from tryon_jax.port import cyclegan, ugatit


def numbered(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


RULES = {
    "conv.weight": ("params/gen/conv/kernel", to.conv),
    "conv.bias": ("params/gen/conv/bias", to.vector),
    "rho": ("params/gen/rho", to.vector),
}


def state_dict(**changes):
    tensors = {"conv.weight": numbered(2, 3, 4, 4), "conv.bias": numbered(2), "rho": numbered(1, 2)}
    return {**tensors, **changes}


class TestConvert:
    def test_nests_by_path_in_float32(self):
        tensors = state_dict(**{"rho": np.float64([[0.5, 1]])})
        got = to.convert(tensors, RULES)
        assert set(got) == {"params"} and set(got["params"]["gen"]) == {"conv", "rho"}
        rho = got["params"]["gen"]["rho"]
        np.testing.assert_array_equal(rho, [0.5, 1])
        assert {x.dtype for x in jax.tree.leaves(got)} == {np.dtype(np.float32)}
        assert all(x.flags.c_contiguous for x in jax.tree.leaves(got))

    def test_counters_of_batch_norm_are_passed_over(self):
        tensors = state_dict(**{"norm.num_batches_tracked": np.int64(7)})
        jax.tree.map(
            np.testing.assert_array_equal,
            to.convert(tensors, RULES),
            to.convert(state_dict(), RULES),
        )

    def test_missing_keys_are_named(self):
        tensors = state_dict()
        del tensors["rho"]
        with pytest.raises(ValueError, match=r"missing \['rho'\], not known here \[\]"):
            to.convert(tensors, RULES)

    def test_keys_left_over_are_named(self):
        tensors = state_dict(**{"fc.weight": numbered(1, 1)})
        with pytest.raises(ValueError, match=r"missing \[\], not known here \['fc.weight'\]"):
            to.convert(tensors, RULES)

    def test_long_lists_are_cut(self):
        tensors = {f"extra.{i}": numbered(1) for i in range(9)}
        with pytest.raises(ValueError) as error:
            to.convert({**state_dict(), **tensors}, RULES)
        assert "extra.4" in str(error.value) and "extra.5" not in str(error.value)


class TestLayouts:
    """Each layout against the sum that PyTorch's layer computes."""

    x = np.random.default_rng(0).normal(size=(1, 4, 5, 3)).astype(np.float32)

    def test_conv(self):
        weight = numbered(2, 3, 2, 2)  # out, in, h, w
        y = Conv(2, 2, use_bias=False).apply({"params": {"kernel": to.conv(weight)}}, self.x)
        want = np.einsum("hwi,oihw->o", self.x[0, 1:3, 2:4], weight)
        np.testing.assert_allclose(y[0, 1, 2], want, rtol=1e-4, atol=1e-4)

    def test_conv_transpose(self):
        weight = numbered(3, 2, 4, 4)  # in, out, h, w: a lone pixel paints it as it is
        x = np.zeros((1, 3, 3, 3), np.float32)
        x[0, 1, 1] = [1, 10, 100]
        kernel = to.conv_transpose(weight)
        layer = ConvTranspose(2, 4, padding=1, use_bias=False)
        y = layer.apply({"params": {"kernel": kernel}}, x)
        want = np.einsum("i,iohw->hwo", x[0, 1, 1], weight)
        np.testing.assert_allclose(y[0, 1:5, 1:5], want, rtol=1e-5)

    def test_linear_and_mix(self):
        np.testing.assert_array_equal(to.linear(numbered(2, 3)), [[0, 3], [1, 4], [2, 5]])
        np.testing.assert_array_equal(to.mix_1x1(numbered(2, 3, 1, 1)), [[0, 3], [1, 4], [2, 5]])

    def test_flatten_of_the_full_generator(self):
        """PyTorch flattens (C, H, W), we (H, W, C): features must meet their weights."""
        channels, height, width, out = 3, 4, 5, 2
        weight = np.random.default_rng(1).normal(size=(out, channels * height * width))
        want = weight @ self.x[0].transpose(2, 0, 1).reshape(-1)
        got = self.x.reshape(1, -1) @ to.flattened(channels)(weight)
        np.testing.assert_allclose(got[0], want, rtol=1e-5)

    def test_spectral_v(self):
        """v lives on the rows of the flattened kernel: it must move as the kernel does."""
        weight = numbered(1, 3, 4, 4)  # one out channel: the kernel is a vector as v is
        np.testing.assert_array_equal(
            to.spectral_v(4)(weight.reshape(-1)), to.conv(weight).reshape(-1)
        )


def ugatit_generator(light, channels=8, side=4):
    """A state dict of the original generator with ch 2, one block and random numbers."""
    rng = np.random.default_rng(2)
    style = channels if light else channels * side**2
    shapes = {
        "DownBlock.1.weight": (2, 3, 7, 7),
        "DownBlock.5.weight": (4, 2, 3, 3),
        "DownBlock.9.weight": (8, 4, 3, 3),
        "DownBlock.12.conv_block.1.weight": (8, 8, 3, 3),
        "DownBlock.12.conv_block.5.weight": (8, 8, 3, 3),
        "gap_fc.weight": (1, 8),
        "gmp_fc.weight": (1, 8),
        "conv1x1.weight": (8, 16, 1, 1),
        "conv1x1.bias": (8,),
        "FC.0.weight": (8, style),
        "FC.2.weight": (8, 8),
        "gamma.weight": (8, 8),
        "beta.weight": (8, 8),
        "UpBlock1_1.conv1.weight": (8, 8, 3, 3),
        "UpBlock1_1.conv2.weight": (8, 8, 3, 3),
        "UpBlock1_1.norm1.rho": (1, 8, 1, 1),
        "UpBlock1_1.norm2.rho": (1, 8, 1, 1),
        "UpBlock2.2.weight": (4, 8, 3, 3),
        "UpBlock2.7.weight": (2, 4, 3, 3),
        "UpBlock2.11.weight": (3, 2, 7, 7),
    }
    for index, width in ((3, 4), (8, 2)):
        shapes |= {f"UpBlock2.{index}.{n}": (1, width, 1, 1) for n in ("rho", "gamma", "beta")}
    return {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


class TestUGATIT:
    @pytest.mark.parametrize("light", [True, False])
    def test_generator_fits_the_network(self, light):
        params = ugatit.generator(ugatit_generator(light))
        network = Generator(channels=2, blocks=1, light=light)
        x = jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
        variables = jax.eval_shape(network.init, jax.random.key(0), x)
        assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, variables["params"])

    def test_full_style_layers_see_what_pytorch_flattens(self):
        tensors = ugatit_generator(light=False)
        x = np.random.default_rng(3).normal(size=(1, 4, 4, 8)).astype(np.float32)
        style = Style(light=False, init_type="pytorch", dtype=jnp.float32)
        gamma, beta = style.apply({"params": ugatit.generator(tensors)["style"]}, x)
        y = x[0].transpose(2, 0, 1).reshape(-1)
        for name in ("FC.0.weight", "FC.2.weight"):
            y = np.maximum(tensors[name] @ y, 0)
        np.testing.assert_allclose(gamma[0], tensors["gamma.weight"] @ y, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(beta[0], tensors["beta.weight"] @ y, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("key", ["conv1x1.bias", "FC.0.weight", "gamma.weight"])
    def test_missing_tensors_are_named(self, key):
        tensors = ugatit_generator(light=True)
        del tensors[key]
        with pytest.raises(ValueError, match=rf"missing \['{key}'\]"):
            ugatit.generator(tensors)

    def test_another_network_is_refused(self):
        with pytest.raises(ValueError, match="weights do not fit this network"):
            ugatit.discriminator(ugatit_generator(light=True))
        with pytest.raises(ValueError, match=r"missing \['DownBlock.1.weight'"):
            ugatit.generator({"model.1.weight_orig": numbered(2, 3, 4, 4)})


class TestCycleGAN:
    @pytest.mark.parametrize(
        "port",
        [cyclegan.resnet_generator, cyclegan.unet, cyclegan.patchgan, cyclegan.pixelgan],
    )
    def test_another_network_is_refused(self, port):
        with pytest.raises(ValueError, match="weights do not fit this network"):
            port(ugatit_generator(light=True))

    def test_statistics_of_instance_norm_are_dropped(self):
        """Files older than PyTorch 0.4 hold them, without weights; they were never used."""
        sizes = {0: (4, 3), 2: (8, 4), 5: (8, 8), 8: (1, 8)}  # n = 2
        tensors = {f"model.{i}.weight": numbered(*size, 4, 4) for i, size in sizes.items()}
        tensors |= {f"model.{i}.bias": numbered(size[0]) for i, size in sizes.items()}
        old = {**tensors, "model.3.running_mean": numbered(8), "model.3.running_var": numbered(8)}
        got = cyclegan.patchgan(old)
        assert set(got) == {"params"}
        assert set(got["params"]) == {"conv_0", "conv_1", "conv_2", "logit"}
        jax.tree.map(np.testing.assert_array_equal, got, cyclegan.patchgan(tensors))
