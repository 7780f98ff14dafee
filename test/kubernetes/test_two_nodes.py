"""
A second node with another release of containerd: a Deployment on both, and a change of a drained node.
"""

from lab import debian, wait
from support.kubernetes import LIMIT, PILLAR, deployment, restarts

WEB, LABEL = "web", "--selector=app=web"


def pods(cluster):
    """
    Return the pods of the Deployment that are not on their way out.
    """
    return [one for one in cluster.get("pods", LABEL)["items"] if "deletionTimestamp" not in one["metadata"]]


def wait_available(cluster, count, on):
    """
    Wait until so many pods run, on these nodes and no others.
    """

    def available():
        status = cluster.get("deployment", WEB)["status"]
        return status.get("availableReplicas") == count and {
            one["spec"]["nodeName"] for one in pods(cluster)
        } == set(on)

    try:
        wait.until(available, LIMIT, f"{count} pods on {', '.join(on)}", every=2)
    except TimeoutError as err:
        raise AssertionError(f"{err}\n{cluster.kubectl('describe', 'pods', LABEL)}") from err


def test_a_second_node_joins(second, cluster, progress):
    progress("the second node")
    second.offer(debian.package("containerd", "trixie"))
    ret = second.apply()
    assert ret.failed == {}, ret.failed
    cluster.join(second, 2)
    cluster.wait_ready("node-2")
    versions = [
        cluster.node(name)["status"]["nodeInfo"]["containerRuntimeVersion"] for name in ("node-1", "node-2")
    ]
    assert [one.partition("+")[0].partition("~")[0] for one in versions] == [
        "containerd://1.6.20",
        "containerd://1.7.24",
    ]
    assert second.salt("containerd.kubelet_agrees")["agrees"] is True


def test_a_deployment_runs_on_both(cluster, progress):
    progress("a Deployment")
    cluster.apply(deployment(WEB, 4))
    wait_available(cluster, 4, on=("node-1", "node-2"))


def test_a_drained_node_is_changed_and_comes_back(second, cluster, progress):
    """
    The pods that moved, and those that were on the other node, are never started anew.
    """
    progress("a drain, a change, and back")
    cluster.kubectl("drain", "node-2", "--ignore-daemonsets", f"--timeout={LIMIT}s", timeout=LIMIT)
    wait_available(cluster, 4, on=("node-1",))
    second.pillar({**PILLAR, "config": {**PILLAR["config"], "oom_score": -500}})
    ret = second.apply()
    assert ret.failed == {}, ret.failed
    assert ret["containerd configuration is managed"]["changes"] == {"oom_score": {"old": 0, "new": -500}}
    cluster.wait_ready("node-2")
    cluster.kubectl("uncordon", "node-2")
    cluster.apply(deployment(WEB, 6))
    wait_available(cluster, 6, on=("node-1", "node-2"))
    assert {count for one in pods(cluster) for count in restarts(one)} == {0}
