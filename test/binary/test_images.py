"""
Images of pillar in real daemons: imported once, whole, for this platform, by names that pods use, and pinned.
"""

import bz2
import gzip
import hashlib
import json
import lzma
import os
from pathlib import Path

import pytest
from lab import debian
from support.binaries import RELEASES, WANTED, binaries, release  # noqa: F401
from support.image_node import APP, Node
from support.images import INDEX, Daemon, Image, descriptor, index, layout

OURS, PIN = "containerd-formula", "io.cri-containerd.pinned"
MACHINE = os.uname().machine
NODE, OTHER = ("linux/amd64", "linux/arm64") if MACHINE == "x86_64" else ("linux/arm64", "linux/amd64")
ONE, TWO, FOREIGN = Image(NODE), Image(NODE, "b"), Image(OTHER)


def test_an_image_is_imported_named_pinned_and_left_alone_then(node, daemon):
    entry = node.entry(ONE.archive(name=APP))
    predicted, done = node.apply(entry, test=True), node.apply(entry)
    new = f"of archive {entry['sha256'][:12]}"
    assert (predicted["result"], predicted["changes"][APP]) == (None, {"old": "", "new": new})
    assert done["result"] is True, done["comment"]
    assert done["changes"] == {
        APP: {"old": "", "new": ONE.digest},
        f"{APP} pinned": {"old": False, "new": True},
    }
    rows = node.rows()
    for name in (APP, f"example.org/app@{ONE.digest}"):
        assert (rows[name].digest, rows[name].archive, rows[name].is_pinned) == (
            ONE.digest,
            entry["sha256"],
            True,
        )
        assert rows[name].is_taken_up
    assert node.whole(APP) == [APP]
    os.unlink(entry["archive"][len("file://") :])
    for test in (True, False):
        again = node.apply(entry, test=test)
        assert (again["result"], again["changes"]) == (True, {})
        assert len([one for one in node.started if one.startswith("ctr")]) == 2


def test_an_image_that_was_removed_comes_back(node, daemon):
    entry = node.entry(ONE.archive(name=APP))
    node.apply(entry)
    daemon.ctr("images", "rm", *daemon.names())
    predicted, done = node.apply(entry, test=True), node.apply(entry)
    assert (
        predicted["changes"]
        == done["changes"]
        == {
            APP: {"old": "", "new": ONE.digest},
            f"{APP} pinned": {"old": False, "new": True},
        }
    )
    assert node.whole(APP) == [APP]


@pytest.mark.parametrize("blob", ["layer", "config", "manifest"])
def test_lost_content_is_found_and_brought_back(node, daemon, blob):
    entry = node.entry(ONE.archive(name=APP))
    node.apply(entry)
    daemon.ctr("content", "rm", "sha256:" + hashlib.sha256(getattr(ONE, blob)).hexdigest())
    predicted, done = node.apply(entry, test=True), node.apply(entry)
    assert (
        done["changes"][APP]
        == predicted["changes"][APP]
        == {
            "old": f"{ONE.digest} (not whole)",
            "new": ONE.digest,
        }
    )
    assert (done["result"], node.whole(APP)) == (True, [APP]), done["comment"]
    assert node.apply(entry)["changes"] == {}


def test_a_pin_that_a_second_import_took_comes_back(node, daemon):
    data = ONE.archive(name=APP)
    entry = node.entry(data)
    node.apply(entry)
    daemon.ctr("images", "import", entry["archive"][len("file://") :])
    daemon.ctr("images", "label", APP, f"{PIN}=")
    predicted, done = node.apply(entry, test=True), node.apply(entry)
    assert predicted["changes"] == done["changes"] and f"{APP} pinned" in done["changes"]
    assert node.rows()[APP].is_pinned and node.rows()[APP].archive == entry["sha256"]
    assert not any("import" in one for one in node.started)


def test_a_name_that_others_gave_another_image_comes_back(node, daemon):
    entry = node.entry(ONE.archive(name=APP))
    node.apply(entry)
    daemon.ctr("images", "import", node.entry(TWO.archive(name=APP))["archive"][len("file://") :])
    predicted, done = node.apply(entry, test=True), node.apply(entry)
    assert done["changes"][APP] == predicted["changes"][APP] == {"old": TWO.digest, "new": ONE.digest}
    assert node.rows()[APP].digest == ONE.digest


