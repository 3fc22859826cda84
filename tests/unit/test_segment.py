"""Finding persons: the network's file, what goes into the interpreter, what comes out."""

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data_pipelines import dolls
from tryon_jax.segment import persons


class Interpreter:
    """Answers with the red of its input; demands to be told of new sizes, as the real one does."""

    def __init__(self):
        self.entry = np.zeros((1, 256, 256, 3), np.float32)
        self.ready, self.runs = False, 0

    def get_input_details(self):
        return [{"index": 7}]

    def get_output_details(self):
        return [{"index": 9}]

    def resize_tensor_input(self, index, shape):
        assert index == 7
        self.entry, self.ready = np.zeros(shape, np.float32), False

    def allocate_tensors(self):
        self.ready = True

    def set_tensor(self, index, value):
        assert index == 7 and self.ready and value.dtype == np.float32
        assert value.shape == self.entry.shape
        self.entry = value

    def invoke(self):
        self.runs += 1

    def get_tensor(self, index):
        assert index == 9
        return self.entry[..., :1]


def picture(red, *, height, width):
    """A left half of one red, a right half of black."""
    made = np.zeros((height, width, 3), np.uint8)
    made[:, : width // 2, 0] = red
    made[..., 1] = 200  # must not be seen
    return made


def test_pictures_of_several_sizes_in_one_run():
    interpreter = Interpreter()
    given = [picture(255, height=40, width=90), picture(51, height=300, width=512)]
    made = persons.Persons(interpreter)(given)
    assert interpreter.runs == 1
    for layers, image, level in zip(made, given, (1.0, 0.2), strict=True):
        mask, middle = layers["mask"], image.shape[1] // 2
        assert mask.shape == (*image.shape[:2], 1) and mask.dtype == np.float32
        np.testing.assert_allclose(mask[:, : middle - 4], level, atol=1e-6)
        np.testing.assert_allclose(mask[:, middle + 4 :], 0, atol=1e-6)
        assert mask.min() >= 0 and mask.max() <= 1


def test_batches_of_other_sizes_and_pictures_alone_agree():
    segment = persons.Persons(Interpreter())
    given = [picture(red, height=30, width=20) for red in (10, 100, 250)]
    together = segment(given)
    for image, layers in zip(given, together, strict=True):
        np.testing.assert_array_equal(segment([image])[0]["mask"], layers["mask"])


CONTENT = b"a network"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file that counts as the network's, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(persons, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    path = tmp_path / "selfie.tflite"
    path.write_bytes(CONTENT)
    return path


def wheel(path, members):
    with zipfile.ZipFile(path, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def test_a_file_given_once_is_kept(file):
    with pytest.raises(FileNotFoundError, match=r"pip download mediapipe==0\.10\.21.*--segmenter="):
        persons.find("")
    assert persons.find(file) == CONTENT
    file.unlink()
    assert persons.find("") == CONTENT
    assert persons.cache().parent.name == "tryon_jax"


def test_the_file_is_taken_out_of_the_wheel(file, tmp_path):
    path = wheel(tmp_path / "m.whl", {persons.MEMBER: CONTENT, "mediapipe/__init__.py": ""})
    assert persons.find(path) == CONTENT == persons.cache().read_bytes()


def test_other_files_are_refused_and_not_kept(file, tmp_path):
    file.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"another file than .* SHA-256 is [0-9a-f]{64}, not"):
        persons.find(file)
    with pytest.raises(ValueError, match=r"no wheel that holds .*selfie_segmentation\.tflite"):
        persons.find(wheel(tmp_path / "m.whl", {"numpy/__init__.py": ""}))
    (tmp_path / "torn.whl").write_bytes(b"PK")
    with pytest.raises(ValueError, match="not a zip file"):
        persons.find(tmp_path / "torn.whl")
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "away.whl")):
        persons.find(tmp_path / "away.whl")
    assert not persons.cache().exists()


def test_a_cached_file_that_changed_is_refused(file):
    persons.find(file)
    persons.cache().write_bytes(b"torn")
    with pytest.raises(ValueError, match="another file"):
        persons.find("")
    assert persons.find(file) == CONTENT == persons.cache().read_bytes()


def test_without_the_package_it_says_which(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(FileNotFoundError, match=r'pip install "ai-edge-litert>=2\.3"'):
        persons.load(file)


@pytest.mark.slow
def test_the_real_network_finds_a_doll_and_nobody_on_grey():
    """The file from the cache, or the one that TRYON_SEGMENTER names."""
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    named = os.environ.get("TRYON_SEGMENTER", "")
    if not named and not persons.cache().is_file():
        pytest.skip(f"no selfie_segmentation.tflite in {persons.cache()}; set TRYON_SEGMENTER")
    segment = persons.load(Path(named) if named else "")
    doll = dolls.draw(0, seed=0, style="photo", size=256)
    truth = dolls.silhouette(0, seed=0, size=256) > 127
    grey = np.full((90, 120, 3), 128, np.uint8)
    person, nobody = (layers["mask"] for layers in segment([doll, grey]))
    assert person.shape == (256, 256, 1) and nobody.shape == (90, 120, 1)
    found = person[..., 0] >= 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    assert nobody.max() < 0.1
    np.testing.assert_allclose(segment([doll])[0]["mask"], person, atol=1e-5)
