"""
A cluster of Kubernetes: the control plane on this host, nodes that the formula made ready and kubeadm joined.
"""

import json

from lab import wait
from lab.oci import busybox_image

CRI = "io.containerd.grpc.v1.cri"
PAUSE, APP = "example.org/pause:1", "example.org/app:1"
PILLAR = {
    "package": {"source": "distro"},
    "config": {"version": 2, "plugins": {CRI: {"sandbox_image": PAUSE}}},
}
# An emulated node is slow, and more so while others test.
LIMIT = 600


class Cluster:
    """
    What Kubernetes says of its nodes and pods.
    """

    def __init__(self, control_plane, progress):
        self.control_plane, self.progress = control_plane, progress
        self.get, self.kubectl = control_plane.get, control_plane.kubectl

    def join(self, node, number):
        """
        Let kubeadm join a node; return what it said.
        """
        machine = node.machine
        # The API server asks kubelet for logs and lets it run commands.
        address = f"127.0.{machine.address()[1] % 250 + 1}.{number}"
        machine.forward_port(10250, address)
        self.control_plane.know(machine.name, address)
        # Two images: kubelet leaves alone what a container of a pod has.
        node.import_image(busybox_image(PAUSE))
        node.import_image(busybox_image(APP, mark="app"))
        words = ["kubeadm", "join", *self.control_plane.join(), f"--node-name={machine.name}"]
        done = node.run([*words, "--v=1"], check=False, timeout=LIMIT)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
        return done.stdout + done.stderr

    def node(self, name):
        return self.get("node", name)

    def condition(self, name, kind="Ready"):
        """
        Return a condition of a node: its status, and its reason with the message.
        """
        found = [one for one in self.node(name)["status"].get("conditions", []) if one["type"] == kind]
        return (found[0]["status"], f"{found[0]['reason']}: {found[0]['message']}") if found else ("", "")

    def wait_ready(self, name):
        wait.until(lambda: self.condition(name)[0] == "True", LIMIT, f"{name} to be Ready", every=2)

    def apply(self, *objects):
        self.kubectl("apply", "--filename=-", input="\n".join(map(json.dumps, objects)))

    def pod(self, name):
        return self.get("pod", name)

    def wait_running(self, name):
        """
        Wait until a pod runs, and return it; say what Kubernetes says of it if it does not.
        """
        try:
            return wait.until(lambda: self._running(name), LIMIT, f"pod {name} to run", every=2)
        except TimeoutError as err:
            raise AssertionError(f"{err}\n{self.kubectl('describe', 'pod', name)}") from err

    def _running(self, name):
        pod = self.pod(name)
        states = pod["status"].get("containerStatuses", [])
        return pod if states and all(one["ready"] for one in states) else None


def restarts(pod):
    """
    Return how often Kubernetes started the containers of a pod anew.
    """
    return [one["restartCount"] for one in pod["status"]["containerStatuses"]]


def template(image=APP, pull="Never", **spec):
    """
    Return the spec of a pod that runs until it is told to end, by an image that the nodes have.
    """
    script = "trap 'exit 0' TERM; echo hello from $HOSTNAME; while :; do sleep 1; done"
    container = {"name": "app", "image": image, "imagePullPolicy": pull, "command": ["sh", "-c", script]}
    return {"containers": [container], "terminationGracePeriodSeconds": 2, **spec}


def pod(name, node, **more):
    """
    Return such a pod on a node.
    """
    spec = template(nodeName=node, **more)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def deployment(name, replicas):
    """
    Return a Deployment of such pods, on whatever nodes.
    """
    labels = {"app": name}
    pods = {"metadata": {"labels": labels}, "spec": template()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pods},
    }
