"""
The package managers of the other families, for real, on a Debian that answers to the family's name: dnf,
zypper, pacman, and apt with Ubuntu's name. One node for each of ``FAMILIES``. The tests run in this order.
"""

import os
import re

import pytest
from lab import family
from lab.container import Container
from lab.cri import Cri
from lab.oci import busybox_image
from support.formula import FormulaNode
from support.managers import NEW, OFFERS, OLD
from support.nodes import SALTS, SOCKET

V2 = "io.containerd.grpc.v1.cri"
PAUSE = "example.org/pause:1"
# A container may not lower this score where the host's root may not.
CONFIG = {
    "version": 2,
    "oom_score": -500,
    "plugins": {V2: {"sandbox_image": PAUSE, "restrict_oom_score_adj": True}},
}
# The other Ubuntus differ in their names alone.
WANTED = os.environ.get("FAMILIES", "rocky leap arch focal").split()
SALT = os.environ.get("FAMILIES_SALT", SALTS[-1])
PACKAGE = "containerd package is installed"
CONFIGURED = "containerd repository is configured"
MANAGED = "containerd configuration is managed"


@pytest.fixture(scope="module", params=WANTED)
def node(request, progress, tmp_path_factory):
    """
    A node of a family, bare before the first test, with the repositories that it is offered.
    """
    name = request.param
    with OFFERS[name](tmp_path_factory.mktemp(name)) as offer:
        made = family.tree(name, SALT, progress)
        with Container(made, f"managers-{name}", progress=progress) as machine:
            node = FormulaNode(machine)
            node.install()
            node.offer = offer
            offer.prepare(machine)
            yield node
            # A shim ignores what ends the others, and the container would wait for it.
            machine.run("pkill -KILL containerd-shim", check=False)


def apply(node, version, *sls, test=False, **changed):
    node.pillar({"package": node.offer.pillar(version, **changed), "config": CONFIG})
    return node.apply(*sls, test=test)


def version_of(node, release):
    """
    Return the changes of the package's state where it installs a release.
    """
    offer = node.offer
    return {name: {"old": old, "new": offer.version(release)} for name, old in offer.installed(node).items()}


def assert_ready(node, release):
    """
    The daemon that runs is this release, with the site's settings, and CRI is ok.
    """
    assert node.run([node.offer.ctr, "version"]).stdout.count(release) >= 2
    assert node.effective("oom_score") == -500
    assert node.effective("plugins", V2, "sandbox_image") == PAUSE
    assert node.salt("containerd.ready", "timeout=60") == {"ready": True, "answers": True, "reason": ""}
    assert node.salt("containerd.status")["restart_pending"] is False


def pod_runs(node):
    return node.run(f"cut -d' ' -f22 /proc/{node.pod[0]}/stat", check=False).stdout == node.pod[1]


def test_salt_takes_the_node_for_what_it_says(node):
    found = node.salt("grains.item", "os_family", "osfinger")
    assert (found["os_family"], found["osfinger"]) == node.offer.grains


@pytest.mark.parametrize("wrong", ["key down", "another key", "forged", "down"])
def test_a_repository_that_is_not_to_be_trusted_leaves_the_node_alone(node, wrong):
    before = node.run(node.offer.sources).stdout
    changed, words = node.offer.mistrusted(wrong)
    ret = apply(node, OLD, "containerd.package", **changed)
    node.offer.mend(node.machine)
    assert ret.retcode != 0
    assert re.search(words, " ".join(ret.causes.values())), ret.causes
    assert "Traceback" not in ret.output
    assert CONFIGURED not in ret.changed
    assert PACKAGE not in ret.changed
    assert node.run(node.offer.sources).stdout == before
    # Neither is it kept from other work.
    node.run(node.offer.refresh)


def test_what_another_key_signed_is_not_installed(node):
    """
    A package in lists that the right key signed; with zypper, which asks for no more, the lists.
    """
    changed, words = node.offer.tampered(node.machine)
    ret = apply(node, OLD, "containerd.package", **changed)
    node.offer.mend(node.machine)
    assert re.search(words, ret.failed[PACKAGE]), ret.failed
    assert set(node.offer.installed(node).values()) == {""}


def test_a_bare_node_becomes_ready(node):
    wanted = version_of(node, OLD)
    ret = apply(node, "1.6.*", hold=node.offer.holds)
    assert ret.failed == {}
    changes = ret.changed[PACKAGE]
    assert {name: changes[name] for name in wanted} == wanted
    if node.offer.holds:
        assert {changes[f"{name} hold"]["new"] for name in wanted} == {True}
    assert_ready(node, OLD)
    assert node.run(["systemctl", "is-enabled", "containerd"]).stdout == "enabled\n"


