"""
Images from the master's file server on a node with a real containerd, as Salt runs the formula.
"""

import gzip
import hashlib
import json
import os
import shutil

import pytest
import yaml
from lab import debian
from support.binaries import RELEASES, WANTED
from support.images import Image
from support.stand_in import StandIn

RELEASE = "2.1.9"
NODE = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}.get(os.uname().machine)
# kubeadm's own words, without it.
KUBEADM = """#!/bin/sh
case "$*" in
  "version -o short") echo v1.31.0 ;;
  "config images list --kubernetes-version v1.31.0") printf 'registry.k8s.io/%s\\n' etcd:3.5.15-0 pause:3.9 ;;
  *) echo "kubeadm: $*" >&2; exit 1 ;;
esac
"""

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(RELEASE not in WANTED, reason=f"it is about containerd {RELEASE}"),
]


@pytest.fixture
def root(tmp_path, file_root):
    """
    A file root of its own, for archives.
    """
    return shutil.copytree(file_root, tmp_path / "files")


@pytest.fixture
def node(tmp_path, root):
    binaries = debian.unpacked("containerd", RELEASES[RELEASE]) / "usr/bin"
    node = StandIn(tmp_path, binaries, RELEASE, root)
    kubeadm = node.folder / "tools/kubeadm"
    kubeadm.write_text(KUBEADM, encoding="utf-8")
    kubeadm.chmod(0o755)
    return node


def call(node, *words):
    text, _ = node.call("--out=json", *words)
    return json.loads(text)["local"]


def state_of(states, name):
    [one] = [one for one in states.values() if one["__id__"] == name]
    return one


def test_the_sandbox_image_comes_from_salt_and_the_report_tells_of_it(node, root):
    data = gzip.compress(Image(NODE).archive(name="registry.k8s.io/pause:3.10"))
    archive = root / "images/pause.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(data)
    pillar = {
        "sandbox_image": "registry.k8s.io/pause:3.10",
        "images": [
            {
                "name": "registry.k8s.io/pause:3.10",
                "archive": "salt://images/pause.tar.gz",
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        ],
    }
    node.pillar(yaml.safe_dump({"containerd": pillar}))
    state = state_of(call(node, "state.apply", "containerd"), "containerd images are imported")
    assert state["result"] is True, state
    assert state["changes"]["registry.k8s.io/pause:3.10 pinned"] == {"old": False, "new": True}
    # What a masterless minion serves is not the formula's to remove.
    assert archive.read_bytes() == data
    again = state_of(call(node, "state.apply", "containerd.images"), "containerd images are imported")
    assert (again["result"], again["changes"]) == (True, {})
    report = call(node, "containerd.status")
    assert report["errors"] == []
    told = "kubeadm here uses registry.k8s.io/pause:3.9, and containerd registry.k8s.io/pause:3.10: correct"
    assert [one[: len(told)] for one in report["images"]] == [told]
    facts = call(node, "containerd_images.sandbox")
    assert (facts["name"], facts["kubeadm"]) == ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.9")
    assert facts["present"] and facts["whole"] and facts["pinned"]
    cleaned = call(node, "state.apply", "containerd.clean")
    released, stopped = (
        state_of(cleaned, f"containerd {what}") for what in ("images are released", "service is stopped")
    )
    assert (released["result"], len(released["changes"])) == (True, 2)
    # While the daemon still runs.
    assert released["__run_num__"] < stopped["__run_num__"]
