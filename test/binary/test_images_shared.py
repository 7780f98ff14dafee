"""
Names of images that others have, too; two tags of one image; and the record of what archives gave.
"""

import gzip
import hashlib
import os

import pytest
from support.binaries import binaries, release  # noqa: F401
from support.image_node import APP
from support.images import Image

ONE = Image({"x86_64": "linux/amd64"}.get(os.uname().machine, "linux/arm64"))


def test_a_name_that_others_give_an_image_of_ours_is_theirs(node, daemon):
    """
    ctr 1.x copies the labels to it.
    """
    entry = node.entry(ONE.archive(name=APP))
    node.apply(entry)
    daemon.ctr("images", "tag", APP, "theirs.org/same:1")
    assert node.apply(entry)["changes"] == {}
    assert "theirs.org/same:1" not in node.apply()["changes"]
    assert "theirs.org/same:1" in daemon.names()


def test_a_sandbox_image_without_layers_but_unpacked_starts_pods(node, daemon):
    """
    discard_unpacked_layers leaves it so.
    """
    node.apply(node.entry(ONE.archive(name=APP)))
    node.functions["containerd_image_change.sandbox_image"] = lambda: APP
    sandbox = node.functions["containerd_images.sandbox"]
    usual = sandbox()
    daemon.ctr("content", "rm", "sha256:" + hashlib.sha256(ONE.layer).hexdigest())
    assert usual["whole"] and sandbox() == usual
    daemon.ctr("content", "rm", "sha256:" + hashlib.sha256(ONE.config).hexdigest())
    assert not sandbox()["whole"] and "no pod starts" in sandbox()["warnings"][0]


def test_the_sandbox_image_in_effect_stays_when_pillar_no_longer_has_it(node):
    """
    Else no pod would start where there is no registry.
    """
    node.apply(node.entry(ONE.archive(name=APP)))
    cri = {"sandbox_image": APP}
    document = {"version": 2, "plugins": {"io.containerd.grpc.v1.cri": cri}}
    node.functions["containerd_document.read"] = lambda _: document
    done = node.apply()
    assert APP in node.rows() and APP not in done["changes"] and done["result"] is True
    assert f"{APP} stays: it is the sandbox image" in done["comment"]
    assert node.apply()["changes"] == {}
    # It goes once it is not the sandbox image any more.
    cri["sandbox_image"] = "example.org/other:1"
    assert APP in node.apply()["changes"] and APP not in node.rows()
    assert (node.apply()["changes"], node.started) == ({}, [])


def test_two_tags_of_one_image_converge(node):
    """
    They share the name by digest, and may differ in all else.
    """
    data = ONE.archive()
    both = [node.entry(data), node.entry(gzip.compress(data, mtime=0), "example.org/app:2", pinned=False)]
    alone = node.entry(data, f"example.org/app@{ONE.digest}")
    for entries in (both, both[::-1], [*both, alone], [alone, *both]):
        assert node.apply(*entries)["result"] is True
        again = node.apply(*entries, test=True)
        assert (again["result"], again["changes"]) == (True, {})
    names = {"example.org/app:2", f"example.org/app@{ONE.digest}"}
    assert names <= set(node.rows()) and APP in node.apply(both[1], alone)["changes"]
    assert names <= set(node.rows()) and APP not in node.rows()


@pytest.mark.parametrize("content", [None, "", "[1]", "[" * 100000, '{"a": 1}'])
def test_a_record_that_is_lost_or_damaged_is_made_anew(node, content):
    entry = node.entry(ONE.archive(name=APP))
    node.apply(entry)
    path = node.folder / "root/var/lib/containerd-formula/images.json"
    before = path.read_text()
    path.unlink() if content is None else path.write_text(content)
    done = node.apply(entry)
    # What the archive has is there, and nothing is said to have changed.
    assert (done["result"], done["changes"]) == (True, {})
    assert "Images were changed" not in done["comment"] and path.read_text() == before
    if content is not None:
        path.write_text(content)
        assert APP in node.apply()["changes"] and APP not in node.rows()