def test_what_is_not_to_be_pinned_loses_its_pin(node, daemon):
    data = ONE.archive(name=APP)
    node.apply(node.entry(data))
    done = node.apply(node.entry(data, pinned=False))
    assert done["changes"] == {f"{APP} pinned": {"old": True, "new": False}}
    assert not any(row.is_pinned for row in node.rows().values())
    assert node.apply(node.entry(data, pinned=False))["changes"] == {}
    # One name that is pinned pins the image.
    daemon.ctr("images", "label", APP, f"{PIN}=pinned")
    assert node.apply(node.entry(data, pinned=False))["changes"] == done["changes"]
    assert not any(row.is_pinned for row in node.rows().values())


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_a_compressed_archive(node, pack):
    done = node.apply(node.entry(pack(ONE.archive(name=APP))))
    assert (done["result"], node.rows()[APP].digest) == (True, ONE.digest), done["comment"]


def test_an_image_of_several_platforms_has_the_digest_of_its_index(node):
    whole = index(FOREIGN.described(platform=OTHER), ONE.described(platform=NODE))
    for blobs in ([*ONE.blobs, *FOREIGN.blobs], ONE.blobs):
        data = layout(index(descriptor(whole, INDEX, name="other.org/x:2")), whole, *blobs)
        done = node.apply(node.entry(data))
        assert done["result"] is True, done["comment"]
        assert node.rows()[APP].digest == descriptor(whole, INDEX)["digest"]
        assert node.whole(APP) == [APP]


def test_of_a_flat_index_the_image_of_this_platform_is_taken(node):
    for parts in ((ONE, FOREIGN), (FOREIGN, ONE)):
        data = layout(index(*(one.described(name=APP) for one in parts)), *ONE.blobs, *FOREIGN.blobs)
        assert node.apply(node.entry(data))["result"] is True
        assert node.rows()[APP].digest == ONE.digest


@pytest.mark.parametrize("annotations", [{}, {"ref": "3.9"}, {"ref": "other.org/app:7"}])
def test_an_archive_that_names_its_image_otherwise_or_not_at_all(node, annotations):
    done = node.apply(node.entry(ONE.archive(**annotations)))
    assert done["result"] is True, done["comment"]
    assert [name for name in node.rows() if not name.startswith("sha256:")] == [
        APP,
        f"example.org/app@{ONE.digest}",
    ]


def test_an_archive_of_docker_save(node):
    data = ONE.docker("old.org/a:1", more=[(TWO, ["old.org/b:2"])])
    one, two = node.entry(data, "old.org/a:1"), node.entry(data, "old.org/b:2")
    done = node.apply(one, two)
    assert done["result"] is True, done["comment"]
    rows = node.rows()
    assert rows["old.org/a:1"].digest != rows["old.org/b:2"].digest
    # Two images of one archive do not contend for its record.
    assert node.apply(one, two)["changes"] == {}


def test_for_another_snapshotter_cri_unpacks(node):
    cri = {"containerd": {"snapshotter": "native"}}
    node.functions["containerd_document.read"] = lambda _: {
        "version": 2,
        "plugins": {"io.containerd.grpc.v1.cri": cri},
    }
    done = node.apply(node.entry(ONE.archive()))
    assert done["result"] is True, done["comment"]
    assert any("--no-unpack" in one for one in node.started)
    assert node.whole(APP) == [APP] and node.rows()[APP].is_taken_up


def test_the_sandbox_image_in_effect_keeps_its_pin(node):
    """
    containerd itself would pin it again at its next start.
    """
    node.functions["containerd_document.read"] = lambda _: {
        "version": 3,
        "plugins": {"io.containerd.cri.v1.images": {"pinned_images": {"sandbox": APP}}},
    }
    entry = node.entry(ONE.archive(), pinned=False)
    assert node.apply(entry)["result"] is True and node.rows()[APP].is_pinned
    assert node.apply(entry)["changes"] == {}


