"""Every wrong input: one message that names the value, the rule and the repair; its exit code."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from data_pipelines.prepare import DataError
from tests.smoke.runs import launch, run, smoke
from tryon_jax import checkpoint, record, setup, stopping
from tryon_jax import train as training


def make_pictures(root, **counts):
    rng = np.random.default_rng(0)
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, (40, 44, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{i}.png")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "--mode=train needs a config, such as --config=configs/ugatit.py:demo"),
        (["--config=configs/ugatit.py:huge"], 2, "variants full, light, demo, smoke; got 'huge'"),
        (["--config=configs/nowhere.py"], 2, "configs/nowhere.py"),
        (["--config=configs/ugatit.py:smoke", "--config.stepz=3"], 2, "stepz"),
        (["--config=configs/ugatit.py:smoke", "--config.steps=many"], 2, "many"),
        (["--colour=red"], 2, "colour"),
        (["--config=configs/ugatit.py:smoke", "train"], 2, "unknown arguments ['train']"),
        (["--config=configs/ugatit.py:smoke", "--require=tpu"], 2, "--require=tpu, but JAX found"),
        (["--mode=infer"], 2, "needs the folder of a run: --workdir=runs/NAME"),
        (
            ["--mode=infer", "--input=README.md", "--output=x.png", "--workdir=/nowhere"],
            2,
            "no run in /nowhere",
        ),
        (
            ["--config=configs/ugatit.py:smoke", "--config.data.root=/nowhere"],
            3,
            "data.root=/nowhere does not exist",
        ),
    ],
)
def test_the_command_line_refuses(arguments, code, message, tmp_path):
    done = launch(*arguments, *([] if "--mode=infer" in arguments else [f"--workdir={tmp_path}"]))
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_try_on_set_is_told_at_once(wardrobe, tmp_path):
    """One message for a missing cloth, a half-copied picture, strange colours, nobody's pose."""
    root = shutil.copytree(wardrobe, tmp_path / "set")
    (root / "train" / "cloth" / "000001_1.jpg").unlink()
    photograph = root / "train" / "image" / "000002_0.jpg"
    photograph.write_bytes(photograph.read_bytes()[:-200])
    parse = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    Image.fromarray(parse).save(root / "train" / "image-parse" / "000003_0.png")
    (root / "test" / "pose" / "000005_0_keypoints.json").write_text('{"people": []}')
    work = tmp_path / "work"
    fields = ["--config=configs/cpvton.py:gmm-smoke", f"--config.data.root={root}"]
    done = launch(*fields, f"--workdir={work}")
    assert done.returncode == 3, done.stderr
    for message in (
        "4 things are wrong with the data of this run",
        "train/cloth: 1 of 4 missing: 000001_1.jpg; put them there, or take their lines out",
        "train/image: 1 of 4 unreadable or half-copied: 000002_0.jpg",
        "train/image-parse: 1 of 4 hold no LIP labels: 000003_0.png",
        "test/pose: 1 of 4 hold no pose: 000005_0_keypoints.json (OpenPose found no person",
    ):
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(work.iterdir())


