"""Inception v3 as FID knows it: the graph "inception-2015-12-05", not torchvision's network.

Against torchvision: averages at an edge do not count the zeros around the map, the last block
pools by the maximum, there are 1008 classes, and pictures are in [-1, 1]. Batch norm is part of
each convolution's kernel and bias here (`port.inception` folds it in).

Source: Szegedy et al. 2016 (arXiv 1512.00567); names are torchvision's.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers import init
from tryon_jax.layers.conv import conv2d

SIDE = 299  # pixels, the size that FID takes
SMALLEST = 75  # pixels, that leave one behind the last block
CLASSES = 1008


class Step(NamedTuple):
    """One convolution of a branch; its map keeps its size unless the stride is 2."""

    name: str
    width: int
    size: tuple[int, int] = (1, 1)  # height, width
    stride: int = 1


class Block(NamedTuple):
    """Branches side by side; a branch is a chain, whose last link may be two steps side by side."""

    branches: tuple[tuple[Step | tuple[Step, Step], ...], ...]
    pool: str = "average"  # average | max | halving: a maximum at every second pixel, the last one
    pooled: int = 0  # channels behind the pool; 0: as they are


def _small(pooled: int) -> Block:
    """Mixed_5b, 5c, 5d."""
    return Block(
        (
            (Step("branch1x1", 64),),
            (Step("branch5x5_1", 48), Step("branch5x5_2", 64, (5, 5))),
            (
                Step("branch3x3dbl_1", 64),
                Step("branch3x3dbl_2", 96, (3, 3)),
                Step("branch3x3dbl_3", 96, (3, 3)),
            ),
        ),
        pooled=pooled,
    )


def _long(width: int) -> Block:
    """Mixed_6b ... 6e: rows and columns of seven."""
    return Block(
        (
            (Step("branch1x1", 192),),
            (
                Step("branch7x7_1", width),
                Step("branch7x7_2", width, (1, 7)),
                Step("branch7x7_3", 192, (7, 1)),
            ),
            (
                Step("branch7x7dbl_1", width),
                Step("branch7x7dbl_2", width, (7, 1)),
                Step("branch7x7dbl_3", width, (1, 7)),
                Step("branch7x7dbl_4", width, (7, 1)),
                Step("branch7x7dbl_5", 192, (1, 7)),
            ),
        ),
        pooled=192,
    )


def _wide(pool: str) -> Block:
    """Mixed_7b, 7c."""
    return Block(
        (
            (Step("branch1x1", 320),),
            (
                Step("branch3x3_1", 384),
                (Step("branch3x3_2a", 384, (1, 3)), Step("branch3x3_2b", 384, (3, 1))),
            ),
            (
                Step("branch3x3dbl_1", 448),
                Step("branch3x3dbl_2", 384, (3, 3)),
                (Step("branch3x3dbl_3a", 384, (1, 3)), Step("branch3x3dbl_3b", 384, (3, 1))),
            ),
        ),
        pool=pool,
        pooled=192,
    )


STEM = (  # name, channels, side, stride, padding
    ("Conv2d_1a_3x3", 32, 3, 2, 0),
    ("Conv2d_2a_3x3", 32, 3, 1, 0),
    ("Conv2d_2b_3x3", 64, 3, 1, 1),
    ("Conv2d_3b_1x1", 80, 1, 1, 0),
    ("Conv2d_4a_3x3", 192, 3, 1, 0),
)
POOLED = ("Conv2d_2b_3x3", "Conv2d_4a_3x3")  # a maximum at every second pixel follows
BLOCKS = {
    "Mixed_5b": _small(32),
    "Mixed_5c": _small(64),
    "Mixed_5d": _small(64),
    "Mixed_6a": Block(
        (
            (Step("branch3x3", 384, (3, 3), 2),),
            (
                Step("branch3x3dbl_1", 64),
                Step("branch3x3dbl_2", 96, (3, 3)),
                Step("branch3x3dbl_3", 96, (3, 3), 2),
            ),
        ),
        pool="halving",
    ),
    "Mixed_6b": _long(128),
    "Mixed_6c": _long(160),
    "Mixed_6d": _long(160),
    "Mixed_6e": _long(192),
    "Mixed_7a": Block(
        (
            (Step("branch3x3_1", 192), Step("branch3x3_2", 320, (3, 3), 2)),
            (
                Step("branch7x7x3_1", 192),
                Step("branch7x7x3_2", 192, (1, 7)),
                Step("branch7x7x3_3", 192, (7, 1)),
                Step("branch7x7x3_4", 192, (3, 3), 2),
            ),
        ),
        pool="halving",
    ),
    "Mixed_7b": _wide("average"),
    "Mixed_7c": _wide("max"),
}


class Unit(nn.Module):
    """A convolution with the batch norm in it, and a ReLU."""

    width: int
    size: tuple[int, int]
    stride: int
    padding: tuple[int, int]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, I] to [N, H', W', width]."""
        shape = (*self.size, x.shape[-1], self.width)
        kernel = self.param("kernel", init.kernel_init("pytorch"), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.width,))
        h, w = self.padding
        x = jnp.pad(x, ((0, 0), (h, h), (w, w), (0, 0)))
        return nn.relu(conv2d(x, kernel.astype(x.dtype), stride=self.stride) + bias.astype(x.dtype))


