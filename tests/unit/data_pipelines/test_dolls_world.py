"""The dolls' world for try-on: what a figure, a flat garment and a warp say fits together."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from data_pipelines import dolls
from data_pipelines.dolls import mesh
from data_pipelines.dolls.drawn import Drawn
from data_pipelines.dolls.garment import Print
from data_pipelines.dolls.prints import print_marks
from data_pipelines.dolls.shapes import Strip, shortened
from data_pipelines.dolls.subsets import OCCLUDED, covered

SIZE = {"height": 128, "width": 96}
LABELS = {0, 2, 5, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19}


class Inkless(Drawn):
    """The drawing's flat colours alone."""

    def _ink(self, canvas, lines, *, share):
        pass


@pytest.fixture
def inkless(monkeypatch):
    monkeypatch.setitem(dolls.STYLES, "inkless", Inkless())
    return "inkless"


def dress():
    outfits = (dolls.doll(index, kind="any").outfit for index in range(100))
    return next(outfit.garments[0] for outfit in outfits if len(outfit.garments) == 1)


def sampled(image, warp):
    """Bilinear samples of [H, W] or [H, W, 3] at coordinates in [-1, 1], zero outside."""
    height, width = image.shape[:2]
    image = image.reshape(height, width, -1).astype(float)
    inside = (np.abs(warp) <= 1).all(axis=-1, keepdims=True)
    x, y = (np.clip(warp, -1, 1) + 1).transpose(2, 0, 1) / 2
    x, y = x * (width - 1), y * (height - 1)
    left = np.minimum(x.astype(int), width - 2)
    top = np.minimum(y.astype(int), height - 2)
    x, y = (x - left)[..., None], (y - top)[..., None]
    above = image[top, left] * (1 - x) + image[top, left + 1] * x
    below = image[top + 1, left] * (1 - x) + image[top + 1, left + 1] * x
    return (above * (1 - y) + below * y) * inside


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def grown(mask, pixels):
    image = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * pixels + 1))) > 0


def test_same_number_gives_the_same_world():
    first, again = (dolls.doll(5, seed=2) for _ in range(2))
    assert first == again
    assert first != dolls.doll(6, seed=2) and first != dolls.doll(5, seed=3)
    garment = dolls.top_of(first)
    for one, other in [
        (dolls.figure(first, **SIZE), dolls.figure(again, **SIZE)),
        (dolls.flat(garment, **SIZE), dolls.flat(garment, **SIZE)),
        (dolls.worn(first, garment, **SIZE), dolls.worn(again, garment, **SIZE)),
        (dolls.landmarks(first, garment, **SIZE), dolls.landmarks(again, garment, **SIZE)),
    ]:
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


def test_figure_of_any_doll_is_its_drawing_but_for_the_print():
    gaps = {"plain": [], "printed": []}
    for index in range(16):
        doll = dolls.doll(index, seed=1, kind="any")
        seen = dolls.figure(doll, height=64, width=64).picture.astype(float)
        gap = np.abs(seen - dolls.draw(index, seed=1, style="photo", size=64)).mean()
        plain = all(garment.print.kind == "plain" for garment in doll.outfit.garments)
        gaps["plain" if plain else "printed"].append(gap)
    assert len(gaps["plain"]) > 1 and max(gaps["plain"]) < 0.2
    assert len(gaps["printed"]) > 1 and max(gaps["printed"]) < 3


def test_try_on_dolls_wear_a_top_and_something_below():
    for index in range(40):
        above, below = dolls.doll(index).outfit.garments
        assert above.category == "top" and above == dolls.top_of(dolls.doll(index))
        assert below.category in ("trousers", "shorts", "skirt")


@pytest.mark.parametrize("size", [(64, 48), (128, 96), (100, 130)])
def test_parse_and_body_fit_the_picture(size):
    seen = dolls.figure(dolls.doll(3), height=size[0], width=size[1])
    assert seen.picture.shape == (*size, 3) and seen.picture.dtype == np.uint8
    assert seen.parse.shape == size == seen.body.shape
    assert seen.parse.dtype == np.uint8 and set(np.unique(seen.parse)) <= LABELS
    assert set(np.unique(seen.body)) == {0, 255}
    assert (seen.body[seen.parse > 0] == 255).all()
    assert {2, 5, 13, 14, 15} <= set(np.unique(seen.parse))


def test_left_and_right_are_the_dolls_own():
    seen = dolls.figure(dolls.doll(0), **SIZE)
    columns = {label: np.nonzero(seen.parse == label)[1].mean() for label in (13, 14, 15)}
    assert columns[15] < columns[13] < columns[14]
    right, left = seen.keypoints[2], seen.keypoints[5]
    assert right[0] < left[0]


