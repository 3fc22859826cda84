"""Try-on items from a folder in VITON's layout: three pair lists over two splits.

`train` and `test` are splits; "train", "same" and "other" are lists. Test persons wear the cloth of
`same` and put on that of `other`.
"""

from __future__ import annotations

import pathlib

from ml_collections import ConfigDict

from data_pipelines.prepare import listed
from data_pipelines.sources import SUFFIXES, Files
from data_pipelines.viton_files import Layout, Pair, find, own_cloth, read_pairs
from data_pipelines.viton_items import THRESHOLD, Item, Truth, own_truth

SPLIT_OF = {"train": "train", "same": "test", "other": "test"}  # list -> split


class Folder:
    """A folder as a source of try-on items (`viton_items.Source`)."""

    def __init__(self, data: ConfigDict, *, height: int, width: int):
        """Reads the lists; what is wrong with them waits in `errors` and `warnings`.

        Args:
          data: `config.data`.
          height: of all pictures, pixels.
          width: of all pictures, pixels.
        """
        self.root = pathlib.Path(data.root).expanduser()
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.has_warps = data.warps == "folder"
        kind = {"height": height, "width": width, "representation": data.representation}
        self.layouts = {
            "train": Layout(self.root / data.train_folder, **kind),
            "test": Layout(self.root / data.test_folder, **kind),
        }
        self.files = {"train": data.train_pairs, "same": data.test_same, "other": data.test_pairs}
        self.lists = {"train": self._training_list(), "other": self._list("other")}
        self.lists["same"] = self._list("same") or self._own_cloths()
        if not self.lists["other"]:
            self.warnings.append(
                f"no test pairs in {self.root / self.files['other']}: the first training pairs are "
                "shown in their place, and nothing can be scored"
            )
        self._has_truths = all(map(self.layouts["test"].has_truth, self.lists["other"]))
        self.train_names = [pair.name for pair in self.lists["train"]]
        self.test_names = {
            key: [pair.name for pair in self.lists[key]] for key in ("same", "other")
        }

    def training(self, index: int) -> Item:
        """A training pair; raises OSError or ValueError if a file of it cannot be read."""
        return self._item(self.layouts["train"], self.lists["train"][index])

    def testing(self, pairs: str, index: int) -> Item:
        """A test pair; of "same" the truth is the photograph. Raises as `training`."""
        layout, pair = self.layouts["test"], self.lists[pairs][index]
        item = self._item(layout, pair)
        if pairs == "same":
            return item._replace(truth=own_truth(item.person))
        if not self._has_truths:
            return item
        picture, mask = layout.truth(pair)
        return item._replace(truth=Truth(picture, mask >= THRESHOLD))

    def photographs(self, split: str) -> Files:
        """The persons in the lists of a split, each once, as files below the root."""
        lists = (self.lists[key] for key, own in SPLIT_OF.items() if own == split)
        pairs = [pair for pairs in lists for pair in pairs]
        folder = self.layouts[split].folder.relative_to(self.root).as_posix()
        names = dict.fromkeys(f"{folder}/image/{pair.person}" for pair in pairs)
        return Files(self.root, list(names))

    def persons(self) -> list[str]:
        """The pictures in the test split's image/, sorted."""
        return self._pictures("image")

    def cloths(self) -> list[str]:
        """The pictures in the test split's cloth/, sorted."""
        return self._pictures("cloth")

    def asked(self, person: str, cloth: str) -> Item:
        """Any person and cloth, each by its path or its name in the test or training split.

        Raises:
          FileNotFoundError: with every file that was looked for.
        """
        layouts = [self.layouts["test"], self.layouts["train"]]
        wearer = find(person, kind="image", layouts=layouts)
        garment = find(cloth, kind="cloth", layouts=layouts)
        pair = Pair(wearer.name, garment.name)
        warp = wearer.layout.warp(pair) if self.has_warps else None
        return Item(wearer.layout.person(pair.person), garment.layout.cloth(pair.cloth), warp)

    def _pictures(self, kind: str) -> list[str]:
        held = self.layouts["test"].names(kind)
        return sorted(n for n in held if n.lower().endswith(SUFFIXES) and not n.startswith("."))

    def _item(self, layout: Layout, pair: Pair) -> Item:
        warp = layout.warp(pair) if self.has_warps else None
        return Item(layout.person(pair.person), layout.cloth(pair.cloth), warp)

    def _list(self, key: str) -> list[Pair]:
        path = self.root / self.files[key]
        if not path.is_file():
            return []
        found = read_pairs(path)
        self.errors += found.errors
        return found.pairs

    def _training_list(self) -> list[Pair]:
        path = self.root / self.files["train"]
        if not path.is_file():
            self.errors.append(_no_list(self.root, path.name))
        return self._list("train")

    def _own_cloths(self) -> list[Pair]:
        """The persons of `other`, each with the cloth of the photograph where that is there."""
        cloths = self.layouts["test"].names("cloth")
        pairs = [Pair(pair.person, own_cloth(pair.person)) for pair in self.lists["other"]]
        own = [pair for pair in pairs if pair.cloth in cloths]
        if pairs:
            self.warnings.append(
                f"no list {self.files['same']}: made of the {len(own)} of {len(pairs)} test "
                "persons whose own cloth (N_1 for N_0) is there"
            )
        return own


def _no_list(root: pathlib.Path, name: str) -> str:
    """Why there is no list of training pairs, and the repair."""
    if not root.is_dir():
        return (
            f"data.root={root} is no folder: set --config.data.root to the one that holds {name}, "
            "train/ and test/"
        )
    deeper = sorted(path.parent for path in root.glob(f"*/{name}"))
    if deeper:
        return (
            f"data.root={root} has no {name}, {deeper[0]} has: set --config.data.root={deeper[0]}"
        )
    texts = listed(sorted(path.name for path in root.glob("*.txt"))) or "no lists (*.txt)"
    return (
        f"data.root={root} has no list {name}, it holds {texts}: "
        "set --config.data.train_pairs, or write one with a line `PERSON CLOTH` for each pair"
    )
