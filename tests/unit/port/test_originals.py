"""What files and folders of originals hold, found by their keys; what they say of their options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import cagan as config_file
from tests.unit.port import original_shapes as shapes
from tests.unit.port.torch_writer import whole, write_legacy, write_zip
from tests.unit.test_port import ugatit_generator
from tryon_jax.networks.cagan_dilated import DilatedUNet
from tryon_jax.networks.cagan_discriminators import WideDiscriminator
from tryon_jax.networks.patchgan import PatchGAN
from tryon_jax.networks.resnet_generator import ResnetGenerator
from tryon_jax.port import cagan, cyclegan, originals, torch_file, ugatit


def shapes_of(network, *channels, **options):
    pictures = [jax.ShapeDtypeStruct((1, 96, 96, c), jnp.float32) for c in channels]
    keys = {"params": jax.random.key(0), "noise": jax.random.key(1)}
    made = jax.eval_shape(lambda *x: network.init(keys, *x, **options), *pictures)
    return jax.tree.map(np.shape, dict(made))


def shapes_in(original):
    return jax.tree.map(np.shape, original.variables)


def test_newest(tmp_path):
    assert originals.newest(tmp_path, r"netG_(\w+)\.pth") is None
    for name in ("netG_9000", "netG_30000", "netG_best", "netD0_latest", "netD0_9"):
        (tmp_path / f"{name}.pth").touch()
    assert originals.newest(tmp_path, r"netG_(\w+)\.pth") == tmp_path / "netG_30000.pth"
    assert originals.newest(tmp_path, r"netD0_(\w+)\.pth") == tmp_path / "netD0_latest.pth"


def test_every_state_dict_of_a_file(tmp_path):
    path = write_zip(tmp_path / "x.pt", {"a": shapes.drawn({"w": (2,)}, prefix="module."), "n": 3})
    found = torch_file.read_all(path)
    assert set(found) == {"a"} and found["a"]["w"].shape == (2,)
    bare = torch_file.read_all(write_legacy(tmp_path / "y.pth", shapes.drawn({"w": (2,)})))
    assert set(bare) == {""}
    np.testing.assert_array_equal(bare[""]["w"], found["a"]["w"])


@pytest.fixture(scope="module")
def v2(tmp_path_factory):
    """A folder of CAGAN v2's files, two of the three discriminators among them."""
    folder = tmp_path_factory.mktemp("v2")
    for step in (900, 3000):
        write_legacy(folder / f"netG_{step}.pth", shapes.drawn(shapes.v2_gen(16), seed=step))
    for k in (0, 2):
        write_legacy(folder / f"netD{k}_latest.pth", shapes.drawn(shapes.v2_disc(4), seed=k))
    return folder


class TestCAGAN:
    def test_a_folder_of_v2(self, v2):
        found = cagan.originals(v2)
        assert {name: o.path.name for name, o in found.items()} == {
            "gen": "netG_3000.pth",
            "disc_0": "netD0_latest.pth",
            "disc_2": "netD2_latest.pth",
        }
        assert found["gen"].fields == {
            "model.generator": "dilated",
            "model.channels": 16,
            "model.upscaling": "transposed",
            "model.injected": "other",
            "model.shrinking": "average",
            "model.alpha": "sigmoid",
            "model.colours": "tanh",
        }
        assert found["disc_2"].fields["model.disc_channels"] == 4
        assert shapes_in(found["gen"]) == shapes_of(DilatedUNet(channels=16), 9, 6)
        assert shapes_in(found["disc_0"]) == shapes_of(WideDiscriminator(4), 6)

    def test_one_file_of_v2(self, v2, tmp_path):
        assert set(cagan.originals(v2 / "netG_900.pth")) == {"gen"}
        assert set(cagan.originals(v2 / "netD2_latest.pth")) == {"disc_2"}
        renamed = tmp_path / "d.pth"
        renamed.write_bytes((v2 / "netD2_latest.pth").read_bytes())
        with pytest.raises(ValueError, match=r"is one of three discriminators: call it netD0"):
            cagan.originals(renamed)

    @pytest.mark.parametrize(
        ("outer", "upscaling"), [(1, "nearest"), (4, "shuffle")], ids=["nearest", "shuffle"]
    )
    def test_other_upscalings(self, tmp_path, outer, upscaling):
        tensors = {k: s for k, s in shapes.v2_gen(16).items() if "convT" not in k}
        for k, (inner, channels) in enumerate(((16, 70), (8, 22))):
            tensors |= shapes.conv(
                f"upscale_{k}.up_block.conv.conv", outer * inner, channels, (4, 3), bias=False
            )
        found = cagan.originals(write_zip(tmp_path / "netG_1.pth", shapes.drawn(tensors)))["gen"]
        assert found.fields["model.upscaling"] == upscaling
        assert shapes_in(found) == shapes_of(DilatedUNet(channels=16, upscaling=upscaling), 9, 6)

    @pytest.mark.parametrize("preset", ["seed", "seed_first"])
    def test_the_seed(self, tmp_path, preset):
        first = preset == "seed_first"
        path = write_zip(
            tmp_path / "epoch_00001_checkpoint.pt",
            shapes.seed_checkpoint(8, last_norm=first, injects=first),
        )
        found = cagan.originals(path)
        assert set(found) == {"gen", "disc_0"} and found["gen"].preset == preset
        fields = found["gen"].fields | found["disc_0"].fields
        config = config_file.get_config(f"{preset}-smoke")
        assert fields == {key: config.model[key.removeprefix("model.")] for key in fields}
        wanted = np.asarray(torch_file.read(path, key="net_G")["layer2.layers.conv.weight"])
        kernel = found["gen"].variables["params"]["enc2"]["kernel"]
        np.testing.assert_array_equal(kernel, wanted.transpose(2, 3, 1, 0))

    def test_other_files(self, tmp_path):
        stray = write_zip(tmp_path / "x.pth", shapes.drawn({"fc.weight": (2, 2)}))
        with pytest.raises(ValueError, match=r"x.pth has the keys fc.weight; known here are CAGAN"):
            cagan.originals(stray)
        with pytest.raises(FileNotFoundError, match=r"holds no netG_<step>.pth"):
            cagan.originals(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"no file of weights at .*nowhere.pth"):
            cagan.originals("nowhere.pth")


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder of CycleGAN's files."""
    folder = tmp_path_factory.mktemp("cyclegan")
    for name in ("5_net_G_A", "10_net_G_A", "latest_net_G_B"):
        write_legacy(folder / f"{name}.pth", shapes.drawn(shapes.resnet(4, blocks=6)))
    tensors = shapes.drawn(shapes.patchgan(4, layers=2))
    write_legacy(folder / "latest_net_D_A.pth", tensors)
    return folder


