"""Landmarks of pictures: `--mode=infer` of a run that finds landmarks.

Of each picture NAME.png is drawn with its landmarks, NAME.json lists them, and `landmarks.json`
lists all in COCO's form, as the data of other runs take it. Where the object is, is said by
NAME.json beside the picture, {"box": [left, top, width, height], "category": 8}; else the whole
picture is its box. Of garments the category is DeepFashion2's number; where none is said, it is
the one whose landmarks are surest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image, ImageDraw

from data_pipelines import crops, keypoint_fields, keypoint_json, ops, sources
from data_pipelines.keypoint_items import Record
from data_pipelines.prepare import DataError
from tryon_jax import outputs
from tryon_jax.files import write_atomic
from tryon_jax.landmark_layouts import GARMENTS, PERSON, Layout
from tryon_jax.setup import UsageError
from tryon_jax.system import Finding
from tryon_jax.weights import Trained, trained

SURE = 0.1  # maximum of a heatmap from which its landmark is listed and drawn
WHOLE = "landmarks.json"


class Options(NamedTuple):
    """What `--mode=infer` of a run that finds landmarks is told."""

    input: str
    output: str
    checkpoint: str = "latest"
    overwrite: bool = False


class Job(NamedTuple):
    """A picture to look at, and what is known of it."""

    path: Path
    name: str  # of the files that are written, without a suffix
    box: crops.Box | None  # None: the whole picture
    group: int  # in the layout's groups, or 0: to be found


class Answer(NamedTuple):
    """What was found in a picture."""

    job: Job
    picture: np.ndarray  # uint8 [H, W, 3]
    box: crops.Box
    points: np.ndarray  # [K, 3], (x, y, maximum of the heatmap) in the picture's pixels


def locate(workdir: str | os.PathLike[str], options: Options) -> int:
    """Finds landmarks, draws and lists them.

    Args:
      workdir: of a run that has saved at least once.
      options: of the command line.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      data_pipelines.prepare.DataError: naming a file that cannot be read.
      FileNotFoundError: if the folder holds no run.
    """
    paths, target = _pictures(options)
    files = [target / f"{name}{end}" for name in paths for end in (".png", ".json")]
    outputs.check_free([*files, target / WHOLE], overwrite=options.overwrite)
    run = trained(workdir, checkpoint=options.checkpoint)
    print(f"weights: {run.origin}")
    layout = _finding(run).layout
    jobs = [_job(name, path, run) for name, path in paths.items()]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, answer in enumerate(_answers(run, jobs)):
        height, width = answer.picture.shape[:2]
        name = file_name(answer.job, options)
        images.append({"id": number, "file_name": name, "height": height, "width": width})
        record, score = _write(answer, target, layout=layout)
        annotations.append(
            keypoint_json.annotation(number, record, image_id=number, layout=layout, score=score)
        )
    whole = keypoint_json.document(layout, images=images, annotations=annotations)
    write_atomic(target / WHOLE, f"{json.dumps(whole, indent=1)}\n".encode())
    print(f"found landmarks in {len(jobs)} picture{'s' * (len(jobs) != 1)}: {target}")
    return 0


def file_name(job: Job, options: Options) -> str:
    """A picture's name within the folder that was given."""
    folder = Path(options.input)
    return str(job.path.relative_to(folder) if folder.is_dir() else job.path.name)


def drawn(picture: np.ndarray, points: np.ndarray, *, layout: Layout) -> np.ndarray:
    """A picture with its landmarks and lines between them.

    Args:
      picture: uint8 [H, W, 3].
      points: [K, 3], (x, y, v); those with v = 0 are left out.
      layout: of the points.
    """
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    radius = max(min(picture.shape[:2]) / 120, 1.5)
    for a, b in layout.lines:
        if points[a, 2] and points[b, 2]:
            ends = [tuple(map(float, points[place, :2])) for place in (a, b)]
            draw.line(ends, fill=(255, 255, 255), width=max(round(radius), 1))
    for number in np.flatnonzero(points[:, 2]):
        x, y = map(float, points[number, :2])
        colour = f"hsv({360 * number / len(points):.0f}, 100%, 100%)"
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return np.asarray(image)


def _finding(run: Trained) -> Finding:
    if run.system.finding is None:
        raise UsageError(f"a run of {run.config.system} finds no landmarks")
    return run.system.finding


