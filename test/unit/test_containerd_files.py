"""
Files of the node with others at work in the same folders: what is read, made, replaced and swept.
"""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError
from support import wired

AGES_AGO = time.time() - 7200


@pytest.fixture
def files():
    return wired("containerd_files")


@pytest.fixture(params=[0, 0o077], ids=["umask 0", "umask 077"])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def make(path, text="x"):
    path.write_text(text, encoding="utf-8")
    os.utime(path, (AGES_AGO, AGES_AGO))
    return path


def refused(function, *arguments):
    with pytest.raises(CommandExecutionError) as error:
        function(*arguments)
    return str(error.value)


def test_folders_are_made_whatever_the_umask(files, tmp_path, umask):
    files.make_folder(str(tmp_path / "a" / "b"))
    files.own_folder(str(tmp_path / "c" / "own"))
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "c", "c/own")]
    assert modes == [0o755, 0o755, 0o755, 0o700]


def test_a_folder_that_cannot_be_made_is_an_error(files, tmp_path):
    make(tmp_path / "file")
    assert refused(files.make_folder, str(tmp_path / "file" / "a")).startswith(
        f"{tmp_path}/file/a cannot be made: Not a directory"
    )


def test_our_own_folder_is_closed_and_not_made_where_nothing_is_written(files, tmp_path):
    own = tmp_path / "own"
    assert files.own_folder(str(own), make=False) == str(own)
    assert not own.exists()
    own.mkdir(0o755)
    files.own_folder(str(own), make=False)
    assert own.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("hand", ["link", "dangling", "file", "owner", "mode"])
def test_our_own_folder_in_the_hands_of_others_is_refused(files, tmp_path, hand):
    own, other = tmp_path / "own", tmp_path / "other"
    if hand in ("link", "dangling"):
        own.symlink_to(other)
        if hand == "link":
            other.mkdir()
    elif hand == "file":
        make(own)
    else:
        own.mkdir()
        os.chown(own, 1000 if hand == "owner" else 0, 0)
        own.chmod(0o777 if hand == "mode" else 0o700)
    for wanted in (True, False):
        message = refused(files.own_folder, str(own), wanted)
        assert message.startswith(f"{own} has to be a folder of root's alone, and ")
        assert message.endswith(": move it away, and apply again.")
    # Nor was one made where a link leads.
    assert other.exists() == (hand == "link")


def test_only_a_regular_file_of_a_sane_size_is_read(files, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "null").symlink_to("/dev/zero")
    for path in (tmp_path / "fifo", tmp_path / "null", tmp_path, "/dev/zero", "/proc/self/environ"):
        message = refused(files.content, str(path))
        assert "it is not a regular file. Remove it, or make it a file that root can read." in message
    monkeypatch.setattr(files.places, "LARGEST_FILE", 1 << 20)
    path = tmp_path / "file"
    path.write_bytes(b"x" * (1 << 20))
    assert len(files.content(str(path))) == 1 << 20
    path.write_bytes(b"x" * ((1 << 20) + 1))
    assert "it is larger than 1 MB" in refused(files.content, str(path))
    for gone in (f"{path}-gone", f"{path}/gone", f"{path}-gone/gone"):
        assert refused(files.content, gone) == f"{gone} cannot be read: it is not there."


@pytest.mark.parametrize("path", ["/a\0b", 5, None, "/" + "x" * 5000])
def test_what_is_no_path_is_told(files, path):
    assert "cannot be read: " in refused(files.content, path)


def test_a_file_of_the_kernels_that_has_nothing_now_is_told(files, tmp_path, monkeypatch):
    """
    Those of tracefs are regular, and a read that must not wait gives nothing at all.
    """
    nothing = contextlib.nullcontext(type("", (), {"read": lambda *_: None}))
    monkeypatch.setattr(files, "open", lambda *_, **__: nothing, raising=False)
    assert "it has nothing to read" in refused(files.content, str(make(tmp_path / "trace_pipe")))


@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_the_place_of_a_file_is_replaced_and_what_it_leads_to_stays(files, tmp_path, there, umask):
    victim, path = tmp_path / "victim", tmp_path / "copy"
    if there:
        make(victim)
    path.symlink_to(victim)
    files.replace(str(path), b"new", 0, 0, 0o600)
    assert (path.is_symlink(), path.read_bytes(), path.stat().st_mode & 0o777) == (False, b"new", 0o600)
    assert (victim.read_bytes() == b"x") if there else not victim.exists()


