"""Videos through a function that inverts colours: order, times, rate, sound, size, refusals."""

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from data_pipelines.prepare import DataError
from tryon_jax import infer, infer_video, video
from tryon_jax.infer_video import Job
from tryon_jax.setup import UsageError

COUNT, RATE = 20, Fraction(30000, 1001)
TICKS = [1001 * n for n in range(COUNT)]  # of 1/30000 s
UNEVEN = [1001 * n + (500 if n % 3 == 0 else 0) for n in range(COUNT)]


def picture(number, *, width=64, height=48):
    """Frame n: brighter with n; its upper left corner is yellow."""
    made = np.full((height, width, 3), 40 + 8 * number, np.uint8)
    made[:16, :16] = (255, 255, 0)
    return made


def make(path, *, times=TICKS, sound="aac", codec="libx264", turn=0, size=(64, 48), aspect=None):
    """A short video with a tone of 440 Hz in both channels."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=RATE, options={"g": "5"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv444p" if size[0] % 2 else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30000)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if turn:
            stream.set_display_rotation(turn)
        audio = file.add_stream(sound, rate=48000) if sound else None
        for number, time in enumerate(times):
            made = picture(number, width=size[0], height=size[1])
            frame = av.VideoFrame.from_ndarray(made)
            frame.pts, frame.time_base = time, Fraction(1, 30000)
            file.mux(stream.encode(frame))
        if audio:
            for first in range(0, 32000, 800):
                file.mux(audio.encode(tone(first)))
            file.mux(audio.encode(None))
        file.mux(stream.encode(None))
    return path


def tone(first):
    """800 samples of 440 Hz from one on."""
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(first, first + 800) / 48000)
    samples = np.repeat(wave.astype(np.float32)[None], 2, axis=0)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, first, Fraction(1, 48000)
    return frame


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make(tmp_path_factory.mktemp("clip") / "clip.mp4")


def invert(pictures):
    return 255 - pictures


def run(source, target, *, translate=invert, beside=False):
    """Translates one video."""
    infer_video.translate_videos([Job(source, target)], translate, size=0, beside=beside)
    return target


def seconds(path):
    """The times of the frames."""
    with av.open(str(path)) as file:
        return [frame.time for frame in file.decode(video=0)]


def images(path):
    with video.Reader(path) as reader:
        return np.stack([frame.image for frame in reader.frames()])


def packets(path):
    """The bytes of the sound."""
    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(audio=0) if packet.size]


def pitch(path):
    """The strongest frequency of the sound, and its length in seconds."""
    with av.open(str(path)) as file:
        rate = file.streams.audio[0].rate
        wave = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    strength = np.abs(np.fft.rfft(wave))
    return strength[1:].argmax() * rate / len(wave) + rate / len(wave), len(wave) / rate


def left_over(folder):
    return [path.name for path in folder.iterdir()]


def test_every_frame_is_translated_in_order_and_the_sound_is_untouched(clip, tmp_path, capsys):
    made = run(clip, tmp_path / "out.mp4")
    found, before = images(made).astype(int), images(clip).astype(int)
    assert found.shape == (COUNT, 48, 64, 3)
    assert np.abs(found - (255 - before)).mean() < 3  # H.264 twice
    assert np.abs(found[:, 2:14, 2:14] - (0, 0, 255)).max() < 12  # yellow became blue
    assert seconds(made) == seconds(clip)
    assert packets(made) == packets(clip) and len(packets(made)) > 20
    with video.Reader(made) as reader:
        assert (reader.rate, reader.total) == (RATE, COUNT)
    told = capsys.readouterr()
    assert f"wrote {made}: 20 frames, 29.97 frames/s, sound as it was (aac)" in told.out
    assert "frame 20/20 (100.0%)" in told.err
    assert left_over(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("height", [48, 720])
def test_colours_survive_reading_and_writing(tmp_path, height):
    """Of standard and of high definition, whose matrices differ."""
    made = run(
        make(tmp_path / "in.mkv", size=(64, height), times=TICKS[:3], sound=None),
        tmp_path / "out.mkv",
        translate=lambda x: np.broadcast_to(np.uint8([200, 30, 90]), x.shape),
    )
    assert np.abs(images(made).astype(int) - (200, 30, 90)).max() <= 3


def test_input_and_output_stand_beside_one_another(clip, tmp_path):
    made = images(run(clip, tmp_path / "out.mp4", beside=True)).astype(int)
    assert made.shape == (COUNT, 48, 128, 3)
    assert np.abs(made[:, 20:, 4:60] + made[:, 20:, 68:124] - 255).max() < 12


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_a_varying_frame_rate_stays(tmp_path, suffix):
    source = make(tmp_path / f"in{suffix}", times=UNEVEN)
    made = run(source, tmp_path / f"out{suffix}")
    np.testing.assert_allclose(np.diff(seconds(made)), np.diff(seconds(source)), atol=1e-9)
    np.testing.assert_allclose(np.diff(seconds(made)), np.diff(UNEVEN) / 30000, atol=1.1e-3)


def test_times_begin_where_the_file_begins(tmp_path):
    """An MPEG stream's clock may begin anywhere; sound and frames are moved alike."""
    source = make(tmp_path / "in.ts", times=[t + 3_000_000 for t in TICKS], sound=None)
    assert min(seconds(source)) >= 100
    made = run(source, tmp_path / "out.mp4")
    assert min(seconds(made)) < 0.2
    np.testing.assert_allclose(np.diff(seconds(made)), np.diff(TICKS) / 30000, atol=1e-4)
    sounding = make(tmp_path / "sound.ts")
    again = run(sounding, tmp_path / "sound.mp4")
    apart = [first_sound(path) - min(seconds(path)) for path in (sounding, again)]
    assert abs(apart[0] - apart[1]) < 2e-3


