"""
Changes under a pod that runs: its restarts stay 0, and Kubernetes sees what the formula did.
"""

import pytest
from lab import debian, wait
from support.kubernetes import LIMIT, PILLAR, pod, restarts

APP, READY = "app", "node-1"
MANAGED = "containerd configuration is managed"


@pytest.fixture(autouse=True)
def the_pod_stays(cluster):
    """
    The pod that ran before a test is the same after it, and was never started anew.
    """
    before = cluster.pod(APP)
    yield
    after = cluster.pod(APP)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert restarts(after) == restarts(before) == [0]
    assert [one["containerID"] for one in after["status"]["containerStatuses"]] == [
        one["containerID"] for one in before["status"]["containerStatuses"]
    ]


def wait_runtime(cluster, version):
    """
    Wait until kubelet reports a release of containerd: that it reached the new daemon.
    """

    def reports():
        found = cluster.node(READY)["status"]["nodeInfo"]["containerRuntimeVersion"]
        return found.startswith(f"containerd://{version}")

    wait.until(reports, LIMIT, f"kubelet to report containerd {version}", every=2)
    cluster.wait_ready(READY)


def starts_a_pod(cluster, name):
    """
    Start another pod, and remove it.
    """
    cluster.apply(pod(name, READY))
    assert restarts(cluster.wait_running(name)) == [0]
    cluster.kubectl("delete", "pod", name, timeout=LIMIT)


def test_a_change_of_the_file(node, cluster):
    node.pillar({**PILLAR, "config": {**PILLAR["config"], "oom_score": -500}})
    pid = node.daemon_pid()
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    assert ret[MANAGED]["changes"] == {"oom_score": {"old": 0, "new": -500}}
    assert node.daemon_pid() != pid
    cluster.wait_ready(READY)
    starts_a_pod(cluster, "after-a-change")


@pytest.mark.parametrize("version", ["1.7.24", "1.6.20"])
def test_another_release_and_back(node, cluster, progress, version):
    progress(f"to containerd {version}")
    node.offer(debian.package("containerd", "trixie"))
    package = {**PILLAR["package"], "version": f"{version}*"}
    node.pillar({**PILLAR, "package": package})
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    wait_runtime(cluster, version)
    assert node.salt("containerd.kubelet_agrees")["agrees"] is True
    starts_a_pod(cluster, f"on-{version.replace('.', '-')}")
