"""
The release of the installed containerd is asked for once: then it is that of the very same file.
"""

import os
import sys

import pytest
from support import wired

ELF = "\x7fELF"


@pytest.fixture
def node(tmp_path, monkeypatch):
    """
    The module, the binary of a node, and the binaries that were asked.
    """
    module, binary, asked = wired("containerd_release"), tmp_path / "ctr", []
    binary.write_text(f"{ELF}1.7.24")
    files = sys.modules["formula._modules.containerd_files"]
    monkeypatch.setitem(files.__opts__, "root_dir", str(tmp_path))

    def version(name):
        asked.append(name)
        return binary.read_text().removeprefix(ELF)

    which = lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None  # noqa: E731
    monkeypatch.setitem(module.__salt__, "containerd_command.path", which)
    monkeypatch.setitem(module.__salt__, "containerd_daemon.version", version)
    return module, binary, asked


def test_what_is_noted_is_not_asked_again(node):
    module, _, asked = node
    assert module.installed() == "1.7.24" and module.installed() == "1.7.24"
    assert asked == ["ctr", "ctr"], "nothing is noted unless a state does"
    module.note()
    del asked[:]
    module.note()
    assert (module.installed(), asked) == ("1.7.24", [])


def test_another_file_of_the_same_size_and_date_is_asked(node):
    module, binary, asked = node
    module.note()
    found = binary.stat()
    binary.write_text(f"{ELF}2.1.09")
    os.utime(binary, ns=(found.st_atime_ns, found.st_mtime_ns))
    del asked[:]
    assert (module.installed(), asked) == ("2.1.09", ["ctr"])
    module.note()
    assert module.installed() == "2.1.09"


def test_a_script_is_asked_each_time(node, tmp_path):
    module, binary, asked = node
    binary.write_text("#!/bin/sh")
    module.note()
    assert (module.installed(), asked, list(tmp_path.rglob("*.json"))) == ("#!/bin/sh", ["ctr"], [])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"file": 1}', '{"file": [], "release": 3}'])
def test_a_damaged_note_is_none(node, tmp_path, text):
    module, _, asked = node
    module.note()
    [note] = tmp_path.rglob("installed.json")
    note.write_text(text)
    del asked[:]
    assert (module.installed(), asked) == ("1.7.24", ["ctr"])


def test_without_containerd_there_is_no_release(node, tmp_path):
    module, binary, asked = node
    binary.unlink()
    module.note()
    assert (module.installed(), asked, list(tmp_path.rglob("*.json"))) == (None, [], [])
