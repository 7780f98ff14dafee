"""
The drop-in files of a node: which are read, and in which order.
"""

import pytest
from support import wired


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
