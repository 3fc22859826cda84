"""The fields `config.data` of landmark runs: what they mean, and what is wrong with their values.

Domain A is the layout's X, domain B its Y. Pictures are `image_size` high and `data.aspect` times
as wide.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from data_pipelines import fields, ops
from data_pipelines.skin_patches import PARTS, SIDE
from data_pipelines.viton_fields import CACHES
from tryon_jax.landmark_tables import CATEGORIES, COCO17

DOMAINS = ("a", "b")
MULTIPLE = 4  # of the sides: the networks halve them twice
SMALLEST = 16  # pixels of a side
HELD_OUT = ("test", "val")
DOLL_SLOTS = {"upper": (1, 2, 5), "lower": (7, 8, 9)}  # categories between which dolls change


def size(config: ConfigDict) -> tuple[int, int]:
    """(height, width) of every picture of a run in pixels."""
    return config.image_size, round(config.image_size * config.data.aspect)


def enlarged(config: ConfigDict) -> tuple[int, int]:
    """(height, width) of a training picture before the crop, in pixels."""
    height, width = size(config)
    rows = height + config.data.enlarge
    return rows, round(width * rows / height)


def category(config: ConfigDict, domain: str) -> int:
    """DeepFashion2's number of the garments of domain "a" or "b"."""
    return config.data[f"category_{domain}"]


def expose(config: ConfigDict, domain: str) -> tuple[str, ...]:
    """Parts of the body that become bare when an item of domain "a" or "b" is translated."""
    return tuple(config.data[f"expose_{domain}{'b' if domain == 'a' else 'a'}"])


def bare(config: ConfigDict, domain: str) -> tuple[str, ...]:
    """Parts whose skin an item of domain "a" or "b" should lend, in the order of search."""
    return expose(config, domain) or expose(config, "b" if domain == "a" else "a")


def shapes(config: ConfigDict) -> dict[str, tuple[int, ...]]:
    """Shape of each array of a training example."""
    height, width = size(config)
    found: dict[str, tuple[int, ...]] = {}
    for domain in DOMAINS:
        points = CATEGORIES[category(config, domain)].count
        found |= {
            f"real_{domain}": (height, width, 3),
            f"mask_{domain}": (height, width, config.data.instances),
            f"joints_{domain}": (len(COCO17), 3),
            f"points_{domain}": (points, 3),
            f"skin_{domain}": (SIDE, SIDE, 3),
            f"skin_valid_{domain}": (),
        }
    return found


def keeps(config: ConfigDict) -> bool:
    """Whether training items stay in memory; dolls do, for they are costly to draw."""
    return config.data.cache == "memory" or fields.kind(config) == "dolls"


def headline(config: ConfigDict, counts: dict[str, int]) -> str:
    """Where the items of a run come from and how many there are, for people.

    Args:
      config: of the run.
      counts: items of each kind: train_a, train_b, test_a, test_b.
    """
    height, width = size(config)
    origin, memory = config.data.root, ""
    if fields.kind(config) == "dolls":
        origin = f"built-in paper dolls{'' if config.data.root else ' (no data.root given)'}"
    if keeps(config):
        rows, cols = enlarged(config)
        kept = (counts["train_a"] + counts["train_b"]) * 4 * rows * cols / 2**20
        memory = f", kept in memory once read (up to {kept:.0f} MiB)"
    names = [CATEGORIES[category(config, domain)].name for domain in DOMAINS]
    return (
        f"data: {origin}, {names[0]} {counts['train_a']}, {names[1]} {counts['train_b']} training "
        f"items, {counts['test_a']} + {counts['test_b']} {config.data.held_out} items, "
        f"{height} x {width} (height x width){memory}"
    )


def wrong(config: ConfigDict) -> list[str]:
    """What is wrong with the values of the config, one sentence each."""
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
        *(
            (data[name] in choices, fields.choice(name, data[name], choices))
            for name, choices in (
                ("interpolation", tuple(ops.FILTERS)),
                ("held_out", HELD_OUT),
                ("cache", CACHES),
            )
        ),
        (
            0 < data.dolls <= fields.MAX_DOLLS,
            f"data.dolls={data.dolls} must be from 1 to {fields.MAX_DOLLS}: "
            "set --config.data.dolls",
        ),
        (
            data.instances > 0,
            f"data.instances={data.instances} must be 1 or more: set --config.data.instances",
        ),
        (
            data.enlarge >= 0,
            f"data.enlarge={data.enlarge} must be 0 pixels or more: set --config.data.enlarge",
        ),
        (
            config.batch_size > 0,
            f"batch_size={config.batch_size} must be 1 or more: set --config.batch_size",
        ),
        (config.seed >= 0, f"seed={config.seed} must be 0 or more: set --config.seed"),
    ]
    found = [message for right, message in rules if not right]
    return found + _wrong_size(config) + _wrong_garments(config)


def _wrong_size(config: ConfigDict) -> list[str]:
    height, exact = config.image_size, config.image_size * config.data.aspect
    sides = (height, exact)
    if all(side == int(side) and side >= SMALLEST and side % MULTIPLE == 0 for side in sides):
        return []
    return [
        f"image_size={height} with data.aspect={config.data.aspect} makes pictures of {height} x "
        f"{exact:g}, both sides must be multiples of {MULTIPLE} from {SMALLEST} on: set "
        "--config.image_size=256 and --config.data.aspect=0.5, or others"
    ]


def _wrong_garments(config: ConfigDict) -> list[str]:
    data, found = config.data, []
    for name in ("category_a", "category_b"):
        if data[name] not in CATEGORIES:
            known = ", ".join(f"{number} {known.name}" for number, known in CATEGORIES.items())
            found.append(
                f"data.{name}={data[name]} must be one of {known}: set --config.data.{name}"
            )
    for name in ("expose_ab", "expose_ba"):
        if strange := [part for part in data[name] if part not in PARTS]:
            found.append(
                f"data.{name} names {', '.join(map(str, strange))}, the parts are "
                f'{", ".join(PARTS)}: set --config.data.{name}=\'("calf","knee")\''
            )
    pair = (data.category_a, data.category_b)
    fits = any({*pair} <= {*slot} for slot in DOLL_SLOTS.values()) and pair[0] != pair[1]
    if fields.kind(config) == "dolls" and not found and not fits:
        slots = " or ".join(str(slot) for slot in DOLL_SLOTS.values())
        found.append(
            f"data.category_a={pair[0]} and data.category_b={pair[1]}: dolls change between two of "
            f"{slots}: set --config.data.category_a and category_b, or --config.data.root"
        )
    return found
