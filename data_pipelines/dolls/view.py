"""A doll seen: its picture, parse map, keypoints and silhouette in any format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from data_pipelines.dolls.head import head_frame
from data_pipelines.dolls.paint import enlargement, in_order, paint
from data_pipelines.dolls.parts import Part
from data_pipelines.dolls.people import NOISE, Doll, all_parts, stream, top_of
from data_pipelines.dolls.person import SIDES, Person, joints
from data_pipelines.dolls.scene import Scene
from data_pipelines.dolls.styles import style_named

_LABELS = {  # LIP's number of each part; the neck has none
    "hair": 2,
    "top": 5,
    "dress": 6,
    "trousers": 9,
    "shorts": 9,
    "skirt": 12,
    "face": 13,
    "ear": 13,
    "left_arm": 14,
    "right_arm": 15,
    "left_leg": 16,
    "right_leg": 17,
    "left_shoe": 18,
    "right_shoe": 19,
    "trunk": 0,
    "glasses": 0,  # thin lines, no region
}
_LIMBS = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")


class Figure(NamedTuple):
    """A doll seen.

    Attributes:
      picture: uint8 [H, W, 3], sRGB.
      parse: uint8 [H, W], LIP numbers 0 to 19; neck and chest skin have none and are 0.
      keypoints: float32 [18, 3], OpenPose COCO-18, (x, y) in pixels from the centre of the first
        one, confidence 1; 0, 0, 0 outside the picture.
      body: uint8 [H, W], 255 where the doll is, else 0.
    """

    picture: np.ndarray
    parse: np.ndarray
    keypoints: np.ndarray
    body: np.ndarray


@dataclass(frozen=True)
class Frame:
    """A scene in a picture's format, pixels counted from the centre of the first one.

    Raises:
      ValueError: if the picture is too small.
    """

    scene: Scene
    height: int
    width: int

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 16:
            raise ValueError(
                f"a picture is at least 16 pixels high and wide, got height {self.height} and "
                f"width {self.width}; ask for 64 x 48 or more"
            )

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Figure points, float [..., 2], to pixels (x, y), where the painter puts them."""
        unit = self.height / self.scene.span
        left = self.scene.middle - self.width / unit / 2
        # the painter's pixels have their centre at the corner: half of an enlarged one
        return (points - (left, self.scene.top)) * unit - 0.5 + 0.5 / enlargement(self.height)

    def filled(self, outlines: list[np.ndarray], values: Sequence[int]) -> np.ndarray:
        """Filled outlines, float [K, 2] each, the last one in front: uint8 [H, W], else 0."""
        image = Image.new("L", (self.width, self.height))
        draw = ImageDraw.Draw(image)
        for outline, value in zip(outlines, values, strict=True):
            if len(outline):
                draw.polygon(self.pixels(outline).ravel().tolist(), fill=value)
        return np.array(image)


def figure(doll: Doll, *, height: int = 256, width: int = 192, style: str = "photo") -> Figure:
    """A doll seen, with all that is known of the picture.

    Args:
      doll: whom to draw.
      height: of the picture in pixels, 16 or more.
      width: likewise; for dolls for try-on 3/4 of the height.
      style: "photo" or "drawn".

    Raises:
      ValueError: if an argument is out of its range.
    """
    parts, frame = in_order(all_parts(doll)), Frame(doll.scene, height, width)
    picture = paint(
        parts,
        scene=doll.scene,
        style=style_named(style),
        height=height,
        width=width,
        noise=stream(doll.index, doll.seed, use=NOISE),
    )
    seen = frame.filled([part.outline for part in parts], range(1, len(parts) + 1))
    labels = np.array([0, *(label(part, doll) for part in parts)], np.uint8)
    body = np.where(seen > 0, 255, 0).astype(np.uint8)
    return Figure(picture, labels[seen], keypoints(doll.person, frame), body)


def label(part: Part, doll: Doll) -> int:
    """LIP's number of a part of a doll."""
    upper = part.name.endswith(("_sleeve", "_collar"))
    return _LABELS[top_of(doll).category if upper else part.name]


def keypoints(person: Person, frame: Frame) -> np.ndarray:
    """The 18 keypoints of OpenPose's COCO model: float32 [18, 3], see `Figure`."""
    places = joints(person)
    head = head_frame(person, places)
    found = [places[f"{side}_{joint}"] for limb in _LIMBS for side in SIDES for joint in limb]
    nose, *eyes = head.place(
        [(head.turn + x, y) for x, y in ((0, 0.19), (-0.162, 0.05), (0.162, 0.05))]
    )
    ears = head.place([(sign * 0.385 - 0.4 * head.turn, 0.06) for sign in SIDES.values()])
    neck = (places["right_shoulder"] + places["left_shoulder"]) / 2
    points = frame.pixels(np.stack([nose, neck, *found, *eyes, *ears]))
    inside = np.all((points >= 0) & (points <= (frame.width - 1, frame.height - 1)), axis=1)
    rows = np.pad(points, ((0, 0), (0, 1)), constant_values=1.0)
    return np.where(inside[:, None], rows, 0.0).astype(np.float32)
