"""
A cluster: the control plane on this host, and virtual machines that the formula makes its nodes.
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
NODES = ("node-1", "node-2")[: int(os.environ.get("KUBERNETES_NODES", "2"))]


@pytest.fixture(scope="session")
def cluster(progress):  # noqa: F811
    with ControlPlane(progress) as control_plane:
        yield Cluster(control_plane, progress)


@pytest.fixture(scope="session")
def machines(progress):  # noqa: F811
    """
    Bare machines with kubelet and kubeadm, and with the formula where Salt finds it.
    """
    built = kubernetes.node(SUITE, SALT, progress)
    nodes = []
    try:
        for name in NODES:
            nodes.append(FormulaNode(Machine(built, name, progress=progress).start()))
            nodes[-1].install()
            nodes[-1].pillar(PILLAR)
        yield nodes
    finally:
        for node in nodes:
            node.machine.close()