def first_sound(path):
    with av.open(str(path)) as file:
        return next(float(p.pts * p.time_base) for p in file.demux(audio=0))


def test_times_that_are_missing_or_fall_back_are_put_right(clip):
    with video.Reader(clip) as reader:
        assert [reader._time(None, last=None), reader._time(None, last=5)] == [0, 1006]
        assert [reader._time(7, last=7), reader._time(9, last=7)] == [8, 9]
        assert reader._time(-3, last=None) == -3  # before the start; the new file moves its sound


def test_sound_that_the_new_file_cannot_hold_is_encoded_anew(clip, tmp_path, capsys):
    made = run(clip, tmp_path / "out.webm")
    assert "sound encoded anew (aac to opus, as .webm takes it)" in capsys.readouterr().out
    frequency, length = pitch(made)
    assert abs(frequency - 440) < 3 and abs(length - 2 / 3) < 0.05
    assert len(images(made)) == COUNT


def test_a_video_without_sound_stays_silent(tmp_path, capsys):
    made = run(make(tmp_path / "in.mp4", sound=None), tmp_path / "out.mp4")
    assert "no sound" in capsys.readouterr().out
    with av.open(str(made)) as file:
        assert not file.streams.audio


@pytest.mark.parametrize(("turn", "corner"), [(90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1))])
def test_a_rotated_video_is_translated_upright(tmp_path, turn, corner):
    """Turned counterclockwise by `turn`, as a phone tells it; the yellow corner goes along."""
    seen = []
    made = run(
        make(tmp_path / "in.mp4", turn=turn, aspect=Fraction(2)),
        tmp_path / "out.mp4",
        translate=lambda x: seen.append(x) or x,
    )
    height, width = (64, 48) if abs(turn) == 90 else (48, 64)
    assert seen[0].shape == (1, height, width, 3)
    with video.Reader(made) as reader:
        assert (reader.height, reader.width) == (height, width)
        assert reader.aspect == (Fraction(1, 2) if abs(turn) == 90 else 2)
        assert next(reader.frames()).image.shape == (height, width, 3)
    row, col = (4 if side == 0 else -4 for side in corner)
    for frame in (seen[0][0], images(made)[0]):
        assert np.abs(frame[row, col].astype(int) - (255, 255, 0)).max() < 12
    with av.open(str(made)) as file:
        assert next(file.decode(video=0)).rotation == 0


