"""Names and layouts of U-GAT-IT in PyTorch: znxlwm/UGATIT-pytorch, zheng-yuwei/enhanced-UGATIT.

Their networks genA2B, genB2A, disGA, disGB, disLA, disLB are our gen_ab, gen_ba, disc_ga, disc_gb,
disc_la, disc_lb; the enhanced version's genA2B_ema and genB2A_ema are our averages. Which options a
network was made with is read from the names of its tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tryon_jax.port import convert as to
from tryon_jax.port import torch_file
from tryon_jax.port.originals import Original, newest, unknown

NETWORKS = {
    "genA2B": "gen_ab",
    "genB2A": "gen_ba",
    "disGA": "disc_ga",
    "disGB": "disc_gb",
    "disLA": "disc_la",
    "disLB": "disc_lb",
}


ROWS = {"gap_fc": "average", "gmp_fc": "max"}  # the classifier's two rows

Rules = dict[str, tuple[str, to.Layout]]


def originals(path: str | Path) -> dict[str, Original]:
    """All networks of a file such as `selfie2anime_params_latest.pt`, or of a folder's newest.

    Where the enhanced version kept averages of the generators, those are taken, as it does to test.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: as `torch_file.read_all`, or if the file is another program's.
    """
    path = Path(path).expanduser().absolute()
    if path.is_dir():
        found = newest(path, r"(?:.*_)?params_(\w+)\.pt")
        if found is None:
            raise FileNotFoundError(f"{path} holds no *_params_<step>.pt of U-GAT-IT")
        path = found
    held = torch_file.read_all(path)
    if not {"genA2B", "genB2A"} <= set(held):
        known = f"U-GAT-IT's checkpoints (of {', '.join(NETWORKS)})"
        raise unknown(path, held.get("", held), known=known)
    found = {}
    for theirs, ours in NETWORKS.items():
        if theirs in held:
            read = _gen_original if theirs.startswith("gen") else _disc_original
            found[ours] = read(path, held.get(f"{theirs}_ema", held[theirs]))
    return found


def _gen_original(path: Path, state_dict: Mapping[str, np.ndarray]) -> Original:
    variables = {"params": generator(state_dict)}
    channels, style = state_dict["FC.0.weight"].shape
    enhanced = "FC.0.bias" in state_dict
    light = enhanced or style == channels
    fields = {
        "model.variant": "enhanced" if enhanced else "official",
        "model.light": light,
        "model.channels": len(state_dict["DownBlock.1.weight"]),
        "model.blocks": sum(key.startswith("encode_") for key in variables["params"]),
    }
    side = round((style // channels) ** 0.5)
    if enhanced:  # full is the same as pooling to the size that the maps have
        fields["model.pool"] = side
    elif not light:
        fields["image_size"] = 4 * side
    preset = "" if enhanced else "light" if light else "full"
    return Original(path, variables, fields, preset)


def _disc_original(path: Path, state_dict: Mapping[str, np.ndarray]) -> Original:
    params, spectral = discriminator(state_dict)
    return Original(path, {"params": params, "spectral": spectral}, {})


def generator(state_dict: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Parameters of a `Generator`, its options by the names and shapes of its tensors.

    Raises:
      ValueError: if keys are missing or left over.
    """
    blocks = sum(key.startswith("UpBlock1_") and key.endswith("conv1.weight") for key in state_dict)
    # a file of something else may lack these two: `convert` then says what is missing
    channels = np.size(state_dict.get("conv1x1.bias", ()))
    light = np.shape(state_dict.get("FC.0.weight", ())) == (channels, channels)
    rules: Rules = {
        "DownBlock.1.weight": ("stem/kernel", to.conv),
        "DownBlock.5.weight": ("down_1/kernel", to.conv),
        "DownBlock.9.weight": ("down_2/kernel", to.conv),
        "gap_fc.weight": ("cam/average_row", to.linear),
        "gmp_fc.weight": ("cam/max_row", to.linear),
        "conv1x1.weight": ("cam/mix", to.mix_1x1),
        "conv1x1.bias": ("cam/bias", to.vector),
        "FC.0.weight": ("style/fc_1/kernel", to.linear if light else to.flattened(channels)),
        "FC.2.weight": ("style/fc_2/kernel", to.linear),
        "gamma.weight": ("style/gamma/kernel", to.linear),
        "beta.weight": ("style/beta/kernel", to.linear),
        **_up("UpBlock2", (2, 3, 7, 8), path="up", state_dict=state_dict),
        "UpBlock2.11.weight": ("out/kernel", to.conv),
    }
    squeeze = any(".cSE." in key for key in state_dict)
    for i in range(blocks):
        rules |= _block(f"DownBlock.{12 + i}.conv_block", path=f"encode_{i}")
        rules |= _ada_block(f"UpBlock1_{i + 1}", path=f"decode_{i}")
        if squeeze:
            rules |= _squeeze(f"DownBlock.{12 + i}.conv_block.7", path=f"encode_{i}")
            rules |= _squeeze(f"UpBlock1_{i + 1}.se", path=f"decode_{i}")
    if "DownBlock.2.weight" in state_dict:
        rules |= _enhanced(blocks)
    if any(key.startswith("UpBlock_attention.") for key in state_dict):
        rules |= _masks(blocks, squeeze=squeeze, state_dict=state_dict)
    return to.convert(state_dict, rules)


