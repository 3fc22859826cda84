"""The photographer's side: framing, light and backdrop, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_pipelines.dolls.parts import Colour

_BACKDROPS = (
    (206, 198, 188),
    (178, 190, 198),
    (196, 178, 170),
    (170, 182, 166),
    (150, 162, 178),
    (214, 204, 176),
    (186, 170, 186),
    (134, 140, 144),
    (212, 190, 186),
    (160, 176, 182),
)
_PAPERS = ((255, 255, 255), (252, 247, 234), (254, 250, 242))


@dataclass(frozen=True)
class Scene:
    """How a doll is seen.

    Attributes:
      middle: x of the picture's middle in figure units.
      top: y of its upper edge.
      span: its height in figure units; its width follows from the picture's shape.
      light: direction (x, y) towards the light, of length one; the shorter, the more frontal.
      backdrop: colour of the studio wall in a photograph.
      paper: colour of the paper of a drawing.
    """

    middle: float
    top: float
    span: float
    light: tuple[float, float]
    backdrop: Colour
    paper: Colour


def draw_scene(rng: np.random.Generator) -> Scene:
    """A scene from a generator; most end below the knees, the others show the shoes."""
    top = rng.uniform(-4.0, -3.9)
    bottom = rng.uniform(1.6, 1.95) if rng.random() < 0.72 else rng.uniform(3.4, 3.55)
    return _lit(rng, top, bottom)


def draw_try_on_scene(rng: np.random.Generator) -> Scene:
    """A scene from a generator, for a portrait format; it ends below the hips."""
    return _lit(rng, rng.uniform(-4.0, -3.9), rng.uniform(0.3, 0.7))


def _lit(rng: np.random.Generator, top: float, bottom: float) -> Scene:
    angle = rng.choice([-1.0, 1.0]) * rng.uniform(0.85, 1.3)
    return Scene(
        middle=rng.uniform(-0.15, 0.15),
        top=top,
        span=bottom - top,
        light=(float(np.sin(angle)), float(-np.cos(angle))),
        backdrop=_BACKDROPS[rng.integers(len(_BACKDROPS))],
        paper=_PAPERS[rng.integers(len(_PAPERS))],
    )
