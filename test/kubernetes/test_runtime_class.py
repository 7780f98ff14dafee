"""
A second runtime, by a RuntimeClass that the formula wrote.
"""

from support.kubernetes import PILLAR, pod, restarts


def test_a_pod_by_another_runtime(node, cluster, progress):
    progress("a second runtime")
    node.pillar({**PILLAR, "runtimes": {"crun": {"package": "crun"}}})
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    cluster.kubectl("apply", "--filename=-", input=node.salt("containerd_runtimes.runtime_classes"))
    cluster.apply(pod("by-crun", "node-1", runtimeClassName="crun"))
    found = cluster.wait_running("by-crun")
    assert restarts(found) == [0]
    [container] = found["status"]["containerStatuses"]
    identity = container["containerID"].rpartition("/")[2]
    spec = node.run(f"ctr -n k8s.io containers info {identity}").stdout
    assert '"BinaryName": "/usr/bin/crun"' in spec or "crun" in spec
    assert node.salt("containerd.kubelet_agrees")["containerd"]["cgroup_drivers"] == {
        "runc": "systemd",
        "crun": "systemd",
    }
    assert restarts(cluster.pod("app")) == [0]


def test_both_pods_are_there_after_a_reboot(node, cluster, progress):
    """
    kubelet starts them anew once: the node is ready without a run of Salt.
    """
    progress("a reboot")
    node.machine.reboot()
    cluster.wait_ready("node-1")
    for name in ("app", "by-crun"):
        assert cluster.wait_running(name)
    assert node.salt("containerd.kubelet_agrees")["agrees"] is True
    assert node.apply().changed == {}
