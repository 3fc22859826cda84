"""Which person puts on which garment: from what a command names to pairs.

A person or a garment is a path, or a name that the data knows; several are a folder, "all" of the
test set, or paths and names with commas between them. Each person meets each garment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_pipelines import sources
from data_pipelines.viton_files import Pair, own_cloth, read_pairs
from tryon_jax.setup import UsageError

ALL = "all"  # every person, or every garment, of the test set


def crossed(data: Any, *, person: str, cloth: str, worn: str = "") -> list[Pair]:
    """Each of the persons with each of the garments, person by person.

    Args:
      data: a pipeline with `persons` and `cloths`.
      person: who.
      cloth: what to put on.
      worn: what the persons wear, one picture for each in their order, or a folder in which each
        garment is called as its person (or N_1 for N_0); empty: the data knows it.

    Raises:
      setup.UsageError: naming the option and its repair.
    """
    persons = several(person, flag="person", known=data.persons)
    cloths = several(cloth, flag="cloth", known=data.cloths)
    wears = _worn(worn, persons)
    return [Pair(who, what, wears[who]) for who in persons for what in cloths]


def listed(asked: str, *, columns: tuple[int, ...]) -> list[Pair]:
    """The pairs of a file of lines `PERSON CLOTH`, each once.

    Args:
      asked: path of the file.
      columns: how many names a line may have; a third one is the garment worn.

    Raises:
      setup.UsageError: if there is no such file, or it is no such list.
    """
    path = Path(asked).expanduser()
    if not path.is_file():
        raise UsageError(
            f"--pairs={asked} must be same, other, or a file of lines `PERSON CLOTH`; "
            f"there is none at {path.absolute()}"
        )
    found = read_pairs(path, columns=columns)
    if found.errors:
        raise UsageError("; ".join(found.errors))
    return list(dict.fromkeys(found.pairs))


def several(asked: str, *, flag: str, known: Callable[[], list[str]]) -> list[str]:
    """Paths and names that an option means, each once, in their order.

    Args:
      asked: the option's value.
      flag: its name.
      known: gives all names of the test set.

    Raises:
      setup.UsageError: if they are none.
    """
    path = Path(asked).expanduser()
    if asked == ALL:
        found = known()
    elif path.is_dir():
        found = [str(path / name) for name in sources.picture_paths(path)]
    elif path.exists() or "," not in asked:
        return [asked]
    else:
        parts = [part.strip() for part in asked.split(",") if part.strip()]
        found = [name for part in parts for name in several(part, flag=flag, known=known)]
    if not found:
        what = "has no test set in this run's data" if asked == ALL else "holds no pictures"
        raise UsageError(f"--{flag}={asked} {what}: name pictures, or a folder of them")
    return list(dict.fromkeys(found))


def check_names(names: list[str]) -> None:
    """Makes sure that no two pairs would be written under one name.

    Raises:
      setup.UsageError: with the first name that is there twice.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(
            f"{len(twice)} names stand for several pairs, such as {twice[0]}: pictures are named "
            "by PERSON+CLOTH without folders; give the files different names"
        )


def _worn(asked: str, persons: list[str]) -> dict[str, str]:
    """What each person wears; empty where the data knows it."""
    folder = Path(asked).expanduser()
    if not asked:
        return dict.fromkeys(persons, "")
    if folder.is_dir():
        held = {Path(name).stem: str(folder / name) for name in sources.picture_paths(folder)}
        return {person: _of(held, person, folder) for person in persons}
    garments = [asked] if folder.exists() else [part.strip() for part in asked.split(",")]
    if len(garments) != len(persons):
        raise UsageError(
            f"--worn={asked} names {len(garments)} garments for {len(persons)} persons: name one "
            "for each in their order, a folder, or use --pairs=FILE with lines `PERSON CLOTH WORN`"
        )
    return dict(zip(persons, garments, strict=True))


def _of(held: dict[str, str], person: str, folder: Path) -> str:
    own, same = Path(own_cloth(Path(person).name)).stem, Path(person).stem
    if not (found := held.get(own) or held.get(same)):
        raise UsageError(
            f"--worn={folder} holds no picture {same} or {own}: it must have one for each person"
        )
    return found
