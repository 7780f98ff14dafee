"""
The module of changes on a node of its own: fixtures for its tests.
"""

import sys

import pytest
from containerd_formula import places

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
    monkeypatch.setitem(
        sys.modules["formula._modules.containerd_files"].__opts__, "root_dir", str(tmp_path / "root")
    )
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