@pytest.mark.parametrize("index", range(6))
def test_keypoints_lie_on_the_body(index):
    seen = dolls.figure(dolls.doll(index), **SIZE)
    assert seen.keypoints.shape == (18, 3) and seen.keypoints.dtype == np.float32
    found = seen.keypoints[:, 2] > 0
    assert (seen.keypoints[found, 2] == 1).all() and (seen.keypoints[~found] == 0).all()
    assert found[:8].all()
    columns, rows = np.round(seen.keypoints[found, :2]).astype(int).T
    assert (seen.body[rows, columns] == 255).all()


@pytest.mark.parametrize("style", ["photo", "drawn"])
def test_flat_garment_lies_on_white(style):
    for garment in (*dolls.doll(2).outfit.garments, dress()):
        picture, mask = dolls.flat(garment, **SIZE, style=style)
        assert set(np.unique(mask)) == {0, 255} and 0.1 < (mask > 0).mean() < 0.9
        assert (picture[~grown(mask > 0, 2)] == 255).all()
        rows, columns = np.nonzero(mask)
        assert (
            abs(rows.min() + rows.max() - 127) <= 2 and abs(columns.min() + columns.max() - 95) <= 2
        )
        assert max(np.ptp(rows) / 128, np.ptp(columns) / 96) > 0.78


def test_warp_carries_the_flat_garment_to_the_doll(inkless):
    errors = []
    for index in range(12):
        doll = dolls.doll(index)
        for garment in doll.outfit.garments:
            seen = dolls.figure(doll, height=256, width=192, style=inkless).picture
            flat = dolls.flat(garment, height=256, width=192, style=inkless)
            visible, whole, warp = dolls.worn(doll, garment, height=256, width=192)
            assert warp.dtype == np.float32 and ((warp == -2).all(axis=-1) == (whole == 0)).all()
            assert (whole[visible > 0] == 255).all()
            carried = sampled(flat.mask, warp)[..., 0] > 127
            assert overlap(carried & (whole > 0), whole > 0) > 0.97
            gap = np.abs(sampled(flat.picture, warp) - seen)[visible > 0]
            if garment.category == "top":
                errors.append(gap.mean())
    assert np.mean(errors) < 4  # of 255; with a warp that is one pixel off it is 6


def spline_overlap(worn, mask):
    """Overlap of the true mask with the flat one under the best spline of 5 x 5 nodes."""
    height, width = worn.whole.shape
    axis = np.linspace(-1, 1, 5)
    nodes = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height)), axis=-1)

    def radial(a, b):
        squared = ((a[:, None] - b) ** 2).sum(axis=-1)
        return squared * np.log(np.maximum(squared, 1e-300))

    affine = np.pad(nodes, ((0, 0), (1, 0)), constant_values=1)
    system = np.block([[radial(nodes, nodes), affine], [affine.T, np.zeros((3, 3))]])
    solved = np.linalg.inv(system)[:, :25]
    flat = grid.reshape(-1, 2)
    basis = np.hstack([radial(flat, nodes), np.ones((len(flat), 1)), flat]) @ solved
    whole = worn.whole > 0
    inner, target = basis[whole.ravel()], worn.warp[whole].astype(float)
    bending = 1e-4 * solved[:25]  # nodes far from the garment follow smoothly
    theta = np.linalg.solve(inner.T @ inner / len(inner) + bending, inner.T @ target / len(inner))
    return overlap(sampled(mask, (basis @ theta).reshape(height, width, 2))[..., 0] > 127, whole)


def test_a_spline_can_follow_the_warp():
    found = []
    for index in range(100, 124):
        doll = dolls.doll(index)
        top = dolls.top_of(doll)
        flat = dolls.flat(top, **SIZE, style="drawn")
        found.append(spline_overlap(dolls.worn(doll, top, **SIZE), flat.mask))
    assert np.mean(found) > 0.94


def test_dressed_changes_the_garment_and_nothing_else():
    for index in range(4):
        doll = dolls.doll(index)
        top = dolls.top_of(dolls.doll(index + 20))
        other = dolls.dressed(doll, top)
        assert other.outfit.garments == (top, doll.outfit.garments[1])
        assert (other.person, other.scene) == (doll.person, doll.scene)
        before, after = (dolls.figure(d, **SIZE, style="drawn") for d in (doll, other))
        touched = np.isin(before.parse, (14, 15)) | np.isin(after.parse, (14, 15))
        for wearer in (doll, other):
            touched |= dolls.worn(wearer, dolls.top_of(wearer), **SIZE).whole > 0
        away = ~grown(touched, 3)
        np.testing.assert_array_equal(before.picture[away], after.picture[away])
        np.testing.assert_array_equal(before.parse[away], after.parse[away])
        assert (before.picture != after.picture).any()
        np.testing.assert_array_equal(before.keypoints, after.keypoints)


