"""DesignGAN's discriminator: patches of a picture and of a mask, weighed by where the body is.

The picture's features are judged as they are and times the body's attention, beside the mask's
(the paper: "features times landmark heatmaps, fused"; layers by the design's section 7). With sides
of 256 there are 30 x 30 logits; receptive field 70 pixels.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv
from tryon_jax.layers.norms import instance_norm
from tryon_jax.layers.precision import full
from tryon_jax.networks.designgan_generator import shrink

WEIGHED = ("body", "heatmaps", "none")
STRIDE = 8  # of the features


class PatchFeatures(nn.Module):
    """Three strided layers, [N, H, W, C] to [N, H / 8, W / 8, 4 * channels]."""

    channels: int
    spectral: bool
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool | jax.Array) -> jax.Array:
        """`update` moves the spectral vectors."""
        for i in range(3):
            conv = Conv(
                self.channels * 2**i,
                4,
                stride=2,
                padding=1,
                spectral=self.spectral,
                init_type=self.init_type,
                dtype=self.dtype,
                name=f"conv_{i}",
            )
            x = conv(x, update=update)
            x = nn.leaky_relu(instance_norm(x) if i else x, 0.2)
        return x


class DesignDiscriminator(nn.Module):
    """Judges pictures whose sides are multiples of 8 (more for several scales), 24 or more.

    `weighed` says by what the picture's features are weighed: body, its attention; heatmaps, a
    learned gate for each feature from the joints' maps; none, nothing.
    """

    channels: int = 64
    weighed: str = "body"
    spectral: bool = False
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self,
        picture: jax.Array,
        mask: jax.Array,
        *,
        body: jax.Array,
        heatmaps: jax.Array,
        update: bool = False,
    ) -> jax.Array:
        """Judges pictures with their masks.

        Args:
          picture: [N, H, W, 3] in [-1, 1].
          mask: [N, H, W, 1] in [-1, 1].
          body: [N, H, W, 1] in [0, 1].
          heatmaps: [N, H / 4, W / 4, joints] in [0, 1].
          update: moves the spectral vectors.

        Returns:
          float32 logits [N, H / 8 - 2, W / 8 - 2, 1].

        Raises:
          ValueError: if `weighed` is unknown or a side is too small.
        """
        _check(self.weighed, picture)
        common = {"spectral": self.spectral, "init_type": self.init_type, "dtype": self.dtype}
        conv = partial(Conv, padding=1, **common)
        features = partial(PatchFeatures, self.channels, **common)
        of_picture = features(name="picture")(picture, update=update)
        of_mask = features(name="mask")(mask, update=update)
        weight = {"body": lambda: shrink(body, STRIDE), "none": lambda: 1.0}
        weight["heatmaps"] = lambda: self._gate(heatmaps, update=update)
        weighed = of_picture * weight[self.weighed]()
        y = jnp.concatenate([of_picture, weighed.astype(of_picture.dtype), of_mask], -1)
        y = conv(8 * self.channels, 4, name="fuse")(y, update=update)
        y = nn.leaky_relu(instance_norm(y), 0.2)
        return full(conv(1, 4, name="logit")(y, update=update))

    def _gate(self, heatmaps: jax.Array, *, update: bool) -> jax.Array:
        gate = Conv(
            4 * self.channels,
            1,
            spectral=self.spectral,
            init_type=self.init_type,
            dtype=self.dtype,
            name="gate",
        )
        return nn.sigmoid(gate(shrink(heatmaps, 2), update=update))


class ScaledDiscriminator(nn.Module):
    """The same judge at several sizes, each half of the one before (pix2pixHD's)."""

    scales: int = 1
    channels: int = 64
    weighed: str = "body"
    spectral: bool = False
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self,
        picture: jax.Array,
        mask: jax.Array,
        *,
        body: jax.Array,
        heatmaps: jax.Array,
        update: bool = False,
    ) -> list[jax.Array]:
        """Logits of each size, the finest first; arguments as of `DesignDiscriminator`."""
        arrays, found = [picture, mask, body, heatmaps], []
        for k in range(self.scales):
            disc = DesignDiscriminator(
                channels=self.channels,
                weighed=self.weighed,
                spectral=self.spectral,
                init_type=self.init_type,
                dtype=self.dtype,
                name=f"scale_{k}",
            )
            picture, mask, body, heatmaps = arrays
            found += [disc(picture, mask, body=body, heatmaps=heatmaps, update=update)]
            if k + 1 < self.scales:
                arrays = [shrink(x, 2) for x in arrays]
        return found


def _check(weighed: str, picture: jax.Array) -> None:
    if weighed not in WEIGHED:
        raise ValueError(f"weighed must be one of {', '.join(WEIGHED)}; got {weighed!r}")
    if min(picture.shape[1:3]) < 3 * STRIDE or any(side % STRIDE for side in picture.shape[1:3]):
        raise ValueError(
            f"the discriminator judges sides that are multiples of {STRIDE} and at least "
            f"{3 * STRIDE}; got {picture.shape[1]} x {picture.shape[2]}: choose another size"
        )
