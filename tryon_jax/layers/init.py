"""Initial values, by the name that a paper or its code gives them.

Drawn on the host by NumPy, seeded by the parameter's key: the same numbers on every device, and no
compilation. JAX's own draws cost XLA's CPU compiler 0.3 s per parameter, half a minute for a toy.

Source: PyTorch's defaults (`pytorch`); HRNet's code (`small`); CycleGAN's `init_type` (the others).
The fan-in of an HWIO kernel is height * width * input channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend import core
from jax.interpreters import mlir

GAIN = 0.02  # CycleGAN's init_gain, also the papers' N(0, 0.02)
SMALL = 0.001  # deviation of `small`, by which pose networks are drawn
SCHEMES = ("pytorch", "normal", "normal_kernel", "small", "xavier", "kaiming", "orthogonal")

Initializer = Callable[..., jax.Array]  # (key, shape, dtype=float32)


def kernel_init(name: str, *, transposed: bool = False) -> Initializer:
    """Initialiser of a kernel [..., in, out].

    Args:
      name: pytorch | normal | normal_kernel | small | xavier | kaiming | orthogonal.
      transposed: of a transposed convolution, whose fan-in PyTorch counts by its out channels.

    Raises:
      ValueError: if `name` is not one of the known schemes.
    """
    if name not in SCHEMES:
        raise ValueError(f"init_type must be one of {', '.join(SCHEMES)}; got {name!r}")

    def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        area = math.prod(shape[:-2])
        fans = [area * shape[-2], area * shape[-1]]
        fan_in, fan_out = reversed(fans) if transposed else fans
        if name == "pytorch":
            return rng.uniform(-1, 1, shape) / math.sqrt(fan_in)
        if name == "orthogonal":
            return GAIN * _orthogonal(rng, shape, transposed=transposed)
        deviation = {
            "normal": GAIN,
            "normal_kernel": GAIN,
            "small": SMALL,
            "xavier": GAIN * math.sqrt(2 / (fan_in + fan_out)),
            "kaiming": math.sqrt(2 / fan_in),
        }[name]
        return deviation * rng.standard_normal(shape)

    return _drawn(sample)


def bias_init(name: str, *, fan_in: int) -> Initializer:
    """Initialiser of a bias [out]: U(-1/sqrt(fan_in), 1/sqrt(fan_in)), or zero.

    Zero for all schemes but `pytorch` and `normal_kernel`, which leave PyTorch's default.
    """
    if name not in ("pytorch", "normal_kernel"):
        return jax.nn.initializers.zeros
    return _drawn(lambda rng, shape: rng.uniform(-1, 1, shape) / math.sqrt(fan_in))


def normal(*, mean: float = 0.0, deviation: float = 1.0) -> Initializer:
    """Initialiser by a normal distribution."""
    return _drawn(lambda rng, shape: mean + deviation * rng.standard_normal(shape))


Sample = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _drawn(sample: Sample) -> Initializer:
    def initialise(key: jax.Array, shape: tuple[int, ...], dtype=jnp.float32) -> jax.Array:
        fields = {"sample": sample, "shape": tuple(shape), "dtype": jnp.dtype(dtype)}
        return _draw.bind(jax.random.key_data(key), **fields)

    return initialise


def _on_host(seed, *, sample: Sample, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return sample(np.random.Generator(np.random.Philox(np.asarray(seed))), shape).astype(dtype)


# `jax.pure_callback` would compile a program for each draw even where nothing else is compiled
_draw = core.Primitive("draw")


@_draw.def_impl
def _draw_now(seed, **fields):
    return jnp.asarray(_on_host(seed, **fields))


@_draw.def_abstract_eval
def _draw_shape(_, *, sample, shape, dtype):
    return ShapedArray(shape, dtype)


def _draw_later(seed, **fields):
    made = jax.ShapeDtypeStruct(fields["shape"], fields["dtype"])
    return jax.pure_callback(partial(_on_host, **fields), made, seed)


mlir.register_lowering(_draw, mlir.lower_fun(_draw_later, multiple_results=False))


def _orthogonal(
    rng: np.random.Generator, shape: tuple[int, ...], *, transposed: bool
) -> np.ndarray:
    """Orthonormal rows or columns of the kernel as a matrix [..., out]; transposed: [..., in]."""
    *area, inside, out = shape
    last = inside if transposed else out
    rows, columns = math.prod(shape) // last, last
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    matrix = q if rows >= columns else q.T
    if transposed:
        return np.swapaxes(matrix.reshape(*area, out, inside), -1, -2)
    return matrix.reshape(shape)
