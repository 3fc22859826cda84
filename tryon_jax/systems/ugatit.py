"""U-GAT-IT: unsupervised translation with attention and adaptive layer-instance normalisation.

Source: Kim et al., "U-GAT-IT", ICLR 2020 (arXiv 1907.10830), in the arithmetic of the authors'
PyTorch code. Domain a is the paper's source s, b its target t: `gen_ab` is G_{s->t}, `gen_ba` is
G_{t->s}; `disc_ga` and `disc_la` are the global and the local D_s, `disc_gb` and `disc_lb` D_t;
eta is the auxiliary classifier behind every `cam_logit`. The options of enhanced-UGATIT
(zheng-yuwei) are all off by default; docs/enhanced.md explains each.

What flows through: `real_a`, `real_b` float32 [N, S, S, 3] in [-1, 1]; where options ask for them
`blur_a`, `blur_b` alike, and `mask_a`, `mask_b`, `fix_mask_a`, `fix_mask_b` [N, S, S, 1] in [0, 1],
1 in the foreground of the real pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from tryon_jax import losses, optim, system
from tryon_jax.attention_game import AttentionGame
from tryon_jax.layers.pooling import adaptive_average
from tryon_jax.layers.precision import full
from tryon_jax.networks.ugatit_discriminator import FEWEST, Discriminator, Judgement
from tryon_jax.networks.ugatit_generator import (
    ATTENTION_INPUTS,
    UPSAMPLINGS,
    VARIANTS,
    Generator,
    Translation,
)
from tryon_jax.port import ugatit as port

DIRECTIONS = ("translation", "judge")  # what forward_adv and backward_adv are counted by
JUDGED = ("adv", "adv_cam", "blur", "blur_cam")  # terms that those two multiply
OPTIONAL = {"disc": ("adv_cam", "blur", "blur_cam"), "gen": ("adv_cam", "background")}
MASKED = ("mask_logits", "detach_background", "cam_input_mask", "cam_feature_mask")


Mask = Any  # float [N, S, S, 1], or None where no option asks for masks


class UGATIT(AttentionGame):
    """The game of section 2: four discriminators, then both generators.

    `terms` are the optional losses that have a weight, such as "gen.background".
    """

    channels: int = 64
    blocks: int = 4
    light: bool = False
    global_layers: int = 7
    local_layers: int = 5
    init_type: str = "pytorch"
    variant: str = "official"
    pool: int = 1
    squeeze: bool = False
    attention_masks: int = 0
    attention_input: str = "none"
    upsampling: str = "nearest"
    spectral: bool = True
    disc_attention: bool = True
    mask_logits: bool = False
    detach_background: bool = False
    cam_input_mask: bool = False
    cam_feature_mask: bool = False
    terms: frozenset[str] = frozenset({"disc.adv_cam", "gen.adv_cam"})

    def _strip(self, source: str, target: str) -> tuple[str, ...]:
        """Behind the seven rows the attention masks of the fake."""
        masks = [f"fake_{target}_attention_{i}" for i in range(self.attention_masks)]
        return (*super()._strip(source, target), *masks)

    @property
    def multiple(self) -> int:
        """The light generator halves twice; full style layers know one picture size."""
        return 4 if self.light else 0

    def setup(self):
        """Two generators, and a global and a local discriminator for each domain."""
        common = {"channels": self.channels, "init_type": self.init_type, "dtype": self.dtype}
        common |= {"variant": self.variant}
        gen = {"blocks": self.blocks, "light": self.light, "pool": self.pool, **common}
        gen |= {"squeeze": self.squeeze, "upsampling": self.upsampling}
        gen |= {"attention_masks": self.attention_masks, "attention_input": self.attention_input}
        disc = {"spectral": self.spectral, "attend": self.disc_attention, **common}
        self.gen_ab, self.gen_ba = Generator(**gen), Generator(**gen)
        self.disc_ga = Discriminator(layers=self.global_layers, **disc)
        self.disc_gb = Discriminator(layers=self.global_layers, **disc)
        self.disc_la = Discriminator(layers=self.local_layers, **disc)
        self.disc_lb = Discriminator(layers=self.local_layers, **disc)

    def disc_loss(self, batch: system.Batch, made: Mapping[str, Translation]) -> losses.Terms:
        """Least squares on patch and CAM logits, real against fake (eq. 2 and 5), and blurred."""
        terms = {term: {} for term in ("adv", *self._optional("disc"))}
        for name, (disc, domain, source) in self.judges().items():
            mask, fake_mask = batch.get(f"mask_{domain}"), batch.get(f"mask_{source}")
            real = self._judge(disc, batch[f"real_{domain}"], mask=mask, update=True)
            fake = self._judge(disc, made[f"fake_{domain}"].image, mask=fake_mask, update=True)
            real_adv = self._squared(real.logit, 1, mask=mask)
            terms["adv"][name] = real_adv + self._squared(fake.logit, 0, mask=fake_mask)
            if "adv_cam" in terms:
                real_cam = losses.squared(real.cam_logit, 1)
                terms["adv_cam"][name] = real_cam + losses.squared(fake.cam_logit, 0)
            if not {"blur", "blur_cam"}.isdisjoint(terms):
                blur = self._judge(disc, batch[f"blur_{domain}"], mask=mask, update=True)
                parts = {"blur": blur.logit, "blur_cam": blur.cam_logit}
                for term in parts.keys() & terms.keys():
                    terms[term][name] = losses.squared(parts[term], 0)
        return terms

    def gen_loss(self, batch: system.Batch, made: Mapping[str, Translation]) -> losses.Terms:
        """Fool the updated discriminators, return, keep the target domain, tell domains apart."""
        terms = {term: {} for term in ("adv", *self._optional("gen"), "cycle", "identity", "cam")}
        for name, (disc, domain, source) in self.judges().items():
            mask: Mask = batch.get(f"mask_{source}")
            shown = made[f"fake_{domain}"].image
            if self.detach_background:
                shown = mask * shown + (1 - mask) * jax.lax.stop_gradient(shown)
            # the enhanced version's discriminators rest while the generators learn
            fake = self._judge(disc, shown, mask=mask, update=self.variant == "official")
            terms["adv"][name] = self._squared(fake.logit, 1, mask=mask)
            if "adv_cam" in terms:
                terms["adv_cam"][name] = losses.squared(fake.cam_logit, 1)
        for d, target in (("a", "b"), ("b", "a")):
            real = batch[f"real_{d}"]
            terms["cycle"][d] = losses.l1(made[f"cycle_{d}"].image, real)
            terms["identity"][d] = losses.l1(made[f"identity_{d}"].image, real)
            # eta says 1 for the source of its generator, 0 for the target (eq. 5)
            true, false = made[f"fake_{d}"].cam_logit, made[f"identity_{d}"].cam_logit
            terms["cam"][d] = losses.cross_entropy(true, 1) + losses.cross_entropy(false, 0)
            if "background" in terms:
                outside = 1 - batch[f"fix_mask_{d}"]
                fake = made[f"fake_{target}"].image
                terms["background"][d] = losses.l1(fake * outside, real * outside)
        return terms

    def _optional(self, player: str) -> list[str]:
        return [term for term in OPTIONAL[player] if f"{player}.{term}" in self.terms]

    def _judge(
        self, disc: Discriminator, pictures: jax.Array, *, mask: Mask, update: bool
    ) -> Judgement:
        """A judgement behind the masks that the options ask for."""
        judgement, _ = disc(
            pictures,
            update=update,
            cam_input=mask * pictures if self.cam_input_mask else None,
            feature_mask=mask if self.cam_feature_mask else None,
        )
        return judgement

    def _squared(self, logit: jax.Array, target: float, *, mask: Mask) -> jax.Array:
        """`losses.squared`; with `mask_logits` the background counts as if it were on target."""
        if self.mask_logits:
            share = adaptive_average(mask, size=logit.shape[1:3])
            logit = full(logit) * share + target * (1 - share)
        return losses.squared(logit, target)


def make(config: ConfigDict) -> system.System:
    """The system of a config; each rho stays in its bounds after each move.

    Raises:
      ValueError: if fields do not fit together.
    """
    fields = config.model.to_dict()
    weights = directed(config.weights.to_dict(), factors(fields))
    terms = {f"{player}.{term}" for player in OPTIONAL for term in weights[player]}
    _check(fields, terms, weights=config.weights.to_dict(), data=config.data)
    module = UGATIT(
        remat=config.remat,
        dtype=jnp.dtype(config.precision),
        terms=frozenset(terms & {f"{p}.{term}" for p in OPTIONAL for term in OPTIONAL[p]}),
        **fields,
    )
    bounds = {"rho": (0.0, 1.0)}
    if module.variant == "enhanced":  # AdaLIN's alone
        bounds |= {"norm_1/rho": (0.0, 0.9), "norm_2/rho": (0.0, 0.9)}
    optimizer = optim.adam(config.optim, steps=config.steps, bounds=bounds)
    return system.adversarial(
        module,
        optimizers={player: optimizer for player in module.players},
        weights=weights,
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
        originals=port.originals,
    )


def factors(fields: dict[str, Any]) -> dict[str, float]:
    """What the adversarial terms of each domain's judges are multiplied by; leaves `fields`."""
    forward, backward = fields.pop("forward_adv", 1.0), fields.pop("backward_adv", 1.0)
    by = fields.pop("adv_by", "translation")
    _choose("adv_by", by, DIRECTIONS)
    # a forward translation makes pictures of B
    return {"b": forward, "a": backward} if by == "translation" else {"a": forward, "b": backward}


