"""
The drop-in files of a node: which are read, and in which order; and whose the places are that it names.
"""

import os

import pytest
from support import wired

CRI = "io.containerd.grpc.v1.cri"


@pytest.fixture
def imported(tmp_path):
    """Return what is found for some imports of a configuration in a folder."""
    (tmp_path / "conf.d").mkdir()
    document = wired("containerd_document")

    def find(*imports):
        main = {"version": 3, "imports": list(imports)}
        found = document.imported(str(tmp_path / "config.toml"), main)
        return [(one.key.removeprefix(f"{tmp_path}/"), one.message) for one in found]

    return find


def test_files_are_those_that_containerd_reads(imported, tmp_path):
    # Each is wrong, so that each is named.
    for name in ("b.toml", "a.toml", "note.txt"):
        (tmp_path / "conf.d" / name).write_text("version = 4\n")
    own = str(tmp_path / "config.toml")
    found = imported("conf.d/*.toml", "conf.d/a.toml", 5, "gone.toml", "conf.d/?.toml", own)
    assert [name for name, _ in found] == ["conf.d/a.toml", "conf.d/b.toml", "gone.toml", "conf.d/?.toml"]


def test_the_file_itself_is_no_drop_in_by_any_name(imported, tmp_path):
    (tmp_path / "real.toml").write_text("version = 4\n")
    (tmp_path / "config.toml").symlink_to("real.toml")
    assert imported("*.toml") == []


@pytest.mark.parametrize("text", [None, "version = = 3\n"])
def test_a_literal_import_that_cannot_be_read_is_named(imported, tmp_path, text):
    if text:
        (tmp_path / "mine.toml").write_text(text)
    [(name, message)] = imported("mine.toml")
    assert name == "mine.toml"
    assert "is imported and cannot be used, so that containerd will not start: " in message


@pytest.mark.parametrize(
    ("owner", "mode", "words"),
    [(1000, 0o644, "belongs to user 1000"), (0, 0o664, "users other than root may write to")],
)
def test_an_import_that_others_may_change_is_an_error_and_is_not_read(imported, tmp_path, owner, mode, words):
    path = tmp_path / "mine.toml"
    path.write_text("version = = hunter2\n")
    os.chown(path, owner, 0)
    path.chmod(mode)
    [(name, message)] = imported("mine.toml")
    assert name == "mine.toml"
    assert words in message
    assert "containerd reads it as root. Let root own it (chown root, chmod go-w)" in message


def test_a_folder_of_imports_where_others_may_put_a_file(imported, tmp_path):
    (tmp_path / "conf.d").chmod(0o777)
    for pattern in ("conf.d/*.toml", "conf.d/not-there-yet.toml"):
        assert "users other than root may write to" in imported(pattern)[0][1]


def test_a_broken_import_is_told_by_its_position_alone(imported, tmp_path):
    (tmp_path / "mine.toml").write_text('password = hunter2\n"hunter2" = 1\n"hunter2" = 2\n')
    [(_, message)] = imported("mine.toml")
    assert "is not valid TOML: it goes wrong at line 1 col 11" in message
    assert "hunter2" not in message
    (tmp_path / "mine.toml").write_text("[t]\nhunter2 = 1\n[t.hunter2.x]\ny = 1\n")
    [(_, message)] = imported("mine.toml")
    assert "it has a key or table twice" in message
    assert "hunter2" not in message


def test_an_import_that_would_never_end_is_named(imported, tmp_path):
    os.mkfifo(tmp_path / "mine.toml")
    [(_, message)] = imported("mine.toml")
    assert "it is not a regular file" in message


@pytest.fixture
def named(tmp_path):
    """Return what is found where a document names a place below a folder, by key."""
    base = f"""
        version = 2
        temp = ""
        [grpc]
        address = ""
        [plugins."{CRI}".containerd.runtimes.runc]
        runtime_type = "io.containerd.runc.v2"
        runtime_path = ""
        options = {{}}
        [plugins."{CRI}".cni]
        bin_dir = ""
    """
    compose = wired("containerd_document").compose

    def find(place):
        runc = {"runtime_path": place, "options": {"BinaryName": place}}
        cri = {"containerd": {"runtimes": {"runc": runc}}, "cni": {"bin_dir": place}}
        site = {"temp": place, "grpc": {"address": f"{place}/x.sock"}, "plugins": {CRI: cri}}
        found = compose(base, site).findings
        return {one.path[-1]: one.words.split(", so that")[0] for one in found if one.level == "error"}

    return find


NAMED = ["BinaryName", "address", "bin_dir", "runtime_path", "temp"]


def test_what_a_document_names_is_roots(named, tmp_path):
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    assert named(str(place)) == {}
    # Nor is it an error that it is not there, where only root may make it.
    assert named(str(place / "gone" / "x")) == {}
    place.chmod(0o775)
    assert named(str(place)) == dict.fromkeys(NAMED, f"users other than root may write to {place}")
    assert named(str(place / "gone" / "x")) == dict.fromkeys(
        NAMED, f"users other than root may write to {place}"
    )
    place.chmod(0o755)
    os.chown(place.parent, 1000, 1000)
    assert named(str(place)) == dict.fromkeys(NAMED, f"{place.parent} belongs to user 1000")


def test_a_link_of_roots_to_a_folder_of_others(named, tmp_path):
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 1000, 1000)
    (tmp_path / "link").symlink_to("theirs")
    said = f"{tmp_path}/theirs belongs to user 1000"
    assert named(str(tmp_path / "link")) == dict.fromkeys(NAMED, said)


def test_a_file_of_others_in_a_folder_of_programs(named, tmp_path):
    """As archives are unpacked by root: with the owner that they name."""
    (tmp_path / "bridge").write_text("", encoding="utf-8")
    os.chown(tmp_path / "bridge", 1001, 1001)
    assert named(str(tmp_path)) == {"bin_dir": f"{tmp_path}/bridge belongs to user 1001"}


def test_a_file_where_the_node_should_have_a_folder(tmp_path):
    """It is asked of the node, not only of what the rules are given."""
    (tmp_path / "certs.d").write_text("", encoding="utf-8")
    base = f'version = 2\n[plugins."{CRI}".registry]\nconfig_path = ""\n'
    site = {"plugins": {CRI: {"registry": {"config_path": str(tmp_path / "certs.d")}}}}
    [one] = wired("containerd_document").compose(base, site).findings
    assert f"{tmp_path}/certs.d is no folder on this node" in one.words
    (tmp_path / "certs.d").unlink()
    (tmp_path / "certs.d").mkdir()
    assert wired("containerd_document").compose(base, site).findings == []
