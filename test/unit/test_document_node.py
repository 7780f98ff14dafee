"""
What the node has, as the rules of a document ask for it.
"""

import os

import pytest
from support import salt_functions

BASE = """\
version = 2
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = ""
"""


@pytest.fixture
def findings(tmp_path, monkeypatch):
    """
    Return a function that tells what is found of a program that the site names.
    """
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    (tmp_path / "real").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "real/containerd").write_text("#!/bin/sh\n")
    (tmp_path / "real/containerd").chmod(0o755)
    (tmp_path / "bin/containerd").symlink_to(tmp_path / "real/containerd")
    compose = salt_functions()["containerd_document.compose"]

    def find(name, runtime):
        runtimes = {"containerd": {"runtimes": {name: runtime}}}
        made = compose(BASE, {"version": 2, "plugins": {"io.containerd.grpc.v1.cri": runtimes}})
        return [
            (one.level, one.words.partition(",")[0]) for one in made.findings if "no program" in one.words
        ]

    return find


@pytest.mark.parametrize("folder", ["real", "bin"])
def test_a_shim_is_found_beside_containerd(findings, tmp_path, folder):
    runtime = {"runtime_type": "io.containerd.mine.v7"}
    words = "there is no program 'containerd-shim-mine-v7' in the daemon's PATH"
    assert findings("x", runtime) == [("warning", words)]
    assert findings("runc", runtime) == [("error", words)]
    shim = tmp_path / folder / "containerd-shim-mine-v7"
    shim.write_text("#!/bin/sh\n")
    # What nobody may run is no program.
    shim.chmod(0o644)
    assert findings("x", runtime) == [("warning", words)]
    shim.chmod(0o755)
    assert findings("x", runtime) == []


def test_a_folder_is_no_program(findings, tmp_path):
    shim = tmp_path / "shim"
    shim.mkdir()
    runtime = {"runtime_type": str(shim)}
    assert findings("x", runtime) == [("warning", f"there is no program {str(shim)!r} on this node")]
