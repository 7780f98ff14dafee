"""
Real machines: one for each Salt release of ``SALTS``, booted once and used by all tests in their order.
"""

import time

import pytest
from lab.cri import Cri
from lab.oci import busybox_image
from support.formula import FormulaNode
from support.nodes import SALTS, SOCKET, SUITE, container
from support.progress import progress  # noqa: F401
from support.site import Site, settings

# The longest first, since they are scheduled in this order. Others come after them.
ORDER = (
    *("test_life", "test_power", "test_runtimes", "test_managers", "test_image_build"),
    *("test_reliability", "test_package"),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """
    Let a machine's life begin bare. Each file is a process's own, with machines of its own, two at a time.
    """
    items.sort(key=lambda item: (*ORDER, item.path.stem).index(item.path.stem))


@pytest.fixture(scope="module", params=SALTS, ids=lambda salt: f"salt-{salt}")
def node(request, progress):  # noqa: F811
    """
    The node with the Salt release of the parameter, bare before the first test: a file's ``KIND`` makes it.
    """
    make = getattr(request.module, "KIND", container)
    with make(SUITE, request.param, f"node-{request.param.replace('.', '-')}", progress) as machine:
        node = FormulaNode(machine)
        node.install()
        yield node


@pytest.fixture
def cri(node):
    """
    A connection to the node's containerd, for one test: a restart ends it.
    """
    with Cri(node.machine.forward_socket(SOCKET)) as connection:
        yield connection


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def site(node, progress, sandbox_image):  # noqa: F811
    """
    The machine, converged, with a pod that must live to the end.
    """
    site = Site(node, progress)
    site.converge()
    image = sandbox_image(node)
    with Cri(node.machine.forward_socket(SOCKET)) as connection:
        container = connection.container(connection.run_container(connection.run_pod("survivor"), image))
    site.pod = (container.pid, node.run(f"cut -d' ' -f22 /proc/{container.pid}/stat").stdout)
    return site


@pytest.fixture
def the_container_survives(site):
    """
    Look for the pod's container after a test.
    """
    yield
    assert site.runs(), "the container of the pod is another one, or gone"


@pytest.fixture(scope="module")
def two_texts(site):
    """
    What config.toml holds with one pillar and the other.
    """
    texts = []
    for score in (-500, -400):
        site.converge(config={"oom_score": score})
        texts.append(site.text())
    return texts


@pytest.fixture(scope="module")
def duration(site, two_texts):
    """
    How long a changing run takes, in seconds.
    """
    site.node.pillar(settings({"oom_score": -500}))
    started = time.monotonic()
    assert site.node.apply().failed == {}
    return time.monotonic() - started


@pytest.fixture
def blind(site):
    """
    Take the formula's own checks away, so that the layers behind them are seen to work by themselves.
    """
    path = "/var/cache/salt/minion/extmods/utils/containerd_formula/rules/__init__.py"
    right = site.node.machine.read(path)
    site.node.machine.write(path, "def findings(*_args, **_options):\n    return []\n")
    yield
    site.node.machine.write(path, right)
