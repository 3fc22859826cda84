"""The photograph: soft light from one side, folds, shadows, a studio wall, grain."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from data_pipelines.dolls.paint import Canvas, Piece, stroke
from data_pipelines.dolls.parts import Colour, Part, mixed
from data_pipelines.dolls.scene import Scene

# How a material takes light: roundness of the shading in figure units, its strength, and the depth
# of its folds, 0 to 128.
_MATERIALS = {
    "skin": (0.1, 0.42, 9),
    "cloth": (0.13, 0.45, 26),
    "hair": (0.1, 0.5, 30),
    "leather": (0.07, 0.5, 20),
}
_FLOOR = 2.7  # height where wall and floor meet, in figure units
_SOLES = 2.95  # height below which the figure stands on the floor


class Photo:
    """Style "photo"; see `paint.Style`."""

    def ground(self, scene: Scene) -> Colour:
        """The wall's colour; `finish` adds its light and shadows."""
        return scene.backdrop

    def tone(self, colour: Colour) -> Colour:
        """Cloth and skin in a photograph are a little paler than their dye."""
        grey = sum(colour) // 3
        return mixed(colour, (grey, grey, grey), share=0.12)

    def place(self, canvas: Canvas, piece: Piece) -> None:
        """Shadow on what lies behind, then the shaded piece."""
        _cast(canvas, piece)
        shade = _form(canvas, piece).point(_LIGHTS)
        warm = Image.blend(shade, Image.new("L", shade.size, 128), 0.18)  # less shadow in the red
        tinted = Image.merge("RGB", (ImageChops.lighter(shade, warm), shade, shade))
        canvas.image.paste(ImageChops.hard_light(piece.layer, tinted), piece.corner, piece.mask)
        canvas.figure.paste(255, piece.corner, piece.mask)

    def stroke(self, canvas: Canvas, part: Part) -> None:
        """Thin lines in the part's colour."""
        draw = ImageDraw.Draw(canvas.image)
        for line in part.seams:
            stroke(draw, canvas.pixels(line), colour=part.colour, width=0.025 * canvas.unit)

    def finish(
        self, canvas: Canvas, *, height: int, width: int, noise: np.random.Generator
    ) -> np.ndarray:
        """Light and shadow of the studio behind the figure, then grain."""
        size = (width, height)
        image = np.asarray(canvas.image.resize(size, Image.Resampling.HAMMING), np.float32)
        figure = canvas.figure.resize(size, Image.Resampling.HAMMING)
        open_wall = 1.0 - np.asarray(figure, np.float32)[..., None] / 255.0
        image = image + open_wall * _studio(figure, canvas.scene)
        grain = noise.standard_normal((height, width, 1), np.float32) * 2.0
        return np.clip(image + grain + 0.5, 0, 255).astype(np.uint8)


# The lights are held back, so that pale cloth keeps its colour.
_LIGHTS = [s if s < 128 else round(128 + 0.58 * (s - 128)) for s in range(256)]


def _cast(canvas: Canvas, piece: Piece) -> None:
    """A soft shadow of the piece on the figure behind it, away from the light."""
    x, y = piece.corner
    behind = canvas.figure.crop((x, y, x + piece.mask.width, y + piece.mask.height))
    if behind.getbbox() is None:
        return
    dx, dy = (round(-0.045 * canvas.unit * axis) for axis in canvas.scene.light)
    shadow = ImageChops.subtract(ImageChops.offset(piece.mask, dx, dy), piece.joint, 2.5)
    shadow = shadow.filter(ImageFilter.BoxBlur(0.05 * canvas.unit))
    canvas.image.paste((28, 18, 24), piece.corner, ImageChops.multiply(shadow, behind))


def _form(canvas: Canvas, piece: Piece) -> Image.Image:
    """Light and shade of a piece: L, 128 leaves the colour as it is."""
    radius, strength, depth = _MATERIALS[piece.part.material]
    radius *= canvas.unit
    soft = ImageChops.lighter(piece.mask, piece.joint).filter(ImageFilter.BoxBlur(radius))
    dx, dy = (round(0.8 * radius * axis) for axis in canvas.scene.light)
    towards, away = ImageChops.offset(soft, -dx, -dy), ImageChops.offset(soft, dx, dy)
    shade = ImageChops.subtract(away, towards, 1.0 / strength, 124)
    if piece.part.folds or piece.part.seams:
        shade = ImageChops.add(shade, _creases(canvas, piece, depth=depth), 1.0, -128)
    return shade


def _creases(canvas: Canvas, piece: Piece, *, depth: int) -> Image.Image:
    """Folds (dark, with a lit flank) and seams of a piece: L around 128."""
    image = Image.new("L", piece.mask.size, 128)
    draw = ImageDraw.Draw(image)
    width = 0.06 * canvas.unit
    flank = np.array(canvas.scene.light) * width
    for fold in piece.part.folds:
        line = canvas.pixels(fold) - piece.corner
        stroke(draw, line - flank, colour=128 + depth // 2, width=width)
        stroke(draw, line, colour=128 - depth, width=width)
    if piece.part.folds:
        image = image.filter(ImageFilter.BoxBlur(0.04 * canvas.unit))
        draw = ImageDraw.Draw(image)
    for seam in piece.part.seams:
        stroke(draw, canvas.pixels(seam) - piece.corner, colour=96, width=0.014 * canvas.unit)
    return image


def _studio(figure: Image.Image, scene: Scene) -> np.ndarray:
    """What light and shadow add to the flat wall: float [height, width, 3].

    Args:
      figure: L, where the figure is, at the picture's size.
      scene: light and framing.
    """
    width, height = figure.size
    unit = height / scene.span
    x, y = ((np.arange(n, dtype=np.float32) + 0.5) / n - 0.5 for n in (width, height))
    across = 30.0 * x * scene.light[0] - 40.0 * x**2
    down = 24.0 * y * scene.light[1] - 30.0 * y**2
    low = scene.top + (y + 0.5) * scene.span - _FLOOR
    down += 14.0 * np.clip(low / 0.12, 0.0, 1.0)  # the floor sees more light
    glow = (across[None, :] + down[:, None] + 12.0)[..., None]
    wall = _shadow(figure, 0.24, unit=unit, shift=(-0.3 * scene.light[0], 0.12)) * 0.24
    feet = figure.copy()
    feet.paste(0, (0, 0, width, max(0, round((_SOLES - scene.top) * unit))))
    floor = _shadow(feet, 0.09, unit=unit, shift=(-0.1 * scene.light[0], 0.09)) * 0.75
    dark = np.maximum(wall, floor)[..., None]
    shade = np.array(mixed(scene.backdrop, (24, 18, 34), share=0.8), np.float32)
    return glow * (1.0 - dark) + dark * (shade - np.array(scene.backdrop, np.float32))


def _shadow(
    figure: Image.Image, blur: float, *, unit: float, shift: tuple[float, float]
) -> np.ndarray:
    """The figure, blurred and moved by figure units: float [height, width] in [0, 1]."""
    if figure.getbbox() is None:
        return np.zeros((figure.height, figure.width), np.float32)
    moved = Image.new("L", figure.size)
    moved.paste(figure, (round(shift[0] * unit), round(shift[1] * unit)))
    return np.asarray(moved.filter(ImageFilter.GaussianBlur(blur * unit)), np.float32) / 255.0
