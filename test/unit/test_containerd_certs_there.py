"""
A folder of registries that somebody else has had a hand in: what is the formula's, and what stays.
"""

import os

import pytest
from containerd_formula import hosts_toml
from salt.exceptions import CommandExecutionError
from support import load, wired

M = {"mirrors": ["https://b.invalid"]}
SECRET = {"mirrors": [{"url": "https://b.invalid", "header": {"X": "hunter2"}}]}
HIDDEN = "Its images are not asked for where those of * are."


@pytest.fixture
def root(tmp_path):
    return tmp_path / "certs.d"


@pytest.fixture
def certs(monkeypatch):
    """
    The module on a node with a containerd of 2.1.9, whose ctr is not asked.
    """
    module = wired("containerd_certs")
    monkeypatch.setitem(module.__salt__, "containerd_release.installed", lambda: "2.1.9")
    monkeypatch.setattr(module, "_proof", lambda *_: ([], []))
    return module


@pytest.fixture
def run(certs, root):
    """
    Return a function that plans and applies: it returns what changed, and the sentences.
    """

    def run(hosts, **more):
        planned, done = certs.plan(str(root), {"hosts": hosts, **more}), []
        certs.apply(str(root), planned, done)
        assert sorted(done) == sorted(planned["changes"])
        return planned["changes"], "\n".join(planned["warnings"])

    return run


@pytest.mark.parametrize("name", ["mirror.gcr.io", "r.corp_5000_"])
def test_a_link_to_one_of_ours_is_named_and_neither_pruned_nor_written_through(run, root, name):
    run({"r.corp:5000": M})
    (root / name).symlink_to("r.corp:5000")
    changes, told = run({"r.corp:5000": M})
    assert changes == {} and (root / "r.corp:5000/hosts.toml").exists()
    assert f"{root}/{name} is another's" in told
    with pytest.raises(CommandExecutionError, match="alias.io is a link, and may be the folder of another"):
        (root / "alias.io").symlink_to("r.corp:5000")
        run({"r.corp:5000": M, "alias.io": {}})


def test_the_folder_of_a_user_is_read_by_nobody_and_named(run, root):
    run({"quay.io": M})
    theirs = root / "their.io"
    theirs.mkdir()
    (theirs / "hosts.toml").write_text(f"{hosts_toml.MARK}\na = {'[' * 200000}")
    (theirs / "ca-x.pem").symlink_to("/etc/shadow")
    os.chown(theirs, 1000, 1000)
    changes, told = run({"quay.io": M})
    assert changes == {} and f"{theirs} is another's, since {theirs} belongs to user 1000: it stays." in told
    # One of root's that nests as deep is no traceback.
    os.chown(theirs, 0, 0)
    gone = run({"quay.io": M})[0]["their.io/hosts.toml"]
    assert gone["content"]["old"].startswith("hosts.toml is refused")


def test_in_a_folder_that_others_may_write_nothing_is_removed_either(run, root):
    run({"quay.io": M})
    root.chmod(0o777)
    with pytest.raises(CommandExecutionError, match="users other than root may write to"):
        run({})
    (root / "quay.io/hosts.toml").write_text("[host]\n")
    assert run({})[0] == {}


def test_the_file_of_a_user_is_replaced_whatever_it_says(run, root):
    run({"quay.io": SECRET})
    file = root / "quay.io/hosts.toml"
    os.chown(file, 1000, 1000)
    assert run({"quay.io": SECRET})[0] == {"quay.io/hosts.toml": {"owner": {"old": 1000, "new": 0}}}
    assert file.stat().st_uid == 0 and file.stat().st_mode & 0o777 == 0o600
    other = root.parent / "other"
    file.rename(other)
    file.symlink_to(other)
    assert run({"quay.io": SECRET})[0] == {"quay.io/hosts.toml": {"link": {"old": str(other), "new": None}}}
    assert not file.is_symlink() and file.stat().st_mode & 0o777 == 0o600
    assert run({"quay.io": SECRET})[0] == {}


