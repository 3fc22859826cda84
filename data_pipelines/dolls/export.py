"""Writes dolls as the files of a VITON data set, with the true pictures of its unpaired test.

A data set is a folder with train/ and test/, each with image, cloth, cloth-mask, image-parse,
image-parse-new, image-mask and pose, and beside them the lists of pairs. Person 000001_0.jpg wears
cloth 000001_1.jpg. In test_pairs.txt everyone wears the next one's cloth; test/truth/ shows how
that looks, test/truth-mask/ where the cloth is then seen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_pipelines.dolls.fit import worn
from data_pipelines.dolls.people import Doll, doll, dressed, top_of
from data_pipelines.dolls.shop import flat
from data_pipelines.dolls.view import Figure, figure
from data_pipelines.representation import PALETTE

FIRST_TEST = 1_000_000  # number of the first doll for tests; those for training count from 0
FOLDERS = (
    "image",
    "cloth",
    "cloth-mask",
    "image-parse",
    "image-parse-new",
    "image-mask",
    "pose",
)
_NECK = 20  # CP-VTON+'s label of neck and chest skin, which LIP leaves out
_QUALITY = 95  # VITON's own files have Pillow's 75


@dataclass(frozen=True)
class Look:
    """How all dolls of a data set are drawn: height and width in pixels, style, set of dolls."""

    height: int
    width: int
    style: str
    seed: int


def export(output: Path, *, train: int, test: int, look: Look) -> None:
    """Writes a data set.

    Args:
      output: its folder, new or empty.
      train: number of training pairs, 1 or more.
      test: number of test persons, 2 or more, since they exchange their clothes.
      look: how they are drawn.

    Raises:
      ValueError: if there are too few dolls.
      FileExistsError: if the folder is not empty.
    """
    if train < 1 or test < 2:
        raise ValueError(
            f"a data set has 1 or more training pairs and 2 or more test persons, got train "
            f"{train} and test {test}; ask for --train=200 --test=20"
        )
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise FileExistsError(
            f"{output.absolute()} is not an empty folder, and export overwrites nothing; "
            f"give a new --output or empty it first"
        )
    for split in ("train", "test"):
        for folder in FOLDERS:
            (output / split / folder).mkdir(parents=True, exist_ok=True)
    for number in range(train):
        _write_item(output / "train", number + 1, doll(number, look.seed), look)
    people = [doll(FIRST_TEST + number, look.seed) for number in range(test)]
    for number, person in enumerate(people):
        _write_item(output / "test", train + number + 1, person, look)
    others = [people[(number + 1) % test] for number in range(test)]
    names = [(train + i + 1, train + (i + 1) % test + 1) for i in range(test)]
    _write_truths(output / "test", list(zip(names, people, others, strict=True)), look)
    _write_pairs(output / "train_pairs.txt", [(i + 1, i + 1) for i in range(train)])
    _write_pairs(output / "test_pairs.txt", names)
    _write_pairs(output / "test_pairs_same.txt", [(person, person) for person, _ in names])


def _write_item(folder: Path, number: int, person: Doll, look: Look) -> None:
    """Writes all files of a person and its own cloth."""
    size = {"height": look.height, "width": look.width}
    seen = figure(person, **size, style=look.style)
    cloth = flat(top_of(person), **size, style=look.style)
    name, own = f"{number:06d}_0", f"{number:06d}_1.jpg"
    Image.fromarray(seen.picture).save(folder / "image" / f"{name}.jpg", quality=_QUALITY)
    Image.fromarray(cloth.picture).save(folder / "cloth" / own, quality=_QUALITY)
    Image.fromarray(cloth.mask).save(folder / "cloth-mask" / own, quality=_QUALITY)
    parse = Image.fromarray(seen.parse)
    parse.putpalette(PALETTE[:_NECK].ravel().tolist())
    parse.save(folder / "image-parse" / f"{name}.png")
    Image.fromarray(with_neck(seen)).save(folder / "image-parse-new" / f"{name}.png")
    Image.fromarray(seen.body).save(folder / "image-mask" / f"{name}.png")
    (folder / "pose" / f"{name}_keypoints.json").write_text(json.dumps(_pose(seen)))


def with_neck(seen: Figure) -> np.ndarray:
    """CP-VTON+'s parse map: uint8 [H, W], neck and chest skin are 20."""
    unnamed = (seen.body > 0) & (seen.parse == 0)
    return np.where(unnamed, _NECK, seen.parse).astype(np.uint8)


def _pose(seen: Figure) -> dict:
    """What OpenPose wrote when VITON was made."""
    numbers = [round(float(number), 3) for number in seen.keypoints.ravel()]
    hands = {f"hand_{side}_keypoints": [] for side in ("right", "left")}
    return {"version": 1.0, "people": [{"face_keypoints": [], "pose_keypoints": numbers, **hands}]}


def _write_truths(
    folder: Path, pairs: list[tuple[tuple[int, int], Doll, Doll]], look: Look
) -> None:
    """Writes persons in the cloth of others, and where that cloth is seen."""
    for name in ("truth", "truth-mask"):
        (folder / name).mkdir()
    for (person, cloth), who, other in pairs:
        garment = top_of(other)
        truth = dressed(who, garment)
        size = {"height": look.height, "width": look.width}
        name = f"{person:06d}_0+{cloth:06d}_1.png"
        picture = figure(truth, **size, style=look.style).picture
        Image.fromarray(picture).save(folder / "truth" / name)
        seen = worn(truth, garment, **size).visible
        Image.fromarray(seen).save(folder / "truth-mask" / name)


def _write_pairs(path: Path, pairs: list[tuple[int, int]]) -> None:
    path.write_text("".join(f"{a:06d}_0.jpg {b:06d}_1.jpg\n" for a, b in pairs))
