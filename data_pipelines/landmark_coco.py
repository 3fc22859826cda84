"""COCO's keypoint annotations of one folder of pictures: reading, writing, masks in them.

    images       id, file_name (below the folder), width, height
    categories   id 1 a person with COCO's 17 joints; 100 + c DeepFashion2's category c
    annotations  id, image_id, category_id, bbox [x, y, w, h], area, iscrowd, num_keypoints,
                 keypoints [x, y, v, ...], segmentation (polygons, or run lengths), and perhaps
                 skin_patch {"bbox", "file", "source"}: see `skin_patches`

A garment's keypoints are those of its category, or DeepFashion2's 294, of which the others do not
count. Of several persons or garments in a picture the one with the largest box counts.
Source: COCO's data format; DeepFashion2's converter.
"""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from data_pipelines.landmark_items import Item, joined, unlabelled
from tryon_jax.landmark_tables import CATEGORIES, COCO17, COCO17_SKELETON, GARMENT_POINTS

PERSON, GARMENT = 1, 100  # ids: of a person; of DeepFashion2's category c it is GARMENT + c
Skin = dict[str, Any]  # of `skin_patch`


class Labels(NamedTuple):
    """What annotations say of one picture."""

    size: tuple[int, int]  # (width, height)
    joints: np.ndarray  # float32 [17, 3], (x, y, v)
    points: np.ndarray  # float32 [p, 3], likewise
    segmentation: Any = None  # of the garment: polygons or run lengths; None: not there
    skin: Skin | None = None


class Annotations(NamedTuple):
    """What a file of annotations holds."""

    labels: dict[str, Labels]  # by file name
    errors: list[str]


def read(path: pathlib.Path, *, category: int) -> Annotations:
    """The annotations of a folder of pictures; everything wrong with them at once.

    Args:
      path: of the JSON file; if it is not there, nothing is labelled.
      category: DeepFashion2's number of the garments.
    """
    if not path.is_file():
        return Annotations({}, [])
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        images = {entry["id"]: entry for entry in content["images"]}
        found: dict[Any, list[Mapping]] = {key: [] for key in images}
        strange = []
        for entry in content["annotations"]:
            if entry["image_id"] in found:
                found[entry["image_id"]].append(entry)
            else:
                strange.append(str(entry["id"]))
    except (ValueError, KeyError, TypeError) as error:
        wrong = f"{type(error).__name__}: {error}"
        return Annotations({}, [f"{path} holds no COCO annotations ({wrong}): make it again"])
    errors = []
    if strange:
        errors.append(
            f"{path}: the annotations {', '.join(strange[:10])} name images that it does not list: "
            "add them to `images`, or take the annotations out"
        )
    labels = {}
    for key, entries in found.items():
        try:
            labels[str(images[key]["file_name"])] = _labels(images[key], entries, category=category)
        except (ValueError, KeyError, TypeError) as error:
            name = images[key].get("file_name", f"image {key}")
            errors.append(f"{path}: {name}: {_told(error)}")
    return Annotations(labels, errors)


def document(items: Iterable[tuple[str, Item, Skin | None]], *, category: int) -> dict[str, Any]:
    """The annotations of items as COCO writes them.

    Args:
      items: file name, item and what is known of its patch of skin.
      category: DeepFashion2's number of the garments.
    """
    images, annotations = [], []
    for number, (name, item, skin) in enumerate(items, 1):
        height, width = item.size
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for entry in _annotations(item, skin):
            annotations.append({"id": len(annotations) + 1, "image_id": number} | entry)
    known = CATEGORIES[category]
    lines = [[a + 1, b + 1] for a, b in COCO17_SKELETON]
    person = {"id": PERSON, "name": "person", "keypoints": list(COCO17), "skeleton": lines}
    points = [str(number) for number in range(1, known.count + 1)]
    garment = {"id": GARMENT + category, "name": known.name, "keypoints": points, "skeleton": []}
    return {"images": images, "categories": [person, garment], "annotations": annotations}


def mask_of(segmentation: Any, *, size: tuple[int, int]) -> np.ndarray:
    """The mask that polygons or run lengths stand for.

    Args:
      segmentation: [[x, y, ...], ...], or {"size": [h, w], "counts": [...]}, column after column.
      size: (width, height) of the picture.

    Returns:
      bool [height, width].

    Raises:
      ValueError: if it is of another kind or size.
    """
    width, height = size
    if isinstance(segmentation, Mapping):
        counts = segmentation["counts"]
        if isinstance(counts, str):
            raise ValueError("its run lengths are packed: write `counts` as a list of numbers")
        if list(segmentation["size"]) != [height, width] or sum(counts) != height * width:
            raise ValueError(
                f"its run lengths are of {segmentation['size']} (height, width) and add up to "
                f"{sum(counts)}, the picture is {height} x {width}"
            )
        runs = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        return runs.reshape(width, height).T.copy()
    image = Image.new("1", (3 * width, 3 * height))
    draw = ImageDraw.Draw(image)
    for polygon in segmentation:
        if len(polygon) >= 6:
            # COCO counts from the corner of the first pixel, Pillow from its centre, and it fills
            # half a pixel too much: of pixels of a third of the size the middle ones are right
            draw.polygon([3 * place - 0.5 for place in polygon], fill=1)
    return np.array(image)[1::3, 1::3]


