"""InstaGAN on DesignGAN's batches: several garments of a picture change one after the other.

Source: Mo et al., "InstaGAN: Instance-aware Image-to-Image Translation", ICLR 2019, in the
arithmetic of the authors' code: a turn translates the picture that the turn before left, with the
next masks; discriminators see all masks translated so far beside it; each turn has a step of its
own for each player. Theirs takes one item at a time. Here items of a batch may have any number of
instances: those without any left in a turn cost nothing, and a network that no item needs keeps
its weights, moments and statistics.

Keys of a turn, for d in (a, b): `input_d` [N, H, W, 3], `masks_d` [N, H, W, p] (this turn's),
`done_d` [N, H, W, k] (of d's translation: masks made so far, -1 to come), `valid_d` [N], and
`real_d`, `mask_d` of the batch.
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
from tryon_jax.garment_scores import DIRECTIONS, EXAMS, scores
from tryon_jax.layers.precision import full
from tryon_jax.networks.designgan_generator import Dressed
from tryon_jax.networks.instagan import SetDiscriminator, SetGenerator, merged, present
from tryon_jax.pool import ImagePool

Made = Mapping[str, jax.Array]


class InstaGAN(nn.Module):
    """One turn: both generators, then each discriminator."""

    turn: int = 0
    per_turn: int = 2
    turns: int = 2
    channels: int = 64
    blocks: int = 9
    disc_channels: int = 64
    init_type: str = "normal"
    gan_mode: str = "lsgan"
    pool: int = 50
    remat: bool = False
    dtype: jnp.dtype = jnp.float32

    players = {  # noqa: RUF012
        "gen": ("gen_ab", "gen_ba"),
        "disc_a": ("disc_a",),
        "disc_b": ("disc_b",),
    }
    maker = "gen"
    sampled = ("gen_ab", "gen_ba")
    directions = {}  # noqa: RUF012
    exams = EXAMS
    multiple = 8
    exams = EXAMS
    scores = scores({"a": (), "b": ()})
    strips = {  # noqa: RUF012
        f"{one}2{other}": (f"real_{one}", f"mask_{one}", f"fake_{other}", f"fake_mask_{other}")
        for one, other in DIRECTIONS
    }

    def setup(self):
        """Two generators, two discriminators, a pool of past fakes for each of the latter."""
        gen = partial(
            SetGenerator,
            channels=self.channels,
            blocks=self.blocks,
            init_type=self.init_type,
            dtype=self.dtype,
        )
        # spectral norm hides the weights from the authors' initialiser: PyTorch's own remain
        disc = partial(SetDiscriminator, channels=self.disc_channels, dtype=self.dtype)
        self.gen_ab, self.gen_ba = gen(), gen()
        self.disc_a, self.disc_b = disc(), disc()
        self.pool_a, self.pool_b = ImagePool(self.pool), ImagePool(self.pool)

    def forward(self, batch: system.Batch) -> dict[str, jax.Array]:
        """Fakes with this turn's masks and with all so far, cycles, identities.

        Pictures of both domains pass through a generator as one batch; its norms are per picture.
        """
        batch = batch if "input_a" in batch else first_turn(batch, per_turn=self.per_turn)
        count = len(batch["input_a"])
        both: Any = [
            jnp.concatenate([batch[f"{name}_a"], batch[f"{name}_b"]]) for name in ("input", "masks")
        ]
        made: dict[str, jax.Array] = {}
        for one, other in DIRECTIONS:
            answers = self._dress(one + other, Dressed(*both))
            parts = {"a": [x[:count] for x in answers], "b": [x[count:] for x in answers]}
            fake, same = Dressed(*parts[one]), Dressed(*parts[other])
            back = self._dress(other + one, fake)
            pairs = {("fake", other): fake, ("identity", other): same, ("cycle", one): back}
            for (kind, d), pair in pairs.items():
                made |= {f"{kind}_{d}": pair.picture, f"{kind}_masks_{d}": pair.mask}
            made[f"all_masks_{other}"] = self._placed(batch[f"done_{other}"], fake.mask)
        return made

    def _dress(self, direction: str, pair: Dressed) -> Dressed:
        """One pass of a generator."""
        gen = self.gen_ab if direction == "ab" else self.gen_ba

        def call(gen: SetGenerator, picture: jax.Array, masks: jax.Array) -> Dressed:
            return gen(picture, masks)

        return (nn.remat(call) if self.remat else call)(gen, *pair)

    def _placed(self, done: jax.Array, masks: jax.Array) -> jax.Array:
        """The masks made so far, this turn's in their places, -1 in those to come."""
        first = self.turn * self.per_turn
        last = first + masks.shape[-1]
        return jnp.concatenate([done[..., :first], masks, done[..., last:]], -1)

    def gen_loss(self, batch: system.Batch, made: Made) -> losses.Terms:
        """Fool, return, keep what is in the target domain already, and what is no garment."""
        batch = batch if "input_a" in batch else first_turn(batch, per_turn=self.per_turn)
        terms: dict[str, dict[str, jax.Array]] = {
            name: {} for name in ("adv", "cycle", "identity", "context")
        }
        fool = partial(losses.gan_fool, mode=self.gan_mode)
        for one, other in DIRECTIONS:
            mean = partial(_mean, valid=batch[f"valid_{one}"])
            before = jnp.concatenate([batch[f"input_{one}"], batch[f"masks_{one}"]], -1)
            disc = self.disc_b if other == "b" else self.disc_a
            logits = disc(made[f"fake_{other}"], made[f"all_masks_{other}"], update=True)
            terms["adv"][other] = mean(jax.vmap(fool)(logits))
            for kind in ("cycle", "identity"):
                after = [made[f"{kind}_{one}"], made[f"{kind}_masks_{one}"]]
                gap = jnp.abs(full(jnp.concatenate(after, -1)) - full(before))
                terms[kind][one] = mean(jnp.mean(gap, (1, 2, 3)))
            terms["context"][one + other] = mean(self._context(batch, made, one, other))
        return terms

    def _context(self, batch: system.Batch, made: Made, one: str, other: str) -> jax.Array:
        """The context loss of each item, [N]."""
        garments = merged(batch[f"masks_{one}"]), merged(made[f"fake_masks_{other}"])

        def of_item(before: jax.Array, after: jax.Array, *masks: jax.Array) -> jax.Array:
            pair = tuple(mask[None] for mask in masks)
            return losses.context(before[None], after[None], masks=(pair[0], pair[1]))

        return jax.vmap(of_item)(batch[f"input_{one}"], made[f"fake_{other}"], *garments)

    def disc_a_loss(self, batch: system.Batch, made: Made) -> losses.Terms:
        """Of D_X, who judges pictures of domain a."""
        return self._disc_loss(batch, made, self.disc_a, self.pool_a, one="b", other="a")

    def disc_b_loss(self, batch: system.Batch, made: Made) -> losses.Terms:
        """Of D_Y, who judges pictures of domain b."""
        return self._disc_loss(batch, made, self.disc_b, self.pool_b, one="a", other="b")

    def _disc_loss(
        self,
        batch: system.Batch,
        made: Made,
        disc: SetDiscriminator,
        pool: ImagePool,
        *,
        one: str,
        other: str,
    ) -> losses.Terms:
        """Half of real pairs with all masks against pooled fakes with those made so far."""
        batch = batch if "input_a" in batch else first_turn(batch, per_turn=self.per_turn)
        real = disc(batch[f"real_{other}"], batch[f"mask_{other}"], update=True)
        fake = pool(jnp.concatenate([*so_far(batch, made, one + other)], -1))
        judged = disc(fake[..., :3], fake[..., 3:], update=True)
        mean = partial(_mean, valid=batch[f"valid_{one}"])
        gap = jax.vmap(partial(losses.gan_real, mode=self.gan_mode))(real)
        miss = jax.vmap(partial(losses.gan_fake, mode=self.gan_mode))(judged)
        return {"adv": {"real": 0.5 * mean(gap), "fake": 0.5 * mean(miss)}}

    def sample(self, batch: system.Batch) -> dict[str, jax.Array]:
        """Pictures after all turns, their masks in one, and truths that came."""
        shown = {name: value for name, value in batch.items() if name.startswith("true_")}
        for one, other in DIRECTIONS:
            picture, masks = batch[f"real_{one}"], batch[f"mask_{one}"]
            shown |= {f"real_{one}": picture, f"mask_{one}": merged(masks)}
            gen = self.gen_ab if other == "b" else self.gen_ba
            made = []
            for turn in range(self.turns):
                part = masks[..., turn * self.per_turn : (turn + 1) * self.per_turn]
                pair = gen(picture, part)
                there = jnp.max(present(part), 1)[:, None, None, None] > 0
                picture = jnp.where(there, pair.picture, picture)
                made.append(jnp.where(there, pair.mask, part))
            shown |= {f"fake_{other}": picture}
            shown[f"fake_mask_{other}"] = merged(jnp.concatenate(made, -1))
        return shown


