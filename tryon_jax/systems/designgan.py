"""DesignGAN: a garment becomes one of another category, led by landmarks; texture and skin stay.

Source: "Design-GAN: Cross-category fashion translation driven by landmark attention" (ICASSP 2021),
of which no code exists; what its five pages leave open is decided in docs/parity.md. Domain X is a,
Y is b: `gen_ab` is G_XY, `disc_b` D_Y. Generators give a picture and its garment's mask, (y', b');
discriminators judge such pairs beside the attention A_b of the body, which a translation keeps.

What flows through: the batch of data_pipelines/landmarks.py; `real_d`, `mask_d`, `joints_d`,
`points_d`, `skin_d`, `skin_valid_d` for d in (a, b). With the generator `instagan` InstaGAN is
played on the same batches: `designgan_instagan.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from tryon_jax import attention, garment_style, losses, optim, skin, system
from tryon_jax.garment_scores import DIRECTIONS, EXAMS, scores
from tryon_jax.networks.designgan_discriminator import ScaledDiscriminator
from tryon_jax.networks.designgan_generator import DesignGenerator, Dressed, dress
from tryon_jax.pool import ImagePool
from tryon_jax.systems import designgan_instagan
from tryon_jax.systems.designgan_texture import retexture

GENERATORS = ("designgan", "instagan")
RAMP = "_ramp"  # [N] in the batch, all equal: by what style and skin are multiplied

Made = Mapping[str, jax.Array]


class DesignGAN(nn.Module):
    """Both generators, then both discriminators on the same fakes, as in CycleGAN."""

    channels: int = 64
    blocks: int = 4
    trunk_blocks: int = 5
    landmark_channels: int = 32
    upscaling: str = "transposed"
    attention: str = "landmark"
    applied: str = "residual"
    kappa: float = 0.5
    mask_chance: float = 0.3
    disc_channels: int = 64
    disc_scales: int = 1
    disc_spectral: bool = False
    disc_attention: str = "body"
    init_type: str = "normal"
    gan_mode: str = "lsgan"
    pool: int = 50
    style_size: int = 64
    style_norm: str = "mse"
    style_weight: str = "chessboard"
    style_split: int = 1
    skin_lowpass: int = 1
    categories: tuple[int, int] = (8, 7)
    expose_ab: tuple[str, ...] = ("calf", "knee")
    expose_ba: tuple[str, ...] = ()
    gen_terms: tuple[str, ...] = ("adv", "cycle", "identity", "style", "skin")
    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    players = {"gen": ("gen_ab", "gen_ba"), "disc": ("disc_a", "disc_b")}  # noqa: RUF012
    maker = "gen"
    sampled = ("gen_ab", "gen_ba")
    directions = {}  # noqa: RUF012
    exams = EXAMS
    multiple = 8
    exams = EXAMS
    strips = {  # noqa: RUF012
        f"{one}2{other}": (
            *(f"{name}_{one}" for name in ("real", "mask", "body", "garment")),
            *(f"fake_{other}", f"fake_mask_{other}", f"cycle_{one}", f"identity_{one}"),
        )
        for one, other in DIRECTIONS
    }

    @property
    def scores(self) -> dict[str, tuple[str, ...]]:
        """A translation beside its truth and, as what it has to beat, the unchanged person."""
        return scores({one: self._exposed(one) for one, _ in DIRECTIONS})

    def setup(self):
        """Two generators, two discriminators, a pool of past fakes for each of the latter."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        gen = partial(
            DesignGenerator,
            channels=self.channels,
            blocks=self.blocks,
            trunk_blocks=self.trunk_blocks,
            landmark_channels=self.landmark_channels,
            applied="none" if self.attention == "none" else self.applied,
            learned=self.attention == "learned",
            upscaling=self.upscaling,
            **common,
        )
        disc = partial(
            ScaledDiscriminator,
            scales=self.disc_scales,
            channels=self.disc_channels,
            weighed="none" if self.attention == "none" else self.disc_attention,
            spectral=self.disc_spectral,
            **common,
        )
        self.gen_ab, self.gen_ba = gen(), gen()
        self.disc_a, self.disc_b = disc(), disc()
        self.pool_a, self.pool_b = ImagePool(self.pool), ImagePool(self.pool)

    def _exposed(self, domain: str) -> tuple[str, ...]:
        """What becomes bare when an item of the domain is translated."""
        return self.expose_ab if domain == "a" else self.expose_ba

    def _attend(self, batch: system.Batch, domain: str) -> attention.Attention:
        mask = batch[f"mask_{domain}"]
        return attention.attend(
            batch[f"joints_{domain}"],
            batch[f"points_{domain}"],
            mask=mask,
            category=self.categories["ab".index(domain)],
            mode=self.attention,
            soft=attention.softness(mask.shape[1], kappa=self.kappa),
        )

    def forward(self, batch: system.Batch) -> dict[str, jax.Array]:
        """Fakes, cycles, identities, and the attention that they were made with.

        Real garments are sometimes attended by their masks, as made ones always are, so that the
        generators know both kinds.
        """
        seen = {}
        for d in ("a", "b"):
            found, mask = self._attend(batch, d), batch[f"mask_{d}"]
            if self.attention not in ("mask", "none"):
                swap = jax.random.bernoulli(
                    self.make_rng("noise"), self.mask_chance, (len(mask), 1, 1, 1)
                )
                found = found._replace(garment=jnp.where(swap, (mask + 1) / 2, found.garment))
            seen[d] = found
        return self._translate(batch, seen)

    def _translate(
        self, batch: system.Batch, seen: Mapping[str, attention.Attention]
    ) -> dict[str, jax.Array]:
        """Both real pictures pass through a generator as one batch; its norms are per picture."""
        gens, count = {"ab": self.gen_ab, "ba": self.gen_ba}, len(batch["real_a"])
        reals = {d: _real(batch, d) for d in ("a", "b")}
        both: Any = jax.tree.map(
            lambda *x: jnp.concatenate(x), (reals["a"], seen["a"]), (reals["b"], seen["b"])
        )
        made: dict[str, jax.Array] = {}
        for one, other in DIRECTIONS:
            answers = dress(gens[one + other], *both, remat=self.remat)
            parts = {"a": [x[:count] for x in answers], "b": [x[count:] for x in answers]}
            fake, same = Dressed(*parts[one]), Dressed(*parts[other])
            there = seen[one]._replace(garment=self._garment_of(fake.mask))
            back = dress(gens[other + one], fake, there, remat=self.remat)
            pairs = {("fake", other): fake, ("identity", other): same, ("cycle", one): back}
            for (kind, d), pair in pairs.items():
                made |= {f"{kind}_{d}": pair.picture, f"{kind}_mask_{d}": pair.mask}
            made |= {f"{field}_{one}": value for field, value in seen[one]._asdict().items()}
        return made

    def _garment_of(self, mask: jax.Array) -> jax.Array:
        """The attention of a made garment, which has no landmarks: its mask; gradient and all."""
        return jnp.zeros_like(mask) if self.attention == "none" else (mask + 1) / 2

    def _judge(self, domain: str, pair: Dressed, at: Mapping[str, jax.Array]) -> Any:
        disc = self.disc_a if domain == "a" else self.disc_b
        return disc(*pair, body=at["body"], heatmaps=at["heatmaps"], update=True)

    def gen_loss(self, batch: system.Batch, made: Made) -> losses.Terms:
        """Fool, return, keep what is in the target domain; keep texture, skin and the rest.

        `style` and `skin` rise with the ramp; `context` and `smooth` are there if weighed.
        """
        parts: dict[str, dict[str, jax.Array]] = {name: {} for name in self.gen_terms}
        for one, other in DIRECTIONS:
            terms = self._terms(batch, made, one=one, other=other)
            if strange := sorted(set(self.gen_terms) - set(terms)):
                raise KeyError(f"weights.gen may name {', '.join(terms)}; got {strange}")
            for name in self.gen_terms:
                key = {"adv": other, "cycle": one, "identity": one}.get(name, one + other)
                parts[name][key] = terms[name]()
        return parts

    def _terms(
        self, batch: system.Batch, made: Made, *, one: str, other: str
    ) -> dict[str, Callable[[], jax.Array]]:
        """The losses of one direction, computed when called."""
        real, pair = _real(batch, one), _pair(made, "fake", other)
        fool = partial(losses.gan_fool, mode=self.gan_mode)
        return {
            "adv": lambda: _mean(fool, self._judge(other, pair, _of(made, one))),
            "cycle": lambda: _distance(_pair(made, "cycle", one), real),
            "identity": lambda: _distance(_pair(made, "identity", one), real),
            "style": lambda: self._style(real, pair)[0] * _ramp(batch),
            "skin": lambda: self._skin(batch, one, pair)[0] * _ramp(batch),
            "context": lambda: losses.context(
                real.picture, pair.picture, masks=(real.mask, pair.mask)
            ),
            "smooth": lambda: losses.total_variation(pair.mask),
        }

    def _style(self, before: Dressed, after: Dressed) -> tuple[jax.Array, jax.Array]:
        """The mean of the style loss, and which items count."""
        found, counted = garment_style.style_loss(
            before,
            after,
            size=self.style_size,
            weight=self.style_weight,
            norm=self.style_norm,
            split=self.style_split,
        )
        return jnp.mean(found), counted

    def _skin(self, batch: system.Batch, one: str, pair: Dressed) -> tuple[jax.Array, jax.Array]:
        """The skin loss, and the number of windows of each item."""
        return skin.skin_loss(
            *pair,
            joints=batch[f"joints_{one}"],
            skin=batch[f"skin_{one}"],
            skin_valid=batch[f"skin_valid_{one}"],
            parts=self._exposed(one),
            lowpass=self.skin_lowpass,
        )

    def disc_loss(self, batch: system.Batch, made: Made) -> losses.Terms:
        """Half of real against pooled fakes; what is pooled is the fake with its attention."""
        adv = {}
        for one, other in DIRECTIONS:
            pool = self.pool_b if other == "b" else self.pool_a
            fake, at = self._pooled(pool, _pair(made, "fake", other), _of(made, one))
            logits = {
                "real": self._judge(other, _real(batch, other), _of(made, other)),
                "fake": self._judge(other, fake, at),
            }
            rate = {"real": losses.gan_real, "fake": losses.gan_fake}
            for kind, answers in logits.items():
                loss = _mean(partial(rate[kind], mode=self.gan_mode), answers)
                adv[f"{kind}_{other}"] = 0.5 * loss
        return {"adv": adv}

    def _pooled(
        self, pool: ImagePool, pair: Dressed, at: Mapping[str, jax.Array]
    ) -> tuple[Dressed, dict[str, jax.Array]]:
        """Past fakes in exchange for new ones, each with the attention that it is judged beside."""
        names = ("body", "heatmaps") if self.disc_attention == "heatmaps" else ("body",)
        arrays = [*pair, *(at[name] for name in names)]
        flat = pool(jnp.concatenate([x.reshape(len(x), -1) for x in arrays], -1))
        ends = [sum(x[0].size for x in arrays[: k + 1]) for k in range(len(arrays) - 1)]
        shown = [
            x.reshape(like.shape) for x, like in zip(jnp.split(flat, ends, -1), arrays, strict=True)
        ]
        return Dressed(*shown[:2]), {**at, **dict(zip(names, shown[2:], strict=True))}

    def measures(self, batch: system.Batch, made: Made) -> dict[str, jax.Array]:
        """What the losses passed over, how large the masks are, where attention came from."""
        numbers = {"ramp": _ramp(batch)}
        for one, other in DIRECTIONS:
            pair, way = _pair(made, "fake", other), f"{one}{other}"
            if "style" in self.gen_terms:
                _, counted = self._style(_real(batch, one), pair)
                numbers[f"style_skipped_{way}"] = 1 - jnp.mean(counted)
            if "skin" in self.gen_terms and self._exposed(one):
                _, windows = self._skin(batch, one, pair)
                numbers[f"skin_windows_{way}"] = jnp.mean(windows)
                numbers[f"skin_skipped_{way}"] = _share(windows == 0)
                numbers[f"skin_unknown_{one}"] = 1 - jnp.mean(batch[f"skin_valid_{one}"])
            numbers[f"mask_area_{other}"] = jnp.mean((pair.mask + 1) / 2)
            numbers[f"mask_empty_{other}"] = _share(jnp.max(pair.mask, (1, 2, 3)) <= 0)
            for k, source in enumerate(("points", "joints", "mask")):
                numbers[f"attention_by_{source}_{one}"] = jnp.mean(made[f"path_{one}"][:, k])
            numbers[f"without_joints_{one}"] = 1 - jnp.mean(made[f"posed_{one}"])
        return numbers

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """Every picture of a step, maps of attention, windows on skin, and truths that came."""
        seen = {d: self._attend(batch, d) for d in ("a", "b")}
        pictures = {**batch, **self._translate(batch, seen)}
        for d in ("a", "b"):
            pictures |= {
                f"{name}_{d}": 2 * getattr(seen[d], name) - 1 for name in ("body", "garment")
            }
        known = {name for strip in self.strips.values() for name in strip}
        known |= {f"true_{name}" for name in ("a", "b", "mask_a", "mask_b")}
        shown = {name: pictures[name] for name in sorted(known & set(pictures))}
        for one, other in DIRECTIONS:
            if self._exposed(one):
                shown |= self._bared(batch, one, pictures[f"fake_{other}"], other=other)
        return shown

    def _bared(
        self, batch: system.Batch, one: str, picture: jax.Array, *, other: str
    ) -> dict[str, jax.Array]:
        """Windows on what should be bare, the source patch beside each, and which of them count."""
        found, sources, known = skin.beside_source(
            picture,
            joints=batch[f"joints_{one}"],
            skin=batch[f"skin_{one}"],
            skin_valid=batch[f"skin_valid_{one}"],
            parts=self._exposed(one),
        )
        names = (f"bare_{other}", f"source_skin_{one}", f"bare_known_{one}")
        return dict(zip(names, (found, sources, known), strict=True))


