"""U-GAT-IT: unsupervised translation with attention and adaptive layer-instance normalisation.

Source: Kim et al., "U-GAT-IT", ICLR 2020 (arXiv 1907.10830), in the arithmetic of the authors'
PyTorch code. Domain a is the paper's source s, b its target t: `gen_ab` is G_{s->t}, `gen_ba` is
G_{t->s}; `disc_ga` and `disc_la` are the global and the local D_s, `disc_gb` and `disc_lb` D_t;
eta is the auxiliary classifier behind every `cam_logit`.

What flows through: `real_a`, `real_b` float32 [N, S, S, 3] in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from tryon_jax import losses, optim, system
from tryon_jax.heatmap import heatmap
from tryon_jax.layers.cam import CAM
from tryon_jax.layers.conv import Conv, upsample2
from tryon_jax.layers.init import kernel_init
from tryon_jax.layers.norms import LIN, AdaLIN, instance_norm
from tryon_jax.layers.precision import full
from tryon_jax.layers.remat import run
from tryon_jax.port import ugatit as port


class Translation(NamedTuple):
    """A generator's image [N, S, S, 3], CAM logits [N, 2] and attention map [N, S/4, S/4, 1]."""

    image: jax.Array
    cam_logit: jax.Array
    heat: jax.Array


class Judgement(NamedTuple):
    """A discriminator's patch logits [N, h, w, 1] and CAM logits [N, 2]."""

    logit: jax.Array
    cam_logit: jax.Array


class ResBlock(nn.Module):
    """x + IN(conv(ReLU(IN(conv(x)))))."""

    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] to the same shape."""
        common = {"padding": 1, "padding_mode": "reflect", "use_bias": False}
        common |= {"init_type": self.init_type, "dtype": self.dtype}
        y = nn.relu(instance_norm(Conv(x.shape[-1], 3, name="conv_1", **common)(x)))
        return x + instance_norm(Conv(x.shape[-1], 3, name="conv_2", **common)(y))


class AdaResBlock(nn.Module):
    """x + AdaLIN(conv(ReLU(AdaLIN(conv(x))))); gamma and beta are the same in both."""

    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, *, gamma: jax.Array, beta: jax.Array) -> jax.Array:
        """Maps [N, H, W, C] with gamma, beta [N, C] to the same shape."""
        common = {"padding": 1, "padding_mode": "reflect", "use_bias": False}
        common |= {"init_type": self.init_type, "dtype": self.dtype}
        style = {"gamma": gamma, "beta": beta}
        y = AdaLIN(name="norm_1")(Conv(x.shape[-1], 3, name="conv_1", **common)(x), **style)
        y = Conv(x.shape[-1], 3, name="conv_2", **common)(nn.relu(y))
        return x + AdaLIN(name="norm_2")(y, **style)


class Style(nn.Module):
    """gamma and beta from the attended features: their average (light) or all of them (full)."""

    light: bool
    init_type: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps [N, H, W, C] to gamma, beta float32 [N, C]; full ties the layer to one H x W."""
        channels = x.shape[-1]

        def linear(y: jax.Array, name: str) -> jax.Array:
            options = {
                "kernel_init": kernel_init(self.init_type),
                "dtype": self.dtype,
                "name": name,
            }
            return nn.Dense(channels, use_bias=False, **options)(y)

        y = jnp.mean(full(x), (1, 2)) if self.light else x.reshape(len(x), -1)
        y = nn.relu(linear(nn.relu(linear(y, "fc_1")), "fc_2"))
        return full(linear(y, "gamma")), full(linear(y, "beta"))


class Generator(nn.Module):
    """Translates pictures; `light` takes any side that is a multiple of 4, full only one."""

    channels: int = 64
    blocks: int = 4
    light: bool = False
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> Translation:
        """Maps [N, S, S, 3] in [-1, 1] to a `Translation` with its image in (-1, 1)."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        conv = {"padding_mode": "reflect", "use_bias": False, **common}
        y = Conv(self.channels, 7, padding=3, name="stem", **conv)(x)
        y = nn.relu(instance_norm(y))
        for i in (1, 2):
            y = Conv(self.channels * 2**i, 3, stride=2, padding=1, name=f"down_{i}", **conv)(y)
            y = nn.relu(instance_norm(y))
        for i in range(self.blocks):
            y = ResBlock(name=f"encode_{i}", **common)(y)

        y, cam_logit, heat = CAM(name="cam", **common)(y)
        gamma, beta = Style(self.light, name="style", **common)(y)

        for i in range(self.blocks):
            y = AdaResBlock(name=f"decode_{i}", **common)(y, gamma=gamma, beta=beta)
        for i in (1, 2):
            width = self.channels * 2 ** (2 - i)
            y = Conv(width, 3, padding=1, name=f"up_{i}", **conv)(upsample2(y))
            y = nn.relu(LIN(name=f"up_{i}_norm")(y))
        y = Conv(3, 7, padding=3, name="out", **conv)(y)
        return Translation(jnp.tanh(full(y)), cam_logit, heat)


class Discriminator(nn.Module):
    """`layers` = 7 sees 286 pixels (global), 5 sees 70 (local); smallest pictures 96 and 24 px."""

    channels: int = 64
    layers: int = 7
    init_type: str = "pytorch"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, update: bool) -> tuple[Judgement, jax.Array]:
        """Judges [N, S, S, 3]; `update` moves the spectral vectors. The second value is the map."""
        common = {"init_type": self.init_type, "dtype": self.dtype}
        conv = {"padding": 1, "padding_mode": "reflect", "spectral": True, **common}
        y = x
        for i in range(self.layers - 1):
            stride = 2 if i < self.layers - 2 else 1
            layer = Conv(self.channels * 2**i, 4, stride=stride, name=f"conv_{i}", **conv)
            y = nn.leaky_relu(layer(y, update=update), 0.2)
        y, cam_logit, heat = CAM(slope=0.2, spectral=True, name="cam", **common)(y, update=update)
        logit = Conv(1, 4, use_bias=False, name="logit", **conv)(y, update=update)
        return Judgement(full(logit), cam_logit), heat


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
        originals=port.originals,
    )
