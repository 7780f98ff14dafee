"""
Fixtures of the unit tests: the formula's modules by their files, with the Salt functions that they call.
"""

import pytest
from support import load, wired
from support.changes import change, config, systemd  # noqa: F401
from support.runtimes import sha256


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


def _with_own_folders(name, folder, monkeypatch):
    module = wired(name)
    monkeypatch.setattr(module.places, "ARCHIVES", str(folder / "opt"))
    monkeypatch.setattr(module.places, "RUNTIMES", str(folder / "opt/runtimes"))
    return module


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """
    Return the execution module over folders of the test's own.
    """
    module = _with_own_folders("containerd_archive", tmp_path, monkeypatch)
    monkeypatch.setattr(module.places, "PREFIX", str(tmp_path / "usr"))
    return module


@pytest.fixture
def runtime_files(tmp_path, monkeypatch):
    """
    Return the execution module over folders of the test's own.
    """
    module = _with_own_folders("containerd_runtime_files", tmp_path, monkeypatch)
    monkeypatch.setattr(module.runtime_settings, "RUNTIMES", str(tmp_path / "opt/runtimes"))
    return module


@pytest.fixture
def runtime_states(runtime_files):
    """
    Return the state module over it, on a node without packages.
    """
    module = load("_states/containerd_runtimes.py")
    module.__opts__ = {"test": False}
    module.asked = []

    def all_installed(name, wanted):
        module.asked.append(wanted)
        return dict(module.answer, name=name)

    module.answer = {"result": True, "changes": {}, "comment": "as specified."}
    module.__states__ = {"containerd_package.all_installed": all_installed}
    own = {f"containerd_runtime_files.{n}": f for n, f in vars(runtime_files).items() if callable(f)}
    module.proved, module.verdict = [], {"ok": True, "how": "", "reason": ""}

    def prove(name, given):
        module.proved.append(given)
        return {name: module.verdict}

    module.__salt__ = {
        **own,
        "containerd_unpack.must_start_programs": runtime_files.__salt__[
            "containerd_unpack.must_start_programs"
        ],
        "containerd_change.pending": list,
        "containerd_runtimes.prove": prove,
        "containerd_release.installed": lambda: "2.1.9",
    }
    return module


@pytest.fixture
def served_runtime(tmp_path):
    """
    Return a function that puts a file down, and gives what a pillar says of it.
    """

    def make(content, name="file", **given):
        (tmp_path / name).write_bytes(content)
        return {"archive": f"file://{tmp_path / name}", "sha256": sha256(content), **given}

    return make
