import jax
import jax.numpy as jnp
import numpy as np

from tryon_jax.pool import ImagePool, exchange


def marked(*values):
    """Pictures 2 x 2 x 1 of one value each."""
    return jnp.broadcast_to(jnp.float32(values)[:, None, None, None], (len(values), 2, 2, 1))


def values(pictures):
    flat = np.asarray(pictures).reshape(len(pictures), -1)
    assert (flat == flat[:, :1]).all()  # a picture is exchanged whole
    return flat[:, 0].tolist()


def exchanged(pool, count, fakes, *, chance, slot):
    pool, count, shown = jax.jit(exchange)(
        marked(*pool), jnp.int32(count), marked(*fakes), chance=jnp.array(chance),
        slot=jnp.array(slot),
    )  # fmt: skip
    return values(pool), int(count), values(shown)


def test_a_pool_that_is_not_full_stores_and_shows():
    got = exchanged([0, 0, 0], 1, [7], chance=[0.99], slot=[0])
    assert got == ([0, 7, 0], 2, [7])


def test_a_full_pool_swaps_above_one_half():
    got = exchanged([1, 2, 3], 3, [7], chance=[0.51], slot=[2])
    assert got == ([1, 2, 7], 3, [3])


def test_a_full_pool_keeps_up_to_one_half():
    got = exchanged([1, 2, 3], 3, [7], chance=[0.5], slot=[2])
    assert got == ([1, 2, 3], 3, [7])


def test_a_batch_goes_one_after_the_other():
    # the first fills the pool, the second takes the first's place, the third the second's
    got = exchanged([1, 0], 1, [7, 8, 9], chance=[0.9, 0.9, 0.9], slot=[0, 1, 1])
    assert got == ([1, 9], 2, [7, 7, 8])
    got = exchanged([1, 2], 2, [7, 8, 9], chance=[0.1, 0.9, 0.2], slot=[0, 0, 0])
    assert got == ([8, 2], 2, [7, 1, 9])


def apply(size, variables, fakes, *, seed=0):
    return ImagePool(size).apply(
        variables, fakes, rngs={"noise": jax.random.key(seed)}, mutable=["pool"]
    )


def test_size_zero_shows_what_comes_in_and_holds_nothing():
    fakes = marked(1, 2, 3)
    shown, variables = ImagePool(0).init_with_output(jax.random.key(0), fakes)
    np.testing.assert_array_equal(shown, fakes)
    assert jax.tree.leaves(variables) == []


def test_the_module_keeps_its_pictures_in_the_collection_pool():
    variables = ImagePool(4).init({"params": jax.random.key(0)}, marked(1, 2, 3))
    assert set(variables) == {"pool"}
    assert int(variables["pool"]["count"]) == 0  # what is drawn at the start is not remembered
    assert variables["pool"]["pictures"].shape == (4, 2, 2, 1)
    shown, variables = jax.jit(apply, static_argnums=0)(4, variables, marked(1, 2, 3))
    assert values(shown) == [1, 2, 3]
    assert values(variables["pool"]["pictures"]) == [1, 2, 3, 0]
    assert int(variables["pool"]["count"]) == 3


def test_half_of_what_is_shown_is_old():
    variables = {"pool": {"pictures": marked(*range(50)), "count": jnp.int32(50)}}
    step = jax.jit(apply, static_argnums=0)
    old = 0
    for turn in range(20):
        fakes = marked(*range(100 + 20 * turn, 120 + 20 * turn))
        shown, variables = step(50, variables, fakes, seed=turn)
        pairs = zip(values(shown), values(fakes), strict=True)
        old += sum(new != fake for new, fake in pairs)
    kept = set(values(variables["pool"]["pictures"]))
    assert 160 < old < 240  # of 400, with a standard deviation of 10
    assert len(kept) == 50  # no picture is held twice
    again, _ = step(50, variables, marked(1), seed=3)
    np.testing.assert_array_equal(again, step(50, variables, marked(1), seed=3)[0])


def test_no_gradient_flows_through_the_pool():
    variables = ImagePool(2).init({"params": jax.random.key(0)}, marked(1, 2))

    def total(fakes):
        shown, _ = apply(2, variables, fakes)
        return jnp.sum(shown**2)

    np.testing.assert_array_equal(jax.grad(total)(marked(1, 2)), jnp.zeros((2, 2, 2, 1)))