def test_it_runs_a_pod(node):
    node.machine.put("/tmp/image.tar", busybox_image(PAUSE))
    node.run([node.offer.ctr, "--namespace=k8s.io", "images", "import", "/tmp/image.tar"])
    with Cri(node.machine.forward_socket(SOCKET)) as connection:
        container = connection.container(connection.run_container(connection.run_pod("survivor"), PAUSE))
    node.pod = (container.pid, node.run(f"cut -d' ' -f22 /proc/{container.pid}/stat").stdout)
    assert pod_runs(node)


def test_the_second_run_changes_nothing_and_asks_no_server(node):
    node.offer.server.requests.clear()
    ret = apply(node, "1.6.*", hold=node.offer.holds)
    assert (ret.failed, ret.changed) == ({}, {})
    assert node.offer.server.requests == []


def test_a_version_that_there_is_not_changes_nothing(node):
    pid = node.daemon_pid()
    ret = apply(node, "1.9.*", "containerd.package", hold=node.offer.holds)
    first = next(iter(node.offer.packages))
    assert f"has {first} 1.9.*: they offer {node.offer.version(OLD)}." in ret.failed[PACKAGE]
    assert ret.changed == {}
    assert node.daemon_pid() == pid
    if node.offer.holds:
        assert set(node.offer.held(node)) == set(node.offer.packages)


def test_a_preview_finds_what_is_new_without_a_refresh(node):
    """
    With lists of its own: those of the node are as old as before.
    """
    node.offer.publish(NEW)
    pid, wanted = node.daemon_pid(), version_of(node, NEW)
    for _ in range(2):
        predicted = apply(node, NEW, hold=node.offer.holds, test=True)
        assert predicted.failed == {}
        assert predicted.changed[PACKAGE] == wanted
    assert node.daemon_pid() == pid
    assert NEW not in str(node.salt("pkg.list_repo_pkgs", *wanted))


def test_an_upgrade_of_everything_leaves_what_is_held(node):
    if not node.offer.holds:
        pytest.skip("it holds nothing")
    before = node.offer.installed(node)
    assert set(node.offer.held(node)) == set(before)
    node.run(node.offer.refresh)
    node.run(node.offer.upgrade)
    assert node.offer.installed(node) == before


@pytest.mark.parametrize(("old", "new"), [(OLD, NEW), (NEW, OLD)])
def test_an_intended_change_of_version_takes_one_run(node, old, new):
    """
    Package and document together, up and down, and the pod lives on.
    """
    node.offer.publish(new)
    wanted = version_of(node, new)
    ret = apply(node, new, hold=node.offer.holds)
    assert ret.failed == {}
    assert ret.changed[PACKAGE] == wanted
    # What one release has and the other has not.
    sandbox_mode = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.sandbox_mode'
    assert sandbox_mode in ret.changed[MANAGED]
    assert_ready(node, new)
    assert pod_runs(node)
    if node.offer.holds:
        assert set(node.offer.held(node)) == set(node.offer.packages)
    assert apply(node, new, hold=node.offer.holds).changed == {}


def test_a_new_build_of_a_release_runs_at_once(node):
    """
    With the same data: pacman restarts nothing.
    """
    if not node.offer.rebuilds:
        pytest.skip("its package restarts the daemon")
    pid = node.daemon_pid()
    node.offer.publish(OLD, build=2)
    ret = apply(node, f"{OLD}-2")
    assert ret.failed == {}
    assert set(ret.changed) == {PACKAGE, "containerd service runs with its configuration"}
    assert ret.changed[PACKAGE] == {"containerd": {"old": f"{OLD}-1", "new": f"{OLD}-2"}}
    assert node.daemon_pid() != pid
    assert pod_runs(node)
    assert apply(node, f"{OLD}-2").changed == {}


def test_clean_gives_the_node_back(node):
    ret = apply(node, OLD, "containerd.clean", hold=node.offer.holds)
    assert ret.failed == {}
    assert set(node.offer.installed(node).values()) == {""}
    assert "Managed by Salt" not in node.run(node.offer.sources).stdout
    assert node.run(["test", "-e", "/etc/containerd/config.toml"], check=False).returncode == 1
    if node.offer.holds:
        assert node.offer.held(node) == []
    assert node.run(["test", "-d", "/var/lib/containerd/io.containerd.metadata.v1.bolt"]).returncode == 0
    node.run(node.offer.refresh)
    assert apply(node, OLD, "containerd.clean", hold=node.offer.holds).changed == {}
