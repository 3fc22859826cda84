"""What a command names, as pairs of persons and garments."""

import pytest

from data_pipelines.viton_files import Pair
from tryon_jax import pairing
from tryon_jax.setup import UsageError


class Data:
    """A test set of two persons and three garments."""

    def persons(self):
        return ["p1.jpg", "p2.jpg"]

    def cloths(self):
        return ["c1.jpg", "c2.jpg", "c3.jpg"]


class Nothing:
    def persons(self):
        return []

    cloths = persons


@pytest.fixture
def folder(tmp_path):
    for name in ("b_0.jpg", "a_0.png", "notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


def crossed(person, cloth, *, data=None, worn=""):
    return pairing.crossed(data or Data(), person=person, cloth=cloth, worn=worn)


class TestCrossed:
    def test_one_and_one(self):
        assert crossed("me.jpg", "shirt.jpg") == [Pair("me.jpg", "shirt.jpg")]
        assert crossed("me.jpg", "shirt.jpg", worn="old.jpg") == [
            Pair("me.jpg", "shirt.jpg", "old.jpg")
        ]

    def test_each_person_meets_each_garment_person_by_person(self):
        found = crossed("x, y", "all")
        assert [pair[:2] for pair in found] == [
            (person, cloth) for person in "xy" for cloth in Data().cloths()
        ]
        assert {pair.worn for pair in found} == {""}

    def test_folders_and_repetitions(self, folder):
        found = crossed("all", f"{folder},{folder / 'b_0.jpg'}")
        assert [pair.person for pair in found] == ["p1.jpg", "p1.jpg", "p2.jpg", "p2.jpg"]
        garments = [str(folder / "a_0.png"), str(folder / "b_0.jpg")]
        assert [pair.cloth for pair in found] == garments * 2

    def test_a_file_whose_name_has_a_comma(self, tmp_path):
        path = tmp_path / "a,b.jpg"
        path.touch()
        assert crossed(str(path), "c") == [Pair(str(path), "c")]

    def test_what_each_person_wears(self, folder):
        assert [pair.worn for pair in crossed("x,y", "c,d", worn="u,v")] == ["u", "u", "v", "v"]
        for name in ("b_1.png", "a_0.jpg"):  # N_1 for N_0, or the person's own name
            (folder / "own" / name).parent.mkdir(exist_ok=True)
            (folder / "own" / name).touch()
        found = crossed("b_0.jpg,a_0", "c", worn=str(folder / "own"))
        own = folder / "own"
        assert [pair.worn for pair in found] == [str(own / "b_1.png"), str(own / "a_0.jpg")]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"person": "all", "data": Nothing()}, r"--person=all has no test set in this run"),
            ({"cloth": "{}/none"}, r"--cloth=.*none holds no pictures: name pictures, or a folder"),
            ({"person": "x,y", "worn": "u"}, r"--worn=u names 1 garments for 2 persons: name one"),
            ({"person": "x", "worn": "u,v"}, r"--worn=u,v names 2 garments for 1 persons"),
            ({"person": "z_0", "worn": "{}"}, r"holds no picture z_0 or z_1: it must have one"),
        ],
    )
    def test_refusals(self, folder, options, message):
        (folder / "none").mkdir()
        given = {"person": "x", "cloth": "c"} | options
        given = {k: v.format(folder) if isinstance(v, str) else v for k, v in given.items()}
        with pytest.raises(UsageError, match=message):
            crossed(**given)


class TestListed:
    def test_two_and_three_columns(self, tmp_path):
        path = tmp_path / "list.txt"
        path.write_text("a b\n\na c w\na b\n")
        assert pairing.listed(str(path), columns=(2, 3)) == [Pair("a", "b"), Pair("a", "c", "w")]
        with pytest.raises(
            UsageError, match=r"two names a line, a person's and a cloth's: correct line 3 \(a c w"
        ):
            pairing.listed(str(path), columns=(2,))
        path.write_text("a b c d\n")
        with pytest.raises(
            UsageError, match=r"\(a third may name the cloth worn\): correct line 1"
        ):
            pairing.listed(str(path), columns=(2, 3))

    def test_no_such_file(self):
        with pytest.raises(UsageError, match=r"--pairs=some must be same, other, or a file"):
            pairing.listed("some", columns=(2,))


def test_names_must_differ():
    pairing.check_names(["a+b", "a+c"])
    with pytest.raises(UsageError, match=r"1 names stand for several pairs, such as a\+b"):
        pairing.check_names(["a+b", "a+c", "a+b"])
