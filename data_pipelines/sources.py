"""Where pictures come from: a folder, a TFDS set, the built-in paper dolls.

A source knows the names of its items and loads one by its index as uint8 RGB. Folders and TFDS sets
can also hand out the encoded file, which is what the check before training reads (`prepare.py`).
"""

from __future__ import annotations

import io
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np

from data_pipelines import ops

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff")


class Source(Protocol):
    """Items in a fixed order."""

    @property
    def names(self) -> Sequence[str]:
        """Name of each item, for messages."""
        ...

    def load(self, index: int) -> np.ndarray:
        """Item as uint8 [h, w, 3]; raises OSError or ValueError if it cannot be read."""
        ...


class Encoded(Source, Protocol):
    """A source of picture files."""

    def open(self, index: int) -> BinaryIO:
        """The encoded item, open for reading."""
        ...


class Files:
    """Pictures by their paths below a folder."""

    def __init__(self, root: str | os.PathLike[str], names: list[str]):
        """Nothing is read yet; names are paths below the root, in the order of the items."""
        self._root = pathlib.Path(root).expanduser()
        self.names = names

    def open(self, index: int) -> BinaryIO:
        """The encoded item, open for reading."""
        return (self._root / self.names[index]).open("rb")

    def load(self, index: int) -> np.ndarray:
        """Item as uint8 [h, w, 3]; raises OSError or ops.UnreadableError."""
        with self.open(index) as file:
            return ops.decode(file)


class Folder(Files):
    """All pictures below a folder, sorted by relative path; a missing folder is empty.

    Hidden files and folders (`._x.jpg`, `.ipynb_checkpoints`) are left out, links are followed.
    """

    def __init__(self, root: str | os.PathLike[str], name: str):
        """Lists the pictures in `root/name`; item names begin with `name`."""
        paths = picture_paths(pathlib.Path(root).expanduser() / name)
        super().__init__(root, [f"{name}/{path}" for path in paths])


class Tfds:
    """A split of a TFDS set that has a feature `image`; the encoded pictures are kept in memory."""

    def __init__(self, builder: Any, split: str):
        """Reads a split of a prepared `tfds.core.DatasetBuilder` (`tfds_builder`)."""
        import tensorflow_datasets as tfds

        dataset = builder.as_dataset(
            split=split, shuffle_files=False, decoders={"image": tfds.decode.SkipDecoding()}
        )
        self._encoded = [item["image"] for item in tfds.as_numpy(dataset)]
        self.names = [f"{split}/{index}" for index in range(len(self._encoded))]

    def open(self, index: int) -> BinaryIO:
        """The encoded item, open for reading."""
        return io.BytesIO(self._encoded[index])

    def load(self, index: int) -> np.ndarray:
        """Item as uint8 [h, w, 3]; raises ops.UnreadableError."""
        return ops.decode(self.open(index))


class Dolls:
    """Paper dolls of one style, each drawn once and kept (3 * size^2 bytes)."""

    def __init__(self, count: int, *, first: int, style: str, size: int, view: str = "figure"):
        """Dolls `first` to `first + count - 1` of the built-in world, `size` pixels a side.

        `view` is one of `fields.VIEWS`: the whole doll, or its head and shoulders on white.
        """
        self.first, self.size, self._style, self._view = first, size, style, view
        self._drawn: dict[int, np.ndarray] = {}
        self.names = [f"doll {first + index} ({style})" for index in range(count)]

    def restyled(self, style: str) -> Dolls:
        """The same dolls in another style: the truth of a translation."""
        kind = {"first": self.first, "size": self.size, "view": self._view}
        return Dolls(len(self.names), style=style, **kind)

    def load(self, index: int) -> np.ndarray:
        """Item as uint8 [size, size, 3]."""
        from data_pipelines import dolls

        if index not in self._drawn:
            draw = dolls.portrait if self._view == "portrait" else dolls.draw
            # one world for all runs: the seed of a run changes the order, not the dolls
            self._drawn[index] = draw(self.first + index, seed=0, style=self._style, size=self.size)
        return self._drawn[index]


def encoded(found: Iterable[Source]) -> list[Encoded]:
    """Those sources whose pictures are files."""
    return [source for source in found if isinstance(source, Files | Tfds)]


def tfds_builder(name: str, *, data_dir: str) -> Any:
    """The `tfds.core.DatasetBuilder` of a set that lies prepared here; nothing is downloaded.

    Args:
      name: such as `cycle_gan/horse2zebra`.
      data_dir: folder of prepared sets; empty for TFDS's default.

    Raises:
      ValueError: if the set is unknown, not prepared, or has no feature `image`.
    """
    import tensorflow_datasets as tfds

    try:
        builder: Any = tfds.builder(name, data_dir=data_dir or None)
    except (ValueError, ImportError) as error:  # ImportError: TFDS's own DatasetNotFoundError
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"data.source=tfds:{name} is no set that TFDS knows ({reason}): "
            "look the name up at https://www.tensorflow.org/datasets/catalog"
        ) from error
    if not builder.info.splits:
        place = f", data_dir={data_dir!r}" if data_dir else ""
        raise ValueError(
            f"data.source=tfds:{name} is not prepared in {builder.data_path}, and a run downloads "
            f'nothing: prepare it with python -c "import tensorflow_datasets as tfds; '
            f'tfds.builder({name!r}{place}).download_and_prepare()"'
        )
    if "image" not in builder.info.features:
        raise ValueError(
            f"data.source=tfds:{name} has the features {', '.join(builder.info.features)}, "
            "but a picture set needs `image`: choose another set"
        )
    return builder


def tfds_splits(name: str, *, data_dir: str, splits: Mapping[str, str]) -> dict[str, Tfds]:
    """The splits of a prepared TFDS set, by domain; a missing test split is left out.

    Args:
      name: such as `cycle_gan/horse2zebra`.
      data_dir: folder of prepared sets; empty for TFDS's default.
      splits: domain (`train_a`, ...) -> name of the split.

    Raises:
      ValueError: as `tfds_builder`, or if a training split is missing.
    """
    builder = tfds_builder(name, data_dir=data_dir)
    held = [split for split, info in builder.info.splits.items() if info.num_examples]
    for key, split in splits.items():
        if key.startswith("train") and split not in held:
            raise ValueError(
                f"data.{key}={split} must be a split of tfds:{name}, which has {', '.join(held)}: "
                f"set --config.data.{key}"
            )
    return {key: Tfds(builder, split) for key, split in splits.items() if split in held}


def picture_paths(folder: pathlib.Path, *, depth: int = 32) -> list[str]:
    """Paths of all pictures down to `depth` levels below a folder, relative to it, `/`, sorted."""
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        below = pathlib.Path(parent).relative_to(folder)
        deeper = len(below.parts) < depth
        folders[:] = [name for name in folders if deeper and not name.startswith(".")]
        found += [
            (below / name).as_posix()
            for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found)
