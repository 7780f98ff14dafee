"""
A cluster: the control plane on this host, and a virtual machine that the formula makes its node.
"""

import os

import pytest
from lab import image, kubernetes
from lab.control_plane import ControlPlane
from lab.machine import Machine
from support.formula import FormulaNode
from support.kubernetes import PILLAR, Cluster
from support.progress import progress  # noqa: F401

SUITE = "bookworm"
SALT = os.environ.get("SALTS", image.DEFAULT_SALT).split()[0]
# In their order: each begins where the one before it ended.
ORDER = ("test_kubeadm", "test_joined", "test_under_pods", "test_runtime_class")


def pytest_collection_modifyitems(items):
    """
    A machine is made ready, joined, and changed.
    """
    items.sort(key=lambda item: ORDER.index(item.path.stem))


@pytest.fixture(scope="session")
def node(progress):  # noqa: F811
    """
    A bare machine with kubelet and kubeadm, and with the formula where Salt finds it.
    """
    built = kubernetes.node(SUITE, SALT, progress)
    with Machine(built, "node-1", progress=progress) as machine:
        node = FormulaNode(machine)
        node.install()
        node.pillar(PILLAR)
        yield node


@pytest.fixture(scope="session")
def cluster(progress):  # noqa: F811
    with ControlPlane(progress) as control_plane:
        yield Cluster(control_plane, progress)
