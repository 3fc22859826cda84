"""One try-on item: a person, a cloth to put on, and what the result should be where that is known.

Keys of an example, float32 [H, W, C], W = 3/4 H:

  person        3  the photograph, [-1, 1]
  cloth         3  the garment to put on, on white, [-1, 1]
  cloth_mask    1  where it is, {0, 1}
  worn          3  the upper clothes that the person wears, white elsewhere, [-1, 1]
  worn_mask     1  where they are seen, {0, 1}
  shape         1  the blurred silhouette, [-1, 1]
  head          3  the person's pixels that the warping network sees, -1 elsewhere
  reserved      3  the person's pixels that the drawing network sees, -1 elsewhere
  pose         18  a box for each joint, {-1, 1}

With `data.warps=folder` also

  warped_cloth  3  the garment as an earlier run warped it, [-1, 1]
  warped_mask   1  where it is, {0, 1}

Test items and those for grids also have

  parse         3  the parse map in colours, [-1, 1]
  truth         3  the true result, where it is known, [-1, 1]
  truth_mask    1  the garment in it as it is seen, {0, 1}
  truth_whole   1  the garment also where arms or hair cover it; of dolls alone, {0, 1}
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from data_pipelines import ops
from data_pipelines import representation as rep

CHANNELS = {
    "person": 3, "cloth": 3, "cloth_mask": 1, "worn": 3, "worn_mask": 1, "shape": 1, "head": 3,
    "reserved": 3, "pose": rep.JOINTS,
}  # fmt: skip
WARP_CHANNELS = {"warped_cloth": 3, "warped_mask": 1}
THRESHOLD = 128  # of a grey mask


class Truth(NamedTuple):
    """The person in the cloth, as a camera would see it."""

    picture: np.ndarray  # uint8 [H, W, 3]
    mask: np.ndarray  # bool [H, W]: the garment where it is seen
    whole: np.ndarray | None = None  # bool [H, W]: also where something covers it


class Item(NamedTuple):
    """A person and a cloth; what is None is not known."""

    person: rep.Person
    cloth: rep.Cloth
    warp: rep.Cloth | None = None  # the cloth as an earlier run warped it
    truth: Truth | None = None
    subsets: frozenset[str] = frozenset()  # groups in which it is scored


class HeldOut(NamedTuple):
    """Some test items."""

    batch: dict[str, np.ndarray]  # the training keys, `parse`, and the truth where it is known
    names: list[str]  # PERSON+CLOTH
    subsets: list[frozenset[str]]  # groups in which each is scored


class Source(Protocol):
    """Where items come from."""

    train_names: list[str]
    test_names: dict[str, list[str]]  # "same" and "other" -> PERSON+CLOTH, without suffixes

    def training(self, index: int) -> Item:
        """A training item; raises OSError or ValueError if it cannot be read."""
        ...

    def testing(self, pairs: str, index: int) -> Item:
        """A test item, with its truth where it is known; raises as `training`."""
        ...

    def persons(self) -> list[str]:
        """Names of all persons of the test set, for `asked`."""
        ...

    def cloths(self) -> list[str]:
        """Names of all cloths of the test set, for `asked`."""
        ...

    def asked(self, person: str, cloth: str) -> Item:
        """Any person and cloth, by name or by path; raises FileNotFoundError, or as `training`."""
        ...


def example(item: Item, *, representation: str) -> dict[str, np.ndarray]:
    """The training arrays of an item: the keys of `CHANNELS`, and the warp's if it has one.

    Args:
      item: of any size with sides of 16 pixels or more.
      representation: "cpvton" or "plus": whose label sets.
    """
    channels = CHANNELS | (WARP_CHANNELS if item.warp else {})
    size = item.person.parse.shape
    made = {key: np.empty((*size, count), np.float32) for key, count in channels.items()}
    write(item, into=made, representation=representation, mirrored=False)
    return made


def write(item: Item, *, into: dict[str, np.ndarray], representation: str, mirrored: bool) -> None:
    """Writes `example` into arrays that exist, each pixel once.

    Args:
      item: of the arrays' size.
      into: float32 [H, W, C] for every key, in any state.
      representation: "cpvton" or "plus": whose label sets.
      mirrored: left and right are exchanged in everything, the channels of the pose are not.
    """
    codes = _codes(item, representation=representation)
    for key, place in into.items():
        if key == "pose":
            maps = place[:, ::-1] if mirrored else place
            rep.draw_pose(item.person.joints, into=maps, radius=rep.radius(len(maps)))
            continue
        shaped = codes[key] if codes[key].ndim == 3 else codes[key][..., None]
        turned = ops.flip(shaped) if mirrored else shaped
        if turned.dtype == bool:
            place[...] = turned
        else:
            ops.normalise(turned, into=place)


def _codes(item: Item, *, representation: str) -> dict[str, np.ndarray]:
    """All but the pose: uint8 codes or bool masks, [H, W] or [H, W, 3]."""
    person, cloth = item.person, item.cloth
    head = rep.regions(person, rep.HEAD[representation])
    same = rep.HEAD[representation] == rep.RESERVED[representation]
    made = {
        "person": person.picture,
        "cloth": cloth.picture,
        "cloth_mask": cloth.mask >= THRESHOLD,
        "worn": rep.worn_cloth(person),
        "worn_mask": rep.labelled(person.parse, rep.WORN),
        "shape": rep.body_shape(person.body),
        "head": head,
        "reserved": head if same else rep.regions(person, rep.RESERVED[representation]),
    }
    if item.warp:
        made["warped_cloth"] = item.warp.picture
        made["warped_mask"] = item.warp.mask >= THRESHOLD
    return made


def shown(item: Item, *, representation: str) -> dict[str, np.ndarray]:
    """`example`, the coloured parse map, and the truth where it is known."""
    made = example(item, representation=representation)
    made["parse"] = rep.values(rep.parse_colours(item.person.parse))
    if item.truth:
        made["truth"] = rep.values(item.truth.picture)
        made["truth_mask"] = rep.zero_one(item.truth.mask)
        if item.truth.whole is not None:
            made["truth_whole"] = rep.zero_one(item.truth.whole)
    return made


def own_truth(person: rep.Person, *, whole: np.ndarray | None = None) -> Truth:
    """The truth of a person in the cloth that the picture shows: the picture."""
    return Truth(person.picture, rep.labelled(person.parse, rep.WORN), whole)
