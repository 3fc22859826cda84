"""CP-VTON, second stage: the Try-On Module renders the person and pastes the warped garment.

Source: Wang et al. 2018 (arXiv 1807.07688), section 3.3, in the arithmetic of the authors' code;
options of CP-VTON+ (Minar et al. 2020) and of VITON-GAN (Honda 2019: a discriminator).

What flows through (keys of `data_pipelines/viton.py`): the person without the garment, p: `shape`,
`reserved`, `pose`; the warped garment c^, from the frozen GMM or as `warped_cloth`, `warped_mask`
of a prepared folder; the person I: `person`. Made: `rendered` is I_r, `composition` M, `try_on`
I_o = M * c^ + (1 - M) * I_r (eq. 2).
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
from tryon_jax.exams import Exam
from tryon_jax.layers.precision import full
from tryon_jax.layers.remat import run
from tryon_jax.networks.bilinear_unet import BilinearUNet
from tryon_jax.networks.gmm import GMM
from tryon_jax.networks.patchgan import PatchGAN
from tryon_jax.networks.vgg import VGG, perceptual
from tryon_jax.pictures import as_pictures
from tryon_jax.port import cpvton, vgg, weight_file

VGGS = {"vgg16": 16, "vgg19": 19}
MASK_TARGETS = ("warped", "worn", "ones")
SHOWN = ("cloth", "cloth_mask", "person", "parse", "warped_cloth", "warped_mask")


class CPVTONTOM(nn.Module):
    """One player, or two with a discriminator."""

    matching: Mapping[str, Any]  # fields of the GMM
    channels: int = 64
    halvings: int = 6
    upsampling: str = "bilinear"
    output_norm: bool = True
    sees_mask: bool = False
    mask_target: str = "warped"
    features: str = "vgg16"
    disc_channels: int = 64
    disc_layers: int = 3
    adversarial: bool = False
    perceptual: bool = True
    warps: str = "gmm"
    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    maker = "tom"
    strips = {  # noqa: RUF012
        "agnostic": ("reserved", "shape", "pose"),
        "try_on": (*SHOWN, "composition", "rendered", "try_on"),
    }
    dressing = system.Dressing(
        garment="cloth",
        pictures=("try_on", "warped_cloth", "warped_mask"),
        strip=(*SHOWN, "try_on"),
        sheets={"grid": "try_on"},
    )
    directions = {}  # noqa: RUF012
    multiple = 0
    scores = {  # noqa: RUF012
        "warp_iou": ("iou", "warped_mask", "truth_mask"),
        "copy_ssim": ("ssim", "person", "truth"),
        "try_on_ssim": ("ssim", "try_on", "truth"),
        "copy_l1": ("l1", "person", "truth"),
        "try_on_l1": ("l1", "try_on", "truth"),
        "copy_lpips": ("lpips", "person", "truth"),
        "try_on_lpips": ("lpips", "try_on", "truth"),
    }
    exams = {  # noqa: RUF012
        pairs: Exam("try_on", shown=("cloth", "person", "warped_cloth", "try_on", "truth"))
        for pairs in ("same", "other")
    }

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        """A discriminator plays first."""
        return {"disc": ("disc",), "tom": ("tom",)} if self.adversarial else {"tom": ("tom",)}

    @property
    def sampled(self) -> tuple[str, ...]:
        """Without a prepared folder, a try-on begins with the GMM."""
        return ("gmm", "tom") if self.warps == "gmm" else ("tom",)

    def setup(self):
        """The U-Net; the frozen GMM and VGG, and the discriminator, where they are wanted."""
        self.tom = BilinearUNet(
            4,
            channels=self.channels,
            halvings=self.halvings,
            upsampling=self.upsampling,
            output_norm=self.output_norm,
            dtype=self.dtype,
        )
        if self.warps == "gmm":
            self.gmm = GMM(**self.matching, dtype=self.dtype)
        if self.perceptual:
            self.vgg = VGG(VGGS[self.features], dtype=self.dtype)
        if self.adversarial:
            self.disc = PatchGAN(self.disc_channels, layers=self.disc_layers, dtype=self.dtype)

    def forward(self, batch: system.Batch) -> dict[str, jax.Array]:
        """The warped garment, the rendered person and the mask that composes them."""
        cloth, mask = self._warped(batch)
        seen = [_agnostic(batch, "reserved"), cloth, *([mask] if self.sees_mask else [])]
        made = run(self.tom, jnp.concatenate(seen, -1), remat=self.remat)
        rendered, composition = jnp.tanh(made[..., :3]), jax.nn.sigmoid(made[..., 3:])
        return {
            "warped_cloth": cloth,
            "warped_mask": mask,
            "rendered": rendered,
            "composition": composition,
            "try_on": cloth * composition + rendered * (1 - composition),
        }

    def _warped(self, batch: system.Batch) -> tuple[jax.Array, jax.Array]:
        if self.warps != "gmm":
            return full(batch["warped_cloth"]), full(batch["warped_mask"])
        inputs = (_agnostic(batch, "head"), batch["cloth"], batch["cloth_mask"])
        fit = self.gmm(*inputs, update=False)
        return jax.lax.stop_gradient((fit.cloth, fit.mask))

    def tom_loss(self, batch: system.Batch, made: Mapping[str, jax.Array]) -> losses.Terms:
        """The person again (L1 and eq. 3), pasting where the garment lies (eq. 4)."""
        person = batch["person"]
        targets = {
            "warped": made["warped_mask"],
            "worn": batch["worn_mask"],
            "ones": jnp.ones_like(made["composition"]),
        }
        terms: dict[str, jax.Array | dict[str, jax.Array]] = {
            "l1": losses.l1(made["try_on"], person),
            "mask": losses.l1(made["composition"], targets[self.mask_target]),
        }
        if self.perceptual:
            wanted = jax.lax.stop_gradient(self.vgg(person))
            terms["perceptual"] = perceptual(self.vgg(made["try_on"]), wanted)
        if self.adversarial:
            terms["adv"] = losses.gan_fool(self._judge(batch, made, "try_on"), mode="vanilla")
        return terms

    def disc_loss(self, batch: system.Batch, made: Mapping[str, jax.Array]) -> losses.Terms:
        """Tell the photograph from the try-on, both beside what the TOM saw (VITON-GAN)."""
        real = losses.gan_real(self._judge(batch, {**made, **batch}, "person"), mode="vanilla")
        fake = losses.gan_fake(self._judge(batch, made, "try_on"), mode="vanilla")
        return {"adv": 0.5 * (real + fake)}

    def _judge(self, batch: system.Batch, made: Mapping[str, jax.Array], name: str) -> jax.Array:
        seen = [_agnostic(batch, "reserved"), made["warped_cloth"], made[name]]
        return self.disc(jnp.concatenate(seen, -1), update=True)

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """The try-on and everything that led to it."""
        return as_pictures({**batch, **self.forward(batch)})


def _agnostic(batch: system.Batch, reserved: str) -> jax.Array:
    """The person without the garment, [N, H, W, 22]; `reserved` names the part that is kept."""
    return jnp.concatenate([batch["shape"], batch[reserved], batch["pose"]], -1)


def make(config: ConfigDict) -> system.System:
    """The system of `configs/cpvton.py:tom`.

    Raises:
      ValueError: if a field is none of its choices.
    """
    model = config.model.tom
    for field, known in (("features", VGGS), ("mask_target", MASK_TARGETS)):
        if model[field] not in known:
            raise ValueError(
                f"model.tom.{field} must be one of {', '.join(known)}; got {model[field]!r}"
            )
    matching = config.model.gmm.to_dict()
    GMM(**matching)  # an unknown field is told here, not when the step is traced
    module = CPVTONTOM(
        matching,
        **model.to_dict(),
        adversarial="adv" in config.weights.tom,
        perceptual="perceptual" in config.weights.tom,
        warps=config.data.warps,
        remat=config.remat,
        dtype=jnp.dtype(config.precision),
    )
    optimizer, depth = optim.adam(config.optim, steps=config.steps), VGGS[model.features]
    return system.adversarial(
        module,
        optimizers=dict.fromkeys(module.players, optimizer),
        weights={player: config.weights[player].to_dict() for player in module.players},
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
        readers={
            "gmm": system.Reader(weight_file.existing, cpvton.load_gmm),
            "tom": system.Reader(weight_file.existing, cpvton.load_tom),
            "vgg": system.Reader(partial(vgg.find, depth=depth), partial(vgg.load, depth=depth)),
        },
    )
