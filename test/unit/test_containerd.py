"""
The face: what a report says where something is missing, and which release the minion has.
"""

import pytest
from containerd_formula import release
from salt.exceptions import CommandExecutionError
from support import load


@pytest.fixture
def containerd():
    return load("_modules/containerd.py")


def test_a_partial_sync_is_another_release(containerd, monkeypatch):
    """
    Or the run would go on with new modules and an old library: saltutil.sync_modules brings no library.
    """
    assert containerd.release() == containerd.RELEASE == release.RELEASE
    monkeypatch.setattr(release, "RELEASE", "0.0.9")
    assert containerd.release() not in (containerd.RELEASE, "0.0.9")


def test_a_report_without_ctr_says_so_and_tells_the_rest(containerd, tmp_path):
    def fail(*_, **__):
        raise CommandExecutionError("ctr is not installed")

    path = tmp_path / "config.toml"
    path.touch()
    asked = []
    containerd.__salt__ = {
        "cmd.which": lambda name: name,
        "containerd_command.path": lambda name: None if name == "ctr" else name,
        "containerd_daemon.version": lambda binary: asked.append(binary) or "1.7.24",
        "containerd_daemon.ready": fail,
        "containerd_document.report": fail,
        "containerd_document.read": lambda _: {"version": 2},
        "containerd_document.imported": lambda *_: [],
        "containerd_service.properties": lambda: {"ActiveState": "active"},
        "containerd_change.pending": lambda: ["a"],
        "containerd_registries.told": lambda: ["a mirror"],
        "containerd_runtimes.told": lambda: ["a runtime"],
        "containerd_images.told": lambda: ["an image"],
    }
    report = containerd.status(str(path))
    assert (report["version"], asked, report["file_schema"]) == ("1.7.24", ["containerd"], 2)
    assert report["restart_pending"] is True
    assert (report["cri_ok"], report["cri_reason"]) == (False, "ctr is not installed")
    assert (report["registries"], report["runtimes"]) == (["a mirror"], ["a runtime"])
    assert report["images"] == ["an image"]
    assert report["errors"] == ["document: ctr is not installed"]
