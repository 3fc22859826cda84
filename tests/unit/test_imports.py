"""Imports point down the house, never up, and each heavy library has one room.

`ROOMS` and `BELOW` are the rule. A module without a room is a failure: give it one.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

# each room's modules or packages in tryon_jax/, top down
ROOMS = {
    "modes": "adopt check compare evaluate evaluate_landmarks examine export infer infer_video "
    "locate masking pairing prewarp retexture serve stages strips train try_on video",
    "evaluation": "contents folders real_sets report scoring watch",
    "run": "journal outputs setup weights",
    "services": "checkpoint describe forecast fresh progress reporting grids record files sharding "
    "stopping",
    "metrics": "metrics",
    "segmenters": "segment",
    "port": "port",
    "systems": "systems",
    "games": "attention_game garment_scores",
    "step": "exams system",
    "networks": "networks",
    "parts": "attention garment_style heatmap landmark_maps losses optim patches pictures pool "
    "skin texture texture_warp warp",
    "layers": "layers",
    "tables": "landmark_layouts landmark_tables",
}
OUTSIDE = {"launch": "launch", "data_pipelines": "data", "configs": "configs"}

# the rooms that a room may import besides itself; `setup` finds systems and pipelines by name
BELOW = {
    "launch": "modes run services data",
    "modes": "evaluation run services metrics segmenters port step data tables",
    "evaluation": "run services metrics port step data",
    "run": "services port step",
    "services": "step",
    "metrics": "networks parts port layers tables",
    "segmenters": "services networks port layers data",
    "port": "",
    "systems": "games step port networks parts layers tables",
    "games": "step networks parts layers",
    "step": "parts layers tables",
    "networks": "parts layers",
    "parts": "layers tables",
    "layers": "",
    "tables": "",
    "data": "tables",
    "configs": "",
}

# libraries that only these files or folders may import
HOMES = {
    "tensorflow": "data_pipelines/",
    "tensorflow_datasets": "data_pipelines/",
    "av": "tryon_jax/video.py",
    "clu": "tryon_jax/reporting.py",
    "orbax": "tryon_jax/checkpoint.py",
    "ai_edge_litert": "tryon_jax/segment/",
    "torch": "nowhere",
}


def room_of(module):
    """The room of a dotted name of ours; None for other people's."""
    first, *rest = module.split(".")
    if first in OUTSIDE:
        return OUTSIDE[first]
    if first != "tryon_jax" or not rest or rest[0].startswith("__"):
        return None
    found = [room for room, modules in ROOMS.items() if rest[0] in modules.split()]
    return found[0] if found else f"no room for {rest[0]!r}: place it in ROOMS"


