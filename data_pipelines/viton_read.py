"""Reads the files of a person: photograph, masks, parse map in any of its forms, joints.

All raise OSError if a file is not there and ops.UnreadableError, with its path, if it is no use.
"""

from __future__ import annotations

import json
import pathlib

import numpy as np
from PIL import Image

from data_pipelines import ops
from data_pipelines import representation as rep

MAX_LABEL = len(rep.LABELS) - 1
# COCO-18's joints in OpenPose's BODY-25, which has a mid-hip and feet besides
_FROM_BODY_25 = (*range(8), *range(9, 19))


class LabelError(ops.UnreadableError):
    """A picture that opens but is no parse map."""


def read_picture(path: pathlib.Path) -> np.ndarray:
    """A photograph as uint8 [h, w, 3]; raises OSError or ops.UnreadableError."""
    try:
        with path.open("rb") as file:
            return ops.decode(file)
    except ops.UnreadableError as error:
        raise ops.UnreadableError(f"{path}: {error}") from error


def read_grey(path: pathlib.Path) -> np.ndarray:
    """A mask as uint8 [h, w]; raises OSError or ops.UnreadableError."""
    return _read(path, lambda image: np.asarray(image.convert("L")))


def read_parse(path: pathlib.Path) -> np.ndarray:
    """A parse map as uint8 [h, w] of ids, from palette indices, grey values or LIP's colours.

    Raises:
      OSError: if there is no such file.
      ops.UnreadableError: if it is damaged.
      LabelError: if it has ids beyond 20 or colours that are not LIP's.
    """
    return _read(path, _ids)


def _ids(image: Image.Image) -> np.ndarray:
    if image.mode in ("RGB", "RGBA"):
        try:
            return rep.parse_ids(np.asarray(image.convert("RGB")))
        except ValueError as error:
            raise LabelError(str(error)) from error
    ids = np.asarray(image.convert("L") if image.mode == "LA" else image)
    if ids.max() > MAX_LABEL:
        strange = ", ".join(map(str, np.unique(ids[ids > MAX_LABEL])[:5]))
        raise LabelError(
            f"ids go from 0 to {MAX_LABEL}, here are also {strange}: "
            "save the label of each pixel, not its colour's brightness"
        )
    return ids.astype(np.uint8)


def _read(path, convert):
    try:
        with path.open("rb") as file, Image.open(file) as image:
            return convert(image)
    except FileNotFoundError:
        raise
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from error
    except Exception as error:  # Pillow's decoders raise a dozen types on damaged files
        raise ops.UnreadableError(f"{path}: {type(error).__name__}: {error}") from error


def read_joints(path: pathlib.Path) -> np.ndarray:
    """The first person's joints in an OpenPose file: float64 [18, 2], (x, y) in pixels.

    Confidences are not used; otherwise as `read_keypoints`.
    """
    return read_keypoints(path)[:, :2]


def read_keypoints(path: pathlib.Path) -> np.ndarray:
    """The first person's joints in an OpenPose file: float64 [18, 3], (x, y, confidence).

    Takes the old key `pose_keypoints` and the new `pose_keypoints_2d`, 18 joints (COCO) or 25
    (BODY-25, of which 18 are kept).

    Raises:
      OSError: if there is no such file.
      ops.UnreadableError: if it holds no person or not 54 or 75 finite numbers.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        person = content["people"][0]
        flat = person["pose_keypoints" if "pose_keypoints" in person else "pose_keypoints_2d"]
        joints = np.asarray(flat, np.float64).reshape(-1, 3)
    except IndexError as error:
        raise ops.UnreadableError(
            f"{path}: OpenPose found no person (`people` is empty)"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ops.UnreadableError(
            f"{path}: is no OpenPose file, which holds people[0].pose_keypoints "
            f"({type(error).__name__}: {error})"
        ) from error
    if len(joints) not in (rep.JOINTS, 25) or not np.isfinite(joints).all():
        raise ops.UnreadableError(
            f"{path}: {rep.JOINTS} or 25 joints of three finite numbers are needed, "
            f"got {len(joints)}"
        )
    return joints if len(joints) == rep.JOINTS else joints[list(_FROM_BODY_25)]
