"""
What kubelet was told otherwise: its pods do not start, though the daemon is ready.
"""

import pytest
from containerd_formula.kubelet import Kubelet
from containerd_formula.rules.context import Node
from library.rules_documents import (
    CRUN,
    CRUN2,
    GRPC,
    KATA_TYPE,
    RUNC,
    RUNC2,
    RUNC_TYPE,
    found,
)

RUNCS = {2: RUNC2, 3: RUNC, 4: RUNC}
CRUNS = {2: CRUN2, 3: CRUN, 4: CRUN}
EACH = pytest.mark.parametrize("version", RUNCS)


def said(version, pairs, kubelet, takes_over=False, cri=True):
    asked = []

    def takes(one):
        asked.append(one)
        return takes_over

    node = Node(
        is_file=lambda path: True,
        cgroup_v2=True,
        cri=cri,
        kubelet=lambda: kubelet,
        kubelet_takes_over=takes,
    )
    all_found = found(version, pairs, node=node)
    return {one.key: one.level for one in all_found if one.about == "pods"}, asked


@EACH
def test_another_cgroup_driver(version):
    key = f"{RUNCS[version]}.options.SystemdCgroup"
    systemd, cgroupfs = Kubelet("systemd"), Kubelet("cgroupfs")
    assert said(version, [(key, True)], systemd) == ({}, [])
    assert said(version, [(key, False)], cgroupfs) == ({}, [])
    assert said(version, [(key, True)], cgroupfs)[0] == {key: "error"}
    assert said(version, [(key, False)], systemd)[0] == {key: "error"}
    # Its default, which nobody wrote, breaks pods as well.
    assert said(version, [], systemd)[0] == {key: "error"}


@EACH
def test_without_a_kubelet_there_is_nothing_to_say(version):
    key = f"{RUNCS[version]}.options.SystemdCgroup"
    assert said(version, [(key, True)], None) == ({}, [])
    assert said(version, [(key, True)], Kubelet("cgroupfs"), cri=False) == ({}, [])


@EACH
def test_a_kubelet_that_takes_the_driver_over_is_only_asked_where_they_differ(version):
    key, one = f"{RUNCS[version]}.options.SystemdCgroup", Kubelet("cgroupfs")
    assert said(version, [(key, False)], one, takes_over=True) == ({}, [])
    assert said(version, [(key, True)], one, takes_over=True) == ({}, [one])


@EACH
def test_each_runtime_of_runc_counts_and_no_other(version):
    tables, kata = CRUNS[version], RUNCS[version].replace("runc", "kata")
    pairs = [
        (f"{RUNCS[version]}.options.SystemdCgroup", True),
        (f"{tables}.runtime_type", RUNC_TYPE),
        (f"{kata}.runtime_type", KATA_TYPE),
    ]
    assert said(version, pairs, Kubelet("systemd"))[0] == {f"{tables}.options.SystemdCgroup": "error"}
    pairs.append((f"{tables}.options.SystemdCgroup", True))
    assert said(version, pairs, Kubelet("systemd"))[0] == {}


@EACH
def test_another_socket(version):
    key = f"{RUNCS[version]}.options.SystemdCgroup"
    address = f"{GRPC}.address" if version == 4 else "grpc.address"
    one = Kubelet("systemd", endpoint="/run/other.sock")
    assert said(version, [(key, True), (address, "/run/a.sock")], one)[0] == {address: "error"}
    assert said(version, [(key, True), (address, "/run/other.sock")], one)[0] == {}
