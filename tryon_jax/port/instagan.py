"""Names and layouts of the authors' PyTorch InstaGAN.

Their G_A is our gen_ab, G_B gen_ba; D_A judges domain b and is our disc_b, D_B disc_a.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tryon_jax.port import convert as to

NETWORKS = {"G_A": "gen_ab", "G_B": "gen_ba", "D_A": "disc_b", "D_B": "disc_a"}
KERNEL = 4  # of the discriminators' convolutions

StateDict = Mapping[str, np.ndarray]


def generator(state_dict: StateDict) -> dict[str, Any]:
    """Variables of a `SetGenerator`."""
    rules: to.Rules = {}
    for theirs, ours in (("encoder_img", "picture"), ("encoder_seg", "mask")):
        for index, name in ((1, "stem"), (4, "down_1"), (7, "down_2")):
            rules |= to.layer(f"{theirs}.{index}", f"{ours}/{name}")
        keys = (key for key in state_dict if key.startswith(f"{theirs}.") and "conv_block" in key)
        for i in range(len({key.split(".")[1] for key in keys})):
            for index, name in ((1, "conv_1"), (5, "conv_2")):
                key = f"{theirs}.{10 + i}.conv_block.{index}"
                rules |= to.layer(key, f"{ours}/block_{i}/{name}")
    for theirs, ours in (("decoder_img", "head_picture"), ("decoder_seg", "head_mask")):
        rules |= to.layer(f"{theirs}.7", f"{ours}/out")
        for index, name in ((0, "up_1"), (3, "up_2")):
            rules |= to.layer(f"{theirs}.{index}", f"{ours}/{name}")
            rules |= to.kernel(f"{theirs}.{index}", f"{ours}/{name}", to.conv_transpose)
    return to.convert(state_dict, rules)


def discriminator(state_dict: StateDict) -> dict[str, Any]:
    """Variables of a `SetDiscriminator`, the spectral vectors among them."""
    rules: to.Rules = {}
    places = {"classifier.0": "fuse", "classifier.3": "logit"}
    for theirs, ours in (("feature_img", "picture"), ("feature_seg", "mask")):
        places |= {f"{theirs}.{index}": f"{ours}/conv_{i}" for i, index in enumerate((0, 2, 5))}
    for key, path in places.items():
        rules[f"{key}.module.weight_bar"] = (f"params/{path}/kernel", to.conv)
        rules[f"{key}.module.bias"] = (f"params/{path}/bias", to.vector)
        rules[f"{key}.module.weight_u"] = (f"spectral/{path}/spectral/u", to.vector)
        rules[f"{key}.module.weight_v"] = (
            f"spectral/{path}/spectral/v",
            to.spectral_v(KERNEL),
        )
    return to.convert(state_dict, rules)