def test_only_what_a_killed_run_left_is_swept(files, tmp_path):
    """
    And nothing that is called a little like it.
    """
    config = make(tmp_path / "config.toml")
    left = make(tmp_path / ".config.toml.containerd-formula-ab_cd123")
    young = tmp_path / ".config.toml.containerd-formula-zzzzzzzz"
    young.write_text("of a run that runs", encoding="utf-8")
    stay = [
        config,
        young,
        make(tmp_path / ".config.toml-notes"),
        make(tmp_path / ".config.toml-ab_cd123"),
        make(tmp_path / ".config.toml.containerd-formula-ab_cd1234"),
        make(tmp_path / ".config.toml.containerd-formula-ab_cd123.bak"),
        make(tmp_path / ".config-toml.containerd-formula-ab_cd123"),
        make(tmp_path / "x.config.toml.containerd-formula-ab_cd123"),
        make(tmp_path / ".config.toml.containerd-formula-users000"),
        tmp_path / ".config.toml.containerd-formula-link0000",
        tmp_path / ".config.toml.containerd-formula-folder00",
    ]
    os.chown(stay[-3], 1000, 0)
    stay[-2].symlink_to(config)
    os.utime(stay[-2], (AGES_AGO, AGES_AGO), follow_symlinks=False)
    stay[-1].mkdir()
    os.utime(stay[-1], (AGES_AGO, AGES_AGO))
    files.replace(str(config), b"new", 0, 0, 0o644)
    assert sorted(tmp_path.iterdir()) == sorted(stay)
    assert not left.exists()


def test_a_folder_that_is_still_written_to_is_not_swept(files, tmp_path, monkeypatch):
    monkeypatch.setattr(files.places, "RUN_FOLDER", str(tmp_path))
    done, busy = tmp_path / "trial-1", tmp_path / "trial-2"
    for folder in (done, busy):
        folder.mkdir()
        make(folder / "file")
    (busy / "file").write_text("more", encoding="utf-8")
    for folder in (done, busy):
        os.utime(folder, (AGES_AGO, AGES_AGO))
    files.sweep(str(tmp_path))
    assert list(tmp_path.iterdir()) == [busy]


def test_only_the_formulas_own_folders_are_swept_and_only_what_is_called_so(files, tmp_path, monkeypatch):
    theirs = [make(tmp_path / name) for name in ("trial-1", "containerd-formula-probe-abcdefgh")]
    folders = [tmp_path / "containerd-formula-probe-12345678", tmp_path / ".containerd-12345678"]
    for folder in folders:
        folder.mkdir()
        os.utime(folder, (AGES_AGO, AGES_AGO))
    files.sweep(str(tmp_path))
    assert all(path.exists() for path in (*theirs, *folders))
    for number, name in enumerate(("RUN", "ARCHIVES")):
        monkeypatch.setattr(files.places, name, str(tmp_path))
        files.sweep(str(tmp_path))
        monkeypatch.undo()
        assert [path.exists() for path in folders] == [False, number == 0]
    assert all(path.exists() for path in theirs)


def test_a_temporary_folder_is_roots_alone_and_goes(files, tmp_path, monkeypatch):
    monkeypatch.setattr(files.places, "RUN_FOLDER", str(tmp_path / "own"))
    with files.temporary("a-") as folder:
        Path(folder, "secret").write_text("x", encoding="utf-8")
        assert Path(folder).parent == tmp_path / "own"
        assert [os.stat(path).st_mode & 0o777 for path in (folder, tmp_path / "own")] == [0o700, 0o700]
    assert not (tmp_path / "own").exists()


def test_runs_at_the_same_time_do_not_take_the_folder_from_each_other(files, tmp_path, monkeypatch):
    """
    Each makes it, and removes it when it is empty.
    """
    monkeypatch.setattr(files.places, "RUN_FOLDER", str(tmp_path / "own"))

    def use(_):
        with files.temporary("a-") as folder:
            Path(folder, "file").touch()

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(use, range(2000)))) == 2000
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize("path", ["a\0b", 5, None, ["a"]])
def test_what_is_no_path_is_refused(files, path):
    with pytest.raises(CommandExecutionError, match="cannot be read: it is not a file path"):
        files.content(path)


def test_what_is_new_gets_the_selinux_label_of_its_path(files, monkeypatch, tmp_path):
    labelled, there = [], ["/sbin/restorecon"]

    def run(*argv):
        # A tool that fails does not undo what was written.
        labelled.append(argv)
        raise CommandExecutionError("restorecon gave no answer within 20 s.")

    monkeypatch.setitem(files.__salt__, "containerd_command.path", lambda _: there[0])
    monkeypatch.setitem(files.__salt__, "containerd_command.run", run)
    files.make_folder(str(tmp_path / "a"))
    files.replace(str(tmp_path / "a/file"), b"x", 0, 0, 0o644)
    files.rename(str(tmp_path / "a"), str(tmp_path / "b"))
    assert labelled == [("restorecon", "-R", f"{tmp_path}/{name}") for name in ("a", "a/file", "b")]
    there[0] = None
    files.make_folder(str(tmp_path / "c"))
    assert len(labelled) == 3
