"""What can be wrong with one file of a try-on set, and with the files of one person together.

Every file is read whole, its header and its end are looked at; a thorough look decodes it too.
"""

from __future__ import annotations

import hashlib
import io
import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_pipelines import ops, viton_read
from data_pipelines import representation as rep

_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}  # first two bytes -> mark of the end
_TAIL = 64  # bytes at the end of a file in which the mark must be


class Trouble(NamedTuple):
    """A kind of fault."""

    what: str  # follows the number of files
    repair: str
    fatal: bool  # a run stops; else it is told


TROUBLES = {
    "missing": Trouble("missing", "put them there, or take their lines out of the pair list", True),
    "no warp": Trouble(
        "missing", "make them with --mode=warp, or set --config.data.warps=gmm", True
    ),
    "columns": Trouble(
        "lines name the cloth first and the person second",
        "exchange the columns of the list: PERSON CLOTH",
        True,
    ),
    "unreadable": Trouble(
        "unreadable or half-copied", "copy or make them again, or take their lines out", True
    ),
    "mask for cloth": Trouble(
        "look like masks, not like garments (black and white alone)",
        "cloth/ and cloth-mask/ are exchanged, or a mask was copied there: put the pictures back",
        True,
    ),
    "cloth for mask": Trouble(
        "look like pictures, not like masks (many greys)",
        "a cloth mask is 255 on the garment and 0 elsewhere: put the masks there",
        True,
    ),
    "person for cloth": Trouble(
        "are the very picture of a person in image/", "put the garments' pictures there", True
    ),
    "empty": Trouble(
        "mark nothing", "a mask is 255 on what it marks and 0 elsewhere: make them again", False
    ),
    "full": Trouble(
        "mark the whole picture",
        "a mask is 255 on what it marks and 0 elsewhere: make them again",
        False,
    ),
    "labels": Trouble("hold no LIP labels", "make them again with a LIP parser", True),
    "colours": Trouble(
        "saved in colours, read through LIP's palette",
        "nothing need be done; ids in a grey or palette PNG are read faster",
        False,
    ),
    "unclothed": Trouble(
        "have no upper clothes (labels 5, 6, 7)", "nothing can be learned from them", False
    ),
    "pose": Trouble("hold no pose", "run OpenPose again, or take their lines out", True),
    "jointless": Trouble(
        "have no joint with x > 1 and y > 1",
        "joints are pixels, not shares of the width: OpenPose's --keypoint_scale 0 writes these; "
        "take the lines of persons that it does not find out",
        True,
    ),
    "elsewhere": Trouble(
        "have most joints outside the photograph",
        "the pose belongs to another size or crop: run OpenPose on image/ itself",
        True,
    ),
    "outside": Trouble(
        "have a joint outside the photograph", "these joints are cut off at its edge", False
    ),
    "another shape": Trouble(
        "have another shape than their picture",
        "make them from the very picture in image/ or cloth/, without cropping",
        True,
    ),
    "another size": Trouble(
        "have another size than their picture", "they are scaled to the size of the run", False
    ),
    "stretched": Trouble(
        "are not 3 wide to 4 high", "they are stretched; crop them for a better likeness", False
    ),
}


class Seen(NamedTuple):
    """What was found out about one file."""

    size: tuple[int, int] | None = None  # (width, height); None if unreadable or no picture
    digest: bytes = b""  # of the content
    joints: np.ndarray | None = None
    troubles: tuple[tuple[str, str], ...] = ()  # (key of TROUBLES, detail in words or "")


def examine(path: pathlib.Path, *, role: str, thorough: bool) -> Seen:
    """Looks at one file.

    Args:
      path: of a file that is there.
      role: image, cloth, mask, parse, body or pose.
      thorough: decode it, and look at what it shows.
    """
    try:
        content = path.read_bytes()
        seen = Seen(digest=hashlib.sha256(content).digest())
        if role == "pose":
            return _pose(path, seen)
        if thorough or not _complete(content):
            return _decoded(path, role, seen)
        return seen._replace(size=ops.header(io.BytesIO(content)), troubles=_mode(path, role))
    except (OSError, ValueError) as error:
        kind = "pose" if role == "pose" else "unreadable"
        if role == "parse" and isinstance(error, viton_read.LabelError):
            kind = "labels"
        return Seen(troubles=((kind, str(error).removeprefix(f"{path}: ")),))