def test_options_of_translation_are_none_of_a_try_on(staged, tmp_path):
    options = ["--person=doll_1", "--cloth=doll_2", "--direction=ba", f"--output={tmp_path}/a.png"]
    done = launch("--mode=infer", f"--workdir={staged}", *options)
    assert done.returncode == 2
    assert "error: --direction: --mode=infer of a run of cpvton_tom takes --output" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"precision": "float8"}, "precision must be one of float32, bfloat16; got 'float8'"),
        ({"steps": 0}, "steps must be 1 or more, got 0"),
        ({"system": "cyclegam"}, "there is no tryon_jax.systems.cyclegam"),
        ({"data__pipeline": "paired"}, "there is no data_pipelines.paired"),
        ({"batch_size": 3, "accumulate": 2}, "multiple of 1 devices x accumulate=2"),
        ({"weights__gen": {"adv": 1.0}}, "losses without a weight"),
        ({"weights__disc": {"adv": 1.0, "style": 1.0}}, "weights without a loss"),
        ({"optim__policy": "warm"}, "optim.policy must be one of"),
        ({"model__generator": "vit"}, "model.generator must be one of resnet_9blocks"),
        ({"model__gan_mode": "wgan"}, "gan mode must be one of lsgan"),
        ({"model__norm": "layer"}, "norm must be one of instance, batch, none; got 'layer'"),
        ({"model__init_type": "zeros"}, "init_type must be one of pytorch"),
        ({"model__disc_layers": 5}, "fewer discriminator layers"),
        ({"model__generator": "unet_128"}, "multiples of 128, got 32 x 32"),
        ({"ema__decay": 1.0}, "ema.decay must be in [0, 1), got 1.0"),
        ({"report__scalars": 0}, "report.scalars must be 1 or more, got 0"),
        ({"report__metrics": -1}, "report.metrics must be 0 (no scores) or steps"),
        (
            {"checkpoint__best": "ab_kid"},
            "checkpoint.best=ab_kid needs scores: set --config",
        ),
        (
            {"checkpoint__best": "ab_kid", "report__metrics": 2},
            "checkpoint.best=ab_kid must be one of ab_copy_ssim, ",
        ),
    ],
)
def test_a_config_that_makes_no_run(fields, message, tmp_path):
    with pytest.raises(setup.UsageError) as refused:
        run(smoke("cyclegan", **fields), tmp_path)
    assert message in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("stage", "fields", "message"),
    [
        (
            "gmm",
            {"model__gmm__halvings": 5},
            "a GMM with 5 halvings needs sides that are multiples",
        ),
        (
            "gmm",
            {"model__gmm__matches": "shape"},
            "matches must be one of cloth, mask; got 'shape'",
        ),
        ("gmm", {"model__gmm__mask_padding": "grey"}, "must be one of border, zeros; got 'grey'"),
        ("gmm", {"model__gmm__lattice": (1, 5)}, "2 nodes or more along each side, got (1, 5)"),
        ("tom", {"model__tom__halvings": 5}, "a U-Net with 5 halvings needs sides"),
        ("tom", {"model__tom__features": "vgg11"}, "one of vgg16, vgg19; got 'vgg11'"),
        ("tom", {"model__tom__mask_target": "black"}, "one of warped, worn, ones; got 'black'"),
        ("tom", {"model__tom__upsampling": "cubic"}, "one of bilinear, nearest; got 'cubic'"),
        ("tom", {"frozen": {"gmm": ""}}, "nobody trains vgg: config.frozen must say where"),
        ("tom", {"weights__tom": {"l1": 1.0}}, "losses without a weight"),
    ],
)
def test_a_try_on_config_that_makes_no_run(stage, fields, message, tmp_path):
    with pytest.raises(setup.UsageError) as refused:
        run(smoke("cpvton", stage=stage, **fields), tmp_path)
    assert message in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_too_small_pictures_for_a_global_discriminator(tmp_path):
    with pytest.raises(setup.UsageError, match="too small to be reflected"):
        run(smoke("ugatit", model__global_layers=7), tmp_path)


def test_data_are_refused_before_anything_is_written(tmp_path):
    make_pictures(tmp_path / "set", trainA=2, train_B=2)
    config = smoke("cyclegan", data__root=str(tmp_path / "set"))
    with pytest.raises(DataError, match=r"trainB.*train_B.*--config\.data\.train_b=train_B"):
        run(config, tmp_path / "work")
    assert not list((tmp_path / "work").iterdir())


def test_another_config_in_the_folder_stops_with_the_difference(tmp_path):
    record.write(tmp_path, smoke("cyclegan"))
    with pytest.raises(record.WorkdirError, match=r"optim\.lr: 0\.0002 in the folder, 0\.1 now"):
        run(smoke("cyclegan", optim__lr=0.1), tmp_path)


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "work").write_text("not a folder")
    with pytest.raises(record.WorkdirError, match="cannot write to the workdir"):
        run(smoke("cyclegan"), tmp_path / "work")


def test_a_number_that_is_not_finite_stops_with_its_name_and_keeps_the_checkpoint(tmp_path):
    """A learning rate of 1e30 at the third step: the second step's checkpoint stays."""
    config = smoke("cyclegan", optim__lr=1e30, report__scalars=2, checkpoint__steps=1)
    with pytest.raises(stopping.NonFiniteError, match=r"not finite at step \d: .*gen_") as stopped:
        run(config, tmp_path)
    first = int(str(stopped.value).split("step ")[1].split(":")[0])
    _, steps = checkpoint.saved_steps(tmp_path)
    assert all(step < first for step in steps)


def test_an_unreadable_picture_is_skipped_counted_and_shown(tmp_path, capsys):
    make_pictures(tmp_path / "set", trainA=3, trainB=3, testA=1, testB=1)
    (tmp_path / "set" / "trainA" / "1.png").write_bytes(b"broken")
    config = smoke("cyclegan", data__root=str(tmp_path / "set"))
    assert run(config, tmp_path / "work") == training.DONE
    assert "1.png" in capsys.readouterr().err
    last = json.loads((tmp_path / "work" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["pictures_skipped"] == 1


def test_dry_run_says_what_it_needs_and_writes_nothing(tmp_path, capsys):
    workdir = tmp_path / "work"
    assert run(smoke("cyclegan"), workdir, dry_run=True) == training.DONE
    said = capsys.readouterr().err
    assert "forecast:" in said and "GFLOP a step" in said and "for 4 steps" in said
    assert not workdir.exists()
