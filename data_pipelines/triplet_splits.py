"""The triplets of one split in the layouts without VITON's pair lists (`triplet_layouts`)."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

from ml_collections import ConfigDict

from data_pipelines.prepare import listed
from data_pipelines.sources import picture_paths
from data_pipelines.triplet_items import Triplet

NAMED = 50  # pictures in an error before "and n more"
MPV_LIST = "all_poseA_poseB_clothes*.txt"
MPV_PERSON, MPV_GARMENT = "person_half_front", "cloth_front"  # ends of the names that count
_MPV_FOLDERS = ("MPV_192_256", "MPV_256_192", "all")
_KERAS_FOLDERS = {
    "train": ("imgs_train", "data/imgs_train", "imgs"),
    "test": ("imgs_test", "data/imgs_test"),
}


class Split(NamedTuple):
    """The triplets of one split, `other` of each empty if it is to be drawn."""

    triplets: list[Triplet]
    errors: list[str]
    warnings: tuple[str, ...] = ()


def mpv(root: pathlib.Path, data: ConfigDict, split: str) -> Split:
    """The pairs of one split in MPV's list, each person once."""
    path = mpv_list(root, data)
    if path is None:
        pattern = data.train_pairs or MPV_LIST
        wrong = f"data.root={root} has no list {pattern}: set --config.data.train_pairs"
        return Split([], [wrong] if split == "train" else [])
    folders = (data.train_folder,) if data.train_folder else _MPV_FOLDERS
    folder = next((name for name in folders if (root / name).is_dir()), ".")
    worn: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        words = line.split()
        if words and (len(words) != 4 or words[3] not in ("train", "test")):
            wrong.append(f"line {number}")
        elif words and words[3] == split and _ends(words[2], MPV_GARMENT):
            for person in words[:2]:
                if _ends(person, MPV_PERSON):
                    worn.setdefault(_below(folder, person), _below(folder, words[2]))
    errors = []
    if wrong and split == "train":
        errors.append(
            f"{path} needs lines `PERSON PERSON GARMENT train` (or test): correct {listed(wrong)}"
        )
    return Split([Triplet(*pair) for pair in sorted(worn.items())], errors)


def mpv_list(root: pathlib.Path, data: ConfigDict) -> pathlib.Path | None:
    """MPV's list in a folder; None if there is none."""
    named = [root / data.train_pairs] if data.train_pairs else sorted(root.glob(MPV_LIST))
    return next((path for path in named if path.is_file()), None)


def mpv_flat(root: pathlib.Path, data: ConfigDict, split: str) -> Split:
    """Pairs N_person_half_front and N_cloth_front in one folder."""
    folder = {"train": data.train_folder or ".", "test": data.test_folder or "test"}[split]
    names = pictures(root, folder)
    persons, garments = (
        [name for name in names if _ends(name, end)] for end in (MPV_PERSON, MPV_GARMENT)
    )
    return _paired(persons, garments, ends=(f"_{MPV_PERSON}", f"_{MPV_GARMENT}"))


def keras(root: pathlib.Path, data: ConfigDict, split: str) -> Split:
    """Pairs 1/N_1 and 5/N_5."""
    folder = keras_folder(root, data, split)
    if not folder:
        return Split([], [])
    persons, garments = (pictures(root, f"{folder}/{kind}") for kind in "15")
    return _paired(persons, garments, ends=("_1", "_5"))


def keras_folder(root: pathlib.Path, data: ConfigDict, split: str) -> str:
    """The folder of a split that holds 1/ and 5/; empty if there is none."""
    given = data[f"{split}_folder"]
    for name in (given,) if given else _KERAS_FOLDERS[split]:
        if all((root / name / kind).is_dir() for kind in "15"):
            return name
    return ""


def triplets(root: pathlib.Path, data: ConfigDict, split: str) -> Split:
    """Triplets whose other garment is fixed: by name, or by sorted order where names differ."""
    prefix = data[f"{split}_folder"] or split
    columns = {end: pictures(root, f"{prefix}_{end}") for end in ("x", "yi", "yj")}
    if len(set(map(len, columns.values()))) > 1:
        held = ", ".join(f"{prefix}_{end} {len(names)}" for end, names in columns.items())
        return Split([], [f"{root} needs as many pictures in each folder of a triplet, has {held}"])
    rows = list(zip(*columns.values(), strict=True))
    unlike = [row for row in rows if len({pathlib.PurePath(name).stem for name in row}) > 1]
    warnings = ()
    if unlike:
        example = " + ".join(unlike[0])
        warnings = (f"{prefix}: names differ, sorted order makes triplets such as {example}",)
    return Split([Triplet(*row) for row in rows], [], warnings)


def pictures(root: pathlib.Path, folder: str) -> list[str]:
    """The pictures that lie in a folder itself, as paths below the root, sorted."""
    return [_below(folder, name) for name in picture_paths(root / folder, depth=0)]


def _paired(persons: list[str], garments: list[str], *, ends: tuple[str, str]) -> Split:
    """Pairs by what precedes the ends of the names of persons and of garments."""
    errors = []
    people, clothes = ({}, {})
    for names, end, found in zip((persons, garments), ends, (people, clothes), strict=True):
        for name in names:
            first = found.setdefault(pathlib.PurePath(name).stem.removesuffix(end), name)
            if first != name:
                errors.append(f"{name} and {first} have one number: remove one of them")
    for kind, missing, found, rivals in (
        ("persons", "garment", people, clothes),
        ("garments", "person", clothes, people),
    ):
        alone = [name for number, name in found.items() if number not in rivals]
        if alone:
            errors.append(
                f"{len(alone)} of {len(found)} {kind} have no {missing} of their number: "
                f"{listed(alone, count=NAMED)}; add it, or remove them"
            )
    return Split([Triplet(people[n], clothes[n]) for n in people if n in clothes], errors)


def _ends(name: str, end: str) -> bool:
    return pathlib.PurePath(name).stem.endswith(end)


def _below(folder: str, name: str) -> str:
    return (pathlib.PurePath(folder) / name).as_posix()
