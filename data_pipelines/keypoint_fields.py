"""The fields `config.data` of landmark runs: what they mean, what is wrong with their values."""

from __future__ import annotations

from ml_collections import ConfigDict

from data_pipelines import fields
from data_pipelines.keypoint_items import Augmentation
from tryon_jax import landmark_layouts

LAYOUTS = ("auto", "coco", "deepfashion2")
KINDS = ("human", "garment")


def size(config: ConfigDict) -> tuple[int, int]:
    """(width, height) of the crops of a run in pixels."""
    return config.data.width or config.image_size * 3 // 4, config.image_size


def layout(config: ConfigDict) -> landmark_layouts.Layout:
    """What is learnt.

    Raises:
      ValueError: if the fields name no layout.
    """
    return landmark_layouts.layout(config.data.points, config.data.categories)


def augmentation(config: ConfigDict) -> Augmentation:
    """How training crops differ from the boxes."""
    data = config.data
    return Augmentation(data.rotation, data.rotated, data.scale, data.flip, data.half_body)


def headline(config: ConfigDict, counts: dict[str, int]) -> str:
    """Where the objects of a run come from and how many there are, for people."""
    width, height = size(config)
    origin = config.data.root
    if fields.kind(config) == "dolls":
        origin = f"built-in paper dolls{'' if config.data.root else ' (no data.root given)'}"
    titles = list(layout(config).titles.values())
    shown = ", ".join(titles) if len(titles) < 4 else f"{len(titles)} categories of garments"
    return (
        f"data: {origin}, {counts['train']} training and {counts['test']} test boxes ({shown}), "
        f"{height} x {width} (height x width), {layout(config).count} landmarks"
    )


def wrong(config: ConfigDict) -> list[str]:
    """What is wrong with the values of the config, one sentence each."""
    data, kind = config.data, fields.kind(config)
    try:
        landmark_layouts.layout(data.points, data.categories)
        layouts = []
    except ValueError as error:
        layouts = [f"{error}: set --config.data.points or --config.data.categories"]
    rules = [
        (
            data.source in ("auto", "folder", "dolls"),
            f"data.source={data.source!r} must be auto, folder or dolls: set --config.data.source",
        ),
        (
            kind != "folder" or data.root,
            "data.source=folder needs one: set --config.data.root, or --config.data.source=dolls",
        ),
        (data.layout in LAYOUTS, fields.choice("layout", data.layout, LAYOUTS)),
        (
            data.points != "human" or not data.categories,
            f"data.categories={tuple(data.categories)} are kinds of garments, data.points=human "
            "finds persons: set --config.data.points=garment or leave categories away",
        ),
        (
            data.layout != "deepfashion2" or data.points == "garment",
            "data.layout=deepfashion2 shows garments: set --config.data.points=garment",
        ),
        (
            min(size(config)) >= 16,
            f"crops of {size(config)} (width, height) are too small: set --config.image_size=256",
        ),
        (
            0 < data.dolls <= fields.MAX_DOLLS,
            f"data.dolls={data.dolls} must be from 1 to {fields.MAX_DOLLS}: "
            "set --config.data.dolls",
        ),
        (
            config.batch_size > 0,
            f"batch_size={config.batch_size} must be 1 or more: set --config.batch_size",
        ),
        (config.seed >= 0, f"seed={config.seed} must be 0 or more: set --config.seed"),
        *_wrong_amounts(config),
    ]
    return layouts + [message for right, message in rules if not right]


def _wrong_amounts(config: ConfigDict) -> list[tuple[bool, str]]:
    data = config.data
    shares = [
        (
            0 <= data[name] <= 1,
            f"data.{name}={data[name]} must be in [0, 1]: set --config.data.{name}",
        )
        for name in ("rotated", "half_body", "scale")
    ]
    return [
        *shares,
        (
            0 <= data.rotation <= 90,
            f"data.rotation={data.rotation} must be from 0 to 90 degrees: "
            "set --config.data.rotation",
        ),
        (
            data.enlarged > 0.5,
            f"data.enlarged={data.enlarged} cuts the object off: set --config.data.enlarged=1.25",
        ),
    ]
