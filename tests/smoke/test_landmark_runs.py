"""Runs that find landmarks: scored, asked for pictures, and made from a file of the original."""

import json

import numpy as np
import pytest
from PIL import Image

from data_pipelines import dolls
from tests.golden.landmark_networks import torch_shapes
from tests.smoke.runs import picture, run, smoke
from tests.unit.port.torch_writer import whole, write_zip
from tryon_jax import adopt, evaluate, locate, setup
from tryon_jax.landmark_layouts import garment_layout
from tryon_jax.landmark_tables import COCO17
from tryon_jax.port import hrnet
from tryon_jax.systems import landmarks
from tryon_jax.train import DONE
from tryon_jax.weights import trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory):
    """Finished smoke runs of both configs."""
    made = {}
    for name in ("landmarks_human", "landmarks_garment"):
        made[name] = tmp_path_factory.mktemp(name)
        assert run(smoke(name, steps=2), made[name]) == DONE
    return made


def test_it_is_scored(workdirs, capsys):
    assert evaluate.evaluate(workdirs["landmarks_human"]) == DONE
    printed = capsys.readouterr().out
    assert "test boxes" in printed and "pck_trunk@0.1" in printed
    table = json.loads((workdirs["landmarks_human"] / "metrics.json").read_text())["scores"]
    numbers = table["test"]["all"]
    assert numbers["n"] == 128
    for name in ("pck_box@0.1", "pck_upstream@0.5", "pck_fixed@0.5", "oks", "ap", "ar"):
        assert 0 <= numbers[name] <= 1
    assert numbers["pck_box@0.05"] <= numbers["pck_box@0.1"] and numbers["ne"] > 0


def test_kinds_of_garments_are_scored_apart(workdirs):
    assert evaluate.evaluate(workdirs["landmarks_garment"]) == DONE
    path = workdirs["landmarks_garment"] / "metrics.json"
    table = json.loads(path.read_text())["scores"]["test"]
    assert set(table) == {"all", "trousers", "shorts"}
    assert table["all"]["n"] == table["trousers"]["n"] + table["shorts"]["n"]
    assert "pck_trunk@0.1" not in table["all"]


def test_it_finds_landmarks_in_pictures(workdirs, tmp_path, capsys):
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    for i, name in enumerate(("one.png", "two.jpg", "deep/three.png")):
        Image.fromarray(dolls.draw(i, seed=0, style="photo", size=96)).save(source / name)
    (source / "two.json").write_text('{"box": [20, 10, 50, 80]}')
    options = locate.Options(str(source), str(target))
    assert locate.locate(workdirs["landmarks_human"], options) == DONE
    assert "found landmarks in 3 pictures" in capsys.readouterr().out
    listed = json.loads((target / "two.json").read_text())
    assert listed["box"] == [20, 10, 50, 80] and tuple(listed["landmarks"]) == COCO17
    assert picture(target / "deep" / "three.png").shape == (96, 96, 3)
    whole_file = json.loads((target / "landmarks.json").read_text())
    names = {image["file_name"] for image in whole_file["images"]}
    assert names == {"one.png", "two.jpg", "deep/three.png"}
    assert [len(row["keypoints"]) for row in whole_file["annotations"]] == [51] * 3
    with pytest.raises(setup.UsageError, match="exists"):
        locate.locate(workdirs["landmarks_human"], options)


def test_a_garment_s_category_may_be_told(workdirs, tmp_path):
    Image.fromarray(dolls.draw(0, seed=0, style="photo", size=64)).save(tmp_path / "a.png")
    for known, message in (({"category": 9}, "9 is none of"), ({"box": [1, 2]}, "box must be")):
        (tmp_path / "a.json").write_text(json.dumps(known))
        options = locate.Options(str(tmp_path / "a.png"), str(tmp_path / "out"), overwrite=True)
        with pytest.raises(ValueError, match=message):
            locate.locate(workdirs["landmarks_garment"], options)
    (tmp_path / "a.json").write_text('{"category": 7}')
    assert locate.locate(workdirs["landmarks_garment"], options) == DONE
    listed = json.loads((tmp_path / "out" / "a.json").read_text())
    assert listed["object"] == "shorts" and len(listed["landmarks"]) == 10


def test_a_file_of_the_original_becomes_a_run(tmp_path):
    config = smoke("landmarks_garment")
    net = landmarks.built(config.model.garment.to_dict(), garment_layout((8, 7)))
    plan = hrnet.Plan(net.modules, net.blocks, net.bottlenecks, net.head)
    rng = np.random.default_rng(0)
    tensors = {
        key: rng.normal(size=shape).astype(np.float32)
        for key, shape in torch_shapes(net, hrnet.hrnet_rules(plan)).items()
    }
    file = write_zip(tmp_path / "net.pth", {key: whole("Float", x) for key, x in tensors.items()})
    assert adopt.adopt(config, workdir=tmp_path / "run", file=str(file)) == 0
    state = trained(tmp_path / "run").state
    kernel = state.params["garment"]["last"]["kernel"]
    wanted = tensors["final_layer.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(kernel, wanted)
    mean = state.variables["batch_stats"]["garment"]["stem_1"]["norm"]["mean"]
    np.testing.assert_array_equal(mean, tensors["bn1.running_mean"])
