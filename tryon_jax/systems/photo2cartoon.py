"""photo2cartoon: portraits to cartoons that stay the same person.

Source: minivision-ai/photo2cartoon (2020), which has no paper: U-GAT-IT's game (Kim et al. 2020)
with an hourglass generator, a heavier cycle, and the face-ID loss. Domain a are photographs, b
cartoons, both cut and laid on white alike; the names are those of `systems/ugatit.py`.

What flows through: `real_a`, `real_b` float32 [N, S, S, 3] in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from tryon_jax import losses, optim, system
from tryon_jax.attention_game import AttentionGame
from tryon_jax.networks.hourglass_generator import HourglassGenerator
from tryon_jax.networks.mobilefacenet import MobileFaceNet, distance, face_of
from tryon_jax.networks.ugatit_discriminator import Discriminator
from tryon_jax.networks.ugatit_generator import Translation
from tryon_jax.port import photo2cartoon

DOMAINS = (("a", "b"), ("b", "a"))  # each, and the other one


class Photo2Cartoon(AttentionGame):
    """Four discriminators, then both generators; with `faceid` a frozen network knows faces."""

    channels: int = 32
    blocks: int = 4
    light: bool = True
    levels: int = 4
    disc_channels: int = 32
    global_layers: int = 7
    local_layers: int = 5
    init_type: str = "pytorch"
    faceid: bool = False

    @property
    def multiple(self) -> int:
        """Hourglasses halve `levels` times; full style layers know one picture size."""
        return max(4, 2**self.levels) if self.light else 0

    def setup(self):
        """Two generators, two discriminators for each domain, and who knows faces."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        gen = partial(HourglassGenerator, self.channels, self.blocks, self.light, self.levels)
        disc = partial(Discriminator, self.disc_channels, **common)
        self.gen_ab, self.gen_ba = gen(**common), gen(**common)
        self.disc_ga, self.disc_gb = disc(self.global_layers), disc(self.global_layers)
        self.disc_la, self.disc_lb = disc(self.local_layers), disc(self.local_layers)
        if self.faceid:
            self.face = MobileFaceNet(dtype=self.dtype)

    def disc_loss(self, batch: system.Batch, made: Mapping[str, Translation]) -> losses.Terms:
        """Least squares on patch and CAM logits, real against fake."""
        adv, adv_cam = {}, {}
        for name, (disc, domain, _) in self.judges().items():
            real, _ = disc(batch[f"real_{domain}"], update=True)
            fake, _ = disc(made[f"fake_{domain}"].image, update=True)
            adv[name] = losses.squared(real.logit, 1) + losses.squared(fake.logit, 0)
            adv_cam[name] = losses.squared(real.cam_logit, 1) + losses.squared(fake.cam_logit, 0)
        return {"adv": adv, "adv_cam": adv_cam}

    def gen_loss(self, batch: system.Batch, made: Mapping[str, Translation]) -> losses.Terms:
        """U-GAT-IT's losses, and with `faceid` the face of each picture in its translation."""
        terms = {term: {} for term in ("adv", "adv_cam", "cycle", "identity", "cam")}
        for name, (disc, domain, _) in self.judges().items():
            fake, _ = disc(made[f"fake_{domain}"].image, update=True)
            terms["adv"][name] = losses.squared(fake.logit, 1)
            terms["adv_cam"][name] = losses.squared(fake.cam_logit, 1)
        for d, _ in DOMAINS:
            terms["cycle"][d] = losses.l1(made[f"cycle_{d}"].image, batch[f"real_{d}"])
            terms["identity"][d] = losses.l1(made[f"identity_{d}"].image, batch[f"real_{d}"])
            # the classifier says 1 for the source of its generator, 0 for the target
            source, target = made[f"fake_{d}"].cam_logit, made[f"identity_{d}"].cam_logit
            terms["cam"][d] = losses.cross_entropy(source, 1) + losses.cross_entropy(target, 0)
        return terms | ({"faceid": self._faceid(batch, made)} if self.faceid else {})

    def _faceid(self, batch: system.Batch, made: Mapping[str, Translation]) -> dict[str, jax.Array]:
        """How far each face is from that of its translation, by the domain it comes from."""
        terms = {}
        for d, other in DOMAINS:
            real = jax.lax.stop_gradient(self.face(face_of(batch[f"real_{d}"])))
            terms[d] = distance(self.face(face_of(made[f"fake_{other}"].image)), real)
        return terms


def make(config: ConfigDict) -> system.System:
    """The system of a config; rho and the shares of content stay in [0, 1] after each move.

    `weights.gen.faceid` = 0 is a run without that loss and without its network.
    """
    weights = config.weights.to_dict()
    if not weights["gen"].get("faceid", 0):
        weights["gen"].pop("faceid", None)
    module = Photo2Cartoon(
        faceid="faceid" in weights["gen"],
        remat=config.remat,
        dtype=jnp.dtype(config.precision),
        **config.model,
    )
    bounds = {name: (0.0, 1.0) for name in ("rho", "w_gamma", "w_beta")}
    optimizer = optim.adam(config.optim, steps=config.steps, bounds=bounds)
    readers = {"face": system.Reader(photo2cartoon.find_face, photo2cartoon.load_face)}
    return system.adversarial(
        module,
        optimizers={player: optimizer for player in module.players},
        weights=weights,
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
        readers=readers,
        originals=photo2cartoon.originals,
    )
