"""What a try-on network sees of a person: body shape, reserved regions, pose; and the worn cloth.

A photographed `Person` (uint8 picture, LIP parse map, silhouette, joints) comes in, coded uint8
arrays go out; `values` turns codes into values, (code / 255 - 0.5) / 0.5. The cloth that is
worn must not shine through: the silhouette is blurred to 16-pixel blocks, head and other reserved
regions are the only pixels kept, the pose is a box for each joint.
Source: CP-VTON (2018), section 3.1, and CP-VTON+ (2020); exact to the bit with their loaders.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_pipelines import ops

LABELS = (
    "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat", "socks",
    "pants", "jumpsuit", "scarf", "skirt", "face", "left arm", "right arm", "left leg",
    "right leg", "left shoe", "right shoe", "neck",
)  # fmt: skip
# colour of each label in a parse picture; 20, neck skin, is CP-VTON+'s own and has no LIP colour
PALETTE = np.array(
    [
        (0, 0, 0), (128, 0, 0), (254, 0, 0), (0, 85, 0), (169, 0, 51), (254, 85, 0), (0, 0, 85),
        (0, 119, 220), (85, 85, 0), (0, 85, 85), (85, 51, 0), (52, 86, 128), (0, 128, 0),
        (0, 0, 254), (51, 169, 220), (0, 254, 254), (85, 254, 169), (169, 254, 85), (254, 254, 0),
        (254, 169, 0), (255, 200, 170),
    ],
    np.uint8,
)  # fmt: skip
WORN = (5, 6, 7)  # upper-clothes, dress, coat
HEAD = {"cpvton": (1, 2, 4, 13), "plus": (1, 4, 13)}  # what the GMM may keep; plus drops the hair
RESERVED = {"cpvton": (1, 2, 4, 13), "plus": (1, 2, 4, 9, 12, 13, 16, 17)}  # what the TOM may keep
JOINTS = 18  # OpenPose COCO order: nose, neck, right arm, left arm, right leg, left leg, eyes, ears
BLOCK = 16  # pixels of the picture in one pixel of the blurred silhouette
_RADIUS, _HEIGHT = 5, 256  # half a joint's box at this height, pixels
_COLOURS = PALETTE.astype(np.int32) @ (1 << 16, 1 << 8, 1)
_BY_COLOUR = np.argsort(_COLOURS)


class Person(NamedTuple):
    """A photographed person at the size of the run."""

    picture: np.ndarray  # uint8 [H, W, 3]
    parse: np.ndarray  # uint8 [H, W], ids of LABELS
    body: np.ndarray  # uint8 [H, W], nonzero on the person
    joints: np.ndarray  # float64 [18, 2], (x, y) in pixels; 1 or less is missing


class Cloth(NamedTuple):
    """A garment alone, as the shop shows it or warped to a person."""

    picture: np.ndarray  # uint8 [H, W, 3], on white
    mask: np.ndarray  # uint8 [H, W], 128 or more on the garment


def labelled(parse: np.ndarray, labels: Iterable[int]) -> np.ndarray:
    """Where a parse map has one of the labels: uint8 [H, W] -> bool [H, W]."""
    found = parse.tobytes().translate(_is_one_of(tuple(labels)))  # half of `np.take`'s time
    return np.frombuffer(found, bool).reshape(parse.shape)


def body_shape(body: np.ndarray) -> np.ndarray:
    """The silhouette, so blurred that the cut of the worn cloth is lost.

    Args:
      body: [H, W], nonzero on the person; sides of 16 pixels or more.

    Returns:
      uint8 [H, W], 255 deep inside the body; Pillow's bilinear filter down to 1/16 and up again.
    """
    height, width = body.shape
    shape = Image.fromarray((body > 0).astype(np.uint8) * 255)
    small = shape.resize((width // BLOCK, height // BLOCK), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def regions(person: Person, labels: Iterable[int]) -> np.ndarray:
    """The person's pixels of some labels, black elsewhere: uint8 [H, W, 3]."""
    return person.picture * _every_channel(labelled(person.parse, labels))


def worn_cloth(person: Person) -> np.ndarray:
    """The worn upper clothes, white elsewhere: uint8 [H, W, 3]; the GMM's target."""
    # 1 - 1 leaves the picture, 0 - 1 is 255: white
    return person.picture | (_every_channel(labelled(person.parse, WORN)) - np.uint8(1))


def radius(height: int) -> int:
    """Half the side of a joint's box in pixels, for pictures of a height in pixels."""
    return max(1, round(_RADIUS * height / _HEIGHT))


def draw_pose(joints: np.ndarray, *, into: np.ndarray, radius: int) -> None:
    """One map for each joint: -1, and +1 in a box around it.

    Args:
      joints: float [18, 2], (x, y) in pixels; a joint is drawn if x > 1 and y > 1.
      into: float32 [height, width, 18] that becomes the maps in {-1, 1}: values already, for codes
        would cost 1 ms a person.
      radius: columns trunc(x - radius) to trunc(x + radius) are filled, rows alike, both ends
        included; what lies outside the picture is cut off.
    """
    into.fill(-1)
    for joint, (x, y) in enumerate(joints):
        if x > 1 and y > 1:
            left, top = max(0, int(x - radius)), max(0, int(y - radius))
            into[top : int(y + radius) + 1, left : int(x + radius) + 1, joint] = 1


def values(codes: np.ndarray) -> np.ndarray:
    """uint8 [H, W] or [H, W, C] -> float32 [H, W, C] in [-1, 1], C = 1 for two axes."""
    return ops.normalise(codes if codes.ndim == 3 else codes[..., None])


def zero_one(mask: np.ndarray) -> np.ndarray:
    """A mask as values: bool [H, W] -> float32 [H, W, 1] in {0, 1}."""
    return mask.astype(np.float32)[..., None]


def parse_colours(parse: np.ndarray) -> np.ndarray:
    """A parse map for people to look at: uint8 [H, W] ids -> uint8 [H, W, 3]."""
    return PALETTE[parse]


def parse_ids(colours: np.ndarray) -> np.ndarray:
    """The ids of a parse map that was saved in LIP's colours: uint8 [H, W, 3] -> uint8 [H, W].

    Raises:
      ValueError: if a colour is not in `PALETTE`.
    """
    packed = colours.astype(np.int32) @ (1 << 16, 1 << 8, 1)
    place = np.searchsorted(_COLOURS, packed, sorter=_BY_COLOUR).clip(max=len(_COLOURS) - 1)
    ids = _BY_COLOUR[place].astype(np.uint8)
    unknown = _COLOURS[ids] != packed
    if unknown.any():
        strange = np.unique(colours[unknown], axis=0)
        shown = ", ".join(str(tuple(map(int, colour))) for colour in strange[:3])
        raise ValueError(
            f"{len(strange)} colours are none of LIP's 20, such as {shown}: save the ids themselves"
            " as a palette or grey PNG, without interpolation or JPEG"
        )
    return ids


@functools.cache
def _is_one_of(labels: tuple[int, ...]) -> bytes:
    """256 bytes: 1 at the labels, 0 elsewhere."""
    return bytes(label in labels for label in range(256))


def _every_channel(mask: np.ndarray) -> np.ndarray:
    """A mask three times: bool [H, W] -> uint8 [H, W, 3]; a broadcast takes five times as long."""
    spread = np.empty((*mask.shape, 3), np.uint8)
    for channel in range(3):
        spread[..., channel] = mask
    return spread
