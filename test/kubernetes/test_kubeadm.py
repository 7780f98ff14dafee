"""
kubeadm's own checks and ours, of one machine: bare, ready, and with faults. They find the same.
"""

import pytest
from support.kubernetes import LIMIT

SYSCTL = "FileContent--proc-sys-net-"
BRIDGE, FORWARD = f"{SYSCTL}bridge-bridge-nf-call-iptables", f"{SYSCTL}ipv4-ip_forward"
# What makes it, what undoes it, and what both call it.
FAULTS = {
    "swap": (
        "dd if=/dev/zero of=/swap bs=1M count=16 status=none; chmod 600 /swap; mkswap -q /swap; swapon /swap",
        "swapoff /swap && rm /swap",
        {"Swap": "error"},
    ),
    "sysctls": (
        "sysctl -qw net.ipv4.ip_forward=0 net.bridge.bridge-nf-call-iptables=0",
        "sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1",
        {BRIDGE: "error", FORWARD: "error"},
    ),
    "programs": (
        "mv /usr/sbin/conntrack /usr/bin/socat /root",
        "mv /root/conntrack /usr/sbin; mv /root/socat /usr/bin",
        {"FileExisting-conntrack": "error", "FileExisting-socat": "warning"},
    ),
    "port": (
        "systemd-run --quiet --unit=port python3 -m http.server 10250; "
        "until ss -lnt | grep -q :10250; do sleep 1; done",
        "systemctl stop port",
        {"Port-10250": "error"},
    ),
    "not enabled": (
        "systemctl --quiet disable kubelet",
        "systemctl --quiet enable kubelet",
        {"Service-Kubelet": "warning"},
    ),
    "no name": (
        "cp /etc/hosts /root/hosts; sed -i /127.0.1.1/d /etc/hosts",
        "cp /root/hosts /etc/hosts",
        {"Hostname": "warning"},
    ),
    "no containerd": ("systemctl stop containerd", "systemctl start containerd", {"CRI": "error"}),
}


def kubeadms(node):
    """
    Return what kubeadm finds: name of the check to level.
    """
    # It checks the node before it reads this file, which then is the end.
    options = ("--discovery-file=/etc/hostname", "--cri-socket=/run/containerd/containerd.sock")
    done = node.run(["kubeadm", "join", "phase", "preflight", *options], check=False, timeout=LIMIT)
    said, found = done.stdout + done.stderr, {}
    assert "preflight" in said, said
    for line in said.splitlines():
        for level in ("ERROR", "WARNING"):
            _, mark, rest = line.partition(f"[{level} ")
            if mark:
                found[rest.partition("]")[0]] = level.lower()
    return found


def ours(node, kubeadm=False):
    return {one["key"]: one["level"] for one in node.salt("containerd.preflight", f"kubeadm={kubeadm}")}


def test_a_bare_machine(node, progress):
    """
    A preview brings the modules, and changes nothing that the checks are about.
    """
    progress("the checks of a bare machine")
    assert node.apply(test=True).failed == {}
    theirs = kubeadms(node)
    assert theirs == {"CRI": "error", BRIDGE: "error", FORWARD: "error"}
    found = ours(node)
    # overlay has no sysctl that would tell.
    found.pop("KernelModule-overlay", None)
    assert found == theirs


def test_the_formula_mends_all_of_it(node, progress):
    progress("the formula")
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    assert node.salt("containerd.ready", "timeout=60")["ready"] is True
    assert kubeadms(node) == {}
    # kubeadm among them.
    assert node.salt("containerd.preflight") == []
    assert node.salt("containerd.kubelet_agrees")["agrees"] is None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault(node, fault):
    make, undo, expected = FAULTS[fault]
    node.run(make)
    try:
        assert kubeadms(node) == expected
        assert ours(node) == expected
    finally:
        node.run(undo)


def test_what_kubeadm_alone_finds_is_told_too(node):
    node.run("install -D /dev/null /etc/kubernetes/manifests/left.yaml")
    key = "DirAvailable--etc-kubernetes-manifests"
    try:
        assert kubeadms(node) == ours(node, kubeadm=True) == {key: "error"}
        assert ours(node) == {}
    finally:
        node.run("rm -r /etc/kubernetes/manifests")


def test_the_checks_leave_nothing_behind(node):
    assert kubeadms(node) == ours(node) == {}
