"""
The fleet of the page, booted once: its nodes are as the page says they are found.
"""

import contextlib

import pytest
from lab import debian, repository
from lab.authority import Authority
from lab.oci import busybox_image
from lab.registry import Registry, make_known
from support import tour_page
from support.fleet import Master
from support.nodes import SALTS, SUITE, container, tomlkit_wheel
from support.progress import progress  # noqa: F401
from support.tour import Fleet, Tour, by_hand, import_sandbox, restart_by_hand

NODES = ("node1", "node2", "node3")
# Of containerd: what two nodes have, and what they are upgraded to.
SUITES = ("bookworm", "trixie")
# The other runc is that of an older Debian: it runs there, too.
OTHER = "bullseye"
MIRROR = "mirror.example.org"
NOTHING = "0" * 64


@pytest.fixture(scope="session")
def docker(tmp_path_factory):
    """
    Docker's repository, as this host has it.
    """
    key = repository.Key(tmp_path_factory.mktemp("docker"), "docker")
    with repository.Server() as server:
        yield {
            "url": server.apt("docker", [repository.containerd_io(suite) for suite in SUITES], key),
            "key": server.put("docker.asc", key.text),
            "fingerprint": key.fingerprint,
            "text": key.text,
        }
    key.close()


@pytest.fixture(scope="session")
def mirror(tmp_path_factory):
    """
    The site's mirror, which has two images.
    """
    folder = tmp_path_factory.mktemp("mirror")
    authority = Authority(folder)
    with Registry(folder, MIRROR, authority) as registry:
        registry.ca = authority.text
        for name, tag in (("pause", "3.9"), ("library/busybox", "1")):
            registry.push(name, tag, busybox_image(name))
        registry.news()
        yield registry


@pytest.fixture(scope="session")
def runc():
    """
    A runc of another release, as one program.
    """
    return debian.unpacked("runc", OTHER) / "usr/sbin/runc"


@pytest.fixture(scope="session")
def fleet(progress, docker, mirror, runc, tmp_path_factory):  # noqa: F811
    wheel, name = tomlkit_wheel(tmp_path_factory.mktemp("wheel"))
    with contextlib.ExitStack() as stack:
        own, *machines = (
            stack.enter_context(container(SUITE, SALTS[0], each, progress)) for each in ("master", *NODES)
        )
        for path, content in (
            (name, wheel),
            ("pki/mirror.pem", mirror.ca.encode()),
            ("runtimes/runc", runc.read_bytes()),
        ):
            own.put(f"/srv/salt/{path}", content)
        for part in tour_page.steps(tour_page.page())["master"]:
            if isinstance(part, tour_page.File) and part.path.startswith("/etc/salt/"):
                own.write(part.path, part.text)
        # A node may be busy, and nobody here is deaf.
        master = Master(own, timeout=300, gather_job_timeout=120)
        master.give()
        for machine in machines:
            make_known(machine, MIRROR)
            master.minion(machine)
        yield Fleet(master, machines)


@pytest.fixture(scope="session")
def tour(fleet, docker, mirror, runc, progress):  # noqa: F811
    """
    The page, and the nodes as it finds them.
    """
    made = Tour(
        fleet,
        {
            "https://download.docker.com/linux/debian/gpg": docker["key"],
            "https://download.docker.com/linux": docker["url"],
            "9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88": docker["fingerprint"],
            MIRROR: mirror.address,
            NOTHING: repository.sha256(runc),
        },
    )
    for name in ("node2", "node3"):
        by_hand(fleet.nodes[name], docker, "1.6.20-1")
    made.files("there")
    for name in ("node2", "node3"):
        restart_by_hand(fleet.nodes[name])
    image = import_sandbox(fleet.nodes["node3"])
    for _ in range(2):
        fleet.run_pod("node3", image)
    fleet.master.up(*fleet.nodes)
    progress("a bare node, one configured by hand, and one with running containers")
    return made
