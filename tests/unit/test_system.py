"""The shared step on a toy game: dense layers on 4 x 4 pictures, checked against two forwards."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from configs import base
from tryon_jax import losses, optim, system
from tryon_jax.layers import init
from tryon_jax.layers.norms import BatchNorm
from tryon_jax.layers.remat import run

LR = 0.01
ADAM = optax.adam(LR, b1=0.5, b2=0.999)
WEIGHTS = {"disc": {"adv": 1.0}, "gen": {"adv": 1.0, "l1": 10.0, "direct": 3.0, "seen": 0.5}}
CALLS = []  # one entry for each time that `Toy.forward` is traced


def dense(features):
    """A layer whose initial draw XLA need not compile."""
    return nn.Dense(features, kernel_init=init.normal(deviation=0.5))


class Toy(nn.Module):
    """Paints `real_a` as `real_b`; `eye` is a frozen network that looks at the result."""

    players = {"disc": ("disc",), "gen": ("gen",)}  # noqa: RUF012
    maker = "gen"
    sampled = ("gen",)
    strips = {"a2b": ("real_a", "fake_b")}  # noqa: RUF012
    scores = {}  # noqa: RUF012
    directions = {"ab": ("real_a", "fake_b")}  # noqa: RUF012
    multiple = 1

    def setup(self):
        self.gen, self.disc, self.eye = dense(3), dense(1), dense(2)

    def forward(self, batch):
        CALLS.append("forward")
        return {"fake_b": jnp.tanh(self.gen(batch["real_a"]))}

    def disc_loss(self, batch, made):
        real, fake = self.disc(batch["real_b"]), self.disc(made["fake_b"])
        return {"adv": losses.squared(real, 1) + losses.squared(fake, 0)}

    def gen_loss(self, batch, made):
        return {
            "adv": losses.squared(self.disc(made["fake_b"]), 1),
            "l1": losses.l1(made["fake_b"], batch["real_b"]),
            "direct": losses.squared(self.gen(batch["real_b"]), 0),  # not through `made`
            "seen": {"eye": losses.squared(self.eye(made["fake_b"]), 0)},
        }

    def sample(self, batch):
        return {"real_a": batch["real_a"], "fake_b": jnp.tanh(self.gen(batch["real_a"]))}


class GeneratorFirst(Toy):
    players = {"gen": ("gen",), "disc": ("disc",)}  # noqa: RUF012


def adam(lr=LR, policy="constant"):
    fields = base.get_config().optim
    fields.update({"lr": lr, "policy": policy})
    return optim.adam(fields, steps=4)


def build(module, *, weights=WEIGHTS, decay=0.0, start=0, accumulate=1, optimizer=None):
    return system.adversarial(
        module,
        optimizers=dict.fromkeys(module.players, optimizer or adam()),
        weights=weights,
        averaging=system.Averaging(decay, start),
        accumulate=accumulate,
    )


def pictures(seed=0, count=4):
    rng = np.random.default_rng(seed)
    shape = (count, 4, 4, 3)
    return {k: rng.uniform(-1, 1, shape).astype(np.float32) for k in ("real_a", "real_b")}


@functools.cache
def played(kind, **options):
    """A game, its first state and its compiled step: compiled once for all tests."""
    game = build(kind(), **options)
    key = jax.random.key(1, impl="unsafe_rbg")  # compiles in a tenth of threefry's time
    return game, jax.jit(game.init)(key, pictures()), jax.jit(game.train_step)


def close(x, y, atol=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=atol, rtol=1e-5), x, y)


def same(x, y):
    jax.tree.map(np.testing.assert_array_equal, x, y)


def different(x, y):
    return any(jax.tree.leaves(jax.tree.map(lambda a, b: (a != b).any(), x, y)))


def reference_step(module, state, moments, batch):
    """A step as the original programs take it, with one forward pass and `jax.grad` per player."""
    params, moments, gradients = state.params, dict(moments), {}
    for player in module.players:

        def loss(own, player=player, params=params):
            networks = {**params, **state.frozen, **own}
            maker = {"gen": state.params["gen"]} if player == "disc" else {}
            made = module.apply({"params": {**networks, **maker}}, batch, method="forward")
            terms = module.apply({"params": networks}, batch, made, method=f"{player}_loss")
            terms = {k: sum(v.values()) if isinstance(v, dict) else v for k, v in terms.items()}
            return sum(WEIGHTS[player][name] * term for name, term in terms.items())

        own = {player: params[player]}
        gradients |= jax.grad(loss)(own)
        updates, moments[player] = ADAM.update({player: gradients[player]}, moments[player])
        params = {**params, **optax.apply_updates(own, updates)}
    return params, moments, gradients


@pytest.mark.parametrize("kind", [Toy, GeneratorFirst])
def test_three_steps_equal_a_forward_pass_per_player(kind):
    _, state, step = played(kind)
    moments = {player: ADAM.init({player: state.params[player]}) for player in kind.players}
    reference = jax.jit(functools.partial(reference_step, kind()))
    for seed in range(3):
        batch = pictures(seed)
        params, moments, gradients = reference(state, moments, batch)
        state, metrics = step(state, batch)
        close(state.params, params)
        for name in ("gen", "disc"):
            norm = np.sqrt(sum((np.asarray(g) ** 2).sum() for g in gradients[name].values()))
            assert float(metrics[f"grad_norm_{name}"]) == pytest.approx(norm, rel=1e-5)
    assert int(state.step) == 3


def test_a_step_runs_the_generators_once():
    game, batch = build(Toy()), pictures()
    state = jax.eval_shape(game.init, jax.random.key(0), batch)
    CALLS.clear()
    jax.eval_shape(game.train_step, state, batch)
    assert CALLS == ["forward"]


@pytest.mark.parametrize("kind", [Toy, GeneratorFirst])
def test_the_second_player_meets_the_moved_networks_of_the_first(kind):
    """The generator's adversarial term is read off the discriminator that it met."""
    module, batch = kind(), pictures()
    _, before, step = played(kind)
    after, metrics = step(before, batch)
    met = {"disc": after.params["disc"] if kind is Toy else before.params["disc"]}
    networks = {**before.params, **before.frozen, **met}
    made = module.apply({"params": networks}, batch, method="forward")
    terms = module.apply({"params": networks}, batch, made, method="gen_loss")
    assert float(metrics["gen_adv"]) == pytest.approx(float(terms["adv"]), rel=1e-5)
    # the discriminator judges the fakes of the unmoved generator in both orders
    terms = module.apply({"params": {**networks, **before.params}}, batch, made, method="disc_loss")
    assert float(metrics["disc_adv"]) == pytest.approx(float(terms["adv"]), rel=1e-5)


