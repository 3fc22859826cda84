"""Scores of a run that finds landmarks, on the held-out boxes of its data.

Distances are taken in pixels of the crops, which keep the pictures' proportions. PCK counts a
labelled landmark as found if it is nearer to the truth than a share of a length: of the box's
longer side, or of the trunk (the mean distance of shoulders to the hips opposite) of persons.
OKS takes the annotation's area. AP is COCO's with the true boxes: one detection for each, ranked by
the mean of its heatmaps' maxima, matched within each photograph; of several kinds of garments their
mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from data_pipelines import crops
from tryon_jax.landmark_layouts import PERSON, Layout
from tryon_jax.metrics import landmarks as scores
from tryon_jax.weights import Trained

SHARES = (0.05, 0.1)  # of a length, for PCK
DIAGONALS = ((5, 12), (6, 11))  # each shoulder and the other side's hip


class Seen(NamedTuple):
    """All held-out boxes and what was found in them."""

    found: np.ndarray  # [N, K, 3], (x, y, maximum)
    true: np.ndarray  # [N, K, 3], (x, y, v)
    box: np.ndarray  # [N, 4]
    area: np.ndarray  # [N]
    placed: np.ndarray  # [N, K, 2], found, in pixels of the photograph
    marked: np.ndarray  # [N, K, 3], true, in pixels of the photograph
    extent: np.ndarray  # [N], area in square pixels of the photograph
    group: np.ndarray  # [N]
    picture: np.ndarray  # [N], which photograph
    stride: float  # pixels of the crop to one of the heatmaps
    size: tuple[int, int]  # of the heatmaps, (height, width)


def scored(run: Trained, data: Any) -> dict[str, dict[str, dict[str, float]]]:
    """Scores of all held-out boxes together, and of each kind of object.

    Args:
      run: the network.
      data: a pipeline with `held_out("test")`.

    Returns:
      {"test": {subset: {score: number}}}, as `evaluate.text` prints it; {} without test boxes.
    """
    if run.system.finding is None or not data.counts["test"]:
        return {}
    layout = run.system.finding.layout
    seen = _seen(run, data)
    table = {"all": numbers(seen, layout)}
    if len(layout.groups) > 1:
        for group, title in layout.titles.items():
            own = seen.group == group
            if own.any():
                part = {f: getattr(seen, f)[own] for f in seen._fields[:9]}
                table[title] = numbers(seen._replace(**part), layout)
    return {"test": table}


def numbers(seen: Seen, layout: Layout) -> dict[str, float]:
    """All scores of some boxes; a score that does not apply is absent."""
    places, true = seen.found[..., :2], seen.true[..., :2]
    labelled = seen.true[..., 2] > 0
    longer = seen.box[:, 2:].max(1)
    made: dict[str, float] = {"n": float(len(places))}
    lengths = {"box": longer, **_trunks(seen, layout)}
    for share in SHARES:
        for name, reference in lengths.items():
            known = labelled & np.isfinite(reference)[:, None]
            made[f"pck_{name}@{share}"] = scores.overall_pck(
                places, true, labelled=known, reference=np.nan_to_num(reference), threshold=share
            )
    made |= _heatmap_shares(seen)
    area = np.sqrt(seen.box[:, 2] * seen.box[:, 3])
    error = scores.normalised_error(places, true, labelled=labelled, reference=area)
    made["ne"] = float(np.nanmean(error))
    similar = scores.oks(places, true, labelled=labelled, area=seen.area, sigmas=layout.sigmas)
    made["oks"] = float(np.nanmean(similar))
    return made | _precision(seen, layout)


def _seen(run: Trained, data: Any) -> Seen:
    find = jax.jit(run.system.finding.find)  # pyright: ignore[reportOptionalMemberAccess]
    rows: dict[str, list[Any]] = {name: [] for name in ("found", "true", "box", "area")}
    records: list[Any] = []
    batch: Mapping[str, np.ndarray] = {}
    for held in data.held_out("test", batch_size=run.config.batch_size):
        batch, count = held.batch, len(held.records)
        filled = np.resize(batch["picture"], (run.config.batch_size, *batch["picture"].shape[1:]))
        found = np.asarray(find(run.state, {"picture": filled}))[:count]
        arrays = (found, batch["points"], batch["box"], batch["area"])
        for name, array in zip(rows, arrays, strict=True):
            rows[name].append(array)
        records += held.records
    height, width = batch["picture"].shape[1:3]
    stride, enlarged = _stride(run), run.config.data.enlarged
    back = [
        crops.inverse(
            crops.around(record.box, size=(width, height), enlarged=enlarged), size=(width, height)
        )
        for record in records
    ]
    whole = {name: np.concatenate(parts).astype(float) for name, parts in rows.items()}
    pairs = zip(back, whole["found"], strict=True)
    return Seen(
        **whole,
        placed=np.stack([crops.apply(affine, found[:, :2]) for affine, found in pairs]),
        marked=np.stack([record.points for record in records]).astype(float),
        extent=np.array([record.area for record in records], float),
        group=np.array([record.group for record in records]),
        picture=np.array([record.picture for record in records]),
        stride=stride,
        size=(round(height / stride), round(width / stride)),
    )


def _stride(run: Trained) -> float:
    """Pixels of a crop to one of its heatmaps, for the PCK of HRNet's code."""
    fields = run.config.model[run.config.data.points]
    if fields.kind == "pose_resnet":
        return 32 / 2 ** len(fields.deconvolutions)
    return 1.0 if fields.head == "deconv" else 4.0


