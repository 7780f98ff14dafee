"""
The air gap, end to end: by docs/air-gap.md a node that reaches nothing but this host runs a pod.
"""

import hashlib
import re

import pytest
import yaml
from lab import debian, repository
from lab.cri import Cri
from lab.oci import busybox_image
from lab.registry import make_known
from support import ROOT
from support.formula import FormulaNode
from support.mirrors import APP, Registries
from support.nodes import SALTS, SOCKET, container, tomlkit_wheel

V2 = "io.containerd.grpc.v1.cri"
PAUSE = "registry.k8s.io/pause:3.10"


def the_pillar_of_the_page(values):
    """
    Return the pillar that docs/air-gap.md shows, with the values of this test in the place of its own.
    """
    text = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/air-gap.md").read_text(), re.DOTALL)[1]
    for shown, own in values.items():
        assert shown in text, shown
        text = text.replace(shown, own)
    return yaml.safe_load(text)["containerd"]


@pytest.fixture(scope="module")
def pillar_and_files(tmp_path_factory):
    """
    What a site has: a mirror of packages, a registry, and files for its master.
    """
    folder = tmp_path_factory.mktemp("air-gap")
    key = repository.Key(folder, "docker")
    wheel, name = tomlkit_wheel(folder)
    pause = busybox_image(PAUSE)
    with repository.Server() as server, Registries(folder) as registries:
        docker = server.apt("docker", [repository.containerd_io("trixie")], key)
        distribution = server.apt("distribution", [debian.package("bubblewrap", "bookworm")], key)
        values = {
            "http://packages.corp/docker": docker,
            "9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88": key.fingerprint,
            "tomlkit-0.15.2-py3-none-any.whl": name,
            "0" * 63 + "1": hashlib.sha256(wheel).hexdigest(),
            "0" * 63 + "2": hashlib.sha256(pause).hexdigest(),
            "registry.corp": registries.second.address,
        }
        files = {
            "keys/docker.asc": key.text.encode(),
            f"wheels/{name}": wheel,
            "pki/corp.pem": registries.authority.text.encode(),
            "images/pause-3.10.tar": pause,
        }
        yield the_pillar_of_the_page(values), files, distribution, registries
    key.close()


@pytest.fixture(scope="module")
def node(progress, pillar_and_files):
    pillar, files, distribution, registries = pillar_and_files
    with container("bookworm", SALTS[0], "air-gap", progress) as machine:
        node = FormulaNode(machine)
        node.install()
        for path, content in files.items():
            machine.put(f"/srv/salt/{path}", content)
        source = f"deb [trusted=yes] {distribution}/debian bookworm stable\n"
        machine.write("/etc/apt/sources.list", source)
        make_known(machine, *registries.names())
        machine.run("apt-get update -qq && ip route delete default && : >/etc/resolv.conf")
        # A container may not lower this score where the host's root may not.
        config = {"version": 2, "plugins": {V2: {"restrict_oom_score_adj": True}}}
        node.pillar({**pillar, "config": config})
        yield node


def test_nothing_else_is_reached(node):
    done = node.run(["ip", "route", "get", "192.0.2.1"], check=False)
    assert done.returncode != 0, done.stdout


def test_one_run_makes_it_ready(node):
    predicted = node.apply(test=True)
    assert predicted.failed == {}, predicted.failed
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    assert node.salt("containerd.ready", "timeout=60")["ready"] is True
    # With the trial start: bubblewrap came from the mirror, too.
    assert "trial" not in ret["containerd configuration is managed"]["comment"]


def test_a_pod_runs_an_image_of_the_registry_of_the_site(node, pillar_and_files):
    registries = pillar_and_files[3]
    with Cri(node.machine.forward_socket(SOCKET)) as cri:
        pod = cri.run_pod("first")
        registries.news()
        name = f"docker.io/{APP}"
        cri.pull(name)
        assert registries.news() == {"second.test": [200]}
        assert cri.container(cri.run_container(pod, name)).state == "running"


def test_the_second_run_changes_nothing(node):
    ret = node.apply()
    assert (ret.failed, ret.changed) == ({}, {})
