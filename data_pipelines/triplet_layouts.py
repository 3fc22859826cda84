"""Which pictures of a folder make triplets, in the layouts that CAGAN's users have.

    viton     train_pairs.txt, test_pairs.txt, test_pairs_same.txt: lines "PERSON CLOTH"; the
              pictures train/image/PERSON, train/cloth/CLOTH, and test/ alike (`viton_files`)
    mpv       all_poseA_poseB_clothes*.txt: lines "PERSON PERSON GARMENT train" (or test), of which
              *person_half_front and *cloth_front count; pictures below MPV_192_256, MPV_256_192,
              all, or the root
    mpv_flat  N_person_half_front.jpg and N_cloth_front.jpg in the root, tests in test/
    keras     imgs_train/1/N_1.jpg persons, imgs_train/5/N_5.jpg garments, imgs_test/ alike; both
              may lie in data/; imgs/ alone holds training pictures
    triplets  train_x/ persons, train_yi/ garments worn, train_yj/ others; test_x/ and so on

`data.train_folder` replaces train, MPV_192_256, the root, imgs_train, or the train of train_x;
`data.test_folder` likewise; tests may be missing. Where no list says what a test person puts on,
it is the next garment of the split.
Source: VITON; MPV (Dong et al. 2019); CAGAN by shaoanlu, maktu6, zebincai and pkglimmer.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import NamedTuple

from ml_collections import ConfigDict

from data_pipelines import triplet_splits
from data_pipelines.prepare import listed, root_error
from data_pipelines.triplet_items import Triplet, another, as_worn, garments_of
from data_pipelines.triplet_splits import Split
from data_pipelines.viton_check import no_folders
from data_pipelines.viton_files import Pair, own_cloth
from data_pipelines.viton_folder import Folder

_VITON_NAMES = {
    "train_folder": "train",
    "test_folder": "test",
    "train_pairs": "train_pairs.txt",
    "test_pairs": "test_pairs.txt",
    "test_same": "test_pairs_same.txt",
}
_SPLITS: dict[str, Callable[[pathlib.Path, ConfigDict, str], Split]] = {
    "mpv": triplet_splits.mpv,
    "mpv_flat": triplet_splits.mpv_flat,
    "keras": triplet_splits.keras,
    "triplets": triplet_splits.triplets,
}
LAYOUTS = ("viton", *_SPLITS)


class Listing(NamedTuple):
    """What a folder holds."""

    layout: str  # one of LAYOUTS, or empty if it is none
    train: list[Triplet]
    tests: dict[str, list[Triplet]]  # "same" and "other"
    errors: list[str]
    warnings: list[str]


def listing(root: pathlib.Path, data: ConfigDict) -> Listing:
    """Finds the triplets of a folder; what is wrong with them waits in `errors`.

    Args:
      root: `data.root`, expanded.
      data: `config.data`.
    """
    wrong, layout = root_error(root), data.layout
    if not wrong and layout not in LAYOUTS:
        layout = _layout_of(root, data)
        wrong = "" if layout else _unknown(root)
    if wrong:
        return Listing("", [], {"same": [], "other": []}, [wrong], [])
    found = _viton(root, data) if layout == "viton" else _unlisted(root, data, layout=layout)
    garments = garments_of(found.train)
    if len(garments) == 1 and not found.train[0].other:
        found.errors.append(
            f"all {len(found.train)} training persons wear one garment, {garments[0]}, and a "
            "triplet needs another one: add persons in other garments"
        )
    return found


def _layout_of(root: pathlib.Path, data: ConfigDict) -> str:
    """The layout whose marks a folder bears, or empty."""
    marks = {
        "viton": (root / (data.train_pairs or _VITON_NAMES["train_pairs"])).is_file(),
        "triplets": (root / f"{data.train_folder or 'train'}_yj").is_dir(),
        "keras": triplet_splits.keras_folder(root, data, "train"),
        "mpv_flat": any((root / data.train_folder).glob(f"*_{triplet_splits.MPV_PERSON}.*")),
    }
    if any(root.glob(triplet_splits.MPV_LIST)):  # first: its list may be named as VITON's
        return "mpv"
    return next((layout for layout, marked in marks.items() if marked), "")


def _unknown(root: pathlib.Path) -> str:
    held = listed(sorted(path.name for path in root.iterdir())) or "nothing"
    return (
        f"data.root={root} is in no known layout, it holds {held}: set --config.data.root to a "
        f"folder in one, or --config.data.layout to {', '.join(LAYOUTS)} and the names of its "
        "files; data_pipelines/triplet_layouts.py describes them"
    )


def _unlisted(root: pathlib.Path, data: ConfigDict, *, layout: str) -> Listing:
    """The triplets of a layout other than VITON's."""
    train, test = (_SPLITS[layout](root, data, split) for split in ("train", "test"))
    errors = train.errors + test.errors
    if not train.triplets and not errors:
        errors.append(
            f"data.root={root} holds no training pairs in the layout {layout}: set "
            "--config.data.root, --config.data.train_folder, or another --config.data.layout"
        )
    tests = {"same": [as_worn(triplet) for triplet in test.triplets]}
    tests["other"] = _next_garments(test.triplets)
    warnings = [*train.warnings, *test.warnings]
    if not tests["other"]:
        warnings.append(
            "no test person puts on another garment: the first training triplets are shown in "
            "their place"
        )
    return Listing(layout, train.triplets, tests, errors, warnings)