def first_turn(batch: system.Batch, *, per_turn: int) -> dict[str, jax.Array]:
    """The keys of the first turn from a batch of data_pipelines/landmarks.py."""
    turn = {name: batch[name] for name in ("real_a", "real_b", "mask_a", "mask_b")}
    for one, other in DIRECTIONS:
        masks = batch[f"mask_{one}"]
        turn |= {f"input_{one}": batch[f"real_{one}"], f"masks_{one}": masks[..., :per_turn]}
        turn[f"done_{other}"] = jnp.full_like(masks, -1)
        turn[f"valid_{one}"] = jnp.max(present(turn[f"masks_{one}"]), 1)
    return turn


def next_turn(turn: system.Batch, made: Made, *, number: int, per_turn: int) -> dict[str, Any]:
    """The keys of turn `number` from those of the one before and what it made, without gradient."""
    made, after = jax.lax.stop_gradient(made), dict(turn)
    part = slice(number * per_turn, (number + 1) * per_turn)
    for one, other in DIRECTIONS:
        after[f"input_{one}"], after[f"done_{other}"] = so_far(turn, made, one + other)
        after[f"masks_{one}"] = turn[f"mask_{one}"][..., part]
        after[f"valid_{one}"] = jnp.max(present(after[f"masks_{one}"]), 1)
    return after


