"""
Archives of runtimes from a real web server, by Salt's own fetchers.
"""

import os
import subprocess

import pytest
from containerd_formula import places, runtime_settings
from support.runtimes import sha256, youki

pytestmark = pytest.mark.once


@pytest.fixture
def root(tmp_path, monkeypatch):
    for module in (places, runtime_settings):
        monkeypatch.setattr(module, "RUNTIMES", str(tmp_path / "opt/runtimes"))
    monkeypatch.setattr(places, "ARCHIVES", str(tmp_path / "opt"))
    return tmp_path / "opt/runtimes"


def pillar(address, content, **given):
    return {"youki": {"archive": address, "sha256": sha256(content), "binary": "bin/youki", **given}}


def test_an_archive_is_fetched_once_for_each_release(loaders, server, root, file_root):
    states = loaders.states.containerd_runtimes
    old, new = youki("1"), youki("2", packed="xz")
    server.put("youki-1.tar.gz", old)
    # http:// is not for pillar: no mirror of ours has a certificate here, and the hash is checked anyhow.
    (file_root / "youki-2.tar.xz").write_bytes(new)
    given = pillar("file:///nowhere", old)
    assert states.installed(name="x", runtimes=given, test=True).changes == {
        "youki archive": {"old": "", "new": sha256(old)[:12]}
    }
    assert not root.exists()
    modules = loaders.modules
    modules.containerd_runtime_files.unpack(
        "youki", f"{server.here}/youki-1.tar.gz", sha256(old), ["bin/youki"]
    )
    assert server.requests == ["/youki-1.tar.gz"]
    ret = states.installed(name="x", runtimes=given)
    assert ret.result is True, ret.comment
    assert subprocess.check_output([f"{root}/youki/bin/youki"]) == b"1\n"
    given = pillar("salt://youki-2.tar.xz", new)
    ret = states.installed(name="x", runtimes=given)
    assert ret.changes == {"youki archive": {"old": sha256(old)[:12], "new": sha256(new)[:12]}}
    assert subprocess.check_output([f"{root}/youki/bin/youki"]) == b"2\n"
    assert states.installed(name="x", runtimes=given).changes == {}
    assert server.requests == ["/youki-1.tar.gz"]
    assert list(states.removed(name="x").changes) == [
        f"{root}/youki",
        *sorted(f"{root}/youki@{sha256(content)}" for content in (old, new)),
    ]
    assert not root.exists()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("{here}/none.tar.gz", "none.tar.gz cannot be fetched: .*404"),
        ("{down}/youki.tar.gz", "youki.tar.gz cannot be fetched: .*refused"),
        ("{here}/page.html", "page.html has the sha256 .*, and pinned is 0000"),
        ("salt://nowhere.tar.gz", "nowhere.tar.gz cannot be fetched"),
        ("file:///nowhere.tar.gz", "nowhere.tar.gz cannot be read: No such file"),
    ],
)
def test_what_cannot_be_fetched_is_one_clear_sentence_and_changes_nothing(
    loaders, server, root, address, words
):
    server.put("page.html", "<html>")
    address = address.format(here=server.here, down=server.down)
    with pytest.raises(Exception, match=words) as refused:
        loaders.modules.containerd_runtime_files.unpack("youki", address, "0" * 64, [])
    assert "Traceback" not in str(refused.value)
    assert os.listdir(root) == []
