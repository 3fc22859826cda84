"""The documents tell the truth: names, links, flags, exit codes, and the example they print."""

import ast
import importlib
import re
import runpy
import sys
from pathlib import Path

import jax
import pytest

import tryon_jax.systems
from tryon_jax import check, setup, sharding

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]
README = (REPOSITORY / "README.md").read_text()
LAUNCH = ast.parse((REPOSITORY / "launch.py").read_text())
EXAMPLE = (REPOSITORY / "docs" / "adding_a_system.md").read_text()


def test_the_overview_names_every_file():
    """Every Python file with content outside tests, and nothing else."""
    named = re.findall(r"^\| `(.*?)` \|", (REPOSITORY / "docs" / "overview.md").read_text(), re.M)
    rooms = ("launch.py", "configs/*.py", "data_pipelines/**/*.py", "tryon_jax/**/*.py")
    paths = [path for room in (*rooms, "benchmarks/*.py") for path in REPOSITORY.glob(room)]
    found = [path.relative_to(REPOSITORY).as_posix() for path in paths if path.stat().st_size]
    assert sorted(named) == sorted(found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text())
    for link in links:
        if "://" not in link:
            target, _, heading = link.partition("#")
            file = path.parent / target
            assert file.exists(), link
            assert not heading or heading in anchors(file), link


def anchors(path):
    """The headings of a document as GitHub writes them in links."""
    headings = re.findall(r"^#+ (.*)", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def flag_names():
    """Every flag that launch.py defines."""
    calls = (node for node in ast.walk(LAUNCH) if isinstance(node, ast.Call))
    return {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr.startswith("DEFINE_")
    }


def test_readme_names_every_flag_of_launch_and_no_other():
    known = flag_names()
    table = README.partition("## Command line")[2].partition("\n### ")[0]
    assert known == {name.removeprefix("no") for name in re.findall(r"`--(\w+)", table)}
    commands = re.findall(r"launch\.py ([^`\n]*)", "\n".join(p.read_text() for p in DOCUMENTS))
    assert len(commands) > 8
    for command in commands:
        assert set(re.findall(r"--(\w+)", command)) <= known, command


def test_the_configs_and_fields_in_the_documents_exist():
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    configs = {}
    for name, arg in re.findall(r"configs/(\w+)\.py(?::(\w+))?", text):
        if name not in ("base", "NAME", "pix2pix"):
            module = importlib.import_module(f"configs.{name}")
            configs[name, arg] = module.get_config(*[arg] if arg else [])
    assert {("ugatit", "light"), ("cyclegan", "")} <= set(configs)
    for field in re.findall(r"config\.([a-z][\w.]*\w)=", README):
        assert any(has(config, field) for config in configs.values()), field


def has(config, field):
    for name in field.split("."):
        if not hasattr(config, "keys") or name not in config:
            return False
        config = config[name]
    return True


SYSTEMS = re.findall(
    r"`configs/(\w+)\.py(?::(\w+))?` \| ([\d ]+) \| ([\d,]+) \| ([\d,]+) \|", README
)


# these take long to trace
SLOW = dict.fromkeys(("photo2cartoon", "landmarks_human", "landmarks_garment"), pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "arg", "steps", "generator", "total"),
    [pytest.param(*row, marks=SLOW.get(row[0], ())) for row in SYSTEMS],
)
def test_the_numbers_of_readme_s_table_of_systems(name, arg, steps, generator, total):
    module = importlib.import_module(f"configs.{name}")
    config = module.get_config(*[arg] if arg else [])
    assert config.steps == int(steps.replace(" ", ""))
    batch = setup.batch_template(config, mesh=sharding.data_mesh())
    state = jax.eval_shape(setup.make_system(config).init, jax.random.key(0), batch)
    sizes = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in state.params.items()}
    sampled = setup.make_system(config).sampled
    assert {f"{sizes[name]:,}" for name in sampled if name in sizes} == {generator}
    assert f"{sum(sizes.values()):,}" == total


def test_readme_lists_every_system():
    files = (REPOSITORY / "tryon_jax" / "systems").glob("[!_]*.py")
    named = {
        importlib.import_module(f"configs.{name}").get_config(*[arg] if arg else []).system
        for name, arg, *_ in SYSTEMS
    }
    systems = {path.stem for path in files}
    parts = {name for name in systems for other in systems if name.startswith(f"{other}_")}
    assert named == systems - parts


def test_readme_lists_the_exit_codes():
    listed = set(map(int, re.findall(r"^\| (\d+) \|", README, re.M)))
    train = ast.parse((REPOSITORY / "tryon_jax" / "train.py").read_text())
    assert listed == {*codes(LAUNCH), *codes(train)}


def codes(module):
    """The numbers of a module's line `DONE, ... = 0, ...`."""
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("(DONE, "):
            return ast.literal_eval(node.value)
    raise AssertionError("no exit codes")


def test_continuous_integration_runs_the_command_of_readme():
    commands = re.findall(r"^python3 -m venv .*", README, re.M)
    assert len(commands) == 2
    assert commands[1] in (REPOSITORY / ".ci" / "run").read_text().splitlines()


def test_pre_commit_uses_the_ruff_of_the_requirements():
    pinned = re.search(r"ruff==(\S+)", (REPOSITORY / "requirements-dev.txt").read_text())[1]
    assert f"rev: v{pinned}\n" in (REPOSITORY / ".pre-commit-config.yaml").read_text()


@pytest.mark.slow
def test_the_example_passes_the_check(tmp_path, monkeypatch, capsys):
    """The two listings of adding_a_system.md, as two files that the loop finds by name."""
    paths = re.findall(r"^## File \d: `(.*)`", EXAMPLE, re.M)
    listings = re.findall(r"^```python\n(.*?)^```", EXAMPLE, re.M | re.S)
    for path, listing in zip(paths, listings, strict=True):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(listing)
    system, config = (tmp_path / path for path in paths)
    rooms = [*tryon_jax.systems.__path__, str(system.parent)]
    monkeypatch.setattr(tryon_jax.systems, "__path__", rooms)
    monkeypatch.chdir(tmp_path)
    try:
        get_config = runpy.run_path(str(config))["get_config"]
        assert check.check(get_config(), file=config) == 0
    finally:
        sys.modules.pop(f"tryon_jax.systems.{system.stem}", None)
    printed = capsys.readouterr().out
    assert "all well" in printed
    for line in ("gen_adv ", "gen_l1 ", "disc_adv "):
        assert f"\n{line}" in printed and f"\n{line}" in EXAMPLE
