"""A finished run translates a video, a folder and its test pictures by the command line."""

import av
import numpy as np
import pytest
from PIL import Image

from tests.smoke.runs import launch, picture, run, smoke
from tryon_jax.train import DONE


@pytest.mark.slow
def test_a_run_translates_videos_and_writes_strips(tmp_path):
    workdir = tmp_path / "run"
    assert run(smoke("ugatit"), workdir) == DONE
    (tmp_path / "in").mkdir()
    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "in" / "one.png")
    with av.open(str(tmp_path / "in" / "clip.mkv"), "w") as file:
        stream = file.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(5):
            moved = np.roll(photo, number, axis=1)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(moved)))
        file.mux(stream.encode(None))

    command = ("--mode=infer", f"--workdir={workdir}")
    folder = (f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'out'}", "--side_by_side")
    done = launch(*command, *folder)
    assert done.returncode == 0, done.stderr
    assert "5 frames, 24 frames/s, no sound" in done.stdout
    assert picture(tmp_path / "out" / "one.png").shape == (48, 128, 3)
    with av.open(str(tmp_path / "out" / "clip.mkv")) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == 5 and frames[0].shape == (48, 128, 3)
    assert np.abs(frames[0][:, 64:].astype(int) - frames[0][:, :64]).mean() > 5
    assert launch(*command, *folder).returncode == 2  # nothing is replaced unasked

    done = launch(*command, "--strips", f"--output={tmp_path / 'strips'}")
    assert done.returncode == 0, done.stderr
    side = smoke("ugatit").image_size
    found = sorted((tmp_path / "strips" / "a2b").iterdir())
    assert found and picture(found[0]).shape == (7 * side, side, 3)

    (tmp_path / "broken.mp4").write_bytes(b"no video")
    done = launch(*command, f"--input={tmp_path / 'broken.mp4'}", f"--output={tmp_path / 'o.mp4'}")
    assert done.returncode == 3 and "broken.mp4 is no video that can be read" in done.stderr
    done = launch(*command, "--input=camera:97", f"--output={tmp_path / 'o.mp4'}")
    assert done.returncode == 2 and "--input=camera:97" in done.stderr
