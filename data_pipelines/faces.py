"""Where a face is in a photograph, and the way there and back: cut out upright, laid on white.

    python -m data_pipelines.faces photos my_pictures/trainA

Points stand in a JSON file beside the picture, `me.json` beside `me.jpg`, in pixels (x, y) from the
picture's upper left corner, as any detector of faces gives them:

    {"left_eye": [x, y], "right_eye": [x, y], "mouth": [x, y], "chin": [x, y]}
    {"points": [[x, y], ...]}                                 the 68 landmarks of iBUG (300-W)

Left is the viewer's left. A mask, `me.mask.png`, is white on head and hair and black elsewhere;
where there is one, what is not the head becomes white. Finding faces and heads is other programs'
work. A cut is square: the face turned upright, with 0.8 of its height above and 0.3 below.

Source: minivision-ai/photo2cartoon's preparation, whose points are the 68: the eyes' outer corners
are levelled, and the box around all points is enlarged.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from data_pipelines import ops, sources
from data_pipelines.prepare import DataError

ABOVE, BELOW, BESIDE = 0.8, 0.3, 0.3  # margins, in heights (and widths) of the face
NAMED = ("left_eye", "right_eye", "mouth", "chin")
LANDMARKS, LEFT_CORNER, RIGHT_CORNER = 68, 36, 45
# four points say as much as 68: brows above the eyes' line, and from jaw to jaw, in distances from
# that line to the chin; our reading of an average face
BROWS, JAWS = 0.2, 1.25
FORMS = (
    '{"left_eye": [x, y], "right_eye": [x, y], "mouth": [x, y], "chin": [x, y]}, '
    'or the 68 as {"points": [[x, y], ...]}'
)
MASK = ".mask.png"  # what the name of a mask ends with
SOFT = 0.02  # how wide the rim is over which a cut fades into its picture, of its side


class Square(NamedTuple):
    """A square in a picture; pixels, the upper left corner of the picture is (0, 0)."""

    centre: tuple[float, float]  # (x, y)
    side: float
    angle: float  # radians by which it is turned clockwise, as one sees it

    @property
    def pixels(self) -> int:
        """The side of a cut that keeps the picture's resolution."""
        return max(1, math.ceil(self.side))


def square_of(points: np.ndarray) -> Square:
    """The square to cut for a face.

    Args:
      points: float [68, 2], or [4, 2] in the order of `NAMED`.

    Raises:
      ValueError: if there are other numbers of points, or the eyes are one point.
    """
    points = np.asarray(points, float)
    if points.shape not in ((LANDMARKS, 2), (len(NAMED), 2)) or not np.isfinite(points).all():
        raise ValueError(
            f"a face has {LANDMARKS} points, or {len(NAMED)} ({', '.join(NAMED)}), each a finite "
            f"(x, y); got {points.shape}"
        )
    left, right = points[[LEFT_CORNER, RIGHT_CORNER] if len(points) == LANDMARKS else [0, 1]]
    if np.array_equal(left, right):
        raise ValueError(f"the eyes must be two points, got {tuple(left)} for both")
    angle = math.atan2(right[1] - left[1], right[0] - left[0])
    upright = points @ _turn(angle)  # turned back about the corner of the picture
    low, high = _box(upright)
    size = high - low
    low, high = low - size * (BESIDE, ABOVE), high + size * (BESIDE, BELOW)
    centre = _turn(angle) @ ((low + high) / 2)
    return Square((float(centre[0]), float(centre[1])), float(max(high - low)), angle)


def cut(picture: np.ndarray, square: Square) -> np.ndarray:
    """What is in a square, upright, at the picture's resolution; white beyond the picture.

    Args:
      picture: uint8 [H, W, 3], or a mask [H, W], which is black beyond.
      square: where.

    Returns:
      uint8 [P, P, 3] or [P, P], P = `square.pixels`.
    """
    size = square.pixels
    fill = (255, 255, 255) if picture.ndim == 3 else 0
    return np.asarray(
        Image.fromarray(picture).transform(
            (size, size),
            Image.Transform.AFFINE,
            _to_picture(square, size=size),
            Image.Resampling.BICUBIC,
            fillcolor=fill,
        )
    )


def paste(
    picture: np.ndarray, face: np.ndarray, *, square: Square, mask: np.ndarray | None = None
) -> np.ndarray:
    """The picture with a face in its square, which fades out at the rim.

    Args:
      picture: uint8 [H, W, 3].
      face: uint8 [P, P, 3], as `cut` gives it.
      square: that it was cut from.
      mask: uint8 [P, P], 255 where the face shall be seen; all of it without.

    Returns:
      uint8 [H, W, 3], the picture itself outside the square.
    """
    size = len(face)
    shown = np.full((size, size), 255, np.uint8) if mask is None else mask
    layers = Image.merge("RGBA", [*Image.fromarray(face).split(), _faded(shown)])
    height, width = picture.shape[:2]
    inverse = _to_face(square, size=size)
    back = layers.transform(
        (width, height), Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR
    )
    whole = Image.fromarray(picture).convert("RGBA")
    return np.asarray(Image.alpha_composite(whole, back).convert("RGB"))