def test_dresses_come_and_go():
    doll, gown = dolls.doll(0), dress()
    top, below = doll.outfit.garments
    in_dress = dolls.dressed(doll, gown)
    assert in_dress.outfit.garments == (gown,) and dolls.top_of(in_dress) == gown
    assert 6 in dolls.figure(in_dress, **SIZE).parse
    back = dolls.dressed(in_dress, top)
    assert back.outfit.garments[0] == top
    assert back.outfit.garments[1].category in ("trousers", "shorts", "skirt")
    assert back == dolls.dressed(in_dress, top)
    plain = dolls.dressed(in_dress, below).outfit.garments
    assert plain[0].category == "top" and plain[0].print.kind == "plain" and plain[1] == below
    assert dolls.dressed(doll, plain[1]).outfit.garments == (top, below)


def test_tucked_tops_are_whole_under_the_belt():
    doll = dolls.doll(0)
    doll = replace(doll, outfit=replace(doll.outfit, tucked=True))
    top = dolls.top_of(doll)
    tucked = dolls.worn(doll, top, **SIZE)
    loose_doll = replace(doll, outfit=replace(doll.outfit, tucked=False))
    loose = dolls.worn(loose_doll, top, **SIZE)
    assert (tucked.visible > 0).sum() < 0.85 * (tucked.whole > 0).sum()
    assert overlap(tucked.whole > 0, loose.whole > 0) > 0.85
    assert (loose.visible > 0).sum() > (tucked.visible > 0).sum()


def test_subsets_name_stripes_and_covered_tops():
    found = {index: dolls.subsets(dolls.doll(index)) for index in range(80)}
    for index, names in found.items():
        assert names <= {"stripes", "occluded"}
        striped = dolls.top_of(dolls.doll(index)).print.kind == "stripes"
        assert ("stripes" in names) == striped
    share = np.mean(["occluded" in names for names in found.values()])
    assert 0.05 < share < 0.3
    index = next(i for i, names in found.items() if "occluded" in names)
    doll = dolls.doll(index)
    assert covered(doll) >= OCCLUDED
    arms = tuple(replace(arm, upper=0.2, fore=-0.1) for arm in doll.person.pose.arms)
    calm = replace(doll, person=replace(doll.person, pose=replace(doll.person.pose, arms=arms)))
    assert covered(calm) < OCCLUDED and "occluded" not in dolls.subsets(calm)


def test_cloth_keeps_the_print_of_its_flat_strip():
    edges = np.array([(-1.0, 0.0), (-1.0, 1.0), (-1.0, 2.0)]), np.array([(1.0, 0.0)] * 3)
    edges[1][:, 1] = (0.0, 1.0, 2.0)
    flat = Strip(*edges)
    worn = Strip(*(3.0 * edge for edge in edges), flat=flat)
    assert (worn.length, worn.half_width, worn.widening) == pytest.approx((2.0, 1.0, 3.0))
    u, v = np.array([-1.0, 0.5]), np.array([0.5, 2.0])
    np.testing.assert_allclose(worn.at(u, v), 3.0 * flat.at(u, v))
    np.testing.assert_allclose(worn.stretch(u, v), [3.0 * np.eye(2)] * 2, atol=1e-9)
    np.testing.assert_allclose(flat.stretch(u, v), [np.eye(2)] * 2)
    np.testing.assert_allclose(shortened(flat, 0.5).left, [(-1, 0), (-1, 0.5), (-1, 1)])
    dots = [
        mark.points.mean(axis=0)
        for strip in (flat, worn)
        for mark in print_marks(strip, Print("dots", (0, 0, 0), (0, 0, 0), 0.5, ""))
    ]
    first, second = np.split(np.array(dots), 2)
    np.testing.assert_allclose(second, 3.0 * first, atol=1e-9)


def test_interpolation_by_hand():
    places = np.array([[(0.0, 0.0), (4.0, 0.0)], [(0.0, 4.0), (4.0, 4.0)]])
    values = places * (2.0, 10.0)
    numbers, found = mesh.interpolated(places, values, height=3, width=8)
    y, x = np.divmod(numbers, 8)
    assert set(numbers) == {8 * row + column for row in range(3) for column in range(5)}
    np.testing.assert_allclose(found, np.stack([2.0 * x, 10.0 * y], axis=1), atol=1e-9)
    away, _ = mesh.interpolated(places - 20, values, height=3, width=8)
    assert len(away) == 0
    longer = mesh.extended(places, rows=2)
    np.testing.assert_allclose(longer[:, 0, 1], (-8, -4, 0, 4, 8, 12))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dolls.doll(-1), "index and seed are 0 or more, got -1 and 0"),
        (lambda: dolls.doll(0, kind="hats"), "kind is one of any, try_on, got 'hats'"),
        (lambda: dolls.figure(dolls.doll(0), height=8, width=48), "got height 8 and width 48"),
        (lambda: dolls.figure(dolls.doll(0), **SIZE, style="oil"), "style is one of photo, drawn"),
        (lambda: dolls.flat(dress(), height=64, width=4), "got height 64 and width 4"),
        (lambda: dolls.worn(dolls.doll(0), dress(), **SIZE), "got a dress that is not in it"),
    ],
)
def test_errors_name_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
