"""What is made once for a DesignGAN folder and kept in it: patches of skin, landmarks of a net.

  python -m data_pipelines.landmarks_prepare skin --root=DIR
  python -m data_pipelines.landmarks_prepare landmarks --root=DIR --file=landmarks.json

`skin` finds each person's own skin (`skin_patches`) and writes {split}{X,Y}_skin/ID.png; the
annotations say where it comes from. `landmarks` takes joints and garment points over from a file of
COCO annotations, such as a landmark run infers, by the names of the pictures.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from data_pipelines import landmark_coco, skin_patches
from data_pipelines.landmark_coco import GARMENT, PERSON
from data_pipelines.landmark_items import joined
from data_pipelines.landmark_layout import (
    LETTERS,
    SPLITS,
    Domains,
    Entry,
    entries,
    place,
    read_domains,
    read_item,
)
from data_pipelines.landmark_write import png, skin_record, write_json
from data_pipelines.ops import header
from data_pipelines.viton_read import read_picture


class _Part(NamedTuple):
    """The pictures of a split and domain, and what is known of them."""

    folder: str
    domain: str
    category: int
    entries: list[Entry]
    file: pathlib.Path  # of the annotations
    content: dict[str, Any]  # of the file, or what a new one begins with


def make_skin(
    root: pathlib.Path, *, user: pathlib.Path | None = None, overwrite: bool = False
) -> Counter[str]:
    """Writes the patches that are missing.

    Args:
      root: of a folder in the layout, with domains.json.
      user: a picture of skin for those who show none; None: they get no patch.
      overwrite: find those again that are there.

    Returns:
      How many patches come from where: `skin_patches.SOURCES`, "none", "there already".

    Raises:
      OSError: if a file is not there.
      ValueError: naming a file that cannot be used.
    """
    domains, counts = _domains(root), Counter()
    own = skin_patches.of_user(read_picture(user)) if user else None
    for part in _parts(root, domains):
        labels = landmark_coco.read(part.file, category=part.category).labels
        way = {"a": ("ab", "ba"), "b": ("ba", "ab")}[part.domain]
        bare = domains.expose[way[0]] or domains.expose[way[1]]
        for entry in part.entries:
            if entry.skin and not overwrite:
                counts["there already"] += 1
                continue
            known = labels.get(entry.picture.partition("/")[2])
            item = read_item(root, entry, labels=known, category=part.category)
            found = skin_patches.find(
                item.picture, joints=item.joints, garment=joined(item.masks), bare=bare
            )
            found = found or own
            counts[found.source if found else "none"] += 1
            if found:
                target = root / f"{part.folder}_skin" / f"{entry.name}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(png(found.picture))
                _note(root, part, entry, skin_record(found, folder=part.folder, name=entry.name))
        write_json(part.file, part.content)
    return counts


def take_landmarks(root: pathlib.Path, *, file: pathlib.Path) -> Counter[str]:
    """Takes over the joints and garment points of a file of annotations.

    Args:
      root: of a folder in the layout, with domains.json.
      file: COCO's annotations; pictures go by their names without folders and suffix.

    Returns:
      By folder, how many of its pictures have got landmarks.

    Raises:
      OSError: if a file is not there.
      ValueError: if the file holds no annotations, or two pictures of the same name.
    """
    domains, counts = _domains(root), Counter()
    told = _by_stem(file)
    for part in _parts(root, domains):
        taken = {PERSON, GARMENT + part.category}
        for entry in part.entries:
            new = [e for e in told.get(pathlib.PurePath(entry.name).name, ())
                   if e["category_id"] in taken]  # fmt: skip
            if new:
                _replace(root, part, entry, new)
                counts[part.folder] += 1
        write_json(part.file, part.content)
    return counts


def _domains(root: pathlib.Path) -> Domains:
    domains = read_domains(root)
    if domains is None:
        raise FileNotFoundError(
            f"{root.absolute()} has no domains.json, which says what X and Y are: write "
            '{"X": {"name": "trousers", "category": 8}, "Y": {"name": "shorts", "category": 7}, '
            '"expose": {"XY": ["calf", "knee"], "YX": []}}'
        )
    return domains


def _parts(root: pathlib.Path, domains: Domains) -> Iterator[_Part]:
    for split in SPLITS:
        for domain in LETTERS:
            folder, category = place(split, domain), domains.categories[domain]
            found = entries(root, split, domain=domain)
            if not found:
                continue
            file = root / "annotations" / f"{folder}.json"
            errors = landmark_coco.read(file, category=category).errors
            if errors:
                raise ValueError("; ".join(errors))
            content = landmark_coco.document([], category=category)
            if file.is_file():
                content = json.loads(file.read_text(encoding="utf-8"))
            yield _Part(folder, domain, category, found, file, content)


def _note(root: pathlib.Path, part: _Part, entry: Entry, skin: landmark_coco.Skin) -> None:
    """Writes down where the skin of an item comes from, at its first annotation."""
    number = _image(root, part, entry)
    own = [e for e in part.content["annotations"] if e["image_id"] == number]
    for annotation in own:
        annotation.pop("skin_patch", None)
    if not own:
        own = [_blank(part, number)]
        part.content["annotations"] += own
    own[0]["skin_patch"] = skin


def _replace(root: pathlib.Path, part: _Part, entry: Entry, new: list[dict[str, Any]]) -> None:
    """Puts landmarks in the place of those that are there of the same kinds."""
    number, kinds = _image(root, part, entry), {e["category_id"] for e in new}
    kept = []
    for annotation in part.content["annotations"]:
        if annotation["image_id"] == number and annotation["category_id"] in kinds:
            extra = {k: annotation[k] for k in ("skin_patch", "segmentation") if k in annotation}
            new[0] = extra | new[0]
        else:
            kept.append(annotation)
    first = max((e["id"] for e in kept), default=0) + 1
    kept += [e | {"id": first + n, "image_id": number} for n, e in enumerate(new)]
    part.content["annotations"] = kept


def _image(root: pathlib.Path, part: _Part, entry: Entry) -> int:
    """The id of a picture among `images`, where it is added if it is not there."""
    name, images = entry.picture.partition("/")[2], part.content["images"]
    for image in images:
        if image["file_name"] == name:
            return image["id"]
    number = max((image["id"] for image in images), default=0) + 1
    with (root / entry.picture).open("rb") as file:
        width, height = header(file)
    images.append({"id": number, "file_name": name, "width": width, "height": height})
    return number


def _blank(part: _Part, number: int) -> dict[str, Any]:
    """An annotation of a garment of which nothing is known but that it is there."""
    first = max((e["id"] for e in part.content["annotations"]), default=0) + 1
    return {
        "id": first,
        "image_id": number,
        "category_id": GARMENT + part.category,
        "bbox": [0, 0, 0, 0],
        "area": 0,
        "iscrowd": 0,
        "num_keypoints": 0,
        "keypoints": [],
    }


def _by_stem(file: pathlib.Path) -> dict[str, list[dict[str, Any]]]:
    """Annotations by name of the picture, without folders and suffix."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        stems = {image["id"]: pathlib.PurePath(image["file_name"]).stem
                 for image in content["images"]}  # fmt: skip
        found: dict[str, list[dict[str, Any]]] = {stem: [] for stem in stems.values()}
        for annotation in content["annotations"]:
            found[stems[annotation["image_id"]]].append(annotation)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} holds no COCO annotations ({type(error).__name__}: {error})"
        ) from error
    if len(found) < len(stems):
        twice = [stem for stem, count in Counter(stems.values()).items() if count > 1]
        raise ValueError(f"{file} lists two pictures of the name {twice[0]}: rename one of them")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Makes what is asked for, and says how many."""
    parser = argparse.ArgumentParser(
        prog="python -m data_pipelines.landmarks_prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["skin", "landmarks"], help="what is made")
    parser.add_argument("--root", type=pathlib.Path, required=True, help="folder in the layout")
    parser.add_argument("--file", type=pathlib.Path, help="landmarks: COCO annotations to take")
    parser.add_argument("--patch", type=pathlib.Path, help="skin: of those who show none")
    parser.add_argument("--overwrite", action="store_true", help="skin: find all patches again")
    options = parser.parse_args(arguments)
    try:
        if options.what == "skin":
            counts = make_skin(options.root, user=options.patch, overwrite=options.overwrite)
        elif options.file:
            counts = take_landmarks(options.root, file=options.file)
        else:
            parser.error("landmarks needs --file, COCO annotations such as --mode=infer writes")
    except (OSError, ValueError) as error:
        parser.error(str(error))
    listed = ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing"
    print(f"{options.what}: {listed}: {options.root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
