import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax import losses

LOGITS = np.array([[-2.0, -0.5], [0.5, 3.0]], np.float32)


def softplus(x):
    return np.log1p(np.exp(x)).mean()


class TestWeighted:
    def test_sums_weighted_terms_and_reports_them_unweighted(self):
        terms = {"adv": jnp.float32(2), "cycle": {"a": jnp.float32(3), "b": jnp.float32(5)}}
        total, numbers = losses.weighted(terms, {"adv": 0.5, "cycle": 10.0}, player="gen")
        assert float(total) == 0.5 * 2 + 10 * (3 + 5)
        assert {name: float(value) for name, value in numbers.items()} == {
            "gen_adv": 2,
            "gen_cycle": 8,
            "gen_cycle_a": 3,
            "gen_cycle_b": 5,
            "gen_total": 81,
        }
        assert total.dtype == jnp.float32

    def test_gradients_carry_the_weights(self):
        def total(x):
            terms = {"l2": x**2, "parts": {"one": x, "two": 3 * x}}
            return losses.weighted(terms, {"l2": 2.0, "parts": 0.5}, player="gen")[0]

        assert float(jax.jit(jax.grad(total))(3.0)) == 2 * 2 * 3 + 0.5 * (1 + 3)

    def test_parts_may_have_weights_of_their_own(self):
        terms = {"adv": {"a": jnp.float32(3), "b": jnp.float32(5)}}
        total, numbers = losses.weighted(terms, {"adv": {"a": 2.0, "b": 0.5}}, player="gen")
        assert float(total) == 2 * 3 + 0.5 * 5
        assert float(numbers["gen_adv"]) == 8 and float(numbers["gen_adv_b"]) == 5

    @pytest.mark.parametrize("term", [jnp.float32(1), {"a": jnp.float32(1)}])
    def test_weights_of_other_parts_are_refused(self, term):
        with pytest.raises(KeyError, match=r"one for each of the parts .* got \['a', 'b'\]"):
            losses.weighted({"adv": term}, {"adv": {"a": 1.0, "b": 1.0}}, player="gen")

    def test_both_sides_of_a_mismatch_are_named(self):
        terms = {"adv": jnp.float32(1), "cycle": jnp.float32(1)}
        with pytest.raises(KeyError) as error:
            losses.weighted(terms, {"adv": 1.0, "identity": 5.0}, player="gen")
        text = str(error.value)
        assert "player 'gen'" in text and "config.weights.gen" in text
        assert "without a weight ['cycle']" in text and "without a loss ['identity']" in text


def test_l1_is_the_mean_over_all_elements():
    x = jnp.array([[[[1.0, -1.0]]], [[[0.0, 0.5]]]])
    y = jnp.array([[[[0.0, 1.0]]], [[[0.0, 0.0]]]])
    assert float(losses.l1(x, y)) == (1 + 2 + 0 + 0.5) / 4


def test_l1_refuses_to_broadcast():
    with pytest.raises(ValueError, match=r"got \(4, 8, 8, 3\) and \(4, 8, 8, 1\)"):
        losses.l1(jnp.zeros((4, 8, 8, 3)), jnp.zeros((4, 8, 8, 1)))


@pytest.mark.parametrize(
    ("loss", "mode", "want"),
    [
        (losses.gan_real, "lsgan", (9 + 2.25 + 0.25 + 4) / 4),
        (losses.gan_fake, "lsgan", (4 + 0.25 + 0.25 + 9) / 4),
        (losses.gan_fool, "lsgan", (9 + 2.25 + 0.25 + 4) / 4),
        (losses.gan_real, "vanilla", softplus(-LOGITS)),
        (losses.gan_fake, "vanilla", softplus(LOGITS)),
        (losses.gan_fool, "vanilla", softplus(-LOGITS)),
        (losses.gan_real, "wgangp", -0.25),
        (losses.gan_fake, "wgangp", 0.25),
        (losses.gan_fool, "wgangp", -0.25),
        (losses.gan_real, "hinge", (3 + 1.5 + 0.5 + 0) / 4),
        (losses.gan_fake, "hinge", (0 + 0.5 + 1.5 + 4) / 4),
        (losses.gan_fool, "hinge", -0.25),
    ],
)
def test_gan_losses_by_hand(loss, mode, want):
    assert float(loss(jnp.asarray(LOGITS), mode=mode)) == pytest.approx(want, rel=1e-6)


