"""HRNet and SimpleBaseline against the authors' PyTorch code in float64, with drawn weights."""

import jax
import numpy as np
import pytest

from data_pipelines import crops
from tests.golden.goldens import QUICK, golden_files, nchw, nhwc, read, relative_l2
from tests.golden.landmark_networks import described, weights
from tryon_jax import landmark_maps
from tryon_jax import landmark_tables as tables
from tryon_jax.landmark_tables import mirror_order
from tryon_jax.metrics import landmarks as scores

NETWORKS = ("hrnet_w*", "pose_resnet*")
TRAINING = ("hrnet_*_train",)
MAPS = ("landmark_heatmaps*",)
# hundreds of layers: LLVM's optimiser would take most of the time, and changes no number here


def cases(*patterns):
    return [pytest.param(path, id=path.stem) for path in golden_files("designgan", *patterns)]


def leaf(tree, path):
    for part in path.split("/"):
        tree = tree[part]
    return np.asarray(tree)


@pytest.mark.slow
@pytest.mark.parametrize("path", cases(*NETWORKS))
def test_network(path):
    golden = read(path)
    net, rules, port = described(golden)
    variables = port(weights(golden, net, rules))
    size = sum(x.size for x in jax.tree.leaves(variables["params"]))
    assert size == golden.meta["n_parameters"]
    run = jax.jit(net.apply, compiler_options=QUICK)
    wanted = golden.arrays["y"]
    gap = golden.meta["suggested_tolerance"]["float32_relative_to_max"]
    maps = nchw(run(variables, nhwc(golden.arrays["x"])))
    np.testing.assert_allclose(maps, wanted, atol=gap * np.abs(wanted).max())


@pytest.mark.slow
@pytest.mark.parametrize("path", cases(*TRAINING))
def test_training(path):
    """Heatmaps, loss, gradients and statistics of a training step, in float64."""
    with jax.enable_x64(True):
        golden = read(path)
        net, rules, port = described(golden)
        variables = port(weights(golden, net, rules))
        assert (
            sum(x.size for x in jax.tree.leaves(variables["params"])) == golden.meta["n_parameters"]
        )
        variables = jax.tree.map(lambda x: x.astype(np.float64), variables)
        x, target = (nhwc(golden.arrays[name].astype(np.float64)) for name in ("x", "target"))
        share = golden.arrays["target_weight"][..., 0].astype(np.float64)

        def loss(params):
            given = {**variables, "params": params}
            exact = net.copy(dtype=np.float64)
            maps, moved = exact.apply(given, x, update=True, mutable=["batch_stats"])
            return landmark_maps.squared_error(maps, target, weight=share), (maps, moved)

        run = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=QUICK)
        (value, (maps, moved)), grads = run(variables["params"])
        assert float(value) == pytest.approx(golden.meta["joints_mse"], rel=1e-6)
        np.testing.assert_allclose(nchw(maps), golden.arrays["y"], atol=1e-5)
        for key, norm in golden.meta["grad_norms_sample"].items():
            mine = np.linalg.norm(leaf({"params": grads}, rules[key][0]))
            assert mine == pytest.approx(norm, rel=1e-5, abs=1e-8), key
        for key, after in golden.under("after|").items():
            np.testing.assert_allclose(leaf(moved, rules[key][0]), after, rtol=1e-5, atol=1e-8)
        last = grads["last"]["kernel"].transpose(3, 2, 0, 1)
        assert relative_l2(last, golden.arrays["grad|final_layer.weight"]) < 1e-5


def map_cases(golden):
    """Name, description, places in pixels of the maps and their weights."""
    for name, case in golden.meta["cases"].items():
        number = name.removeprefix("target_")
        size = case["heatmap_size"][::-1]
        stride = np.array(case["image_size"]) / np.array(case["heatmap_size"])
        places = golden.arrays[f"joints_{number}"][None, :, :2] / stride
        yield number, case, size, places, golden.arrays[f"vis_{number}"][None, :, 0]


