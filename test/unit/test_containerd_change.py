"""
The life of a change: what is kept, what the next run knows, what goes back.
"""

import os
from pathlib import Path

import pytest
from containerd_formula import places
from salt.exceptions import CommandExecutionError
from support import wired


@pytest.fixture
def systemd():
    """
    What systemd says of the daemon; a test changes it.
    """
    return {"InvocationID": "first", "ActiveState": "active"}


@pytest.fixture
def change(tmp_path, systemd, monkeypatch):
    module = wired("containerd_change")
    module.__opts__ = {"root_dir": str(tmp_path / "root")}
    for where in (module, places):
        monkeypatch.setattr(where, "RUN_FOLDER", str(tmp_path / "run" / "own"))
    module.__salt__.update(
        {
            "containerd_service.properties": lambda: systemd,
            "containerd_service.reload": lambda: True,
            "file.user_to_uid": lambda user: {"root": 0, "nobody": 65534}.get(user, ""),
            "file.group_to_gid": lambda group: {"root": 0}.get(group, ""),
        }
    )
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


def test_roll_back_puts_the_content_back_to_the_letter(change, config, systemd):
    config.write_bytes(b"# caf\xe9\r\n")
    change.apply(str(config), "new\n")
    systemd["InvocationID"] = "second"
    assert change.roll_back("it failed\nbadly") == {str(config): {"old": "rejected", "new": "previous"}}
    assert config.read_bytes() == b"# caf\xe9\r\n"
    rejected = Path(change.copies(str(config))["rejected"])
    assert rejected.read_text(encoding="utf-8") == "# Rolled back: it failed badly\nnew\n"
    assert rejected.stat().st_mode & 0o777 == 0o600
    assert change.rejected(str(config), "new\n")
    assert not change.rejected(str(config), "other\n")
    # The daemon still has to be restarted, also by a run that comes after this one was killed.
    assert change.pending() == [str(config)]
    systemd["InvocationID"] = "third"
    assert change.pending() == []
    change.settle()
    assert config.read_bytes() == Path(change.copies(str(config))["good"]).read_bytes()


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


@pytest.fixture
def pair(change, config, tmp_path, monkeypatch, systemd):
    """
    A configuration and a drop-in that were rolled back together: their paths.
    """
    monkeypatch.setattr(change, "UNIT_FOLDER", str(tmp_path))
    drop_in = tmp_path / "own.conf"
    change.apply(str(config), "new")
    change.apply(str(drop_in), "limits")
    systemd["InvocationID"] = "second"
    assert set(change.roll_back("it failed")) == {str(config), str(drop_in)}
    systemd["InvocationID"] = "third"
    change.settle()
    return str(config), str(drop_in)


def test_two_that_failed_together_are_refused_together_and_not_alone(change, pair):
    config, drop_in = pair
    # Which of the two was to blame nobody knows.
    assert not change.rejected(config, "new")
    assert not change.rejected(drop_in, "limits")
    assert change.rejected(config, "new", {drop_in: "limits"})
    assert change.rejected(drop_in, "limits", {config: "new"})
    assert not change.rejected(config, "new", {drop_in: "other limits"})
    assert not change.rejected(config, "other", {drop_in: "limits"})
    # What is on the disk counts where nobody says what it becomes.
    change.apply(config, "new")
    assert change.rejected(drop_in, "limits")
    assert not change.rejected(drop_in, "other limits")
    # A file of neither does not matter.
    assert change.rejected(drop_in, "limits", {"/a": "b"})


@pytest.mark.parametrize("which", [0, 1])
def test_a_copy_that_a_person_removed_lets_both_be_tried_again(change, pair, which):
    config, drop_in = pair
    os.unlink(change.copies(pair[which])["rejected"])
    assert not change.rejected(config, "new", {drop_in: "limits"})
    assert not change.rejected(drop_in, "limits", {config: "new"})


@pytest.mark.parametrize("line", ["other files: it failed", "[", "5", '{"a": 1} it failed', "[1] it failed"])
def test_a_copy_of_no_known_others_refuses_nothing(change, pair, line):
    config, drop_in = pair
    Path(change.copies(config)["rejected"]).write_text(f"{change.REJECTED_TOGETHER}{line}\nnew")
    assert not change.rejected(config, "new", {drop_in: "limits"})


