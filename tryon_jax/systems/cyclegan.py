"""CycleGAN: unpaired translation held together by cycle consistency.

Source: Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks", ICCV 2017 (arXiv 1703.10593), in the arithmetic of the authors' PyTorch code.
`gen_ab` is G: X -> Y and `gen_ba` is F: Y -> X (there G_A and G_B); `disc_b` is D_Y and judges
domain b (there D_A), `disc_a` is D_X (there D_B): ours are named by what they judge.

What flows through: `real_a`, `real_b` float32 [N, S, S, C] in [-1, 1]. With the generator
`attention` the game is AttentionGAN's (Tang et al. 2019), the pictures show its masks as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from tryon_jax import losses, optim, system
from tryon_jax.exams import translation_exams
from tryon_jax.layers.remat import run
from tryon_jax.networks.attention_generator import MASKS, AttentionGenerator
from tryon_jax.networks.patchgan import PatchGAN, PixelGAN
from tryon_jax.networks.resnet_generator import ResnetGenerator
from tryon_jax.networks.unet import UNet
from tryon_jax.pool import ImagePool
from tryon_jax.port import cyclegan as port

GENERATORS = {
    "resnet_9blocks": partial(ResnetGenerator, blocks=9),
    "resnet_6blocks": partial(ResnetGenerator, blocks=6),
    "unet_256": partial(UNet, halvings=8),
    "unet_128": partial(UNet, halvings=7),
    "attention": AttentionGenerator,
}


class CycleGAN(nn.Module):
    """The game of section 3: both generators, then both discriminators on the same fakes."""

    generator: str = "resnet_9blocks"
    discriminator: str = "n_layers"
    channels: int = 64
    disc_channels: int = 64
    disc_layers: int = 3
    picture_channels: int = 3
    norm: str = "instance"
    dropout: bool = False
    init_type: str = "normal"
    gan_mode: str = "lsgan"
    penalty: bool = False
    identity: bool = True
    pool: int = 50
    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    players = {"gen": ("gen_ab", "gen_ba"), "disc": ("disc_a", "disc_b")}  # noqa: RUF012
    maker = "gen"
    sampled = ("gen_ab", "gen_ba")
    directions = {"ab": ("real_a", "fake_b"), "ba": ("real_b", "fake_a")}  # noqa: RUF012
    exams = translation_exams()

    @property
    def strips(self) -> dict[str, tuple[str, ...]]:
        """A picture, its translation and return; then what the other domain's picture keeps."""
        strips = {"a2b": ("real_a", "fake_b", "cycle_a"), "b2a": ("real_b", "fake_a", "cycle_b")}
        if self.identity:
            strips = {"a2b": (*strips["a2b"], "identity_b"), "b2a": (*strips["b2a"], "identity_a")}
        if self.generator != "attention":
            return strips
        masks = {
            f"masks_{d}": (f"real_{d}", *(f"mask_{d}_{i}" for i in range(1, MASKS)), f"kept_{d}")
            for d in ("a", "b")
        }
        return strips | masks

    @property
    def multiple(self) -> int:
        """ResNets halve twice, U-Nets down to one pixel."""
        return {"unet_128": 128, "unet_256": 256}.get(self.generator, 4)

    def setup(self):
        """Two generators, two discriminators, a pool of past fakes for each of the latter."""
        common = {"norm": self.norm, "init_type": self.init_type, "dtype": self.dtype}
        gen = partial(
            _choose("generator", self.generator, GENERATORS),
            channels=self.channels,
            out_channels=self.picture_channels,
            dropout=self.dropout,
            **common,
        )
        discs = {"n_layers": partial(PatchGAN, layers=self.disc_layers), "pixel": PixelGAN}
        disc = partial(
            _choose("discriminator", self.discriminator, discs),
            channels=self.disc_channels,
            **common,
        )
        self.gen_ab, self.gen_ba = gen(), gen()
        self.disc_a, self.disc_b = disc(), disc()
        self.pool_a, self.pool_b = ImagePool(self.pool), ImagePool(self.pool)

    def forward(self, batch: system.Batch) -> dict[str, jax.Array]:
        """Fakes, cycles and identities."""
        return self._translate(batch, update=True)

    def _translate(self, batch: system.Batch, *, update: bool) -> dict[str, jax.Array]:
        real_a, real_b = batch["real_a"], batch["real_b"]
        ab = partial(run, self.gen_ab, remat=self.remat, update=update)
        ba = partial(run, self.gen_ba, remat=self.remat, update=update)
        made = {"fake_b": ab(real_a), "fake_a": ba(real_b)}
        made |= {"cycle_a": ba(made["fake_b"]), "cycle_b": ab(made["fake_a"])}
        if self.identity:
            made |= {"identity_b": ab(real_b), "identity_a": ba(real_a)}
        return made

    def gen_loss(self, batch: system.Batch, made: Mapping[str, jax.Array]) -> losses.Terms:
        """Fool the discriminators, return (eq. 2), keep what is in the target domain already."""
        terms: dict[str, jax.Array | dict[str, jax.Array]] = {
            "adv": {
                "a": losses.gan_fool(self.disc_a(made["fake_a"], update=True), mode=self.gan_mode),
                "b": losses.gan_fool(self.disc_b(made["fake_b"], update=True), mode=self.gan_mode),
            },
        }
        for d in ("a", "b"):
            terms[f"cycle_{d}"] = losses.l1(made[f"cycle_{d}"], batch[f"real_{d}"])
            if self.identity:
                terms[f"identity_{d}"] = losses.l1(made[f"identity_{d}"], batch[f"real_{d}"])
        return terms

    def disc_loss(self, batch: system.Batch, made: Mapping[str, jax.Array]) -> losses.Terms:
        """Half of real against pooled fakes (the half slows the discriminators down)."""
        adv, penalty = {}, {}
        for d, disc, pool in (("a", self.disc_a, self.pool_a), ("b", self.disc_b, self.pool_b)):
            real, fake = batch[f"real_{d}"], pool(made[f"fake_{d}"])
            judge_real = losses.gan_real(disc(real, update=True), mode=self.gan_mode)
            judge_fake = losses.gan_fake(disc(fake, update=True), mode=self.gan_mode)
            adv[d] = 0.5 * (judge_real + judge_fake)
            if self.penalty:
                penalty[d] = self._penalty(disc, real, fake)
        return {"adv": adv, "penalty": penalty} if self.penalty else {"adv": adv}

    def _penalty(self, disc: Any, real: jax.Array, fake: jax.Array) -> jax.Array:
        alpha = jax.random.uniform(self.make_rng("noise"), (len(real),))
        judge, variables = disc.unbind()
        return losses.gradient_penalty(
            lambda x: judge.apply(variables, x, update=False),
            losses.mixed(real, fake, alpha=alpha),
        )

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """Every image of a step, by running statistics where the norm has some."""
        pictures = {**batch, **self._translate(batch, update=False)}
        if self.generator == "attention":
            pictures |= self._masks("a", self.gen_ab, batch) | self._masks("b", self.gen_ba, batch)
        return {name: pictures[name] for names in self.strips.values() for name in names}

    def _masks(
        self, domain: str, gen: AttentionGenerator, batch: system.Batch
    ) -> dict[str, jax.Array]:
        """Where each draft of a translation is seen, and where the picture is kept: white."""
        masks = 2 * gen.blend(batch[f"real_{domain}"]).masks - 1
        *drafts, kept = jnp.split(masks, MASKS, -1)
        shown = {f"mask_{domain}_{i}": mask for i, mask in enumerate(drafts, 1)}
        return shown | {f"kept_{domain}": kept}


def make(config: ConfigDict) -> system.System:
    """The system of a config.

    Raises:
      KeyError: if `weights.gen` names an identity loss for one domain only.
    """
    gen_weights = config.weights.gen.to_dict()
    named = [name for name in ("identity_a", "identity_b") if name in gen_weights]
    if len(named) == 1:
        raise KeyError(f"weights.gen must name identity_a and identity_b or neither; got {named}")
    module = CycleGAN(
        remat=config.remat,
        dtype=jnp.dtype(config.precision),
        identity=bool(named),
        penalty="penalty" in config.weights.disc,
        **config.model,
    )
    optimizer = optim.adam(config.optim, steps=config.steps)
    return system.adversarial(
        module,
        optimizers={player: optimizer for player in module.players},
        weights=config.weights.to_dict(),
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
        originals=port.originals,
    )


def _choose(field: str, name: str, known: Mapping):
    if name not in known:
        raise ValueError(f"model.{field} must be one of {', '.join(known)}; got {name!r}")
    return known[name]
