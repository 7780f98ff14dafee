"""
kubeadm joins the machine: Kubernetes says that the node is Ready, and runs a pod on it.
"""

from support.kubernetes import CRI, LIMIT, PAUSE, PILLAR, pod, restarts

NAME = "app"


def test_kubeadm_joins_it(node, cluster, progress):
    """
    With none of its checks left out.
    """
    progress("kubeadm join")
    said = cluster.join(node, 1)
    assert "[WARNING" not in said
    assert "This node has joined the cluster" in said


def test_the_node_is_ready(node, cluster, progress):
    cluster.wait_ready("node-1")
    progress("the node is Ready")
    found = cluster.node("node-1")
    assert found["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://1.6.20")
    socket = found["metadata"]["annotations"]["kubeadm.alpha.kubernetes.io/cri-socket"]
    assert socket == "/run/containerd/containerd.sock"


def test_kubelet_and_containerd_agree(node):
    answer = node.salt("containerd.kubelet_agrees")
    assert answer["agrees"] is True
    assert answer["kubelet"]["cgroup_driver"] == "systemd"
    assert answer["kubelet"]["endpoint"] == "/run/containerd/containerd.sock"
    assert answer["containerd"]["cgroup_drivers"] == {"runc": "systemd"}
    assert node.salt("containerd.status")["kubelet"] == []
    # kubelet's own port is none of another program.
    assert node.salt("containerd.preflight") == []


def test_a_pod_runs(node, cluster, progress):
    cluster.apply(pod(NAME, "node-1"))
    found = cluster.wait_running(NAME)
    progress("a pod runs")
    assert restarts(found) == [0]
    # By the bridge plugin of CNI, in its own network.
    assert found["status"]["podIP"].startswith("10.244.")


def test_its_cgroup_is_systemds(node, cluster):
    uid = cluster.pod(NAME)["metadata"]["uid"].replace("-", "_")
    slices = node.run(["systemctl", "list-units", "--type=slice,scope", "--plain", "--no-legend"]).stdout
    assert f"pod{uid}.slice" in slices
    [container] = cluster.pod(NAME)["status"]["containerStatuses"]
    assert f"cri-containerd-{container['containerID'].rpartition('/')[2]}.scope" in slices


def test_logs_and_commands_go_through_the_streaming_server(cluster):
    assert cluster.kubectl("logs", NAME).startswith(f"hello from {NAME}")
    assert cluster.kubectl("exec", NAME, "--", "cat", "/proc/1/comm", timeout=LIMIT) == "sh\n"


def test_a_run_on_a_node_with_pods_changes_nothing(node, cluster):
    ret = node.apply()
    assert (ret.failed, ret.changed) == ({}, {})
    assert restarts(cluster.pod(NAME)) == [0]


def test_a_change_that_would_part_them_is_refused(node, cluster):
    """
    The pods do not notice.
    """
    pid = node.daemon_pid()
    runc = {"runtimes": {"runc": {"options": {"SystemdCgroup": False}}}}
    cri = {"sandbox_image": PAUSE, "containerd": runc}
    node.pillar({**PILLAR, "config": {"version": 2, "plugins": {CRI: cri}}})
    for test in (True, False):
        ret = node.apply(test=test)
        comment = ret["containerd configuration is managed"]["comment"]
        assert "kubelet has the cgroup driver systemd" in comment
        assert "write true" in comment
        assert ret.changed == {}
    node.pillar(PILLAR)
    assert node.daemon_pid() == pid
    assert restarts(cluster.pod(NAME)) == [0]
    assert cluster.condition("node-1")[0] == "True"
