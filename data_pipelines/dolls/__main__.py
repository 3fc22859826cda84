"""Paper dolls as files.

`python -m data_pipelines.dolls --output=DIR` writes DIR/dolls.png, dolls in both styles;
`python -m data_pipelines.dolls export --output=DIR --train=200 --test=20` a try-on data set.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from data_pipelines.dolls import STYLES, draw
from data_pipelines.dolls.export import Look, export


def sheet(count: int, *, seed: int, size: int, columns: int = 6) -> np.ndarray:
    """Rows of dolls, each row of photographs above its drawings: uint8 [height, width, 3]."""
    columns = min(columns, count)
    rows = -(-count // columns)
    picture = np.full((2 * rows * size, columns * size, 3), 255, np.uint8)
    for index in range(count):
        row, column = divmod(index, columns)
        for order, style in enumerate(STYLES):
            top, left = (2 * row + order) * size, column * size
            doll = draw(index, seed=seed, style=style, size=size)
            picture[top : top + size, left : left + size] = doll
    return picture


def main() -> None:
    """Writes the sheet or the data set, and says where it is."""
    if sys.argv[1:2] == ["export"]:
        _main_export(sys.argv[2:])
    else:
        _main_sheet(sys.argv[1:])


def _main_sheet(arguments: list[str]) -> None:
    parser = _parser("python -m data_pipelines.dolls")
    parser.add_argument("--count", type=int, default=24, help="number of dolls")
    parser.add_argument("--size", type=int, default=256, help="side of one doll, pixels")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "dolls.png"
    Image.fromarray(sheet(options.count, seed=options.seed, size=options.size)).save(path)
    print(path)


def _main_export(arguments: list[str]) -> None:
    parser = _parser("python -m data_pipelines.dolls export")
    parser.add_argument("--train", type=int, required=True, help="number of training pairs")
    parser.add_argument("--test", type=int, required=True, help="number of test persons")
    parser.add_argument("--height", type=int, default=256, help="of the pictures, pixels")
    parser.add_argument("--width", type=int, default=192, help="of the pictures, pixels")
    parser.add_argument("--style", choices=list(STYLES), default="photo", help="photo or drawn")
    options = parser.parse_args(arguments)
    look = Look(options.height, options.width, options.style, options.seed)
    try:
        export(options.output, train=options.train, test=options.test, look=look)
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))
    print(f"{options.train} training pairs and {options.test} test persons in {options.output}")


def _parser(name: str) -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=name, description=__doc__, formatter_class=formatter)
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="which set of dolls")
    return parser


if __name__ == "__main__":
    main()
