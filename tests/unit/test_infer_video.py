"""Which videos, folders and cameras `--mode=infer` takes, and where it writes them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.clips import invert, make, run, seconds
from tryon_jax import infer, infer_video, video
from tryon_jax.infer_video import Job
from tryon_jax.setup import UsageError


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make(tmp_path_factory.mktemp("clip") / "clip.mp4")


def test_names_of_what_is_written(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("b.mov", "a.MP4", "deep/c.avi", ".hidden.mp4", "d.txt"):
        (tmp_path / "in" / name).touch()
    jobs = infer_video.jobs_in(tmp_path / "in", Path("out"))
    names = [(job.source.name, job.target.as_posix()) for job in jobs]
    assert names == [("a.MP4", "out/a.MP4"), ("b.mov", "out/b.mov"), ("c.avi", "out/deep/c.mp4")]
    (tmp_path / "in" / "deep" / "c.ts").touch()
    with pytest.raises(UsageError, match=r"c\.avi and .*c\.ts would both be written to out/deep"):
        infer_video.jobs_in(tmp_path / "in", Path("out"))
    assert infer_video.job(Path("x.avi"), tmp_path).target == tmp_path / "x.mp4"
    assert infer_video.job(0, tmp_path).target == tmp_path / "camera.mp4"
    with pytest.raises(UsageError, match=r"--output=out\.avi must end like a video, \.mp4 "):
        infer_video.job(Path("x.avi"), Path("out.avi"))


def test_nothing_is_replaced_unasked(tmp_path):
    (tmp_path / "in.mp4").touch()
    (tmp_path / "out.mp4").touch()
    job = Job(tmp_path / "in.mp4", tmp_path / "out.mp4")
    with pytest.raises(UsageError, match=r"out\.mp4 exists: add --overwrite"):
        infer_video.free([job], overwrite=False)
    infer_video.free([job], overwrite=True)
    with pytest.raises(UsageError, match="would be written onto itself"):
        infer_video.free([job._replace(target=job.source)], overwrite=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "out.png"}, r"--output=out\.png must end like a video, \.mp4 "),
        ({"output": ""}, "needs --input=PICTURE, VIDEO, FOLDER or camera, and --output="),
        ({"face": "paste"}, r"--face=paste needs points .* a video \(.*clip\.mp4\) has none"),
        ({"input": "no.mp4"}, r"--input=no\.mp4 does not exist"),
        ({"input": "camera:x"}, "a camera has a number"),
        ({"strips": True}, "--input: --strips shows the run's test pictures in both directions"),
    ],
)
def test_infer_refuses_before_it_looks_for_networks(clip, options, message):
    given = infer.Options(str(clip), "out.mp4")._replace(**options)
    with pytest.raises(UsageError, match=message):
        infer.infer("nowhere", given)


def test_a_folder_may_hold_pictures_and_videos(clip, tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.mp4").touch()
    jobs, videos = infer._jobs(infer.Options(str(tmp_path), "out"))
    assert jobs == [(tmp_path / "a.png", Path("out/a.png"))]
    assert videos == [Job(tmp_path / "b.mp4", Path("out/b.mp4"))]


@pytest.mark.parametrize(("size", "shape"), [(0, (3, 24, 32, 3)), (16, (3, 16, 16, 3))])
def test_a_stack_of_pictures_is_translated_as_each_alone(size, shape):
    """Padded or resized, there and back."""
    pictures = np.random.default_rng(0).integers(0, 256, (3, 21, 30, 3), dtype=np.uint8)
    seen = []

    def negative(x):
        seen.append(x.shape)
        return -x

    together = infer.translated(negative, pictures, size=size, multiple=4)
    alone = [infer.translated(np.negative, x[None], size=size, multiple=4)[0] for x in pictures]
    np.testing.assert_array_equal(together, np.stack(alone))
    assert seen == [shape]
    if not size:
        np.testing.assert_array_equal(together, 255 - pictures)


def test_cameras_have_numbers():
    given = ("camera", "camera:0", "camera:12", "cameras", "camera.mp4", "x/camera:1")
    assert [infer_video.camera_number(x) for x in given] == [0, 0, 12, None, None, None]
    for wrong in ("camera:front", "camera:", "camera:-1"):
        with pytest.raises(UsageError, match=f"--input={wrong}: a camera has a number"):
            infer_video.camera_number(wrong)


def test_no_camera_is_a_message():
    with pytest.raises(UsageError, match=r"--input=camera:97: .*plug one in"):
        video.camera(97)


def test_a_recording_ends_when_told(tmp_path, monkeypatch, capsys):
    """FFmpeg's test picture stands in for a camera; it would never end."""
    pattern = ("testsrc=size=64x48:rate=10", "lavfi")
    monkeypatch.setattr(
        video, "camera", lambda number: video.Reader(Path("camera:0"), device=pattern)
    )
    stops = []

    class Stop:
        told = False

        def __enter__(self):
            stops.append(self)
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(infer_video, "Stop", Stop)

    def translate(pictures):
        assert len(pictures) == 1  # no frame waits for others
        stops[0].told = next(counter) == 7
        return invert(pictures)

    counter = iter(range(1, 100))
    run(0, tmp_path / "out.mp4", translate=translate)
    told = capsys.readouterr()
    assert "camera:0: Ctrl-C ends the recording" in told.err and "no sound" in told.out
    np.testing.assert_allclose(seconds(tmp_path / "out.mp4"), np.arange(7) / 10, atol=1e-4)


def test_without_pyav_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match="pip install av"):
        video.Reader(Path("x.mp4"))


def test_a_network_on_a_gpu_gets_several_frames(clip, monkeypatch):
    with video.Reader(clip) as reader:
        assert infer_video.batch_size(reader, size=256) == 1
        monkeypatch.setattr(infer_video.jax, "default_backend", lambda: "gpu")
        sizes = [infer_video.batch_size(reader, size=size) for size in (0, 256, 1024, 4096)]
    assert sizes == [8, 8, 2, 1]
