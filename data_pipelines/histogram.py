"""Colours of one picture brought to the distribution of another's, channel by channel.

Source: the enhanced U-GAT-IT (zheng-yuwei), after "Bringing Old Photos Back to Life"; its README
blends pictures (`blend="image"`), its code cumulative histograms (`blend="cdf"`).
"""

from __future__ import annotations

import numpy as np

MODES = ("rgb", "hsv", "hsl")
BLENDS = ("image", "cdf")
LEVELS = 256


def matched(
    image: np.ndarray, reference: np.ndarray, *, mode: str, ratio: float, blend: str
) -> np.ndarray:
    """A picture in the colours of another.

    Args:
      image: uint8 [h, w, 3], RGB.
      reference: uint8 [h', w', 3], RGB, of any size.
      mode: rgb | hsv | hsl: the channels that are matched; hue as well.
      ratio: how far to go, in [0, 1]; 0 gives the picture back.
      blend: image: ratio * matched + (1 - ratio) * picture. cdf: the target's cumulative histogram
        is mixed with the picture's.

    Returns:
      uint8 [h, w, 3].

    Raises:
      ValueError: if mode or blend are unknown.
    """
    if mode not in MODES or blend not in BLENDS:
        raise ValueError(
            f"mode must be one of {', '.join(MODES)} and blend one of {', '.join(BLENDS)}; "
            f"got {mode!r} and {blend!r}"
        )
    target = ratio if blend == "cdf" else 1.0
    source, wanted = (_channels(x, mode) for x in (image, reference))
    made = [match_channel(source[..., c], wanted[..., c], ratio=target) for c in range(3)]
    result = _to_rgb(np.stack(made, -1), mode)
    if blend == "cdf":
        return result
    mixed = ratio * result.astype(np.float64) + (1 - ratio) * image
    return np.rint(mixed).astype(np.uint8)


def match_channel(channel: np.ndarray, reference: np.ndarray, *, ratio: float) -> np.ndarray:
    """A channel whose cumulative histogram comes near the reference's.

    Args:
      channel: uint8 [h, w].
      reference: uint8 of any shape.
      ratio: 1 takes the reference's histogram, 0 the channel's own.

    Returns:
      uint8 [h, w]: each level becomes the first whose target is not below its own share; where
      there is none, what the level below it became.
    """
    own, other = cumulative(channel), cumulative(reference)
    target = (1 - ratio) * own + ratio * other
    # rounding may leave a sum a hair below 1, and the target is flat where no level occurs
    found = np.searchsorted(target, own, side="left")
    table = np.maximum.accumulate(np.where(found < LEVELS, found, 0))
    return table.astype(np.uint8)[channel]


def cumulative(channel: np.ndarray) -> np.ndarray:
    """Share of pixels at or below each level, float64 [256]."""
    counts = np.bincount(channel.reshape(-1), minlength=LEVELS)
    return np.cumsum(counts) / channel.size


def _channels(image: np.ndarray, mode: str) -> np.ndarray:
    """RGB to the channels that are matched, uint8 over the full range; hue wraps at 256."""
    if mode == "rgb":
        return image
    high, low = image.max(-1).astype(np.float64), image.min(-1).astype(np.float64)
    hue = _hue(image, high, low)
    if mode == "hsv":
        saturation = 255 * (high - low) / np.maximum(high, 1)
        return _bytes(np.stack([hue, saturation, high], -1))
    total = high + low
    room = np.where(total < 255, total, 510 - total)
    saturation = 255 * (high - low) / np.maximum(room, 1)
    return _bytes(np.stack([hue, total / 2, saturation], -1))


def _hue(image: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Hue in [0, 256); 0 for greys."""
    red, green, blue = (image[..., c].astype(np.float64) for c in range(3))
    span = np.maximum(high - low, 1)
    sixths = np.select(
        [high == red, high == green],
        [(green - blue) / span, 2 + (blue - red) / span],
        4 + (red - green) / span,
    )
    return np.rint(sixths % 6 * LEVELS / 6) % LEVELS


def _to_rgb(channels: np.ndarray, mode: str) -> np.ndarray:
    """The inverse of `_channels`."""
    if mode == "rgb":
        return channels
    hue, second, third = (channels[..., c].astype(np.float64) for c in range(3))
    if mode == "hsv":
        span = third * second / 255
        low = third - span
    else:
        span = (255 - np.abs(2 * second - 255)) * third / 255
        low = second - span / 2
    sixths = hue[..., None] * 6 / LEVELS - np.array([3, 2, 4])  # distance to red, green, blue
    sixths = np.abs(sixths) * np.array([1, -1, -1]) + np.array([-1, 2, 2])
    return _bytes(low[..., None] + span[..., None] * np.clip(sixths, 0, 1))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
