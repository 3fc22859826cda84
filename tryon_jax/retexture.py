"""Garments in new textures: from a run's folder, pictures and textures to pictures.

`--mode=texture` of a run whose system can (`System.retexture`). What becomes of NAME and TEXTURE is
result/NAME+TEXTURE.png, and strip/NAME+TEXTURE.png shows it beside the person, the translation
without the texture, and the texture where it was laid. Several of either also give sheet.png:
textures along the top, persons down the side. `--mode=infer` of such a run translates the garments
without a texture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from data_pipelines import landmark_fields, ops, sources, viton_read
from data_pipelines.landmark_items import Item, resized, write
from data_pipelines.landmark_layout import DOMAINS_FILE, items_at
from data_pipelines.prepare import DataError
from tryon_jax import grids, outputs
from tryon_jax.setup import UsageError, browse
from tryon_jax.weights import Trained, trained

STRIP = ("source", "plain", "laid", "result")
SHEET = 20  # persons, and textures, in a sheet: of more, nothing could be seen
PLAIN = "plain"  # the method without a texture, and what stands for its name

Made = Mapping[str, np.ndarray]  # pictures of one item, float32 [H, W, 1 or 3] in [-1, 1]


class Options(NamedTuple):
    """What `--mode=texture` is told.

    `input` is a picture, a folder of pictures, or a data set's folder; "" takes the first held-out
    items of the run. `texture` is a picture, several with commas between them, or a folder.
    `method` and `fill` are the system's. `tile` is how many pixels across a texture lies when it is
    tiled; 0: a quarter of the picture's height. `offset` is X,Y in pixels.
    """

    output: str
    input: str = ""
    texture: str = ""
    direction: str = "ab"
    method: str = "forward"
    fill: str = "tile"
    tile: int = 0
    offset: str = "0,0"
    checkpoint: str = "latest"
    average: bool = True
    overwrite: bool = False


class Plain(NamedTuple):
    """What `--mode=infer` of such a run is told: the same without a texture."""

    output: str
    input: str = ""
    direction: str = "ab"
    checkpoint: str = "latest"
    average: bool = True
    overwrite: bool = False


def translate(workdir: str | os.PathLike[str], options: Plain) -> int:
    """Translates garments as they are; otherwise as `retexture`."""
    return retexture(workdir, Options(**options._asdict(), method=PLAIN))


def retexture(workdir: str | os.PathLike[str], options: Options) -> int:
    """Gives garments new textures; says which weights it took and what it wrote.

    Args:
      workdir: of a run that has saved at least once.
      options: of the command line.

    Returns:
      0.

    Raises:
      setup.UsageError: naming the option and its repair.
      data_pipelines.prepare.DataError: naming a file that cannot be used.
      FileNotFoundError: if a file or the run is not there.
    """
    _check(options)
    run = trained(workdir, checkpoint=options.checkpoint)
    dress = run.system.retexture
    if dress is None:
        raise UsageError(
            f"{workdir} is a run of {run.config.system}, whose garments take no textures: "
            "--mode=texture needs a run of designgan"
        )
    if not options.average:
        run = run._replace(state=run.state._replace(ema={}))
    items = _items(run.config, options)
    textures = _textures(run.config, options)
    output = _Output(options, persons=list(items), textures=list(textures))
    print(f"weights: {run.origin}, {'averaged' if run.state.ema else 'as trained'}")
    for person, made in _made(run, dress, items=items, textures=textures, options=options):
        output.write(person, made)
    output.write_sheet(textures)
    count = len(items) * len(textures)
    print(f"wrote {count} picture{'s' * (count > 1)}: {options.output}")
    return 0


def _check(options: Options) -> None:
    if not options.output:
        raise UsageError("--output is missing: name a folder, or a picture for a single one")
    if bool(options.texture) == (options.method == PLAIN):
        raise UsageError(
            f"--method={options.method} with --texture={options.texture!r}: give textures by "
            f"--texture=PICTURE,PICTURE or a folder; --method={PLAIN}, and no other, takes none"
        )
    if options.direction not in ("ab", "ba"):
        raise UsageError(f"--direction must be ab or ba; got {options.direction!r}")
    if options.tile < 0:
        raise UsageError(f"--tile={options.tile} must be 0 pixels or more")


def _items(config: ConfigDict, options: Options) -> dict[str, Callable[[], Item]]:
    """By name what reads an item of the domain that is translated."""
    domain = options.direction[0]
    path = Path(options.input).expanduser()
    if options.input and not (path / DOMAINS_FILE).is_file():
        try:
            category = landmark_fields.category(config, domain)
            return items_at(path, category=category)
        except ValueError as error:
            raise DataError(str(error)) from error
    config = config.copy_and_resolve_references().unlock()
    if options.input:
        config.data.source, config.data.root = "folder", options.input
    tests = browse(config)[domain]
    if not tests.names:
        raise UsageError(
            f"{options.input or config.data.root} has no pictures of the split "
            f"{config.data.held_out}: name a picture or a folder of them by --input"
        )
    count = len(tests.names) if options.input else config.report.count
    return {name: partial(tests.load, i) for i, name in enumerate(tests.names[:count])}


def _textures(config: ConfigDict, options: Options) -> dict[str, np.ndarray]:
    """Textures by name, float32 [1, h, w, 3] in [-1, 1], as large as they will lie."""
    if options.method == PLAIN:
        return {PLAIN: np.zeros((1, 1, 1, 3), np.float32)}
    paths = [Path(part).expanduser() for part in options.texture.split(",") if part]
    found: dict[str, np.ndarray] = {}
    for path in paths:
        held = [path / name for name in sources.picture_paths(path)] if path.is_dir() else [path]
        if not held:
            raise UsageError(f"--texture={path} is a folder without pictures")
        for file in held:
            if file.stem in found:
                raise UsageError(f"--texture names two pictures {file.stem}: rename one of them")
            try:
                found[file.stem] = _texture(viton_read.read_picture(file), config, options)
            except ValueError as error:
                raise DataError(str(error)) from error
    return found


def _texture(image: np.ndarray, config: ConfigDict, options: Options) -> np.ndarray:
    """A texture made as large as a tile, with an antialiased filter: the network's has none."""
    height, width = landmark_fields.size(config)
    if options.fill == "stretch":
        rows, cols = height, width
    else:
        cols = options.tile or max(height // 4, 1)
        rows = max(round(cols * image.shape[0] / image.shape[1]), 1)
    small = ops.resize(image, width=cols, height=rows, interpolation="bicubic")
    return ops.normalise(small)[None]


def _offset(options: Options) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in options.offset.split(","))
    except ValueError as error:
        raise UsageError(
            f"--offset must be X,Y in pixels, such as 8,0; got {options.offset!r}"
        ) from error
    return x, y


