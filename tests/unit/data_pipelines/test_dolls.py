"""Paper dolls: the same doll in both styles and at every size, drawn alike on every run."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from data_pipelines.dolls import STYLES, draw, portrait
from data_pipelines.dolls.__main__ import sheet
from data_pipelines.dolls.clothes import worn_parts
from data_pipelines.dolls.garment import draw_outfit
from data_pipelines.dolls.parts import LAYERS
from data_pipelines.dolls.person import draw_person, joints
from data_pipelines.dolls.shapes import Strip, lengthened, limb_path, ribbon, smooth


def reduced(image: np.ndarray, size: int) -> np.ndarray:
    picture = Image.fromarray(image).resize((size, size), Image.Resampling.BOX)
    return np.asarray(picture, np.float32)


@pytest.mark.parametrize("style", STYLES)
def test_same_arguments_give_the_same_picture(style):
    first = draw(3, seed=7, style=style, size=48)
    draw(4, seed=7, style=style, size=48)
    np.testing.assert_array_equal(first, draw(3, seed=7, style=style, size=48))


def test_another_process_gives_the_same_picture():
    command = (
        "import sys; from data_pipelines.dolls import draw; "
        "sys.stdout.buffer.write(draw(5, seed=1, style='photo', size=32).tobytes())"
    )
    bytes_ = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True).stdout
    assert bytes_ == draw(5, seed=1, style="photo", size=32).tobytes()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [16, 64, 95, 170])
def test_shape_type_and_range(style, size):
    image = draw(0, seed=0, style=style, size=size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    assert image.std() > 20
    assert image.min() < 80 and image.max() > 180


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("index", range(4))
def test_same_doll_at_every_size(style, index):
    large = reduced(draw(index, seed=2, style=style, size=256), 64)
    small = draw(index, seed=2, style=style, size=64).astype(np.float32)
    other = draw(index + 1, seed=2, style=style, size=64).astype(np.float32)
    error = np.abs(large - small).mean()
    assert error < 4.0
    assert error < 0.4 * np.abs(other - small).mean()


def test_drawing_has_blank_paper_and_ink_and_photograph_has_neither():
    for index in range(6):
        photo, drawn = (draw(index, seed=3, style=style, size=64) for style in ("photo", "drawn"))
        corners = drawn[:8, :8], drawn[:8, -8:]
        assert all(np.ptp(corner, axis=(0, 1)).max() == 0 for corner in corners)
        assert all(corner.min() > 225 for corner in corners)
        assert np.ptp(photo[:8, :8], axis=(0, 1)).min() > 0
        assert photo[:8, :8].mean() < drawn[:8, :8].mean() - 15
        gap = np.abs(photo.astype(np.float32) - drawn)
        assert gap.mean() > 20


def test_both_styles_show_the_same_figure():
    def silhouette(index: int) -> np.ndarray:
        drawn = draw(index, seed=4, style="drawn", size=64).astype(int)
        return np.abs(drawn - drawn[0, 0]).max(axis=2) > 40

    def busy(index: int) -> np.ndarray:
        photo = draw(index, seed=4, style="photo", size=64).astype(np.float32)
        wall = (photo[:, :3].mean(axis=1) + photo[:, -3:].mean(axis=1)) / 2
        return np.abs(photo - wall[:, None]).max(axis=2)

    for index in range(4):
        figure = silhouette(index)
        assert 0.08 < figure.mean() < 0.5
        assert busy(index)[figure].mean() > 2 * busy(index)[~figure].mean()


def test_distinct_indices_and_seeds_give_distinct_dolls():
    pictures = [draw(index, seed=0, style="drawn", size=32) for index in range(24)]
    pictures.append(draw(0, seed=1, style="drawn", size=32))
    assert len({picture.tobytes() for picture in pictures}) == 25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": "oil"}, "style is one of photo, drawn, got 'oil'"),
        ({"size": 15}, "at least 16 pixels high, got size 15"),
        ({"index": -1}, "index and seed are 0 or more, got -1 and 0"),
        ({"seed": -2}, "index and seed are 0 or more, got 0 and -2"),
    ],
)
def test_errors_name_the_value(arguments, message):
    given = {"index": 0, "seed": 0, "style": "photo", "size": 64} | arguments
    with pytest.raises(ValueError, match=message):
        draw(given.pop("index"), **given)


def test_limbs_have_their_length_and_hang_together():
    for seed in range(20):
        person = draw_person(np.random.default_rng(seed))
        found = joints(person)
        for side in ("left", "right"):
            upper = found[f"{side}_elbow"] - found[f"{side}_shoulder"]
            lower = found[f"{side}_wrist"] - found[f"{side}_elbow"]
            np.testing.assert_allclose(np.hypot(*upper), 1.02, rtol=1e-9)
            np.testing.assert_allclose(np.hypot(*lower), 0.9, rtol=1e-9)
        assert found["right_shoulder"][0] < found["neck"][0] < found["left_shoulder"][0]
        assert found["head"][1] < found["chin"][1] < found["right_hip"][1] < found["left_knee"][1]


def test_any_person_wears_any_outfit():
    seen = set()
    for seed in range(40):
        person = draw_person(np.random.default_rng(seed))
        outfit = draw_outfit(np.random.default_rng(1000 + seed), skirts=0.5)
        for part in worn_parts(outfit, person, joints=joints(person)):
            assert part.layer in LAYERS
            assert np.isfinite(part.outline).all()
            assert np.abs(part.outline).max() < 5
            seen.add(part.name)
    names = {"top", "dress", "skirt", "trousers", "shorts", "left_shoe", "right_sleeve"}
    assert names <= seen


def test_strip_coordinates_by_hand():
    strip = Strip(np.array([(-1.0, 0.0), (-2.0, 2.0)]), np.array([(1.0, 0.0), (2.0, 2.0)]), sag=0.5)
    assert strip.length == 2.0
    assert strip.half_width == 1.5
    places = strip.at(np.array([-1.0, 1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0, 2.0]))
    np.testing.assert_allclose(places, [(-1, 0), (1.5, 1), (0, 0.5), (0, 2.5)])
    np.testing.assert_allclose(lengthened(strip, 1.0).left[0], (-1.0, -1.0))


def test_curves_pass_through_their_points():
    square = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    np.testing.assert_allclose(smooth(square, closed=True)[::6], square, atol=1e-12)
    np.testing.assert_allclose(smooth(square)[::6], square, atol=1e-12)
    bent = limb_path(np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]), np.array([0.0, 0.5, 1.5, 2.0]))
    np.testing.assert_allclose(bent, [(0, 0), (0, 0.5), (0.5, 1), (1, 1)], atol=1e-12)
    band = ribbon(np.array([(0.0, 0.0), (0.0, 1.0), (0.0, 2.0)]), np.full(3, 0.25))
    np.testing.assert_allclose(band.left[:, 0], -0.25)
    np.testing.assert_allclose(band.right[:, 0], 0.25)


def test_sheet_holds_every_doll_in_both_styles():
    picture = sheet(3, seed=0, size=16, columns=2)
    assert picture.shape == (64, 32, 3)
    np.testing.assert_array_equal(picture[32:48, :16], draw(2, seed=0, style="photo", size=16))
    np.testing.assert_array_equal(picture[16:32, 16:], draw(1, seed=0, style="drawn", size=16))
    assert (picture[32:, 16:] == 255).all()


class TestPortrait:
    def test_head_and_shoulders_on_white(self):
        """The corners above are paper, the middle is a face, the hair is not cut off."""
        for style in ("photo", "drawn"):
            for index in range(6):
                picture = portrait(index, seed=0, style=style, size=64)
                assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
                assert (picture[:2] == 255).all() and (picture[:, :2] == 255).mean() > 0.7
                assert (picture[26:40, 26:38] < 255).any(-1).all()
                assert (picture[-1, 28:36] < 255).any(-1).all()

    def test_both_styles_show_one_person(self):
        photo, drawn = (portrait(7, seed=0, style=s, size=64) for s in ("photo", "drawn"))
        there = [(picture < 255).any(-1) for picture in (photo, drawn)]
        assert (there[0] & there[1]).sum() / (there[0] | there[1]).sum() > 0.9
