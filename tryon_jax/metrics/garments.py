"""How garments and skin were kept: colours, texture, and the colour of bared limbs.

Garments are compared patch by patch, as the style loss does: boxes of both masks brought to one
size, pixels that are wholly cloth in both. Pictures are float [N, H, W, 3], masks [N, H, W, 1], all
in [-1, 1]; every score is one number per picture, lower is better.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from tryon_jax.layers.precision import full
from tryon_jax.patches import mask_box, patch

SIZE = (64, 64)  # of the patches, pixels
BINS = 8  # of each colour
# linear sRGB to CIE XYZ over the white of D65 (IEC 61966-2-1)
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip


def colours(
    pictures: jax.Array, masks: jax.Array, before: jax.Array, before_masks: jax.Array
) -> jax.Array:
    """Distance of the garments' colour histograms (8 x 8 x 8): [N] in [0, 1], the share moved.

    1 where there is nothing to compare.
    """
    made, source, valid = _patches((pictures, masks), (before, before_masks))
    made, source = (_histogram(x, valid) for x in (made, source))
    return jnp.where(_any(valid), jnp.sum(jnp.abs(made - source), 1) / 2, 1.0)


def texture(
    pictures: jax.Array, masks: jax.Array, before: jax.Array, before_masks: jax.Array
) -> jax.Array:
    """Distance of the garments' Gram matrices of colours and their slopes, [N]; a Frobenius norm.

    Nine channels: red, green, blue, and how each changes downwards and across. Where there is
    nothing to compare what was made has none.
    """
    made, source, valid = _patches((pictures, masks), (before, before_masks))
    shared = _any(valid)[:, None, None]
    whole = jnp.where(shared[..., None], valid, 1.0)
    made, source = (_gram(x, whole) for x in (made, source))
    return jnp.sqrt(jnp.sum((jnp.where(shared, made, 0.0) - source) ** 2, (1, 2)))


def skin(pictures: jax.Array, source: jax.Array, known: jax.Array) -> jax.Array:
    """How far windows on bared limbs are from the person's skin: CIE Lab (Delta E of 1976), [N].

    Args:
      pictures: windows [N, S, k * S, 3], one beside the other.
      source: the source patch of skin beside each, the same shape.
      known: [N, S, k * S, 1], above 0 where a window counts.

    Returns:
      The mean over the windows that count of the distance of their mean colours; not a number
      where none counts.
    """
    side, count = pictures.shape[1], pictures.shape[2] // pictures.shape[1]
    cut = (len(pictures), side, count, side, 3)
    made, skin_ = (jnp.mean(lab(x).reshape(cut), (1, 3)) for x in (pictures, source))
    counts = full(known).reshape(*cut[:-1], 1)[:, 0, :, 0, 0] > 0
    distance = jnp.sqrt(jnp.sum((made - skin_) ** 2, -1))
    return jnp.sum(jnp.where(counts, distance, 0), 1) / jnp.sum(counts, 1)


def lab(pictures: jax.Array) -> jax.Array:
    """Pictures of sRGB in [-1, 1] as CIE Lab, white of D65: lightness in [0, 100]; [..., 3]."""
    encoded = jnp.clip((full(pictures) + 1) / 2, 0, 1)
    linear = jnp.where(
        encoded <= 0.04045,
        encoded / 12.92,
        ((jnp.maximum(encoded, 0.04045) + 0.055) / 1.055) ** 2.4,
    )
    xyz = jnp.einsum("...c,dc->...d", linear, TO_XYZ / TO_XYZ.sum(1, keepdims=True))
    cut = (6 / 29) ** 3
    f = jnp.where(xyz > cut, jnp.cbrt(jnp.maximum(xyz, cut)), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = jnp.moveaxis(f, -1, 0)
    return jnp.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _patches(
    made: tuple[jax.Array, jax.Array], before: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Both garments' patches [N, 64, 64, 3], and where both are cloth [N, 64, 64, 1]."""
    found, cloth = [], []
    for pictures, masks in (made, before):
        box = mask_box(masks)
        found += [patch(pictures, box, size=SIZE)]
        cloth += [patch((full(masks) > 0).astype(jnp.float32), box, size=SIZE) > 0.999]
    return found[0], found[1], (cloth[0] & cloth[1]).astype(jnp.float32)


def _any(valid: jax.Array) -> jax.Array:
    return jnp.sum(valid, (1, 2, 3)) > 0


def _histogram(pictures: jax.Array, valid: jax.Array) -> jax.Array:
    """Shares of valid pixels by colour, [N, 512]."""
    bins = jnp.clip(jnp.floor((pictures + 1) / 2 * BINS), 0, BINS - 1).astype(jnp.int32)
    place = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    share = valid[..., 0] / jnp.maximum(jnp.sum(valid, (1, 2, 3)), 1)[:, None, None]

    def one(place: jax.Array, share: jax.Array) -> jax.Array:
        return jnp.zeros((BINS**3,)).at[place.ravel()].add(share.ravel())

    return jax.vmap(one)(place, share)


def _gram(pictures: jax.Array, valid: jax.Array) -> jax.Array:
    """Mean products of channels over valid pixels, [N, 9, 9]."""
    down = jnp.diff(pictures, axis=1, append=pictures[:, -1:])
    across = jnp.diff(pictures, axis=2, append=pictures[:, :, -1:])
    features = jnp.concatenate([pictures, down, across], -1) * valid
    products = jnp.einsum("nhwc,nhwd->ncd", features, features, precision="highest")
    return products / jnp.maximum(jnp.sum(valid, (1, 2, 3)), 1)[:, None, None]
