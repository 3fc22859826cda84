"""The layout of VITON's files on disk: pair lists, and persons and cloths read by their names.

    train_pairs.txt, test_pairs.txt      lines "PERSON CLOTH", file names
    train/ and test/
      image/PERSON                       photograph
      image-parse/STEM.png               LIP ids 0 to 19: palette, grey, or LIP's colours
      image-parse-new/STEM.png           the same with 20 for neck skin (CP-VTON+)
      image-mask/STEM.png                silhouette, nonzero on the person (CP-VTON+)
      pose/STEM_keypoints.json           OpenPose, 18 or 25 joints, pixels of the photograph
      cloth/CLOTH, cloth-mask/CLOTH      garment on white; grey mask, 128 or more on it
      warp-cloth/, warp-mask/            PERSON_STEM+CLOTH_STEM.jpg, or CLOTH, or PERSON
      truth/, truth-mask/                PERSON_STEM+CLOTH_STEM.png: the person in that cloth, and
                                         where it is seen (exported dolls have them)

Pictures of another size are scaled to the run's: photographs and grey masks bilinearly, parse maps
and silhouettes to the nearest pixel, joints with their photograph.
Source: CP-VTON and CP-VTON+, their data sets and `cp_dataset`.
"""

from __future__ import annotations

import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_pipelines import ops
from data_pipelines import representation as rep
from data_pipelines.viton_read import read_grey, read_joints, read_parse, read_picture


class Pair(NamedTuple):
    """File names of a person and of a cloth."""

    person: str
    cloth: str
    worn: str = ""  # the cloth that the person wears, where a list of three columns says it

    @property
    def name(self) -> str:
        """PERSON+CLOTH without suffixes, the name of all that is made of the pair."""
        return f"{pathlib.PurePath(self.person).stem}+{pathlib.PurePath(self.cloth).stem}"


class PairList(NamedTuple):
    """What a list file says."""

    pairs: list[Pair]
    errors: list[str]