def person_troubles(seen: dict[str, Seen]) -> list[tuple[str, str, str]]:
    """(role, key of TROUBLES, detail) of what does not fit together in the files of a person."""
    size = seen.get("image", Seen()).size
    if size is None:
        return []
    found = [
        (role, *trouble) for role in ("parse", "body") if role in seen
        for trouble in _sizes(seen[role].size, size)
    ]  # fmt: skip
    joints = seen.get("pose", Seen()).joints
    if joints is not None:
        drawn = joints[(joints > 1).all(axis=1)]
        beyond = (drawn >= size).any(axis=1).sum()
        if beyond:
            detail = f"{beyond} of {len(drawn)} beyond {size[0]} x {size[1]}"
            found.append(("pose", "elsewhere" if 2 * beyond > len(drawn) else "outside", detail))
    return found + [("image", *trouble) for trouble in _shape(size)]


def cloth_troubles(seen: dict[str, Seen]) -> list[tuple[str, str, str]]:
    """(role, key of TROUBLES, detail) of what does not fit together in the files of a cloth."""
    cloth, mask = seen.get("cloth", Seen()), seen.get("mask", Seen())
    if cloth.size is None:
        return []
    found = [("mask", *trouble) for trouble in _sizes(mask.size, cloth.size)]
    if cloth.digest == mask.digest and not cloth.troubles and not mask.troubles:
        found.append(("mask", "cloth for mask", "the same file as in cloth/"))
    return found + [("cloth", *trouble) for trouble in _shape(cloth.size)]


def _complete(content: bytes) -> bool:
    """Whether a file ends as its kind should; others are decoded to see."""
    return _ENDS.get(content[:2], b"?") in content[-_TAIL:]


def _mode(path: pathlib.Path, role: str) -> tuple[tuple[str, str], ...]:
    if role != "parse":
        return ()
    with Image.open(path) as image:
        return (("colours", ""),) if image.mode in ("RGB", "RGBA") else ()


def _decoded(path: pathlib.Path, role: str, seen: Seen) -> Seen:
    if role in ("image", "cloth"):
        picture = viton_read.read_picture(path)
        odd = role == "cloth" and _black_and_white(picture)
        troubles = (("mask for cloth", ""),) if odd else ()
    elif role == "parse":
        picture = viton_read.read_parse(path)
        worn = rep.labelled(picture, rep.WORN).any()
        troubles = _mode(path, role) + (() if worn else (("unclothed", ""),))
    else:
        picture = viton_read.read_grey(path)
        marked = picture > 0 if role == "body" else picture >= 128
        troubles = _marks(marked) or _greys(picture, role)
    return seen._replace(size=picture.shape[1::-1], troubles=troubles)


def _marks(marked: np.ndarray) -> tuple[tuple[str, str], ...]:
    if marked.all():
        return (("full", ""),)
    return () if marked.any() else (("empty", ""),)


def _greys(mask: np.ndarray, role: str) -> tuple[tuple[str, str], ...]:
    share = ((mask > 32) & (mask < 224)).mean()
    return (("cloth for mask", f"{share:.0%} grey"),) if role == "mask" and share > 0.2 else ()


def _black_and_white(picture: np.ndarray) -> bool:
    """Whether a picture is white on black, all but free of colours and greys."""
    low, high = picture.min(axis=-1), picture.max(axis=-1)
    black, white = high < 16, low > 239
    # on black: a black garment on white is no mask, VITON has some
    framed = np.mean([black[0, 0], black[0, -1], black[-1, 0], black[-1, -1]]) > 0.5
    return bool(framed and white.mean() > 0.03 and (black | white).mean() > 0.97)


def _pose(path: pathlib.Path, seen: Seen) -> Seen:
    joints = viton_read.read_joints(path)
    drawn = (joints > 1).all(axis=1).any()
    return seen._replace(joints=joints, troubles=() if drawn else (("jointless", ""),))


def _sizes(size: tuple[int, int] | None, wanted: tuple[int, int]) -> list[tuple[str, str]]:
    if size is None or size == wanted:
        return []
    detail = f"{size[0]} x {size[1]}, the picture {wanted[0]} x {wanted[1]}"
    alike = abs(size[0] * wanted[1] / (size[1] * wanted[0]) - 1) < 0.02
    return [("another size" if alike else "another shape", detail)]


def _shape(size: tuple[int, int]) -> list[tuple[str, str]]:
    width, height = size
    return (
        [] if abs(width * 4 / (height * 3) - 1) < 0.02 else [("stretched", f"{width} x {height}")]
    )
