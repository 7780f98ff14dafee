"""
A bare machine, the formula with pillar alone, kubeadm: Kubernetes finds a node that it can use.
"""

import pytest
from lab import wait
from support.kubernetes import LIMIT, PILLAR, pod, restarts

VERSION = "1.6.20"


@pytest.fixture(scope="module")
def node(machines):
    return machines[0]


def kubeadms(node, *arguments):
    """
    Return what kubeadm's own checks of a node that joins find: name to level.
    """
    # After the checks it looks for the file, and ends.
    command = ["kubeadm", "join", "phase", "preflight", "--discovery-file=/nonexistent", *arguments]
    done = node.run(command, check=False, timeout=LIMIT)
    said = done.stdout + done.stderr
    found = {}
    for line in said.splitlines():
        for level in ("ERROR", "WARNING"):
            _, mark, rest = line.partition(f"[{level} ")
            if mark:
                found[rest.partition("]")[0]] = level.lower()
    return found


def ours(node):
    return {one["key"]: one["level"] for one in node.salt("containerd.preflight")}


def test_the_formula_makes_it_ready(node, progress):
    progress("the formula")
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    assert node.salt("containerd.ready", "timeout=60")["ready"] is True


def test_the_checks_of_kubeadm_pass(node):
    assert kubeadms(node) == {}
    assert ours(node) == {}