def make(config: ConfigDict) -> system.System:
    """The system of a config.

    Raises:
      ValueError: if a field is none of its choices.
    """
    fields = config.model.to_dict()
    if (kind := fields.pop("generator")) not in GENERATORS:
        raise ValueError(f"model.generator must be one of {', '.join(GENERATORS)}; got {kind!r}")
    if kind == "instagan":
        return designgan_instagan.make(config)
    ramp = fields.pop("ramp")
    if config.data.instances != 1:
        raise ValueError(
            f"data.instances={config.data.instances}: DesignGAN takes one mask an item; set it to "
            "1, or take the preset instagan"
        )
    module = DesignGAN(
        categories=(config.data.category_a, config.data.category_b),
        expose_ab=tuple(config.data.expose_ab),
        expose_ba=tuple(config.data.expose_ba),
        gen_terms=tuple(config.weights.gen),
        remat=config.remat,
        dtype=jnp.dtype(config.precision),
        **fields,
    )
    optimizer = optim.adam(config.optim, steps=config.steps)
    game = system.adversarial(
        module,
        optimizers={player: optimizer for player in module.players},
        weights=config.weights.to_dict(),
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
    )
    game = game._replace(retexture=partial(retexture, module))
    return _ramped(game, steps=round(ramp * config.steps))


