"""Landmarks: a network learns where the joints of persons or the points of garments are.

Source: Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation", CVPR
2019 (arXiv 1902.09212), in the arithmetic of the authors' code, or Xiao et al. 2018
(SimpleBaseline); unbiased targets and decoding by Zhang et al., CVPR 2020 (DARK). DesignGAN (2021)
trains two such networks, `human` and `garment`.

What flows through (keys of `data_pipelines/keypoints.py`): `picture`, a box cut out of a
photograph; its landmarks `points`; `box`, by which distances are judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from ml_collections import ConfigDict

from tryon_jax import heatmap, landmark_layouts, landmark_maps, losses, optim, system
from tryon_jax.layers.conv import enlarge_bilinear
from tryon_jax.layers.precision import full
from tryon_jax.layers.remat import run
from tryon_jax.networks.hrnet import HRNet
from tryon_jax.networks.pose_resnet import PoseResNet
from tryon_jax.port import hrnet, weight_file

NETWORKS = {"hrnet": HRNet, "pose_resnet": PoseResNet}
LOSSES = ("all", "hard")
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and deviation, RGB in [0, 1]
NEAR = 0.1  # of the box's longer side: a landmark found there counts in the curve `net_pck`
DOT = 1 / 90  # deviation of a landmark's dot in pictures, heights


class Landmarks(nn.Module):
    """The game of one player; the network has the name of what it finds: human or garment."""

    network: str
    fields: Mapping[str, Any]  # of the network
    maps: Mapping[str, Any]  # `config.model.heatmap`
    layout: landmark_layouts.Layout
    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    maker = "net"
    strips = {"landmarks": ("picture", "true_points", "found_points", "heat")}  # noqa: RUF012
    directions = {}  # noqa: RUF012
    multiple = 0

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:
        """The one player."""
        return {"net": (self.network,)}

    @property
    def sampled(self) -> tuple[str, ...]:
        """The one network."""
        return (self.network,)

    def setup(self):
        """One network."""
        setattr(self, self.network, built(self.fields, self.layout, dtype=self.dtype))

    def forward(self, batch: system.Batch) -> jax.Array:
        """The heatmaps [N, h, w, K]."""
        return self._maps(batch["picture"], update=True)

    def net_loss(self, batch: system.Batch, made: jax.Array) -> losses.Terms:
        """How far the heatmaps are from bumps at the landmarks."""
        size = (made.shape[1], made.shape[2])
        stride = batch["picture"].shape[1] / size[0]
        points = full(batch["points"])
        target, weight = landmark_maps.targets(
            points[..., :2] / stride,
            jnp.where(points[..., 2] > 0, 1.0, 0.0),
            size=size,
            sigma=self.maps["sigma"] / stride,
            kind=self.maps["target"],
        )
        if self.maps["loss"] == "hard":
            count = self.maps["hard"]
            error = landmark_maps.hardest_error(made, target, weight=weight, count=count)
        else:
            error = landmark_maps.squared_error(made, target, weight=weight)
        return {"heatmap": error}

    def measures(self, batch: system.Batch, made: jax.Array) -> dict[str, jax.Array]:
        """The share of labelled landmarks whose maximum is near, of the step's own pictures."""
        places, _ = landmark_maps.peaks(jax.lax.stop_gradient(made))
        places = places * (batch["picture"].shape[1] / made.shape[1])
        apart = jnp.linalg.norm(places - full(batch["points"][..., :2]), axis=-1)
        near = apart < NEAR * jnp.max(batch["box"][:, 2:], -1)[:, None]
        labelled = batch["points"][..., 2] > 0
        return {"net_pck": jnp.sum(near & labelled) / jnp.maximum(jnp.sum(labelled), 1)}

    def find(self, batch: system.Batch) -> jax.Array:
        """The landmarks [N, K, 3] of pictures, (x, y, maximum of the map) in their pixels."""
        return self._found(self._tested(batch["picture"]), batch["picture"])

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """What a person wants to see: landmarks as dots, and all heatmaps in one."""
        picture, labelled = full(batch["picture"]), batch["points"][..., 2] > 0
        maps = self._tested(batch["picture"])
        found = self._found(maps, batch["picture"])
        shown = jnp.where(labelled[:, None, None], maps, 0)  # of garments one category's
        heat = jnp.clip(jnp.max(shown, -1, keepdims=True), 0, 1)
        heat = enlarge_bilinear(heat, factor=picture.shape[1] // maps.shape[1])
        return {
            "picture": picture,
            "true_points": dotted(picture, batch["points"][..., :2], shown=labelled),
            "found_points": dotted(picture, found[..., :2], shown=labelled),
            "heat": 2 * heatmap.jet(heat[..., 0]) - 1,
        }

    def _maps(self, picture: jax.Array, *, update: bool) -> jax.Array:
        mean, deviation = jnp.array(IMAGENET)
        normal = ((full(picture) + 1) / 2 - mean) / deviation
        return run(getattr(self, self.network), normal, remat=self.remat, update=update)

    def _tested(self, picture: jax.Array) -> jax.Array:
        """Heatmaps by running statistics, with the mirrored picture's if the config says so."""
        maps = self._maps(picture, update=False)
        if not self.maps["flip_test"]:
            return maps
        mirrored = self._maps(picture[:, :, ::-1], update=False)
        shift = 0 if maps.shape == (*picture.shape[:3], maps.shape[-1]) else 1
        order = self.layout.mirror_order
        return landmark_maps.flip_averaged(maps, mirrored, order=order, shift=shift)

    def _found(self, maps: jax.Array, picture: jax.Array) -> jax.Array:
        places, score = landmark_maps.decode(maps, how=self.maps["decoding"])
        stride = picture.shape[1] / maps.shape[1]
        return jnp.concatenate([places * stride, score[..., None]], -1)


def built(
    fields: Mapping[str, Any], layout: landmark_layouts.Layout, *, dtype: jnp.dtype = jnp.float32
) -> HRNet | PoseResNet:
    """The network that a config's fields describe.

    Args:
      fields: `config.model.human` or `config.model.garment`.
      layout: of its outputs.
      dtype: of the computation.

    Raises:
      ValueError: if its kind is unknown.
      TypeError: if it has not these fields.
    """
    kind = fields["kind"]
    if kind not in NETWORKS:
        raise ValueError(f"kind must be one of {', '.join(NETWORKS)}; got {kind!r}")
    own = {name: value for name, value in fields.items() if name != "kind"}
    return NETWORKS[kind](layout.count, **own, dtype=dtype)


def dotted(picture: jax.Array, places: jax.Array, *, shown: jax.Array) -> jax.Array:
    """Pictures [N, H, W, 3] with a coloured dot at each landmark [N, K, 2] that is shown [N, K]."""
    size = (picture.shape[1], picture.shape[2])
    sigma = max(size[0] * DOT, 1.0)
    dots, _ = landmark_maps.targets(places, jnp.where(shown, 1.0, 0.0), size=size, sigma=sigma)
    count = dots.shape[-1]
    colours = 2 * heatmap.jet(jnp.arange(count) / max(count - 1, 1)) - 1
    cover = jnp.max(dots, -1, keepdims=True)
    colour = jnp.einsum("nhwk,kc->nhwc", dots, colours)
    colour = colour / jnp.maximum(jnp.sum(dots, -1, keepdims=True), 1e-6)
    return jnp.clip(picture * (1 - cover) + colour * cover, -1, 1)


def make(config: ConfigDict) -> system.System:
    """The system of `configs/landmarks_human.py` and `configs/landmarks_garment.py`.

    Raises:
      ValueError: if the fields of the model do not fit together.
    """
    network, maps = config.data.points, config.model.heatmap.to_dict()
    if network not in config.model:
        raise ValueError(
            f"data.points={network!r}, but config.model describes "
            f"{', '.join(name for name in config.model if name != 'heatmap')}: take "
            f"--config=configs/landmarks_{network}.py"
        )
    layout = layout_of(config)
    _check(maps)
    fields = config.model[network].to_dict()
    built(fields, layout)  # an unknown field is told here, not when the step is traced
    module = Landmarks(
        network,
        fields,
        maps,
        layout,
        remat=config.remat,
        dtype=jnp.dtype(config.precision),
    )
    return system.adversarial(
        module,
        optimizers={"net": optim.adam(config.optim, steps=config.steps)},
        weights={"net": config.weights.net.to_dict()},
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
        readers={network: system.Reader(weight_file.existing, hrnet.load)},
    )


def layout_of(config: ConfigDict) -> landmark_layouts.Layout:
    """What the outputs of a run's network stand for.

    Raises:
      ValueError: if `data.points` or `data.categories` are unknown.
    """
    return landmark_layouts.layout(config.data.points, config.data.categories)


def _check(maps: Mapping[str, Any]) -> None:
    for field, choices in (
        ("target", landmark_maps.TARGETS),
        ("loss", LOSSES),
        ("decoding", landmark_maps.DECODINGS),
    ):
        if maps[field] not in choices:
            raise ValueError(
                f"model.heatmap.{field} must be one of {', '.join(choices)}; got {maps[field]!r}"
            )
    known = {"sigma", "target", "loss", "hard", "decoding", "flip_test"}
    if set(maps) != known:
        strange = sorted(set(maps) ^ known)
        raise TypeError(f"model.heatmap has the fields {sorted(known)}; differs in {strange}")
    if not np.isfinite(maps["sigma"]) or maps["sigma"] <= 0 or maps["hard"] < 1:
        raise ValueError(
            "model.heatmap.sigma must be above 0 pixels and hard 1 or more; got "
            f"{maps['sigma']} and {maps['hard']}"
        )
