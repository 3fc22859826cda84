"""Prints as vector shapes on flat cloth, carried to the figure by the strip's own coordinates."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from data_pipelines.dolls.garment import Print
from data_pipelines.dolls.parts import Mark, mixed
from data_pipelines.dolls.shapes import Strip, ellipse, turned

# Letters as strokes on a grid of 2 columns and 4 rows, from the top.
_GLYPHS = {
    "A": ("041024", "0323"),
    "C": ("201001031424",),
    "E": ("20000424", "0212"),
    "H": ("0004", "2024", "0222"),
    "I": ("1014",),
    "J": ("20231403",),
    "K": ("0004", "200224"),
    "L": ("000424",),
    "M": ("0400122024",),
    "N": ("04002420",),
    "O": ("10010314232110",),
    "S": ("2010010222231404",),
    "U": ("0003142320",),
    "X": ("0024", "2004"),
    "Y": ("001220", "1214"),
}


def print_marks(strip: Strip, pattern: Print, *, chest: float | None = None) -> tuple[Mark, ...]:
    """The marks of a print on one strip of cloth.

    Args:
      strip: the cloth.
      pattern: what is printed.
      chest: the v where lettering and blocks are centred; None leaves them off (sleeves, legs).
    """
    makers = {"stripes": _stripes, "checks": _checks, "dots": _dots, "flowers": _flowers}
    if pattern.kind in makers:
        return makers[pattern.kind](strip, pattern)
    if pattern.kind == "letters" and chest is not None:
        return _letters(strip, pattern, chest=chest)
    if pattern.kind == "blocks" and chest is not None:
        return (Mark(_band(strip, chest - 0.16, stop=chest + 0.2), pattern.colour),)
    return ()


def _band(strip: Strip, start: float, *, stop: float) -> np.ndarray:
    return np.concatenate([strip.across(start), strip.across(stop)[::-1]])


def _stripes(strip: Strip, pattern: Print) -> tuple[Mark, ...]:
    starts = np.arange(0.3 * pattern.repeat, strip.length, pattern.repeat)
    thick = 0.42 * pattern.repeat
    return tuple(Mark(_band(strip, v, stop=v + thick), pattern.colour) for v in starts)


def _checks(strip: Strip, pattern: Print) -> tuple[Mark, ...]:
    repeat, v = pattern.repeat, np.linspace(0.0, strip.length, 12)
    edge = max(strip.half_width, 1e-6)
    columns = np.arange(-np.floor(1.2 * edge / repeat), 1.3 * edge / repeat) * repeat / edge
    rows = np.arange(0.4 * repeat, strip.length, repeat)
    soft = mixed(pattern.colour, pattern.accent, share=0.25)
    wide, fine = 0.3 * repeat * strip.widening, 0.05 * repeat * strip.widening
    bands = [Mark(strip.at(np.full(12, u), v), pattern.colour, wide) for u in columns]
    bands += [Mark(strip.across(row), soft, wide) for row in rows]
    thin = [Mark(strip.across(row + repeat / 2), pattern.accent, fine) for row in rows]
    return tuple(bands + thin)


def _lattice(strip: Strip, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Staggered places on the cloth, (u in half widths, v in figure units): two float [K]."""
    edge = max(strip.half_width, 1e-6)
    count = int(1.4 * edge / step) + 1
    columns, rows = np.meshgrid(
        np.arange(-count, count + 1), np.arange(0.5, strip.length / step * 1.15)
    )
    u = (columns + 0.5 * (np.arange(len(rows))[:, None] % 2)) * step / edge
    inside = np.abs(u) < 1.15
    return u[inside], (rows * step * 0.87)[inside]


def _dots(strip: Strip, pattern: Print) -> tuple[Mark, ...]:
    u, v = _lattice(strip, pattern.repeat)
    dot = ellipse(np.zeros(2), (0.24 * pattern.repeat, 0.24 * pattern.repeat))
    outlines = dot @ strip.stretch(u, v) + strip.at(u, v)[:, None]
    return tuple(Mark(outline, pattern.colour) for outline in outlines)


def _flowers(strip: Strip, pattern: Print) -> tuple[Mark, ...]:
    marks = []
    petals = (
        ellipse(np.zeros(2), (0.08, 0.08))
        * (1.0 + 0.45 * np.cos(np.arange(20) * np.pi / 2))[:, None]
    )
    u, v = _lattice(strip, 1.05 * pattern.repeat)
    places = zip(strip.at(u, v), strip.stretch(u, v), strict=True)
    for order, (centre, stretch) in enumerate(places):
        size = pattern.repeat * (2.9, 2.2)[order % 2]
        colour = (pattern.colour, pattern.accent)[order % 2]
        marks.append(Mark(turned(petals * size, 0.7 * order) @ stretch + centre, colour))
        heart = ellipse(np.zeros(2), (0.03 * size, 0.03 * size))
        marks.append(Mark(heart @ stretch + centre, (250, 214, 110)))
    return tuple(marks)


def _letters(strip: Strip, pattern: Print, *, chest: float) -> tuple[Mark, ...]:
    word = pattern.word
    height = min(0.3, 0.85 / len(word))
    advance = 0.92 * height
    marks = []
    for place, letter in enumerate(word):
        left = (place - (len(word) - 1) / 2) * advance - 0.28 * height
        for stroke in _GLYPHS[letter]:
            grid = np.array([int(digit) for digit in stroke], float).reshape(-1, 2)
            flat = grid * (0.28 * height, 0.25 * height) + (left, chest - height / 2)
            flat = np.concatenate([np.linspace(a, b, 4) for a, b in pairwise(flat)])
            points = strip.at(flat[:, 0] / strip.half_width, flat[:, 1])
            marks.append(Mark(points, pattern.colour, 0.19 * height * strip.widening))
    return tuple(marks)
