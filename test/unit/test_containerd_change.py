"""
The life of a change: what is written, and what the next run knows.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError


def test_the_content_is_on_the_disk_before_it_has_the_name(change, config, monkeypatch):
    """
    Without it an empty file can be left after a power cut.
    """
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: calls.append(os.path.isdir(f"/proc/self/fd/{fd}")) or fsync(fd)
    )
    monkeypatch.setattr(os, "replace", lambda *names: calls.append("name") or replace(*names))
    change._write(str(config), "new")
    assert calls == [False, "name", True]
    assert config.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("fails", ["fsync", "replace", "fchmod"])
def test_a_file_that_cannot_be_written_is_as_it_was(change, config, monkeypatch, fails):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(
        CommandExecutionError, match="config.toml cannot be written, and has not changed: No space"
    ):
        change._write(str(config), "new")
    assert config.read_text(encoding="utf-8") == "old"
    assert os.listdir(config.parent) == ["config.toml"]


def test_owner_and_mode_stay_unless_they_are_given(change, config):
    config.chmod(0o640)
    os.chown(config, 65534, 65534)
    change._write(str(config), "new")
    found = config.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (65534, 65534, 0o640)
    change._write(str(config), "newer", user="root", group="root", mode="0600")
    found = config.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, 0, 0o600)


def test_a_new_file_is_for_all_to_read_and_a_folder_is_made(change, tmp_path):
    path = tmp_path / "etc" / "new.toml"
    change._write(str(path), "new")
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_unknown_user_is_an_error(change, config):
    with pytest.raises(CommandExecutionError, match="there is no user ghost"):
        change._write(str(config), "new", user="ghost")
    assert config.read_text(encoding="utf-8") == "old"


def test_what_is_no_file_stays(change, tmp_path):
    """
    A link to /dev/null is how systemd masks a drop-in: writing through it would replace the device.
    """
    os.mkfifo(tmp_path / "device")
    (tmp_path / "link").symlink_to(tmp_path / "device")
    for name, words in (
        ("link", "and that is not a regular file"),
        ("device", "is not a regular file, and stays"),
    ):
        with pytest.raises(CommandExecutionError, match=words):
            change.apply(str(tmp_path / name), "new")
    assert not (tmp_path / "device").is_file()
    assert change._unproved() == []


def test_a_change_is_pending_until_the_daemon_is_another_one(change, config, systemd):
    change.apply(str(config), "new")
    assert change._unproved() == change.pending() == [str(config)]
    assert change.tried() == []
    systemd["InvocationID"] = "second"
    assert (change._unproved(), change.pending(), change.tried()) == ([str(config)], [], [str(config)])
    assert change.settle() == [str(config)]
    assert (change._unproved(), change.settle()) == ([], [])
    assert change.good(str(config)) == "new"
    kept = change.copies(str(config))["good"]
    assert (os.stat(kept).st_mode & 0o777, os.stat(os.path.dirname(kept)).st_mode & 0o777) == (0o600, 0o700)
    assert list(config.parent.glob("config.toml?*")) == []


@pytest.mark.parametrize(
    ("running", "pending"), [("", []), ("2.1.9", []), ("1.7.24", ["/usr/local/bin/containerd"])]
)
def test_another_release_of_the_archive_is_pending(change, config, systemd, running, pending):
    systemd["MainPID"] = "7"
    asked = change.__salt__
    asked["containerd_archive.running"] = lambda pid: running if pid == "7" else ""
    asked["containerd_archive.current"] = lambda: "2.1.9"
    assert change.pending() == pending
    change.apply(str(config), "new")
    assert change.pending() == [*pending, str(config)]
    systemd["InvocationID"] = "second"
    assert change.pending() == pending
    systemd["ActiveState"] = "inactive"
    assert change.pending() == []


def test_a_program_that_a_package_replaced_under_the_daemon_is_pending(change, systemd, tmp_path):
    """
    pacman restarts nothing.
    """
    program = tmp_path / "containerd"
    shutil.copy(shutil.which("sleep"), program)
    process = subprocess.Popen([program, "60"])
    systemd["MainPID"] = str(process.pid)
    try:
        assert change.pending() == []
        shutil.copy(program, tmp_path / "new")
        os.replace(tmp_path / "new", program)
        assert change.pending() == [str(program)]
        program.unlink()
        assert change.pending() == [], "what is removed is not started again"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("state", ["inactive", "failed", "activating"])
def test_a_daemon_that_does_not_run_will_read_the_change(change, config, systemd, state):
    """
    And it has not been started with it: nothing is to be rolled back.
    """
    systemd["ActiveState"] = state
    change.apply(str(config), "new")
    assert (change.pending(), change.tried()) == ([], [])


def test_a_change_that_was_taken_back_in_time_is_none(change, config):
    change.apply(str(config), "new")
    change.apply(str(config), "old")
    assert (change._unproved(), change.pending()) == ([], [])


def test_a_change_that_was_taken_back_too_late_is_pending(change, config, systemd):
    """
    The daemon has been started with it meanwhile.
    """
    change.apply(str(config), "new")
    systemd["InvocationID"] = "second"
    change.apply(str(config), "old")
    assert (change._unproved(), change.pending()) == ([], [str(config)])


def test_a_run_that_was_killed_before_the_write_left_nothing_pending(change, config, monkeypatch):
    class Killed(BaseException):
        pass

    write = change._write

    def die(path, *args, **options):
        if path == str(config):
            raise Killed
        return write(path, *args, **options)

    monkeypatch.setattr(change, "_write", die)
    with pytest.raises(Killed):
        change.apply(str(config), "new")
    assert (change.pending(), change._unproved()) == ([], [])


def test_what_worked_last_is_kept_over_changes_and_other_peoples_edits(change, config, systemd):
    change.apply(str(config), "proved")
    systemd["InvocationID"] = "second"
    change.settle()
    config.write_text("an edit that breaks it", encoding="utf-8")
    for text in ("bad", "worse"):
        change.apply(str(config), text)
    systemd["InvocationID"] = "third"
    change.roll_back("it failed")
    assert config.read_text(encoding="utf-8") == "proved"


def test_a_change_that_cannot_be_written_is_not_recorded(change, config, monkeypatch):
    write = change._write

    def full(path, *args, **options):
        if path == str(config):
            raise CommandExecutionError("full")
        return write(path, *args, **options)

    monkeypatch.setattr(change, "_write", full)
    with pytest.raises(CommandExecutionError, match="full"):
        change.apply(str(config), "new")
    assert change._unproved() == []
    assert not os.path.exists(change._kept("change.json"))


@pytest.mark.parametrize("rubbish", ["{", "{}", "[]", '{"daemon": 1, "files": 2}'])
def test_a_record_that_is_rubbish_is_none(change, config, rubbish):
    change.apply(str(config), "new")
    with open(change._kept("change.json"), "w", encoding="utf-8") as file:
        file.write(rubbish)
    assert (change._unproved(), change.pending(), change.tried()) == ([], [], [])


def test_a_directory_in_the_place_of_a_recorded_file_is_no_traceback(change, config, systemd):
    change.apply(str(config), "new")
    config.unlink()
    config.mkdir()
    assert change._unproved() == change.pending() == [str(config)]


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [("\ud800", None, "surrogates not allowed"), ("x", "u=rw", "'u=rw' is not a mode")],
)
def test_what_cannot_be_written_is_an_error_and_leaves_nothing(change, config, text, mode, words):
    with pytest.raises(CommandExecutionError, match=words):
        change._write(str(config), text, mode=mode)
    assert os.listdir(config.parent) == ["config.toml"]


def test_a_candidate_is_roots_alone_and_leaves_nothing(change):
    """
    It may hold secrets.
    """
    path = change.candidate("a = 1")
    assert (os.stat(path).st_mode & 0o777, Path(path).read_text(encoding="utf-8")) == (0o600, "a = 1")
    assert os.stat(change.RUN_FOLDER).st_mode & 0o777 == 0o700
    change.discard(path)
    with pytest.raises(CommandExecutionError, match="a candidate cannot be written"):
        change.candidate("\ud800")
    assert not os.path.exists(change.RUN_FOLDER)


@pytest.mark.parametrize("killed", [True, False])
def test_a_run_sweeps_the_candidates_and_trials_of_killed_ones(change, config, killed):
    path = Path(change.candidate("secret"))
    trial, key = path.with_name("trial-x"), path.with_name("key-x")
    (trial / "upper").mkdir(parents=True)
    key.mkdir()
    for one in (path, trial / "upper", trial, key) if killed else ():
        os.utime(one, (0, 0))
    change.sweep(str(config))
    left = [one.exists() for one in (path, trial, key, path.parent)]
    assert left == [not killed] * 4


def test_a_link_is_followed_where_only_root_could_change_where_it_leads(change, config, tmp_path):
    link, shared = tmp_path / "link.toml", tmp_path / "shared"
    link.symlink_to(config)
    change.apply(str(link), "new")
    assert (link.is_symlink(), config.read_text(encoding="utf-8")) == (True, "new")
    shared.mkdir()
    shared.chmod(0o777)
    victim = shared / "victim"
    victim.write_text("theirs", encoding="utf-8")
    for target in (victim, shared / "dangling", tmp_path / "dangling"):
        link.unlink()
        link.symlink_to(target)
        with pytest.raises(
            CommandExecutionError, match=f"link.toml is a link to {target}, and .*make it a reg"
        ):
            change.apply(str(link), "newer")
    assert (victim.read_text(encoding="utf-8"), os.listdir(shared)) == ("theirs", ["victim"])


@pytest.mark.parametrize(("owner", "mode"), [(1000, 0o755), (0, 0o775), (0, 0o1777)])
def test_a_folder_of_others_is_not_written_to(change, tmp_path, owner, mode):
    folder = tmp_path / "etc"
    folder.mkdir()
    os.chown(folder, owner, 0)
    folder.chmod(mode)
    with pytest.raises(
        CommandExecutionError, match=f"{folder}.*Correct that with chown root and chmod go-w."
    ):
        change.apply(str(folder / "config.toml"), "new")
    assert (os.listdir(folder), change.pending()) == ([], [])
