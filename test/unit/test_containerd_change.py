"""
The life of a change: what is kept, what the next run knows, what goes back.
"""

import os

import pytest
from salt.exceptions import CommandExecutionError
from support import load


@pytest.fixture
def systemd():
    """
    What systemd says of the daemon; a test changes it.
    """
    return {"InvocationID": "first", "ActiveState": "active"}


@pytest.fixture
def change(tmp_path, systemd):
    module = load("_modules/containerd_change.py")
    module.__opts__ = {"root_dir": str(tmp_path / "root")}
    module.__salt__ = {
        "containerd_service.properties": lambda: systemd,
        "containerd_service.reload": lambda: True,
        "file.user_to_uid": lambda user: {"root": 0, "nobody": 65534}.get(user, ""),
        "file.group_to_gid": lambda group: {"root": 0}.get(group, ""),
    }
    return module


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("old", encoding="utf-8")
    return path


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
        CommandExecutionError, match="config.toml cannot be written, and is as it was: No space"
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


def test_a_link_is_kept(change, config, tmp_path):
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    change._write(str(link), "new")
    assert link.is_symlink()
    assert config.read_text(encoding="utf-8") == "new"


def test_what_is_no_file_stays(change, tmp_path):
    """
    A link to /dev/null is how systemd masks a drop-in: writing through it would replace the device.
    """
    os.mkfifo(tmp_path / "device")
    (tmp_path / "link").symlink_to(tmp_path / "device")
    with pytest.raises(CommandExecutionError, match="link is no file, and stays as it is"):
        change.apply(str(tmp_path / "link"), "new")
    with pytest.raises(CommandExecutionError, match="device is no file, and stays as it is"):
        change._write(str(tmp_path / "link"), "new")
    assert not (tmp_path / "device").is_file()
    assert change._unproved() == []


def test_what_a_killed_run_left_is_swept_away(change, config):
    old, young = (config.with_name(f".config.toml-{name}") for name in ("old", "young"))
    for path in (old, young):
        path.write_text("secret", encoding="utf-8")
    os.utime(old, (0, 0))
    change._write(str(config), "new")
    assert (old.exists(), young.exists()) == (False, True)


def good(config):
    return config.with_name("config.toml.good")


def test_a_change_is_pending_until_the_daemon_is_another_one(change, config, systemd):
    change.apply(str(config), "new")
    assert change._unproved() == change.pending() == [str(config)]
    assert change.tried() == []
    systemd["InvocationID"] = "second"
    assert (change._unproved(), change.pending(), change.tried()) == ([str(config)], [], [str(config)])
    assert change.settle() == [str(config)]
    assert (change._unproved(), change.settle()) == ([], [])
    assert good(config).read_text(encoding="utf-8") == "new"
    assert good(config).stat().st_mode & 0o777 == 0o600


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
    assert not os.path.exists(change._record_path())


def test_roll_back_puts_the_content_back_to_the_letter(change, config, systemd):
    config.write_bytes(b"# caf\xe9\r\n")
    change.apply(str(config), "new\n")
    systemd["InvocationID"] = "second"
    assert change.roll_back("it failed\nbadly") == {str(config): {"old": "rejected", "new": "previous"}}
    assert config.read_bytes() == b"# caf\xe9\r\n"
    rejected = config.with_name("config.toml.rejected")
    assert rejected.read_text(encoding="utf-8") == "# Rolled back: it failed badly\nnew\n"
    assert rejected.stat().st_mode & 0o777 == 0o600
    assert change.rejected(str(config), "new\n")
    assert not change.rejected(str(config), "other\n")
    # The daemon still has to be restarted, also by a run that comes after this one was killed.
    assert change.pending() == [str(config)]
    systemd["InvocationID"] = "third"
    assert change.pending() == []
    change.settle()
    assert config.read_bytes() == good(config).read_bytes()


def test_nothing_is_rolled_back_that_the_daemon_was_not_started_with(change, config):
    change.apply(str(config), "new")
    assert change.roll_back("another reason") == {}
    assert config.read_text(encoding="utf-8") == "new"


def test_roll_back_leaves_a_configuration_that_replaced_none(change, tmp_path, systemd):
    path = tmp_path / "new.toml"
    change.apply(str(path), "new")
    systemd["InvocationID"] = "second"
    assert change.roll_back("it failed") == {str(path): {}}
    assert path.read_text(encoding="utf-8") == "new"


def test_roll_back_takes_a_new_drop_in_away_and_brings_a_removed_one_back(
    change, tmp_path, monkeypatch, systemd
):
    monkeypatch.setattr(change, "UNIT_FOLDER", str(tmp_path))
    reloads = []
    change.__salt__["containerd_service.reload"] = lambda: reloads.append(1)
    new, gone = tmp_path / "new.conf", tmp_path / "gone.env"
    gone.write_text("secret", encoding="utf-8")
    change.apply(str(new), "new")
    change.apply(str(gone), None)
    assert (new.exists(), gone.exists()) == (True, False)
    systemd["InvocationID"] = "second"
    change.roll_back("it failed")
    assert not new.exists()
    assert (gone.read_text(encoding="utf-8"), gone.stat().st_mode & 0o777) == ("secret", 0o600)
    assert reloads == [1]
    # Which of the two was to blame nobody knows.
    assert not change.rejected(str(new), "new")


@pytest.mark.parametrize("rubbish", ["{", "{}", "[]", '{"daemon": 1, "files": 2}'])
def test_a_record_that_is_rubbish_is_none(change, config, rubbish):
    change.apply(str(config), "new")
    with open(change._record_path(), "w", encoding="utf-8") as file:
        file.write(rubbish)
    assert (change._unproved(), change.pending(), change.tried()) == ([], [], [])


def test_a_directory_in_the_place_of_a_recorded_file_is_no_traceback(change, config, systemd):
    change.apply(str(config), "new")
    config.unlink()
    config.mkdir()
    assert change._unproved() == change.pending() == [str(config)]


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [("\ud800", None, "surrogates not allowed"), ("x", "u=rw", "'u=rw' is no mode")],
)
def test_what_cannot_be_written_is_an_error_and_leaves_nothing(change, config, text, mode, words):
    with pytest.raises(CommandExecutionError, match=words):
        change._write(str(config), text, mode=mode)
    assert os.listdir(config.parent) == ["config.toml"]


def test_a_candidate_that_cannot_be_written_leaves_nothing(change, tmp_path, monkeypatch):
    """
    It may hold secrets.
    """
    path = change.candidate("a = 1", str(tmp_path))
    assert (os.stat(path).st_mode & 0o777, open(path, encoding="utf-8").read()) == (0o600, "a = 1")
    os.unlink(path)
    with pytest.raises(CommandExecutionError, match="a candidate cannot be written"):
        change.candidate("\ud800", str(tmp_path))
    assert os.listdir(tmp_path) == []
