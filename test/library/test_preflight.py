"""
kubeadm's checks of a node, by facts: a good node has no finding, and each fault one with kubeadm's name.
"""

import pytest
from containerd_formula import preflight
from containerd_formula.preflight import Facts, findings

GOOD = Facts(
    modules=("overlay", "br_netfilter"),
    sysctls={"net.bridge.bridge-nf-call-iptables": "1", "net.ipv4.ip_forward": "1"},
    swaps=(),
    controllers=("cpu", "cpuset", "hugetlb", "io", "memory", "pids"),
    is_v2=True,
    programs=preflight.PROGRAMS,
    ready=True,
    reason="",
    hostname="node1",
    resolves=True,
    port_in_use=False,
    installed=True,
    enabled=True,
    runs=False,
    release="1.30.4",
)
V1 = ("cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "pids")


def without(*names):
    return tuple(name for name in preflight.PROGRAMS if name not in names)


def said(**facts):
    return {one.key: one.level for one in findings(GOOD._replace(**facts))}


def test_a_good_node():
    assert findings(GOOD) == []
    assert said(is_v2=False, controllers=V1) == {}


@pytest.mark.parametrize(
    ("facts", "key", "words"),
    [
        ({"ready": False, "reason": "it is off"}, "CRI", "not ready: it is off; apply containerd."),
        ({"programs": without("conntrack")}, "FileExisting-conntrack", "install it, package conntrack."),
        ({"programs": without("ip")}, "FileExisting-ip", "package iproute2 (iproute)."),
        (
            {"sysctls": {"net.ipv4.ip_forward": "0", "net.bridge.bridge-nf-call-iptables": "1"}},
            "FileContent--proc-sys-net-ipv4-ip_forward",
            "is 0, not 1: apply containerd.kernel",
        ),
        (
            {"sysctls": {"net.ipv4.ip_forward": "1"}, "modules": ("overlay",)},
            "FileContent--proc-sys-net-bridge-bridge-nf-call-iptables",
            "load br_netfilter",
        ),
        ({"modules": ("br_netfilter",)}, "KernelModule-overlay", "overlay is not loaded"),
        ({"swaps": ("/dev/sda2",)}, "Swap", "/dev/sda2 is in use, and kubelet does not start"),
        ({"controllers": ("cpu", "cpuset", "hugetlb", "pids")}, "SystemVerification", "controller memory:"),
        ({"is_v2": False}, "SystemVerification", "controller cpuacct, devices, freezer:"),
        ({"installed": False}, "KubeletVersion", "kubelet is not installed"),
        ({"port_in_use": True}, "Port-10250", "another program listens at port 10250"),
        ({"disagreements": ("runtime runc: they differ",)}, "Kubelet", "they differ"),
    ],
)
def test_an_error(facts, key, words):
    [one] = findings(GOOD._replace(**facts))
    assert (one.key, one.level) == (key, "error")
    assert one.message.startswith(f"{key}: ")
    assert words in one.message
    assert one.message.count("..") == 0


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"programs": without("socat")}, "FileExisting-socat"),
        ({"swaps": ("/swap",), "fails_on_swap": False}, "Swap"),
        ({"controllers": ("cpu", "cpuset", "memory", "pids")}, "SystemVerification"),
        ({"resolves": False}, "Hostname"),
        ({"enabled": False}, "Service-Kubelet"),
    ],
)
def test_a_warning(facts, key):
    assert said(**facts) == {key: "warning"}


@pytest.mark.parametrize(
    ("program", "release", "level"),
    [
        ("conntrack", "1.31.5", "error"),
        ("conntrack", "1.32.0", None),
        ("crictl", "1.30.9", "error"),
        ("crictl", "1.31.0", "warning"),
        ("crictl", "1.32.0", None),
        ("crictl", "", "error"),
    ],
)
def test_newer_kubeadms_need_fewer_programs(program, release, level):
    expected = {f"FileExisting-{program}": level} if level else {}
    assert said(programs=without(program), release=release) == expected


def test_on_a_node_that_has_joined_the_port_is_its_own():
    assert said(port_in_use=True, runs=True, enabled=False) == {}
    assert said(port_in_use=True, port=10260) == {"Port-10260": "error"}