def runs_of(mask: np.ndarray) -> dict[str, Any]:
    """Run lengths of a mask, bool [h, w], column after column, the first of what is not in it."""
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    ends = np.concatenate([[0], ends, [mask.size]]) if mask.size else np.zeros(1, int)
    counts = np.diff(ends)
    kept = counts.tolist()
    if len(kept) > 1 and kept[-1] == 0:
        kept.pop()
    return {"size": list(mask.shape), "counts": kept}


def box_of(mask: np.ndarray) -> list[int]:
    """The box [x, y, width, height] around a mask, bool [h, w]; zeros of an empty one."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return [0, 0, 0, 0]
    left, top = int(cols[0]), int(rows[0])
    return [left, top, int(cols[-1]) - left + 1, int(rows[-1]) - top + 1]


def garment_points(flat: list[float], *, category: int) -> np.ndarray:
    """Landmarks of a category, out of its own numbers or of those of all 294: float32 [p, 3].

    Raises:
      ValueError: if it is another number of them.
    """
    known = CATEGORIES[category]
    if len(flat) == 3 * GARMENT_POINTS:
        flat = flat[3 * known.start : 3 * known.stop]
    return _points(flat, count=known.count, of=known.name)


def _labels(image: Mapping, entries: list[Mapping], *, category: int) -> Labels:
    persons = [e for e in entries if e["category_id"] == PERSON and e.get("keypoints")]
    garments = [e for e in entries if e["category_id"] == GARMENT + category]
    joints, points = unlabelled(len(COCO17)), unlabelled(CATEGORIES[category].count)
    segmentation = None
    if persons:
        flat = max(persons, key=_box_area)["keypoints"]
        joints = _points(flat, count=len(COCO17), of="a person")
    if garments:
        largest = max(garments, key=_box_area)
        segmentation = largest.get("segmentation")
        if largest.get("keypoints"):
            points = garment_points(largest["keypoints"], category=category)
    skins = [entry["skin_patch"] for entry in entries if entry.get("skin_patch")]
    size = (int(image["width"]), int(image["height"]))
    return Labels(size, joints, points, segmentation or None, skins[0] if skins else None)


def _points(flat: list[float], *, count: int, of: str) -> np.ndarray:
    if len(flat) != 3 * count:
        raise ValueError(f"{of} has {count} keypoints of x, y, v each, got {len(flat)} numbers")
    points = np.asarray(flat, np.float32).reshape(count, 3)
    if not np.isfinite(points).all() or not np.isin(points[:, 2], (0, 1, 2)).all():
        raise ValueError(f"keypoints of {of} are finite, and their v is 0, 1 or 2")
    return np.where(points[:, 2:] > 0, points, np.float32(0))


def _box_area(entry: Mapping) -> float:
    box = entry.get("bbox") or (0, 0, 0, 0)
    return float(box[2]) * float(box[3]) or float(entry.get("area", 0))


def _annotations(item: Item, skin: Skin | None) -> list[dict[str, Any]]:
    """A person if any joint is known, and the garment."""
    mask = joined(item.masks)
    garment = {
        "category_id": GARMENT + item.category,
        "bbox": box_of(mask),
        "area": int(mask.sum()),
        "iscrowd": 0,
        **_keypoints(item.points),
        "segmentation": runs_of(mask),
    }
    found = [garment]
    known = item.joints[item.joints[:, 2] > 0]
    if len(known):
        low, high = known[:, :2].min(0), known[:, :2].max(0)
        box = [_number(number) for number in (*low, *(high - low))]
        area = {"bbox": box, "area": round(box[2] * box[3], 2), "iscrowd": 0}
        found.insert(0, {"category_id": PERSON, **area, **_keypoints(item.joints)})
    if skin:
        found[0]["skin_patch"] = skin
    return found


def _keypoints(points: np.ndarray) -> dict[str, Any]:
    numbers = [_number(number) for number in points.ravel()]
    return {"num_keypoints": int((points[:, 2] > 0).sum()), "keypoints": numbers}


def _number(value: np.floating) -> float:
    """The shortest decimal that is this float32."""
    number = float(str(np.float32(value)))
    return int(number) if math.floor(number) == number else number


def _told(error: Exception) -> str:
    return f"has no {error}" if isinstance(error, KeyError) else str(error)
