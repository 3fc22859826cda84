"""Writes items as the folder that `landmark_layout` reads; what is written reads back the same.

Masks and patches of skin are written as PNG, pictures likewise unless their file is copied.
Annotations are written at the end, so that a folder that was left half-written has none.
"""

from __future__ import annotations

import io
import json
import pathlib
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from data_pipelines import landmark_coco
from data_pipelines.landmark_items import Item
from data_pipelines.landmark_layout import DOMAINS_FILE, LETTERS, place, slot
from data_pipelines.skin_patches import Patch
from tryon_jax.landmark_tables import CATEGORIES


class Writer:
    """A data set that is being written."""

    def __init__(
        self,
        root: pathlib.Path,
        *,
        categories: Mapping[str, int],
        expose: Mapping[str, Sequence[str]],
    ):
        """Begins a data set.

        Args:
          root: its folder, new or empty.
          categories: DeepFashion2's numbers by domain, "a" and "b".
          expose: parts that become bare by direction, "ab" and "ba".

        Raises:
          FileExistsError: if the folder is not empty.
        """
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise FileExistsError(
                f"{root.absolute()} is not an empty folder, and nothing is overwritten; give "
                "another --output or empty it first"
            )
        self.root, self._categories, self._expose = root, dict(categories), dict(expose)
        self._held: dict[tuple[str, str], list[tuple[str, Item, landmark_coco.Skin | None]]]
        self._held = defaultdict(list)

    def add(
        self,
        name: str,
        item: Item,
        *,
        split: str,
        domain: str,
        patch: Patch | None = None,
        file: pathlib.Path | None = None,
    ) -> None:
        """Writes the pictures of an item.

        Args:
          name: ID, which no other item of the split and domain has.
          item: what is written.
          split: train, val or test.
          domain: "a" or "b".
          patch: where the item's skin comes from, where that is known.
          file: of the very picture, which is copied instead of encoded anew.
        """
        folder = place(split, domain)
        suffix = file.suffix.lower() if file else ".png"
        target = self._ready(folder, f"{name}{suffix}")
        if file:
            shutil.copyfile(file, target)
        else:
            target.write_bytes(png(item.picture))
        count = item.masks.shape[-1]
        for k in range(count):
            stem = name if count == 1 else f"{name}_{k}"
            grey = np.where(item.masks[..., k], np.uint8(255), np.uint8(0))
            self._ready(f"{folder}_mask", f"{stem}.png").write_bytes(png(grey))
        if item.skin is not None:
            self._ready(f"{folder}_skin", f"{name}.png").write_bytes(png(item.skin))
        skin = skin_record(patch, folder=folder, name=name) if patch else None
        light = item._replace(picture=item.picture[..., :0])  # only its size is needed
        self._held[split, domain].append((f"{name}{suffix}", light, skin))

    def close(self) -> None:
        """Writes annotations and domains.json."""
        for (split, domain), held in self._held.items():
            content = landmark_coco.document(held, category=self._categories[domain])
            write_json(self.root / "annotations" / f"{place(split, domain)}.json", content)
        found: dict[str, Any] = {
            LETTERS[domain]: {
                "name": CATEGORIES[number].name,
                "category": number,
                "slot": slot(number),
            }
            for domain, number in self._categories.items()
        }
        found["expose"] = {
            "".join(LETTERS[domain] for domain in direction): list(parts)
            for direction, parts in self._expose.items()
        }
        write_json(self.root / DOMAINS_FILE, found)

    def counts(self) -> dict[str, int]:
        """Items written so far, by folder."""
        return {place(*key): len(held) for key, held in sorted(self._held.items())}

    def _ready(self, folder: str, name: str) -> pathlib.Path:
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def skin_record(patch: Patch, *, folder: str, name: str) -> landmark_coco.Skin:
    """What annotations say of a patch that lies in the layout's place."""
    box = {"bbox": list(patch.box)} if any(patch.box) else {}
    return {**box, "file": f"{folder}_skin/{name}.png", "source": patch.source}


def png(image: np.ndarray) -> bytes:
    """The file of a picture, uint8 [h, w] or [h, w, 3]."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()


def write_json(path: pathlib.Path, content: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.half")
    half.write_text(json.dumps(content), encoding="utf-8")
    half.replace(path)
