"""
The real containerd releases that Debian's archive holds, unpacked and not installed.
"""

import functools
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest
from lab import debian

# Release to the Debian suite whose package it is.
RELEASES = {"1.4.13": "bullseye", "1.6.20": "bookworm", "1.7.24": "trixie", "2.1.9": "forky"}


# All, unless a run is about something else.
WANTED = os.environ.get("CONTAINERD_RELEASES", " ".join(RELEASES)).split()


@functools.cache
def default(release):
    """
    Return what a release's ``containerd config default`` prints, whichever is the installed one.
    """
    binary = debian.unpacked("containerd", RELEASES[release]) / "usr/bin/containerd"
    return subprocess.run([binary, "config", "default"], capture_output=True, text=True, check=True).stdout


@pytest.fixture(params=WANTED, scope="session")
def release(request):
    """
    Each release in its turn.
    """
    return request.param


@pytest.fixture(scope="session")
def binaries(release):
    """
    The folder with the release's ``containerd`` and ``ctr``.
    """
    found = debian.unpacked("containerd", RELEASES[release]) / "usr/bin"
    if not found.is_relative_to("/tmp"):  # noqa: S108
        yield found
        return
    # The sandbox hides /tmp, and with it a checkout there.
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        yield Path(shutil.copytree(found, Path(folder) / "bin"))


@pytest.fixture
def on_path(binaries, monkeypatch):
    """
    Let this release be the installed one.
    """
    monkeypatch.setenv("PATH", str(binaries), prepend=os.pathsep)
    return binaries


@pytest.fixture
def started(on_path, tmp_path, monkeypatch):
    """
    Return a function that tells which commands of containerd's have been started since it was asked last.
    """
    folder, log = tmp_path / "counted", tmp_path / "started"
    folder.mkdir()
    scripts = {
        name: f'{on_path}/{name} "$@"; code=$?; [ $code != 0 ] || echo "{name} $*" >>{log}; exit $code'
        for name in ("containerd", "ctr")
    }
    # What runs in a sandbox cannot tell; the last word of its command can.
    scripts["bwrap"] = f'for last; do :; done; echo "bwrap $last" >>{log}; exec /usr/bin/bwrap "$@"'
    for name, script in scripts.items():
        wrapper = folder / (f"{name}.sh" if name == "ctr" else name)
        wrapper.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        wrapper.chmod(0o755)
    # The formula notes no release of a script.
    (folder / "ctr").write_bytes(starter(folder / "ctr.sh"))
    (folder / "ctr").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def tell():
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.write_text("", encoding="utf-8")
        return lines

    return tell


def starter(program):
    """
    Return a binary for amd64 that only starts another program with its own arguments: it is no script.
    """
    base, headers = 0x400000, 64 + 56
    # argv and the environment from the stack, the path from behind the code, execve; else an illegal one.
    code = bytes.fromhex("488b0c24 488d742408 488d54cc10 488d3d0e000000 b83b000000 0f05 b801000000 0f0b")
    whole = code + os.fsencode(program) + b"\0"
    size = headers + len(whole)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return ident + header + segment + whole
