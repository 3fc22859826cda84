"""The fields `config.data`: what they mean together, and what is wrong with their values."""

from __future__ import annotations

from collections.abc import Iterable

from ml_collections import ConfigDict

from data_pipelines import histogram, masks, ops, prepare

MAX_DOLLS = 1_000_000  # per domain
VIEWS = ("figure", "portrait")  # of dolls


def kind(config: ConfigDict) -> str:
    """Where the pictures come from: folder, dolls, tfds, or an unknown word."""
    if config.data.source == "auto":
        return "folder" if config.data.root else "dolls"
    return config.data.source.partition(":")[0]


def recipe(config: ConfigDict) -> ops.Recipe:
    """How the training pictures of a run are made."""
    return ops.Recipe(
        mode=config.data.preprocess,
        image_size=config.image_size,
        load_size=config.image_size + config.data.enlarge,
        interpolation=config.data.interpolation,
        flip=config.data.flip,
        crop_probability=config.data.crop_probability,
    )


def wrong(config: ConfigDict) -> list[str]:
    """What is wrong with the values of the config, one sentence each."""
    data, origin = config.data, kind(config)
    rules = [
        (
            origin in ("folder", "dolls") or (origin == "tfds" and data.source[5:]),
            f"data.source={data.source!r} must be auto, folder, dolls or tfds:NAME, "
            "such as --config.data.source=tfds:cycle_gan/horse2zebra",
        ),
        (
            origin != "folder" or data.root,
            "data.source=folder needs one: set --config.data.root, or --config.data.source=dolls",
        ),
        (data.preprocess in ops.MODES, choice("preprocess", data.preprocess, ops.MODES)),
        (
            data.interpolation in ops.FILTERS,
            choice("interpolation", data.interpolation, ops.FILTERS),
        ),
        (data.doll_view in VIEWS, choice("doll_view", data.doll_view, VIEWS)),
        (
            0 < data.dolls <= MAX_DOLLS,
            f"data.dolls={data.dolls} must be from 1 to {MAX_DOLLS}: set --config.data.dolls",
        ),
        (
            config.batch_size > 0,
            f"batch_size={config.batch_size} must be 1 or more: set --config.batch_size",
        ),
        (config.seed >= 0, f"seed={config.seed} must be 0 or more: set --config.seed"),
    ]
    found = [message for right, message in rules if not right]
    return found + _wrong_sizes(config) + _wrong_options(config, origin)


def choice(field: str, value: str, choices: Iterable[str]) -> str:
    """What is wrong with a value of `config.data.<field>` that is none of the choices."""
    return f"data.{field}={value!r} must be one of {', '.join(choices)}: set --config.data.{field}"


def _wrong_sizes(config: ConfigDict) -> list[str]:
    mode, enlarge, size = config.data.preprocess, config.data.enlarge, config.image_size
    smallest = 16 if kind(config) == "dolls" else prepare.SMALLEST
    rules = [
        (
            size >= smallest,
            f"image_size={size} must be {smallest} pixels or more: set --config.image_size",
        ),
        (
            enlarge >= 0,
            f"data.enlarge={enlarge} must be 0 pixels or more: set --config.data.enlarge",
        ),
        (
            mode != "scale_width" or enlarge == 0,
            f"data.preprocess=scale_width with data.enlarge={enlarge} makes pictures wider than "
            f"image_size={size}: set --config.data.enlarge=0 or "
            "--config.data.preprocess=scale_width_and_crop",
        ),
        (
            mode != "none" or size % 4 == 0,
            f"data.preprocess=none rounds sides to multiples of 4, image_size={size} is none: "
            "set another --config.image_size or --config.data.preprocess=resize_and_crop",
        ),
    ]
    return [message for right, message in rules if not right]


def _wrong_options(config: ConfigDict, origin: str) -> list[str]:
    """Of masks, histograms and crops by chance."""
    data = config.data
    modes = ("none", *histogram.MODES)
    rules = [
        (data.masks in masks.EDGES, choice("masks", data.masks, masks.EDGES)),
        (data.match in modes, choice("match", data.match, modes)),
        (
            data.match_blend in histogram.BLENDS,
            choice("match_blend", data.match_blend, histogram.BLENDS),
        ),
        (
            data.masks == "none" or origin in ("folder", "dolls"),
            f"data.masks={data.masks} reads files beside the pictures, a TFDS set has none: "
            "use a folder, or --config.data.masks=none",
        ),
        (
            not data.fix_folders or (data.masks != "none" and origin == "folder"),
            "data.fix_folders=True needs a folder of pictures and --config.data.masks=soft or hard",
        ),
    ]
    for name in ("crop_probability", "match_probability", "match_ratio"):
        message = f"data.{name}={data[name]} must be in [0, 1]: set --config.data.{name}"
        rules.append((0 <= data[name] <= 1, message))
    return [message for right, message in rules if not right]
