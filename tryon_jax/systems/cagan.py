"""CAGAN: swapping fashion articles on photographs of people, without pictures of the result.

Source: Jetchev and Bergmann, "The Conditional Analogy GAN: Swapping Fashion Articles on People
Images", ICCV workshop 2017 (arXiv 1709.04695). By options: the Keras notebook (shaoanlu), CAGAN v2
(maktu6, three scales), both states of the seed's code (zebincai). `person` is x_i, `worn` y_i,
`other` y_j, all float32 [N, H, W, 3] in [-1, 1]; H and W are multiples of 16.

A look is one answer of the generator: `alpha`, where to paint; `painted`, what; and `picture` =
alpha * painted + (1 - alpha) * base. The first looks wear the other garment (x_ij), the second ones
the garment worn again (x_ji). There is one of each per scale, coarse to fine; most have one scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from tryon_jax import losses, optim, system
from tryon_jax.exams import Exam
from tryon_jax.layers.remat import run
from tryon_jax.networks.cagan_dilated import DilatedUNet
from tryon_jax.networks.cagan_discriminators import (
    PatchDiscriminator,
    ResidualDiscriminator,
    WideDiscriminator,
)
from tryon_jax.networks.cagan_layers import leaky, resize, shrink
from tryon_jax.networks.cagan_unet import EarlyUNet, KerasUNet, SkipUNet
from tryon_jax.port import cagan as port

SQUASHINGS = {"sigmoid": nn.sigmoid, "tanh": jnp.tanh, "linear": lambda x: x, "leaky": leaky}
CHOICES = {
    "generator": ("skip", "early", "keras", "dilated"),
    "discriminator": ("patch", "wide", "residual"),
    "injected": ("other", "worn"),
    "alpha": ("sigmoid", "linear", "leaky"),
    "colours": ("tanh", "linear", "leaky"),
    "gan_mode": ("vanilla", "lsgan"),
    "id_loss": ("mean", "sum"),
    "adv_sees": ("try_on", "back"),
}
# how a try-on is scored, and what the metric looks at besides the truth
MEASURED = {
    "ssim": (),
    "lpips": (),
    "l1": (),
    "l1_changed": ("person",),
    "l1_kept": ("person",),
}
WHITE = 0.9  # the backdrop of a shop's picture is brighter than this in all colours


class Look(NamedTuple):
    """What the generator answers at one scale; maps [N, h, w, 1 or 3]."""

    alpha: jax.Array
    painted: jax.Array
    picture: jax.Array


class CAGAN(nn.Module):
    """The discriminators, then the generator, on the same first looks."""

    generator: str = "skip"
    discriminator: str = "patch"
    channels: int = 64
    disc_channels: int = 64
    injected: str = "other"
    injection: str = "append"
    shrinking: str = "average"
    alpha: str = "sigmoid"
    colours: str = "tanh"
    output_norm: bool = False
    upscaling: str = "transposed"
    disc_injects: bool = True
    disc_padding: int = 1
    disc_norm: str = "instance"
    disc_noise: str = "none"
    gan_mode: str = "vanilla"
    id_loss: str = "mean"
    adv_sees: str = "try_on"
    mixup: float = 0.1
    init_type: str = "normal"
    gen_terms: tuple[str, ...] = ("adv", "rec_adv", "id", "cycle")
    disc_terms: tuple[str, ...] = ("real", "fake", "mismatch")
    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    maker = "gen"
    sampled = ("gen",)
    strips = {  # noqa: RUF012
        "try_on": ("person", "worn", "other", "alpha", "painted", "try_on", "back")
    }
    dressing = system.Dressing(
        garment="other",
        pictures=("try_on", "alpha"),
        strip=("person", "worn", "other", "alpha", "painted", "try_on"),
        sheets={"grid": "try_on", "alpha": "alpha"},
        sees_worn=True,
    )
    directions = {}  # noqa: RUF012
    multiple = 16
    scores = {  # noqa: RUF012
        f"{key}_{metric}": (metric, picture, "truth", *before)
        for metric, before in MEASURED.items()
        for key, picture in {"copy": "person", "paste": "paste", "try_on": "try_on"}.items()
    }
    exams = {  # noqa: RUF012
        pairs: Exam("try_on", shown=("person", "worn", "other", "alpha", "try_on", "truth"))
        for pairs in ("same", "other")
    }

    @property
    def scales(self) -> int:
        """How many sizes of pictures are made, each half of the next."""
        return 3 if self.generator == "dilated" else 1

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        """One discriminator for each scale."""
        return {"disc": tuple(f"disc_{k}" for k in range(self.scales)), "gen": ("gen",)}

    def setup(self):
        """The generator, and a discriminator for each of its scales."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        injection = {"injection": self.injection, "shrinking": self.shrinking}
        gens = {
            "skip": partial(SkipUNet, output_norm=self.output_norm, **injection),
            "early": partial(EarlyUNet, **injection),
            "keras": partial(KerasUNet, shrinking=self.shrinking),
            "dilated": partial(DilatedUNet, shrinking=self.shrinking, upscaling=self.upscaling),
        }
        patch = {"injects": self.disc_injects, "padding": self.disc_padding}
        discs = {
            "patch": partial(PatchDiscriminator, **patch, **injection),
            "wide": partial(WideDiscriminator, norm=self.disc_norm),
            "residual": ResidualDiscriminator,
        }
        self.gen = gens[self.generator](channels=self.channels, **common)
        disc = partial(discs[self.discriminator], self.disc_channels, noise=self.disc_noise)
        self.disc = [disc(**common) for _ in range(self.scales)]

    def forward(self, batch: system.Batch) -> dict[str, Any]:
        """The person in the other garment, and in the own one again; `same`: never undressed."""
        person, worn, other = (batch[name] for name in ("person", "worn", "other"))
        first = self._first(person, worn, other)
        made: dict[str, Any] = {"first": first, "back": self._back(first, worn, other)}
        if "identity" in self.gen_terms:
            made["same"] = self._first(person, worn, worn)[-1]
        return made

    def _first(self, person: jax.Array, worn: jax.Array, other: jax.Array) -> list[Look]:
        bases = self._sizes(person, mode="average")
        maps = self._maps(person, worn, other)
        return [self._look(raw, base) for raw, base in zip(maps, bases, strict=True)]

    def _back(self, first: Sequence[Look], worn: jax.Array, other: jax.Array) -> list[Look]:
        """From each picture made, enlarged, its own scale alone.

        CAGAN v2 blends the coarsest of three with what was painted, not with the picture.
        """
        looks, (_, height, width, _) = [], worn.shape
        for k, look in enumerate(first):
            fine = k == self.scales - 1
            person = look.picture if fine else resize(look.picture, (height, width))
            base = look.painted if k == 0 and self.scales > 1 else look.picture
            looks.append(self._look(self._maps(person, other, worn)[k], base))
        return looks

    def _maps(self, person: jax.Array, off: jax.Array, on: jax.Array) -> tuple[jax.Array, ...]:
        """Raw maps of a person who takes the garment `off` and puts one `on`."""
        copies = jnp.concatenate([person, on if self.injected == "other" else off], -1)
        pictures = jnp.concatenate([person, off, on], -1)
        return run(self.gen, pictures, copies, remat=self.remat)

    def _look(self, raw: jax.Array, base: jax.Array) -> Look:
        alpha = SQUASHINGS[self.alpha](raw[..., :1])
        painted = SQUASHINGS[self.colours](raw[..., 1:])
        return Look(alpha, painted, alpha * painted + (1 - alpha) * base)

    def _sizes(self, pictures: jax.Array, *, mode: str = "bilinear") -> list[jax.Array]:
        """The pictures at every scale."""
        last = self.scales - 1
        smaller = [shrink(pictures, 2 ** (last - k), mode=mode) for k in range(last)]
        return [*smaller, pictures]

    def _judge(self, k: int, person: jax.Array, garment: jax.Array) -> jax.Array:
        return self.disc[k](jnp.concatenate([person, garment], -1))

    def _miss(self, k: int, pair: Sequence[jax.Array], answer: Any) -> jax.Array:
        """How far answers to a person and a garment are from the right one, a scalar in [0, 1]."""
        return losses.gan_fool(self._judge(k, *pair), mode=self.gan_mode, label=answer)

    def disc_loss(self, batch: system.Batch, made: Mapping[str, Any]) -> losses.Terms:
        """Tell photographs with the garment worn from the made ones and from the wrong garment.

        `mixed` stands for the former two: a photograph and a made picture, mixed by a number of
        Beta(mixup, mixup), which is what the discriminator is to answer (Zhang et al. 2018).
        """
        persons, worns, others = (self._sizes(batch[key]) for key in ("person", "worn", "other"))
        fakes = [look.picture for look in made["first"]]
        terms = {
            "real": lambda k: self._miss(k, (persons[k], worns[k]), 1.0),
            "fake": lambda k: self._miss(k, (fakes[k], others[k]), 0.0),
            "mismatch": lambda k: self._miss(k, (persons[k], others[k]), 0.0),
            "mixed": lambda k: self._mixed(k, (persons[k], worns[k]), (fakes[k], others[k])),
        }
        wanted = {name: terms[name] for name in terms if name in self.disc_terms}
        return {name: _parts([of(k) for k in range(self.scales)]) for name, of in wanted.items()}

    def _mixed(self, k: int, real: Sequence[jax.Array], fake: Sequence[jax.Array]) -> jax.Array:
        share = jax.random.beta(self.make_rng("noise"), self.mixup, self.mixup)
        pair = [share * r + (1 - share) * f for r, f in zip(real, fake, strict=True)]
        return self._miss(k, pair, share)

    def gen_loss(self, batch: system.Batch, made: Mapping[str, Any]) -> losses.Terms:
        """Fool in the other garment and, added by the seed, in the own one again; keep the rest.

        `id` holds the painted area down, `cycle` brings the person back, `identity` dresses in what
        is worn already, `colour` lets the scales agree.
        """
        persons, worns, others = (self._sizes(batch[key]) for key in ("person", "worn", "other"))
        first, back = made["first"], made["back"]
        seen = {"try_on": first, "back": back}[self.adv_sees]
        pictures = [look.picture for look in back]

        def fool(looks: Sequence[Look], garments: Sequence[jax.Array]) -> Any:
            pairs = [(look.picture, y) for look, y in zip(looks, garments, strict=True)]
            return _parts([self._miss(k, pair, 1.0) for k, pair in enumerate(pairs)])

        terms = {
            "adv": lambda: fool(seen, others),
            "rec_adv": lambda: fool(back, worns),
            "id": lambda: _parts([self._area(*looks) for looks in zip(first, back, strict=True)]),
            "cycle": lambda: _parts(list(map(losses.l1, pictures, persons))),
            "identity": lambda: losses.l1(made["same"].picture, batch["person"]),
            "colour": lambda: _colour(first),
        }
        return {name: terms[name]() for name in terms if name in self.gen_terms}

    def _area(self, first: Look, back: Look) -> jax.Array:
        """The mean of alpha, or the sum over pixels, pictures and both passes."""
        if self.id_loss == "mean":
            return jnp.mean(jnp.abs(first.alpha))
        return jnp.sum(jnp.abs(first.alpha)) + jnp.sum(jnp.abs(back.alpha))

    def measures(self, batch: system.Batch, made: Mapping[str, Any]) -> dict[str, jax.Array]:
        """How much is painted over: 0 is a photograph left alone, 1 one painted anew.

        Also how far the colours of the scales are apart, which CAGAN v2 adds to its total but cuts
        the gradient of.
        """
        alpha = made["first"][-1].alpha
        numbers = {"alpha_mean": jnp.mean(alpha), "alpha_share": _share(alpha)}
        return numbers | ({"colour": _colour(made["first"])} if self.scales > 1 else {})

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """The finest looks; `paste` is what they have to beat: the garment cut out, laid on top."""
        first = self._first(batch["person"], batch["worn"], batch["other"])
        look = first[-1]
        pictures = {
            **batch,
            "alpha": 2 * look.alpha - 1,
            "painted": look.painted,
            "try_on": look.picture,
            "paste": jnp.where(_cut_out(batch["other"]), batch["other"], batch["person"]),
            "back": self._back(first, batch["worn"], batch["other"])[-1].picture,
        }
        return {name: jnp.clip(picture, -1, 1) for name, picture in pictures.items()}