def _made(
    run: Trained,
    dress: Callable[..., dict[str, jax.Array]],
    *,
    items: Mapping[str, Callable[[], Item]],
    textures: Mapping[str, np.ndarray],
    options: Options,
) -> Iterator[tuple[str, dict[str, Made]]]:
    """For every person its name, and by texture what is made."""
    laid = partial(
        dress,
        direction=options.direction,
        method=options.method,
        fill=options.fill,
        scale=1.0,
        offset=_offset(options),
    )
    run_one = jax.jit(lambda state, batch, texture: laid(state, batch, texture=texture))
    for name, read in items.items():
        batch = _batch(run.config, read, domain=options.direction[0])
        found = {}
        for label, texture in textures.items():
            try:
                made = run_one(run.state, batch, texture)
            except ValueError as error:
                raise UsageError(f"--method, --fill or --direction: {error}") from error
            found[label] = {key: np.asarray(x[0]) for key, x in made.items()}
        if not (found[label]["mask"] > 0).any():
            print(f"warning: the translation of {name} shows no garment")
        yield name, found


def _batch(config: ConfigDict, read: Callable[[], Item], *, domain: str) -> dict[str, np.ndarray]:
    """A batch of one item, of one domain."""
    try:
        item = read()
    except ValueError as error:
        raise DataError(f"{error}; make the file again, or choose another") from error
    if not item.masks.any():
        raise DataError("a mask marks nothing: give the garment's mask, 128 or more on it")
    size = landmark_fields.size(config)
    item = resized(item, size=size, interpolation=config.data.interpolation)
    shapes = landmark_fields.shapes(config)
    made = {k: np.empty(s, np.float32) for k, s in shapes.items() if k.endswith(f"_{domain}")}
    write(item, into=made, domain=domain)
    return {key: array[None] for key, array in made.items()}


class _Output:
    """Where the pictures go; nothing is replaced unless that is wanted."""

    def __init__(self, options: Options, *, persons: list[str], textures: list[str]) -> None:
        self._target, self._shown = Path(options.output).expanduser(), []
        self._single = outputs.is_picture(self._target)
        self._many = len(persons) * len(textures) > 1
        if self._single and self._many:
            raise UsageError(
                f"--output={self._target} is one picture, {len(persons)} persons in "
                f"{len(textures)} textures are several: name a folder"
            )
        kinds = ("result", "mask", "strip")
        paths = [self._path(k, f"{p}+{t}") for p in persons for t in textures for k in kinds]
        paths += [self._target / "sheet.png"] if self._many else []
        outputs.check_free(paths, overwrite=options.overwrite)

    def write(self, person: str, made: Mapping[str, Made]) -> None:
        """The pictures of a person in all textures; remembers what the sheet shows."""
        for texture, pictures in made.items():
            name = f"{person}+{texture}"
            shown = {key: grids.to_uint8(x[None])[0] for key, x in pictures.items()}
            outputs.save(self._path("result", name), shown["result"])
            outputs.save(self._path("mask", name), shown["mask"][..., 0])
            strip = np.concatenate([shown[key] for key in STRIP], 1)
            outputs.save(self._path("strip", name), strip)
        if len(self._shown) < SHEET:
            self._shown.append(list(made.values())[:SHEET])

    def write_sheet(self, textures: Mapping[str, np.ndarray]) -> None:
        """Textures along the top, persons down the side, what becomes of them inside."""
        if not self._many:
            return
        heads = [row[0]["source"] for row in self._shown]
        height, width = heads[0].shape[:2]
        columns = []
        for texture in list(textures.values())[:SHEET]:
            _, rows, cols, _ = texture.shape
            repeats = (-(-height // rows), -(-width // cols), 1)
            columns.append(np.tile(texture[0], repeats)[:height, :width])
        tiles = [[made["result"] for made in row] for row in self._shown]
        sheet = grids.crossed(tiles, rows=heads, columns=columns)
        grids.save_png(self._target / "sheet.png", sheet)

    def _path(self, kind: str, name: str) -> Path:
        if not self._single:
            return self._target / kind / f"{name}.png"
        if kind == "result":
            return self._target
        return self._target.with_name(f"{self._target.stem}_{kind}{self._target.suffix}")