def _block(key: str, *, path: str) -> Rules:
    return {f"{key}.{i}.weight": (f"{path}/conv_{j}/kernel", to.conv) for j, i in ((1, 1), (2, 5))}


def _ada_block(key: str, *, path: str) -> Rules:
    convs = {f"{key}.conv{j}.weight": (f"{path}/conv_{j}/kernel", to.conv) for j in (1, 2)}
    return convs | {f"{key}.norm{j}.rho": (f"{path}/norm_{j}/rho", to.vector) for j in (1, 2)}


def _up(
    key: str, indices: tuple[int, ...], *, path: str, state_dict: Mapping[str, np.ndarray]
) -> Rules:
    """Two doublings; `indices` are those of convolution, norm, convolution, norm.

    A transposed convolution stands where the plain one would: [in, out, h, w] with in > out.
    """
    rules: Rules = {}
    for i, (conv, norm) in enumerate(zip(indices[::2], indices[1::2], strict=True), 1):
        shape = np.shape(state_dict.get(f"{key}.{conv}.weight", ()))
        transposed = len(shape) == 4 and shape[0] > shape[1]
        layout = to.conv_transpose if transposed else to.conv
        rules[f"{key}.{conv}.weight"] = (f"{path}_{i}/kernel", layout)
        for name in ("rho", "gamma", "beta"):
            rules[f"{key}.{norm}.{name}"] = (f"{path}_{i}_norm/{name}", to.vector)
    return rules


def _enhanced(blocks: int) -> Rules:
    """Scales and shifts of instance norms, and biases, that the official version lacks."""
    affine = {"DownBlock.2": "stem_norm", "DownBlock.6": "down_1_norm"}
    affine |= {"DownBlock.10": "down_2_norm"}
    biased = {"FC.0": "style/fc_1", "FC.2": "style/fc_2", "gamma": "style/gamma"}
    biased |= {"beta": "style/beta", "UpBlock2.2": "up_1", "UpBlock2.7": "up_2"}
    biased |= {"UpBlock2.11": "out"}
    for i in range(blocks):
        affine |= _block_norms(f"DownBlock.{12 + i}.conv_block", path=f"encode_{i}")
        biased |= {f"UpBlock1_{i + 1}.conv{j}": f"decode_{i}/conv_{j}" for j in (1, 2)}
    rows = {f"{key}.bias": (f"cam/{name}_bias", to.vector) for key, name in ROWS.items()}
    return _affine(affine) | _biases(biased) | rows


def _block_norms(key: str, *, path: str) -> dict[str, str]:
    return {f"{key}.2": f"{path}/norm_1", f"{key}.6": f"{path}/norm_2"}


def _affine(norms: Mapping[str, str]) -> Rules:
    scales = {f"{key}.weight": (f"{path}/scale", to.vector) for key, path in norms.items()}
    return scales | _biases(norms)


