"""
The rules of the house that a machine can check.
"""

import ast
import re

import pytest
import stamp
import yaml
from support import ROOT, load

MODULES = sorted(ROOT.glob("_modules/*.py"))
STATES = sorted(ROOT.glob("_states/*.py"))
SLS = sorted((ROOT / "containerd").rglob("*.sls"))


def public_functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]


def functions(paths):
    return [pytest.param(p, f, id=f"{p.stem}.{f.name}") for p in paths for f in public_functions(p)]


@pytest.mark.parametrize(("path", "function"), functions(MODULES))
def test_execution_function_shows_itself_on_the_command_line(path, function):
    assert f"salt '*' {path.stem}.{function.name}" in ast.get_docstring(function)


@pytest.mark.parametrize(("path", "function"), functions(STATES))
def test_state_function_shows_itself_in_an_sls(path, function):
    doc = ast.get_docstring(function)
    example = doc.split(".. code-block:: yaml")[1].split("\n\n:return:")[0]
    state = next(iter(yaml.safe_load(example).values()))
    assert next(iter(state)) == f"{path.stem}.{function.name}"


@pytest.mark.parametrize(("path", "function"), functions(MODULES + STATES))
def test_each_parameter_and_the_return_is_explained(path, function):
    doc = ast.get_docstring(function)
    arguments = [a.arg for a in function.args.args]
    defaults = dict(zip(reversed(arguments), reversed(function.args.defaults)))
    module = vars(load(str(path.relative_to(ROOT))))
    for argument in arguments:
        default = ""
        if argument in defaults:
            default = f" : ``{re.escape(_text(defaults[argument], module))}``"
        assert re.search(rf"^{argument}{default}$", doc, re.MULTILINE), (argument, default)
    assert ":return:" in doc


def _text(node, module):
    if isinstance(node, ast.Name):
        return str(module[node.id])
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


@pytest.mark.parametrize("path", SLS, ids=lambda p: str(p.relative_to(ROOT)))
def test_sls_opens_with_what_it_does(path):
    assert path.read_text(encoding="utf-8").startswith("{#- ")


def test_the_release_is_the_same_everywhere():
    """
    Minions compare the stamp: one that is stale lets new states run with old modules.
    """
    assert stamp.stamps() == [stamp.stamp()] * 2, "run make stamp"
    release = stamp.stamp().split("+")[0]
    assert f"## {release}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_pillar_example_names_every_setting():
    """
    All but what only the formula itself sets: the layers of the os and of systemd, and names by os family.
    """
    defaults = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
    example = yaml.safe_load((ROOT / "pillar.example").read_text(encoding="utf-8"))["containerd"]
    own = {"systemd_config", "package:distro", "package:none", "package:hold_needs", "package:repository"}
    own |= {f"package:{source}:{key}" for source in ("docker", "archive") for key in ("config", "packages")}
    own.add("package:docker:distributions")
    assert set(_names(defaults)) - set(_names(example)) <= {
        name for name in _names(defaults) if any(name == o or name.startswith(f"{o}:") for o in own)
    }


def _names(mapping, prefix=""):
    for key, value in mapping.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict) and key != "config":
            yield from _names(value, f"{prefix}{key}:")


def test_readme_is_read_in_one_sitting():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 250


def test_no_file_of_the_formula_outgrows_the_head():
    """
    All but the schema: a table, and what cannot stand apart from it since Salt's modules cannot import.
    """
    files = [path for path in [*MODULES, *STATES] if path.stem != "containerd_schema"]
    assert not [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 650]