def so_far(turn: system.Batch, made: Made, direction: str) -> Dressed:
    """Pictures and masks made in a direction; of items without an instance what the turn found."""
    one, other = direction
    moved = turn[f"valid_{one}"][:, None, None, None] > 0
    return Dressed(
        jnp.where(moved, made[f"fake_{other}"], turn[f"input_{one}"]),
        jnp.where(moved, made[f"all_masks_{other}"], turn[f"done_{other}"]),
    )


def make(config: ConfigDict) -> system.System:
    """The system of a config whose `model.generator` is "instagan".

    Raises:
      ValueError: if data.instances is no multiple of model.per_turn, or parts are to be averaged.
    """
    per_turn, instances = config.model.per_turn, config.data.instances
    if instances % per_turn:
        raise ValueError(
            f"data.instances={instances} must be a multiple of model.per_turn={per_turn}: as many "
            "masks are translated in each turn"
        )
    if config.accumulate > 1:
        raise ValueError(
            f"accumulate={config.accumulate}: InstaGAN's turns take whole batches; set it to 1"
        )
    plays = turns(config)
    first = plays[0].game

    def train_step(state: system.State, batch: system.Batch) -> tuple[system.State, system.Metrics]:
        start, turn, numbers = state.step, first_turn(batch, per_turn=per_turn), []
        for k, play in enumerate(plays):
            now, last = state._replace(step=start * len(plays) + k), k + 1 == len(plays)
            after = turn if last else play.next(now, turn)
            state, found = play(now, turn)
            turn = after
            numbers.append(found)
        metrics = jax.tree.map(lambda *parts: sum(parts) / len(plays), *numbers)
        return state._replace(step=start + 1), metrics

    return first._replace(train_step=train_step)


