"""
Where tomlkit comes from, and what is said where it does not come.
"""

import os
import subprocess
import sys

import pytest
from salt.exceptions import CommandExecutionError
from support import load


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
    found = []

    def install(kind, given):
        module.asked.append((kind, given))
        if module.brings:
            found.append(module.brings)

    def pip_installed(**given):
        install("pip", given)
        return dict(module.pip)

    module.__opts__ = {"test": False}
    module.__states__ = {"pip.installed": pip_installed}
    module.__salt__ = {
        "containerd_salt.library": lambda: found[-1] if found else "",
        "cp.cache_file": lambda address: "" if "nowhere" in address else f"/cache/files/{address[-10:]}",
        "pkg.install": lambda name: install("pkg", name) or {name: {"old": "", "new": "1"}},
    }
    return module


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ({}, ("pip", {"name": "tomlkit>=0.15.1"})),
        (
            {"wheel": "salt://files/tomlkit.whl"},
            ("pip", {"name": "tomlkit>=0.15.1", "no_index": True, "find_links": "/cache/files"}),
        ),
        ({"package": "python3-tomlkit"}, ("pkg", "python3-tomlkit")),
    ],
    ids=["pypi", "wheel", "package"],
)
def test_tomlkit_comes_from_where_the_site_has_it(state, source, asked):
    ret = state.library_installed(**source)
    assert ret["result"] is True, ret["comment"]
    assert state.asked == [asked]
    assert state.library_installed(**source)["changes"] == {}
    assert len(state.asked) == 1


def test_the_address_of_an_index_is_in_a_file_for_root_alone(state):
    """
    Salt logs the command line and the environment of pip; pip itself reads the file.
    """
    address = "https://me:hunter2%40@example.org/simple"

    def pip_installed(name, env_vars):
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
        "No matching distribution. Where no package index can be reached, say in"
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
    ret = state.library_installed(wheel="salt://nowhere/tomlkit.whl")
    assert (ret["result"], ret["comment"]) == (
        False,
        "salt://nowhere/tomlkit.whl cannot be fetched: there is no such file.",
    )

    def fail(_name):
        raise CommandExecutionError("no such package")

    state.__salt__["pkg.install"] = fail
    ret = state.library_installed(package="nope")
    assert (ret["result"], ret["comment"]) == (False, "no such package")
