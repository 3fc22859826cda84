"""The fields `config.data` of try-on runs: what they mean, and what is wrong with their values."""

from __future__ import annotations

from ml_collections import ConfigDict

from data_pipelines import fields, viton_items

REPRESENTATIONS = ("cpvton", "plus")
WARPS = ("gmm", "folder")
CACHES = ("none", "memory")
SIDE = 64  # pixels; the height is a multiple of it, so that 3/4 of it is a multiple of 16


def size(config: ConfigDict) -> tuple[int, int]:
    """(height, width) of every picture of a run in pixels."""
    return config.image_size, config.image_size * 3 // 4


def channels(config: ConfigDict) -> dict[str, int]:
    """Keys of a training batch and their channels."""
    warps = viton_items.WARP_CHANNELS if config.data.warps == "folder" else {}
    return viton_items.CHANNELS | warps


def item_bytes(config: ConfigDict) -> int:
    """Memory that a kept item takes: its coded pictures, maps and masks."""
    height, width = size(config)
    one_byte_maps = 8 + (config.data.representation == "plus") + 4 * (config.data.warps == "folder")
    return height * width * one_byte_maps


def keeps(config: ConfigDict) -> bool:
    """Whether training items stay in memory; dolls do, for they are costly to draw."""
    return config.data.cache == "memory" or fields.kind(config) == "dolls"


def headline(config: ConfigDict, counts: dict[str, int]) -> str:
    """Where the items of a run come from and how many there are, for people.

    Args:
      config: of the run.
      counts: pairs of each kind: train, test_same, test_other.
    """
    height, width = size(config)
    origin, memory = config.data.root, ""
    if fields.kind(config) == "dolls":
        origin = f"built-in paper dolls{'' if config.data.root else ' (no data.root given)'}"
    if keeps(config):
        mebibytes = counts["train"] * item_bytes(config) / 2**20
        memory = f", kept in memory once read (up to {mebibytes:.0f} MiB)"
    return (
        f"data: {origin}, {counts['train']} training pairs, {counts['test_same']} + "
        f"{counts['test_other']} test pairs (same, other cloth), {height} x {width} (height x "
        f"width), representation {config.data.representation}{memory}"
    )


def wrong(config: ConfigDict) -> list[str]:
    """What is wrong with the values of the config, one sentence each."""
    data, kind = config.data, fields.kind(config)
    rules = [
        *(
            (data[name] in choices, fields.choice(name, data[name], choices))
            for name, choices in (
                ("representation", REPRESENTATIONS),
                ("warps", WARPS),
            )
        ),
        (
            data.warps != "folder" or kind != "dolls",
            "data.warps=folder reads warp-cloth/ and warp-mask/ below data.root, dolls have none: "
            "set --config.data.root, or --config.data.warps=gmm",
        ),
    ]
    return wrong_anywhere(config) + [message for right, message in rules if not right]


def wrong_anywhere(config: ConfigDict) -> list[str]:
    """What is wrong with the fields that all runs on persons and garments share."""
    data = config.data
    rules = [
        (
            data.source in ("auto", "folder", "dolls"),
            f"data.source={data.source!r} must be auto, folder or dolls: set --config.data.source",
        ),
        (
            fields.kind(config) != "folder" or data.root,
            "data.source=folder needs one: set --config.data.root, or --config.data.source=dolls",
        ),
        (data.cache in CACHES, fields.choice("cache", data.cache, CACHES)),
        (
            config.image_size >= SIDE and config.image_size % SIDE == 0,
            f"image_size={config.image_size}, the height, must be a multiple of {SIDE}, so that "
            f"the width, 3/4 of it, is a multiple of 16: set --config.image_size=256",
        ),
        (
            0 < config.data.dolls <= fields.MAX_DOLLS,
            f"data.dolls={config.data.dolls} must be from 1 to {fields.MAX_DOLLS}: "
            "set --config.data.dolls",
        ),
        (
            config.batch_size > 0,
            f"batch_size={config.batch_size} must be 1 or more: set --config.batch_size",
        ),
        (config.seed >= 0, f"seed={config.seed} must be 0 or more: set --config.seed"),
    ]
    return [message for right, message in rules if not right]
