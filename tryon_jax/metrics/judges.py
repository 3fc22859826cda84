"""Networks whose features are compared as sets, and distances over them, each with its protocol.

| judge | pictures as | distances |
|---|---|---|
| vgg16 | 224 x 224, needs no download | fd_vgg16, kd_vgg16 |
| pytorch_fid | pytorch-fid's 299 x 299 | fid, kid |
| clean_fid | clean-fid's | fid_clean, kid_clean |
| gan_metrics | U-GAT-IT's | kid_ugatit, mean_kid_ugatit |

Numbers of different distances, or of different numbers of pictures, do not compare.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from tryon_jax.metrics import fid, inception, intervals, kid, vgg16
from tryon_jax.metrics.intervals import Interval
from tryon_jax.metrics.sets import Features
from tryon_jax.port import weight_file

NONE = Interval(float("nan"), float("nan"))


class Judge(NamedTuple):
    """A network with its weights."""

    features: Any  # a tree of weights, and a function: uint8 [N, H, W, 3] to features
    width: int
    origin: str  # the file of weights and its fingerprint
    side: int  # pixels that it sees
    resize: str  # convention, of `resize`


class Distance(NamedTuple):
    """A number for two sets of pictures; smaller is better."""

    judge: str
    compute: Callable[[Features, Features, Features | None], tuple[float, Interval]]
    protocol: str
    needs_source: bool = False  # compares with what the fakes were made from, too


def distances(*, inception_file: str, translates: bool) -> tuple[str, ...]:
    """What is computed unless somebody asks for something else.

    Args:
      inception_file: FID's weights, or "".
      translates: whether fakes are made from pictures of another domain.
    """
    if not inception_file:
        return ("fd_vgg16", "kd_vgg16")
    return ("fid", "kid", *(("kid_ugatit", "mean_kid_ugatit") if translates else ()))


def asked(metrics: str, *, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Distances by what a person wrote: names with commas, "none", or "" for the usual ones."""
    return () if metrics == "none" else tuple(filter(None, metrics.split(","))) or usual


def load(names: tuple[str, ...], *, inception_file: str) -> dict[str, Judge]:
    """The judges that some distances need, by name.

    Args:
      names: of `DISTANCES`.
      inception_file: FID's weights, or "".

    Raises:
      ValueError: if a distance is unknown, or the file another one.
      FileNotFoundError: if weights are missing; says where they are.
    """
    if unknown := sorted(set(names) - set(DISTANCES)):
        raise ValueError(f"distances of sets are {', '.join(DISTANCES)}; got {', '.join(unknown)}")
    return {
        judge: _load(judge, inception_file) for judge in sorted({DISTANCES[x].judge for x in names})
    }


@functools.lru_cache(maxsize=4)
def _load(judge: str, inception_file: str) -> Judge:
    if judge == "vgg16":
        path = weight_file.packaged("vgg16")
        return Judge(vgg16.load(), vgg16.WIDTH, _origin(path), vgg16.SIDE, vgg16.RESIZE)
    features = inception.load(inception_file, convention=judge)
    how, origin = inception.CONVENTIONS[judge].resize, _origin(Path(inception_file))
    return Judge(features, inception.WIDTH, origin, inception.SIDE, how)


def _origin(path: Path) -> str:
    return f"{path.name} (sha256 {weight_file.fingerprint(path)})"


def seen(features: Any, image_uint8: jax.Array) -> jax.Array:
    """What a judge sees of pictures uint8 [N, H, W, 3]: float32 [N, width]."""
    return _compared(features(image_uint8))


def seen_levels(features: Any, levels: jax.Array) -> jax.Array:
    """The same of pictures as the judge takes them, float32 [N, side, side, 3] in 0..255."""
    return _compared(features.of_levels(levels))


def _compared(found: Any) -> jax.Array:
    return jnp.asarray(found["pool3"] if isinstance(found, Mapping) else found)


def caution(fake: Features, real: Features) -> str:
    """What a reader of a Frechet distance should know; "" where there is nothing to say."""
    return fid.caution(fake.moments, real.moments)


def _frechet(fake: Features, real: Features, _: Features | None) -> tuple[float, Interval]:
    value = fid.compute(fake.moments, real.moments)
    if not (fake.complete and real.complete):
        return value, NONE
    return value, intervals.of_frechet(fake.kept.array(), real.kept.array(), value=value)


def _kernel(fake: Features, real: Features, _: Features | None) -> tuple[float, Interval]:
    x, y = fake.kept.array(), real.kept.array()
    value = kid.mmd2(x, y)
    return value, intervals.of_kernel(x, y, value=value)


def _clean_kernel(fake: Features, real: Features, _: Features | None) -> tuple[float, Interval]:
    x, y = fake.kept.array(), real.kept.array()
    value = kid.clean_fid(x, y).mean
    return value, intervals.of_kernel(x, y, value=value)


def _blocks(fake: Features, real: Features, _: Features | None) -> tuple[float, Interval]:
    return _by_error(kid.blocks(real.kept.array(), fake.kept.array()))


def _mean_blocks(fake: Features, real: Features, source: Features | None) -> tuple[float, Interval]:
    if source is None:
        raise ValueError("mean_kid_ugatit compares with what the fakes were made from, too")
    arrays = (x.kept.array() for x in (real, source, fake))
    return _by_error(kid.ugatit_mean(*arrays))


def _by_error(estimate: kid.Estimate) -> tuple[float, Interval]:
    half = intervals.DEVIATIONS * estimate.spread
    return estimate.mean, Interval(estimate.mean - half, estimate.mean + half)


_FRECHET = "Frechet distance of all pictures' features"
_KERNEL = "unbiased kernel distance (cubic) of all pictures"
_BLOCKS = "kernel distance over blocks of 10 in order, interval from their standard error"
DISTANCES: Mapping[str, Distance] = {
    "fd_vgg16": Distance("vgg16", _frechet, f"{_FRECHET} relu5_3 of VGG16 at 224 x 224; not FID"),
    "kd_vgg16": Distance("vgg16", _kernel, f"{_KERNEL}, relu5_3 of VGG16; not KID"),
    "fid": Distance("pytorch_fid", _frechet, f"{_FRECHET} as pytorch-fid has them"),
    "kid": Distance("pytorch_fid", _kernel, f"{_KERNEL}, features as pytorch-fid; not times 100"),
    "fid_clean": Distance("clean_fid", _frechet, f"{_FRECHET} as clean-fid has them"),
    "kid_clean": Distance("clean_fid", _clean_kernel, "clean-fid's kernel distance, 100 subsets"),
    "kid_ugatit": Distance("gan_metrics", _blocks, f"GAN_Metrics: {_BLOCKS}; not times 100"),
    "mean_kid_ugatit": Distance(
        "gan_metrics",
        _mean_blocks,
        f"GAN_Metrics' mean of 0.02 target and 0.98 source: {_BLOCKS}; not times 100",
        needs_source=True,
    ),
}
