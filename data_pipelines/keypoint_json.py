"""Landmarks in JSON: COCO's keypoint files in and out, and DeepFashion2's raw annotations in.

A COCO file lists `images` (id, file_name, width, height), `categories` and `annotations` (image_id,
category_id, bbox [left, top, width, height], area, keypoints (x, y, v) one after the other).
Persons have 17 keypoints. Garments have either all 294 of DeepFashion2, category_id its number 1 to
13 (as the public converter writes them), or their own category's, category_id that number or 100 +
it (as we write them). Source: COCO's data format; DeepFashion2's page.
"""

from __future__ import annotations

import json
import pathlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from data_pipelines.keypoint_items import Record
from tryon_jax.landmark_layouts import GARMENTS, PERSON, Layout
from tryon_jax.landmark_tables import CATEGORIES, GARMENT_POINTS


class Found(NamedTuple):
    """What a file, or a folder of files, holds."""

    records: list[Record]
    errors: list[str]
    left_out: Counter[str]  # reason -> objects that are no use, which is no error

    def add(self, name: str, make: Callable[[], Record | str]) -> None:
        """Takes an object, the reason why it is left out, or what is wrong with it."""
        try:
            made = make()
        except (KeyError, TypeError, ValueError) as error:
            self.errors.append(f"{name}: {_told(error)}")
            return
        if isinstance(made, str):
            self.left_out[made] += 1
        else:
            self.records.append(made)


def read_coco(path: pathlib.Path, *, images: pathlib.Path, layout: Layout) -> Found:
    """The objects of a COCO file that the layout names.

    Args:
      path: of the file.
      images: the folder of the pictures.
      layout: of the landmarks wanted.
    """
    content, error = _content(path)
    if error:
        return Found([], [error], Counter())
    missing = [key for key in ("images", "annotations") if not isinstance(content.get(key), list)]
    if missing:
        message = f"{path} has no list {' and no list '.join(missing)}: it must be a COCO file"
        return Found([], [message], Counter())
    pictures = {picture.get("id"): picture for picture in content["images"]}
    found = Found([], [], Counter())
    for annotation in content["annotations"]:
        make = partial(_coco_record, annotation, pictures, images=images, layout=layout)
        found.add(f"{path.name}, annotation {annotation.get('id')}", make)
    return found


def read_deepfashion2(folder: pathlib.Path, *, layout: Layout) -> Found:
    """The garments of a split in DeepFashion2's raw form that the layout names.

    Args:
      folder: with `image/000001.jpg` and `annos/000001.json`.
      layout: of the landmarks wanted.
    """
    found = Found([], [], Counter())
    for number, path in enumerate(sorted((folder / "annos").glob("*.json"))):
        content, error = _content(path)
        if error:
            found.errors.append(error)
            continue
        picture = folder / "image" / f"{path.stem}.jpg"
        for key in sorted(key for key in content if key.startswith("item")):
            item = content[key]
            make = partial(_item_record, item, picture, number=number, key=key, layout=layout)
            found.add(f"{path.name}, {key}", make)
    return found