def test_each_player_moves_its_own_networks_only():
    game = system.adversarial(
        Toy(),
        optimizers={"disc": adam(lr=0.0), "gen": adam()},
        weights=WEIGHTS,
        averaging=system.Averaging(0.0, 0),
    )
    _, before, _ = played(Toy)
    after, metrics = jax.jit(game.train_step)(before, pictures())
    same(after.params["disc"], before.params["disc"])
    assert different(after.params["gen"], before.params["gen"])
    assert float(metrics["grad_norm_disc"]) > 0


def test_frozen_networks_are_read_and_never_moved():
    _, before, step = played(Toy)
    batch = pictures()
    assert set(before.frozen) == {"eye"} and set(before.params) == {"disc", "gen"}
    after, metrics = step(before, batch)
    same(after.frozen, before.frozen)
    moments = optax.tree.get(after.opt["gen"], "mu")
    assert set(moments) == {"gen"} and "grad_norm_eye" not in metrics
    blind = before._replace(frozen=jax.tree.map(jnp.zeros_like, before.frozen))
    assert float(metrics["gen_seen"]) > 0
    assert float(step(blind, batch)[1]["gen_seen"]) == 0


def test_metrics_are_float32_scalars_by_name():
    optimizer = adam(policy="linear")  # of 4 steps two at the full rate: 1, 1, 1/2, 0
    _, state, step = played(Toy, optimizer=optimizer)
    batch = pictures()
    rates = []
    for _ in range(4):
        state, metrics = step(state, batch)
        rates.append(float(metrics["gen_lr"]))
        assert metrics["disc_lr"] == metrics["gen_lr"]
    np.testing.assert_allclose(rates, [LR, LR, LR / 2, 0], rtol=1e-6)
    terms = {"gen_adv", "gen_l1", "gen_direct", "gen_seen", "gen_seen_eye", "disc_adv"}
    totals = {"gen_total", "disc_total", "gen_lr", "disc_lr", "grad_norm_gen", "grad_norm_disc"}
    assert set(metrics) == terms | totals
    assert {(x.shape, x.dtype) for x in metrics.values()} == {((), jnp.dtype("float32"))}
    total = sum(weight * metrics[f"gen_{name}"] for name, weight in WEIGHTS["gen"].items())
    assert float(metrics["gen_total"]) == pytest.approx(float(total), rel=1e-6)


