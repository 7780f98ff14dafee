"""
Archives of runtimes under real daemons: what runs goes on, and what a container still needs stays.
"""

import os
import shutil
import subprocess
import sys

import pytest
from containerd_formula import places, runtime_settings
from support import load
from support.daemon import daemon, runc  # noqa: F401
from support.runtimes import sha256

NAMESPACE = ("--namespace", "containerd-formula-test")


@pytest.fixture
def states(salt_functions, daemon, tmp_path, monkeypatch):  # noqa: F811
    """
    The states of runtimes on a node that has the daemon.
    """
    monkeypatch.setattr(sys.modules["formula._modules.containerd_daemon"], "_socket", lambda: daemon.socket)
    for name, module in sys.modules.items():
        if name.startswith("formula._modules."):
            module.__opts__ = {"root_dir": str(tmp_path / "node"), "test": False}
    monkeypatch.setattr(places, "ARCHIVES", str(tmp_path / "opt"))
    for module in (places, runtime_settings):
        monkeypatch.setattr(module, "RUNTIMES", str(tmp_path / "opt/runtimes"))
    monkeypatch.setenv("PATH", f"{daemon.folder}/bin", prepend=os.pathsep)
    own = salt_functions["containerd_daemon.search_path"]
    monkeypatch.setitem(
        salt_functions, "containerd_daemon.search_path", lambda: (f"{daemon.folder}/bin", *own())
    )
    module = load("_states/containerd_runtimes.py")
    module.__salt__, module.__opts__ = salt_functions, {"test": False}
    return module


@pytest.fixture
def releases(tmp_path):
    """
    What a pillar says of two releases of runc that differ in their bytes alone.
    """
    program = runc(tmp_path / "runc").read_bytes()
    made = []
    for content in (program, program + b"\0"):
        path = tmp_path / sha256(content)
        path.write_bytes(content)
        made.append({"archive": f"file://{path}", "sha256": path.name})
    return made


@pytest.fixture
def container(daemon, tmp_path):  # noqa: F811
    """
    Return a function that starts a container by a binary, and gives its process.
    """
    root = tmp_path / "root"
    root.mkdir()
    shutil.copy(shutil.which("busybox"), root / "busybox")

    def start(binary):
        words = (
            "run",
            "--detach",
            "--rootfs",
            "--runc-binary",
            binary,
            str(root),
            "c",
            "/busybox",
            "sleep",
            "900",
        )
        daemon.ctr(*NAMESPACE, *words, check=False)
        return pid(daemon)

    yield start
    end(daemon)
    daemon.ctr("namespaces", "rm", NAMESPACE[1], check=False)


def pid(daemon):  # noqa: F811
    listed = daemon.ctr(*NAMESPACE, "tasks", "ls").stdout.splitlines()[1:]
    return int(listed[0].split()[1]) if listed else None


def end(daemon):  # noqa: F811
    daemon.ctr(*NAMESPACE, "tasks", "rm", "--force", "c", check=False)
    daemon.ctr(*NAMESPACE, "containers", "rm", "c", check=False)


def run_in(daemon, *words):  # noqa: F811
    return daemon.ctr(*NAMESPACE, "tasks", "exec", "--exec-id", "e", "c", *words, check=False).stdout


def test_runc_is_upgraded_and_downgraded_under_a_container_that_goes_on(states, releases, container, daemon):  # noqa: F811
    old, new = releases
    assert states.installed("x", {"runc": old})["result"] is True
    process = container(f"{places.RUNTIMES}/runc/runc")
    assert process
    for given in (new, old):
        ret = states.installed("x", {"runc": given})
        assert ret["result"] is True, ret["comment"]
        assert list(ret["changes"]) == ["runc archive"]
        assert pid(daemon) == process
        # No process of runc runs: a shim starts it when it needs it, and finds the new one.
        assert len(states.tidied("x", {"runc": given})["changes"]) == 1
        assert run_in(daemon, "/busybox", "echo", "still here") == "still here\n"
    end(daemon)
    assert not os.path.exists(f"/proc/{process}")


def test_what_a_container_needs_stays_until_it_has_ended(states, releases, container, daemon):  # noqa: F811
    states.installed("x", {"mine": {**releases[0], "binary": "mine"}})
    process = container(f"{places.RUNTIMES}/mine/mine")
    ret = states.tidied("x", {"mine": None})
    assert (ret["result"], ret["changes"]) == (True, {})
    shim = ret["comment"].split("process ")[1].split()[0]
    parent = subprocess.check_output(["ps", "-o", "ppid=", str(process)], text=True).strip()
    assert shim == parent
    assert run_in(daemon, "/busybox", "echo", "still here") == "still here\n"
    end(daemon)
    assert len(states.tidied("x", {"mine": None})["changes"]) == 2
    assert not os.path.exists(places.ARCHIVES)


def test_a_release_that_runs_no_container_is_not_switched_to(states, releases, tmp_path):
    states.installed("x", {"runc": releases[0]})
    content = b'#!/bin/sh\n[ "$1" = --version ] && echo runc 9 || { echo "it is broken" >&2; false; }\n'
    (tmp_path / "broken").write_bytes(content)
    given = {"archive": f"file://{tmp_path}/broken", "sha256": sha256(content)}
    ret = states.installed("x", {"runc": given})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "its archive fails the proof, and is not in use" in ret["comment"]
    assert os.readlink(f"{places.RUNTIMES}/runc") == f"runc@{releases[0]['sha256']}"
    assert len(states.tidied("x", {"runc": releases[0]})["changes"]) == 1