def _biases(layers: Mapping[str, str]) -> Rules:
    return {f"{key}.bias": (f"{path}/bias", to.vector) for key, path in layers.items()}


def _squeeze(key: str, *, path: str) -> Rules:
    rules: Rules = {}
    layers = {"cSE.se.1": "reduce", "cSE.se.3": "expand", "sSE.conv": "place"}
    for theirs, ours in layers.items():
        rules[f"{key}.{theirs}.weight"] = (f"{path}/squeeze/{ours}/kernel", to.mix_1x1)
        rules[f"{key}.{theirs}.bias"] = (f"{path}/squeeze/{ours}/bias", to.vector)
    return rules


def _masks(blocks: int, *, squeeze: bool, state_dict: Mapping[str, np.ndarray]) -> Rules:
    """The decoder of the attention masks."""
    key, norms = "UpBlock_attention", {}
    indices = (blocks + 2, blocks + 3, blocks + 7, blocks + 8)
    rules = _up(key, indices, path="masks/up", state_dict=state_dict)
    for i in range(blocks):
        inside = f"{key}.{i}.conv_block"
        rules |= _block(inside, path=f"masks/block_{i}")
        norms |= _block_norms(inside, path=f"masks/block_{i}")
        if squeeze:
            rules |= _squeeze(f"{inside}.7", path=f"masks/block_{i}")
    out = f"{key}.{blocks + 10}"
    biases = {f"{key}.{indices[0]}": "masks/up_1", f"{key}.{indices[2]}": "masks/up_2"}
    rules[f"{out}.weight"] = ("masks/out/kernel", to.conv)
    return rules | _affine(norms) | _biases({**biases, out: "masks/out"})


def discriminator(state_dict: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and spectral vectors of a `Discriminator`; no vectors without spectral norm.

    Raises:
      ValueError: if keys are missing or left over.
    """
    layers = sum(key.startswith("model.") and key.endswith(".bias") for key in state_dict)
    plain = "conv.weight" in state_dict
    weight = _plain_weight if plain else _normalised
    rules: Rules = {
        "conv1x1.weight": ("params/cam/mix", to.mix_1x1),
        "conv1x1.bias": ("params/cam/bias", to.vector),
        **weight("conv", path="logit", size=4),
    }
    for i in range(layers):
        key = f"model.{1 + 3 * i}"
        shape = np.shape(state_dict.get(f"{key}.weight" if plain else f"{key}.weight_orig", ()))
        rules |= weight(key, path=f"conv_{i}", size=shape[-1] if shape else 4)
        rules[f"{key}.bias"] = (f"params/conv_{i}/bias", to.vector)
    for key, name in ROWS.items():
        rules[f"{key}.weight" if plain else f"{key}.weight_orig"] = (
            f"params/cam/{name}_row",
            to.linear,
        )
        for vector in () if plain else ("u", "v"):
            path = f"spectral/cam/{name}_spectral/{vector}"
            rules[f"{key}.weight_{vector}"] = (path, to.vector)
        if f"{key}.bias" in state_dict:
            rules[f"{key}.bias"] = (f"params/cam/{name}_bias", to.vector)
    if "conv.bias" in state_dict:
        rules["conv.bias"] = ("params/logit/bias", to.vector)
    nested = to.convert(state_dict, rules)
    return nested["params"], nested.get("spectral", {})


def _plain_weight(key: str, *, path: str, size: int) -> Rules:
    """A convolution without spectral norm; `size` is as in `_normalised`."""
    del size
    return {f"{key}.weight": (f"params/{path}/kernel", to.conv)}


def _normalised(key: str, *, path: str, size: int) -> Rules:
    """A spectrally normalised convolution, `size` pixels a side."""
    return {
        f"{key}.weight_orig": (f"params/{path}/kernel", to.conv),
        f"{key}.weight_u": (f"spectral/{path}/spectral/u", to.vector),
        f"{key}.weight_v": (f"spectral/{path}/spectral/v", to.spectral_v(size)),
    }
