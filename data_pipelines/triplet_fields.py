"""The fields `config.data` of triplet runs: what they mean, and what is wrong with their values."""

from __future__ import annotations

from ml_collections import ConfigDict

from data_pipelines import fields, ops, viton_fields
from data_pipelines.triplet_layouts import LAYOUTS

KEYS = ("person", "worn", "other")
FLIPS = ("tied", "free", "none")


def shapes(config: ConfigDict) -> dict[str, tuple[int, int, int]]:
    """Shape of each array of a training example."""
    return dict.fromkeys(KEYS, (*viton_fields.size(config), 3))


def enlarged(config: ConfigDict) -> tuple[int, int]:
    """(height, width) of a training person before the crop, in pixels."""
    height, width = viton_fields.size(config)
    return height + config.data.enlarge_height, width + config.data.enlarge_width


def headline(config: ConfigDict, counts: dict[str, int], *, garments: int, layout: str) -> str:
    """Where the triplets of a run come from and how many there are, for people.

    Args:
      config: of the run.
      counts: triplets of each kind: train, test_same, test_other.
      garments: different ones that training persons wear.
      layout: of the folder; empty for dolls.
    """
    height, width = viton_fields.size(config)
    origin, memory = f"{config.data.root} (layout {layout})", ""
    if fields.kind(config) == "dolls":
        origin = f"built-in paper dolls{'' if config.data.root else ' (no data.root given)'}"
    if viton_fields.keeps(config):
        rows, cols = enlarged(config)
        kept = 3 * (counts["train"] * rows * cols + garments * height * width) / 2**20
        memory = f", kept in memory once read (up to {kept:.0f} MiB)"
    return (
        f"data: {origin}, {counts['train']} training persons in {garments} garments, "
        f"{counts['test_same']} + {counts['test_other']} test triplets (same, other garment), "
        f"{height} x {width} (height x width){memory}"
    )


def wrong(config: ConfigDict) -> list[str]:
    """What is wrong with the values of the config, one sentence each."""
    data = config.data
    choices = {
        "layout": ("auto", *LAYOUTS),
        "flip_pair": FLIPS,
        "interpolation": tuple(ops.FILTERS),
    }
    found = [
        fields.choice(name, data[name], allowed)
        for name, allowed in choices.items()
        if data[name] not in allowed
    ]
    found += [
        f"data.{name}={data[name]} must be 0 pixels or more: set --config.data.{name}"
        for name in ("enlarge_height", "enlarge_width")
        if data[name] < 0
    ]
    if data.dolls == 1:
        found.append("data.dolls=1 has one garment, a triplet needs two: set --config.data.dolls")
    return viton_fields.wrong_anywhere(config) + found