def test_labels_may_be_smoothed():
    logits = jnp.asarray(LOGITS)
    assert float(losses.gan_real(logits, mode="lsgan", label=0.9)) == pytest.approx(
        ((LOGITS - 0.9) ** 2).mean(), rel=1e-6
    )
    want = softplus(LOGITS) - 0.3 * LOGITS.mean()  # BCE against t: softplus(x) - t x
    got = losses.gan_fake(logits, mode="vanilla", label=0.3)
    assert float(got) == pytest.approx(want, rel=1e-6)


def test_cross_entropy_of_large_logits_is_finite():
    value, grad = jax.value_and_grad(losses.cross_entropy)(jnp.array([[200.0, -200.0]]), 1.0)
    assert float(value) == 100
    np.testing.assert_allclose(grad, [[0, -0.5]], atol=1e-7)


@pytest.mark.parametrize("loss", [losses.gan_real, losses.gan_fake, losses.gan_fool])
def test_unknown_modes_are_named(loss):
    with pytest.raises(ValueError, match="lsgan, vanilla, wgangp, hinge; got 'rgan'"):
        loss(jnp.zeros(3), mode="rgan")


@pytest.mark.parametrize("loss", [losses.gan_real, losses.gan_fake, losses.gan_fool])
@pytest.mark.parametrize("mode", losses.GAN_MODES)
def test_bfloat16_logits_are_averaged_in_float32(loss, mode):
    # 1 + 1/256 has no bfloat16: an average in that type would be off by 2e-3
    logits = jnp.array([1.0] * 255 + [2.0], jnp.bfloat16)
    got = loss(logits, mode=mode)
    assert got.dtype == jnp.float32
    assert float(got) == pytest.approx(float(loss(logits.astype(jnp.float32), mode=mode)), rel=1e-6)


def test_other_losses_are_float32_scalars():
    x = jnp.ones((2, 4, 4, 3), jnp.bfloat16)
    for value in (losses.l1(x, 0 * x), losses.squared(x, 0.5), losses.cross_entropy(x, 1)):
        assert value.dtype == jnp.float32 and value.shape == ()
    penalty = losses.gradient_penalty(lambda x: jnp.sum(x**2, (1, 2, 3)), x)
    assert penalty.dtype == jnp.float32 and penalty.shape == ()


def test_gradient_penalty_of_a_linear_critic():
    """The gradient of <w, x> is w: its norm is 5 wherever it is taken."""
    w = jnp.zeros((2, 2, 3)).at[0, 0, 0].set(3.0).at[1, 1, 2].set(-4.0)
    pictures = jnp.ones((2, 2, 2, 3))

    def critic(x):
        return jnp.sum(w * x, (1, 2, 3))

    assert float(losses.gradient_penalty(critic, pictures)) == pytest.approx(16, rel=1e-6)
    assert float(losses.gradient_penalty(critic, pictures, constant=5.0)) == pytest.approx(0)


def test_gradient_penalty_takes_one_norm_per_picture():
    def critic(x):  # gradient 2 x: norms 2 and 6 for these pictures
        return jnp.sum(x**2, (1, 2, 3))

    pictures = jnp.zeros((2, 1, 1, 3)).at[0, 0, 0, 0].set(1.0).at[1, 0, 0, 1].set(3.0)
    got = losses.gradient_penalty(critic, pictures)
    assert float(got) == pytest.approx(((2 - 1) ** 2 + (6 - 1) ** 2) / 2, rel=1e-6)


def test_gradient_penalty_of_a_constant_critic_can_be_learned_from():
    def penalty(scale):
        return losses.gradient_penalty(lambda x: scale * jnp.sum(x), jnp.ones((1, 2, 2, 1)))

    value, grad = jax.value_and_grad(penalty)(0.0)
    assert float(value) == pytest.approx(1)
    assert np.isfinite(float(grad))


def test_mixed_draws_one_share_per_picture():
    real, fake = jnp.ones((3, 2, 2, 1)), jnp.zeros((3, 2, 2, 1))
    got = losses.mixed(real, fake, alpha=jnp.array([0.0, 0.25, 1.0]))
    np.testing.assert_allclose(got.reshape(3, -1), np.outer([0, 0.25, 1], np.ones(4)))
