"""Distances of garments and of skin, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tryon_jax.metrics import garments

SIZE = (32, 24)


def dressed(colour, *, x=4, y=6, w=10, h=14):
    """A garment of one colour on black, and its mask."""
    picture = np.full((1, *SIZE, 3), -1, np.float32)
    mask = np.full((1, *SIZE, 1), -1, np.float32)
    picture[:, y : y + h, x : x + w] = colour
    mask[:, y : y + h, x : x + w] = 1
    return picture, mask


colours, texture = jax.jit(garments.colours), jax.jit(garments.texture)


def test_colours_of_garments():
    red, moved, blue = dressed((1, -1, -1)), dressed((1, -1, -1), x=9, h=20), dressed((-1, -1, 1))
    assert float(colours(*red, *moved)[0]) == pytest.approx(0, abs=1e-6)
    assert float(colours(*red, *blue)[0]) == pytest.approx(1)
    half = dressed((1, -1, -1))
    half[0][:, 13:20, 4:14] = (-1, -1, 1)
    # of 60 rows of the patch inside of both masks, 28 stay red; 4 lie between both colours
    assert float(colours(*red, *half)[0]) == pytest.approx(32 / 60, abs=1e-4)
    nothing = np.full_like(red[1], -1)
    assert float(colours(red[0], nothing, *red)[0]) == 1
    two = [np.concatenate(pair) for pair in zip(red, blue, strict=True)]
    ones = [np.concatenate([x, x]) for x in red]
    np.testing.assert_allclose(garments.colours(*two, *ones), [0, 1], atol=1e-6)


def test_textures_of_garments():
    plain, striped = dressed((0, 0, 0)), dressed((0, 0, 0))
    striped[0][:, 6:20:2, 4:14] = 1
    assert float(texture(*plain, *plain)[0]) == pytest.approx(0, abs=1e-6)
    across = dressed((0, 0, 0))
    across[0][:, 6:20, 4:14:2] = 1
    # stripes along differ from stripes across by their slopes alone
    apart = float(texture(*striped, *across)[0])
    assert float(texture(*striped, *plain)[0]) > apart > 0.05
    nothing = np.full_like(plain[1], -1)
    assert float(texture(striped[0], nothing, *striped)[0]) > apart  # no garment is no texture


def test_lab_of_known_colours():
    rgb = jnp.asarray([[1.0, 1, 1], [-1, -1, -1], [1, -1, -1], [-1, 1, -1]])
    want = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [87.74, -86.18, 83.18]]
    np.testing.assert_allclose(garments.lab(rgb), want, atol=0.02)


def test_skin_in_windows_that_count():
    source = np.full((1, 4, 8, 3), 0.2, np.float32)
    made = source.copy()
    made[:, :, 4:] = -1  # the second window is black
    known = np.ones((1, 4, 8, 1), np.float32)
    lightness = float(garments.lab(jnp.float32([0.2, 0.2, 0.2]))[0])
    score = jax.jit(garments.skin)
    assert float(score(made, source, known)[0]) == pytest.approx(lightness / 2, rel=1e-3)
    known[:, :, 4:] = -1
    assert float(score(made, source, known)[0]) == pytest.approx(0, abs=1e-3)
    assert np.isnan(score(made, source, -np.abs(known))[0])
