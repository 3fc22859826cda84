"""From what is loaded of both domains to the arrays of one example.

An item is what belongs to one picture, uint8 [h, w, C] of one size: `real`, and where the run has
masks `mask` and maybe `fix`. All of an item are cropped and mirrored by one draw.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import fields, histogram, masks, ops

Item = dict[str, np.ndarray]
WORDS = 5  # random words for the place of one item
MATCH = 8  # salt of the draw that says which domain takes the other's colours


class Maker(NamedTuple):
    """What turns items into arrays; fields as in `config.data`."""

    recipe: ops.Recipe
    seed: int
    masks: str = "none"
    match_mode: str = "none"
    match_probability: float = 0.5
    match_ratio: float = 1.0
    match_blend: str = "image"

    def keys(self, *, blur: bool) -> tuple[str, ...]:
        """Names of the arrays of an example."""
        names = ("real", *(("mask", "fix_mask") if self.masks != "none" else ()))
        names += ("blur",) if blur else ()
        return tuple(f"{name}_{domain}" for name in names for domain in "ab")

    def shape(self, key: str) -> tuple[int, int, int]:
        """Shape of one array."""
        size = self.recipe.image_size
        return (size, size, 1 if "mask" in key else 3)

    def alike(self, items: dict[str, Item], position: int) -> dict[str, Item]:
        """With `match_mode`, one of both pictures in the colours of the other."""
        if self.match_mode == "none":
            return items
        (word,) = ops.words(self.seed, position, domain=MATCH, count=1)
        changed, model = ("b", "a") if word < self.match_probability * 2**32 else ("a", "b")
        image = histogram.matched(
            items[changed]["real"],
            items[model]["real"],
            mode=self.match_mode,
            ratio=self.match_ratio,
            blend=self.match_blend,
        )
        return items | {changed: items[changed] | {"real": image}}

    def arrays(self, item: Item, domain: str, *, draws: tuple[int, ...]) -> dict[str, np.ndarray]:
        """The arrays of one item: `real_a` and, with masks, `mask_a` and `fix_mask_a`."""
        placed = {k: ops.place(x, recipe=self.recipe, draws=draws) for k, x in item.items()}
        made = {f"real_{domain}": ops.normalise(placed["real"])}
        if self.masks != "none":
            mask = masks.foreground(placed["mask"], edge=self.masks)
            fix = masks.eroded(mask)
            if "fix" in placed:
                fix = fix * masks.foreground(placed["fix"], edge=self.masks)
            made |= {f"mask_{domain}": mask, f"fix_mask_{domain}": fix}
        return made

    def draws(self, position: int, *, domain: int) -> tuple[int, ...]:
        """The words that choose the place of an item."""
        return ops.words(self.seed, position, domain=domain, count=WORDS)


def maker(config: ConfigDict) -> Maker:
    """The maker of a config whose fields are right (`fields.wrong`)."""
    data = config.data
    return Maker(
        fields.recipe(config),
        config.seed,
        masks=data.masks,
        match_mode=data.match,
        match_probability=data.match_probability,
        match_ratio=data.match_ratio,
        match_blend=data.match_blend,
    )
