"""
Modes that the minion's umask does not change: with 077 others need what they read, with 0 nobody may write.
"""

import hashlib
import os
import stat

import pytest
from support import load, wired


@pytest.fixture(params=[0, 0o077, 0o022], ids=["umask 0", "umask 077", "umask 022"], autouse=True)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(root):
    """
    Return the mode of each file and folder below a folder.
    """
    found = {
        os.path.join(here, name) for here, folders, files in os.walk(root) for name in (*folders, *files)
    }
    return {
        os.path.relpath(path, root): stat.S_IMODE(os.lstat(path).st_mode)
        for path in found
        if not os.path.islink(path)
    }


def test_everybody_may_run_a_release_and_nobody_may_change_it(archive, tmp_path):
    program = tmp_path / "runc.amd64"
    program.write_bytes(b"program")
    sha256 = hashlib.sha256(b"program").hexdigest()
    archive.unpack("runc", "1.1.5", f"file://{tmp_path}/runc.{{arch}}", sha256, "amd64")
    archive.switch("runc", "1.1.5")
    for path, target in archive.links(["runc"]).items():
        archive.link(path, target)
    assert modes(archive.places.ARCHIVES) == dict.fromkeys(
        ("runc-1.1.5", "runc-1.1.5/bin", "runc-1.1.5/bin/runc"), 0o755
    )
    assert stat.S_IMODE(os.stat(archive.places.ARCHIVES).st_mode) == 0o755
    assert modes(archive.places.PREFIX) == {"sbin": 0o755}


def test_apts_own_user_enters_the_lists_of_a_probe(monkeypatch, tmp_path):
    module = wired("containerd_package")
    monkeypatch.setattr(module.places, "RUN", str(tmp_path))
    with module._own_lists() as (folder, _):
        assert modes(folder) == {"lists": 0o755, "lists/partial": 0o755}
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o711


def test_what_pip_installs_is_for_all_to_read_and_for_root_to_write(umask):
    state = load("_states/containerd_salt.py")
    seen = []

    def pip_installed(**_given):
        seen.append(os.umask(0o022))
        os.umask(seen[-1])
        return {"result": False, "changes": {}, "comment": "pip failed."}

    state.__opts__, state.__states__ = {"test": False}, {"pip.installed": pip_installed}
    state.__salt__ = {"containerd_fetch.proxy": lambda _: "", "containerd_salt.library": lambda: ""}
    state.library_installed()
    assert seen == [0o022]
    # As before: other states of this run follow.
    assert os.umask(umask) == umask
