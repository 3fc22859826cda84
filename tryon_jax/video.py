"""Frames and sound out of a video or a camera, and into a new file: the room of PyAV (FFmpeg).

Frames go through one at a time, in the order in which they are seen, with their own times: nothing
is held but what is worked on, and a video whose frame rate varies keeps it. Packets of sound are
copied as they are where the new file may hold them. A file gets its name when it is whole.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from data_pipelines.prepare import DataError
from tryon_jax.setup import UsageError

# what a new file may be called, FFmpeg's name of it, the codec of pictures, of sound encoded anew
FORMATS = {
    ".mp4": ("mp4", "libx264", "aac"),
    ".m4v": ("mp4", "libx264", "aac"),
    ".mov": ("mov", "libx264", "aac"),
    ".mkv": ("matroska", "libx264", "aac"),
    ".webm": ("webm", "libvpx-vp9", "libopus"),
}
SUFFIXES = (
    *FORMATS,
    *(".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv"),
)
# nearly without loss to the eye: constant quality, by the scale of each codec
QUALITY = {
    "libx264": {"crf": "18", "preset": "medium"},
    "libvpx-vp9": {"crf": "24", "b": "0", "row-mt": "1"},
}
CAMERAS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}  # FFmpeg's names
HD = 720  # pixels: videos of this height and more have BT.709's colours, smaller ones BT.601's
UNKNOWN, BT709, BT601 = 2, 1, 5  # FFmpeg's numbers of colour spaces
LIMITED = 1  # and of the range in which black is 16
OPUS_RATE = 48_000  # samples a second, the only rate of Opus in WebM


class Frame(NamedTuple):
    """One picture of a video."""

    image: np.ndarray  # uint8 [H, W, 3], upright
    time: int  # in the video's time base; greater than that of the frame before
    duration: int  # likewise; 0 if unknown


class Reader:
    """A video file or a camera, opened; a context manager.

    Attributes: `height` and `width` of an upright frame, `rate` in frames a second, `time_base` in
    seconds, `aspect` (width through height of a pixel), `total` frames (an estimate; 0 if unknown),
    `sounds` (PyAV's streams) and how many are `lost`, because FFmpeg does not know their codec.

    Args:
      path: of the file, or what people call the camera.
      device: address of a camera and FFmpeg's name of its kind; None for a file.

    Raises:
      setup.UsageError: if PyAV is missing.
      data_pipelines.prepare.DataError: if it is no video, or holds no frame that can be decoded.
      OSError: if it cannot be opened.
    """

    def __init__(self, path: Path, *, device: tuple[str, str] | None = None) -> None:
        self.path, self._av = path, _av()
        address, kind = device or (str(path), None)
        try:
            self._file: Any = self._av.open(address, format=kind)
        except self._av.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise DataError(
                f"{path} is no video that can be read ({error.strerror}): repair or remove it"
            ) from error
        try:
            self._look(live=device is not None)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def frames(self, sound: Callable[[Any], object] | None = None) -> Iterator[Frame]:
        """Every frame, upright, decoded when it is asked for; to be called once.

        Args:
          sound: is given the packets of sound that lie between the frames.

        Raises:
          data_pipelines.prepare.DataError: naming the frame that cannot be decoded.
        """
        last: int | None = None
        for piece in itertools.chain(self._early, self._pieces):
            if isinstance(piece, self._av.VideoFrame):
                frame = self._frame(piece, last=last)
                last = frame.time
                yield frame
            elif sound is not None:
                sound(piece)

    def _look(self, *, live: bool) -> None:
        """Reads up to the first frame, which knows what headers do not."""
        if not self._file.streams.video:
            raise DataError(f"{self.path} holds sound but no pictures: give a video")
        self._video = self._file.streams.video[0]
        self._video.thread_type = "AUTO"
        heard = () if live else tuple(self._file.streams.audio)
        self.sounds = tuple(stream for stream in heard if stream.codec_context)
        self.lost = len(heard) - len(self.sounds)
        self._start = Fraction(max(self._file.start_time or 0, 0), 1_000_000)  # seconds
        self._pieces, self._early = self._decoded(), []
        for piece in self._pieces:
            self._early.append(piece)
            if isinstance(piece, self._av.VideoFrame):
                break
        else:
            raise DataError(f"{self.path} holds no frame that can be decoded: is the file whole?")
        first = self._early[-1]
        self._turns = round(first.rotation / 90) % 4
        self._raw = first.width, first.height
        self.width, self.height = self._raw[:: -1 if self._turns % 2 else 1]
        aspect = self._video.sample_aspect_ratio or Fraction(1)
        self.aspect = 1 / aspect if self._turns % 2 else aspect
        self.time_base = self._video.time_base
        self.rate = self._video.guessed_rate or self._video.average_rate or Fraction(25)
        if live:  # a camera's clock began long ago
            self._start = (first.pts or 0) * self.time_base
        self.total = 0 if live else self._count()

    def _count(self) -> int:
        """The number of frames by the header, or by the length."""
        whole = Fraction(self._file.duration or 0, 1_000_000)
        counted = self._video.frames
        # an AVI counts the ticks of its clock, of which a frame may take many
        guess = round(whole * self.rate)
        return counted if 0 < counted < 2 * guess else guess

    def _decoded(self) -> Iterator[Any]:
        """Frames in the order in which they are seen, packets of sound in between."""
        number, last = 0, None
        try:
            for packet in self._file.demux(self._video, *self.sounds):
                if packet.stream in self.sounds:
                    yield self._shifted(packet)
                    continue
                for frame in packet.decode():
                    yield frame
                    number, last = number + 1, frame.time
        except self._av.FFmpegError as error:
            place = "the first frame" if last is None else f"frame {number + 1}, after {last:.2f} s"
            raise DataError(
                f"{self.path}: {place}, cannot be decoded ({error.strerror}): copy the video "
                "again, or repair it, such as by `ffmpeg -i IN -c copy OUT`"
            ) from error

    def _shifted(self, packet: Any) -> Any:
        """A packet of sound, its time counted from the start of the video."""
        for time in ("pts", "dts"):
            if (value := getattr(packet, time)) is not None:
                setattr(packet, time, value - round(self._start / packet.time_base))
        return packet

    def _frame(self, raw: Any, *, last: int | None) -> Frame:
        """A decoded frame, upright, later than the last; in the size of the first."""
        space = raw.colorspace
        if space == UNKNOWN:
            space = BT709 if self._raw[1] >= HD else BT601
        image = raw.to_ndarray(
            format="rgb24",
            width=self._raw[0],
            height=self._raw[1],
            src_colorspace=space,
            src_color_range=raw.color_range,
        )
        upright = np.ascontiguousarray(np.rot90(image, self._turns))
        return Frame(upright, self._time(raw.pts, last=last), raw.duration or 0)

    def _time(self, given: int | None, *, last: int | None) -> int:
        """A frame's time from the start of the video; later than the last, whatever is given."""
        if given is None:  # some files tell none
            step = max(1, round(1 / (self.rate * self.time_base)))
            return 0 if last is None else last + step
        time = given - round(self._start / self.time_base)
        return time if last is None else max(time, last + 1)


class Writer:
    """A new video with the times and the sound of another; a context manager.

    The file gets its name when the context ends well; otherwise nothing is left of it. `sound` says
    what becomes of the sound, for people.

    Args:
      path: of the new file; ends with one of `FORMATS`.
      like: whose rate, time base and sound it has.
      width: of a frame.
      height: likewise.

    Raises:
      OSError: if it cannot be written.
    """

    def __init__(self, path: Path, *, like: Reader, width: int, height: int) -> None:
        self._path, self._av = path, _av()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        kind, self._codec, self._sound_codec = FORMATS[path.suffix.lower()]
        # the index of an MP4 before its frames: it can be shown while it is still being loaded
        options = {"movflags": "+faststart"} if kind in ("mp4", "mov") else {}
        with self._saying():
            self._file: Any = self._av.open(
                str(self._partial), "w", format=kind, container_options=options
            )
        try:
            self._video = self._pictures(like, width=width, height=height)
            self._sounds, said = {}, []
            for stream in like.sounds:
                self._sounds[stream.index], words = self._track(stream)
                said.append(words)
            said += [f"{like.lost} tracks of sound left out, whose codec is unknown"] * bool(
                like.lost
            )
            self.sound = ", ".join(said) or "no sound"
        except BaseException:
            self._drop()
            raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._drop()
            return
        try:
            with self._saying():
                self._file.mux(self._video.encode(None))
                for track in self._sounds.values():
                    track(None)
                self._file.close()
            os.replace(self._partial, self._path)
        except BaseException:
            self._drop()
            raise

    def write(self, frame: Frame) -> None:
        """Adds a frame behind the last.

        Raises:
          OSError: if the disk is full or the folder gone.
        """
        picture = self._av.VideoFrame.from_ndarray(frame.image, format="rgb24").reformat(
            format=self._video.pix_fmt,
            dst_colorspace=self._space,
            dst_color_range=LIMITED,
        )
        picture.pts, picture.time_base = frame.time, self._video.codec_context.time_base
        picture.duration = frame.duration
        with self._saying():
            self._file.mux(self._video.encode(picture))

    def add_sound(self, packet: Any) -> None:
        """Adds a packet of a stream of the other video, as it is or encoded anew."""
        with self._saying():
            self._sounds[packet.stream.index](packet)

    def _pictures(self, like: Reader, *, width: int, height: int) -> Any:
        """The stream of frames."""
        video = self._file.add_stream(self._codec, rate=like.rate, options=QUALITY[self._codec])
        video.width, video.height = width, height
        # a quarter of the colours, as players want it, needs even sides
        video.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
        context = video.codec_context
        context.time_base, context.sample_aspect_ratio = like.time_base, like.aspect
        self._space = BT709 if height >= HD else BT601
        context.colorspace, context.color_range = self._space, LIMITED
        return video

    def _track(self, stream: Any) -> tuple[Callable[[Any], None], str]:
        """What takes the packets of a stream of sound and, at last, None; and words on it."""
        codec = stream.codec_context.codec.canonical_name
        if codec in self._file.supported_codecs:
            copy = self._file.add_stream_from_template(stream)

            def mux(packet: Any) -> None:
                if packet is not None and packet.size:  # the last packets of a file are empty
                    packet.stream = copy
                    self._file.mux(packet)

            return mux, f"sound as it was ({codec})"
        rate = OPUS_RATE if self._sound_codec == "libopus" else stream.codec_context.sample_rate
        made = self._file.add_stream(self._sound_codec, rate=rate, layout=stream.layout.name)

        def encode(packet: Any) -> None:
            for frame in packet.decode() if packet is not None else [None]:
                self._file.mux(made.encode(frame))

        new = made.codec_context.codec.canonical_name
        return encode, f"sound encoded anew ({codec} to {new}, as {self._path.suffix} takes it)"

    @contextlib.contextmanager
    def _saying(self) -> Iterator[None]:
        """Errors of FFmpeg with the name of the file."""
        try:
            yield
        except self._av.FFmpegError as error:
            raise OSError(f"{self._path} cannot be written: {error.strerror}") from error

    def _drop(self) -> None:
        """Closes what there is and removes it."""
        with contextlib.suppress(self._av.FFmpegError):
            self._file.close()
        self._partial.unlink(missing_ok=True)


def camera(number: int) -> Reader:
    """A camera of this machine, counted from 0.

    Raises:
      setup.UsageError: if there is none of that number, or it cannot be opened.
    """
    what = f"--input=camera:{number}"
    if sys.platform not in CAMERAS:
        raise UsageError(f"{what}: cameras are read on {', '.join(CAMERAS)}, not {sys.platform}")
    kind = CAMERAS[sys.platform]
    names = _cameras(kind)
    if kind == "dshow" and number < len(names):
        address = f"video={names[number]}"
    else:
        address = f"{number}:none" if kind == "avfoundation" else f"/dev/video{number}"
    try:
        return Reader(Path(f"camera:{number}"), device=(address, kind))
    except (OSError, DataError) as error:
        raise UsageError(
            f"{what}: {address} gives no pictures ({error}); this machine has "
            f"{', '.join(names) or 'no camera that FFmpeg finds'}: plug one in, give its number, "
            "such as --input=camera:1, or let your user read it"
        ) from error


def _cameras(kind: str) -> list[str]:
    """Names of the cameras, in the order of their numbers where the system has one."""
    from av import device

    try:
        found = device.enumerate_input_devices(kind)
    except (_av().FFmpegError, ValueError):  # not every system can list them
        return []
    return [x.name for x in found if not x.media_types or "video" in x.media_types]


def _av() -> ModuleType:
    """PyAV, where videos are wanted; a run on pictures does without."""
    try:
        import av
    except ImportError as error:
        raise UsageError(
            f"videos and cameras are read by PyAV, which is not here ({error}): pip install av"
        ) from error
    return av