def _ramped(game: system.System, *, steps: int) -> system.System:
    """The game whose steps know how far the ramp has risen: from 0 at the first one to 1."""

    def train_step(state: system.State, batch: system.Batch) -> tuple[system.State, system.Metrics]:
        height = jnp.clip(state.step / max(steps, 1), 0, 1) if steps else jnp.ones(())
        level = jnp.full((len(batch["real_a"]),), height, jnp.float32)
        return game.train_step(state, {**batch, RAMP: level})

    return game._replace(train_step=train_step)


def _real(batch: system.Batch, domain: str) -> Dressed:
    return Dressed(batch[f"real_{domain}"], batch[f"mask_{domain}"])


def _pair(made: Made, kind: str, domain: str) -> Dressed:
    return Dressed(made[f"{kind}_{domain}"], made[f"{kind}_mask_{domain}"])


def _of(made: Made, domain: str) -> dict[str, jax.Array]:
    """What a discriminator hears of the person of a domain."""
    return {name: made[f"{name}_{domain}"] for name in ("body", "heatmaps")}


def _distance(pair: Dressed, other: Dressed) -> jax.Array:
    """L1 of picture and mask together, four channels."""
    return losses.l1(*(jnp.concatenate(x, -1) for x in (pair, other)))


def _mean(loss: Callable[[jax.Array], jax.Array], answers: Sequence[jax.Array]) -> jax.Array:
    """Of the losses of all scales."""
    return sum(map(loss, answers), start=jnp.zeros(())) / len(answers)


def _ramp(batch: system.Batch) -> jax.Array:
    return jnp.mean(batch[RAMP]) if RAMP in batch else jnp.ones(())


def _share(true: jax.Array) -> jax.Array:
    return jnp.mean(true, dtype=jnp.float32)
