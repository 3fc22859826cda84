"""The check of a DesignGAN folder before anything is compiled: one message tells everything.

A missing mask, a file that cannot be read, an empty mask or domain stop a run; what is only worth
knowing (no joints, no skin) is told.
"""

from __future__ import annotations

import pathlib
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from data_pipelines import landmark_coco, landmark_fields, ops, prepare, sources
from data_pipelines.landmark_layout import DOMAINS_FILE, Entry, Folder, missing_mask, read_domains
from data_pipelines.prepare import listed
from data_pipelines.skin_patches import SIDE
from data_pipelines.viton_read import read_grey, read_picture
from tryon_jax.landmark_tables import CATEGORIES

NAMED = 50  # files in an error before "and n more"
_GREY = 0.2  # share of greys between black and white beyond which a mask is none


class _Seen(NamedTuple):
    """What is wrong with the files of one item."""

    missing: str = ""
    unreadable: tuple[str, ...] = ()
    other_size: tuple[str, ...] = ()
    empty: bool = False
    full: bool = False
    greys: tuple[str, ...] = ()


def check(config: ConfigDict) -> prepare.Report:
    """Looks at every file of a run's folder.

    Args:
      config: of a run whose data.root is set.
    """
    root = pathlib.Path(config.data.root).expanduser()
    numbers = [landmark_fields.category(config, domain) for domain in landmark_fields.DOMAINS]
    wrong = prepare.root_error(root)
    if wrong or any(number not in CATEGORIES for number in numbers):
        return prepare.Report({}, "nothing was read", {}, [wrong] if wrong else [], [])
    folder = Folder(config)
    found = {key: sources.Files(root, [e.picture for e in held])
             for key, held in folder.entries.items()}  # fmt: skip
    side = config.image_size
    recipe = ops.Recipe("resize_and_crop", side, side, "bilinear", flip=False)
    report = prepare.check_sources(
        {key: files for key, files in found.items() if files.names}, recipe=recipe
    )
    errors, warnings = _domains(config, root)
    errors += _empty(folder)
    # an item of which one file cannot be read has no use: here that is an error
    warnings += [text for text in report.warnings if "unreadable, will be skipped" not in text]
    errors += [text for text in report.errors if "can be read" not in text]
    unreadable = [
        f"{picture.name} ({picture.reason})"
        for pictures in report.domains.values()
        for picture in pictures
        if not picture.size
    ]
    if unreadable:
        errors.append(
            f"{len(unreadable)} pictures cannot be read: {listed(unreadable, count=NAMED)}; "
            "repair or remove them"
        )
    for key in folder.entries:
        held_errors, held_warnings = _items(folder, key, report)
        errors += held_errors
        warnings += held_warnings
    return report._replace(errors=errors, warnings=warnings + _bare(folder))


def _domains(config: ConfigDict, root: pathlib.Path) -> tuple[list[str], list[str]]:
    """What domains.json says other than the run."""
    try:
        known = read_domains(root)
    except ValueError as error:
        return [str(error)], []
    if known is None:
        return [], [
            f"{root} has no {DOMAINS_FILE}: X is taken for data.category_a="
            f"{config.data.category_a}, Y for data.category_b={config.data.category_b}"
        ]
    errors = [
        f"{root / DOMAINS_FILE} says category {known.categories[domain]} of "
        f"{'XY'['ab'.index(domain)]}, the run {number}: set --config.data.category_{domain}="
        f"{known.categories[domain]}, or correct the file"
        for domain in landmark_fields.DOMAINS
        if known.categories[domain] != (number := landmark_fields.category(config, domain))
    ]
    warnings = [
        f"{root / DOMAINS_FILE} exposes {list(parts)} from {way[0].upper()} to {way[1].upper()}, "
        f"the run {list(config.data[f'expose_{way}'])}: the run's count"
        for way, parts in known.expose.items()
        if set(parts) != set(config.data[f"expose_{way}"])
    ]
    return errors, warnings


def _empty(folder: Folder) -> list[str]:
    """An error for each training domain without pictures."""
    held = sorted(path.name for path in folder.root.iterdir() if path.is_dir())
    return [
        f"{folder.root / ''.join((split, 'XY'['ab'.index(domain)]))} has 0 pictures "
        f"({' '.join(sources.SUFFIXES)}); {folder.root} holds {listed(held) or 'no folders'}: put "
        "pictures there, or set --config.data.root"
        for key, (split, domain) in folder.splits.items()
        if split == "train" and not folder.entries[key]
    ]


