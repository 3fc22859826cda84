"""One command for everything: `python launch.py --config=configs/ugatit.py`.

Exit codes: 0 done, 2 wrong use, 3 data, 4 non-finite numbers, 75 told to stop, after saving.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from absl import app, flags, logging
from ml_collections import config_flags

DONE, WRONG_USE, BAD_DATA, NON_FINITE = 0, 2, 3, 4
FLAGS = flags.FLAGS

config_flags.DEFINE_config_file(
    "config", None, "FILE.py[:variant]; fields by --config.a.b=v. Train, check, import and masks."
)
flags.DEFINE_enum(
    "mode",
    "train",
    [
        *("train", "infer", "evaluate", "compare", "check", "warp", "masks", "import"),
        "texture",
    ],
    "What to do.",
)
flags.DEFINE_string("workdir", "", "The run's folder; by default runs/<config name>-<variant>.")
flags.DEFINE_string("checkpoint", "latest", "For infer, evaluate, warp: latest, best, a step.")
flags.DEFINE_string(
    "input", "", "For infer: a picture, a video, a folder, camera[:N]; import: weights."
)
flags.DEFINE_string("output", "", "For infer, warp: a picture, a video, or a folder.")
flags.DEFINE_string("person", "", "For try-on: a picture or its name; a folder, A,B,C, or all.")
flags.DEFINE_string("cloth", "", "For try-on: a garment; a folder of them, A,B,C, or all.")
flags.DEFINE_string("worn", "", "For CAGAN: the garment that the person wears, alone.")
flags.DEFINE_string("pairs", "", "For try-on: a list of `PERSON CLOTH` lines, same, or other.")
flags.DEFINE_string("direction", "ab", "For infer: ab or ba.")
flags.DEFINE_string("size", "train", "For infer: train, native, or a side in pixels.")
flags.DEFINE_enum(
    "face",
    "none",
    ["none", "cut", "paste"],
    "For infer: the face alone, or put back; by NAME.json.",
)
flags.DEFINE_bool("side_by_side", False, "For infer: input and output beside one another.")
flags.DEFINE_bool("strips", False, "For infer: the run's test pictures, each in all its steps.")
flags.DEFINE_bool("average", True, "For infer: averaged (EMA) weights where the run has them.")
flags.DEFINE_string("texture", "", "For texture: a picture of cloth; several A,B,C, or a folder.")
flags.DEFINE_string(
    "method", "forward", "For texture: plain, paste, forward, optimise or optimise_head."
)
flags.DEFINE_string("fill", "tile", "For texture: tile, stretch or landmark.")
flags.DEFINE_integer("tile", 0, "For texture: pixels across a tile; 0: a quarter of the height.")
flags.DEFINE_string("offset", "0,0", "For texture: X,Y in pixels where a tile begins.")
flags.DEFINE_string("segmenter", "", "For masks: a .tflite or .whl of persons, a .pth of faces.")
flags.DEFINE_string("metrics", "", "For evaluate, compare: distances of sets, such as fid,kid.")
flags.DEFINE_string("inception", "", "For evaluate, compare: the file of FID's Inception.")
flags.DEFINE_integer(
    "gallery", 120, "For evaluate, compare: items of each kind in the report.", lower_bound=1
)
flags.DEFINE_string("fake", "", "For evaluate, compare: a folder of pictures that were made.")
flags.DEFINE_string("real", "", "For evaluate, compare: a folder of real pictures, or of truths.")
flags.DEFINE_bool("overwrite", False, "For infer, warp, masks: replace files that exist.")
flags.DEFINE_bool("dry_run", False, "Say what the run will need, and stop.")
flags.DEFINE_integer("profile", 0, "Trace a few steps after this one.", lower_bound=0)
flags.DEFINE_enum("require", None, ["cpu", "gpu", "tpu"], "Fail instead of using another device.")
flags.DEFINE_bool(
    "distributed", False, "Several processes: Slurm, Open MPI, TPU or JAX_* variables."
)


def main(_: list[str]) -> int:
    """Starts JAX, then the mode; what a person can repair is one message, without a trace."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # else TensorFlow announces them
    import jax

    if not FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Orbax tells a story at each save
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tryon_jax" / "xla"
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        jax.config.update("jax_compilation_cache_dir", str(cache))
    if FLAGS.distributed:
        numbers = (os.environ.get(f"JAX_{name}") for name in ("NUM_PROCESSES", "PROCESS_ID"))
        count, index = (int(number) if number else None for number in numbers)
        jax.distributed.initialize(os.environ.get("JAX_COORDINATOR_ADDRESS"), count, index)
    from data_pipelines.prepare import DataError
    from tryon_jax.record import WorkdirError
    from tryon_jax.setup import UsageError
    from tryon_jax.stopping import NonFiniteError

    try:
        return _modes()[FLAGS.mode]()
    except DataError as error:
        return _refuse(error, BAD_DATA)
    except NonFiniteError as error:
        return _refuse(error, NON_FINITE)
    except (UsageError, WorkdirError, OSError) as error:
        return _refuse(error, WRONG_USE)


