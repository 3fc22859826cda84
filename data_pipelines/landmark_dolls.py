"""Items of DesignGAN from the built-in paper dolls, of which everything is known.

Training dolls of domain A and B are different ones. Held-out items also have their counterpart:
the same doll in the same cloth, cut as the other domain's garment.
"""

from __future__ import annotations

from collections.abc import Sequence

from ml_collections import ConfigDict

from data_pipelines import dolls, fields, landmark_fields, skin_patches
from data_pipelines import representation as rep
from data_pipelines.dolls.export import with_neck
from data_pipelines.landmark_items import Item, Truth

TEST_DOLLS = 64  # per domain, of each split that is held out
_SPLITS = ("train", "test", "val")
_SKIN = (13, 14, 15, 16, 17, 20)  # labels: face, arms, legs, neck


class Dolls:
    """Dolls as a source of items (`landmark_items.Source`); each call draws anew."""

    def __init__(self, config: ConfigDict):
        """The dolls of a run whose fields are right (`landmark_fields.wrong`)."""
        data = config.data
        self._split = data.held_out
        self._categories = {d: landmark_fields.category(config, d) for d in "ab"}
        self._bare = {d: landmark_fields.bare(config, d) for d in "ab"}
        counts = {"train": data.dolls, "test": TEST_DOLLS}
        self.names = {
            f"{split}_{domain}": [f"doll_{self._number(split, domain, i)}" for i in range(count)]
            for split, count in counts.items()
            for domain in "ab"
        }

    def load(self, key: str, index: int, *, size: tuple[int, int]) -> Item:
        """A doll at (height, width), with its counterpart if it is held out."""
        split, _, domain = key.partition("_")
        category = self._categories[domain]
        # one world for all runs: the seed of a run changes the order, not the dolls
        doll = dolls.wearer(
            self._number(split, domain, index), 0, category=category, aspect=size[1] / size[0]
        )
        item = drawn(doll, category=category, size=size, bare=self._bare[domain])
        if split == "train":
            return item
        other = self._categories["b" if domain == "a" else "a"]
        garment = dolls.garment_of(doll, category=category)
        changed = dolls.counterpart(doll, garment, category=other)
        seen = drawn(changed, category=other, size=size)
        return item._replace(truth=Truth(seen.picture, seen.masks[..., 0]))

    def subsets(self, key: str, index: int) -> frozenset[str]:
        """Whether the garment of a held-out doll is printed."""
        split, _, domain = key.partition("_")
        category = self._categories[domain]
        doll = dolls.wearer(self._number(split, domain, index), 0, category=category, aspect=1.0)
        plain = dolls.garment_of(doll, category=category).print.kind == "plain"
        return frozenset() if plain else frozenset({"printed"})

    def _number(self, split: str, domain: str, index: int) -> int:
        """Number of a doll; "test" stands for the split that the run holds out."""
        order = _SPLITS.index(self._split if split == "test" else split)
        return (2 * order + "ab".index(domain)) * fields.MAX_DOLLS + index


def drawn(
    doll: dolls.Doll, *, category: int, size: tuple[int, int], bare: Sequence[str] = ()
) -> Item:
    """An item of a doll and the garment of a category that it wears.

    Args:
      doll: who is drawn, as a photograph.
      category: DeepFashion2's number.
      size: (height, width) in pixels.
      bare: parts whose skin is looked for first, see `skin_patches.find`.
    """
    frame = dict(zip(("height", "width"), size, strict=True))
    garment = dolls.garment_of(doll, category=category)
    figure = dolls.figure(doll, **frame, style="photo")
    points = dolls.landmarks(doll, garment, **frame)
    mask = dolls.seen(doll, garment, **frame) > 0
    skin = rep.labelled(with_neck(figure), _SKIN)
    patch = skin_patches.find(figure.picture, joints=points.coco17, skin=skin, bare=bare)
    return Item(
        category,
        figure.picture,
        mask[..., None],
        points.coco17,
        points.garment,
        skin=patch.picture if patch else None,
    )
