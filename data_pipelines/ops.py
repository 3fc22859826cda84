"""Pure operations on one picture: decode, scale, crop, mirror, to [-1, 1].

A picture enters as encoded bytes and leaves as float32 in [-1, 1]. In between it is uint8 and every
operation goes through Pillow: its filters are antialiased and round to uint8 after each operation,
which is what the PyTorch originals train on. The order is CycleGAN's (scale, crop, mirror);
U-GAT-IT mirrors first, which gives the same distribution of pictures.
Source: CycleGAN's `get_transform`; U-GAT-IT section 5.1.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps

MODES = ("resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "resized_crop", "none")
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
CROPPING = ("resize_and_crop", "crop", "scale_width_and_crop", "resized_crop")
CROP_AREA = 0.748  # resized_crop: smallest share of a picture, as the enhanced U-GAT-IT has it
_ORIENTATION = 0x0112  # EXIF tag; values 5 to 8 exchange width and height


class UnreadableError(ValueError):
    """A file that gives no RGB picture; the text is the reason, without the name."""


class Recipe(NamedTuple):
    """How every training picture of a run is made; sizes in pixels."""

    mode: str  # one of MODES
    image_size: int  # side of the finished square
    load_size: int  # side (or width) before the crop
    interpolation: str  # one of FILTERS
    flip: bool  # mirror half of the pictures
    crop_probability: float = 0.0  # of resized_crop: how many of the pictures are cropped first


def decode(file: BinaryIO) -> np.ndarray:
    """The picture in a file of any kind that Pillow reads, as RGB.

    EXIF orientation is applied, transparency is laid over white, 16 bits are scaled to 8, of an
    animation the first frame is taken.

    Args:
      file: open binary file.

    Returns:
      uint8 [h, w, 3].

    Raises:
      UnreadableError: if the file is damaged or is no picture.
    """
    try:
        with Image.open(file) as image:
            ImageOps.exif_transpose(image, in_place=True)
            return np.asarray(_to_rgb(image))
    except Exception as error:  # Pillow's decoders raise a dozen types on damaged files
        raise _unreadable(error) from error


def header(file: BinaryIO) -> tuple[int, int]:
    """Size of the picture in a file and a check of its structure, without decoding pixels.

    Args:
      file: open binary file.

    Returns:
      (width, height) as `decode` gives them, but for the orientation of a PNG, which is hardly
      ever set and may stand behind the pixels.

    Raises:
      UnreadableError: if the header is damaged or of no known kind.
    """
    try:
        with Image.open(file) as image:
            width, height = image.size
            turned = image.format != "PNG" and image.getexif().get(_ORIENTATION, 1) >= 5
            image.verify()
    except Exception as error:
        raise _unreadable(error) from error
    return (height, width) if turned else (width, height)


def resize(image: np.ndarray, *, width: int, height: int, interpolation: str) -> np.ndarray:
    """Antialiased resize, aspect ignored: uint8 [h, w, C] -> uint8 [height, width, C], C 1 or 3."""
    squeezed = image[..., 0] if image.shape[-1] == 1 else image
    resized = Image.fromarray(squeezed).resize((width, height), FILTERS[interpolation])
    return np.asarray(resized).reshape(height, width, image.shape[-1])


def scaled_size(width: int, height: int, *, recipe: Recipe) -> tuple[int, int]:
    """(width, height) of a picture after the scaling that precedes the crop.

    Source: CycleGAN's `get_transform`; `none` rounds to multiples of 4, halves to even.
    """
    if recipe.mode == "resize_and_crop":
        return recipe.load_size, recipe.load_size
    if recipe.mode in ("scale_width", "scale_width_and_crop"):
        if width == recipe.load_size and height >= recipe.image_size:
            return width, height
        return recipe.load_size, int(max(recipe.load_size * height / width, recipe.image_size))
    if recipe.mode == "resized_crop":  # the shorter side becomes image_size
        size, short = recipe.image_size, min(width, height)
        return int(size * width / short), int(size * height / short)
    if recipe.mode == "none":
        return round(width / 4) * 4, round(height / 4) * 4
    return width, height


def scale(image: np.ndarray, *, recipe: Recipe) -> np.ndarray:
    """uint8 [h, w, C] -> uint8 at `scaled_size`; unchanged where that is its own size."""
    height, width = image.shape[:2]
    new_width, new_height = scaled_size(width, height, recipe=recipe)
    if (new_width, new_height) == (width, height):
        return image
    return resize(image, width=new_width, height=new_height, interpolation=recipe.interpolation)


def crop(image: np.ndarray, *, row: int, col: int, size: int) -> np.ndarray:
    """Square of `size` pixels whose upper left corner is (row, col).

    Raises:
      ValueError: if the square does not lie inside the picture.
    """
    height, width = image.shape[:2]
    if not (0 <= row <= height - size and 0 <= col <= width - size):
        raise ValueError(
            f"a crop of {size} x {size} at (row {row}, col {col}) must lie inside the picture, "
            f"which is {width} x {height}; use a larger picture, a smaller size, or resize_and_crop"
        )
    return image[row : row + size, col : col + size]


def flip(image: np.ndarray) -> np.ndarray:
    """The picture mirrored left-right, [h, w, C]; by channels, for whole pixels take four times."""
    mirrored = np.empty_like(image)
    for channel in range(image.shape[-1]):
        mirrored[..., channel] = image[:, ::-1, channel]
    return mirrored


def grayscale(image: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3] -> uint8 [h, w, 1], ITU-R 601 luma in Pillow's integers (mode L)."""
    return np.asarray(Image.fromarray(image).convert("L"))[..., None]


