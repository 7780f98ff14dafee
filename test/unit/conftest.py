"""
Fixtures of the unit tests: the formula's modules by their files, with the Salt functions that they call.
"""

import pytest
from support import load
from support.changes import change, config, systemd  # noqa: F401


@pytest.fixture
def toml():
    return load("_modules/containerd_toml.py")


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """
    The kernel module over an empty /proc, /sys and /lib/modules.
    """
    module = load("_modules/containerd_kernel.py")
    for name in ("PROC", "SYS", "LIB_MODULES"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setattr(module, name, str(folder))
    return module
