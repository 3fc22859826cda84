"""The parser of faces: sizes, names of the weights, which parts its masks keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import ugatit_enhanced
from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax import masking
from tryon_jax.networks.bisenet import BiSeNet
from tryon_jax.port import bisenet
from tryon_jax.segment import faces
from tryon_jax.setup import UsageError


def unit(conv, norm, shape):
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"{conv}.weight": shape, **{f"{norm}.{name}": shape[:1] for name in names}}


def shapes():
    """The tensors of the file, as its authors' class names and shapes them."""
    made = unit("cp.resnet.conv1", "cp.resnet.bn1", (64, 3, 7, 7))
    for stage, width in enumerate((64, 128, 256, 512), 1):
        for block in (0, 1):
            before = width // 2 if stage > 1 and block == 0 else width
            key = f"cp.resnet.layer{stage}.{block}"
            made |= unit(f"{key}.conv1", f"{key}.bn1", (width, before, 3, 3))
            made |= unit(f"{key}.conv2", f"{key}.bn2", (width, width, 3, 3))
            if before != width:
                key = f"{key}.downsample"
                made |= unit(f"{key}.0", f"{key}.1", (width, before, 1, 1))
    for size, width in ((16, 256), (32, 512)):
        made |= unit(f"cp.arm{size}.conv.conv", f"cp.arm{size}.conv.bn", (128, width, 3, 3))
        made |= unit(f"cp.arm{size}.conv_atten", f"cp.arm{size}.bn_atten", (128, 128, 1, 1))
        made |= unit(f"cp.conv_head{size}.conv", f"cp.conv_head{size}.bn", (128, 128, 3, 3))
    made |= unit("cp.conv_avg.conv", "cp.conv_avg.bn", (128, 512, 1, 1))
    made |= unit("ffm.convblk.conv", "ffm.convblk.bn", (256, 256, 1, 1))
    made |= {"ffm.conv1.weight": (64, 256, 1, 1), "ffm.conv2.weight": (256, 64, 1, 1)}
    for head, inputs, width in (("", 256, 256), ("16", 128, 64), ("32", 128, 64)):
        key = f"conv_out{head}"
        made |= unit(f"{key}.conv.conv", f"{key}.conv.bn", (width, inputs, 3, 3))
        made[f"{key}.conv_out.weight"] = (19, width, 1, 1)
    return made


def test_sizes_and_names():
    x = jax.ShapeDtypeStruct((1, 64, 96, 3), jnp.float32)
    made, variables = jax.eval_shape(lambda x: BiSeNet().init_with_output(jax.random.key(0), x), x)
    assert made.shape == (1, 8, 12, 19) and made.dtype == jnp.float32
    count = sum(x.size for x in jax.tree.leaves(variables["params"]))
    learned = {key: shape for key, shape in shapes().items() if "running" not in key}
    helpers = 2 * (128 * 64 * 9 + 2 * 64 + 64 * 19)  # heads that only help to train
    assert count == 13_150_272 == sum(map(np.prod, learned.values())) - helpers
    tensors = {key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes().items()}
    tensors["cp.conv_avg.bn.num_batches_tracked"] = np.zeros(())
    ported = bisenet.bisenet(tensors)
    assert jax.tree.map(np.shape, ported) == jax.tree.map(np.shape, variables)


def test_sides_that_cannot_be_halved():
    x = jax.ShapeDtypeStruct((1, 64, 80, 3), jnp.float32)
    with pytest.raises(ValueError, match="got 64 x 80; use multiples of 32"):
        jax.eval_shape(lambda x: BiSeNet().init(jax.random.key(0), x), x)


def parts(*, side=16, **places):
    """Logits that are certain: skin on the left half, and each given part in its place."""
    logits = np.zeros((side, side, 19), np.float32)
    chosen = np.zeros((side, side), int)
    chosen[:, : side // 2] = 1
    for part, place in places.items():
        chosen[place] = int(part.removeprefix("part"))
    np.put_along_axis(logits, chosen[..., None], 40, -1)
    return logits


@pytest.mark.parametrize("part", range(19))
def test_which_parts_are_foreground(part):
    """Head and hair; not neck (14), necklace (15), cloth (16), hat (18)."""
    logits = parts(**{f"part{part}": np.s_[:]})
    made = faces.layers(logits, side=128, size=(40, 40))
    wanted = part not in (0, 14, 15, 16, 18)
    np.testing.assert_allclose(made["mask"], wanted, atol=1e-5)
    np.testing.assert_allclose(made["fix"], wanted and part != 11, atol=1e-5)


def test_the_rim_of_glasses_and_the_mouth_stay():
    square = np.s_[4:12, 2:6]
    plain = faces.layers(parts(), side=128, size=(128, 128))
    np.testing.assert_allclose(plain["mask"], plain["fix"], atol=1e-5)
    assert plain["mask"][:, :50].min() > 0.99 and plain["mask"][:, 75:].max() < 0.01
    glasses = faces.layers(parts(part6=square), side=128, size=(128, 128))
    np.testing.assert_allclose(glasses["mask"], plain["mask"], atol=1e-5)
    narrowed = glasses["fix"][..., 0]
    assert narrowed[45:80, 25:40].min() > 0.99 and narrowed[64].min() < 0.1  # inside, across a rim
    mouth = faces.layers(parts(part11=square), side=128, size=(128, 128))
    assert mouth["mask"][45:80, 25:40].min() > 0.99 and mouth["fix"][45:80, 25:40].max() < 0.01


def test_pictures_of_all_sizes_keep_their_order(monkeypatch):
    """A network that calls skin what is brighter than ImageNet's mean."""

    class Network:
        def apply(self, variables, x):
            assert x.shape == (faces.BATCH, 32, 32, 3)
            return jnp.stack([0 * x[:, ::8, ::8, 0], *[99 * x[:, ::8, ::8, 0]] * 18], -1)

    monkeypatch.setattr(faces, "BiSeNet", Network)
    given = [np.full((30 + i, 40, 3), 255 * (i % 2), np.uint8) for i in range(6)]
    made = faces.Faces({}, side=32)(given)
    assert len(made) == 6
    for i, layers in enumerate(made):
        assert layers["mask"].shape == layers["fix"].shape == (30 + i, 40, 1)
        np.testing.assert_allclose(layers["mask"], 14 / 18 * (i % 2), atol=1e-5)
        np.testing.assert_allclose(layers["fix"], 12 / 18 * (i % 2), atol=1e-5)


def test_a_file_of_another_network_is_refused(tmp_path):
    path = write_zip(
        tmp_path / "other.pth", {"conv.weight": whole("Float", np.zeros((1, 2), "f4"))}
    )
    config = ugatit_enhanced.get_config()
    config.data.root = str(tmp_path)
    with pytest.raises(UsageError, match=r"other\.pth: the weights do not fit .*missing"):
        masking.make_masks(config, segmenter=str(path), overwrite=False)
    with pytest.raises(FileNotFoundError, match=r"away\.pth"):
        masking.make_masks(config, segmenter=str(tmp_path / "away.pth"), overwrite=False)