def test_an_archive_that_ctr_exported(node, daemon):
    whole = index(FOREIGN.described(platform=OTHER), ONE.described(platform=NODE))
    data = layout(index(descriptor(whole, INDEX, name="other.org/x:2")), whole, *ONE.blobs, *FOREIGN.blobs)
    (node.folder / "in.tar").write_bytes(data)
    daemon.ctr("images", "import", str(node.folder / "in.tar"))
    daemon.ctr("images", "export", "--platform", NODE, str(node.folder / "out.tar"), "other.org/x:2")
    done = node.apply(node.entry((node.folder / "out.tar").read_bytes()))
    assert done["result"] is True, done["comment"]
    assert node.rows()[APP].digest == descriptor(whole, INDEX)["digest"]


def test_an_image_of_another_platform_is_refused_before_the_import(node, daemon):
    for data in (FOREIGN.archive(name=APP), FOREIGN.docker(APP)):
        done = node.apply(node.entry(data))
        assert (done["result"], done["changes"], daemon.names()) == (False, {}, [])
        assert f"is for {OTHER}, and this node is {NODE}" in done["comment"]


def test_what_is_cut_or_another_file_changes_nothing(node, daemon):
    entry = node.entry(ONE.archive(name=APP)[:3000])
    for one, words in (
        (entry, "is no archive of images"),
        ({**entry, "sha256": "0" * 64}, "and pinned is 000"),
        (node.entry(b"<html>" * 500), "is no archive of images"),
        (node.entry(gzip.compress(ONE.archive(name=APP))[:-20]), "cannot be unpacked"),
        (node.entry(b"\x28\xb5\x2f\xfd" + bytes(600)), "is compressed with zstd"),
        (node.entry(layout(index(ONE.described(name=APP)), *ONE.blobs[:2])), "is missing or cut"),
        ({**entry, "archive": "file:///nowhere.tar"}, "cannot be read"),
    ):
        done = node.apply(one)
        assert (done["result"], done["changes"], daemon.names()) == (False, {}, [])
        assert words in done["comment"], done["comment"]
    kept = node.folder / "root/var/lib/containerd-formula"
    assert [path.name for path in kept.iterdir()] == ["installed.json"]


def test_one_that_cannot_be_had_does_not_keep_the_others_away(node):
    bad = node.entry(FOREIGN.archive(name="example.org/bad:1"), "example.org/bad:1")
    done = node.apply(bad, node.entry(ONE.archive(name=APP)))
    assert done["result"] is False and done["changes"][APP]["new"] == ONE.digest
    assert node.rows()[APP].is_pinned


def test_another_archive_under_the_same_name_takes_its_place(node):
    node.apply(node.entry(ONE.archive(name=APP)))
    done = node.apply(node.entry(TWO.archive(name=APP)))
    assert done["changes"] == {
        APP: {"old": ONE.digest, "new": TWO.digest},
        f"example.org/app@{ONE.digest}": {"old": ONE.digest, "new": ""},
    }, done
    assert node.rows()[APP].is_pinned
    assert {row.digest for row in node.rows().values()} == {TWO.digest}


def test_only_our_images_go_when_pillar_no_longer_has_them(node, daemon):
    other = node.folder / "other.tar"
    other.write_bytes(TWO.archive(name="theirs.org/app:1"))
    daemon.ctr("images", "import", str(other))
    # One that others named, too.
    daemon.ctr("images", "import", node.entry(ONE.archive(name=APP))["archive"][7:])
    daemon.ctr("images", "tag", APP, "theirs.org/same:1")
    three = Image(NODE, "c")
    node.apply(node.entry(ONE.archive(name=APP)), node.entry(three.archive(), "example.org/three:1"))
    kept = node.apply(prune=False)
    assert kept["changes"] == {} and APP in daemon.names()
    predicted, done = node.apply(test=True), node.apply()
    names = {APP: ONE.digest, f"example.org/app@{ONE.digest}": ONE.digest}
    names.update({"example.org/three:1": three.digest, f"example.org/three@{three.digest}": three.digest})
    gone = {name: {"old": digest, "new": ""} for name, digest in names.items()}
    assert predicted["changes"] == done["changes"] == gone
    left = node.rows()
    assert sorted(name for name in left if not name.startswith("sha256:")) == [
        "theirs.org/app:1",
        "theirs.org/same:1",
    ]
    # CRI's own name of an image that nobody has goes, too: else its content would stay.
    assert three.digest not in {row.digest for row in left.values()}
    assert ONE.digest in {row.digest for name, row in left.items() if name.startswith("sha256:")}
    # Then nothing is asked any more.
    assert (node.apply()["changes"], node.started) == ({}, [])