def read_pairs(path: pathlib.Path, *, columns: tuple[int, ...] = (2,)) -> PairList:
    """Reads a list of "person cloth" lines; empty lines do not count.

    Args:
      path: of a text file.
      columns: how many names a line may have; a third one is the cloth worn.

    Raises:
      OSError: if there is no such file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return PairList([], [f"{path} is no text in UTF-8: write one `PERSON CLOTH` a line"])
    split = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    fits = [Pair(*words) for _, words in split if len(words) in columns]
    wrong = [f"line {n} ({' '.join(words)})" for n, words in split if len(words) not in columns]
    errors = []
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        third = " (a third may name the cloth worn)" if 3 in columns else ""
        errors.append(
            f"{path} needs two names a line, a person's and a cloth's{third}: "
            f"correct {', '.join(wrong[:3])}{more}"
        )
    if not split:
        errors.append(f"{path} lists no pairs: write one `PERSON CLOTH` a line")
    return PairList(fits, errors)


def own_cloth(person: str) -> str:
    """The cloth that a person wears: N_1 for N_0, else a cloth of the same name."""
    path = pathlib.PurePath(person)
    stem = f"{path.stem[:-2]}_1" if path.stem.endswith("_0") else path.stem
    return f"{stem}{path.suffix}"


class Layout:
    """The files of one split, read at one size."""

    def __init__(self, folder: pathlib.Path, *, height: int, width: int, representation: str):
        """Nothing is read yet.

        Args:
          folder: that holds image/, cloth/ and the others.
          height: of everything that is read, pixels.
          width: of everything that is read, pixels.
          representation: "cpvton", or "plus" for image-parse-new/ and image-mask/ where they are.
        """
        self.folder, self.representation = folder, representation
        self._size = (width, height)
        self._names: dict[str, frozenset[str]] = {}

    def beside(self, folder: pathlib.Path) -> Layout:
        """A layout of another folder, read alike."""
        width, height = self._size
        return Layout(folder, height=height, width=width, representation=self.representation)

    def names(self, kind: str) -> frozenset[str]:
        """The files in one of the folders, listed once; none if it is missing."""
        if kind not in self._names:
            folder = self.folder / kind
            found = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
            self._names[kind] = frozenset(found)
        return self._names[kind]

    def person_files(self, name: str) -> dict[str, pathlib.Path]:
        """Where a person's files should be: image, parse, pose, and body if there is one."""
        stem = pathlib.PurePath(name).stem
        plus = self.representation == "plus"
        newer = plus and f"{stem}.png" in self.names("image-parse-new")
        files = {
            "image": self.folder / "image" / name,
            "parse": self.folder / ("image-parse-new" if newer else "image-parse") / f"{stem}.png",
            "pose": self.folder / "pose" / f"{stem}_keypoints.json",
        }
        if plus and f"{stem}.png" in self.names("image-mask"):
            files["body"] = self.folder / "image-mask" / f"{stem}.png"
        return files

    def cloth_files(self, name: str) -> dict[str, pathlib.Path]:
        """Where a cloth's files should be: cloth and mask."""
        return {"cloth": self.folder / "cloth" / name, "mask": self.folder / "cloth-mask" / name}

    def warp_files(self, pair: Pair) -> dict[str, pathlib.Path]:
        """Where a warped cloth is: the first of its three names in warp-cloth/, else the first."""
        candidates = (f"{pair.name}.jpg", pair.cloth, pair.person)
        held = self.names("warp-cloth")
        name = next((name for name in candidates if name in held), candidates[0])
        return {
            "cloth": self.folder / "warp-cloth" / name,
            "mask": self.folder / "warp-mask" / name,
        }

    def person(self, name: str) -> rep.Person:
        """Reads a person; raises OSError or ops.UnreadableError, which name the file."""
        files = self.person_files(name)
        picture = read_picture(files["image"])
        scale = np.divide(self._size, picture.shape[1::-1])
        parse = self._nearest(read_parse(files["parse"]))
        body = self._nearest(read_grey(files["body"])) if "body" in files else parse
        joints = read_joints(files["pose"]) * scale
        return rep.Person(self._bilinear(picture), parse, body, joints)

    def cloth(self, name: str) -> rep.Cloth:
        """Reads a cloth; raises as `person`."""
        return self._cloth(self.cloth_files(name))

    def warp(self, pair: Pair) -> rep.Cloth:
        """Reads a warped cloth; raises as `person`."""
        return self._cloth(self.warp_files(pair))

    def has_truth(self, pair: Pair) -> bool:
        """Whether there is a picture of the person in that cloth."""
        return f"{pair.name}.png" in self.names("truth")

    def truth(self, pair: Pair) -> rep.Cloth:
        """Reads the person in that cloth, and where it is seen; raises as `person`."""
        kinds = {"cloth": "truth", "mask": "truth-mask"}
        return self._cloth({k: self.folder / v / f"{pair.name}.png" for k, v in kinds.items()})

    def _cloth(self, files: dict[str, pathlib.Path]) -> rep.Cloth:
        mask = self._bilinear(read_grey(files["mask"])[..., None])[..., 0]
        return rep.Cloth(self._bilinear(read_picture(files["cloth"])), mask)

    def _bilinear(self, image: np.ndarray) -> np.ndarray:
        width, height = self._size
        if image.shape[:2] == (height, width):
            return image
        return ops.resize(image, width=width, height=height, interpolation="bilinear")

    def _nearest(self, image: np.ndarray) -> np.ndarray:
        if image.shape[::-1] == self._size:
            return image
        return np.asarray(Image.fromarray(image).resize(self._size, Image.Resampling.NEAREST))


class Found(NamedTuple):
    """A person or a cloth that somebody asked for."""

    layout: Layout
    name: str


def find(asked: str, *, kind: str, layouts: list[Layout]) -> Found:
    """The person or the cloth that is meant by a path or a name.

    Args:
      asked: path of a picture that lies in such a layout, or its name with or without .jpg.
      kind: "image" for a person, "cloth" for a cloth.
      layouts: where names are looked for, in this order; at least one.

    Raises:
      FileNotFoundError: with every file that was looked for and is not there.
    """
    path = pathlib.Path(asked).expanduser().absolute()
    if path.is_file():
        found = Found(layouts[0].beside(path.parents[1]), path.name)
        if path.parent.name != kind:
            needs = _files(found, kind=kind).values()
            raise FileNotFoundError(
                f"{path} must lie in a folder {kind}/, and what belongs to it beside that folder: "
                f"{', '.join(map(str, needs))}"
            )
    else:
        places = [Found(layout, name) for layout in layouts for name in (asked, f"{asked}.jpg")]
        there = [found for found in places if found.name in found.layout.names(kind)]
        if not there:
            looked = ", ".join(str(place.layout.folder / kind / place.name) for place in places)
            raise FileNotFoundError(f"there is no {asked}: looked for {path}, {looked}")
        found = there[0]
    missing = [str(file) for file in _files(found, kind=kind).values() if not file.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{asked} needs {', '.join(missing)}, which are not there: make them, or choose another"
        )
    return found


def _files(found: Found, *, kind: str) -> dict[str, pathlib.Path]:
    if kind == "image":
        return found.layout.person_files(found.name)
    return found.layout.cloth_files(found.name)