def _next_garments(triplets: list[Triplet]) -> list[Triplet]:
    """Test triplets with another garment; none if all wear the same one."""
    garments = garments_of(triplets)
    if triplets and triplets[0].other:
        return triplets
    if len(garments) < 2:
        return []
    return [t._replace(other=another(garments, t.worn, step=0)) for t in triplets]


def _viton(root: pathlib.Path, data: ConfigDict) -> Listing:
    """VITON's lists."""
    names = {field: data[field] or name for field, name in _VITON_NAMES.items()}
    kept = {"root": str(root), "warps": "gmm", "representation": "cpvton"}
    folder = Folder(ConfigDict(kept | names), height=0, width=0)
    errors = folder.errors + no_folders(folder)
    found = Listing("viton", [], {"same": [], "other": []}, errors, folder.warnings)
    pairs = dict.fromkeys(folder.lists["train"])
    found.train.extend(_pair(names["train_folder"], pair) for pair in pairs)
    same, test = folder.lists["same"], names["test_folder"]
    found.tests["same"].extend(as_worn(_pair(test, pair)) for pair in same)
    _add_others(found, folder)
    return found


def _add_others(found: Listing, folder: Folder) -> None:
    """Adds the test triplets; what a person wears is in the list `same`, or N_1 for N_0."""
    own = {pair.person: pair.cloth for pair in folder.lists["same"]}
    cloths = folder.layouts["test"].names("cloth")
    strange, worn = [], []
    if not folder.layouts["test"].folder.is_dir():
        return
    for pair in folder.lists["other"]:
        cloth = own.get(pair.person, own_cloth(pair.person))
        if pair.person not in own and cloth not in cloths:
            strange.append(pair.person)
        elif cloth == pair.cloth:
            worn.append(pair.person)
        else:
            found.tests["other"].append(_other(folder, pair, worn=cloth))
    if strange:
        found.errors.append(
            f"nobody says what {len(strange)} persons of {folder.files['other']} wear: "
            f"{listed(strange, count=triplet_splits.NAMED)}; add lines `PERSON CLOTH` to "
            f"{folder.files['same']}"
        )
    if worn:
        found.warnings.append(
            f"{folder.files['other']}: {len(worn)} lines left out, their garment is the one worn: "
            f"{listed(worn)}"
        )


def _pair(split: str, pair: Pair) -> Triplet:
    return Triplet(f"{split}/image/{pair.person}", f"{split}/cloth/{pair.cloth}")


def _other(folder: Folder, pair: Pair, *, worn: str) -> Triplet:
    """A test triplet, with its truth if the folder has that."""
    layout = folder.layouts["test"]
    split = layout.folder.name
    triplet = _pair(split, Pair(pair.person, worn))._replace(other=f"{split}/cloth/{pair.cloth}")
    if not layout.has_truth(pair):
        return triplet
    truth, mask = (f"{split}/{kind}/{pair.name}.png" for kind in ("truth", "truth-mask"))
    return triplet._replace(truth=truth, truth_mask=mask)
