"""
Where tomlkit comes from, and what is said where it does not come.
"""

import hashlib
import os
import subprocess
import sys

import pytest
import yaml
from salt.exceptions import CommandExecutionError
from support import ROOT, functions_of, load, wired

WHEEL = "salt://files/tomlkit-0.15.2-py3-none-any.whl"
CONTENT = b"a wheel"
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def state():
    """
    Return the state module on a node without tomlkit; ``brings`` is the version that installing gives.
    """
    module = load("_states/containerd_salt.py")
    module.asked, module.brings, module.pip = (
        [],
        "0.15.2",
        {"result": True, "changes": {}, "comment": "pip ends."},
    )
    module.proxy = ""
    found = []

    def install(kind, given):
        module.asked.append((kind, given))
        if module.brings:
            found.append(module.brings)

    def pip_installed(**given):
        install("pip", given)
        return dict(module.pip)

    def fetch(address, limit, label):
        if "nowhere" in address:
            raise CommandExecutionError(f"{label} cannot be fetched: there is no such file.")
        return CONTENT

    module.__opts__ = {"test": False}
    module.__states__ = {"pip.installed": pip_installed}
    module.__salt__ = {
        **functions_of("containerd_files", "containerd_paths"),
        "containerd_salt.library": lambda: found[-1] if found else "",
        "containerd_fetch.content": fetch,
        "containerd_fetch.proxy": lambda _: module.proxy,
        "pkg.install": lambda name: install("pkg", name) or {name: {"old": "", "new": "1"}},
    }
    return module


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ({}, ("pip", {"name": "tomlkit>=0.15.1", "proxy": False})),
        ({"package": "python3-tomlkit"}, ("pkg", "python3-tomlkit")),
    ],
    ids=["pypi", "package"],
)
def test_tomlkit_comes_from_where_the_site_has_it(state, source, asked):
    ret = state.library_installed(**source)
    assert ret["result"] is True, ret["comment"]
    assert state.asked == [asked]
    assert state.library_installed(**source)["changes"] == {}
    assert len(state.asked) == 1


def test_pip_gets_the_very_file_that_was_checked_and_nothing_else(state):
    def pip_installed(name, **given):
        folder, file = os.path.split(name)
        assert os.listdir(folder) == [file] == [WHEEL.rpartition("/")[2]]
        assert os.stat(folder).st_mode & 0o777 == 0o700
        with open(name, "rb") as wheel:
            assert wheel.read() == CONTENT
        state.path = name
        return {"result": True, "changes": {}, "comment": "", **given}

    state.__states__ = {"pip.installed": pip_installed}
    ret = state._install_wheel(WHEEL, HASH)
    assert (ret["no_index"], ret["no_deps"], ret["proxy"]) == (True, True, False)
    assert not os.path.exists(os.path.dirname(state.path))


@pytest.mark.parametrize("sha256", ["", "0" * 64, HASH.upper()])
def test_a_wheel_with_another_hash_is_not_installed(state, sha256):
    ret = state.library_installed(wheel=WHEEL.replace("files", "me:hunter2@files"), wheel_sha256=sha256)
    assert (ret["result"], ret["changes"], state.asked) == (False, {}, [])
    assert f"has the sha256 {HASH}, and pinned is {sha256 or 'none'}: " in ret["comment"]
    assert "hunter2" not in ret["comment"]


@pytest.mark.parametrize("name", ["evil-1.0-py3-none-any.whl", "tomlkit-1 --pre.whl", "tomlkit-1.tar.gz", ""])
def test_a_wheel_of_something_else_is_refused_by_its_name(state, name):
    ret = state.library_installed(wheel=f"salt://files/{name}", wheel_sha256=HASH)
    assert (ret["result"], state.asked) == (False, [])
    assert "its file name must be that of a tomlkit release" in ret["comment"]


@pytest.mark.parametrize("proxy", ["", "http://me:hunter2%40@proxy.corp:3128"])
def test_the_addresses_of_index_and_proxy_are_in_a_file_for_root_alone(state, proxy):
    """
    Salt logs the environment of pip, and every user sees its command line; pip itself reads the file.
    """
    state.proxy = proxy
    address = "https://me:hunter2%40@example.org/simple"

    def pip_installed(name, env_vars, proxy):
        # Without it Salt writes its own proxy on the command line.
        assert proxy is False
        assert "hunter2" not in str(env_vars)
        assert os.stat(env_vars["PIP_CONFIG_FILE"]).st_mode & 0o077 == 0
        argv = [sys.executable, "-m", "pip", "config", "list"]
        state.read = subprocess.run(
            argv, env={**os.environ, **env_vars}, capture_output=True, text=True, check=True
        ).stdout
        state.path = env_vars["PIP_CONFIG_FILE"]
        return {"result": False, "changes": {}, "comment": "pip ends."}

    state.__states__ = {"pip.installed": pip_installed}
    state.library_installed(index_url=address)
    assert f"global.index-url='{address}'" in state.read
    assert (f"global.proxy='{proxy}'" in state.read) == bool(proxy)
    assert not os.path.exists(state.path)


