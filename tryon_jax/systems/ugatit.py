"""U-GAT-IT: unsupervised translation with attention and adaptive layer-instance normalisation.

Source: Kim et al., "U-GAT-IT", ICLR 2020 (arXiv 1907.10830), in the arithmetic of the authors'
PyTorch code. Domain a is the paper's source s, b its target t: `gen_ab` is G_{s->t}, `gen_ba` is
G_{t->s}; `disc_ga` and `disc_la` are the global and the local D_s, `disc_gb` and `disc_lb` D_t;
eta is the auxiliary classifier behind every `cam_logit`.

What flows through: `real_a`, `real_b` float32 [N, S, S, 3] in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from tryon_jax import losses, optim, system
from tryon_jax.heatmap import heatmap
from tryon_jax.layers.remat import run
from tryon_jax.networks.ugatit_discriminator import Discriminator
from tryon_jax.networks.ugatit_generator import Generator, Translation


class UGATIT(nn.Module):
    """The game of section 2: four discriminators, then both generators."""

    channels: int = 64
    blocks: int = 4
    light: bool = False
    global_layers: int = 7
    local_layers: int = 5
    init_type: str = "pytorch"
    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    players = {  # noqa: RUF012 - read-only; a plain dict keeps the order of play
        "disc": ("disc_ga", "disc_la", "disc_gb", "disc_lb"),
        "gen": ("gen_ab", "gen_ba"),
    }
    maker = "gen"
    sampled = ("gen_ab", "gen_ba")
    directions = {"ab": ("real_a", "fake_b"), "ba": ("real_b", "fake_a")}  # noqa: RUF012
    strips = {  # noqa: RUF012 - the seven rows of the authors' result pictures
        "a2b": (
            *("real_a", "identity_a_heat", "identity_a", "fake_b_heat", "fake_b"),
            *("cycle_a_heat", "cycle_a"),
        ),
        "b2a": (
            *("real_b", "identity_b_heat", "identity_b", "fake_a_heat", "fake_a"),
            *("cycle_b_heat", "cycle_b"),
        ),
    }

    @property
    def multiple(self) -> int:
        """The light generator halves twice; full style layers know one picture size."""
        return 4 if self.light else 0

    def setup(self):
        """Two generators, and a global and a local discriminator for each domain."""
        common = {"channels": self.channels, "init_type": self.init_type, "dtype": self.dtype}
        self.gen_ab = Generator(blocks=self.blocks, light=self.light, **common)
        self.gen_ba = Generator(blocks=self.blocks, light=self.light, **common)
        self.disc_ga = Discriminator(layers=self.global_layers, **common)
        self.disc_gb = Discriminator(layers=self.global_layers, **common)
        self.disc_la = Discriminator(layers=self.local_layers, **common)
        self.disc_lb = Discriminator(layers=self.local_layers, **common)

    def forward(self, batch: system.Batch) -> dict[str, Translation]:
        """Fakes, identities and cycles; both inputs of a generator pass through it together."""
        real_a, real_b = batch["real_a"], batch["real_b"]
        fake_b, identity_b = self._pair(self.gen_ab, real_a, real_b)
        fake_a, identity_a = self._pair(self.gen_ba, real_b, real_a)
        return {
            "fake_a": fake_a,
            "fake_b": fake_b,
            "identity_a": identity_a,
            "identity_b": identity_b,
            "cycle_a": run(self.gen_ba, fake_b.image, remat=self.remat),
            "cycle_b": run(self.gen_ab, fake_a.image, remat=self.remat),
        }

    def _pair(self, gen: Generator, x: jax.Array, y: jax.Array) -> tuple[Translation, Translation]:
        made = run(gen, jnp.concatenate([x, y]), remat=self.remat)
        first, second = zip(*(jnp.split(part, 2) for part in made), strict=True)
        return Translation(*first), Translation(*second)

    def _judges(self) -> dict[str, tuple[Discriminator, str]]:
        """The discriminators by their letters in the paper's code, and the domain each judges."""
        return {
            "ga": (self.disc_ga, "a"),
            "la": (self.disc_la, "a"),
            "gb": (self.disc_gb, "b"),
            "lb": (self.disc_lb, "b"),
        }

    def disc_loss(self, batch: system.Batch, made: Mapping[str, Translation]) -> losses.Terms:
        """Least squares on patch and CAM logits, real against fake (eq. 2 and 5)."""
        adv, adv_cam = {}, {}
        for name, (disc, domain) in self._judges().items():
            real, _ = disc(batch[f"real_{domain}"], update=True)
            fake, _ = disc(made[f"fake_{domain}"].image, update=True)
            adv[name] = losses.squared(real.logit, 1) + losses.squared(fake.logit, 0)
            adv_cam[name] = losses.squared(real.cam_logit, 1) + losses.squared(fake.cam_logit, 0)
        return {"adv": adv, "adv_cam": adv_cam}

    def gen_loss(self, batch: system.Batch, made: Mapping[str, Translation]) -> losses.Terms:
        """Fool the updated discriminators, return, keep the target domain, tell domains apart."""
        adv, adv_cam = {}, {}
        for name, (disc, domain) in self._judges().items():
            fake, _ = disc(made[f"fake_{domain}"].image, update=True)
            adv[name] = losses.squared(fake.logit, 1)
            adv_cam[name] = losses.squared(fake.cam_logit, 1)
        cycle, identity, cam = {}, {}, {}
        for d in ("a", "b"):
            cycle[d] = losses.l1(made[f"cycle_{d}"].image, batch[f"real_{d}"])
            identity[d] = losses.l1(made[f"identity_{d}"].image, batch[f"real_{d}"])
            # eta says 1 for the source of its generator, 0 for the target (eq. 5)
            source, target = made[f"fake_{d}"].cam_logit, made[f"identity_{d}"].cam_logit
            cam[d] = losses.cross_entropy(source, 1) + losses.cross_entropy(target, 0)
        return {"adv": adv, "adv_cam": adv_cam, "cycle": cycle, "identity": identity, "cam": cam}

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """Every image of a step, and the attention map behind each, coloured from blue to red."""
        made = self.forward(batch)
        size = batch["real_a"].shape[1]
        pictures = {name: translation.image for name, translation in made.items()}
        heats = {f"{name}_heat": heatmap(made[name].heat, size=size) for name in made}
        return {"real_a": batch["real_a"], "real_b": batch["real_b"], **pictures, **heats}


def make(config: ConfigDict) -> system.System:
    """The system of a config; rho stays in [0, 1] after each move."""
    module = UGATIT(remat=config.remat, dtype=jnp.dtype(config.precision), **config.model)
    bounds = {"rho": (0.0, 1.0)}
    optimizer = optim.adam(config.optim, steps=config.steps, bounds=bounds)
    return system.adversarial(
        module,
        optimizers={player: optimizer for player in module.players},
        weights=config.weights.to_dict(),
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
    )
