"""What U-GAT-IT's game and photo2cartoon's share: who plays, and what is made of a batch.

Two generators translate between domain a and domain b; a global and a local discriminator judge
each domain. Every network has an auxiliary classifier, whose weights are its attention. Sources:
Kim et al., "U-GAT-IT", ICLR 2020; minivision-ai/photo2cartoon.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax import system
from tryon_jax.exams import translation_exams
from tryon_jax.heatmap import heatmap
from tryon_jax.layers.remat import run
from tryon_jax.networks.ugatit_discriminator import Discriminator
from tryon_jax.networks.ugatit_generator import Translation


class AttentionGame(nn.Module):
    """Four discriminators, then both generators; `setup` of a game gives them these names.

    Fields are those of every such game; `channels` and others are the game's own.
    """

    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    players = {  # noqa: RUF012 - read-only; a plain dict keeps the order of play
        "disc": ("disc_ga", "disc_la", "disc_gb", "disc_lb"),
        "gen": ("gen_ab", "gen_ba"),
    }
    maker = "gen"
    sampled = ("gen_ab", "gen_ba")
    directions = {"ab": ("real_a", "fake_b"), "ba": ("real_b", "fake_a")}  # noqa: RUF012
    exams = translation_exams()

    @property
    def strips(self) -> dict[str, tuple[str, ...]]:
        """The seven rows of the authors' result pictures, in both directions."""
        return {"a2b": self._strip("a", "b"), "b2a": self._strip("b", "a")}

    def _strip(self, source: str, target: str) -> tuple[str, ...]:
        made = (f"identity_{source}", f"fake_{target}", f"cycle_{source}")
        return (f"real_{source}", *(name for m in made for name in (f"{m}_heat", m)))

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

    def _pair(self, gen: nn.Module, x: jax.Array, y: jax.Array) -> tuple[Translation, Translation]:
        made = run(gen, jnp.concatenate([x, y]), remat=self.remat)
        return (
            jax.tree.map(lambda part: part[: len(x)], made),
            jax.tree.map(lambda part: part[len(x) :], made),
        )

    def judges(self) -> dict[str, tuple[Discriminator, str, str]]:
        """By their letters in the authors' code: discriminator, domain judged, source of fakes."""
        return {
            "ga": (self.disc_ga, "a", "b"),
            "la": (self.disc_la, "a", "b"),
            "gb": (self.disc_gb, "b", "a"),
            "lb": (self.disc_lb, "b", "a"),
        }

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """Every image of a step, and the attention map behind each, coloured from blue to red."""
        made = self.forward(batch)
        size = batch["real_a"].shape[1]
        pictures = {name: translation.image for name, translation in made.items()}
        heats = {f"{name}_heat": heatmap(made[name].heat, size=size) for name in made}
        masks = {
            f"{name}_attention_{i}": 2 * attention[..., i : i + 1] - 1
            for name in ("fake_a", "fake_b")
            if (attention := made[name].attention) is not None
            for i in range(attention.shape[-1])
        }
        return {"real_a": batch["real_a"], "real_b": batch["real_b"], **pictures, **heats, **masks}
