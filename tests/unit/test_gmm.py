"""CP-VTON's GMM: shapes, fields, what is matched, and what keeps its grid regular."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.networks.gmm import GMM
from tryon_jax.systems.cpvton_gmm import grid_irregularity
from tryon_jax.warp import identity_grid

SMALL = {"channels": 2, "halvings": 1, "lattice": (3, 4)}


def shapes(height, width, *, count=1):
    return [jax.ShapeDtypeStruct((count, height, width, c), jnp.float32) for c in (22, 3, 1)]


def traced(network, height, width):
    """Shapes of the fit and of the variables."""

    def make(*inputs):
        return network.init_with_output(jax.random.key(0), *inputs, update=True)

    return jax.eval_shape(make, *shapes(height, width))


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    agnostic, cloth = (rng.uniform(-1, 1, (2, 16, 12, c)).astype(np.float32) for c in (22, 3))
    return agnostic, cloth, (cloth[..., :1] > 0).astype(np.float32)


class TestShapes:
    @pytest.mark.parametrize(
        ("halvings", "height", "width"), [(4, 256, 192), (5, 512, 384), (2, 64, 48), (4, 128, 96)]
    )
    def test_fits(self, halvings, height, width):
        fit, variables = traced(GMM(halvings=halvings), height, width)
        assert fit.cloth.shape == (1, height, width, 3)
        assert fit.mask.shape == (1, height, width, 1)
        assert fit.grid.shape == (1, height, width, 2) and fit.grid.dtype == jnp.float32
        params = variables["params"]
        depth = height // 2**halvings // 4 * (width // 2**halvings // 4)
        assert params["regression"]["theta"]["kernel"].shape == (64 * depth, 50)
        names = {f"conv_{i}" for i in range(halvings + 2)} | {
            f"norm_{i}" for i in range(halvings + 1)
        }
        assert set(params["person_features"]) == set(params["cloth_features"]) == names
        assert params["person_features"][f"conv_{halvings + 1}"]["kernel"].shape[-1] == 512

    def test_the_lattice_gives_the_numbers(self):
        _, variables = traced(GMM(**SMALL), 16, 12)
        assert variables["params"]["regression"]["theta"]["bias"].shape == (24,)

    def test_masks_are_one_channel(self):
        for matches, channels in (("cloth", 3), ("mask", 1)):
            _, variables = traced(GMM(**SMALL, matches=matches), 16, 12)
            kernel = variables["params"]["cloth_features"]["conv_0"]["kernel"]
            assert kernel.shape == (4, 4, channels, 2)

    def test_a_bfloat16_network_answers_in_float32(self):
        fit, variables = traced(GMM(**SMALL, dtype=jnp.bfloat16), 16, 12)
        for x in jax.tree.leaves((fit, variables)):
            assert x.dtype == jnp.float32

    @pytest.mark.parametrize(
        ("fields", "size", "message"),
        [
            (
                {"halvings": 4},
                (256, 200),
                r"4 halvings .* of 16, 64 or more, got 256 x 200; set --c",
            ),
            ({"halvings": 4}, (64, 48), r"4 halvings .* of 16, 64 or more, got 64 x 48"),
            ({"matches": "shape"}, (64, 48), r"matches must be one of cloth, mask; got 'shape'"),
            ({"mask_padding": "grey"}, (64, 64), r"padding must be one of border, zeros; got 'gre"),
            ({"lattice": (5, 1)}, (64, 64), r"2 nodes or more along each side, got \(5, 1\)"),
        ],
    )
    def test_what_does_not_fit(self, fields, size, message):
        with pytest.raises(ValueError, match=message):
            traced(GMM(**{"channels": 2, "halvings": 2} | fields), *size)


class TestFit:
    @pytest.fixture(scope="class")
    @staticmethod
    def variables(arrays):
        return jax.jit(lambda *x: GMM(**SMALL).init(jax.random.key(0), *x, update=True))(*arrays)

    @pytest.fixture(scope="class")
    @staticmethod
    def fit():
        return jax.jit(lambda *x: GMM(**SMALL).apply(*x, update=False))

    def test_without_shifts_the_garment_lies_as_it_was(self, arrays, variables, fit):
        still = jax.tree.map(jnp.zeros_like, variables["params"]["regression"]["theta"])
        params = variables["params"]
        params = params | {"regression": params["regression"] | {"theta": still}}
        made = fit({**variables, "params": params}, *arrays)
        _, cloth, mask = arrays
        np.testing.assert_allclose(made.cloth, cloth, atol=1e-5)
        np.testing.assert_allclose(made.mask, mask, atol=1e-5)
        np.testing.assert_allclose(made.grid[1], identity_grid((16, 12)), atol=1e-6)

    @pytest.mark.parametrize("matches", ["cloth", "mask"])
    def test_only_what_is_matched_moves_the_grid(self, arrays, matches):
        # width 8, and statistics of the batch: else a dead ReLU may hide everything
        network = GMM(**SMALL | {"channels": 8}, matches=matches)

        @jax.jit
        def grid(*inputs):
            return network.init_with_output(jax.random.key(0), *inputs, update=True)[0].grid

        plain = grid(*arrays)
        for name, i in (("agnostic", 0), ("cloth", 1), ("mask", 2)):
            others = [x[::-1] if i == place else x for place, x in enumerate(arrays)]
            moved = np.abs(grid(*others) - plain).max() > 1e-3
            assert moved == (name in ("agnostic", matches)), name

    def test_shifts_are_all_x_then_all_y(self, arrays, variables, fit):
        theta = variables["params"]["regression"]["theta"]
        bias = jnp.concatenate([jnp.full(12, 0.2), jnp.full(12, -0.4)])
        theta = {"kernel": jnp.zeros_like(theta["kernel"]), "bias": bias}
        params = variables["params"]
        params = params | {"regression": params["regression"] | {"theta": theta}}
        made = fit({**variables, "params": params}, *arrays)
        wanted = identity_grid((16, 12)) + np.tanh((0.2, -0.4))
        np.testing.assert_allclose(made.grid[0], wanted, atol=1e-5)

    def test_statistics_move_only_when_asked(self, arrays, variables):
        for update in (False, True):
            _, after = jax.jit(
                lambda *x, update=update: GMM(**SMALL).apply(
                    *x, update=update, mutable=["batch_stats"], method="shift"
                )
            )(variables, *arrays[:2])
            before, after = (jax.tree.leaves(x["batch_stats"]) for x in (variables, after))
            same = [np.array_equal(x, y) for x, y in zip(before, after, strict=True)]
            assert not any(same) if update else all(same)


class TestIrregularity:
    def test_even_steps_cost_nothing(self):
        grid = jnp.asarray(identity_grid((5, 4)) * (0.5, 2.0) + (0.1, 0.2), jnp.float32)
        assert float(grid_irregularity(grid[None])) < 1e-6

    def test_by_hand(self):
        """4 x 5 pixels; x at 0, 1, 3, 6, 10 in each row, y even: steps 1, 2, 3, 4 differ by one."""
        x = jnp.broadcast_to(jnp.asarray([0.0, 1, 3, 6, 10]), (4, 5))
        y = jnp.broadcast_to(jnp.arange(4.0)[:, None], (4, 5))
        grid = jnp.stack([x, y], -1)[None]
        # three inner columns in two inner rows
        assert float(grid_irregularity(grid)) == pytest.approx(3 * 2 * 1 / 20)
        turned = jnp.stack([y, x], -1)[None].swapaxes(1, 2)
        assert float(jax.jit(grid_irregularity)(turned)) == pytest.approx(3 * 2 * 1 / 20)
        two = jnp.concatenate([grid, jnp.zeros_like(grid)])
        assert float(grid_irregularity(two)) == pytest.approx(3 * 2 * 1 / 40)

    def test_lengths_count_not_directions(self):
        """Steps of 1 and -1 are equally long: a fold is not seen, as in CP-VTON+'s code."""
        x = jnp.broadcast_to(jnp.asarray([0.0, 1, 0, 1]), (4, 4))
        grid = jnp.stack([x, x.T * 0], -1)[None]
        assert float(grid_irregularity(grid)) == 0
