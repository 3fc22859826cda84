"""Faces: where they are, the way out and back, what is said when points or masks are wrong."""

import json
import math
import sys

import numpy as np
import pytest
from PIL import Image

from data_pipelines import faces
from data_pipelines.prepare import DataError

FOUR = {"left_eye": [40, 50], "right_eye": [80, 50], "mouth": [60, 80], "chin": [60, 100]}


def landmarks(*, low=(30, 40), high=(90, 100), eyes=((40, 55), (80, 55))):
    """68 points that fill a box, with the eyes' outer corners in their places."""
    points = np.random.default_rng(0).uniform(low, high, (68, 2))
    points[0], points[1] = low, high
    points[36], points[45] = eyes
    return points


def turned(points, angle, *, about=(64, 64)):
    cos, sin = math.cos(angle), math.sin(angle)
    return (np.asarray(points, float) - about) @ np.array([[cos, sin], [-sin, cos]]) + about


def picture(height=128, width=128):
    """Smooth colours that differ everywhere."""
    row, column = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    channels = [row * 255 / height, column * 255 / width, 128 + 60 * np.sin(row / 9 + column / 7)]
    return np.stack(channels, -1).astype(np.uint8)


class TestSquare:
    def test_of_landmarks_by_hand(self):
        """Box 60 x 60: 48 above and 18 below, together 126; 18 on both sides are less."""
        square = faces.square_of(landmarks())
        assert square.angle == 0 and square.side == pytest.approx(126)
        assert square.centre == pytest.approx((60, (40 - 48 + 100 + 18) / 2))

    def test_of_a_broad_face_by_hand(self):
        square = faces.square_of(landmarks(low=(0, 60), high=(100, 80), eyes=((9, 65), (90, 65))))
        assert square.side == pytest.approx(160)
        assert square.centre == pytest.approx((50, (60 - 16 + 80 + 6) / 2))

    def test_of_four_points_by_hand(self):
        """Eyes to chin 50: brows 10 above the eyes, the face 60 high, the square 2.1 of it."""
        square = faces.square_of(np.array([FOUR[name] for name in faces.NAMED]))
        assert square.side == pytest.approx(126)
        assert square.centre == pytest.approx((60, (40 - 48 + 100 + 18) / 2))

    @pytest.mark.parametrize("angle", [-2.5, -0.4, 0.3, 1.7])
    def test_it_turns_with_the_face(self, angle):
        upright = faces.square_of(landmarks())
        square = faces.square_of(turned(landmarks(), angle))
        assert square.angle == pytest.approx(angle) and square.side == pytest.approx(upright.side)
        assert square.centre == pytest.approx(tuple(turned([upright.centre], angle)[0]))

    @pytest.mark.parametrize(
        ("points", "message"),
        [
            (np.zeros((5, 2)), r"68 points, or 4 \(left_eye.*got \(5, 2\)"),
            (np.zeros((4, 2)), "eyes must be two points"),
            (np.full((4, 2), np.nan), "finite"),
            (np.array([FOUR[n] for n in ("right_eye", "left_eye", "mouth", "chin")]), "viewer's"),
        ],
    )
    def test_wrong_points_are_refused(self, points, message):
        with pytest.raises(ValueError, match=message):
            faces.square_of(points)


