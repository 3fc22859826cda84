"""What a doll wears: garments as plain records, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data_pipelines.dolls.parts import Colour

PRINTS = ("plain", "stripes", "checks", "dots", "letters", "flowers", "blocks")
_WORDS = ("JAX", "HI", "YES", "SUN", "SKY", "MOON", "CAKE", "NICE", "HELLO", "SOUL")
_BRIGHT = (
    (214, 69, 65),
    (232, 116, 82),
    (240, 168, 72),
    (244, 208, 96),
    (118, 168, 96),
    (46, 132, 112),
    (72, 156, 176),
    (64, 104, 172),
    (120, 96, 172),
    (196, 92, 142),
    (236, 156, 168),
    (152, 40, 62),
)
_QUIET = (
    (244, 241, 234),
    (228, 214, 190),
    (186, 196, 204),
    (168, 188, 164),
    (212, 178, 170),
    (112, 120, 130),
    (52, 62, 92),
    (44, 46, 54),
    (120, 90, 70),
    (176, 142, 104),
)
_DENIM = ((64, 88, 128), (96, 124, 164), (46, 56, 82), (146, 168, 192))
_LEATHER = ((246, 244, 240), (40, 40, 46), (122, 78, 52), (200, 64, 60), (60, 80, 120))


@dataclass(frozen=True)
class Print:
    """Pattern of a cloth.

    Attributes:
      kind: one of `PRINTS`.
      colour: second colour, beside that of the ground.
      accent: third colour.
      repeat: size of the pattern in figure units.
      word: what lettering says.
    """

    kind: str
    colour: Colour
    accent: Colour
    repeat: float
    word: str


@dataclass(frozen=True)
class Garment:
    """One piece of clothing; it knows nothing of who wears it.

    Attributes:
      category: "top", "dress", "trousers", "shorts" or "skirt".
      colour: of the ground.
      print: what is on the ground.
      sleeve: length as the place on the arm where it ends, 0 (none) to 2 (wrist).
      neckline: "crew", "vee", "scoop", "boat", "collar" or "straps".
      hem: y of the lower edge on an upright doll, in figure units.
      ease: room between body and cloth, in figure units.
      flare: extra half width at the hem, in figure units.
    """

    category: str
    colour: Colour
    print: Print
    sleeve: float = 0.0
    neckline: str = "crew"
    hem: float = 0.0
    ease: float = 0.05
    flare: float = 0.0


@dataclass(frozen=True)
class Outfit:
    """All that a doll wears.

    Attributes:
      garments: a dress, or a top and what is worn below.
      tucked: whether the top goes under what is worn below.
      shoes: colour of the shoes.
      boots: whether they reach over the ankle.
    """

    garments: tuple[Garment, ...]
    tucked: bool
    shoes: Colour
    boots: bool


def draw_outfit(rng: np.random.Generator, *, skirts: float) -> Outfit:
    """An outfit from a generator; the same generator state gives the same outfit.

    Args:
      rng: the source of chance.
      skirts: share of skirts and dresses among the outfits, in [0, 1].
    """
    chances = [0.7 * (1.0 - skirts), 0.3 * (1.0 - skirts), 0.4 * skirts, 0.6 * skirts]
    kind = str(rng.choice(["trousers", "shorts", "skirt", "dress"], p=chances))
    if kind == "dress":
        garments: tuple[Garment, ...] = (_draw_dress(rng),)
    else:
        top = _draw_top(rng)
        garments = (top, _draw_bottom(rng, kind, plain=top.print.kind != "plain"))
    return _outfit(rng, garments, tucked=0.75 if kind == "skirt" else 0.3)


def draw_separates(rng: np.random.Generator, *, skirts: float) -> Outfit:
    """An outfit of a top and what is worn below, from a generator.

    Args:
      rng: the source of chance.
      skirts: share of skirts among the outfits, in [0, 1].
    """
    chances = [0.75 * (1.0 - skirts), 0.25 * (1.0 - skirts), skirts]
    kind = str(rng.choice(["trousers", "shorts", "skirt"], p=chances))
    top = _draw_top(rng, sleeves=(0.32, 0.46, 0.22))
    garments = (top, _draw_bottom(rng, kind, plain=top.print.kind != "plain"))
    return _outfit(rng, garments, tucked=0.0)


def draw_plain_top(rng: np.random.Generator) -> Garment:
    """A top without print, from a generator."""
    top = _draw_top(rng)
    return replace(top, print=replace(top.print, kind="plain"))


def draw_plain_bottom(rng: np.random.Generator) -> Garment:
    """Trousers, shorts or a skirt without print, from a generator."""
    return _draw_bottom(rng, str(rng.choice(["trousers", "shorts", "skirt"])), plain=True)


def draw_of_category(rng: np.random.Generator, *, category: int) -> Garment:
    """A garment of one of DeepFashion2's categories, often printed, from a generator.

    Args:
      rng: the source of chance.
      category: 1 short sleeve top, 2 long sleeve top, 5 vest, 7 shorts, 8 trousers, 9 skirt.

    Raises:
      ValueError: if dolls have no garment of the category.
    """
    tops = {5: (1.0, 0.0, 0.0), 1: (0.0, 1.0, 0.0), 2: (0.0, 0.0, 1.0)}
    bottoms = {7: "shorts", 8: "trousers", 9: "skirt"}
    if category in tops:
        return _draw_top(rng, sleeves=tops[category])
    if category not in bottoms:
        known = ", ".join(map(str, sorted({*tops, *bottoms})))
        raise ValueError(f"dolls have garments of the categories {known}, got {category}")
    garment = _draw_bottom(rng, bottoms[category], plain=True)
    chances = np.array([0.4, 0.18, 0.16, 0.12, 0.0, 0.14, 0.0])
    return replace(garment, print=_draw_print(rng, garment.colour, chances=chances))


def recut(rng: np.random.Generator, garment: Garment, *, category: int) -> Garment:
    """The same cloth with the same print in another cut, from a generator.

    Args:
      rng: the source of chance, of the new cut's own lengths.
      garment: a top, or what is worn below.
      category: as in `draw_of_category`, worn at the same place.

    Raises:
      ValueError: if the category is worn at another place.
    """
    pattern = draw_of_category(rng, category=category)
    if (garment.category == "top") != (pattern.category == "top") or garment.category == "dress":
        raise ValueError(
            f"cloth is cut anew for the same part of the body, got a {garment.category} and "
            f"category {category}: choose 1, 2, 5 for tops, 7, 8, 9 for what is worn below"
        )
    if garment.category != "top":
        cut = {"category": pattern.category, "hem": pattern.hem, "flare": pattern.flare}
        return replace(garment, **cut)
    sleeved = bool(pattern.sleeve) == bool(garment.sleeve)
    neckline = garment.neckline if sleeved else pattern.neckline
    return replace(garment, sleeve=pattern.sleeve, neckline=neckline)


def _outfit(rng: np.random.Generator, garments: tuple[Garment, ...], *, tucked: float) -> Outfit:
    return Outfit(
        garments=garments,
        tucked=bool(rng.random() < tucked),
        shoes=_pick(rng, _LEATHER),
        boots=bool(rng.random() < 0.3),
    )


def _draw_top(
    rng: np.random.Generator, *, sleeves: tuple[float, float, float] = (0.25, 0.43, 0.32)
) -> Garment:
    sleeve = _draw_sleeve(rng, sleeves)
    colour = _pick(rng, _BRIGHT if rng.random() < 0.65 else _QUIET)
    return Garment(
        category="top",
        colour=colour,
        print=_draw_print(rng, colour, chances=np.array([0.3, 0.2, 0.1, 0.11, 0.13, 0.08, 0.08])),
        sleeve=sleeve,
        neckline=_draw_neckline(rng, sleeve),
        hem=rng.uniform(-0.05, 0.24),
        ease=rng.uniform(0.03, 0.08),
        flare=rng.uniform(0.0, 0.06),
    )


def _draw_dress(rng: np.random.Generator) -> Garment:
    sleeve = _draw_sleeve(rng, (0.4, 0.4, 0.2))
    colour = _pick(rng, _BRIGHT if rng.random() < 0.75 else _QUIET)
    return Garment(
        category="dress",
        colour=colour,
        print=_draw_print(rng, colour, chances=np.array([0.28, 0.17, 0.12, 0.2, 0.0, 0.23, 0.0])),
        sleeve=sleeve,
        neckline=_draw_neckline(rng, sleeve),
        hem=rng.uniform(0.95, 1.9),
        ease=rng.uniform(0.02, 0.05),
        flare=rng.uniform(0.12, 0.5),
    )


def _draw_bottom(rng: np.random.Generator, kind: str, *, plain: bool) -> Garment:
    cloths = _DENIM if kind != "skirt" and rng.random() < 0.5 else _QUIET + _BRIGHT[:8:3]
    colour = _pick(rng, cloths)
    chances = np.array([0.5, 0.15, 0.2, 0.05, 0.0, 0.1, 0.0]) if kind == "skirt" else np.eye(7)[0]
    print_ = _draw_print(rng, colour, chances=np.eye(7)[0] if plain else chances)
    hem = {"trousers": 0.0, "shorts": rng.uniform(0.75, 1.15), "skirt": rng.uniform(0.85, 1.75)}[
        kind
    ]
    flare = {
        "trousers": rng.choice([0.0, 0.02, 0.1]),
        "shorts": 0.05,
        "skirt": rng.uniform(0.0, 0.5),
    }
    return Garment(
        category=kind,
        colour=colour,
        print=print_,
        hem=hem,
        ease=rng.uniform(0.025, 0.05),
        flare=float(flare[kind]),
    )


def _draw_sleeve(rng: np.random.Generator, chances: tuple[float, float, float]) -> float:
    kind = rng.choice(3, p=chances)
    return float((0.0, rng.uniform(0.5, 0.8), rng.uniform(1.82, 1.95))[kind])


def _draw_neckline(rng: np.random.Generator, sleeve: float) -> str:
    if sleeve == 0.0:
        return str(rng.choice(["straps", "scoop", "vee"], p=[0.5, 0.3, 0.2]))
    return str(
        rng.choice(["crew", "vee", "scoop", "boat", "collar"], p=[0.35, 0.2, 0.15, 0.1, 0.2])
    )


def _draw_print(rng: np.random.Generator, ground: Colour, *, chances: np.ndarray) -> Print:
    kind = PRINTS[rng.choice(len(PRINTS), p=chances / chances.sum())]
    clear = [c for c in (*_BRIGHT, *_QUIET) if abs(_lightness(c) - _lightness(ground)) > 65]
    colour = _pick(rng, clear)
    accent = _pick(rng, [c for c in _BRIGHT if c not in (colour, ground)])
    low, high = {"stripes": (0.16, 0.34), "checks": (0.22, 0.4), "dots": (0.16, 0.26)}.get(
        kind, (0.28, 0.4)
    )
    return Print(kind, colour, accent, rng.uniform(low, high), str(rng.choice(_WORDS)))


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...] | list[Colour]) -> Colour:
    return colours[rng.integers(len(colours))]


def _lightness(colour: Colour) -> float:
    red, green, blue = colour
    return 0.3 * red + 0.59 * green + 0.11 * blue
