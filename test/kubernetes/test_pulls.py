"""
Images that kubelet has pulled: by a mirror of pillar, and with a password that Kubernetes has.
"""

import json

import pytest
from lab import wait
from lab.authority import Authority
from lab.oci import busybox_image
from lab.registry import Registry, make_known
from support.kubernetes import LIMIT, PILLAR, pod, restarts

APP = "library/app:1"
USER, PASSWORD = "puller", "hunter2"


@pytest.fixture(scope="module")
def registries(node, tmp_path_factory):
    """
    A mirror of a registry that does not exist, and a registry with a password that pillar has not.
    """
    folder = tmp_path_factory.mktemp("registries")
    authority = Authority(folder)
    mirror = Registry(folder, "mirror.test", authority)
    private = Registry(folder, "private.test", authority, {USER: PASSWORD})
    with mirror, private:
        for one in (mirror, private):
            one.push("library/app", "1", busybox_image("app", mark=one.name))
        make_known(node.machine, mirror.name, private.name)
        settings = {
            "endpoints": {one.address: {"ca": authority.text} for one in (mirror, private)},
            "hosts": {"nowhere.test": {"mirrors": [mirror.url], "fallback": False}, private.address: {}},
        }
        node.pillar({**PILLAR, "registries": settings})
        ret = node.apply()
        assert ret.failed == {}, ret.failed
        yield mirror, private


def test_a_mirror(cluster, registries, progress):
    progress("an image by a mirror")
    mirror, _ = registries
    cluster.apply(pod("mirrored", "node-1", image=f"nowhere.test/{APP}", pull="Always"))
    assert restarts(cluster.wait_running("mirrored")) == [0]
    assert "/v2/library/app/manifests/1" in [one.path.partition("?")[0] for one in mirror.news()]


def test_a_password_of_kubernetes(cluster, registries, progress):
    """
    Without it the registry's own words come to the pod; with it the pod runs.
    """
    progress("an image by imagePullSecrets")
    _, private = registries
    wanted = {"image": f"{private.address}/{APP}", "pull": "Always"}
    cluster.apply(pod("locked-out", "node-1", **wanted))
    wait.until(lambda: "401" in refusal(cluster, "locked-out"), LIMIT, "the registry to refuse", every=2)
    cluster.kubectl("delete", "pod", "locked-out", timeout=LIMIT)
    entry = {"auths": {private.address: {"username": USER, "password": PASSWORD}}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "private"},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps(entry)},
    }
    cluster.apply(secret, pod("let-in", "node-1", imagePullSecrets=[{"name": "private"}], **wanted))
    assert restarts(cluster.wait_running("let-in")) == [0]


def refusal(cluster, name):
    """
    Return why the image of a pod was not pulled, as Kubernetes tells it: its events have the whole message.
    """
    events = cluster.get("events", f"--field-selector=involvedObject.name={name}")["items"]
    return " ".join(event["message"] for event in events if event["type"] == "Warning")
