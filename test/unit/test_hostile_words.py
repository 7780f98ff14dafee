"""
Hostile words of programs, and hostile values of pillar, to the modules and states: one clear error, at once.
"""

import inspect
import tempfile

import pytest
import salt.utils.path
from containerd_formula import image_settings, places
from containerd_formula.document import compose
from containerd_formula.kubelet import Kubelet
from containerd_formula.reading import reading
from containerd_formula.registries import read
from containerd_formula.runtime_settings import read as read_runtimes
from salt.exceptions import CommandExecutionError
from support import ROOT, load
from support.hostile import ANY, TEXTS, assert_linear, called, patterns, public_functions

FILES = [*sorted(ROOT.glob("_modules/*.py")), *sorted(ROOT.glob("_states/*.py"))]
# The seam that is replaced here; a pillar, attacked in the library's tests; what is given our own words.
LEFT_OUT = (
    *("containerd_command.run", "containerd_salt.problems", "containerd_change.discard"),
    *("containerd_files.replace", "containerd_files.sweep", "containerd_sandbox.command"),
    # A folder, or a condition, for as long as it is needed.
    *("containerd_files.temporary", "containerd_image_files.folder", "containerd_service.kept_from_starting"),
    # It takes the words of others.
    *("containerd_daemon.ctr", "containerd_unpack.write"),
)
RUNTIME = read_runtimes({"a": {"binary": "/nowhere"}}).runtimes[0]
REGISTRIES = read({"hosts": {"a.io": {"mirrors": ["b.io"]}}})
IMAGES = image_settings.read([{"name": "a.io/a:1", "archive": "salt://a", "sha256": "0" * 64}])
BASE = "version = 2\noom_score = 0\n"
HARMLESS = {
    "kind": "containerd",
    "tool": "crictl",
    "kubeadm": True,
    "version": "1.7.1",
    "url": "file:///nowhere",
    "sha256": "0" * 64,
    "arch": "amd64",
    "target": "nowhere",
    "address": "file:///nowhere",
    "archives": {"a": {"address": "file:///nowhere", "sha256": "0" * 64, "needed": ["a"]}},
    "label": "a",
    "roll": {"tgt": "a"},
    "limit": 10,
    "package": "a",
    "pid": "1",
    "stderr": "",
    "text": "a",
    "contents": "a",
    "reason": "a",
    "release": "0.1.0+a",
    "saltenv": "base",
    "module": "a",
    "modules": ["a"],
    "value": "1",
    "values": {"a.b": 1},
    "key": "debug.level",
    "source": "https://example.org/key",
    "pinned": ["0" * 40],
    "fingerprints": ["0" * 40],
    **dict.fromkeys(("packages", "needs"), ["containerd"]),
    "uri": "https://example.org",
    "repository": "https://example.org",
    "suite": "a",
    "own": "/nowhere",
    "importer": "/nowhere",
    "pattern": "*",
    "base": BASE,
    "made": compose(BASE, {}),
    "read_as": reading({}, {}, compose(BASE, {}), {"oom_score": 1}),
    "no_sandbox": "",
    "root": "/nowhere",
    "registry": REGISTRIES.registries[0],
    "one": REGISTRIES.registries[0].mirrors[0],
    "model": REGISTRIES,
    "answers": {},
    "names": ["a"],
    "short": "CRI.sandbox_image",
    "labels": {"a": "b"},
    "other": "a",
    "place": "/nowhere",
    "image": IMAGES.images[0],
    "images": [],
    "intended": {"model": IMAGES, "todo": ["a.io/a:1"], "rows": {}, "whole": [], "gone": [], "prune": True},
    "done": [],
    "bits": 0o600,
    **dict.fromkeys(("names", "needed"), ["a"]),
    **dict.fromkeys(("shown", "folder"), "/nowhere"),
    **dict.fromkeys(("wanted", "there"), {}),
    "paths": [],
    "prune": True,
    "planned": {"wanted": {}, "files": {}, "gone": []},
    "given": {},
    **dict.fromkeys(("overrides", "fragment", "old", "new", "data", "dump", "result", "found"), {}),
    "runtime": RUNTIME,
    "kubelet": Kubelet(),
    "programs": {"binary": "/nowhere", "shim": "/nowhere"},
    "is_serving": True,
    "proofs": [],
    "runtimes": {"a": {"binary": "/nowhere"}},
    "releases": {
        "containerd": {"version": "1", "url": "file:///nowhere", "sha256": {"1": {"amd64": "0" * 64}}}
    },
}
# What comes from pillar or a command line, whatever it is.
ATTACKED = (
    "given",
    "registries",
    "runtimes",
    "images",
    "overrides",
    "fragment",
    "base",
    "environment",
    "limits",
    "directives",
    "beneath",
    "roll",
    "service",
    "config",
    "tools",
)
WORDS = (
    "text",
    "stderr",
    "address",
    "package",
    "pid",
    "version",
    "url",
    "module",
    "key",
    "value",
    "source",
    "contents",
    "reason",
    "uri",
    "suite",
    "pattern",
)