def directed(weights: dict[str, Any], by_domain: Mapping[str, float]) -> dict[str, Any]:
    """The weights, those of adversarial terms for each judge apart unless all factors are 1."""
    if set(by_domain.values()) == {1.0}:
        return weights
    judges = ("ga", "la", "gb", "lb")
    return {
        player: {
            term: {judge: weight * by_domain[judge[1]] for judge in judges}
            if term in JUDGED
            else weight
            for term, weight in by_term.items()
        }
        for player, by_term in weights.items()
    }


def _check(
    fields: Mapping[str, Any], terms: Iterable[str], *, weights: Mapping, data: ConfigDict
) -> None:
    """Refuses values that no network has, and options without what they need."""
    known = {"variant": VARIANTS, "upsampling": UPSAMPLINGS, "attention_input": ATTENTION_INPUTS}
    for name, choices in known.items():
        _choose(name, fields.get(name, choices[0]), choices)
    for player, by_term in weights.items():
        for term, weight in by_term.items():
            if weight < 0:
                raise ValueError(
                    f"weights.{player}.{term} must be 0 or more, got {weight}; to leave a term "
                    "out, take it out of the config file"
                )
    wanted = [f"model.{name}" for name in MASKED if fields.get(name)]
    wanted += ["weights.gen.background"] if "gen.background" in terms else []
    if wanted and data.get("masks", "none") == "none":
        raise ValueError(
            f"{', '.join(wanted)} need masks of the foreground: set --config.data.masks=soft, "
            "and put them beside the pictures (docs/enhanced.md)"
        )
    blurred = "disc.blur" in terms or "disc.blur_cam" in terms
    if blurred and not data.get("blur", False):
        raise ValueError("weights.disc.blur needs blurred pictures: set --config.data.blur=True")
    _check_sizes(fields)


def _check_sizes(fields: Mapping[str, Any]) -> None:
    layers = min(fields[name] for name in ("global_layers", "local_layers"))
    if layers < FEWEST:
        raise ValueError(f"model.*_layers must be {FEWEST} or more, got {layers}")
    pool, masks = fields.get("pool", 1), fields.get("attention_masks", 0)
    if pool < 1 or (pool > 1 and not fields["light"]):
        raise ValueError(
            f"model.pool={pool} must be 1 or more, and more than 1 with model.light=True alone: "
            "the full style layers see every pixel"
        )
    if masks == 1 or masks < 0:
        raise ValueError(f"model.attention_masks must be 0 or from 2 on, got {masks}")
    if fields.get("attention_input", "none") != "none" and not masks:
        raise ValueError(
            f"model.attention_input={fields['attention_input']} blends by attention masks: "
            "set --config.model.attention_masks=2 or more"
        )


def _choose(field: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"model.{field} must be one of {', '.join(known)}; got {name!r}")