def _modes():
    from tryon_jax import adopt, check, masking, prewarp, retexture, setup, stages

    if FLAGS.require:
        setup.require(FLAGS.require)
    file, variant = _config_file() if FLAGS.config is not None else (Path(), "")
    smaller = f"python launch.py --config={file}:demo"
    workdir = FLAGS.workdir or f"runs/{'-'.join(filter(None, (file.stem, variant)))}"
    return {
        "train": lambda: stages.run(
            _config(),
            workdir=workdir,
            smaller=smaller,
            dry_run=FLAGS.dry_run,
            profile=FLAGS.profile,
        ),
        "import": lambda: adopt.adopt(_config(), workdir=workdir, file=FLAGS.input),
        "check": lambda: check.check(_config(), file=file),
        "masks": lambda: masking.make_masks(
            _config(), segmenter=FLAGS.segmenter, overwrite=FLAGS.overwrite
        ),
        "evaluate": _evaluate,
        "compare": _compare,
        "infer": _infer,
        "texture": lambda: retexture.retexture(FLAGS.workdir, _options(retexture.Options)),
        "warp": lambda: prewarp.prewarp(
            FLAGS.workdir,
            output=FLAGS.output,
            checkpoint=FLAGS.checkpoint,
            overwrite=FLAGS.overwrite,
        ),
    }


def _evaluate():
    """A run, or a folder of pictures against another."""
    from tryon_jax import compare, evaluate

    if FLAGS.fake or FLAGS.real:
        return compare.folders_against(_folders(), _scoring())
    return evaluate.evaluate(FLAGS.workdir, _scoring())


def _compare():
    from tryon_jax import compare

    return compare.compare(FLAGS.workdir, _folders(), options=_scoring())


def _scoring():
    from tryon_jax import examine

    return examine.Options(**{name: getattr(FLAGS, name) for name in examine.Options._fields})


def _folders():
    from tryon_jax import compare

    return compare.Folders(FLAGS.fake, FLAGS.real, FLAGS.output)


def _infer():
    """Translation of pictures, garments on persons, or landmarks: the run knows which."""
    from tryon_jax import infer, locate, retexture, setup, try_on, weights

    _, config = weights.last_stage(FLAGS.workdir)
    system = setup.make_system(config)
    options, run = infer.Options, infer.infer
    if system.dressing is not None:
        options, run = try_on.Options, try_on.try_on
    if system.finding is not None:
        options, run = locate.Options, locate.locate
    if system.retexture is not None:
        options, run = retexture.Plain, retexture.translate
    known = (infer.Options, try_on.Options, locate.Options)
    others = {name for kind in known for name in kind._fields} - {*options._fields}
    if given := sorted(f"--{name}" for name in others if FLAGS[name].present):
        taken = ", ".join(f"--{name}" for name in options._fields)
        raise setup.UsageError(
            f"{', '.join(given)}: --mode=infer of a run of {config.system} takes {taken}"
        )
    make: Any = run
    return make(FLAGS.workdir, _options(options))


def _options(kind):
    """The flags that a mode takes."""
    return kind(**{name: getattr(FLAGS, name) for name in kind._fields})


def _config():
    from tryon_jax.setup import UsageError

    if FLAGS.config is None:
        raise UsageError(
            f"--mode={FLAGS.mode} needs a config, such as --config=configs/ugatit.py:demo"
        )
    return FLAGS.config


def _config_file() -> tuple[Path, str]:
    """The config's file and what stands behind its colon."""
    file, _, variant = config_flags.get_config_filename(FLAGS["config"]).partition(":")
    return Path(file), variant


def _refuse(error: Exception, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


def _parse(argv: list[str]) -> list[str]:
    """Flags and config; a wrong one is a message and exit code 2, not a trace."""
    try:
        rest = FLAGS(argv)
        if FLAGS.config is not None:
            FLAGS.config.keys()  # a file that cannot be read shows only when it is asked
        if len(rest) > 1:
            raise flags.Error(f"unknown arguments {rest[1:]}; options begin with --")
        return rest
    except (flags.Error, ValueError, KeyError, AttributeError, TypeError, OSError) as error:
        last = str(error).replace("\\n", "\n").strip().splitlines()[-1]  # the others are a trace
        sys.exit(_refuse(ValueError(last.strip()), WRONG_USE))


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
