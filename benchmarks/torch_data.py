"""The measure for `data.py`: a plain PyTorch loader of CP-VTON's items.

    PYTHON benchmarks/torch_data.py ROOT WARM_UP BATCHES

Prints items a second and CPU milliseconds an item, of all processes and the warm-up, of a
DataLoader with two workers and batches of 4. It does what loaders of
this family do: pictures through Pillow, to tensors, normalised; the silhouette resized down and up;
a drawn rectangle on a picture of its own for each of 18 joints.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.utils.data import DataLoader, Dataset

BATCH_SIZE, WORKERS = 4, 2
HEIGHT, WIDTH, RADIUS, JOINTS = 256, 192, 5, 18


class Items(Dataset):
    """The training pairs of a folder in VITON's layout, 256 x 192."""

    def __init__(self, root: pathlib.Path):
        """Reads train_pairs.txt."""
        self._folder = root / "train"
        lines = (root / "train_pairs.txt").read_text().splitlines()
        self._pairs = [line.split() for line in lines]

    def __len__(self) -> int:
        """Pairs in the list."""
        return len(self._pairs)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """One item: the person, the cloth, and the person's representation."""
        person, cloth = self._pairs[index]
        stem = pathlib.PurePath(person).stem
        picture = _normalised(Image.open(self._folder / "image" / person))
        garment = _normalised(Image.open(self._folder / "cloth" / cloth))
        mask = np.array(Image.open(self._folder / "cloth-mask" / cloth)) >= 128
        parse = np.array(Image.open(self._folder / "image-parse" / f"{stem}.png"))
        head = torch.from_numpy(np.isin(parse, (1, 2, 4, 13)).astype(np.float32))
        worn = torch.from_numpy(np.isin(parse, (5, 6, 7)).astype(np.float32))
        agnostic = [_shape(parse), picture * head - (1 - head)]
        agnostic += _pose(self._folder / "pose" / f"{stem}_keypoints.json")
        return {
            "person": picture,
            "cloth": garment,
            "cloth_mask": torch.from_numpy(mask.astype(np.float32))[None],
            "worn": picture * worn + (1 - worn),
            "worn_mask": worn[None],
            "agnostic": torch.cat(agnostic),
        }


def _normalised(image: Image.Image) -> torch.Tensor:
    """float32 [C, H, W] in [-1, 1]."""
    array = np.array(image)
    array = array[..., None] if array.ndim == 2 else array
    tensor = torch.from_numpy(array).permute(2, 0, 1).contiguous().float().div(255)
    return tensor.sub_(0.5).div_(0.5)


def _shape(parse: np.ndarray) -> torch.Tensor:
    shape = Image.fromarray((parse > 0).astype(np.uint8) * 255)
    shape = shape.resize((WIDTH // 16, HEIGHT // 16), Image.Resampling.BILINEAR)
    return _normalised(shape.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))


def _pose(path: pathlib.Path) -> list[torch.Tensor]:
    flat = json.loads(path.read_text())["people"][0]["pose_keypoints"]
    maps = []
    for x, y, _ in np.reshape(flat, (JOINTS, 3)):
        drawn = Image.new("L", (WIDTH, HEIGHT))
        if x > 1 and y > 1:
            box = (x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS)
            ImageDraw.Draw(drawn).rectangle(box, "white", "white")
        maps.append(_normalised(drawn))
    return maps


def main(root: str, warm_up: int, count: int) -> None:
    """Prints items a second, then CPU milliseconds an item."""
    dataset = Items(pathlib.Path(root))
    loader = DataLoader(
        dataset, BATCH_SIZE, shuffle=True, num_workers=WORKERS, persistent_workers=True,
        drop_last=True,
    )  # fmt: skip
    endless = (batch for _ in iter(int, 1) for batch in loader)
    before = time.process_time()
    for _ in range(warm_up):
        next(endless)
    begin = time.perf_counter()
    for _ in range(count):
        next(endless)
    rate = count * BATCH_SIZE / (time.perf_counter() - begin)
    del endless, loader  # ends the workers, whose time counts from then on
    used = os.times()
    seconds = used.user + used.system + used.children_user + used.children_system - before
    print(rate, 1000 * seconds / ((warm_up + count) * BATCH_SIZE))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
