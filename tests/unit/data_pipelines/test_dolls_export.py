"""Dolls written as a data set: every file readable, nothing overwritten."""

import json
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from data_pipelines import dolls
from data_pipelines.dolls import __main__ as command
from data_pipelines.dolls.export import FIRST_TEST, FOLDERS


def read(*names):
    with Image.open(pathlib.Path(*names)) as image:
        return image.mode, np.asarray(image), image.getpalette()


def exported(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["dolls", "export", *arguments])
    command.main()


def test_export_writes_a_data_set(tmp_path, monkeypatch, capsys):
    output = tmp_path / "set"
    sizes = ("--height=64", "--width=48")
    exported(monkeypatch, f"--output={output}", "--train=2", "--test=3", *sizes)
    assert "2 training pairs and 3 test persons" in capsys.readouterr().out
    assert sorted(p.name for p in (output / "train").iterdir()) == sorted(FOLDERS)
    assert (output / "train_pairs.txt").read_text().split("\n")[0] == "000001_0.jpg 000001_1.jpg"
    pairs = [line.split() for line in (output / "test_pairs.txt").read_text().splitlines()]
    assert len(pairs) == 3 and all(a[:6] != b[:6] for a, b in pairs)
    test = output / "test"
    for person, cloth in pairs:
        name = person.removesuffix(".jpg")
        mode, parse, palette = read(test, "image-parse", f"{name}.png")
        assert mode == "P" and palette[39:42] == [0, 0, 254]
        fuller, body = (
            read(test, folder, f"{name}.png")[1] for folder in ("image-parse-new", "image-mask")
        )
        assert (parse[fuller == 20] == 0).all() and (fuller == 20).any()
        assert ((fuller > 0) == (body == 255)).all()
        pose = json.loads((test / "pose" / f"{name}_keypoints.json").read_text())
        assert len(pose["people"][0]["pose_keypoints"]) == 54
        mode, mask, _ = read(test, "cloth-mask", cloth)
        assert mode == "L" and mask.shape == (64, 48)
        pair = f"{name}+{cloth.removesuffix('.jpg')}.png"
        assert read(test, "truth", pair)[0] == "RGB" and read(test, "truth-mask", pair)[0] == "L"
    first, second = (dolls.doll(FIRST_TEST + i) for i in range(2))
    truth = dolls.figure(dolls.dressed(first, dolls.top_of(second)), height=64, width=48).picture
    np.testing.assert_array_equal(read(test, "truth", "000003_0+000004_1.png")[1], truth)


def test_export_overwrites_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit):
        exported(monkeypatch, f"--output={tmp_path}", "--train=1", "--test=2")
    assert f"{tmp_path} is not an empty folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        exported(monkeypatch, f"--output={tmp_path / 'new'}", "--train=1", "--test=1")
    assert "got train 1 and test 1" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
