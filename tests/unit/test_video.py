"""Videos through a function that inverts colours: order, times, rate, sound, size, refusals."""

from fractions import Fraction

import av
import numpy as np
import pytest

from data_pipelines.prepare import DataError
from tests.unit.clips import (
    COUNT,
    RATE,
    TICKS,
    UNEVEN,
    images,
    invert,
    left_over,
    make,
    packets,
    picture,
    pitch,
    run,
    seconds,
    tone,
)
from tryon_jax import infer_video, video
from tryon_jax.infer_video import Job


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make(tmp_path_factory.mktemp("clip") / "clip.mp4")


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
