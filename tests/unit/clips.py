"""Short videos with a tone, and what is found in the videos that are made of them."""

from fractions import Fraction

import av
import numpy as np

from tryon_jax import infer_video, video
from tryon_jax.infer_video import Job

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
