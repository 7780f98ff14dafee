"""
Whose a path is, with real files, links, owners and modes: what users other than root may change is told.
"""

import os

import pytest
from support import load


@pytest.fixture
def why():
    return load("_modules/containerd_paths.py").why_not_roots


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir(0o755)
    (path / "file").write_text("x", encoding="utf-8")
    (path / "file").chmod(0o644)
    return path


def test_what_is_roots_is_roots(why, folder):
    for path in ("/", "/etc/passwd", folder, folder / "file", folder / ".." / "folder" / "." / "file"):
        assert why(str(path)) == ""


def test_a_sticky_folder_is_passed_through_and_is_no_end(why, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "mine").mkdir()
    assert why(str(shared / "mine")) == ""
    # Also by a name that leads back to it.
    for path in (shared, shared / "mine" / "..", shared / "not-there-yet"):
        assert why(str(path)) == f"users other than root may write to {shared}"
    os.chown(shared / "mine", 1000, 0)
    assert why(str(shared / "mine" / "file")) == f"{shared}/mine belongs to user 1000"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o1646])
def test_a_file_that_others_may_write(why, folder, mode):
    (folder / "file").chmod(mode)
    assert why(str(folder / "file")) == f"users other than root may write to {folder}/file"


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_folder_above_that_others_may_write(why, folder, tmp_path, mode):
    tmp_path.chmod(mode)
    assert why(str(folder / "file")) == f"users other than root may write to {tmp_path}"


def test_what_belongs_to_another_user(why, folder, tmp_path):
    os.chown(folder / "file", 1000, 0)
    assert why(str(folder / "file")) == f"{folder}/file belongs to user 1000"
    os.chown(tmp_path, 65534, 0)
    assert why(str(folder / "file")) == f"{tmp_path} belongs to user 65534"


def test_what_is_not_there_is_roots_where_only_root_may_make_it(why, folder):
    assert why(str(folder / "a" / "b")) == ""
    folder.chmod(0o777)
    assert why(str(folder / "a" / "b")) == f"users other than root may write to {folder}"


@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_is_followed_and_so_are_the_folders_of_its_target(why, folder, tmp_path, absolute):
    other = tmp_path / "other"
    other.mkdir()
    (other / "real").write_text("x", encoding="utf-8")
    link = folder / "link"
    link.symlink_to(other / "real" if absolute else "../other/real")
    (folder / "chain").symlink_to(link)
    assert why(str(folder / "chain")) == ""
    other.chmod(0o777)
    assert why(str(folder / "chain")) == f"users other than root may write to {other}"
    other.chmod(0o755)
    os.chown(link, 1000, 0, follow_symlinks=False)
    assert why(str(folder / "chain")) == f"{link} belongs to user 1000"


def test_the_folder_of_a_link_counts_as_well(why, folder, tmp_path):
    """
    Whoever may write there puts another link in its place.
    """
    (tmp_path / "roots").write_text("x", encoding="utf-8")
    (folder / "link").symlink_to(tmp_path / "roots")
    folder.chmod(0o777)
    assert why(str(folder / "link")) == f"users other than root may write to {folder}"


def test_links_without_an_end(why, folder):
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    assert why(str(folder / "a")) == f"{folder}/a has too many links"


def test_a_file_in_the_place_of_a_folder(why, folder):
    assert why(str(folder / "file" / "x")) == f"{folder}/file/x cannot be looked at: Not a directory"


@pytest.mark.parametrize("path", ["/a\0b", "/a\ud800"])
def test_what_is_no_path_is_nobodys(why, path):
    assert "is not a path" in why(path)
