import numpy as np
import pytest
from PIL import Image

from tryon_jax import grids
from tryon_jax.grids import GAP


def flat(value, count=1, height=64, width=64, channels=3):
    return np.full((count, height, width, channels), value, np.float32)


def test_to_uint8_rounds_clips_and_shows_nan_black():
    levels = np.array([-1, 1, 0.999 * 2 - 1, -2, 3, np.nan, 100 / 127.5 - 1], np.float32)
    images = np.broadcast_to(levels[:, None, None, None], (7, 1, 1, 3))
    # 0.999 * 255 = 254.7: truncation would give 254
    assert grids.to_uint8(images)[:, 0, 0, 0].tolist() == [0, 255, 255, 0, 255, 0, 100]


def test_to_uint8_inverts_the_usual_reading_of_bytes():
    levels = np.arange(256, dtype=np.uint8)
    images = (levels.astype(np.float32) / 127.5 - 1).reshape(1, 16, 16, 1)
    made = grids.to_uint8(images)
    assert made.shape == (1, 16, 16, 3) and made.dtype == np.uint8
    for channel in range(3):
        np.testing.assert_array_equal(made[..., channel].ravel(), levels)


def test_to_uint8_names_what_is_wrong():
    with pytest.raises(ValueError, match=r"got \(64, 64, 3\)"):
        grids.to_uint8(np.zeros((64, 64, 3), np.float32))
    with pytest.raises(ValueError, match=r"got uint8; divide by 127.5"):
        grids.to_uint8(np.zeros((1, 64, 64, 3), np.uint8))


def test_rows_and_columns_lie_where_they_belong():
    first = np.concatenate([flat(-1), flat(1)])
    made = grids.grid({"b": first, "a": flat(0)}, titles=False)
    assert made.shape == (GAP + 2 * (64 + GAP), GAP + 2 * (64 + GAP), 3)
    top, left = slice(GAP, GAP + 64), slice(GAP, GAP + 64)
    bottom = right = slice(2 * GAP + 64, 2 * GAP + 128)
    assert (made[top, left] == 0).all()
    assert (made[top, right] == 255).all()
    assert (made[bottom, left] == 128).all()
    assert (made[bottom, right] == grids.BACKGROUND).all()  # the second row has one item
    assert (made[:GAP] == grids.BACKGROUND).all()


@pytest.mark.parametrize("side", [64, 256])
def test_titles_are_written_to_the_left_of_each_row(side):
    rows = {"real_a": flat(-1, height=side, width=side), "a_much_longer_title": flat(-1)}
    made = grids.grid(rows)
    bare = grids.grid(rows, titles=False)
    strip = made.shape[1] - bare.shape[1] + GAP
    np.testing.assert_array_equal(made[:, strip:], bare[:, GAP:])
    ink = (made[:, :strip] < 128).all(-1)
    assert ink[: side + GAP].any() and ink[side + GAP :].any()
    columns = np.flatnonzero(ink.any(0))
    assert columns[0] >= grids.PAD and columns[-1] < strip - grids.PAD // 2
    assert np.flatnonzero(ink.any(1))[0] > GAP


def test_smaller_rows_are_enlarged_to_the_largest_tile_without_blur():
    small = np.where(np.indices((32, 32)).sum(0) % 2, 1, -1)[None, :, :, None].astype(np.float32)
    made = grids.grid({"large": flat(0), "small": small}, titles=False)
    tile = made[2 * GAP + 64 : -GAP, GAP:-GAP, 0]
    expected = np.kron(grids.to_uint8(small)[0, ..., 0], np.ones((2, 2), np.uint8))
    np.testing.assert_array_equal(tile, expected)


def test_landscapes_are_centred():
    made = grids.grid({"wide": flat(-1, height=32), "square": flat(1)}, titles=False)
    column = made[GAP : GAP + 64, GAP + 32, 0]
    assert (column[16:48] == 0).all()
    assert (column[:16] == grids.BACKGROUND[0]).all() and (column[48:] == column[0]).all()


def test_portraits_keep_their_aspect():
    made = grids.grid({"person": flat(-1, height=64, width=48), "heat": flat(1)}, titles=False)
    row = made[GAP + 32, GAP:-GAP, 0]
    assert (row[8:56] == 0).all()
    assert (row[:8] == grids.BACKGROUND[0]).all() and (row[56:] == grids.BACKGROUND[0]).all()


def test_tiny_tiles_grow_by_a_whole_number():
    made = grids.grid({"a": flat(1, height=16, width=16)}, titles=False)
    assert made.shape == (48 + 2 * GAP, 48 + 2 * GAP, 3)


@pytest.mark.parametrize(("rows", "columns"), [(1, 100), (100, 1), (18, 24)])
def test_large_grids_are_scaled_down(rows, columns):
    images = flat(-1, count=columns, height=256, width=192)
    made = grids.grid({f"row_{i}": images for i in range(rows)})
    assert 3500 < max(made.shape) <= grids.MAX_SIDE
    assert (made[GAP + 1, -GAP - 2] == 0).all()  # the last column is there


def test_a_table_of_pictures_has_its_heads_outside():
    def tile(level, channels=3):
        return flat(level, height=64, width=48)[0, ..., :channels]

    inside = [[tile(-1, 1), tile(0, 1)], [tile(0), tile(1)], [tile(1), tile(-1)]]
    made = grids.crossed(inside, rows=[tile(0), tile(1), tile(-1)], columns=[tile(1), tile(-1)])
    assert made.shape == (4 * 67 + GAP, 3 * 51 + GAP, 3)
    centres = made[GAP + 32 :: 67, GAP + 24 :: 51]
    assert centres[0, 0].tolist() == list(grids.BACKGROUND)
    levels = [[grids.BACKGROUND[0], 255, 0], [128, 0, 128], [255, 128, 255], [0, 255, 0]]
    assert centres[..., 0].tolist() == levels


def test_grid_names_what_is_wrong():
    with pytest.raises(ValueError, match=r"at least one picture in each row, got \{\}"):
        grids.grid({})
    with pytest.raises(ValueError, match=r"'fake_b': \(0, 64, 64, 3\)"):
        grids.grid({"real_a": flat(0), "fake_b": flat(0, count=0)})
    with pytest.raises(ValueError, match="got 1 rows of 2000 tiles; show fewer"):
        grids.grid({"a": flat(0, count=2000, height=1, width=1)})


def test_save_png_writes_what_it_was_given(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = tmp_path / "samples" / "train_00000010.png"
    grids.save_png(path, picture)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), picture)