def test_a_folder_that_stays_is_named_in_that_run_and_later(run, root):
    run({"*": M, "docker.io": M})
    (root / "docker.io/notes.txt").write_text("")
    changes, told = run({"*": M})
    assert list(changes) == ["docker.io/hosts.toml"]
    assert told == f"{root}/docker.io stays, since it holds notes.txt: remove it. {HIDDEN}"
    assert run({"*": M})[1] == f"{root}/docker.io is another's, and stays. {HIDDEN}"
    # Nobody is hidden where there is no one for all.
    assert HIDDEN not in run({"quay.io": M})[1]


def test_what_a_killed_write_left_is_no_reason_to_stay(run, root):
    run({"*": M, "docker.io": SECRET})
    (root / "docker.io/.hosts.toml.containerd-formula-abcd1234").write_text("hunter2")
    run({"*": M})
    assert os.listdir(root) == ["_default"]


def test_a_prune_that_was_killed_is_ended_by_the_next_run(certs, run, root, monkeypatch):
    run({"*": M, "a.io": SECRET, "docker.io": SECRET})
    (root / "docker.io/client-b.invalid.pem").write_text("hunter2")
    planned = certs.plan(str(root), {"hosts": {"*": M}})
    own = certs._remove_folder

    def killed(path):
        if os.path.isdir(path):
            (root / ".docker.io.containerd-formula/hosts.toml").unlink()
            raise KeyboardInterrupt
        own(path)

    with monkeypatch.context() as during, pytest.raises(KeyboardInterrupt):
        during.setattr(certs, "_remove_folder", killed)
        certs._remove(str(root), "docker.io", planned["gone"], False, [])
    # It hides nothing meanwhile, and is no matter of prune.
    assert sorted(os.listdir(root)) == [".docker.io.containerd-formula", "_default", "a.io"]
    changes, _ = run({"*": M, "a.io": SECRET}, prune=False)
    assert list(changes) == [".docker.io.containerd-formula/client-b.invalid.pem"]
    assert "hunter2" not in str(changes) and sorted(os.listdir(root)) == ["_default", "a.io"]


def test_a_write_that_fails_leaves_no_folder_and_tells_what_was_done(certs, root, monkeypatch):
    state = load("_states/containerd_registries.py")
    state.__salt__, state.__opts__ = certs.__salt__, {"test": False}
    own = certs.__salt__["containerd_files.replace"]

    def full(path, *more):
        if "ghcr.io" in path:
            raise CommandExecutionError("No space left on device")
        own(path, *more)

    monkeypatch.setitem(certs.__salt__, "containerd_release.note", lambda: None)
    monkeypatch.setitem(certs.__salt__, "containerd_files.replace", full)
    ret = state.managed(str(root), {"hosts": {"*": M, "a.io": M, "ghcr.io": M, "z.io": M}, "check": False})
    assert (ret["result"], ret["comment"]) == (False, "No space left on device")
    done = sorted(path.partition("/")[0] for path in ret["changes"])
    assert done == sorted(os.listdir(root)) and "ghcr.io" not in done and done


def test_a_plain_file_in_the_place_of_a_folder_is_named(run, root):
    root.mkdir()
    (root / "ghcr.io").write_text("")
    assert f"{root}/ghcr.io is no folder, and every pull of a registry of that name" in run({"quay.io": M})[1]


@pytest.mark.parametrize(
    ("host", "words"),
    [(f"{'x' * 300}.corp", "write the host alone"), (f"{'a.' * 113}ab", "too long for the name of a file")],
)
def test_a_name_that_no_file_can_have_is_refused_in_words(run, host, words):
    with pytest.raises(CommandExecutionError, match=words):
        run({host: M})


@pytest.mark.parametrize("kind", ["nothing", "a pipe"])
def test_an_authority_that_is_no_file_is_refused_even_where_nothing_changes(run, tmp_path, kind):
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    hosts = {"quay.io": {"mirrors": [{"url": "https://b.invalid", "ca": str(ca)}]}}
    run(hosts)
    ca.unlink()
    if kind == "a pipe":
        os.mkfifo(ca, 0o600)
    with pytest.raises(CommandExecutionError, match="ca.pem is no file, and every pull by it fails"):
        run(hosts)


@pytest.mark.parametrize("character", ["\x1b", "\x7f", "\x00"])
def test_an_address_with_a_control_character_is_none(run, character):
    with pytest.raises(CommandExecutionError, match="it is no address of a registry"):
        run({"quay.io": {"mirrors": [f"https://m.invalid/a{character}"]}})
