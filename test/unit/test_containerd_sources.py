"""
apt's sources of others: set aside where they clash with ours, restored, and a key that they need stays.
"""

import pytest
from containerd_formula import places
from support import functions_of, load

URL = "https://download.docker.com/linux/debian"
RIVAL = f"deb [signed-by=/usr/share/keyrings/docker.gpg] {URL} bookworm stable\n"
STANZA = f"Types: deb\nURIs: {URL}/\nSuites: bookworm\nComponents: stable\nSigned-By: /x.gpg\n"


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """
    Write apt's folder; return it, and the state module.
    """
    monkeypatch.setattr(places, "APT_SOURCES", str(tmp_path))
    monkeypatch.setattr(places, "DNF_REPOSITORIES", str(tmp_path / "yum.repos.d"))
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (tmp_path / "sources.list").write_text(
        "deb https://mirror.example.org/debian bookworm main\n", encoding="utf-8"
    )
    (folder / "docker.sources").write_text(STANZA, encoding="utf-8")
    for name, text in {"a.list": RIVAL, "b.sources": STANZA, "a.list.save": RIVAL, "b.txt": STANZA}.items():
        (folder / name).write_text(text, encoding="utf-8")
    state = load("_states/containerd_sources.py")
    state.__salt__, state.__opts__ = functions_of("containerd_sources"), {"test": False}

    def write(name, contents, show_changes):
        with open(name, "w", encoding="utf-8") as file:
            file.write(contents)
        return {"result": True}

    state.__states__ = {"file.managed": write, "file.absent": lambda name: f"{name} goes"}
    return folder, state


def test_a_rival_that_is_no_utf_8_is_told(apt):
    folder, state = apt
    (folder / "a.list").write_bytes(b"# caf\xe9\n" + RIVAL.encode())
    ret = state.rivals_set_aside("x", URL, "bookworm", str(folder / "docker.sources"))
    assert ret["result"] is False
    assert ret["comment"] == f"{folder / 'a.list'} has to be changed, and is not UTF-8: rewrite it in UTF-8."


def test_rivals_are_set_aside_and_come_back(apt):
    folder, state = apt
    own, before = str(folder / "docker.sources"), {path: path.read_text() for path in folder.iterdir()}
    state.__opts__["test"] = True
    predicted = state.rivals_set_aside("x", URL, "bookworm", own)
    assert predicted["result"] is None
    state.__opts__["test"] = False
    ret = state.rivals_set_aside("x", URL, "bookworm", own)
    assert ret["changes"] == predicted["changes"]
    assert ret["changes"] == {
        str(folder / name): {"old": "in use", "new": "set aside"} for name in ("a.list", "b.sources")
    }
    changed = [path.name for path in before if path.read_text() != before[path]]
    assert sorted(changed) == ["a.list", "b.sources"]
    assert state.rivals_set_aside("x", URL, "bookworm", own)["changes"] == {}
    ret = state.rivals_restored("x", own)
    assert set(ret["changes"]) == {str(folder / name) for name in changed}
    assert {path: path.read_text() for path in folder.iterdir()} == before
    assert state.rivals_restored("x", own)["changes"] == {}


def test_a_key_that_another_source_needs_stays(apt, tmp_path):
    folder, state = apt
    own = str(folder / "docker.sources")
    users_of_key = state.__salt__["containerd_sources.users_of_key"]
    assert users_of_key("/usr/share/keyrings/docker.gpg", own) == [str(folder / "a.list")]
    assert users_of_key("/y.gpg", own) == []
    (folder / "b.sources").unlink()
    assert users_of_key("/x.gpg", own) == []
    key = tmp_path / "docker.asc"
    key.touch()
    assert state.key_removed(str(key), own) == f"{key} goes"
    (folder / "c.list").write_text(
        RIVAL.replace("/usr/share/keyrings/docker.gpg", str(key)), encoding="utf-8"
    )
    assert state.key_removed(str(key), own)["comment"] == f"{key} stays: {folder / 'c.list'} needs it."


def test_a_key_that_another_repository_of_dnf_needs_stays(apt, tmp_path):
    _, state = apt
    folder = tmp_path / "yum.repos.d"
    folder.mkdir()
    own, other, key = folder / "docker.repo", folder / "b.repo", tmp_path / "RPM-GPG-KEY-docker"
    key.touch()
    own.write_text(f"[docker-stable]\ngpgkey=file://{key}\n", encoding="utf-8")
    assert state.key_removed(str(key), str(own)) == f"{key} goes"
    other.write_text(f"[b]\ngpgkey=file://{key}\n", encoding="utf-8")
    assert state.key_removed(str(key), str(own))["comment"] == f"{key} stays: {other} needs it."