def colour_distance(x: jax.Array, y: jax.Array) -> jax.Array:
    """How far two pictures' colours are apart: means, and five times covariances, mean squares.

    Args:
      x: [N, H, W, 3] in [-1, 1].
      y: [N, h, w, 3]; another size is welcome.

    Source: StackGAN++ (Zhang et al. 2017), eq. 5, per picture, as CAGAN v2.
    """

    def statistics(pictures: jax.Array) -> tuple[jax.Array, jax.Array]:
        pixels = pictures.reshape(len(pictures), -1, pictures.shape[-1])
        mean = jnp.mean(pixels, 1, keepdims=True)
        rest = pixels - mean
        covariance = jnp.einsum("npc,npd->ncd", rest, rest, precision="highest") / pixels.shape[1]
        return mean, covariance

    (mean_x, covariance_x), (mean_y, covariance_y) = statistics(x), statistics(y)
    return jnp.mean((mean_x - mean_y) ** 2) + 5 * jnp.mean((covariance_x - covariance_y) ** 2)


def make(config: ConfigDict) -> system.System:
    """The system of a config.

    Raises:
      ValueError: if a field is none of its choices.
    """
    fields = config.model.to_dict()
    disc_optim = config.optim.copy_and_resolve_references().unlock()
    disc_optim.lr *= fields.pop("disc_lr")
    for field, known in CHOICES.items():
        if fields[field] not in known:
            raise ValueError(
                f"model.{field} must be one of {', '.join(known)}; got {fields[field]!r}"
            )
    module = CAGAN(
        **fields,
        gen_terms=tuple(config.weights.gen),
        disc_terms=tuple(config.weights.disc),
        remat=config.remat,
        dtype=jnp.dtype(config.precision),
    )
    return system.adversarial(
        module,
        optimizers={
            "disc": optim.adam(disc_optim, steps=config.steps),
            "gen": optim.adam(config.optim, steps=config.steps),
        },
        weights=config.weights.to_dict(),
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
        originals=port.originals,
    )


def _parts(values: Sequence[jax.Array]) -> jax.Array | dict[str, jax.Array]:
    """One number as it is, one for each scale by the scale's number."""
    return values[0] if len(values) == 1 else {str(k): value for k, value in enumerate(values)}


def _colour(looks: Sequence[Look]) -> jax.Array:
    """Of each scale and the next."""
    pictures = [look.picture for look in looks]
    return sum(map(colour_distance, pictures[:-1], pictures[1:]), start=jnp.zeros(()))


def _cut_out(garment: jax.Array) -> jax.Array:
    """Where a garment on white is, [N, H, W, 1]."""
    return jnp.min(garment, -1, keepdims=True) < WHITE


def _share(alpha: jax.Array) -> jax.Array:
    return jnp.mean(alpha > 0.5, dtype=jnp.float32)
