"""
A download of a release is a file of a sane size, and tells nobody its password.
"""

import hashlib
import os
import resource

import pytest
from salt.exceptions import CommandExecutionError
from support import wired


def test_a_download_that_fails_tells_no_password(archive):
    def broken(_address, _path):
        raise OSError("connection refused")

    archive.__salt__["cp.get_url"] = broken
    with pytest.raises(CommandExecutionError) as caught:
        archive.unpack("runc", "1.1.15", "https://me:hunter2@example.org/runc.{arch}", "0" * 64, "amd64")
    assert "hunter2" not in str(caught.value)
    assert "example.org/runc.amd64 cannot be fetched: connection refused" in str(caught.value)


@pytest.mark.parametrize("source", ["fifo", "/dev/zero", "/proc/kmsg", "/proc/self/fdinfo/0", "large", "a\0"])
def test_only_a_regular_file_of_a_sane_size_is_copied(archive, tmp_path, monkeypatch, source):
    monkeypatch.setattr(archive, "_LARGEST", 1 << 20)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(CommandExecutionError, match="cannot be read: (it is|embedded null)"):
        archive.unpack("runc", "1.1", f"file://{tmp_path / source}", "0" * 64, "amd64")
    assert os.listdir(archive.places.ARCHIVES) == []


def test_a_server_that_sends_without_an_end_is_stopped(archive, tmp_path, monkeypatch):
    """
    Its file would fill the disk before its hash is known.
    """
    monkeypatch.setattr(archive, "_LARGEST", 1 << 20)

    def endless(_, path):
        with open(path, "wb", buffering=0) as file:
            for _ in range(3):
                file.write(b"x" * (1 << 20))
        return path

    monkeypatch.setitem(archive.__salt__, "cp.get_url", endless)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(CommandExecutionError, match="cannot be fetched: it is larger than 1 MB"):
        archive.unpack("runc", "1.1", "https://example.org/runc", "0" * 64, "amd64")
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before
    assert os.listdir(archive.places.ARCHIVES) == []


def test_a_file_of_a_masterless_file_server_is_copied_before_its_hash_counts(tmp_path):
    """
    Salt tells where it is, and copies nothing. Who may write there could change it after the hash.
    """
    module, served, folder = wired("containerd_download"), tmp_path / "served", tmp_path / "own"
    served.write_bytes(b"archive")
    folder.mkdir()
    module.__salt__ = {"cp.get_url": lambda _address, _path: str(served)}
    sha256 = hashlib.sha256(b"archive").hexdigest()
    path = module.fetched("salt://archive", sha256, str(folder), 100)
    assert (os.path.dirname(path), open(path, "rb").read()) == (str(folder), b"archive")
    assert served.exists()
    with pytest.raises(CommandExecutionError, match="it is larger than"):
        module.fetched("salt://archive", sha256, str(folder), 3)