@pytest.mark.parametrize("path", cases(*MAPS))
def test_targets(path):
    golden = read(path)
    for number, case, size, places, seen in map_cases(golden):
        kinds = {"dark_target": "unbiased"}
        if case["has_quantised_target"]:
            kinds["target"] = "quantised"
        for theirs, kind in kinds.items():
            maps, weight = landmark_maps.targets(
                places, seen, size=tuple(size), sigma=case["sigma"], kind=kind
            )
            np.testing.assert_allclose(
                nchw(maps)[0], golden.arrays[f"{theirs}_{number}"], atol=1e-5
            )
            wanted = golden.arrays[f"{theirs}_weight_{number}"][:, 0]
            np.testing.assert_allclose(weight[0], wanted)
        maps, _ = landmark_maps.targets(
            places, np.ones_like(seen), size=tuple(size), sigma=case["sigma"], kind="floored"
        )
        np.testing.assert_allclose(nchw(maps)[0], golden.arrays[f"face_target_{number}"], atol=1e-5)


@pytest.mark.parametrize("path", cases(*MAPS))
def test_losses(path):
    golden = read(path)
    out, target = (nhwc(golden.arrays[f"loss_{name}"]) for name in ("out", "target"))
    weight = golden.arrays["loss_weight"][..., 0]
    meta = golden.meta
    close = {"rel": 1e-5}
    plain = landmark_maps.squared_error(out, target, weight=None)
    assert float(plain) == pytest.approx(meta["joints_mse_plain"], **close)
    weighted = landmark_maps.squared_error(out, target, weight=weight)
    assert float(weighted) == pytest.approx(meta["joints_mse_weighted"], **close)
    hard = landmark_maps.hardest_error(out, target, weight=weight, count=4)
    assert float(hard) == pytest.approx(meta["joints_ohkm_top4"], **close)


@pytest.mark.parametrize("path", cases(*MAPS))
def test_decoding(path):
    golden = read(path)
    arrays, maps = golden.arrays, nhwc(golden.arrays["heatmaps"])
    places, score = landmark_maps.decode(maps, how="argmax")
    np.testing.assert_array_equal(places, arrays["argmax_xy"])
    np.testing.assert_allclose(score, arrays["maxval"][..., 0], atol=1e-6)
    moved, _ = landmark_maps.decode(maps, how="quarter")
    np.testing.assert_allclose(moved, arrays["quarter_xy"], atol=1e-5)
    size = maps.shape[2], maps.shape[1]
    for name, found in (("final_xy", moved), ("final_xy_noshift", places)):
        for i, (centre, scale) in enumerate(zip(arrays["center"], arrays["scale"], strict=True)):
            crop = crops.Crop(tuple(centre), 200 * scale[0], 0.0)
            back = crops.apply(crops.inverse(crop, size=size), found[i])
            np.testing.assert_allclose(back, arrays[name][i], atol=1e-3)
    dark = nhwc(arrays["dark_input"])
    np.testing.assert_allclose(nchw(landmark_maps.blurred(dark)), arrays["dark_blurred"], atol=1e-5)
    found, _ = landmark_maps.decode(dark, how="dark")
    np.testing.assert_allclose(found, arrays["dark_xy"], atol=2e-3)


@pytest.mark.parametrize("path", cases(*MAPS))
def test_mirroring(path):
    golden = read(path)
    arrays, pairs = golden.arrays, golden.meta["flip_pairs"]
    maps = nhwc(arrays["heatmaps"])
    order = mirror_order(maps.shape[-1], pairs)
    back = nchw(landmark_maps.flipped_back(maps, order=order))
    np.testing.assert_allclose(back, arrays["flip_back"], atol=1e-6)
    joints = np.concatenate([arrays["flip_in"][:, :2], arrays["flip_vis_in"][:, :1]], 1)
    width = golden.meta.get("flip_width", 0) or _width_of(arrays)
    turned = crops.mirrored(joints, width=width, order=mirror_order(len(joints), pairs))
    shown = arrays["flip_out"][:, :2]
    np.testing.assert_allclose(turned[:, :2] * (turned[:, 2:] > 0), shown, atol=1e-6)
    np.testing.assert_allclose(turned[:, 2], arrays["flip_vis_out"][:, 0])


def _width_of(arrays):
    """The width that the first joint was mirrored in, which the file does not name."""
    return round(float(arrays["flip_in"][0, 0] + arrays["flip_out"][0, 0])) + 1


