"""Features of pictures as sets, and those of real pictures kept from one evaluation to the next.

A set in the cache is named by its pictures' content and by the judge's weights: other pictures, or
other weights, are another set. Old ones may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh

from tryon_jax import sharding
from tryon_jax.files import write_atomic
from tryon_jax.metrics import fid, judges, rows, sets
from tryon_jax.metrics.judges import Judge
from tryon_jax.metrics.resize import resize_on_host
from tryon_jax.metrics.sets import Features
from tryon_jax.stopping import agreed

AT_ONCE = 16  # pictures in a batch, about
FORMAT = 1  # of the files in the cache

Pictures = Callable[[], Iterable[np.ndarray]]  # each time anew: uint8 [h, w, 3], of any sizes


def features(pictures: Iterable[np.ndarray], judge: Judge, *, mesh: Mesh) -> Features:
    """The features of pictures uint8 [h, w, 3], of any sizes; a batch is shared by all devices."""
    size = -(-AT_ONCE // mesh.size) * mesh.size
    look = jax.jit(judges.seen_levels, out_shardings=sharding.replicated(mesh))
    weights = sharding.place_whole(judge.features, mesh=mesh)
    found = sets.init(judge.width)
    prepare = partial(resize_on_host, size=(judge.side, judge.side), convention=judge.resize)
    for batch in _batches(map(prepare, pictures), size=size):
        placed = sharding.place(own_share({"levels": padded(batch, size)}), mesh=mesh)
        seen = np.asarray(look(weights, placed["levels"]))
        found = sets.update(found, seen[: len(batch)])
    return found


def remembered(
    pictures: Pictures, by_name: Mapping[str, Judge], *, mesh: Mesh
) -> dict[str, Features]:
    """The features of a set of real pictures by judge, from the cache where they are there.

    A cache that cannot be read or written is no error: features are computed anew.
    """
    if not by_name:
        return {}
    content = fingerprint(pictures())
    found = {}
    for name, judge in by_name.items():
        origin = hashlib.sha256(f"{FORMAT} {judge.origin}".encode()).hexdigest()[:16]
        path = folder() / f"{content}-{name}-{origin}.npz"
        kept = _read(path, width=judge.width)
        missing = agreed(kept is None)  # all processes compute together, or none does
        if missing or kept is None:
            kept = features(pictures(), judge, mesh=mesh)
            if jax.process_index() == 0:
                _write(path, kept)
        found[name] = kept
    return found


def fingerprint(pictures: Iterable[np.ndarray]) -> str:
    """32 hexadecimal digits that name pictures uint8 [h, w, 3] in their order."""
    content = hashlib.sha256()
    for picture in pictures:
        content.update(repr(picture.shape).encode())
        content.update(np.ascontiguousarray(picture).tobytes())
    return content.hexdigest()[:32]


def folder() -> Path:
    """Where sets are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "tryon_jax" / "statistics"


def padded(batch: np.ndarray, size: int) -> np.ndarray:
    """A batch of `size` items: the last one repeated, so that one program fits all batches."""
    missing = size - len(batch)
    return np.concatenate([batch, np.repeat(batch[-1:], missing, 0)]) if missing else batch


def own_share(batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """This process's part of a batch that every process has read."""
    index, count = jax.process_index(), jax.process_count()
    length = len(next(iter(batch.values()))) // count
    return {key: x[index * length : (index + 1) * length] for key, x in batch.items()}


def _batches(items: Iterable[np.ndarray], *, size: int) -> Iterator[np.ndarray]:
    waiting = []
    for item in items:
        waiting.append(item)
        if len(waiting) == size:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)


def _read(path: Path, *, width: int) -> Features | None:
    try:
        with np.load(path) as held:
            moments = fid.Moments(int(held["count"]), held["mean"], held["factor"])
            kept = rows.update(rows.init(width), held["kept"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Features(moments, kept)


def _write(path: Path, kept: Features) -> None:
    buffer = io.BytesIO()
    moments = kept.moments
    np.savez(
        buffer,
        count=moments.count,
        mean=moments.mean,
        factor=moments.factor,
        kept=kept.kept.array(),
    )
    with contextlib.suppress(OSError):
        write_atomic(path, buffer.getvalue())