def test_odd_sides_are_kept(tmp_path):
    made = run(make(tmp_path / "in.mp4", size=(63, 47)), tmp_path / "out.mp4")
    assert images(made).shape == (COUNT, 47, 63, 3)


@pytest.mark.parametrize(("batch", "ahead"), [(1, 1), (4, 4), (8, 8)])
def test_no_more_is_read_ahead_than_a_batch(batch, ahead):
    """However long the video is: this one never ends."""
    read, shapes = [], []

    def endless():
        number = 0
        while True:
            read.append(number)
            yield video.Frame(picture(number % COUNT), number, 1)
            number += 1

    def translate(pictures):
        shapes.append(pictures.shape)
        return invert(pictures)

    made = infer_video.translated_frames(endless(), translate, batch=batch)
    for done in range(1, 30):
        assert next(made).time == done - 1
        assert len(read) - done < ahead
    assert set(shapes) == {(batch, 48, 64, 3)}


def test_the_last_batch_is_filled_up_and_cut():
    frames = [video.Frame(picture(n), n, 1) for n in range(10)]
    shapes = []
    made = infer_video.translated_frames(
        frames, lambda x: shapes.append(len(x)) or invert(x), batch=4
    )
    for frame, answer in zip(frames, made, strict=True):
        np.testing.assert_array_equal(answer.image, 255 - frame.image)
    assert shapes == [4, 4, 4]


def test_a_reader_decodes_when_it_is_asked(clip, monkeypatch):
    """Frames that nobody has asked for yet are in the file, not in memory."""
    with video.Reader(clip) as reader:
        position = []
        decoded = reader._pieces
        reader._pieces = (position.append(1) or piece for piece in decoded)
        frames = reader.frames()
        next(frames)
        assert not position  # the first was read to look at it
        next(frames)
        assert 0 < len(position) < 20


def test_a_failure_leaves_nothing(clip, tmp_path):
    def fail(pictures):
        if pictures[0, 40, 40, 0] > 100:
            raise MemoryError("no memory")
        return pictures

    with pytest.raises(MemoryError):
        run(clip, tmp_path / "out.mp4", translate=fail)
    assert left_over(tmp_path) == []


def test_a_broken_video_is_named_with_its_frame(clip, tmp_path):
    data = bytearray(clip.read_bytes())
    with av.open(str(clip)) as file:
        found = [(p.pos, p.size) for p in file.demux(video=0) if p.size]
    position, size = found[12]
    data[position : position + size] = b"\xff" * size
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    with pytest.raises(DataError, match=r"broken\.mp4: frame \d+, after 0\.\d+ s, cannot be dec"):
        run(broken, tmp_path / "out.mp4")
    assert left_over(tmp_path) == ["broken.mp4"]


def test_a_video_cut_short_is_pointed_out(clip, tmp_path, capsys):
    """Its index is at the front, and promises more than there is."""
    whole = run(clip, tmp_path / "whole.mp4").read_bytes()  # ours have the index in front
    short = tmp_path / "short.mp4"
    short.write_bytes(whole[: len(whole) * 3 // 4])
    run(short, tmp_path / "out.mp4")
    assert "short.mp4 ends after" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no video", "is no video that can be read"), (b"", "is no video that can be read")],
)
def test_what_is_no_video_is_named_before_work(tmp_path, content, message):
    file = tmp_path / "no.mp4"
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"no\.mp4 {message}"):
        infer_video.check([Job(file, tmp_path / "out.mp4")])


def test_sound_alone_is_refused(tmp_path):
    with av.open(str(tmp_path / "song.mp4"), "w") as file:
        audio = file.add_stream("aac", rate=48000)
        file.mux(audio.encode(tone(0)))
        file.mux(audio.encode(None))
    with pytest.raises(DataError, match="holds sound but no pictures"):
        video.Reader(tmp_path / "song.mp4")


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
