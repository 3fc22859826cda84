"""CP-VTON, first stage: the Geometric Matching Module learns to lay a garment on a person.

Source: Wang et al., "Toward Characteristic-Preserving Image-based Virtual Try-On Network", ECCV
2018 (arXiv 1807.07688), section 3.2, in the arithmetic of the authors' code; CP-VTON+ (Minar et
al. 2020) matches the garment's mask instead of its colours and keeps the grid regular.

What flows through (keys of `data_pipelines/viton.py`): the person without the garment, p: `shape`,
`head`, `pose`; the garment c: `cloth`, `cloth_mask`; the garment as worn, c_t: `worn`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from tryon_jax import losses, optim, system, warp
from tryon_jax.exams import Exam
from tryon_jax.layers.remat import run
from tryon_jax.networks.gmm import GMM, Fit
from tryon_jax.pictures import as_pictures
from tryon_jax.port import cpvton, weight_file


class CPVTONGMM(nn.Module):
    """The game of one player: eq. 1, the warped garment should be the worn one."""

    matching: Mapping[str, Any]  # fields of the GMM
    regular: bool = False
    outlined: bool = False
    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    players = {"gmm": ("gmm",)}  # noqa: RUF012
    maker = "gmm"
    sampled = ("gmm",)
    strips = {  # noqa: RUF012
        "agnostic": ("head", "shape", "pose"),
        "warp": ("cloth", "warped_cloth", "worn", "warped_lattice", "overlay", "person"),
    }
    dressing = system.Dressing(
        garment="cloth",
        pictures=("warped_cloth", "warped_mask"),
        strip=("cloth", "cloth_mask", "person", "parse", "warped_cloth", "warped_mask"),
        sheets={"grid": "warped_cloth"},
    )
    directions = {}  # noqa: RUF012
    multiple = 0
    scores = {  # noqa: RUF012
        "flat_iou": ("iou", "cloth_mask", "truth_mask"),
        "warp_iou": ("iou", "warped_mask", "truth_mask"),
        "flat_iou_whole": ("iou", "cloth_mask", "truth_whole"),
        "warp_iou_whole": ("iou", "warped_mask", "truth_whole"),
    }
    exams = {  # noqa: RUF012
        pairs: Exam(shown=("cloth", "person", "warped_cloth", "overlay", "truth"))
        for pairs in ("same", "other")
    }

    def setup(self):
        """One network."""
        self.gmm = GMM(**self.matching, dtype=self.dtype)

    def forward(self, batch: system.Batch) -> Fit:
        """The garment, warped."""
        return self._fit(batch, update=True)

    def _fit(self, batch: system.Batch, *, update: bool) -> Fit:
        agnostic = jnp.concatenate([batch["shape"], batch["head"], batch["pose"]], -1)
        inputs = (agnostic, batch["cloth"], batch["cloth_mask"])
        return run(self.gmm, *inputs, remat=self.remat, update=update)

    def gmm_loss(self, batch: system.Batch, made: Fit) -> losses.Terms:
        """The worn garment on white (eq. 1), and a grid of even steps (CP-VTON+, eq. 2).

        `mask`, the worn garment's outline, is ours: it tells pale cloth from the white around it.
        """
        terms = {"warp": losses.l1(made.cloth, batch["worn"])}
        if self.outlined:
            terms["mask"] = losses.l1(made.mask, batch["worn_mask"])
        if self.regular:
            terms["grid"] = grid_irregularity(made.grid)
        return terms

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """What a person wants to see of a warp, by running statistics."""
        fit = self._fit(batch, update=False)
        lattice = warp.lattice_picture((batch["cloth"].shape[1], batch["cloth"].shape[2]))
        lattice = jnp.broadcast_to(lattice, batch["cloth"].shape)
        made = {
            "warped_cloth": fit.cloth,
            "warped_mask": fit.mask,
            "warped_lattice": warp.sample(lattice + 1, fit.grid, padding="zeros") - 1,
            "overlay": (fit.cloth + batch["person"]) / 2,
        }
        return as_pictures({**batch, **made})


def grid_irregularity(grid: jax.Array) -> jax.Array:
    """How unequal the steps of a grid are to both sides of each inner pixel.

    Args:
      grid: float [N, H, W, 2], (x, y) in [-1, 1].

    Returns:
      float32 []: sum over inner pixels of | |left| - |right| | in x and | |up| - |down| | in y,
      divided by N * H * W.

    Source: CP-VTON+ (Minar et al. 2020), eq. 2; its code has the weight 40, the paper 0.5.
    """
    x, y = grid[:, 1:-1, :, 0], grid[:, :, 1:-1, 1]
    across, down = jnp.abs(jnp.diff(x, axis=2)), jnp.abs(jnp.diff(y, axis=1))
    uneven = jnp.sum(jnp.abs(jnp.diff(across, axis=2))) + jnp.sum(jnp.abs(jnp.diff(down, axis=1)))
    return uneven / (grid.size / 2)


def make(config: ConfigDict) -> system.System:
    """The system of `configs/cpvton.py:gmm`."""
    matching = config.model.gmm.to_dict()
    GMM(**matching)  # an unknown field is told here, not when the step is traced
    module = CPVTONGMM(
        matching,
        regular="grid" in config.weights.gmm,
        outlined="mask" in config.weights.gmm,
        remat=config.remat,
        dtype=jnp.dtype(config.precision),
    )
    return system.adversarial(
        module,
        optimizers={"gmm": optim.adam(config.optim, steps=config.steps)},
        weights={"gmm": config.weights.gmm.to_dict()},
        averaging=system.Averaging(config.ema.decay, round(config.ema.start * config.steps)),
        accumulate=config.accumulate,
        readers={"gmm": system.Reader(weight_file.existing, cpvton.load_gmm)},
    )
