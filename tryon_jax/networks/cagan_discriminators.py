"""CAGAN's discriminators: is this a photograph of a person in this garment, patch by patch?

Each maps a person and a garment beside each other (6 channels) to logits, one for each patch.

Source: Jetchev and Bergmann 2017, section 3; layers of the seed's code (`PatchDiscriminator`,
`ResidualDiscriminator`), of the Keras notebook and of CAGAN v2 (`WideDiscriminator`).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.precision import full
from tryon_jax.networks.cagan_layers import Conv, Norm, leaky, shrink

NOISES = ("none", "learned", "gaussian")
DEVIATION = 0.05  # of the gaussian noise
NO_PADDING = ((0, 0), (0, 0))


class PatchDiscriminator(nn.Module):
    """Four halvings, then one logit for each place; with `injects`, copies join as in generators.

    `padding` is the last layer's: 1 keeps 8 x 6 logits at 128 x 96, 0 leaves 6 x 4.
    """

    channels: int = 64
    injects: bool = True
    injection: str = "append"
    shrinking: str = "average"
    padding: int = 1
    noise: str = "none"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, 6] to float32 logits [N, h, w, 1]."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        replaced = x.shape[-1] if self.injects and self.injection == "replace" else 0
        y = x = _noised(self, x)
        for i in range(1, 5):
            width = self.channels * 2 ** (i - 1) - replaced
            y = Conv(width, stride=2, name=f"enc{i}", **common)(y)
            y = leaky(Norm(name=f"enc{i}_norm")(y) if i > 1 else y)
            if self.injects:
                small = shrink(x, 2**i, mode=self.shrinking)
                y = jnp.concatenate([y, small.astype(y.dtype)], -1)
        sides = (self.padding, self.padding)
        return _logits(Conv(1, padding=(sides, sides), name="out", **common), y, x.shape)


class WideDiscriminator(nn.Module):
    """The 70-pixel patches of pix2pix: three halvings, two layers of 4 x 4 at stride 1."""

    channels: int = 64
    norm: str = "instance"
    noise: str = "none"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, 6] to float32 logits [N, h, w, 1]."""
        common = {"kernel": (4, 4), "init_type": self.init_type, "dtype": self.dtype}
        y = _noised(self, x)
        y = leaky(Conv(self.channels, stride=2, name="conv0", **common)(y))
        for i in range(1, 4):
            layer = Conv(
                self.channels * 2**i,
                stride=1 if i == 3 else 2,
                use_bias=False,
                name=f"conv{i}",
                **common,
            )
            y = leaky(Norm(self.norm, name=f"norm{i}")(layer(y)))
        return _logits(Conv(1, name="out", **common), y, x.shape)


class ResidualDiscriminator(nn.Module):
    """Four residual blocks without norms, each with an average pool; `discriminators/cagan2`."""

    channels: int = 64
    noise: str = "none"
    init_type: str = "normal"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, 6], sides multiples of 16, to float32 logits [N, h, w, 1]."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        point = {"kernel": (1, 1), "padding": NO_PADDING, **common}
        y = leaky(Conv(self.channels, name="stem", **point)(_noised(self, x)))
        for i in range(4):
            before, after = y.shape[-1], self.channels * min(2 ** (i + 1), 8)
            z = Conv(min(before, after), name=f"block{i}_conv0", **common)(leaky(y))
            z = Conv(after, name=f"block{i}_conv1", **common)(leaky(z))
            if before != after:
                y = Conv(after, name=f"block{i}_shortcut", **point)(y)
            y = shrink(y + z, 2, mode="average")
        last = Conv(1, (4, 4), padding=NO_PADDING, name="out", **common)
        return leaky(_logits(last, y, x.shape))


def _noised(net: nn.Module, x: jax.Array) -> jax.Array:
    """The pictures with fresh noise, drawn from the key stream `noise`.

    `learned`: one map for all channels, by a factor that begins at 0 and is learned; `gaussian`:
    for each channel, deviation 0.05, never off.
    """
    if net.noise not in NOISES:
        raise ValueError(f"model.disc_noise must be one of {', '.join(NOISES)}; got {net.noise!r}")
    if net.noise == "learned":
        amount = net.param("noise", nn.initializers.zeros_init(), (1,))
        return x + amount * jax.random.normal(net.make_rng("noise"), (*x.shape[:3], 1), x.dtype)
    if net.noise == "gaussian":
        return x + DEVIATION * jax.random.normal(net.make_rng("noise"), x.shape, x.dtype)
    return x


def _logits(last: Conv, y: jax.Array, picture: tuple[int, ...]) -> jax.Array:
    """The last layer's map, if there is anything of the picture left for it."""
    room = [side + sum(pads) for side, pads in zip(y.shape[1:3], last.padding, strict=True)]
    if any(side < size for side, size in zip(room, last.kernel, strict=True)):
        raise ValueError(
            f"a {picture[1]} x {picture[2]} picture leaves a {y.shape[1]} x {y.shape[2]} map for "
            f"the discriminator's last layer of {last.kernel[0]} x {last.kernel[1]}; "
            "set a larger --config.image_size"
        )
    return full(last(y))
