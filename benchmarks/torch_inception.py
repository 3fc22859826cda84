"""The measure for `inception.py`: a plain PyTorch network of the same layers.

    PYTHON benchmarks/torch_inception.py BATCH_SIZE BATCHES < shape.json

Prints the wall seconds of each batch and CPU seconds a picture, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
from torch import nn

POOLED_AFTER = (2, 4)  # layers of the stem behind which pictures are halved


class Unit(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, step: list[int]):
        """A step is [channels, height, width, stride]."""
        width, h, w, stride = step
        padding = (0, 0) if stride == 2 else (h // 2, w // 2)
        conv = nn.Conv2d(inputs, width, (h, w), stride, padding, bias=False)
        super().__init__(conv, nn.BatchNorm2d(width, eps=1e-3), nn.ReLU())


class Mixed(nn.Module):
    """A block of branches."""

    def __init__(self, inputs: int, block: dict[str, Any]):
        """`channels` is the number of its outputs."""
        super().__init__()
        self.branches, self.channels = nn.ModuleList(), 0
        for branch in block["branches"]:
            links, held = nn.ModuleList(), inputs
            for link in branch:
                links.append(nn.ModuleList(Unit(held, step) for step in link))
                held = sum(step[0] for step in link)
            self.branches.append(links)
            self.channels += held
        self.pool = {
            "average": nn.AvgPool2d(3, 1, 1, count_include_pad=False),
            "max": nn.MaxPool2d(3, 1, 1),
            "halving": nn.MaxPool2d(3, 2),
        }[block["pool"]]
        self.pooled = Unit(inputs, [block["pooled"], 1, 1, 1]) if block["pooled"] else nn.Identity()
        self.channels += block["pooled"] or inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Branches side by side, the pool last."""
        maps = []
        for links in self.branches:
            y = x
            for link in links:
                y = torch.cat([unit(y) for unit in link], 1)
            maps.append(y)
        return torch.cat([*maps, self.pooled(self.pool(x))], 1)


def network(shape: dict[str, Any]) -> nn.Module:
    """All layers up to the mean over places."""
    layers, held = [], 3
    for number, (width, side, stride, padding) in enumerate(shape["stem"]):
        conv = nn.Conv2d(held, width, side, stride, padding, bias=False)
        layers += [conv, nn.BatchNorm2d(width, eps=1e-3), nn.ReLU()]
        layers += [nn.MaxPool2d(3, 2)] if number in POOLED_AFTER else []
        held = width
    for block in shape["blocks"]:
        layers.append(Mixed(held, block))
        held = layers[-1].channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1)).eval()


def main() -> None:
    """Times batches once the network is warm."""
    batch_size, batches = map(int, sys.argv[1:])
    shape = json.load(sys.stdin)
    model = network(shape)
    pictures = torch.rand(batch_size, 3, shape["side"], shape["side"]) * 2 - 1
    with torch.inference_mode():
        model(pictures)
        walls, cpu = [], time.process_time()
        for _ in range(batches):
            wall = time.perf_counter()
            model(pictures)
            walls.append(time.perf_counter() - wall)
    used = (time.process_time() - cpu) / (batches * batch_size)
    print(json.dumps({"walls": walls, "cpu_s": used}))


if __name__ == "__main__":
    main()
