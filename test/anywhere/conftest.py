"""
One node of any release and in any place: an instance of Test Kitchen, or a machine of the lab.

Kitchen has converged its own before; a machine of the lab (``SUITE``, ``SALT``) is made ready here, with the
suite's own containerd or that of another one (``CONTAINERD_FROM``).
"""

import os

import pytest
import testinfra
from containerd_formula.schema import locate
from lab import debian, image
from lab.cri import Cri
from lab.machine import Machine
from lab.oci import busybox_image
from support import ROOT
from support.formula import FormulaNode
from support.kitchen import KitchenNode, in_kitchen, reached
from support.progress import progress  # noqa: F401

SUITE = os.environ.get("SUITE", image.DEFAULT_SUITE)
SALT = os.environ.get("SALT", image.DEFAULT_SALT)
CONTAINERD_FROM = os.environ.get("CONTAINERD_FROM", SUITE)
SOCKET = "/run/containerd/containerd.sock"


@pytest.fixture(scope="session")
def machine(progress):  # noqa: F811
    """
    Kitchen's instance, or a machine of the lab.
    """
    if in_kitchen():
        with reached() as machine:
            yield machine
    else:
        built = image.build(SUITE, SALT, progress=progress)
        with Machine(built, "node-a", progress=progress) as machine:
            yield machine


@pytest.fixture(scope="session")
def node(machine, progress, record_testsuite_property):  # noqa: F811
    """
    The machine with the formula applied to it.
    """
    node = KitchenNode(machine) if in_kitchen() else FormulaNode(machine)
    if not in_kitchen():
        node.install()
        machine.copy_tree(ROOT / "test/anywhere/pillar", "/srv/pillar")
        machine.write("/srv/pillar/site.sls", "{}\n")
        if CONTAINERD_FROM != SUITE:
            node.offer(debian.package("containerd", CONTAINERD_FROM))
        applied = node.apply()
        assert applied.failed == {}, applied.failed
    version = node.salt("containerd.version")
    record_testsuite_property("containerd", version)
    progress(f"{machine.name} is ready with containerd {version}")
    return node


@pytest.fixture(scope="session")
def host(machine):
    """
    The node as testinfra sees it.
    """
    address, port, key = machine.address()
    options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    return testinfra.get_host(
        f"ssh://root@{address}:{port}", ssh_identity_file=str(key), ssh_extra_args=options, controlpersist=0
    )


@pytest.fixture(scope="session")
def wanted(node):
    """
    What the formula wants on this node with its pillar: the state's arguments by the ID of the state.
    """
    chunks = node.salt("state.show_low_sls", "containerd")
    return {chunk["__id__"]: chunk for chunk in chunks}


@pytest.fixture
def cri(node):
    """
    A connection to the node's containerd, for one test: a restart ends it.
    """
    release = tuple(int(part) for part in node.salt("containerd.version").split(".")[:2])
    with Cri(node.machine.forward_socket(SOCKET), older=release < (1, 6)) as connection:
        yield connection


@pytest.fixture
def sandbox_image(node):
    """
    Import the sandbox image that the node's configuration names, and return its name: no registry is asked.
    """
    name = node.effective(*locate("CRI.sandbox_image", node.effective("version")))
    node.import_image(busybox_image(name))
    return name
