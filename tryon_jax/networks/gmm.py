"""The Geometric Matching Module of CP-VTON: lays a garment on a person.

Two feature extractors, the correlation of their maps, and a regression of the displacements of a
thin-plate spline's control points. Feature maps of 16 x 12 are the original's; a picture of
256 x 192 needs 4 halvings for it, one of 512 x 384 needs 5.

Source: Wang et al. 2018, section 3.2; Rocco et al. 2017 (the layers). The extractors put batch norm
behind ReLU, the regression in front of it, as the authors' code does.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers import init
from tryon_jax.layers.conv import Conv
from tryon_jax.layers.norms import BatchNorm
from tryon_jax.layers.precision import full
from tryon_jax.warp import correlation, l2_normalise, sample, tps_grid

SCALE_INIT = init.normal(mean=1.0, deviation=init.GAIN)  # of the extractors' batch norms
MATCHES = ("cloth", "mask")


class Fit(NamedTuple):
    """A garment laid on a person."""

    cloth: jax.Array  # [N, H, W, 3] in [-1, 1]; its border goes on outwards
    mask: jax.Array  # [N, H, W, 1] in [0, 1]
    grid: jax.Array  # float32 [N, H, W, 2], (x, y) in the flat picture: warp.sample reads it


class FeatureExtraction(nn.Module):
    """Strided convolutions to a map of features, `halvings` times smaller by 2."""

    channels: int = 64
    halvings: int = 4
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, H / 2^halvings, W / 2^halvings, 8 channels], not below 0."""
        common = {"padding": 1, "init_type": "normal_kernel", "dtype": self.dtype}
        last = self.halvings + 1
        for i in range(last + 1):
            width = self.channels * (min(2**i, 8) if i < self.halvings else 8)
            size, stride = (4, 2) if i < self.halvings else (3, 1)
            x = nn.relu(Conv(width, size, stride=stride, name=f"conv_{i}", **common)(x))
            if i < last:
                x = BatchNorm(scale_init=SCALE_INIT, name=f"norm_{i}")(x, update=update)
        return x


class Regression(nn.Module):
    """From the correlation map to displacements."""

    nodes: int
    channels: int = 64
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> jax.Array:
        """Maps [N, h, w, C] to float32 [N, 2 nodes] in (-1, 1): all x, then all y."""
        for i, (times, size) in enumerate(((8, 4), (4, 4), (2, 3), (1, 3))):
            stride = 2 if size == 4 else 1
            width = self.channels * times
            x = Conv(width, size, stride=stride, padding=1, dtype=self.dtype, name=f"conv_{i}")(x)
            x = nn.relu(BatchNorm(name=f"norm_{i}")(x, update=update))
        # in float32: bfloat16 would round the displacements to half a pixel
        x = full(x).reshape(len(x), -1)
        theta = nn.Dense(
            2 * self.nodes,
            kernel_init=init.kernel_init("pytorch"),
            bias_init=init.bias_init("pytorch", fan_in=x.shape[-1]),
            precision=jax.lax.Precision.HIGHEST,
            name="theta",
        )(x)
        return jnp.tanh(theta)


class GMM(nn.Module):
    """From a person and a garment to the garment as that person would wear it."""

    channels: int = 64
    halvings: int = 4
    lattice: tuple[int, int] = (5, 5)
    extent: float = 1.0
    matches: str = "cloth"
    height: int = 0
    mask_padding: str = "zeros"
    align_corners: bool = True
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        """The original's extractionA and extractionB, then its regression."""
        common = {"channels": self.channels, "halvings": self.halvings, "dtype": self.dtype}
        self.person_features = FeatureExtraction(**common)
        self.cloth_features = FeatureExtraction(**common)
        nodes = self.lattice[0] * self.lattice[1]
        self.regression = Regression(nodes, self.channels, dtype=self.dtype)

    def __call__(
        self, agnostic: jax.Array, cloth: jax.Array, mask: jax.Array, *, update: bool
    ) -> Fit:
        """The garment, warped at the size of its picture, whatever `height` the networks see.

        Args:
          agnostic: [N, H, W, 22], the person without the garment.
          cloth: [N, H, W, 3] in [-1, 1], the garment on white.
          mask: [N, H, W, 1] in {0, 1}, where it is.
          update: normalise by the batch and move the running statistics.

        Raises:
          ValueError: if a field is unknown or the feature maps would not come out whole.
        """
        if self.matches not in MATCHES:
            raise ValueError(
                f"model.matches must be one of {', '.join(MATCHES)}; got {self.matches!r}"
            )
        matched = cloth if self.matches == "cloth" else mask
        seen = (shrunk(x, height=self.height or x.shape[1]) for x in (agnostic, matched))
        shift = self.shift(*seen, update=update)
        size = (cloth.shape[1], cloth.shape[2])
        grid = tps_grid(shift, size=size, lattice=self.lattice, extent=self.extent)
        corners = {"align_corners": self.align_corners}
        return Fit(
            sample(cloth, grid, padding="border", **corners),
            sample(mask, grid, padding=self.mask_padding, **corners),
            grid,
        )

    def shift(self, agnostic: jax.Array, cloth: jax.Array, *, update: bool) -> jax.Array:
        """The shift of each control point, for `warp.tps_grid`.

        Args:
          agnostic: [N, H, W, 22].
          cloth: [N, H, W, 3], or [N, H, W, 1]: its mask (CP-VTON+).
          update: as above.

        Returns:
          float32 [N, nodes, 2] in (-1, 1), (x, y) in half-widths of the picture.
        """
        _check_size(agnostic.shape, self.halvings)
        a = self.person_features(agnostic, update=update)
        b = self.cloth_features(cloth, update=update)
        matched = correlation(l2_normalise(a), l2_normalise(b))
        theta = self.regression(matched, update=update)
        return theta.reshape(len(theta), 2, -1).swapaxes(1, 2)


def shrunk(x: jax.Array, *, height: int) -> jax.Array:
    """Pictures [N, H, W, C] with `height` rows, by the mean of squares of pixels.

    Raises:
      ValueError: if the squares would not be whole.
    """
    n, h, w, c = x.shape
    times = h // height
    if h % height or w % max(times, 1):
        raise ValueError(
            f"model.gmm.height={height} must divide pictures of {h} x {w} into whole squares of "
            "pixels; set it to a half, a quarter ... of --config.image_size"
        )
    if times == 1:
        return x
    return jnp.mean(x.reshape(n, height, times, w // times, times, c), (2, 4))


def _check_size(shape: tuple[int, ...], halvings: int) -> None:
    height, width = shape[1:3]
    multiple = 2**halvings
    if height % multiple or width % multiple or min(height, width) < 4 * multiple:
        raise ValueError(
            f"a GMM with {halvings} halvings needs sides that are multiples of {multiple}, "
            f"{4 * multiple} or more, got {height} x {width}; set --config.image_size or "
            "model.halvings"
        )
