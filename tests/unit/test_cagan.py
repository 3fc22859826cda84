"""CAGAN's game: who judges which pair, what is copied where, which numbers come out.

Networks against their originals: tests/golden/test_cagan.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import cagan as config_file
from tests.unit.port.torch_writer import whole, write_legacy
from tryon_jax.networks.cagan_dilated import DilatedUNet
from tryon_jax.networks.cagan_discriminators import PatchDiscriminator, WideDiscriminator
from tryon_jax.port import cagan as port
from tryon_jax.systems import cagan
from tryon_jax.systems.cagan import CAGAN, Look

COUNTS = {  # parameters of the generator and of a discriminator at full width
    "canonical": (3_551_900, 1_607_543),
    "paper": (3_385_196, 1_534_529),
    "keras": (6_339_264, 2_768_705),
    "seed_first": (3_551_908, 1_607_544),
    "seed": (3_551_900, 1_559_106),
    "seed_residual": (4_009_220, 7_224_961),
    "v2": (5_863_192, 2_768_705),
}
MAPS = {  # of the finest discriminator at 128 x 96
    "canonical": (8, 6),
    "paper": (8, 6),
    "keras": (14, 10),
    "seed_first": (6, 4),
    "seed": (6, 4),
    "seed_residual": (5, 3),
    "v2": (14, 10),
}


def changed(preset="canonical", **fields):
    config = config_file.get_config(preset).copy_and_resolve_references().unlock()
    config.model.update(fields)
    return config


def module_of(preset="canonical", **fields):
    config = changed(preset, **fields)
    options = config.model.to_dict()
    del options["disc_lr"]
    return CAGAN(
        **options, gen_terms=tuple(config.weights.gen), disc_terms=tuple(config.weights.disc)
    )


def shapes(height=128, count=1):
    picture = jax.ShapeDtypeStruct((count, height, 3 * height // 4, 3), jnp.float32)
    return dict.fromkeys(("person", "worn", "other"), picture)


def size(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


@pytest.mark.parametrize("preset", config_file.PRESETS)
def test_parameter_counts(preset):
    state = jax.eval_shape(cagan.make(changed(preset)).init, jax.random.key(0), shapes())
    gen, disc = COUNTS[preset]
    assert size(state.params.pop("gen")) == gen
    assert {size(network) for network in state.params.values()} == {disc}
    assert len(state.params) == (3 if preset == "v2" else 1)


def test_parameter_counts_of_options():
    def count(network, *channels):
        x = [jax.ShapeDtypeStruct((1, 64, 48, c), jnp.float32) for c in channels]
        return size(jax.eval_shape(lambda *x: network.init(jax.random.key(0), *x), *x))

    assert count(DilatedUNet(upscaling="shuffle"), 9, 6) == 6_547_480
    assert count(DilatedUNet(upscaling="nearest"), 9, 6) == 5_863_192
    assert count(PatchDiscriminator(injects=False), 6) == 1_559_105


@pytest.mark.parametrize("preset", config_file.PRESETS)
def test_patches(preset):
    module, batch = module_of(preset), shapes()
    k = module.scales - 1

    def judge(person, garment):
        key = {"params": jax.random.key(0), "noise": jax.random.key(0)}
        return module.init_with_output(key, k, person, garment, method="_judge")[0]

    y = jax.eval_shape(judge, batch["person"], batch["worn"])
    assert y.shape == (1, *MAPS[preset], 1)


class Scripted(CAGAN):
    """Records what it judges and what it maps instead of running networks."""

    def _judge(self, k, person, garment):
        JUDGED.append((float(person.flat[0]), float(garment.flat[0])))
        return jnp.zeros((1, 2, 2, 1))

    def _maps(self, person, off, on):
        MAPPED.append(tuple(float(x[0, 0, 0, 0]) for x in (person, off, on)))
        return (jnp.full((*person.shape[:3], 4), 0.5),)


JUDGED, MAPPED = [], []


def constant(value):
    return np.full((1, 16, 16, 3), value, np.float32)


PLAIN = {"person": constant(0.1), "worn": constant(0.2), "other": constant(0.3)}  # x_i, y_i, y_j


def looks():
    """First and second looks whose pictures are 0.4 (x_ij) and 0.5 (x_ji), their alpha 0.3."""
    alpha = np.full((1, 16, 16, 1), 0.3, np.float32)
    return {
        "first": [Look(alpha, constant(0.9), constant(0.4))],
        "back": [Look(alpha, constant(0.9), constant(0.5))],
    }


def judged(player, **fields):
    JUDGED.clear()
    terms = getattr(Scripted(**fields), f"{player}_loss")(PLAIN, looks())
    return dict(zip(terms, np.round(JUDGED, 3).tolist(), strict=False)), terms


def test_who_judges_what():
    pairs, _ = judged("disc")
    assert pairs == {"real": [0.1, 0.2], "fake": [0.4, 0.3], "mismatch": [0.1, 0.3]}
    pairs, terms = judged("gen", gen_terms=("adv", "rec_adv", "cycle"))
    assert pairs == {"adv": [0.4, 0.3], "rec_adv": [0.5, 0.2]}
    assert float(terms["cycle"]) == pytest.approx(0.4)  # x_ji and x_i
    assert float(terms["adv"]) == pytest.approx(np.log(2))


def test_the_first_code_of_the_seed_judges_the_reconstruction_beside_the_new_garment():
    pairs, _ = judged("gen", gen_terms=("adv", "rec_adv"), adv_sees="back")
    assert pairs == {"adv": [0.5, 0.3], "rec_adv": [0.5, 0.2]}


def test_the_paper_does_not_judge_the_reconstruction():
    assert "rec_adv" not in config_file.get_config("paper").weights.gen
    pairs, _ = judged("gen", gen_terms=("adv", "id", "cycle"))
    assert pairs == {"adv": [0.4, 0.3]}


def test_the_second_pass_begins_with_the_first_one_s_picture():
    MAPPED.clear()
    made = Scripted().forward(PLAIN)
    first = made["first"][0]
    alpha, painted = 1 / (1 + np.exp(-0.5)), np.tanh(0.5)
    x_ij = alpha * painted + (1 - alpha) * 0.1
    np.testing.assert_allclose(first.picture, x_ij, rtol=1e-6)
    np.testing.assert_allclose(MAPPED, [(0.1, 0.2, 0.3), (x_ij, 0.3, 0.2)], rtol=1e-6)
    np.testing.assert_allclose(
        made["back"][0].picture, alpha * painted + (1 - alpha) * x_ij, rtol=1e-6
    )


def test_the_finest_and_coarsest_base_of_three_scales():
    """CAGAN v2: x_ji blends with x_ij, but at the coarsest scale with what was painted."""

    class Three(CAGAN):
        def _maps(self, person, off, on):
            return tuple(jnp.full((1, s, s, 4), -1.0) for s in (4, 8, 16))

    made = Three(generator="dilated").forward(PLAIN)
    alpha, painted = 1 / (1 + np.exp(1)), np.tanh(-1)
    fake = alpha * painted + (1 - alpha) * 0.1
    for look, size, base in zip(made["back"], (4, 8, 16), (painted, fake, fake), strict=True):
        assert look.picture.shape == (1, size, size, 3)
        np.testing.assert_allclose(look.picture, alpha * painted + (1 - alpha) * base, rtol=1e-5)


@pytest.mark.parametrize(("injected", "garment"), [("other", 0.3), ("worn", 0.2)])
def test_what_is_injected(injected, garment, monkeypatch):
    """Beside the person: the garment to put on, or the one to take off."""
    seen = []

    def run(network, pictures, copies, **_):
        seen.append((pictures[0, 0, 0], copies[0, 0, 0]))
        return (jnp.zeros((1, 16, 16, 4)),)

    monkeypatch.setattr(cagan, "run", run)
    variables = {"params": {}}
    CAGAN(injected=injected).apply(variables, *PLAIN.values(), method="_first")
    pictures, copies = seen[0]
    np.testing.assert_allclose(pictures, [0.1] * 3 + [0.2] * 3 + [0.3] * 3)
    np.testing.assert_allclose(copies, [0.1] * 3 + [garment] * 3)


@pytest.mark.parametrize(("count", "side"), [(1, 4), (3, 8)])
def test_the_id_loss_is_a_mean_or_a_sum_of_both_passes(count, side):
    alpha = jnp.full((count, side, side, 1), 0.3)
    look = Look(alpha, alpha, alpha)
    assert float(CAGAN()._area(look, look)) == pytest.approx(0.3)
    total = 2 * 0.3 * count * side**2
    assert float(CAGAN(id_loss="sum")._area(look, look)) == pytest.approx(total)


def test_measures():
    alpha = jnp.asarray([0.2, 0.4, 0.6, 0.8]).reshape(1, 2, 2, 1)
    numbers = CAGAN().measures(PLAIN, {"first": [Look(alpha, alpha, alpha)]})
    assert {name: float(x) for name, x in numbers.items()} == pytest.approx(
        {"alpha_mean": 0.5, "alpha_share": 0.5}
    )
    three = [Look(alpha, alpha, constant(value)) for value in (0.0, 0.5, 0.5)]
    numbers = CAGAN(generator="dilated").measures(PLAIN, {"first": three})
    assert float(numbers["colour"]) == pytest.approx(0.25)  # the means' mean square


def test_colours_apart():
    """Means 0 and 0.5; variances 1 in every entry of the covariance, and 0."""
    x = jnp.broadcast_to(jnp.asarray([1.0, -1.0]).reshape(1, 2, 1, 1), (1, 2, 1, 3))
    y = jnp.full((1, 4, 4, 3), 0.5)
    assert float(cagan.colour_distance(x, y)) == pytest.approx(0.25 + 5)
    assert float(cagan.colour_distance(x, x)) == 0


def test_the_matte_stays_between_0_and_1():
    raw = 30 * np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 4, 4, 4)
    base = np.zeros((1, 4, 4, 3), np.float32)
    look = module_of("canonical")._look(raw, base)
    assert 0 <= look.alpha.min() < 0.01 < 0.99 < look.alpha.max() <= 1
    assert np.abs(look.picture).max() <= 1
    assert module_of("seed")._look(raw, base).alpha.min() == -30  # what the seed's own code does


def test_shown_pictures_are_in_range():
    class Wild(CAGAN):
        def _maps(self, person, off, on):
            return (jnp.full((*person.shape[:3], 4), 5.0),)

    module = Wild(alpha="linear", colours="linear")
    pictures = module.sample(PLAIN)
    shown = {name for strip in module.strips.values() for name in strip}
    scored = {key for _, *keys in module.scores.values() for key in keys} - {"truth"}
    assert shown | scored <= set(pictures)
    assert all((np.abs(picture) <= 1).all() for picture in pictures.values())
    assert float(pictures["try_on"].max()) == 1


class TestRefusals:
    @pytest.mark.parametrize("field", cagan.CHOICES)
    def test_choices(self, field):
        with pytest.raises(ValueError, match=rf"model.{field} must be one of .*; got 'odd'"):
            cagan.make(changed(**{field: "odd"}))

    @pytest.mark.parametrize(
        ("field", "name"), [("injection", "injection"), ("init_type", "init_type")]
    )
    def test_of_networks(self, field, name):
        game = cagan.make(changed(**{field: "odd"}))
        with pytest.raises(ValueError, match=rf"{name} must be one of .*; got 'odd'"):
            jax.eval_shape(game.init, jax.random.key(0), shapes(64))

    def test_weights_without_a_loss(self):
        config = changed()
        config.weights.gen.idd = 0.1
        game = cagan.make(config)
        with pytest.raises(KeyError, match=r"weights without a loss .*idd"):
            state = jax.eval_shape(game.init, jax.random.key(0), shapes(64))
            jax.eval_shape(game.train_step, state, shapes(64))

    def test_sizes(self):
        game = cagan.make(changed())
        with pytest.raises(ValueError, match="sides must be multiples of it"):
            jax.eval_shape(game.init, jax.random.key(0), shapes(40))
        game = cagan.make(changed("v2"))
        with pytest.raises(ValueError, match=r"set a larger --config\.image_size"):
            jax.eval_shape(game.init, jax.random.key(0), shapes(64))


def test_the_discriminator_s_pace(monkeypatch):
    """The seed's first code: twice the generator's rate."""
    rates, adam = [], cagan.optim.adam

    def recorded(fields, *, steps):
        rates.append(fields.lr)
        return adam(fields, steps=steps)

    monkeypatch.setattr(cagan.optim, "adam", recorded)
    cagan.make(changed("seed_first"))
    assert rates == [4e-4, 2e-4]  # disc, gen


class TestFiles:
    """Weights from files; whole networks are compared in the golden tests."""

    LAYERS = (("conv0.conv", 64, 6), ("conv1.conv", 128, 64), ("conv2.conv", 256, 128))

    def state_dict(self):
        rng = np.random.default_rng(0)
        shapes = {f"{name}.weight": (out, into, 4, 4) for name, out, into in self.LAYERS}
        shapes |= {"conv4.weight": (512, 256, 4, 4), "conv5.weight": (1, 512, 4, 4)}
        shapes |= {"conv0.conv.bias": (64,), "conv5.bias": (1,)}
        for name, channels in (("bn0", 128), ("bn1", 256), ("bn4", 512)):
            shapes |= {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}
        return {
            f"D_net.{key}": rng.normal(size=shape).astype(np.float32)
            for key, shape in shapes.items()
        }

    def test_a_file(self, tmp_path):
        weights = self.state_dict()
        path = tmp_path / "netD0_3000.pth"
        write_legacy(path, {key: whole("Float", x) for key, x in weights.items()})
        got = port.load_disc(path)["params"]
        want = weights["D_net.conv4.weight"].transpose(2, 3, 1, 0)
        np.testing.assert_array_equal(got["conv3"]["kernel"], want)
        network = WideDiscriminator()
        made = jax.eval_shape(
            lambda x: network.init(jax.random.key(0), x), jnp.zeros((1, 64, 48, 6))
        )
        assert jax.tree.map(np.shape, got) == jax.tree.map(np.shape, dict(made["params"]))

    def test_another_network(self):
        weights = self.state_dict()
        with pytest.raises(ValueError, match=r"missing .*layer1.*not known here .*D_net"):
            port.gen(weights)
        del weights["D_net.bn4.bias"]
        with pytest.raises(ValueError, match=r"missing \['D_net.bn4.bias'\]"):
            port.disc(weights)