class TestCutAndPaste:
    def test_an_upright_cut_is_the_picture_itself(self):
        square = faces.Square(centre=(50, 60), side=40, angle=0)
        np.testing.assert_array_equal(faces.cut(picture(), square), picture()[40:80, 30:70])

    def test_a_quarter_turn(self):
        """Turned clockwise in the picture, its upper edge is the picture's right one."""
        square = faces.Square(centre=(50, 60), side=40, angle=math.pi / 2)
        want = np.rot90(picture()[40:80, 30:70])
        assert np.abs(faces.cut(picture(), square).astype(int) - want).max() <= 1

    def test_white_beyond_the_picture_and_black_beyond_a_mask(self):
        square = faces.Square(centre=(0, 0), side=40, angle=0)
        assert (faces.cut(picture(), square)[:20, :20] == 255).all()
        assert (faces.cut(picture()[..., 0], square)[:20, :20] == 0).all()

    @pytest.mark.parametrize("angle", [0, 0.35, -2.0])
    @pytest.mark.parametrize("side", [60, 47.3])
    def test_forward_then_back_is_the_picture(self, angle, side):
        square = faces.Square(centre=(61.2, 66.6), side=side, angle=angle)
        back = faces.paste(picture(), faces.cut(picture(), square), square=square)
        assert np.abs(back.astype(int) - picture()).max() <= 3

    def test_back_reaches_the_square_and_nothing_else(self):
        square = faces.Square(centre=(64, 64), side=50, angle=0.5)
        red = np.broadcast_to(np.uint8([255, 0, 0]), (50, 50, 3)).copy()
        back = faces.paste(picture(), red, square=square)
        y, x = np.mgrid[0.5:128, 0.5:128] - 64
        cos, sin = math.cos(0.5), math.sin(0.5)
        reach = np.maximum(abs(x * cos + y * sin), abs(y * cos - x * sin))
        np.testing.assert_array_equal(back[reach > 26], picture()[reach > 26])
        assert (back[reach < 22] == [255, 0, 0]).all()

    def test_back_through_a_mask(self):
        square = faces.Square(centre=(64, 64), side=64, angle=0)
        mask = np.zeros((64, 64), np.uint8)
        mask[20:44, 20:44] = 255
        black = np.zeros((64, 64, 3), np.uint8)
        back = faces.paste(picture(), black, square=square, mask=mask)
        outside = np.ones((128, 128), bool)
        outside[51:77, 51:77] = False
        np.testing.assert_array_equal(back[outside], picture()[outside])
        assert (back[58:70, 58:70] == 0).all()

    def test_white_background_by_hand(self):
        face = np.full((1, 3, 3), 100, np.uint8)
        got = faces.on_white(face, np.uint8([[0, 255, 51]]))
        np.testing.assert_array_equal(got[0, :, 0], [255, 100, 224])


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("one", "two"):
            Image.fromarray(picture()).save(tmp_path / f"{name}.png")
        (tmp_path / "one.json").write_text(json.dumps(FOUR))
        points = landmarks().tolist()
        (tmp_path / "two.json").write_text(json.dumps({"points": points}))
        return tmp_path

    def test_both_forms_are_read(self, folder):
        one, two = faces.squares_of([folder / "one.png", folder / "two.png"])
        assert one.side == pytest.approx(126) and two == faces.square_of(landmarks())

    def test_everything_wrong_is_told_at_once(self, folder):
        (folder / "one.json").unlink()
        (folder / "two.json").write_text(json.dumps({"left_eye": [0, 0]}))
        with pytest.raises(DataError) as error:
            faces.squares_of([folder / "one.png", folder / "two.png"])
        for part in ("one.json is missing", "two.json: 'right_eye'", "this library has none"):
            assert part in str(error.value)

    @pytest.mark.parametrize("text", ["no json", "[1, 2]", '{"points": "x"}', '{"points": [[1]]}'])
    def test_damaged_points(self, folder, text):
        (folder / "one.json").write_text(text)
        with pytest.raises(DataError, match=r"one\.json: "):
            faces.squares_of([folder / "one.png"])

    def test_masks(self, folder):
        assert faces.mask_of(folder / "one.png") is None
        Image.fromarray(picture()[..., 0]).save(folder / "one.mask.png")
        got = faces.mask_of(folder / "one.png")
        np.testing.assert_array_equal(got, picture()[..., 0])
        Image.fromarray(picture()[:64, :, 0]).save(folder / "one.mask.png")
        with pytest.raises(DataError, match=r"one\.mask\.png is 128 x 64 .* 128 x 128"):
            faces.mask_of(folder / "one.png")

    def test_a_folder_is_cut_by_the_command(self, folder, tmp_path, monkeypatch, capsys):
        mask = np.zeros((128, 128), np.uint8)
        Image.fromarray(mask).save(folder / "one.mask.png")
        target = tmp_path / "cuts"
        monkeypatch.setattr(sys, "argv", ["faces", str(folder), str(target)])
        faces.main()
        assert "wrote 2 pictures" in capsys.readouterr().out
        with Image.open(target / "one.png") as image:
            assert image.size == (126, 126) and np.asarray(image).min() == 255
        with Image.open(target / "two.png") as image:
            square = faces.square_of(landmarks())
            np.testing.assert_array_equal(np.asarray(image), faces.cut(picture(), square))

    def test_the_command_refuses_an_empty_folder(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(sys, "argv", ["faces", str(tmp_path), str(tmp_path / "cuts")])
        with pytest.raises(SystemExit) as end:
            faces.main()
        assert end.value.code == 3 and "holds no pictures" in capsys.readouterr().err