def document(
    layout: Layout,
    *,
    images: Iterable[Mapping[str, Any]],
    annotations: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """A COCO file as a dict.

    Args:
      layout: of the keypoints.
      images: with id, file_name, width and height.
      annotations: from `annotation`.
    """
    categories = [
        {
            "id": group,
            "name": layout.titles[group],
            "keypoints": list(layout.names[start:stop]),
            "skeleton": [
                [a - start + 1, b - start + 1] for a, b in layout.lines if start <= a < stop
            ],
        }
        for group, (start, stop) in layout.groups.items()
    ]
    return {
        "images": list(images),
        "categories": categories,
        "annotations": list(annotations),
    }


def annotation(
    number: int, record: Record, *, image_id: int, layout: Layout, score: float | None = None
) -> dict[str, Any]:
    """One object for `document`: its group's keypoints alone."""
    start, stop = layout.groups[record.group]
    points = np.asarray(record.points[start:stop], float)
    labelled = points[:, 2] > 0
    rows = np.where(labelled[:, None], points, 0)
    made = {
        "id": number,
        "image_id": image_id,
        "category_id": record.group,
        "bbox": [round(float(side), 3) for side in record.box],
        "area": round(float(record.area), 3),
        "iscrowd": 0,
        "num_keypoints": int(labelled.sum()),
        "keypoints": [round(float(value), 3) for value in rows.reshape(-1)],
    }
    return made if score is None else {**made, "score": round(float(score), 5)}


def _content(path: pathlib.Path) -> tuple[dict[str, Any], str]:
    """What a file holds, or what is wrong with it."""
    try:
        content = json.loads(path.read_text())
    except OSError:
        return {}, f"{path} is missing: set the field of config.data that names it"
    except ValueError as error:
        return {}, f"{path} is no JSON ({error}): load it anew"
    if not isinstance(content, dict):
        return {}, f"{path} must hold a JSON object, it holds a {type(content).__name__}"
    return content, ""


def _coco_record(
    annotation: Mapping[str, Any],
    pictures: Mapping[Any, Mapping[str, Any]],
    *,
    images: pathlib.Path,
    layout: Layout,
) -> Record | str:
    """A record, or why the annotation is no use."""
    if annotation.get("iscrowd"):
        return "crowds"
    if annotation["image_id"] not in pictures:
        raise ValueError(f"image_id {annotation['image_id']} is none of the images")
    picture = pictures[annotation["image_id"]]
    keypoints = _triples(annotation.get("keypoints", []))
    placed = _placed(keypoints, int(annotation["category_id"]), layout=layout)
    if isinstance(placed, str):
        return placed
    group, points = placed
    if not (points[:, 2] > 0).any():
        return "objects without a labelled landmark"
    box = _within(annotation["bbox"], picture)
    if box is None:
        return "boxes without an area in their picture"
    name = f"{picture['file_name']}#{annotation.get('id')}"
    area = float(annotation.get("area") or box[2] * box[3])
    path = images / picture["file_name"]
    return Record(name, annotation["image_id"], box, points, area, group, path)


def _item_record(
    item: Mapping[str, Any], picture: pathlib.Path, *, number: int, key: str, layout: Layout
) -> Record | str:
    placed = _placed(_triples(item["landmarks"]), int(item["category_id"]), layout=layout)
    if isinstance(placed, str):
        return placed
    group, points = placed
    if not (points[:, 2] > 0).any():
        return "objects without a labelled landmark"
    left, top, right, bottom = (float(side) for side in item["bounding_box"])
    if right <= left or bottom <= top:
        return "boxes without an area in their picture"
    box = (left, top, right - left, bottom - top)
    return Record(f"{picture.name}#{key}", number, box, points, box[2] * box[3], group, picture)


def _placed(
    keypoints: np.ndarray, category: int, *, layout: Layout
) -> tuple[int, np.ndarray] | str:
    """The group of an object and its points in the layout, or why it is no use."""
    points = np.zeros((layout.count, 3), np.float32)
    if PERSON in layout.groups:
        if category != PERSON:
            return "objects of other categories"
        if len(keypoints) != layout.count:
            raise ValueError(f"a person has {layout.count} keypoints, this one {len(keypoints)}")
        return PERSON, keypoints
    number = category - GARMENTS if category > GARMENTS else category
    if number not in CATEGORIES or (category == PERSON and len(keypoints) == 17):
        return "objects of other categories"
    if GARMENTS + number not in layout.groups:
        return "garments of other categories"
    own = CATEGORIES[number]
    if len(keypoints) == GARMENT_POINTS:
        keypoints = keypoints[own.start : own.stop]
    if len(keypoints) != own.count:
        raise ValueError(
            f"{own.name} has {own.count} keypoints, or {GARMENT_POINTS} with those of all "
            f"categories; this one has {len(keypoints)}"
        )
    start, stop = layout.groups[GARMENTS + number]
    points[start:stop] = keypoints
    return GARMENTS + number, points


def _triples(numbers: Any) -> np.ndarray:
    """Keypoints as float32 [K, 3]."""
    flat = np.asarray(numbers, np.float32)
    if flat.ndim != 1 or flat.size % 3 or not np.isfinite(flat).all():
        raise ValueError("keypoints must be finite numbers x, y, v, one after the other")
    points = flat.reshape(-1, 3)
    if not np.isin(points[:, 2], (0, 1, 2)).all():
        raise ValueError("the visibility v of a keypoint must be 0, 1 or 2")
    return np.where(points[:, 2:] > 0, points, 0)


def _within(box: Any, picture: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """A box cut off at the picture's edges, as HRNet's code does; None if nothing is left."""
    left, top, width, height = (float(side) for side in box)
    right, bottom = left + max(width - 1, 0), top + max(height - 1, 0)
    left, top = max(left, 0.0), max(top, 0.0)
    if "width" in picture and "height" in picture:
        right, bottom = min(right, picture["width"] - 1), min(bottom, picture["height"] - 1)
    if right <= left or bottom <= top:
        return None
    return left, top, right - left, bottom - top


def _told(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error)
