"""
The rules of the house that a machine can check.
"""

import ast
import re

import pytest
import yaml
from containerd_formula.state_run import QUIET, ROLLED_BACK, SERVICE
from support import ROOT, load
from tools import stamp

LIBRARY = ROOT / "_utils/containerd_formula"
MODULES = sorted(ROOT.glob("_modules/*.py"))
STATES = sorted(ROOT.glob("_states/*.py"))
RUNNERS = sorted(ROOT.glob("_runners/*.py"))
SLS = sorted((ROOT / "containerd").rglob("*.sls"))
JINJA = sorted((ROOT / "containerd").rglob("*.jinja"))
FACE = ROOT / "_runners/containerd.py"
CODE = [*sorted(LIBRARY.rglob("*.py")), *MODULES, *STATES, *RUNNERS]
FUNCTIONS = (ROOT / "docs/functions.md").read_text(encoding="utf-8")
PLAN = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
# Each line of a floor plan is a floor, and what stands left of a name is below it.
LIBRARY_ORDER, MODULE_ORDER, RUNNER_ORDER = (
    [name for line in block.strip().splitlines() for name in line.split()[1:]]
    for block in re.findall(r"(?:^    .+\n)+", PLAN, re.MULTILINE)
)
CALL = re.compile(r'(?:__salt__|salt)\["(containerd\w*)\.(\w+)"\]')


def names(path):
    return str(path.relative_to(ROOT))


def public_functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]


def functions(paths):
    return [pytest.param(p, f, id=f"{p.stem}.{f.name}") for p in paths for f in public_functions(p)]


def documented():
    """
    Return the functions that docs/functions.md names: a module with one, and others of it behind that.
    """
    table = FUNCTIONS.split("| function |", 1)[1].split("\n\n", 1)[0]
    found = set()
    for cell in re.findall(r"^\| (.*?) \|", table, re.MULTILINE):
        module = ""
        for name in re.findall(r"`([\w.]+)`", cell):
            module = name.rpartition(".")[0] or module
            found.add(f"{module}.{name.rpartition('.')[2]}")
    return found


def library_imports(path):
    """
    Return the files of the library that a Python file imports.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("containerd_formula"):
            parts = node.module.split(".")[1:]
            found |= {parts[0]} if parts else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {"salt" for alias in node.names if alias.name.split(".")[0] == "salt"}
    return found


def test_the_floor_plan_names_each_file():
    there = {path.stem for path in LIBRARY.iterdir() if path.stem[0] != "_"}
    assert sorted(LIBRARY_ORDER) == sorted(there)
    assert sorted(MODULE_ORDER) == [path.stem for path in MODULES]
    assert sorted(RUNNER_ORDER) == [path.stem for path in RUNNERS]


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.py")), ids=names)
def test_the_library_imports_what_is_below_it(path):
    room = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
    below = [] if room == "__init__" else LIBRARY_ORDER[: LIBRARY_ORDER.index(room)]
    assert library_imports(path) <= {*below, *({room} if path.parent != LIBRARY else ())}
    # Nor does it know Salt, or run anything.
    text = path.read_text(encoding="utf-8")
    assert not re.search(
        r"__(salt|states|opts|grains|pillar)__\b(?!`)|^(from|import) (salt|subprocess)\b", text, re.M
    )


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_modules_call_what_is_below_them(path):
    below = MODULE_ORDER[: MODULE_ORDER.index(path.stem)]
    assert {module for module, _ in CALL.findall(path.read_text(encoding="utf-8"))} <= set(below)


@pytest.mark.parametrize("path", RUNNERS, ids=names)
def test_runners_call_what_is_below_them(path):
    below = RUNNER_ORDER[: RUNNER_ORDER.index(path.stem)]
    assert {module for module, _ in CALL.findall(path.read_text(encoding="utf-8"))} <= set(below)


def test_each_function_of_a_runner_is_for_a_person_or_for_another_runner():
    called = {".".join(call) for path in RUNNERS for call in CALL.findall(path.read_text(encoding="utf-8"))}
    public = {f"{path.stem}.{function.name}" for path in RUNNERS for function in public_functions(path)}
    assert public - called == {f"containerd.{function.name}" for function in public_functions(FACE)}
    for function in public_functions(FACE):
        assert f"salt-run containerd.{function.name}" in ast.get_docstring(function)


def test_what_a_roll_takes_for_quiet_are_states_of_the_formula():
    # The page is held against what is rendered.
    ids = re.findall(r"`(containerd [^`]+)`", (ROOT / "docs/states.md").read_text(encoding="utf-8"))
    assert {SERVICE, ROLLED_BACK, *QUIET} <= set(ids)


def test_each_public_function_is_asked_for():
    """
    By a person, whom docs/functions.md tells of it, or by a state or another module.
    """
    files = [*MODULES, *STATES, *SLS, *JINJA]
    called = {".".join(call) for path in files for call in CALL.findall(path.read_text(encoding="utf-8"))}
    public = {f"{path.stem}.{function.name}" for path in MODULES for function in public_functions(path)}
    assert documented() <= public
    assert public - documented() == called - documented()


@pytest.mark.parametrize(("path", "function"), functions(MODULES))
def test_a_documented_function_shows_itself_on_the_command_line(path, function):
    name = f"{path.stem}.{function.name}"
    assert (f"salt '*' {name}" in ast.get_docstring(function)) == (name in documented())


@pytest.mark.parametrize(("path", "function"), functions(STATES))
def test_state_function_shows_itself_in_an_sls(path, function):
    doc = ast.get_docstring(function)
    example = doc.split(".. code-block:: yaml")[1].split("\n\n:return:")[0]
    state = next(iter(yaml.safe_load(example).values()))
    assert next(iter(state)) == f"{path.stem}.{function.name}"


@pytest.mark.parametrize(("path", "function"), functions([*MODULES, *STATES, FACE]))
def test_each_parameter_and_the_return_is_explained(path, function):
    """
    Where a person reads it: seams between modules need a line.
    """
    doc = ast.get_docstring(function)
    if path in MODULES and f"{path.stem}.{function.name}" not in documented():
        return
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
    assert set(stamp.stamps()) == {stamp.stamp()}, "run make stamp"
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
    own |= {"package:docker:distributions", "package:archive:architectures"}
    assert set(_names(defaults)) - set(_names(example)) <= {
        name for name in _names(defaults) if any(name == o or name.startswith(f"{o}:") for o in own)
    }


def _names(mapping, prefix=""):
    for key, value in mapping.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict) and key != "config":
            yield from _names(value, f"{prefix}{key}:")


def test_readme_is_read_in_one_sitting():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 200


@pytest.mark.parametrize("path", [path for path in CODE if path.stem != "table"], ids=names)
def test_no_file_outgrows_the_head(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_the_floor_plan_is_one_page():
    assert len(PLAN.splitlines()) < 80


def test_no_two_test_files_share_a_name():
    """
    pytest imports them by their name alone: two with one name end the whole run.
    """
    found = [
        path.name
        for folder in ("library", "unit", "functional", "binary")
        for path in ROOT.glob(f"test/{folder}/test_*.py")
    ]
    assert sorted(found) == sorted(set(found))