def _trunks(seen: Seen, layout: Layout) -> Mapping[str, np.ndarray]:
    """Length of each person's trunk, nan where a joint is missing."""
    if PERSON not in layout.groups:
        return {}
    joints = [place for pair in DIAGONALS for place in pair]
    whole = (seen.true[:, joints, 2] > 0).all(1)
    apart = [
        np.linalg.norm(seen.true[:, a, :2] - seen.true[:, b, :2], axis=-1) for a, b in DIAGONALS
    ]
    return {"trunk": np.where(whole, np.mean(apart, 0), np.nan)}


def _heatmap_shares(seen: Seen) -> dict[str, float]:
    """PCK as HRNet's code prints it while it trains, and with its axes in order."""
    labelled = seen.true[..., 2:] > 0
    places, true = seen.found[..., :2] / seen.stride, seen.true[..., :2] / seen.stride
    shown = np.where(labelled, true, 0)
    made = {}
    for name, upstream in (("pck_upstream@0.5", True), ("pck_fixed@0.5", False)):
        share = scores.heatmap_pck(places, shown, size=seen.size, threshold=0.5, upstream=upstream)
        if np.isfinite(share).any():
            made[name] = float(np.nanmean(share))
    return made


def _precision(seen: Seen, layout: Layout) -> dict[str, float]:
    """The mean of the average precisions of each kind of object."""
    rows = []
    for group in np.unique(seen.group):
        of_group = seen.group == group
        pictures = [
            _detections(seen, np.flatnonzero(of_group & (seen.picture == number)), layout=layout)
            for number in np.unique(seen.picture[of_group])
        ]
        rows.append(scores.average_precision(pictures))
    return {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}


def _detections(seen: Seen, own: np.ndarray, *, layout: Layout) -> scores.Detections:
    """The boxes of one photograph: each detection is compared with each true object."""
    labelled = seen.marked[own, :, 2] > 0
    similarity = [
        scores.oks(
            np.broadcast_to(seen.placed[place], (len(own), *seen.placed[place].shape)),
            seen.marked[own, :, :2],
            labelled=labelled,
            area=seen.extent[own],
            sigmas=layout.sigmas,
        )
        for place in own
    ]
    start, stop = layout.groups[int(seen.group[own[0]])]
    sure = seen.found[own, start:stop, 2].mean(1)
    return scores.Detections(
        np.nan_to_num(np.stack(similarity)), sure, np.asarray(~labelled.any(1))
    )