class Turn:
    """One turn of the game as a function of a state and the turn's keys."""

    def __init__(self, module: InstaGAN, *, config: ConfigDict):
        """Makes the turn's game, which shares its state with those of the other turns."""
        steps = config.steps * module.turns  # each turn is a step of every optimiser
        self.module = module
        self.game = system.adversarial(
            module,
            optimizers={player: optim.adam(config.optim, steps=steps) for player in module.players},
            weights=config.weights.to_dict(),
            averaging=system.Averaging(config.ema.decay, round(config.ema.start * steps)),
        )

    def made(self, state: system.State, turn: system.Batch) -> Made:
        """What the generators make of a turn."""
        variables = {"params": state.params, **state.variables}
        made: Any = self.module.apply(variables, turn, method="forward")
        return made

    def next(self, state: system.State, turn: system.Batch) -> dict[str, Any]:
        """The keys of the turn that follows, by the generators as they are before this one."""
        number, per_turn = self.module.turn + 1, self.module.per_turn
        return next_turn(turn, self.made(state, turn), number=number, per_turn=per_turn)

    def __call__(
        self, state: system.State, turn: system.Batch
    ) -> tuple[system.State, system.Metrics]:
        """The state after the turn, and its numbers."""
        after, numbers = self.game.train_step(state, turn)
        active = {d: jnp.any(turn[f"valid_{d}"] > 0) for d in ("a", "b")}
        needed = {
            "gen": active["a"] | active["b"],
            "disc_a": active["b"],  # judges what was made of b
            "disc_b": active["a"],
        }
        numbers |= {f"instances_{d}": jnp.mean(turn[f"valid_{d}"]) for d in ("a", "b")}
        return kept(state, after, needed=needed), numbers


def turns(config: ConfigDict) -> list[Turn]:
    """The turns of a step, in order."""
    fields = config.model.to_dict()
    del fields["generator"]
    count = config.data.instances // config.model.per_turn
    common = {"turns": count, "remat": config.remat, "dtype": jnp.dtype(config.precision)}
    return [Turn(InstaGAN(turn=k, **common, **fields), config=config) for k in range(count)]


def kept(
    before: system.State, after: system.State, *, needed: Mapping[str, jax.Array]
) -> system.State:
    """The state after a turn, but for players whom no item needed: they are as before.

    Args:
      before: the turn.
      after: it.
      needed: bool [] by player.
    """
    players = InstaGAN.players
    owner = {network: player for player, networks in players.items() for network in networks}
    owner |= {f"pool_{d}": f"disc_{d}" for d in ("a", "b")}

    def choose(name: str, new: Any, old: Any) -> Any:
        return jax.tree.map(lambda x, y: jnp.where(needed[owner[name]], x, y), new, old)

    def networks(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        return {name: choose(name, new[name], old[name]) for name in new}

    return after._replace(
        params=networks(after.params, before.params),
        variables={
            kind: networks(after.variables[kind], before.variables[kind])
            for kind in after.variables
        },
        opt={
            player: choose(players[player][0], after.opt[player], before.opt[player])
            for player in after.opt
        },
        ema=networks(after.ema, before.ema),
    )


def _mean(values: jax.Array, *, valid: jax.Array) -> jax.Array:
    """The mean of [N] over the items that count, 0 without any."""
    return jnp.sum(values * valid) / jnp.maximum(jnp.sum(valid), 1)
