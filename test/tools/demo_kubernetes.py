"""
``make try KUBERNETES=1``: kubeadm joins the node to a cluster, and kubectl shows it, with a pod that runs.
"""

from lab import kubernetes
from lab.control_plane import ControlPlane
from support.kubernetes import Cluster, pod

image = kubernetes.node
POD = "hello"


def show(node, say):
    """
    Join the node to a cluster that ends with this; return what is wrong.
    """
    name = node.machine.name
    try:
        with ControlPlane(say) as control_plane:
            cluster = Cluster(control_plane, say)
            say("kubeadm join, with all of its checks")
            cluster.join(node, 1)
            say(f"joined; Kubernetes waits for {name} to be Ready")
            cluster.wait_ready(name)
            say(f"{name} is Ready; a pod")
            cluster.apply(pod(POD, name))
            cluster.wait_running(POD)
            for what in ("nodes", "pods"):
                print(f"\n$ kubectl get {what} -o wide\n{cluster.kubectl('get', what, '-o', 'wide')}", end="")
            print(f"\n$ kubectl logs {POD}\n{cluster.kubectl('logs', POD)}", end="")
    except (AssertionError, TimeoutError) as err:
        return [str(err)]
    return []