def _pictures(options: Options) -> tuple[dict[str, Path], Path]:
    """Pictures by the name of their files, and the folder of these."""
    if not options.input or not options.output:
        raise UsageError(
            "--mode=infer of a run that finds landmarks needs --input=PICTURE or FOLDER, and "
            "--output=FOLDER"
        )
    source, target = Path(options.input).expanduser(), Path(options.output).expanduser()
    if not source.exists():
        raise UsageError(f"--input={source} does not exist (looked in {Path.cwd()})")
    if outputs.is_picture(target) or target.is_file():
        raise UsageError(f"--output={target} must be a folder: each picture gives two files")
    if source.is_file():
        return {source.stem: source}, target
    found = sources.picture_paths(source)
    if not found:
        raise UsageError(f"--input={source} holds no pictures ({' '.join(sources.SUFFIXES)})")
    paths = {str(Path(name).with_suffix("")): source / name for name in found}
    if len(paths) < len(found):
        raise UsageError(f"--input={source}: two pictures differ in their suffix alone; rename one")
    if source.resolve() == target.resolve():
        raise UsageError(f"--output={target} holds the pictures: choose another folder")
    return paths, target


def _job(name: str, path: Path, run: Trained) -> Job:
    """Reads what stands beside a picture."""
    beside = path.with_suffix(".json")
    if not beside.exists():
        return Job(path, name, None, _group({}, run))
    try:
        known = json.loads(beside.read_text())
        sides = [float(side) for side in known.get("box", ())]
        if sides and (len(sides) != 4 or min(sides[2:]) <= 0 or not np.isfinite(sides).all()):
            raise ValueError(f"box must be [left, top, width, height], got {known['box']}")
        box = (sides[0], sides[1], sides[2], sides[3]) if sides else None
        return Job(path, name, box, _group(known, run))
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(
            f'{beside}: {error}; write {{"box": [left, top, width, height]}} in pixels'
        ) from error


def _read(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            return ops.decode(file)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})") from error


def _group(known: Mapping[str, Any], run: Trained) -> int:
    """The kind of object, 0 if it is to be found."""
    groups = _finding(run).layout.groups
    if PERSON in groups:
        return PERSON
    if "category" not in known:
        return next(iter(groups)) if len(groups) == 1 else 0
    if GARMENTS + known["category"] not in groups:
        names = ", ".join(str(group - GARMENTS) for group in groups)
        raise ValueError(f"category {known['category']} is none of this run's, {names}")
    return GARMENTS + known["category"]


def _answers(run: Trained, jobs: Sequence[Job]) -> Iterator[Answer]:
    """What is found in each picture, a batch at a time."""
    find, size = jax.jit(_finding(run).find), keypoint_fields.size(run.config)
    count = min(run.config.batch_size, len(jobs))
    for first in range(0, len(jobs), count):
        part = jobs[first : first + count]
        pictures = [_read(job.path) for job in part]
        boxes, cut = [], []
        for job, picture in zip(part, pictures, strict=True):
            height, width = picture.shape[:2]
            boxes.append(job.box or (0.0, 0.0, float(width), float(height)))
            enlarged = run.config.data.enlarged if job.box else 1.0
            cut.append(crops.around(boxes[-1], size=size, enlarged=enlarged))
        seen = [
            ops.normalise(crops.cut(picture, crop, size=size))
            for picture, crop in zip(pictures, cut, strict=True)
        ]
        seen += seen[-1:] * (count - len(part))  # one shape, compiled once
        points = np.asarray(find(run.state, {"picture": np.stack(seen)}))
        for job, picture, box, crop, own in zip(part, pictures, boxes, cut, points, strict=False):
            places = crops.apply(crops.inverse(crop, size=size), own[:, :2])
            yield Answer(job, picture, box, np.concatenate([places, own[:, 2:]], 1))


def _write(answer: Answer, target: Path, *, layout: Layout) -> tuple[Record, float]:
    """Draws and lists one picture's landmarks; their record and its score."""
    job, points = answer.job, answer.points
    group = job.group or max(
        layout.groups, key=lambda g: float(points[slice(*layout.groups[g]), 2].mean())
    )
    start, stop = layout.groups[group]
    own, shown = points[start:stop], np.zeros_like(points)
    shown[start:stop] = np.where(own[:, 2:] >= SURE, np.insert(own[:, :2], 2, 2.0, axis=1), 0)
    outputs.save(target / f"{job.name}.png", drawn(answer.picture, shown, layout=layout))
    listed = {
        "picture": str(job.path),
        "object": layout.titles[group],
        "category": group - GARMENTS if group > GARMENTS else None,
        "box": list(answer.box),
        "landmarks": {
            name: {"x": round(x, 2), "y": round(y, 2), "score": round(score, 4)}
            for name, (x, y, score) in zip(layout.names[start:stop], own.tolist(), strict=True)
        },
    }
    write_atomic(target / f"{job.name}.json", f"{json.dumps(listed, indent=1)}\n".encode())
    area = answer.box[2] * answer.box[3]
    record = Record(job.name, 0, answer.box, shown, area, group, job.path)
    return record, _score(shown, points[:, 2])


def _score(points: np.ndarray, scores: np.ndarray) -> float:
    """The mean maximum of the landmarks that are listed; 0 without any."""
    sure = points[:, 2] > 0
    return float(scores[sure].mean()) if sure.any() else 0.0
