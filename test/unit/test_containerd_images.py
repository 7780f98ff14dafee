"""
What a report says of the sandbox image, and of the images of pillar.
"""

import pytest
from containerd_formula.image_words import Row
from support import wired

PAUSE, DIGEST = "registry.k8s.io/pause:3.10", "sha256:" + "d" * 64
PIN = {"io.cri-containerd.pinned": "pinned"}


@pytest.fixture
def images():
    """
    The module on a node whose containerd 2.1.9 uses that image, which is there, whole and pinned.
    """
    module = wired("containerd_images")
    module.__salt__.update(
        {
            "containerd_image_change.sandbox_image": lambda: PAUSE,
            "containerd_images_there.rows": lambda: {PAUSE: Row(DIGEST, PIN)},
            "containerd_images_there.whole": lambda names, unpacked=False: names,
            "containerd_release.installed": lambda: "2.1.9",
            "containerd_daemon.ready": lambda: {"ready": True},
            "containerd_layers.images": lambda: ([], "base"),
            "cmd.which": lambda name: None,
        }
    )
    return module


def test_all_is_well(images):
    facts = images.sandbox()
    assert facts == {
        **{"name": PAUSE, "present": True, "whole": True, "pinned": True, "kubeadm": None, "warnings": []}
    }
    assert images.told() == []


@pytest.mark.parametrize(
    ("function", "answer", "words"),
    [
        ("containerd_images_there.rows", {}, "is not on the node: without a registry that serves it no pod"),
        ("containerd_images_there.whole", [], "has lost content: no pod starts"),
        (
            "containerd_images_there.rows",
            {PAUSE: Row(DIGEST, {})},
            "is not pinned, and kubelet may",
        ),
        ("containerd_release.installed", "1.6.20", "containerd 1.6.20 cannot pin the sandbox image"),
        # It is Docker Hub's then, which is not there.
        ("containerd_image_change.sandbox_image", "pause:3.10", "The sandbox image pause:3.10 is not on the"),
    ],
)
def test_what_is_wrong_with_the_sandbox_image_is_told_once(images, function, answer, words):
    images.__salt__[function] = lambda *_, **__: answer
    [told] = images.told()
    assert words in told


def kubeadm(*argv):
    said = {"version": "v1.31.0\n", "config": "registry.k8s.io/etcd:3.5.15-0\nregistry.k8s.io/pause:3.10\n"}
    assert argv[0] == "kubeadm" and (argv[1] == "version" or argv[-1] == "v1.31.0")
    return {"retcode": 0, "stdout": said[argv[1]], "stderr": ""}


def test_kubeadms_name_is_compared_without_its_registry(images):
    images.__salt__["cmd.which"] = lambda name: f"/usr/bin/{name}"
    images.__salt__["containerd_command.run"] = kubeadm
    assert images.sandbox()["warnings"] == [] and images.sandbox()["kubeadm"] == PAUSE
    mirror = "harbor.corp/k8s/pause:3.10"
    images.__salt__["containerd_image_change.sandbox_image"] = lambda: mirror
    images.__salt__["containerd_images_there.rows"] = lambda: {mirror: Row(DIGEST, PIN)}
    assert images.told() == []
    images.__salt__["containerd_image_change.sandbox_image"] = lambda: "harbor.corp/k8s/pause:3.9"
    told = images.told()[-1]
    assert told == f"kubeadm here uses {PAUSE}, and containerd harbor.corp/k8s/pause:3.9: correct " + (
        "containerd:sandbox_image."
    )


@pytest.mark.parametrize("name", ["harbor.corp/k8s/pause@" + DIGEST, "harbor.corp/k8s/pause:3.10@" + DIGEST])
def test_a_digest_is_not_compared_with_kubeadms_tag(images, name):
    images.__salt__["cmd.which"] = lambda name: f"/usr/bin/{name}"
    images.__salt__["containerd_command.run"] = kubeadm
    images.__salt__["containerd_image_change.sandbox_image"] = lambda: name
    images.__salt__["containerd_images_there.rows"] = lambda: {
        f"harbor.corp/k8s/pause@{DIGEST}": Row(DIGEST, PIN)
    }
    assert images.told() == []


def test_without_cri_the_report_does_not_ask(images):
    images.__salt__["containerd_daemon.ready"] = lambda: {"ready": False}
    images.__salt__["containerd_images_there.rows"] = None
    assert images.told() == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"digest": "", "whole": False}, "a.io/a:1 is not on the node: apply containerd.images."),
        ({"digest": DIGEST, "whole": False}, "a.io/a:1 is not whole on the node: apply containerd.images."),
        ({"digest": DIGEST, "whole": True}, "a.io/a:1 is not as pillar says: apply containerd.images."),
    ],
)
def test_an_image_of_pillar_that_is_lost_is_told(images, monkeypatch, facts, words):
    images.__salt__["containerd_layers.images"] = lambda: ([{}], "base")
    one = {**facts, "pinned": False, "as_pillar": False}
    monkeypatch.setattr(images, "imported", lambda _: {"a.io/a:1": one})
    assert images.told() == [words]