class TestCycleGAN:
    def test_a_folder(self, networks):
        found = cyclegan.originals(networks)
        assert {name: o.path.name for name, o in found.items()} == {
            "gen_ab": "10_net_G_A.pth",
            "gen_ba": "latest_net_G_B.pth",
            "disc_b": "latest_net_D_A.pth",  # named by its generator; ours by what it judges
        }
        fields = {"model.generator": "resnet_6blocks", "model.channels": 4}
        assert found["gen_ab"].fields == fields
        assert found["disc_b"].fields == {
            "model.discriminator": "n_layers",
            "model.disc_layers": 2,
            "model.disc_channels": 4,
        }
        network = ResnetGenerator(blocks=6, channels=4)
        assert shapes_in(found["gen_ba"]) == shapes_of(network, 3, update=False)
        assert shapes_in(found["disc_b"]) == shapes_of(PatchGAN(4, layers=2), 3, update=False)

    def test_a_file(self, networks, tmp_path):
        assert set(cyclegan.originals(networks / "latest_net_G_B.pth")) == {"gen_ba"}
        published = tmp_path / "horse2zebra.pth"
        published.write_bytes((networks / "10_net_G_A.pth").read_bytes())
        assert set(cyclegan.originals(published)) == {"gen_ab"}

    def test_other_files(self, tmp_path):
        stray = write_zip(tmp_path / "x.pth", shapes.drawn(shapes.v2_disc(4)))
        with pytest.raises(
            ValueError, match=r"x.pth has the keys D_net.* and \d+ more; known here are CycleGAN's"
        ):
            cyclegan.originals(stray)
        with pytest.raises(FileNotFoundError, match=r"holds no latest_net_G_A.pth or"):
            cyclegan.originals(tmp_path)


class TestUGATIT:
    @pytest.mark.parametrize("light", [True, False])
    def test_a_folder(self, tmp_path, light):
        tensors = {k: whole("Float", x) for k, x in ugatit_generator(light).items()}
        for step in ("0000900", "0003000"):
            path = tmp_path / f"selfie2anime_params_{step}.pt"
            write_zip(path, {"genA2B": tensors, "genB2A": tensors})
        found = ugatit.originals(tmp_path)
        assert set(found) == {"gen_ab", "gen_ba"}
        gen = found["gen_ba"]
        assert gen.path.name == "selfie2anime_params_0003000.pt"
        assert gen.preset == ("light" if light else "full")
        fields = {"model.light": light, "model.channels": 2, "model.blocks": 1}
        fields |= {"model.variant": "official"}
        assert gen.fields == fields | ({} if light else {"image_size": 16})
        assert set(gen.variables) == {"params"}

    def test_other_files(self, tmp_path):
        stray = write_zip(tmp_path / "x.pt", shapes.seed_checkpoint(2))
        with pytest.raises(
            ValueError, match=r"x.pt has the keys net_D, net_G; known here are U-GA"
        ):
            ugatit.originals(stray)
        with pytest.raises(FileNotFoundError, match=r"holds no \*_params_<step>.pt"):
            ugatit.originals(tmp_path / "..")
