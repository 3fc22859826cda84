import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from data_pipelines import ops

RECIPE = ops.Recipe("resize_and_crop", 32, 40, "bilinear", True)
RED = (200, 30, 60)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def decoded(image, kind, **options):
    return ops.decode(encoded(image, kind, **options))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF"])
def test_decode_gives_rgb_as_it_was(kind):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(decoded(Image.fromarray(pixels), kind), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_decode_lossy_kinds(kind):
    made = decoded(Image.new("RGB", (16, 8), RED), kind)
    assert made.shape == (8, 16, 3) and made.dtype == np.uint8
    assert np.abs(made.astype(int) - RED).max() <= 4


def test_decode_grey_repeats_the_value():
    assert (decoded(Image.new("L", (4, 3), 77), "PNG") == 77).all()


def test_decode_black_and_white():
    assert (decoded(Image.new("1", (4, 3), 1), "PNG") == 255).all()


def test_decode_palette():
    made = decoded(Image.new("RGB", (4, 3), RED).quantize(4), "PNG")
    assert (made == RED).all()


def test_decode_palette_with_transparent_entry_shows_white():
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, 10, 20, 30])
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(decoded(image, "PNG", transparency=1), [[RED, (255, 255, 255)]])


def test_decode_alpha_is_laid_over_white():
    image = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 255, 128)):
        image.putpixel((x, 0), (200, 0, 100, alpha))
    made = decoded(image, "PNG")
    np.testing.assert_array_equal(made[0, 0], (255, 255, 255))
    np.testing.assert_array_equal(made[0, 1], (200, 0, 100))
    # 128/255 of the colour and 127/255 of white
    assert np.abs(made[0, 2].astype(int) - (227, 127, 177)).max() <= 1


def test_decode_grey_with_alpha_is_laid_over_white():
    image = Image.new("LA", (1, 1), (50, 0))
    np.testing.assert_array_equal(decoded(image, "PNG"), [[[255, 255, 255]]])


def test_decode_cmyk():
    made = decoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    assert np.abs(made.astype(int) - (255, 0, 0)).max() <= 4


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_decode_sixteen_bits_are_scaled_not_clipped(kind):
    values = np.array([[0, 257, 25700, 25829, 65535]], np.uint16)
    made = decoded(Image.fromarray(values), kind)
    np.testing.assert_array_equal(made[0, :, 0], [0, 1, 100, 101, 255])
    assert made.shape == (1, 5, 3)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("F", (4, 4), 0.5), "float pixels"),
        (Image.new("I", (4, 4), 1_000_000), "32-bit integers"),
    ],
)
def test_decode_refuses_unknown_ranges(image, reason):
    with pytest.raises(ops.UnreadableError, match=reason):
        decoded(image, "TIFF")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_and_header_apply_exif_orientation(orientation):
    corners = Image.new("L", (32, 16))
    corners.paste(255, (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = decoded(corners, "JPEG", exif=exif, quality=95)
    size = ops.header(encoded(corners, "JPEG", exif=exif))
    assert size == ((32, 16) if orientation <= 4 else (16, 32))
    assert made.shape == (size[1], size[0], 3)
    # where the upper left corner of the file belongs: EXIF 2.3, table 6
    bottom = orientation in (3, 4, 7, 8) if orientation > 4 else orientation in (3, 4)
    right = orientation in (2, 3, 6, 7)
    corner = made[-4 if bottom else 3, -4 if right else 3]
    assert corner.min() > 200 and (made > 128).mean() < 0.2


def test_decode_animation_gives_first_frame():
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, "black")]
    made = decoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert (made == RED).all()