def test_a_removal_that_failed_is_not_tried_again(change, tmp_path, monkeypatch, systemd):
    """
    A proxy that went, for one.
    """
    monkeypatch.setattr(change, "UNIT_FOLDER", str(tmp_path))
    gone = tmp_path / "gone.conf"
    gone.write_text("limits", encoding="utf-8")
    assert not change.rejected(str(gone), None)
    change.apply(str(gone), None)
    systemd["InvocationID"] = "second"
    change.roll_back("it failed")
    assert change.rejected(str(gone), None)
    assert not change.rejected(str(gone), "limits")


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


def test_copies_have_a_name_for_each_path(change):
    paths = ["/a/b", "/a:b", "/a%3Ab", "/a%2Fb", "/b"]
    assert len({change.copies(path)["good"] for path in paths}) == len(paths)
    assert change.copies("/etc/containerd/config.toml")["good"].endswith("/etc:containerd:config.toml.good")


def test_a_link_in_the_place_of_a_copy_is_neither_read_nor_written_through(change, config, tmp_path, systemd):
    change.apply(str(config), "new")
    kept, victim = Path(change.copies(str(config))["good"]), tmp_path / "victim"
    victim.write_text("new", encoding="utf-8")
    kept.unlink()
    kept.symlink_to(victim)
    assert change.good(str(config)) is None
    systemd["InvocationID"] = "second"
    change.settle()
    assert (kept.is_symlink(), change.good(str(config))) == (False, "new")


def test_a_folder_for_copies_that_is_a_link_stops_the_change(change, config, tmp_path):
    own = Path(change.copies(str(config))["good"]).parent
    own.parent.mkdir(parents=True)
    own.symlink_to(tmp_path)
    for ask in (change.pending, change.tried, lambda: change.apply(str(config), "new")):
        with pytest.raises(CommandExecutionError, match="move it away, and apply again"):
            ask()
    assert config.read_text(encoding="utf-8") == "old"


def test_copies_of_an_older_release_are_taken_over_once(change, config):
    old = {kind: Path(f"{config}.{kind}") for kind in ("good", "rejected")}
    worked = "# Managed by Salt (containerd-formula). Edits are\nworked"
    old["good"].write_text(worked, encoding="utf-8")
    old["rejected"].write_text("# Rolled back: it failed\nbad", encoding="utf-8")
    change.take_over(str(config))
    assert (change.good(str(config)), change.rejected(str(config), "bad")) == (worked, True)
    assert not any(path.exists() for path in old.values())
    # What lies in the new place is newer.
    old["good"].write_text(f"{worked} before", encoding="utf-8")
    change.take_over(str(config))
    assert (change.good(str(config)), old["good"].exists()) == (worked, True)


@pytest.mark.parametrize("kind", ["good", "rejected"])
def test_a_persons_own_copy_stays(change, config, kind):
    own = Path(f"{config}.{kind}")
    own.write_text("my own backup", encoding="utf-8")
    change.take_over(str(config))
    assert own.read_text(encoding="utf-8") == "my own backup"
    assert not Path(change.copies(str(config))[kind]).exists()


@pytest.mark.parametrize("hand", ["link", "owner", "fifo", "folder"])
def test_a_copy_that_others_could_have_made_is_not_taken_over(change, config, tmp_path, hand):
    old, victim = Path(f"{config}.good"), tmp_path / "victim"
    victim.write_text("secret", encoding="utf-8")
    if hand == "link":
        old.symlink_to(victim)
    elif hand == "fifo":
        os.mkfifo(old)
    else:
        old.write_text("theirs", encoding="utf-8")
        os.chown(old if hand == "owner" else config.parent, 1000, 0)
    change.take_over(str(config))
    if hand == "folder":
        os.chown(config.parent, 0, 0)
    assert change.good(str(config)) is None
    assert (os.path.lexists(old), victim.read_text(encoding="utf-8")) == (True, "secret")