def normalise(image: np.ndarray, *, into: np.ndarray | None = None) -> np.ndarray:
    """uint8 in [0, 255] -> float32 in [-1, 1].

    Args:
      image: of any shape.
      into: float32 of this shape that receives the result; None: a new array.

    Source: torchvision's (x / 255 - 0.5) / 0.5; doubled first it is the same to the bit, for
    doubling is exact. In place, for new arrays of each operation take five times as long.
    """
    made = np.divide(image, np.float32(255), out=into, dtype=np.float32)
    np.multiply(made, 2, out=made)
    return np.subtract(made, 1, out=made)


def words(seed: int, position: int, *, domain: int, count: int = 3) -> tuple[int, ...]:
    """Random 32-bit words of one position of one domain, the same on every machine."""
    state = np.random.SeedSequence((seed, domain, position)).generate_state(count)
    return tuple(int(word) for word in state)


def fits(width: int, height: int, *, recipe: Recipe) -> bool:
    """Whether a picture of this size becomes image_size x image_size."""
    scaled = scaled_size(width, height, recipe=recipe)
    if recipe.mode in CROPPING:
        return min(scaled) >= recipe.image_size
    return scaled == (recipe.image_size, recipe.image_size)


def augment(image: np.ndarray, *, recipe: Recipe, draws: tuple[int, ...]) -> np.ndarray:
    """A training picture: scaled, cropped at a random place, mirrored or not, in [-1, 1].

    Args:
      image: uint8 [h, w, 3].
      recipe: what to do.
      draws: as `place` takes them.

    Returns:
      float32 [image_size, image_size, 3] in [-1, 1].

    Raises:
      ValueError: if the picture does not come out as image_size x image_size (`fits`).
    """
    return normalise(place(image, recipe=recipe, draws=draws))


def place(image: np.ndarray, *, recipe: Recipe, draws: tuple[int, ...]) -> np.ndarray:
    """A picture or its mask, scaled, cropped and mirrored; equal draws give equal places.

    Args:
      image: uint8 [h, w, C], C 1 or 3.
      recipe: what to do.
      draws: 32-bit words that choose row, column and mirroring, and for `resized_crop` whether and
        how much is cropped (`words`).

    Returns:
      uint8 [image_size, image_size, C].

    Raises:
      ValueError: if it does not come out as image_size x image_size (`fits`).
    """
    if not fits(image.shape[1], image.shape[0], recipe=recipe):
        raise ValueError(misfit(image.shape[1], image.shape[0], recipe=recipe))
    if recipe.mode == "resized_crop" and draws[3] < recipe.crop_probability * 2**32:
        image = _part(image, draws)
    image, size = scale(image, recipe=recipe), recipe.image_size
    image = _random_crop(image, draws, size=size)
    return flip(image) if recipe.flip and draws[2] >> 31 else image


def _part(image: np.ndarray, draws: tuple[int, ...]) -> np.ndarray:
    """A square of the picture, of an area drawn evenly from [CROP_AREA, 1] of it."""
    height, width = image.shape[:2]
    share = CROP_AREA + (1 - CROP_AREA) * draws[4] / 2**32
    side = round((share * height * width) ** 0.5)
    return _random_crop(image, draws, size=min(side, height, width))


def _random_crop(image: np.ndarray, draws: tuple[int, ...], *, size: int) -> np.ndarray:
    row, col = (
        (word * (length - size + 1)) >> 32
        for word, length in zip(draws, image.shape[:2], strict=False)
    )
    return crop(image, row=row, col=col, size=size)


def misfit(width: int, height: int, *, recipe: Recipe) -> str:
    """Why a picture of this size cannot be used, and the repair."""
    return f"is {width} x {height} pixels; {size_rule(recipe)}"


def size_rule(recipe: Recipe) -> str:
    """What sizes a recipe needs (`fits`), and the repair."""
    size = recipe.image_size
    if recipe.mode == "crop":
        rule, repair = f"crop needs at least {size} x {size}", "resize_and_crop"
    else:
        rule, repair = f"{recipe.mode} must give exactly {size} x {size}", "scale_width_and_crop"
    return (
        f"data.preprocess={rule}: set --config.data.preprocess={repair}, "
        "another --config.image_size, or resize the files"
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits: Pillow's convert would clip them at 255
        return _sixteen_bits_to_rgb(image)
    if image.mode == "F":
        raise UnreadableError("float pixels have no known range; save the file with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it


def _sixteen_bits_to_rgb(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise UnreadableError(
            "32-bit integers have no known range; save the file with 8 or 16 bits"
        )
    return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")


def _unreadable(error: Exception) -> UnreadableError:
    if isinstance(error, UnreadableError):
        return error
    if isinstance(error, Image.UnidentifiedImageError):
        return UnreadableError("not a picture of a known kind")
    return UnreadableError(f"{type(error).__name__}: {error}")