class Mixed(nn.Module):
    """A block of branches."""

    block: Block

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the branches' maps, channels side by side, the pool's last."""
        maps = []
        for branch in self.block.branches:
            y = x
            for link in branch:
                steps = (link,) if isinstance(link, Step) else link
                y = jnp.concatenate([_unit(step)(y) for step in steps], -1)
            maps.append(y)
        pooled = _pool(x, self.block.pool)
        if self.block.pooled:
            pooled = _unit(Step("branch_pool", self.block.pooled))(pooled)
        return jnp.concatenate([*maps, pooled], -1)


class Inception(nn.Module):
    """FID's Inception v3; with batch norms folded in, 23 851 784 parameters."""

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        """Maps pictures [N, H, W, 3] in [-1, 1], already of 299 x 299, to features.

        Returns:
          pool1 [N, 64], pool2 [N, 192], mixed6 [N, 768], pool3 [N, 2048]: means over places;
          unbiased [N, 1008], logits without the bias, and logits [N, 1008].

        Raises:
          ValueError: if the pictures are too small.
        """
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(
                f"Inception takes pictures of {SMALLEST} pixels or more, FID resizes to {SIDE}; "
                f"got {x.shape[1]} x {x.shape[2]}"
            )
        features = {}
        for name, width, side, stride, padding in STEM:
            x = Unit(width, (side, side), stride, (padding, padding), name=name)(x)
            if name in POOLED:
                x = _pool(x, "halving")
                features[f"pool{1 + POOLED.index(name)}"] = jnp.mean(x, (1, 2))
        for name, block in BLOCKS.items():
            x = Mixed(block, name=name)(x)
            if name == "Mixed_6e":
                features["mixed6"] = jnp.mean(x, (1, 2))
        pool3 = jnp.mean(x, (1, 2))
        kernel = self.param("fc_kernel", nn.initializers.lecun_normal(), (x.shape[-1], CLASSES))
        bias = self.param("fc_bias", nn.initializers.zeros, (CLASSES,))
        unbiased = pool3 @ kernel.astype(x.dtype)
        logits = unbiased + bias.astype(x.dtype)
        return features | {"pool3": pool3, "unbiased": unbiased, "logits": logits}


def _unit(step: Step) -> Unit:
    """Maps keep their size, but those of a stride of 2 are not padded."""
    h, w = step.size
    padding = (0, 0) if step.stride == 2 else (h // 2, w // 2)
    return Unit(step.width, step.size, step.stride, padding, name=step.name)


def _pool(x: jax.Array, kind: str) -> jax.Array:
    """3 x 3; an average counts what lies in the map."""
    if kind == "halving":
        return nn.max_pool(x, (3, 3), (2, 2))
    if kind == "max":
        return nn.max_pool(x, (3, 3), (1, 1), "SAME")
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)
