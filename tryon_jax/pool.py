"""CycleGAN's pool of past fakes, held in the state: saved, sharded and donated like the rest.

Source: Shrivastava et al. 2017, section 2.3; Zhu et al. 2017, section 4 (50 pictures).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn


def exchange(
    pool: jax.Array, count: jax.Array, fakes: jax.Array, *, chance: jax.Array, slot: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Shows old fakes for new ones, one picture after the other.

    While the pool is not full a picture is stored and shown. Then, where chance > 1/2, the picture
    in `slot` is shown and replaced; else the new picture is shown and forgotten.

    Args:
      pool: [size, H, W, C].
      count: int32 [], pictures stored so far, at most size.
      fakes: [N, H, W, C].
      chance: float [N] in [0, 1).
      slot: int32 [N] in [0, size).

    Returns:
      The new pool and count, and the pictures to show [N, H, W, C].
    """
    size = len(pool)

    def one(carry, inputs):
        pool, count = carry
        fake, chance, slot = inputs
        full = count >= size
        swap = full & (chance > 0.5)
        place = jnp.where(full, slot, count)
        old = pool[place]
        shown = jnp.where(swap, old, fake)
        pool = pool.at[place].set(jnp.where(swap | ~full, fake, old))
        return (pool, jnp.minimum(count + 1, size)), shown

    (pool, count), shown = jax.lax.scan(one, (pool, count), (fakes, chance, slot))
    return pool, count, shown


class ImagePool(nn.Module):
    """A pool of `size` pictures in the collection `pool`; size 0 shows what comes in."""

    size: int = 50

    @nn.compact
    def __call__(self, fakes: jax.Array) -> jax.Array:
        """Exchanges [N, H, W, C], drawing from the key stream `noise`."""
        if not self.size:
            return fakes
        pool = self.variable("pool", "pictures", jnp.zeros, (self.size, *fakes.shape[1:]))
        count = self.variable("pool", "count", jnp.zeros, (), jnp.int32)
        if self.is_initializing():
            return fakes
        chance_key, slot_key = jax.random.split(self.make_rng("noise"))
        chance = jax.random.uniform(chance_key, (len(fakes),))
        slot = jax.random.randint(slot_key, (len(fakes),), 0, self.size)
        fakes = jax.lax.stop_gradient(fakes)
        pool.value, count.value, shown = exchange(
            pool.value, count.value, fakes, chance=chance, slot=slot
        )
        return shown
