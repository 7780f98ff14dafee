"""
The life of a change: what goes back, and the copies of it.
"""

import os
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError


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
