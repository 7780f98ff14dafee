"""
The whole formula with runtimes, on a node in namespaces with the real containerd, runc and crun.
"""

import json
import shutil

import pytest
import yaml
from lab import debian
from support.binaries import RELEASES, WANTED
from support.daemon import crun, runc
from support.stand_in import StandIn

RELEASE = "2.1.9"
# crun takes no hybrid cgroups, which this machine may have.
BARE = "! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified\n"
APPLY = ("state.apply", "containerd", "--out=yaml", "--retcode-passthrough")
USED, PROVED = "containerd runtimes can be used", "containerd runtimes are proved"

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(RELEASE not in WANTED, reason=f"this is of containerd {RELEASE}"),
]


@pytest.fixture
def node(tmp_path, file_root):
    """
    A node whose containerd runs, with runc, and two releases of crun.
    """
    binaries = tmp_path / "bin"
    shutil.copytree(debian.unpacked("containerd", RELEASES[RELEASE]) / "usr/bin", binaries)
    runc(binaries)
    node = StandIn(tmp_path, binaries, RELEASE, file_root)
    node.crun = {suite: str(crun(suite, binaries)) for suite in ("bookworm", "trixie")}
    return node


def applied(node, runtimes, *words, before="systemctl start containerd"):
    """
    Return what the states of a run say, by their IDs.
    """
    node.pillar(yaml.safe_dump({"containerd": {"runtimes": runtimes}}))
    text, _ = node.call(*APPLY, *words, before=BARE + before)
    return {one["__id__"]: one for one in yaml.safe_load(text)["local"].values()}


def counted(node):
    """
    Return a crun that tells which of its commands ran.
    """
    script = node.binaries / "counted"
    script.write_text('#!/bin/sh\necho "$1" >>/opt/bin/asked\nexec /opt/bin/crun-trixie "$@"\n')
    script.chmod(0o755)
    asked = node.binaries / "asked"

    def tell():
        lines = asked.read_text().split() if asked.exists() else []
        asked.write_text("")
        return lines

    return {"crun": {"binary": "/opt/bin/counted"}}, tell


def test_a_runtime_is_proved_once_and_then_nothing_is_started(node):
    runtimes, asked = counted(node)
    states = applied(node, runtimes, "test=True")
    assert states[USED]["comment"].startswith(
        "crun would be proved: it is there, and under test=True nothing"
    )
    assert (states[USED]["result"], asked()) == (True, [])
    states = applied(node, runtimes)
    assert states[USED]["comment"] == "crun is proved: a container ran."
    assert states[PROVED]["comment"] == "crun is proved already: a container ran."
    assert asked()[0] == "--version" and "BinaryName" in node.read()
    for words in ((), ("test=True",)):
        states = applied(node, runtimes, *words)
        assert {states[one]["comment"] for one in (USED, PROVED)} == {
            "crun is proved already: a container ran."
        }
        # The daemon itself asks for features at its start.
        assert set(asked()) <= {"features"}
    assert node.call("containerd_runtimes.prove", "crun", "--out=json", before=BARE)[0].count(
        "no container was tried"
    )


def test_on_a_bare_node_the_container_comes_once_the_daemon_answers(node):
    states = applied(node, {"crun": {"binary": "/opt/bin/crun-trixie"}}, before="")
    assert (
        "crun is proved: it tells its version (no container was tried: no daemon" in states[USED]["comment"]
    )
    assert states[PROVED]["comment"] == "crun is proved: a container ran."


def test_a_crun_that_is_too_old_leaves_the_configuration_as_it_was(node):
    assert applied(node, {"crun": {"binary": "/opt/bin/crun-trixie"}})[USED]["result"] is True
    before = node.read()
    states = applied(node, {"crun": {"binary": "/opt/bin/crun-bookworm"}})
    assert (
        states[USED]["result"] is False
        and "1.8.1 is too old, and 1.21 is new enough" in states[USED]["comment"]
    )
    assert states["containerd configuration is managed"]["result"] is False
    assert node.read() == before


def test_people_ask_without_a_run(node):
    node.pillar(yaml.safe_dump({"containerd": {"runtimes": {"crun": {"binary": "/opt/bin/crun-trixie"}}}}))
    node.call("state.apply", "containerd.salt", before=BARE)
    text, _ = node.call("containerd_runtimes.prove", "--out=yaml", before=BARE + "systemctl start containerd")
    assert yaml.safe_load(text)["local"]["crun"] == {"ok": True, "how": "a container ran", "reason": ""}
    text, _ = node.call("containerd_runtimes.runtime_classes", "--out=json", before=BARE)
    assert yaml.safe_load(json.loads(text)["local"])["handler"] == "crun"
    report = yaml.safe_load(node.call("containerd.status", "--out=yaml", before=BARE)[0])["local"]
    assert report["runtimes"] == []
    (node.binaries / "crun-trixie").unlink()
    report = yaml.safe_load(node.call("containerd.status", "--out=yaml", before=BARE)[0])["local"]
    assert report["runtimes"][0].startswith("crun: /opt/bin/crun-trixie is not on this node: install it")