def test_a_preview_installs_nothing(state):
    state.__opts__["test"] = True
    assert state.library_installed(package="python3-tomlkit")["result"] is None
    assert state.asked == []


def test_a_failure_tells_the_cure(state):
    state.pip, state.brings = {"result": False, "changes": {}, "comment": "No matching distribution."}, ""
    ret = state.library_installed()
    assert ret["result"] is False
    assert ret["comment"].startswith(
        "No matching distribution. If this node cannot reach a package index, set"
    )


@pytest.mark.parametrize(
    ("brings", "words"),
    [
        ("0.11.7", "python3-tomlkit brought tomlkit 0.11.7, and this formula needs 0.15.1"),
        ("", "cannot be imported"),
    ],
)
def test_a_package_that_does_not_help_is_an_error(state, brings, words):
    state.brings = brings
    ret = state.library_installed(package="python3-tomlkit")
    assert ret["result"] is False
    assert words in ret["comment"]


def test_a_wheel_that_is_not_there_and_a_package_manager_that_fails_are_clear(state):
    wheel = "salt://nowhere/tomlkit-1.whl"
    ret = state.library_installed(wheel=wheel)
    words = f"The wheel {wheel} cannot be fetched: there is no such file."
    assert (ret["result"], ret["comment"]) == (False, words)

    def fail(_name):
        raise CommandExecutionError("no such package")

    state.__salt__["pkg.install"] = fail
    ret = state.library_installed(package="nope")
    assert (ret["result"], ret["comment"]) == (False, "no such package")


def test_a_wrong_image_or_runtime_is_told_before_anything_changes():
    module = wired("containerd_salt")
    module.__grains__ = {"os": "Debian", "os_family": "Debian", "cpuarch": "x86_64"}
    defaults = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
    image = {"name": "pause:3.10", "archive": "salt://a.tar", "sha256": "0" * 64}
    for given, words in (
        ({"images": [image]}, "containerd:images:0:name: it has no registry: write docker.io/library/pause"),
        ("docker", "containerd is a string; it must be a mapping."),
    ):
        [told] = module.problems(given, defaults, ["Debian"])
        assert words in told
    assert module.problems({"images": [{**image, "name": "a.io/a:1"}]}, defaults, ["Debian"]) == []


def masked(given):
    """
    Return a ``pillar.get`` as that of 3008.
    """
    return lambda key, unmask=None: given if unmask else "**********"


@pytest.mark.parametrize("of", [masked, lambda given: {"containerd": given}.get], ids=["3008", "3006"])
@pytest.mark.parametrize("given", [{"images": "x"}, None])
def test_modules_that_came_in_this_run_check_the_pillar_of_the_minion(state, given, of):
    asked = []

    def problems(given, defaults, families):
        asked.append((given, defaults, families))
        return ["containerd:images is a string."] if given else []

    state.__states__ = {"containerd.ready": None}
    state.__salt__ = {
        "containerd.release": lambda: "1",
        "pillar.get": of(given),
        "containerd_salt.problems": problems,
    }
    ret = state.synced("1", pillar={"defaults": {}, "families": ["Debian"]})
    assert asked == [(given or {}, {}, ["Debian"])]
    assert (ret["result"], "images is a string" in ret["comment"]) == (not given, bool(given))


@pytest.mark.parametrize("told", [str, str.encode], ids=["text", "bytes"])
def test_a_file_server_that_tells_bytes_is_asked_as_well(tmp_path, told):
    """
    gitfs has the hash of a file as text at first, and later as bytes.
    """
    module = load("_modules/containerd_salt.py")
    path = tmp_path / "modules/containerd.py"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    served = {"hash_type": "sha256", "hsum": told(HASH)}
    module.__salt__ = {"cp.hash_file": lambda *_: served}
    module.__opts__ = {"extension_modules": str(tmp_path), "file_roots": {}}
    # A test before this one may have left the modules of its minion in the process.
    module._loaded = lambda kind: None
    said = module.stranger("modules", "0.1.0", "base")
    assert "It is salt://_modules/containerd.py of saltenv base: a root or remote that comes before" in said
