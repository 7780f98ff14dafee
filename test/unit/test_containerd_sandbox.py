"""
How the sandbox lays out the node; what it holds against is test/binary/test_sandbox.py.
"""

import os

import pytest
from salt.exceptions import CommandExecutionError
from support import load


@pytest.fixture
def sandbox(monkeypatch):
    """
    The module on a node that has bubblewrap.
    """
    module = load("_modules/containerd_sandbox.py")
    module.__salt__ = {"cmd.which": lambda name: f"/usr/bin/{name}"}
    return module


def mounts(sandbox, **options):
    """
    Return what a sandbox mounts: a list of pairs, option and the path in there.
    """
    argv = sandbox.command("true", **options)
    pairs = []
    for position, word in enumerate(argv):
        if word in ("--ro-bind", "--bind", "--symlink"):
            pairs.append((word, argv[position + 2]))
        if word in ("--tmpfs", "--proc", "--dev"):
            pairs.append((word, argv[position + 1]))
    return pairs


def test_the_kernels_settings_are_read_only_after_its_processes_are_there(sandbox):
    found = mounts(sandbox)
    assert found.index(("--proc", "/proc")) < found.index(("--ro-bind", "/proc/sys"))
    assert ("--ro-bind", "/proc/self") not in found


def test_what_a_container_masks_in_proc_stays_masked(sandbox, monkeypatch):
    """
    systemd-nspawn's mask of /proc/kmsg is a file that is gone: nothing can mount it again.
    """
    real = os.stat

    def other_disk(path, **options):
        found = list(real(path, **options))
        found[2] += path == "/proc"
        return os.stat_result(found)

    monkeypatch.setattr(sandbox.os, "stat", other_disk)
    argv = sandbox.command("true")
    version = argv.index("/proc/version")
    assert argv[version - 2 : version] == ["--ro-bind", os.devnull]


def test_a_folder_that_is_missing_gets_a_place_beside_what_is_there(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "HIDDEN", ())
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    new = str(tmp_path / "new" / "root")
    found = mounts(sandbox, empty=[new])
    there = found.index(("--tmpfs", str(tmp_path)))
    assert found[there + 1 : there + 3] in (
        [("--ro-bind", f"{tmp_path}/there"), ("--symlink", f"{tmp_path}/link")],
        [("--symlink", f"{tmp_path}/link"), ("--ro-bind", f"{tmp_path}/there")],
    )
    assert found.index(("--tmpfs", new)) > there


def test_a_link_to_another_disk_is_emptied_where_it_leads(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "HIDDEN", ())
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert ("--tmpfs", f"{tmp_path}/disk") in mounts(sandbox, empty=[str(tmp_path / "link")])


@pytest.mark.parametrize("path", ["/", "/proc/1/root/etc", "/sys/fs", "/dev", "/run/../dev/x"])
def test_nothing_of_the_kernels_and_not_the_whole_is_emptied(sandbox, path):
    assert mounts(sandbox, empty=[path]) == mounts(sandbox)


def test_what_lies_in_a_hidden_folder_is_there_only_if_it_is_asked_for(sandbox, tmp_path):
    file = tmp_path / "candidate.toml"
    assert not [path for _, path in mounts(sandbox) if path.startswith(str(tmp_path))]
    assert ("--ro-bind", str(file)) in mounts(sandbox, files={str(file): str(file)})


def test_a_file_is_shown_as_another(sandbox, tmp_path):
    argv = sandbox.command("true", files={"/etc/passwd": str(tmp_path)})
    assert ["--ro-bind", str(tmp_path), "/etc/passwd"] == argv[argv.index("/etc/passwd") - 2 :][:3]


def test_nothing_of_salts_environment_reaches_what_runs(sandbox, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    argv = sandbox.command("true")
    assert argv[argv.index("env") + 1 :][:1] == ["-i"]
    assert not any("NOTIFY" in word for word in argv)


@pytest.mark.parametrize(
    ("stderr", "kind", "why", "words"),
    [
        ("containerd-formula: locked\nlevel=info\n", "locked", "", "level=info\n"),
        ("containerd-formula: open unshare: no\nx", "open", "unshare: no", "x"),
    ],
)
def test_the_first_line_tells_which_sandbox_it_was(sandbox, stderr, kind, why, words):
    assert sandbox.said(stderr) == (kind, why, words)


@pytest.mark.parametrize("stderr", ["", "bwrap: no namespace\n", "level=info\ncontainerd-formula: locked\n"])
def test_without_that_line_there_was_none(sandbox, stderr):
    with pytest.raises(CommandExecutionError, match="no sandbox can be made here"):
        sandbox.said(stderr)


def test_what_is_missing_is_named(sandbox):
    sandbox.__salt__["cmd.which"] = lambda name: None
    assert sandbox.why_not() == "bubblewrap and unshare and nsenter are not installed"
    sandbox.__salt__["cmd.which"] = lambda name: None if name == "bwrap" else os.path.join("/usr/bin", name)
    assert sandbox.why_not() == "bubblewrap is not installed"