def test_a_container_keeps_its_files_when_its_image_goes(node, daemon):
    """
    It has a snapshot of its own, whose layers stay with it.
    """
    node.apply(node.entry(ONE.archive(name=APP)))
    daemon.ctr("containers", "create", APP, "held")
    try:
        assert APP in node.apply()["changes"] and daemon.names() == []
        # Collected, as it would be a little later.
        daemon.ctr("content", "prune", "references", check=False)
        mounts = daemon.ctr("snapshots", "mounts", "/nowhere", "held").stdout
        lower = mounts.split("lowerdir=")[1].split(":")[0].split(",")[0].split()[0]
        assert (Path(lower) / "etc/text").read_text() == "a"
    finally:
        daemon.ctr("containers", "rm", "held")


def test_clean_leaves_the_images_to_kubelet(node, daemon):
    node.apply(node.entry(ONE.archive(name=APP)))
    node.state.__opts__ = {"test": True}
    predicted = node.state.released("x")
    node.state.__opts__ = {"test": False}
    done = node.state.released("x")
    assert list(done["changes"]) == list(predicted["changes"]) == [APP, f"example.org/app@{ONE.digest}"]
    assert APP in daemon.names() and not any(row.is_pinned or row.archive for row in node.rows().values())
    assert node.state.released("x")["changes"] == {}


def test_a_node_whose_daemon_does_not_answer(node, daemon):
    entry = node.entry(ONE.archive(name=APP))
    node.use(Daemon(node.folder / "none", daemon.binaries))
    predicted, done = node.apply(entry, test=True), node.apply(entry)
    assert (predicted["result"], list(predicted["changes"])) == (None, [APP, f"{APP} pinned"])
    assert "No daemon answers now" in predicted["comment"]
    assert (done["result"], done["changes"]) == (False, {}) and "no daemon answers" in done["comment"]
    built = node.apply(entry, manage=False)
    assert built["result"] is True and "apply containerd.images on the booted node" in built["comment"]


@pytest.mark.skipif(not {"1.6.20", "1.7.24"} <= set(WANTED), reason="it takes two releases")
def test_a_pin_that_an_old_release_cannot_use_is_there_after_the_upgrade(tmp_path, monkeypatch, release):  # noqa: F811
    if release != "1.7.24":
        pytest.skip("once is enough")
    old, new = (debian.unpacked("containerd", RELEASES[one]) / "usr/bin" for one in ("1.6.20", "1.7.24"))
    with Daemon(tmp_path / "d", old) as daemon:
        node = Node(daemon, tmp_path, monkeypatch)
        entry = node.entry(ONE.archive(name=APP))
        assert "cannot pin images" in node.apply(entry)["comment"]
    with Daemon(tmp_path / "d", new) as daemon:
        node = Node(daemon, tmp_path, monkeypatch)
        done = node.apply(entry)
        assert (done["result"], done["changes"], node.rows()[APP].is_pinned) == (True, {}, True)
        assert "cannot pin images" not in done["comment"]


def test_the_record_is_roots_alone_and_has_what_pillar_names(node):
    node.apply(node.entry(ONE.archive(name=APP)))
    second = node.entry(TWO.archive(name=APP))
    node.apply(second)
    path = node.folder / "root/var/lib/containerd-formula/images.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {f"{second['sha256']} {APP}": TWO.digest}


def test_the_report_of_pillar_and_of_the_sandbox_image(node, daemon, release):  # noqa: F811
    entry = node.entry(ONE.archive(name=APP))
    report = node.functions["containerd_images.imported"]
    nothing = {"digest": "", "whole": False, "pinned": False, "as_pillar": False}
    assert report([entry]) == {APP: nothing}
    node.apply(entry)
    assert report([entry]) == {APP: {"digest": ONE.digest, "whole": True, "pinned": True, "as_pillar": True}}
    node.functions["containerd_image_change.sandbox_image"] = lambda: APP
    facts = node.functions["containerd_images.sandbox"]()
    assert facts["present"] and facts["whole"] and facts["pinned"]
    cannot = release in ("1.4.13", "1.6.20")
    assert len(facts["warnings"]) == cannot
    assert cannot == bool(node.apply(entry)["comment"].count("cannot pin images"))
