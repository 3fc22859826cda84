"""HRNet: where the landmarks of a person or a garment are, as one heatmap for each.

Source: Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation", CVPR
2019 (arXiv 1902.09212), section 3, in the arithmetic of the authors' code. Branches of halved size
and doubled width run side by side; after each module every branch receives the others. Heads:
`conv` (the paper's, heatmaps of a quarter of the picture's size), `deconv` (two doublings, heatmaps
of the picture's size, as DesignGAN wants them), `v2` (all branches at once; Wang et al. 2019, arXiv
1908.07919, for faces). What flows through: pictures [N, H, W, 3] normalised as ImageNet's, to
heatmaps.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from tryon_jax.layers.conv import Conv, enlarge, enlarge_bilinear
from tryon_jax.layers.precision import full
from tryon_jax.networks.residual import INIT, BasicBlock, Bottleneck, Doubling, Unit

STRIDE = 4  # pixels of the picture to one of the highest branch
HEADS = ("conv", "deconv", "v2")
DOUBLED = 32  # channels of the deconvolution head
MOMENTUM_V2 = 0.01  # of the running statistics with the `v2` head


class HRNet(nn.Module):
    """Pictures to heatmaps; with 17 outputs W32 has 28 536 113 parameters, W48 63 595 745.

    Attributes:
      outputs: landmarks.
      width: channels of the highest branch; branch i has 2^i times as many.
      modules: how many there are of 2, 3 and 4 branches; fewer numbers make fewer branches.
      blocks: residual blocks of a branch in a module.
      bottlenecks: of the first stage.
      stem: channels of the first two convolutions.
      head: conv | deconv | v2.
    """

    outputs: int
    width: int = 32
    modules: tuple[int, ...] = (1, 4, 3)
    blocks: int = 4
    bottlenecks: int = 4
    stem: int = 64
    head: str = "conv"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool = False) -> jax.Array:
        """Maps pictures [N, H, W, 3], normalised as ImageNet's, to float32 heatmaps.

        Returns:
          [N, H / 4, W / 4, outputs], with the head `deconv` [N, H, W, outputs].

        Raises:
          ValueError: if the head is unknown, or a side is no multiple of what the branches halve.
        """
        self._check(x)
        common = self._common()
        y = Unit(self.stem, stride=2, name="stem_1", **common)(x, update=update)
        y = Unit(self.stem, stride=2, name="stem_2", **common)(y, update=update)
        for i in range(self.bottlenecks):
            y = Bottleneck(self.stem, name=f"layer1_{i}", **common)(y, update=update)
        branches = [y]
        for stage, count in enumerate(self.modules, 2):
            branches = self._widened(branches, stage=stage, update=update)
            for i in range(count):
                last = stage == len(self.modules) + 1 and i == count - 1
                module = Module(
                    self.width,
                    self.blocks,
                    single=last and self.head != "v2",
                    bilinear=self.head == "v2",
                    name=f"stage{stage}_{i}",
                    **common,
                )
                branches = module(branches, update=update)
        y = self._headed(branches, update=update)
        return full(Conv(self.outputs, 1, init_type=INIT, dtype=self.dtype, name="last")(y))

    def _check(self, x: jax.Array) -> None:
        if self.head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}; got {self.head!r}")
        if min(len(self.modules), *self.modules, self.blocks, self.bottlenecks) < 1:
            raise ValueError(
                "modules must be numbers of 1 or more, one at least, and so must blocks and "
                f"bottlenecks; got {self.modules}, {self.blocks} and {self.bottlenecks}"
            )
        coarsest = STRIDE * 2 ** len(self.modules)
        if x.shape[1] % coarsest or x.shape[2] % coarsest:
            raise ValueError(
                f"{len(self.modules) + 1} branches need pictures whose sides are multiples of "
                f"{coarsest}, got {x.shape[1]} x {x.shape[2]} (height x width)"
            )

    def _common(self) -> dict[str, Any]:
        momentum = MOMENTUM_V2 if self.head == "v2" else 0.1
        return {"momentum": momentum, "dtype": self.dtype}

    def _widened(self, branches: list[jax.Array], *, stage: int, update: bool) -> list[jax.Array]:
        """One branch more, made of the lowest; where widths differ a branch is mapped first."""
        common, made = self._common(), []
        for i, x in enumerate(branches):
            name, wanted = f"transition{stage - 1}_{i}", self.width * 2**i
            kept = x.shape[-1] == wanted
            made.append(x if kept else Unit(wanted, name=name, **common)(x, update=update))
        lower = Unit(
            self.width * 2 ** len(branches),
            stride=2,
            name=f"transition{stage - 1}_{len(branches)}",
            **common,
        )
        return [*made, lower(branches[-1], update=update)]

    def _headed(self, branches: list[jax.Array], *, update: bool) -> jax.Array:
        """What the last convolution sees."""
        y = branches[0]
        if self.head == "deconv":
            for i in range(2):
                y = Doubling(DOUBLED, dtype=self.dtype, name=f"up_{i}")(y, update=update)
        if self.head == "v2":
            grown = [enlarge_bilinear(x, factor=2**i) for i, x in enumerate(branches)]
            y = jnp.concatenate(grown, -1)
            mix = Unit(y.shape[-1], 1, use_bias=True, name="mix", **self._common())
            y = mix(y, update=update)
        return y


class Module(nn.Module):
    """Residual blocks on each branch, then every branch receives all others (figure 3).

    Attributes:
      width: channels of the highest branch.
      blocks: of each branch.
      single: the highest branch alone comes out.
      bilinear: lower branches are enlarged so, else by repeating pixels.
    """

    width: int
    blocks: int
    single: bool = False
    bilinear: bool = False
    momentum: float = 0.1
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, branches: list[jax.Array], *, update: bool) -> list[jax.Array]:
        """Maps the branches, [N, H / 2^i, W / 2^i, 2^i width], to the same, or to the first."""
        common: dict[str, Any] = {"momentum": self.momentum, "dtype": self.dtype}
        made = []
        for i, x in enumerate(branches):
            for k in range(self.blocks):
                name = f"branch_{i}_{k}"
                x = BasicBlock(self.width * 2**i, name=name, **common)(x, update=update)
            made.append(x)
        return [
            self._fused(made, into=i, update=update) for i in range(1 if self.single else len(made))
        ]

    def _fused(self, branches: list[jax.Array], *, into: int, update: bool) -> jax.Array:
        """The sum of all branches at the size of one of them."""
        total = branches[into]
        for i, x in enumerate(branches):
            if i < into:
                total = total + self._lowered(x, start=i, into=into, update=update)
            if i > into:
                total = total + self._raised(x, start=i, into=into, update=update)
        return nn.relu(total)

    def _lowered(self, x: jax.Array, *, start: int, into: int, update: bool) -> jax.Array:
        """Halved by strided convolutions, of which the last one alone changes the width."""
        for step in range(into - start):
            last = step == into - start - 1
            unit = Unit(
                self.width * 2 ** (into if last else start),
                stride=2,
                rectified=not last,
                momentum=self.momentum,
                dtype=self.dtype,
                name=f"fuse_{into}_{start}_{step}",
            )
            x = unit(x, update=update)
        return x

    def _raised(self, x: jax.Array, *, start: int, into: int, update: bool) -> jax.Array:
        """Narrowed by a 1 x 1 convolution, then enlarged."""
        unit = Unit(
            self.width * 2**into,
            1,
            rectified=False,
            momentum=self.momentum,
            dtype=self.dtype,
            name=f"fuse_{into}_{start}",
        )
        factor = 2 ** (start - into)
        grow = enlarge_bilinear if self.bilinear else enlarge
        return grow(unit(x, update=update), factor=factor)
