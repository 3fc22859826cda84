"""Every config in the folder: it builds, it is locked, its fields and its weights are known."""

import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict

from configs import base
from tryon_jax.stages import stage_config

FOLDER = Path(base.__file__).parent
NAMES = sorted(p.stem for p in FOLDER.glob("*.py") if p.stem not in ("__init__", "base"))
FILES = {name: importlib.import_module(f"configs.{name}") for name in NAMES}
SUMS = {"cpvton": ("plus-gmm", "plus-adversarial-tom", "adversarial-smoke", "plus-tom-demo")}
VARIANTS = [
    (name, variant)
    for name, file in FILES.items()
    for variant in (*file.VARIANTS, *SUMS.get(name, ()))
]


def fields(config, prefix=""):
    """Dotted names of all fields and their types, but for those that belong to the system."""
    for name in config:
        value = config[name]
        if prefix + name in ("model", "weights", "frozen", "stages"):
            continue
        if isinstance(value, ConfigDict):
            yield from fields(value, f"{prefix}{name}.")
        else:
            yield prefix + name, config.get_type(name)


def runs_of(config):
    """The config itself, or that of each of its stages."""
    return [stage_config(config, stage) for stage in config.order] or [config]


def system_of(config):
    return importlib.import_module(f"tryon_jax.systems.{config.system}").make(config)


def batch_of(config):
    pipeline = importlib.import_module(f"data_pipelines.{config.data.pipeline}")
    shapes = pipeline.spec(config)
    return {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()}


def weight_names(config):
    return {f"{player}.{term}" for player in config.weights for term in config.weights[player]}


def test_the_folder_is_read():
    assert {"cyclegan", "ugatit"} <= set(NAMES)
    for name, file in FILES.items():
        assert "smoke" in file.VARIANTS, f"configs/{name}.py has no smoke variant"


def test_no_field_of_base_is_none():
    types = dict(fields(base.get_config()))
    assert types["system"] is str and len(types) > 30
    assert [name for name, kind in types.items() if kind is type(None)] == []


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_variants_build_and_are_locked(name, variant):
    config = FILES[name].get_config(variant)
    assert config.is_locked
    with pytest.raises(AttributeError):
        config.no_such_field = 1
    with pytest.raises(AttributeError):
        config.model.no_such_field = 1
    for run in runs_of(config):
        assert run.is_locked
        game = system_of(run)
        assert game.strips and (game.directions or game.scores or game.finding)


@pytest.mark.parametrize("name", NAMES)
def test_the_default_is_the_first_variant(name):
    file = FILES[name]
    assert file.get_config().to_dict() == file.get_config(file.VARIANTS[0]).to_dict()


@pytest.mark.parametrize("name", NAMES)
def test_unknown_variants_are_named(name):
    with pytest.raises(ValueError, match=r"the config .*smoke.*; got 'smal'"):
        FILES[name].get_config("smal")


def test_words_of_one_kind_exclude_each_other():
    with pytest.raises(ValueError, match=r"one of each of: paper or plus; .*'gmm-tom'"):
        FILES["cpvton"].get_config("gmm-tom")


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_all_fields_are_those_of_base(name, variant):
    """A system adds fields in `model` and `weights` alone, and keeps the types of the others."""
    config, known = FILES[name].get_config(variant), base.get_config()
    if config.data.pipeline != "unpaired":
        known.data = {
            "viton": base.viton_data,
            "triplets": base.triplet_data,
            "keypoints": base.keypoint_data,
            "landmarks": base.landmark_data,
        }[config.data.pipeline]()
    for run in runs_of(config):
        assert dict(fields(run)) == dict(fields(known))


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_the_networks_do_not_have_is_refused(name):
    config = FILES[name].get_config("smoke").unlock()
    groups = [group for group in config.model.values() if isinstance(group, ConfigDict)]
    for group in groups or [config.model]:
        group.no_such_field = 1
    for run in runs_of(config):
        with pytest.raises(TypeError, match="no_such_field"):
            system_of(run)


def variants_to_trace(file):
    """One variant for each set of weights in a file: the small one where it is one of them."""
    found = {}
    for variant in (*file.VARIANTS, "smoke"):
        if variant in ("gmm", "tom"):  # stages of other variants
            continue
        found[frozenset(weight_names(file.get_config(variant)))] = variant
    return found.values()


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        pytest.param(name, variant, marks=() if variant == "smoke" else pytest.mark.slow)
        for name, file in FILES.items()
        for variant in variants_to_trace(file)
    ],
)
def test_every_weight_has_a_term_and_every_strip_a_picture(name, variant):
    """Traced, not compiled. A term without a weight or a weight without a term is an error."""
    config, numbers = FILES[name].get_config(variant), set()
    for run in runs_of(config):
        game, batch = system_of(run), batch_of(run)
        state = jax.eval_shape(game.init, jax.random.key(0), batch)
        after, metrics = jax.eval_shape(game.train_step, state, batch)
        assert after == state  # the same names, shapes and types: it can be stepped on
        assert {(x.shape, x.dtype) for x in metrics.values()} == {((), jnp.dtype("float32"))}
        numbers |= set(metrics)
        images = jax.eval_shape(game.sample, state, shown_batch(batch))
        shown = {picture for strip in game.strips.values() for picture in strip}
        for key_in, key_out in game.directions.values():
            assert key_in in batch and key_out in images
        assert shown <= set(images)
        kinds = {(x.ndim, x.shape[-1], x.dtype) for x in images.values()}
        assert kinds <= {(4, channels, jnp.dtype("float32")) for channels in (1, 3)}
    terms = {name.replace(".", "_") for name in weight_names(config)}
    assert terms <= numbers


def shown_batch(batch):
    """With what the pipelines add for people."""
    return batch | ({"parse": batch["person"]} if "person" in batch else {})