def imports(source):
    """Dotted names that a file imports, wherever in the file; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def violations(path, source):
    """What a file at a path in the repository imports and should not, in words."""
    own = path.removesuffix(".py").replace("/", ".")
    room = room_of(own)
    if room is None:
        return []
    if room not in BELOW:
        return [f"{path}: {room}"]
    found = []
    for name in imports(source):
        package, other = name.split(".")[0], room_of(name)
        if name.startswith("."):
            found.append(f"{path}: {name} is relative; write the whole path")
        elif other not in (None, room, *BELOW[room].split()):
            found.append(f"{path}: {room} imports {name} of {other}")
        elif room == other == "systems" and not name.startswith(own):
            found.append(f"{path}: a system imports another, {name}")
        elif not path.startswith(HOMES.get(package, "")):
            found.append(f"{path}: {package} lives in {HOMES[package]} alone")
        elif room == "port" and package not in ("tryon_jax", "numpy", *sys.stdlib_module_names):
            found.append(f"{path}: ports are NumPy alone, not {package}")
    return found


def test_every_file_keeps_the_rule():
    folders = ("tryon_jax", "data_pipelines", "configs")
    paths = [p for folder in folders for p in (REPOSITORY / folder).rglob("*.py")]
    paths += REPOSITORY.glob("*.py")
    assert len(paths) > 50
    found = [v for p in sorted(paths)
             for v in violations(p.relative_to(REPOSITORY).as_posix(), p.read_text())]  # fmt: skip
    assert found == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("tryon_jax/layers/x.py", "from tryon_jax.networks.unet import UNet", "of networks"),
        ("tryon_jax/layers/x.py", "from tryon_jax import losses", "of parts"),
        ("tryon_jax/losses.py", "import tryon_jax.system", "of step"),
        ("tryon_jax/system.py", "from tryon_jax.systems import ugatit", "of systems"),
        ("tryon_jax/systems/x.py", "from tryon_jax import reporting", "of services"),
        ("tryon_jax/systems/x.py", "from tryon_jax.systems.ugatit import CAM", "another"),
        ("tryon_jax/systems/x.py", "def f():\n  from tryon_jax.systems import y", "another"),
        ("tryon_jax/export.py", "import launch", "of launch"),
        ("tryon_jax/reporting.py", "from tryon_jax import train", "of modes"),
        ("tryon_jax/train.py", "def f():\n  import tensorflow as tf", "tensorflow lives in"),
        ("tryon_jax/metrics/fid.py", "import tensorflow_datasets", "lives in data_pipelines/"),
        ("tryon_jax/infer.py", "import ai_edge_litert.interpreter", "litert lives in"),
        ("tryon_jax/train.py", "from clu import metric_writers", "clu lives in"),
        ("tryon_jax/infer.py", "def f():\n  import av", "av lives in"),
        ("tryon_jax/train.py", "import orbax.checkpoint as ocp", "orbax lives in"),
        ("tryon_jax/port/x.py", "import torch", "torch lives in nowhere"),
        ("tryon_jax/port/x.py", "import jax.numpy as jnp", "NumPy alone, not jax"),
        ("data_pipelines/x.py", "from tryon_jax.grids import grid", "data imports"),
        ("configs/x.py", "from data_pipelines import unpaired", "configs imports"),
        ("tryon_jax/systems/x.py", "from . import ugatit", "is relative"),
        ("tryon_jax/helpers.py", "", "no room for 'helpers'"),
        ("tryon_jax/train.py", "from tryon_jax import helpers", "no room for 'helpers'"),
    ],
)
def test_the_rule_finds(path, source, complaint):
    (found,) = violations(path, source)
    assert complaint in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("launch.py", "from tryon_jax import train"),
        ("tryon_jax/evaluate.py", "from tryon_jax.metrics import fid"),
        ("tryon_jax/systems/x.py", "from tryon_jax import losses, optim, system"),
        ("tryon_jax/systems/x.py", "import jax\nfrom flax import linen as nn"),
        ("tryon_jax/warp.py", "from tryon_jax.layers.precision import full"),
        ("tryon_jax/record.py", "from tryon_jax import __version__"),
        ("data_pipelines/viton.py", "import tensorflow as tf\nfrom data_pipelines import ops"),
        (
            "tryon_jax/port/x.py",
            "import re\nimport numpy as np\nfrom tryon_jax.port import convert",
        ),
    ],
)
def test_the_rule_permits(path, source):
    assert violations(path, source) == []


WITHOUT_TENSORFLOW = """
import importlib, pkgutil, sys
for name in ("tensorflow", "tensorflow_datasets", "clu", "av"):
    sys.modules[name] = None  # to import it is now an error
import jax, tryon_jax
from configs import ugatit as config
from tryon_jax.systems import ugatit
game = ugatit.make(config.get_config("smoke"))
batch = {name: jax.numpy.zeros((1, 32, 32, 3)) for name in ("real_a", "real_b")}
state = jax.eval_shape(game.init, jax.random.key(0), batch)
jax.eval_shape(game.train_step, state, batch)
assert "orbax" not in sys.modules and "data_pipelines" not in sys.modules
for module in pkgutil.walk_packages(tryon_jax.__path__, "tryon_jax."):
    importlib.import_module(module.name)
    print(module.name)
"""


def test_everything_is_imported_and_a_step_is_traced_without_tensorflow():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert {"tryon_jax.system", "tryon_jax.systems.cyclegan"} <= set(done.stdout.split())
