"""Another data set as the folder of `landmark_layout`.

--from=ccp --a=trousers --b=shorts --input=clothing-co-parsing --output=DIR
--from=deepfashion2 --a="long sleeve top" --b="short sleeve top" --input=DeepFashion2 --output=DIR
--from=viton --a=2 --b=1 --input=VITON --output=DIR
--from=instagan --a=8 --b=9 --input=datasets/jeans2skirt_ccp --output=DIR
--from=dolls --a=8 --b=7 --train=200 --test=20 --output=DIR
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Callable, Iterator

from data_pipelines.landmark_write import Writer
from data_pipelines.landmarks_import import ccp, deepfashion2, instagan, of_dolls, viton
from data_pipelines.landmarks_import.found import Found, Left, Task, exposed, joints_file
from tryon_jax.landmark_tables import CATEGORIES

SOURCES: dict[str, Callable[[Task, Left], Iterator[Found]]] = {
    "ccp": ccp.items,
    "deepfashion2": deepfashion2.items,
    "instagan": instagan.items,
    "viton": viton.items,
}


def main(arguments: list[str] | None = None) -> int:
    """Imports, and says what was written and what was left out."""
    parser = _parser()
    options = parser.parse_args(arguments)
    left = Left()
    try:
        task = _task(options)
        way = (task.categories["a"], task.categories["b"])
        expose = {"ab": exposed(*way), "ba": exposed(*way[::-1])}
        writer = Writer(options.output, categories=task.categories, expose=expose)
        for found in _found(options, task, left):
            writer.add(
                found.name,
                found.item,
                split=found.split,
                domain=found.domain,
                patch=found.patch,
                file=found.file,
            )
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if text := left.text():
        print(text)
    counts = writer.counts()
    if empty := [folder for folder in ("trainX", "trainY") if not counts.get(folder)]:
        print(f"error: nothing for {' and '.join(empty)} in {options.input}", file=sys.stderr)
        return 3
    writer.close()
    print(f"wrote {', '.join(f'{k} {n}' for k, n in counts.items())} items: {options.output}")
    return 0


def _found(options: argparse.Namespace, task: Task, left: Left) -> Iterator[Found]:
    if options.source == "dolls":
        size = (options.height, round(options.height * options.aspect))
        counts = {"train": options.train, "test": options.test}
        return of_dolls.items(task, counts=counts, size=size)
    if not options.input:
        raise ValueError(f"--from={options.source} needs --input, the folder of that set")
    return SOURCES[options.source](task, left)


def _task(options: argparse.Namespace) -> Task:
    categories = {"a": _category(options.a), "b": _category(options.b)}
    if categories["a"] == categories["b"]:
        raise ValueError(f"--a and --b are the same category {categories['a']}: give two")
    way = (categories["a"], categories["b"])
    return Task(
        pathlib.Path(options.input or "."),
        categories,
        # a bare part lends its skin itself where the other garment shows it
        {"a": exposed(*way) or exposed(*way[::-1]), "b": exposed(*way[::-1]) or exposed(*way)},
        joints=joints_file(options.joints) if options.joints else {},
        folders={role: getattr(options, role) for role in viton.FOLDERS},
        enlarge=options.enlarge,
    )


def _category(text: str) -> int:
    """A category by DeepFashion2's number or name."""
    for number, known in CATEGORIES.items():
        if text.strip().lower() in (str(number), known.name):
            return number
    names = ", ".join(f"{number} {known.name}" for number, known in CATEGORIES.items())
    raise ValueError(f"{text!r} must be one of {names}: correct --a or --b")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_pipelines.landmarks_import",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--from", dest="source", required=True, choices=[*SOURCES, "dolls"], help="which set")
    add("--input", type=pathlib.Path, help="folder of that set")
    add("--output", type=pathlib.Path, required=True, help="folder to write, new or empty")
    add("--a", default="trousers", help="category of domain a, by name or number")
    add("--b", default="shorts", help="category of domain b")
    add("--joints", type=pathlib.Path, help="joints by picture, as a landmark run infers them")
    add("--enlarge", type=float, default=1.25, help="deepfashion2: cut out so much; 0: nothing")
    for role, name in viton.FOLDERS.items():
        add(f"--{role}", default=name, help=f"viton: name of the folder of {role}")
    add("--train", type=int, default=200, help="dolls: for training, of each domain")
    add("--test", type=int, default=20, help="dolls: for tests, of each domain")
    add("--height", type=int, default=256, help="dolls: of the pictures, pixels")
    add("--aspect", type=float, default=0.5, help="dolls: width over height")
    return parser


if __name__ == "__main__":
    sys.exit(main())
