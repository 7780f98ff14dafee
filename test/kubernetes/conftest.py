"""
A cluster: the control plane on this host, and two virtual machines that the formula makes its nodes.
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
ORDER = (
    "test_kubeadm",
    "test_joined",
    "test_under_pods",
    "test_runtime_class",
    "test_pulls",
    "test_image_gc",
    "test_two_nodes",
    "test_rolls",
)


def pytest_collection_modifyitems(items):
    """
    A machine is made ready, joined, and changed.
    """
    items.sort(key=lambda item: ORDER.index(item.path.stem))


def machine(name, say):
    """
    Yield a bare machine with kubelet and kubeadm, and with the formula where Salt finds it.
    """
    with Machine(kubernetes.node(SUITE, SALT, say), name, progress=say) as booted:
        node = FormulaNode(booted)
        node.install()
        node.pillar(PILLAR)
        yield node


@pytest.fixture(scope="session")
def node(progress):  # noqa: F811
    yield from machine("node-1", progress)


@pytest.fixture(scope="session")
def second(progress):  # noqa: F811
    yield from machine("node-2", progress)


@pytest.fixture(scope="session")
def cluster(progress):  # noqa: F811
    with ControlPlane(progress) as control_plane:
        yield Cluster(control_plane, progress)