def on_white(face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A cut with all that is outside its mask made white: uint8 [P, P, 3] by uint8 [P, P]."""
    share = mask[..., None].astype(np.float32) / 255
    return np.rint(face * share + 255 * (1 - share)).astype(np.uint8)


def squares_of(paths: Iterable[Path]) -> list[Square]:
    """The squares of the faces of pictures, by the points beside them.

    Raises:
      DataError: with every picture whose points are missing or cannot be used, and what they must
        be.
    """
    found, wrong = [], []
    for path in paths:
        beside = path.with_suffix(".json")
        try:
            found.append(_square_in(beside))
        except FileNotFoundError:
            wrong.append(f"{beside} is missing")
        except (OSError, ValueError, KeyError, TypeError) as error:
            wrong.append(f"{beside}: {error}")
    if wrong:
        more = [f"and {len(wrong) - 10} more"] if len(wrong) > 10 else []
        raise DataError(
            "the points of a face must stand beside each picture:\n  "
            + "\n  ".join([*wrong[:10], *more])
            + f"\nwrite {FORMS}; any detector of faces gives them, this library has none"
        )
    return found


def mask_of(path: Path) -> np.ndarray | None:
    """The mask of the head that stands beside a picture, uint8 [H, W]; None if there is none.

    Raises:
      DataError: if it cannot be read, or its size is not the picture's.
    """
    beside = path.with_name(f"{path.stem}{MASK}")
    if not beside.is_file():
        return None
    mask, picture = read(beside)[..., 0], read(path)
    if mask.shape != picture.shape[:2]:
        raise DataError(
            f"{beside} is {mask.shape[1]} x {mask.shape[0]} pixels, its picture "
            f"{picture.shape[1]} x {picture.shape[0]}: they must be of one size"
        )
    return mask


def read(path: Path) -> np.ndarray:
    """A picture as uint8 [H, W, 3].

    Raises:
      DataError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return ops.decode(file)
    except ops.UnreadableError as error:
        raise DataError(
            f"{path} is no picture that can be read ({error}): repair or remove it"
        ) from error


def cut_all(source: Path, target: Path) -> list[Path]:
    """Cuts the faces out of a folder of photographs, for training.

    Args:
      source: pictures, each with its points beside it, and its mask if there is one.
      target: folder for PNG files of the same names.

    Returns:
      The files written.

    Raises:
      DataError: if there are no pictures, points are missing or a picture cannot be read.
    """
    names = [name for name in sources.picture_paths(source) if not name.endswith(MASK)]
    if not names:
        raise DataError(f"{source} holds no pictures ({' '.join(sources.SUFFIXES)})")
    written = []
    for name, square in zip(names, squares_of(source / name for name in names), strict=True):
        path, mask = source / name, mask_of(source / name)
        face = cut(read(path), square)
        face = face if mask is None else on_white(face, cut(mask, square))
        written.append((target / name).with_suffix(".png"))
        written[-1].parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face).save(written[-1])
    return written


def main() -> None:
    """The command line: two folders."""
    parser = argparse.ArgumentParser(
        prog="python -m data_pipelines.faces", description="Cut faces out of photographs."
    )
    parser.add_argument("source", type=Path, help="photographs with NAME.json beside each")
    parser.add_argument("target", type=Path, help="folder for the cuts, such as pictures/trainA")
    given = parser.parse_args()
    try:
        written = cut_all(given.source, given.target)
    except DataError as error:
        parser.exit(3, f"error: {error}\n")
    print(f"wrote {len(written)} pictures: {given.target}")


def _square_in(file: Path) -> Square:
    held = json.loads(file.read_text())
    rows = held["points"] if "points" in held else [held[name] for name in NAMED]
    return square_of(np.array(rows, float))


def _turn(angle: float) -> np.ndarray:
    """Rotation by an angle, clockwise as one sees it (y down): [2, 2]."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _box(upright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest (x, y) of the face between brows, jaws and chin."""
    if len(upright) == LANDMARKS:
        return upright.min(0), upright.max(0)
    left, right, mouth, chin = upright
    eyes = (left[1] + right[1]) / 2
    length = chin[1] - eyes
    if length <= 0 or not eyes < mouth[1] < chin[1]:
        raise ValueError(
            "the mouth must lie between eyes and chin when the eyes are level; is left the "
            "viewer's left?"
        )
    middle = (left[0] + right[0]) / 2
    half = max(JAWS * length, right[0] - left[0]) / 2
    return np.array([middle - half, eyes - BROWS * length]), np.array([middle + half, chin[1]])


def _to_picture(square: Square, *, size: int) -> tuple[float, ...]:
    """Six numbers that take a place in a cut of `size` pixels to its place in the picture."""
    matrix = _turn(square.angle) * (square.side / size)
    shift = np.array(square.centre) - matrix @ np.full(2, size / 2)
    return tuple(np.column_stack([matrix, shift]).ravel())


def _to_face(square: Square, *, size: int) -> tuple[float, ...]:
    """The inverse of `_to_picture`."""
    matrix = _turn(-square.angle) * (size / square.side)
    shift = np.full(2, size / 2) - matrix @ np.array(square.centre)
    return tuple(np.column_stack([matrix, shift]).ravel())


def _faded(mask: np.ndarray) -> Image.Image:
    """The mask, with a soft rim inside the cut."""
    rim = max(1, round(SOFT * len(mask)))
    inner = np.zeros_like(mask)
    inner[rim:-rim, rim:-rim] = mask[rim:-rim, rim:-rim]
    soft = Image.fromarray(inner).filter(ImageFilter.BoxBlur(rim / 2))
    return Image.fromarray(np.minimum(np.asarray(soft), mask))


if __name__ == "__main__":
    main()