@pytest.mark.parametrize("read", [ops.decode, ops.header])
def test_no_picture_is_unreadable(read):
    with pytest.raises(ops.UnreadableError, match="not a picture of a known kind"):
        read(io.BytesIO(b"<html>not found</html>"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_decode_truncated_is_unreadable(kind):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    file = encoded(Image.fromarray(pixels), kind)
    with pytest.raises(ops.UnreadableError, match="truncated"):
        ops.decode(io.BytesIO(file.getvalue()[:2000]))


def test_resize_is_antialiased():
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    made = ops.resize(stripes, width=8, height=8, interpolation="bilinear")
    # a filter without antialiasing would pick only black or only white columns
    assert np.abs(made.astype(int) - 127).max() < 12


@pytest.mark.parametrize(
    ("mode", "size", "expected"),
    [
        ("resize_and_crop", (90, 70), (40, 40)),
        ("crop", (90, 70), (90, 70)),
        ("scale_width", (80, 120), (40, 60)),
        ("scale_width", (80, 40), (40, 32)),
        ("scale_width", (40, 50), (40, 50)),
        ("scale_width_and_crop", (80, 121), (40, 60)),
        ("none", (90, 70), (88, 72)),
        ("none", (92, 72), (92, 72)),
    ],
)
def test_scaled_size(mode, size, expected):
    assert ops.scaled_size(*size, recipe=RECIPE._replace(mode=mode)) == expected


def test_crop_takes_rows_and_columns():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(ops.crop(image, row=1, col=2, size=2), image[1:3, 2:4])


@pytest.mark.parametrize(("row", "col"), [(-1, 0), (0, 1), (3, 0)])
def test_crop_outside_names_the_repair(row, col):
    with pytest.raises(ValueError, match=r"crop of 4 x 4 .* is 4 x 6.*resize_and_crop"):
        ops.crop(np.zeros((6, 4, 3), np.uint8), row=row, col=col, size=4)


def test_flip_mirrors_left_and_right():
    image = np.arange(12, dtype=np.uint8).reshape(1, 4, 3)
    np.testing.assert_array_equal(ops.flip(image)[0, 0], image[0, 3])


def test_normalise_ends():
    made = ops.normalise(np.array([0, 255], np.uint8))
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, [-1, 1])


def test_normalise_gives_torchvisions_numbers_to_the_bit():
    codes = np.arange(256, dtype=np.uint8)
    wanted = (codes.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    np.testing.assert_array_equal(ops.normalise(codes), wanted)


def test_normalise_writes_where_it_is_told():
    image = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    place = np.full((2, 3, 4, 3), np.nan, np.float32)
    ops.normalise(image, into=place[1])
    np.testing.assert_array_equal(place[1], ops.normalise(image))
    assert np.isnan(place[0]).all()


def test_words_depend_on_each_number_and_fill_their_range():
    drawn = {ops.words(s, p, domain=d) for s in (0, 1) for p in range(500) for d in (0, 1)}
    assert len(drawn) == 2000
    shares = np.array(sorted(drawn)) / 2**32
    assert np.abs(shares.mean(0) - 0.5).max() < 0.03 and shares.min() >= 0 and shares.max() < 1
    assert ops.words(3, 5, domain=1) == ops.words(3, 5, domain=1)


def test_augment_reaches_every_place_and_both_mirrorings():
    recipe = ops.Recipe("crop", 2, 3, "bilinear", True)
    image = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    seen = Counter(
        ops.augment(image, recipe=recipe, draws=ops.words(0, p, domain=0)).tobytes()
        for p in range(800)
    )
    assert len(seen) == 2 * 2 * 2
    assert min(seen.values()) > 60 and max(seen.values()) < 140  # 100 +- 4 standard deviations


def test_augment_without_flip_never_mirrors():
    recipe = ops.Recipe("none", 4, 4, "bilinear", False)
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    for position in range(20):
        made = ops.augment(image, recipe=recipe, draws=ops.words(0, position, domain=0))
        np.testing.assert_array_equal(made, ops.normalise(image))


@pytest.mark.parametrize(
    ("mode", "size", "message"),
    [
        ("crop", (90, 31), r"is 90 x 31 .*crop needs at least 32 x 32.*=resize_and_crop"),
        ("none", (90, 70), r"is 90 x 70 .*none must give exactly 32 x 32.*=scale_width_and_crop"),
    ],
)
def test_augment_refuses_wrong_sizes(mode, size, message):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    with pytest.raises(ValueError, match=message):
        ops.augment(image, recipe=RECIPE._replace(mode=mode), draws=(0, 0, 0))
