"""A DesignGAN run at work on a texture: the garment is translated and cut from it.

  plain           the translation alone, no texture
  paste           the texture is laid on the translated garment
  forward         it is laid on the garment worn, and the generator carries it over
  optimise        the translated picture is moved towards the texture by the style loss
  optimise_head   the generator's last layers are, for this one picture

How the texture lies is `fill`: tile, stretch (over the garment's box) or landmark (bent along the
garment; tile where its landmarks are not known, as those of a translated garment never are). The
light and shade of the picture stay. Source: the paper fills textures into the target mask and lets
the style loss do the rest; steps and numbers are ours (design, 10).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from tryon_jax import garment_style, losses, texture_warp
from tryon_jax.networks.designgan_generator import Dressed
from tryon_jax.system import Batch, State, Tree
from tryon_jax.texture import feather, lay, shading, stretch, tile

METHODS = ("plain", "paste", "forward", "optimise", "optimise_head")
FILLS = ("tile", "stretch", "landmark")
STEPS = 50  # of the methods that optimise
RATES = {"optimise": 0.01, "optimise_head": 1e-4}  # Adam's, of pixels and of weights
STYLE, JUDGED, KEPT = 10.0, 0.1, 10.0  # weights: style loss, discriminator, what lies around


class Cloth(NamedTuple):
    """A texture and how it is laid."""

    texture: jax.Array  # [1, h, w, 3] in [-1, 1]
    fill: str
    scale: float
    offset: tuple[float, float]


def retexture(
    module: Any,
    state: State,
    batch: Batch,
    *,
    texture: jax.Array,
    direction: str,
    method: str,
    fill: str,
    scale: float,
    offset: tuple[float, float],
) -> dict[str, jax.Array]:
    """Translates one item, its garment in a texture.

    Args:
      module: the game.
      state: of a run; averaged generators are taken where there are any.
      batch: one item; of the domain that is not translated anything.
      texture: [1, h, w, 3] in [-1, 1].
      direction: "ab" or "ba".
      method: one of METHODS.
      fill: one of FILLS.
      scale: of tiles: pixels of the picture for one of the texture.
      offset: (x, y) of the picture where a tile begins.

    Returns:
      Pictures [1, H, W, 3 or 1] in [-1, 1]: `source`; `plain` and `mask`, the translation without
      the texture; `laid`, the texture where it was put; `result`.

    Raises:
      ValueError: if a word is unknown.
    """
    for value, known in ((direction, ("ab", "ba")), (method, METHODS), (fill, FILLS)):
        if value not in known:
            raise ValueError(f"{value!r} must be one of {', '.join(known)}")
    one = direction[0]
    networks = {**state.params, **state.ema, **state.frozen}
    cloth = Cloth(texture, fill, scale, offset)
    real = Dressed(batch[f"real_{one}"], batch[f"mask_{one}"])

    def translated(networks: Tree, picture: jax.Array) -> Dressed:
        seen, variables = {**batch, f"real_{one}": picture}, {"params": networks}
        return module.apply(variables | state.variables, seen, direction, method=_translated)

    plain = translated(networks, real.picture)
    made = {"source": real.picture, "plain": plain.picture, "mask": plain.mask}
    if method == "plain":
        return made | {"laid": plain.picture, "result": plain.picture}
    points = batch[f"points_{one}"]
    if method == "forward":
        category = module.categories["ab".index(one)]
        laid = _laid(cloth, real, points=points, category=category)
        return made | {"laid": laid, "result": translated(networks, laid).picture}
    laid = _laid(cloth, plain, points=None, category=0)
    if method == "paste":
        return made | {"laid": laid, "result": laid}

    def judged(picture: jax.Array) -> jax.Array:
        pair = Dressed(picture, plain.mask)
        variables = {"params": networks, **state.variables}
        loss, _ = module.apply(
            variables, batch, direction, pair, method=_fooled, mutable=list(state.variables)
        )
        return loss

    loss = _loss(module, plain, laid, judged=judged)
    if method == "optimise":
        moved = _descended(lambda r: loss(plain.picture + r), jnp.zeros_like(laid), method)
        return made | {"laid": laid, "result": jnp.clip(plain.picture + moved, -1, 1)}
    name = f"gen_{direction}"
    head = networks[name]["head_picture"]

    def with_head(head: Tree) -> jax.Array:
        own = {**networks, name: {**networks[name], "head_picture": head}}
        return translated(own, real.picture).picture

    moved = _descended(lambda head: loss(with_head(head)), head, method)
    return made | {"laid": laid, "result": with_head(moved)}


def _translated(module: Any, batch: Batch, direction: str) -> Dressed:
    """One pass of one generator, as `sample` makes it."""
    one = direction[0]
    at = module._attend(batch, one)
    gen = {"ab": module.gen_ab, "ba": module.gen_ba}[direction]
    pair = (batch[f"real_{one}"], batch[f"mask_{one}"])
    return gen(*pair, body=at.body, garment=at.garment, heatmaps=at.heatmaps)


def _fooled(module: Any, batch: Batch, direction: str, pair: Dressed) -> jax.Array:
    """How far a picture is from being taken for a real one: the generator's loss."""
    at = module._attend(batch, direction[0])._asdict()
    answers = module._judge(direction[1], pair, at)
    fooled = jnp.stack([losses.gan_fool(x, mode=module.gan_mode) for x in answers])
    return jnp.mean(fooled)


def _laid(cloth: Cloth, pair: Dressed, *, points: jax.Array | None, category: int) -> jax.Array:
    """A picture whose garment is cut from a texture, in the light that it had."""
    _, height, width, _ = pair.picture.shape
    inside = texture_warp.largest_part(pair.mask).astype(jnp.float32)
    plane = tile(cloth.texture, size=(height, width), scale=cloth.scale, offset=cloth.offset)
    if cloth.fill == "stretch":
        plane = stretch(cloth.texture, inside)
    if cloth.fill == "landmark" and points is not None:
        plane = texture_warp.along_landmarks(plane, points, masks=inside, category=category)
    light = shading(pair.picture, inside)
    return lay(plane, pair.picture, masks=feather(inside), light=light)


def _loss(
    module: Any, plain: Dressed, laid: jax.Array, *, judged: Callable[[jax.Array], jax.Array]
) -> Callable[[jax.Array], jax.Array]:
    """The texture's style inside, the translation outside, and a picture that fools the judge."""
    outside = 1 - feather((plain.mask > 0).astype(jnp.float32))

    def loss(picture: jax.Array) -> jax.Array:
        style, _ = garment_style.style_loss(
            (laid, plain.mask),
            (picture, plain.mask),
            size=module.style_size,
            weight=module.style_weight,
            norm=module.style_norm,
            split=module.style_split,
        )
        kept = jnp.mean(jnp.abs(picture - plain.picture) * outside)
        return STYLE * jnp.mean(style) + JUDGED * judged(picture) + KEPT * kept

    return loss


def _descended(loss: Callable[[Tree], jax.Array], start: Tree, method: str) -> Tree:
    """What STEPS steps of Adam make of something."""
    adam = optax.adam(RATES[method])

    def step(_: int, held: tuple[Tree, Any]) -> tuple[Tree, Any]:
        found, opt = held
        updates, opt = adam.update(jax.grad(loss)(found), opt)
        return optax.apply_updates(found, updates), opt

    found, _ = jax.lax.fori_loop(0, STEPS, step, (start, adam.init(start)))
    return found
