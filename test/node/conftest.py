"""
Real machines: one for each Salt release of ``SALTS``, booted once and used by all tests in their order.
"""

import os
import time

import pytest
from formula_node import FormulaNode
from lab import image
from lab.cri import Cri
from lab.machine import Machine
from lab.oci import busybox_image

SUITE = os.environ.get("SUITE", "bookworm")
SALTS = os.environ.get("SALTS", image.DEFAULT_SALT).split()
SOCKET = "/run/containerd/containerd.sock"


@pytest.fixture(scope="session", params=SALTS, ids=lambda salt: f"salt-{salt}")
def node(request, progress):
    """
    The machine with the Salt release of the parameter: bare before the first test.
    """
    built = image.build(SUITE, request.param, progress=progress)
    name = f"node-{request.param.replace('.', '-')}"
    with Machine(built, name, progress=progress) as machine:
        node = FormulaNode(machine)
        node.install()
        yield node


@pytest.fixture(scope="session")
def progress(request):
    """
    Print a line with the elapsed time, past pytest's capture: these tests take minutes.
    """
    started = time.monotonic()
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text):
        with capture.global_and_fixture_disabled():
            print(f"\n[{time.monotonic() - started:5.0f} s] {text}", end="", flush=True)

    return say


@pytest.fixture
def cri(node):
    """
    A connection to the node's containerd, for one test: a restart ends it.
    """
    with Cri(node.machine.forward_socket(SOCKET)) as connection:
        yield connection


@pytest.fixture(scope="session")
def sandbox_image():
    """
    Import the sandbox image that a node's configuration names, since no registry is reached.
    """
    names = {}

    def give(node):
        name = node.effective("plugins", "io.containerd.grpc.v1.cri", "sandbox_image")
        if names.get(node) != name:
            node.import_image(busybox_image(name))
            names[node] = name
        return name

    return give