def attacks():
    for path in FILES:
        for name in public_functions(load(str(path.relative_to(ROOT)))):
            if f"{path.stem}.{name}" not in LEFT_OUT:
                yield pytest.param(path, name, id=f"{path.parent.name}.{path.stem}.{name}")


@pytest.fixture
def node(tmp_path, monkeypatch):
    """
    Modules and states on a node that has nothing, whose programs say what ``said`` holds.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("ARCHIVES", "PREFIX", "APT_SOURCES", "DNF_REPOSITORIES", "SYSTEMD_BOOTED"):
        monkeypatch.setattr(places, name, str(tmp_path / name))
    (tmp_path / "SYSTEMD_BOOTED").mkdir()
    (tmp_path / "config.toml").write_text("version = 2\n")

    def which(name):
        # Without these there is no trial start.
        return None if name == "bwrap" else f"/usr/bin/{name}"

    monkeypatch.setattr(salt.utils.path, "which", which)
    said = {"retcode": 0, "stdout": "version = 2\noom_score = 0\n", "stderr": ""}
    state = {"result": True, "changes": {}, "comment": ""}
    functions = {
        "cmd.which": which,
        "cp.get_url": lambda *_: "",
        "cp.cache_file": lambda _: "",
        "cp.hash_file": lambda *_: {},
        "pkg.version": lambda _: said["stdout"],
        "pkg.get_selections": lambda **_: {},
        "pkg.list_repo_pkgs": lambda name: {name: [said["stdout"]]},
        "pkg.latest_version": lambda *_, **__: said["stdout"],
        "pkg.list_repos": dict,
        "pkg.version_cmp": lambda *_: 0,
        "pkg.install": lambda *_, **__: {},
        "pkg.remove": lambda **_: {},
        "service.restart": lambda _: True,
        "state.show_low_sls": lambda *_, **__: [said["stdout"][:100]],
        "state.show_top": lambda: {said["stdout"][:100]: [said["stdout"][:100]]},
        "cp.list_states": lambda _: [said["stdout"][:100]],
        "file.uid_to_user": lambda _: "root",
        "saltutil.runner": lambda *_, **__: said["stdout"],
    }
    modules = {}
    for path in FILES:
        module = modules[path] = load(str(path.relative_to(ROOT)))
        module.__salt__ = functions
        module.__opts__ = {"root_dir": str(tmp_path), "extension_modules": str(tmp_path), "test": False}
        module.__opts__.update(file_client="local", file_roots={})
        module.__grains__ = {"os_family": "Debian"}
        names = ("file.managed", "file.absent", "pip.installed", "pkg.installed")
        module.__states__ = dict.fromkeys(names, lambda **_: dict(state))
        if path.parent.name == "_modules":
            functions.update({f"{path.stem}.{k}": v for k, v in public_functions(module).items()})
        for name in ("PROC", "SYS", "LIB_MODULES"):
            if hasattr(module, name):
                setattr(module, name, str(tmp_path / name))
    functions["containerd_command.run"] = lambda *_, **__: dict(said)
    return modules, said, str(tmp_path / "config.toml")


@pytest.mark.parametrize(("path", "name"), attacks())
def test_each_function_answers_or_fails_in_words(node, path, name):
    modules, said, config = node
    function = getattr(modules[path], name)
    allowed = CommandExecutionError if path.parent.name == "_modules" else ()
    given = {}
    for parameter, one in inspect.signature(function).parameters.items():
        if parameter in ("path", "name"):
            given[parameter] = config
        elif parameter == "timeout":
            given[parameter] = 0
        elif (path.stem, parameter) == ("containerd_toml", "version"):
            given[parameter] = 2
        elif one.default is inspect.Parameter.empty:
            given[parameter] = HARMLESS[parameter]
    usual = dict(said)
    for text in TEXTS.values():
        for retcode in (0, 1):
            said.update(retcode=retcode, stdout=text, stderr=text)
            told(called(function, allowed, **given), path)
    said.update(usual)
    for parameter in inspect.signature(function).parameters:
        corpus = ANY if parameter in ATTACKED else TEXTS if parameter in WORDS else {}
        for value in corpus.values():
            told(called(function, allowed, **{**given, parameter: value}), path)


def told(result, path):
    """
    Assert that a state returns one, with a comment that can be read.
    """
    if path.parent.name == "_states":
        assert result["result"] in (True, False, None)
        assert len(result["comment"]) < 200_000 and "hunter2" not in result["comment"]


def pieces():
    for path in FILES:
        for pattern, method in patterns(path, vars(load(str(path.relative_to(ROOT))))):
            yield pytest.param(pattern, method, id=f"{path.stem}.{method}.{pattern.pattern}"[:60])


@pytest.mark.parametrize(("pattern", "method"), pieces())
def test_patterns_of_modules_take_linear_time(pattern, method):
    assert_linear(pattern, method)