def test_averages_copy_before_their_start_and_decay_after():
    _, state, step = played(Toy, decay=0.75, start=2)
    batch = pictures()
    assert set(state.ema) == {"gen"}
    same(state.ema["gen"], state.params["gen"])
    for _ in range(2):
        state, _ = step(state, batch)
        same(state.ema["gen"], state.params["gen"])
    copied = state.ema["gen"]
    state, _ = step(state, batch)
    assert different(state.params["gen"], copied)
    want = jax.tree.map(lambda old, new: 0.75 * old + 0.25 * new, copied, state.params["gen"])
    close(state.ema["gen"], want, atol=1e-7)


def test_sample_paints_with_the_averages():
    game, state, _ = played(Toy, decay=0.75, start=2)
    batch = pictures()
    state = state._replace(ema=jax.tree.map(lambda x: x / 2, state.ema))
    of_ema = Toy().apply({"params": state.ema}, batch, method="sample")
    of_params = Toy().apply({"params": state.params}, batch, method="sample")
    close(jax.jit(game.sample)(state, batch), of_ema)
    without = state._replace(ema={})  # as `init` leaves it where the decay is 0
    close(jax.jit(game.sample)(without, batch), of_params)
    assert played(Toy)[1].ema == {} and different(of_ema, of_params)
    assert (game.strips, game.directions, game.multiple) == (Toy.strips, Toy.directions, 1)


@pytest.mark.parametrize("kind", [Toy, GeneratorFirst])
def test_accumulated_parts_equal_the_whole_batch(kind):
    _, state, whole = played(kind)
    _, _, cut = played(kind, accumulate=2)
    other = state
    for seed in range(3):
        state, want = whole(state, pictures(seed))
        other, got = cut(other, pictures(seed))
        close(got, want)
        close(other.params, state.params)
    assert int(other.step) == 3


def test_accumulate_must_divide_the_batch():
    game, batch = build(Toy(), accumulate=3), pictures(count=4)
    state = game.init(jax.random.key(0), batch)
    with pytest.raises(ValueError, match="accumulate=3 must divide the batch of 4 pictures"):
        game.train_step(state, batch)


def test_a_state_may_be_donated_step_after_step():
    game, batch = build(Toy(), decay=0.5), pictures()
    state = game.init(jax.random.key(0), batch)  # not under jit: buffers must not be shared either
    first = jax.tree.map(np.asarray, state._replace(key=jax.random.key_data(state.key)))
    step = jax.jit(game.train_step, donate_argnums=0)
    for _ in range(2):
        state, metrics = step(state, batch)
    assert np.isfinite(float(metrics["gen_total"]))
    assert different(state.params, first.params) and different(state.ema, first.ema)
    np.testing.assert_array_equal(jax.random.key_data(state.key), first.key)


