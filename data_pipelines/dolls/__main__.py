"""Writes DIR/dolls.png, dolls in both styles: `python -m data_pipelines.dolls --output=DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from data_pipelines.dolls import STYLES, draw


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
    """Writes the sheet and says where it is."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.dolls", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder of the picture")
    parser.add_argument("--count", type=int, default=24, help="number of dolls")
    parser.add_argument("--size", type=int, default=256, help="side of one doll, pixels")
    parser.add_argument("--seed", type=int, default=0, help="which set of dolls")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "dolls.png"
    Image.fromarray(sheet(options.count, seed=options.seed, size=options.size)).save(path)
    print(path)


if __name__ == "__main__":
    main()
