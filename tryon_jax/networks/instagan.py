"""InstaGAN's networks: a picture and a set of masks, in any order.

One encoder sees each mask by itself; the sum of what it finds goes with the picture's features into
the picture's decoder, and with each mask's own into the decoder of masks. A mask that is -1
everywhere is no instance: it is passed through, and adds nothing. Of an item without any mask the
first one stands in, as in the authors' code, which takes one item at a time; here a batch may mix
items of any number of instances.

Source: Mo et al., "InstaGAN: Instance-aware Image-to-Image Translation", ICLR 2019, section 2.1 and
appendix A; layers as the authors' code.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv
from tryon_jax.layers.norms import instance_norm
from tryon_jax.layers.precision import full
from tryon_jax.networks.designgan_discriminator import PatchFeatures
from tryon_jax.networks.designgan_generator import Dressed, Extractor, Head


class SetGenerator(nn.Module):
    """Translates pictures whose sides are multiples of 4, with their masks."""

    channels: int = 64
    blocks: int = 9
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, picture: jax.Array, masks: jax.Array) -> Dressed:
        """Maps [N, H, W, 3] and [N, H, W, k], both in [-1, 1], to the same shapes."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        extractor = partial(Extractor, self.channels, self.blocks, **common)
        head = partial(Head, upscaling="transposed", **common)
        n, height, width, k = masks.shape
        of_picture = extractor(name="picture")(picture)
        alone = jnp.moveaxis(masks, -1, 1).reshape(n * k, height, width, 1)
        of_masks = extractor(name="mask")(alone)
        of_masks = of_masks.reshape(n, k, *of_masks.shape[1:])
        # of an even mask instance norm leaves 0, but for rounding, which it would blow up
        there = present(masks)[..., None, None, None] > 0
        of_masks = jnp.where(there, of_masks, 0)
        whole = jnp.sum(of_masks, 1)
        made = head(2 * self.channels, 3, name="head_picture")(
            jnp.concatenate([of_picture, whole], -1)
        )
        around = (jnp.broadcast_to(x[:, None], of_masks.shape) for x in (of_picture, whole))
        features = jnp.concatenate([of_masks, *around], -1)
        features = features.reshape(n * k, *features.shape[2:])
        made_masks = head(3 * self.channels, 1, name="head_mask")(features)
        made_masks = jnp.moveaxis(made_masks.reshape(n, k, height, width), 1, -1)
        return Dressed(made, jnp.where(instances(masks)[:, None, None] > 0, made_masks, masks))


class SetDiscriminator(nn.Module):
    """Judges pictures and their masks by patches; all layers are spectrally normalised.

    The masks' layers are run once for each place in the set, and their spectral vectors move each
    time that some item has a mask there.
    """

    channels: int = 64
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, picture: jax.Array, masks: jax.Array, *, update: bool = False) -> jax.Array:
        """Judges pairs.

        Args:
          picture: [N, H, W, 3] in [-1, 1].
          masks: [N, H, W, k] in [-1, 1].
          update: moves the spectral vectors.

        Returns:
          float32 logits [N, H / 8 - 2, W / 8 - 2, 1].
        """
        common = {"spectral": True, "init_type": self.init_type, "dtype": self.dtype}
        conv = partial(Conv, padding=1, **common)
        of_picture = PatchFeatures(self.channels, name="picture", **common)(picture, update=update)
        of_mask = PatchFeatures(self.channels, name="mask", **common)
        counted, total = instances(masks), jnp.zeros_like(of_picture)
        for k in range(masks.shape[-1]):
            there = counted[:, k] > 0
            moves = jnp.any(there) if update else False
            found = of_mask(masks[..., k : k + 1], update=moves)
            total = total + jnp.where(there[:, None, None, None], found, 0)
        y = jnp.concatenate([of_picture, total], -1)
        y = conv(16 * self.channels, 4, name="fuse")(y, update=update)
        y = nn.leaky_relu(instance_norm(y), 0.2)
        return full(conv(1, 4, name="logit")(y, update=update))


def present(masks: jax.Array) -> jax.Array:
    """1 where a mask of [N, H, W, k] has any pixel above -1, else 0: float32 [N, k]."""
    return (jnp.max(masks, (1, 2)) > -1).astype(jnp.float32)


def instances(masks: jax.Array) -> jax.Array:
    """As `present`; of an item without any mask the first counts."""
    found = present(masks)
    none = jnp.sum(found, 1) == 0
    return found.at[:, 0].set(jnp.where(none, 1.0, found[:, 0]))


def merged(masks: jax.Array) -> jax.Array:
    """All instances [N, H, W, k] in one mask [N, H, W, 1], in [-1, 1]."""
    return 2 * jnp.clip(jnp.sum((full(masks) + 1) / 2, -1, keepdims=True), 0, 1) - 1
