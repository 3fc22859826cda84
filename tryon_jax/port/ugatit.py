"""Names and layouts of the authors' PyTorch U-GAT-IT (znxlwm/UGATIT-pytorch checkpoints).

Their networks genA2B, genB2A, disGA, disGB, disLA, disLB are our gen_ab, gen_ba, disc_ga, disc_gb,
disc_la, disc_lb.
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


def originals(path: str | Path) -> dict[str, Original]:
    """All networks of a file such as `selfie2anime_params_latest.pt`, or of a folder's newest.

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
            found[ours] = read(path, held[theirs])
    return found


def _gen_original(path: Path, state_dict: Mapping[str, np.ndarray]) -> Original:
    variables = {"params": generator(state_dict)}
    channels, style = state_dict["FC.0.weight"].shape
    light = style == channels
    fields = {
        "model.light": light,
        "model.channels": len(state_dict["DownBlock.1.weight"]),
        "model.blocks": sum(key.startswith("encode_") for key in variables["params"]),
    }
    if not light:
        fields["image_size"] = 4 * round((style // channels) ** 0.5)
    return Original(path, variables, fields, "light" if light else "full")


def _disc_original(path: Path, state_dict: Mapping[str, np.ndarray]) -> Original:
    params, spectral = discriminator(state_dict)
    return Original(path, {"params": params, "spectral": spectral}, {})


def generator(state_dict: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Parameters of a `Generator`, light or full by the shape of its first style layer.

    Raises:
      ValueError: if keys are missing or left over.
    """
    blocks = sum(key.startswith("UpBlock1_") and key.endswith("conv1.weight") for key in state_dict)
    # a file of something else may lack these two: `convert` then says what is missing
    channels = np.size(state_dict.get("conv1x1.bias", ()))
    light = np.shape(state_dict.get("FC.0.weight", ())) == (channels, channels)
    rules: dict[str, tuple[str, to.Layout]] = {
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
        "UpBlock2.2.weight": ("up_1/kernel", to.conv),
        "UpBlock2.7.weight": ("up_2/kernel", to.conv),
        "UpBlock2.11.weight": ("out/kernel", to.conv),
    }
    for i in range(blocks):
        encode, decode = f"DownBlock.{12 + i}.conv_block", f"UpBlock1_{i + 1}"
        for j, index in ((1, 1), (2, 5)):
            rules[f"{encode}.{index}.weight"] = (f"encode_{i}/conv_{j}/kernel", to.conv)
            rules[f"{decode}.conv{j}.weight"] = (f"decode_{i}/conv_{j}/kernel", to.conv)
            rules[f"{decode}.norm{j}.rho"] = (f"decode_{i}/norm_{j}/rho", to.vector)
    for i, index in ((1, 3), (2, 8)):
        for name in ("rho", "gamma", "beta"):
            rules[f"UpBlock2.{index}.{name}"] = (f"up_{i}_norm/{name}", to.vector)
    return to.convert(state_dict, rules)


def discriminator(state_dict: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and spectral vectors of a `Discriminator`.

    Raises:
      ValueError: if keys are missing or left over.
    """
    layers = sum(key.startswith("model.") and key.endswith(".bias") for key in state_dict)
    rules: dict[str, tuple[str, to.Layout]] = {
        "conv1x1.weight": ("params/cam/mix", to.mix_1x1),
        "conv1x1.bias": ("params/cam/bias", to.vector),
        **_normalised("conv", path="logit"),
    }
    for i in range(layers):
        rules |= _normalised(f"model.{1 + 3 * i}", path=f"conv_{i}")
        rules[f"model.{1 + 3 * i}.bias"] = (f"params/conv_{i}/bias", to.vector)
    for key, name in (("gap_fc", "average"), ("gmp_fc", "max")):
        rules[f"{key}.weight_orig"] = (f"params/cam/{name}_row", to.linear)
        for vector in ("u", "v"):
            path = f"spectral/cam/{name}_spectral/{vector}"
            rules[f"{key}.weight_{vector}"] = (path, to.vector)
    nested = to.convert(state_dict, rules)
    return nested["params"], nested["spectral"]


def _normalised(key: str, *, path: str) -> dict[str, tuple[str, to.Layout]]:
    """A spectrally normalised 4x4 convolution."""
    return {
        f"{key}.weight_orig": (f"params/{path}/kernel", to.conv),
        f"{key}.weight_u": (f"spectral/{path}/spectral/u", to.vector),
        f"{key}.weight_v": (f"spectral/{path}/spectral/v", to.spectral_v(4)),
    }