def _items(folder: Folder, key: str, report: prepare.Report) -> tuple[list[str], list[str]]:
    """Errors and warnings about masks, patches and annotations of a domain."""
    entries = folder.entries[key]
    if not entries:
        return [], []
    sizes = {picture.name: picture.size for picture in report.domains[key]}
    stride = 1 if len(entries) <= prepare.DECODE_ALL else -(-len(entries) // prepare.DECODE_SAMPLE)

    def look(number: int) -> _Seen:
        entry = entries[number]
        return _look(folder, key, entry, size=sizes[entry.picture], thorough=not number % stride)

    with ThreadPoolExecutor(prepare.workers()) as pool:
        seen = dict(zip(entries, pool.map(look, range(len(entries))), strict=True))
    return _errors(key, seen) + _annotations(folder, key, sizes), _warnings(folder, key, seen)


def _look(
    folder: Folder, key: str, entry: Entry, *, size: tuple[int, int] | None, thorough: bool
) -> _Seen:
    """Looks at the masks and the patch of one item."""
    labels = folder.labels(key, entry)
    if not entry.masks and not (labels and labels.segmentation is not None):
        return _Seen(missing=missing_mask(folder.root, entry))
    unreadable, other, greys, marked = [], [], [], []
    for name in (*entry.masks, *filter(None, (entry.skin,))) if thorough else ():
        try:
            if name == entry.skin:
                read_picture(folder.root / name)
                continue
            mask = read_grey(folder.root / name)
        except (OSError, ValueError) as error:
            unreadable.append(str(error))
            continue
        if size and mask.shape != (size[1], size[0]):
            other.append(f"{name} ({mask.shape[1]} x {mask.shape[0]}, not {size[0]} x {size[1]})")
        if ((mask > 32) & (mask < 224)).mean() > _GREY:
            greys.append(name)
        marked.append((mask >= 128).mean())
    if not entry.masks and size and labels:
        try:
            marked.append(landmark_coco.mask_of(labels.segmentation, size=size).mean())
        except (ValueError, KeyError, TypeError) as error:
            unreadable.append(f"{folder.annotations_file(key)}: {entry.name}: {error}")
    known = bool(marked) and not unreadable
    return _Seen(
        unreadable=tuple(unreadable),
        other_size=tuple(other),
        empty=known and not any(marked),
        full=known and float(np.max(marked)) == 1.0,
        greys=tuple(greys),
    )


def _errors(key: str, seen: dict[Entry, _Seen]) -> list[str]:
    missing = [s.missing for s in seen.values() if s.missing]
    columns = {
        "masks or patches cannot be read": [t for s in seen.values() for t in s.unreadable],
        "masks have another size than their picture": [
            t for s in seen.values() for t in s.other_size
        ],
        "masks mark nothing": [
            e.masks[0] if e.masks else e.name for e, s in seen.items() if s.empty
        ],
        "masks look like pictures (many greys)": [t for s in seen.values() for t in s.greys],
    }
    repair = "a mask is 128 or more on the garment, 0 elsewhere, of its picture's size"
    found = [
        f"{key}: {len(names)} {what}: {listed(names, count=NAMED)}; {repair}: make them again, or "
        "remove the pictures"
        for what, names in columns.items()
        if names
    ]
    if missing:
        more = f" (and {len(missing) - 1} more: {_others(seen)})" if len(missing) > 1 else ""
        found.insert(0, f"{key}: {missing[0]}{more}")
    return found


def _others(seen: dict[Entry, _Seen]) -> str:
    names = [entry.picture for entry, s in seen.items() if s.missing]
    return listed(names[1:], count=NAMED)


def _annotations(folder: Folder, key: str, sizes: dict[str, tuple[int, int] | None]) -> list[str]:
    """Errors about the annotations of a domain."""
    found, file = folder.annotations[key], folder.annotations_file(key)
    names = {entry.picture.partition("/")[2] for entry in folder.entries[key]}
    errors = list(found.errors)
    strangers = sorted(set(found.labels) - names)
    if len(strangers) == len(found.labels) and strangers:
        errors.append(
            f"{file} names none of the pictures of {key}, but {listed(strangers, count=3)}: "
            "`file_name` is the path below the folder of the pictures"
        )
    for entry in folder.entries[key]:
        labels, size = folder.labels(key, entry), sizes[entry.picture]
        if labels and size and labels.size != size:
            errors.append(
                f"{file}: {entry.name} is {labels.size[0]} x {labels.size[1]} there, its picture "
                f"{size[0]} x {size[1]}: annotate the very pictures"
            )
    return errors


def _warnings(folder: Folder, key: str, seen: dict[Entry, _Seen]) -> list[str]:
    full = [entry.name for entry, s in seen.items() if s.full]
    without = [entry.name for entry in seen if folder.labels(key, entry) is None]
    found = []
    if full:
        found.append(f"{key}: {len(full)} masks mark the whole picture: {listed(full)}")
    if without and len(without) < len(seen):
        found.append(
            f"{key}: {len(without)} of {len(seen)} pictures are not in "
            f"{folder.annotations_file(key)}, nothing is known of their joints: {listed(without)}"
        )
    odd = [entry.skin for entry in seen if entry.skin and not _is_patch(folder.root / entry.skin)]
    if odd:
        found.append(
            f"{key}: {len(odd)} patches are not {SIDE} x {SIDE}, they are scaled: {listed(odd)}"
        )
    return found


def _is_patch(path: pathlib.Path) -> bool:
    try:
        with path.open("rb") as file:
            return ops.header(file) == (SIDE, SIDE)
    except (OSError, ValueError):
        return True  # told among the errors


def _bare(folder: Folder) -> list[str]:
    """One warning each if nothing is known of joints, or of skin."""
    known: dict[str, int] = defaultdict(int)
    total = 0
    for key, entry in _all(folder):
        labels = folder.labels(key, entry)
        total += 1
        known["joints"] += bool(labels and labels.joints[:, 2].any())
        known["skin"] += bool(entry.skin or (labels and (labels.skin or {}).get("bbox")))
    found = []
    if not known["joints"]:
        found.append(
            "no joints are known (annotations/): attention falls back to the masks, and skin is "
            "not learned; a trained net finds joints, see docs/designgan.md"
        )
    if known["skin"] < total:
        found.append(
            f"{total - known['skin']} of {total} items have no patch of skin: "
            f"python -m data_pipelines.landmarks_prepare skin --root={folder.root}"
        )
    return found


def _all(folder: Folder) -> Iterator[tuple[str, Entry]]:
    return ((key, entry) for key, held in folder.entries.items() for entry in held)