class TestErrors:
    @pytest.mark.parametrize(
        ("weights", "named"),
        [
            (
                {"disc": {"adv": 1.0}, "gen": {"adv": 1.0, "l1": 1.0, "direct": 1.0}},
                r"player 'gen'.*losses without a weight \['seen'\].*without a loss \[\]",
            ),
            (
                {**WEIGHTS, "disc": {"adv": 1.0, "l2": 2.0}},
                r"config.weights.disc: .*without a weight \[\].*without a loss \['l2'\]",
            ),
        ],
    )
    def test_terms_and_weights_must_match(self, weights, named):
        game, batch = build(Toy(), weights=weights), pictures()
        state = jax.eval_shape(game.init, jax.random.key(0), batch)
        with pytest.raises(KeyError, match=named):
            jax.eval_shape(game.train_step, state, batch)

    def test_weights_must_name_the_players(self):
        with pytest.raises(ValueError, match=r"weights must name.*'disc', 'gen'.*got \['gen'\]"):
            build(Toy(), weights={"gen": WEIGHTS["gen"]})

    def test_optimizers_must_name_the_players(self):
        with pytest.raises(ValueError, match=r"optimizers must name.*got \['critic', 'gen'\]"):
            system.adversarial(
                Toy(),
                optimizers={"critic": adam(), "gen": adam()},
                weights=WEIGHTS,
                averaging=system.Averaging(0.0, 0),
            )

    def test_players_must_move_networks_that_exist(self):
        class Ghost(Toy):
            players = {"disc": ("disc", "disc_b"), "gen": ("gen",)}  # noqa: RUF012

        with pytest.raises(ValueError, match=r"the module does not have: \['disc_b'\]"):
            build(Ghost()).init(jax.random.key(0), pictures())

    def test_the_maker_must_be_a_player(self):
        class Orphan(Toy):
            maker = "painter"

        with pytest.raises(ValueError, match=r"maker must be one.*'disc', 'gen'.*got 'painter'"):
            build(Orphan())

    def test_sampled_networks_must_exist(self):
        class Still(Toy):
            sampled = ("gen", "ear")

        with pytest.raises(ValueError, match=r"the module does not have: \['ear'\]"):
            build(Still()).init(jax.random.key(0), pictures())


class Shaken(Toy):
    """A toy whose forward has noise, and a norm of the discriminator that counts its calls."""

    players = {"disc": ("disc", "norm"), "gen": ("gen",)}  # noqa: RUF012
    remat = False

    def setup(self):
        super().setup()
        self.norm = BatchNorm()

    def forward(self, batch):
        noise = jax.random.uniform(self.make_rng("noise"), batch["real_a"].shape)
        return {"fake_b": jnp.tanh(run(self.gen, batch["real_a"], remat=self.remat) + noise)}

    def disc_loss(self, batch, made):
        self.norm(made["fake_b"], update=True)
        self.norm(made["fake_b"], update=True)
        super().disc_loss(batch, made)
        return {"adv": losses.l1(made["fake_b"], batch["real_b"])}  # what gen_loss calls l1

    def gen_loss(self, batch, made):
        seen = self.norm(made["fake_b"], update=True)
        return {**super().gen_loss(batch, made), "seen": losses.squared(seen, 0.5)}


class Thrifty(Shaken):
    remat = True


def test_statistics_pass_from_player_to_player():
    _, before, step = played(Shaken, accumulate=1)
    batch = pictures()
    same(before.variables["batch_stats"]["norm"]["mean"], np.zeros(3))  # init moves nothing
    after, _ = step(before, batch)
    forward_key, *_ = jax.random.split(jax.random.fold_in(before.key, 0), 3)
    rngs = {"noise": forward_key}
    made = Shaken().apply({"params": before.params}, batch, method="forward", rngs=rngs)
    mean = np.asarray(made["fake_b"]).mean((0, 1, 2))
    got = after.variables["batch_stats"]["norm"]["mean"]
    np.testing.assert_allclose(got, (1 - 0.9**3) * mean, rtol=1e-5)  # three calls a step
    assert jax.tree.structure(after) == jax.tree.structure(before)


def test_noise_follows_the_key_and_the_step():
    _, state, step = played(Shaken, accumulate=1)
    batch = pictures()
    first, again = step(state, batch)[1], step(state, batch)[1]
    same(first, again)
    later = state._replace(step=state.step + 1)
    elsewhere = state._replace(key=jax.random.key(7, impl="unsafe_rbg"))
    for other in (later, elsewhere):
        assert float(step(other, batch)[1]["gen_l1"]) != float(first["gen_l1"])


def test_all_players_are_shown_the_same_noise():
    for parts in (1, 2):
        _, state, step = played(Shaken, accumulate=parts)
        metrics = step(state, pictures())[1]
        assert float(metrics["disc_adv"]) == pytest.approx(float(metrics["gen_l1"]), rel=1e-6)


def test_recomputing_activations_gives_the_same_numbers():
    game, state, thrifty = played(Thrifty)
    _, other, plain = played(Shaken, accumulate=1)
    same(state.params, other.params)
    for seed in range(2):
        state, got = thrifty(state, pictures(seed))
        other, want = plain(other, pictures(seed))
        close(got, want)
        close(state.params, other.params)
    assert "remat" in str(jax.make_jaxpr(game.train_step)(state, pictures()))