@pytest.mark.parametrize("path", cases(*MAPS))
def test_crops(path):
    affine = read(path).meta["affine"]
    for key, case in affine.items():
        if not key.startswith("args_"):
            continue
        number = key.removeprefix("args_")
        crop = crops.Crop(tuple(case["center"]), 200 * case["scale"][0], case["rot"])
        size = tuple(case["output_size"])
        np.testing.assert_allclose(
            crops.matrix(crop, size=size), affine[f"fwd_{number}"], atol=1e-4
        )
        np.testing.assert_allclose(
            crops.inverse(crop, size=size), affine[f"inv_{number}"], atol=1e-4
        )


@pytest.mark.parametrize("path", cases(*MAPS))
def test_shares_of_correct_points(path):
    golden = read(path)
    arrays, wanted = golden.arrays, golden.meta["pck_accuracy"]
    maps, predicted = (nhwc(arrays[name]) for name in ("heatmaps", "acc_pred"))
    (found, _), (true, _) = map(landmark_maps.peaks, (predicted, maps))
    share = scores.heatmap_pck(found, true, size=maps.shape[1:3], upstream=True)
    per_point = np.where(np.isnan(share), -1, share)
    np.testing.assert_allclose(per_point, wanted["per_joint_with_mean_first"][1:])
    assert np.nanmean(share) == pytest.approx(wanted["avg"])
    assert np.isfinite(share).sum() == wanted["count"]
    fixed = scores.heatmap_pck(found, true, size=maps.shape[1:3], upstream=False)
    swapped = scores.heatmap_pck(
        found[..., ::-1], true[..., ::-1], size=maps.shape[1:3], upstream=True
    )
    np.testing.assert_array_equal(fixed, swapped)


@pytest.mark.parametrize("path", cases(*MAPS))
def test_similarity(path):
    golden = read(path)
    arrays, case = golden.arrays, golden.meta["oks_iou_coco"]
    true, found = (arrays[name].reshape(-1, 17, 3) for name in ("oks_gt", "oks_det"))
    np.testing.assert_allclose(arrays["coco_sigmas_17"], tables.COCO17_SIGMAS)
    np.testing.assert_allclose(arrays["fashion_sigmas_294"], tables.GARMENT_SIGMAS)
    area = (case["area_gt"] + np.array(case["area_det"])) / 2
    same = np.broadcast_to(true[..., :2], found[..., :2].shape)
    similar = scores.oks(
        found[..., :2], same, labelled=np.ones(same.shape[:2]), area=area,
        sigmas=tables.COCO17_SIGMAS,
    )  # fmt: skip
    np.testing.assert_allclose(similar, case["value_all"], rtol=1e-6)
    for key, case in golden.meta.items():
        if key.startswith("fashion_oks_"):
            name, (low, high) = key.removeprefix("fashion_oks_"), case["range"]
            got = scores.oks(
                arrays[f"fashion_pred_{name}"][None],
                arrays[f"fashion_gt_{name}"][None],
                labelled=arrays[f"fashion_vis_{name}"][None] > 0,
                area=np.array([case["area"]]),
                sigmas=tables.GARMENT_SIGMAS[low:high],
            )
            assert got[0] == pytest.approx(case["value"], rel=1e-6), name


@pytest.mark.parametrize("path", cases(*MAPS))
def test_normalised_error(path):
    golden = read(path)
    found, true = golden.arrays["nme_pred"], golden.arrays["nme_gt"]
    eyes = np.linalg.norm(true[:, 36] - true[:, 45], axis=-1)  # outer corners, 300-W
    error = scores.normalised_error(found, true, labelled=np.ones(true.shape[:2]), reference=eyes)
    np.testing.assert_allclose(error, golden.meta["nme_300w_interocular"], rtol=1e-6)


def test_every_file_is_read():
    kinds = ("hrnet_*", "pose_resnet*", "landmark_*")
    assert golden_files("designgan", *kinds), "no golden files found"
    read_here = golden_files("designgan", *NETWORKS, *TRAINING, *MAPS)
    assert set(golden_files("designgan", *kinds)) == set(read_here)
