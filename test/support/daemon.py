"""
A containerd daemon of a test's own that runs containers, and runtimes of Debian's archive for it.

Its folders, socket and mounts are its own; the host's containerd, if there is one, is left alone.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from lab import debian

RUNC = "bookworm"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
# What crun needs and the host may not have, or too old; older ones of crun run with these as well.
NEEDED, NEWEST = ("libyajl2", "libcap2", "libseccomp2", "libsystemd0", "libc6"), "trixie"
LOADER = b"/lib64/ld-linux-x86-64.so.2"
CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/opt"
"""
# crun takes no hybrid cgroups, which this host may have.
START = (
    "! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec {binary} --config {config}"
)


class Daemon:
    """
    A daemon of a release, which finds runc in its PATH.
    """

    def __init__(self, binaries, folder):
        self.folder, self.socket = folder, f"{folder}/containerd.sock"
        config = folder / "config.toml"
        config.write_text(CONFIG.format(folder=folder, socket=self.socket), encoding="utf-8")
        runc(folder / "bin")
        path = f"{folder}/bin:{binaries}:{os.environ['PATH']}"
        script = START.format(binary=binaries / "containerd", config=config)
        with open(folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script],
                env={**os.environ, "PATH": path},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while not os.path.exists(self.socket):
            assert self._process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        self._ctr = binaries / "ctr"

    def ctr(self, *words):
        """
        Return what ctr prints.
        """
        argv = [self._ctr, "--address", self.socket, *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def end(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)


@pytest.fixture(scope="session")
def daemon(binaries, tmp_path_factory):
    """
    The daemon of the release.
    """
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    # A socket has a short path.
    daemon = Daemon(binaries, tmp_path_factory.mktemp("d"))
    yield daemon
    daemon.end()


def runc(folder):
    """
    Return the path of runc in a folder of root's.
    """
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(debian.unpacked("runc", RUNC) / "usr/sbin/runc", folder / "runc"))


def crun(suite, folder):
    """
    Return the path of a suite's crun in a folder, with the libraries that it needs.
    """
    paths = [debian.unpacked(name, NEWEST) / LIBRARIES for name in NEEDED]
    folder.mkdir(exist_ok=True)
    # There is no room in the binary for a longer path of the loader.
    link = Path(tempfile.mkdtemp(dir="/tmp")) / "ld"  # noqa: S108
    link.symlink_to(paths[-1] / "ld-linux-x86-64.so.2")
    data = (debian.unpacked("crun", suite) / "usr/bin/crun").read_bytes()
    assert data.count(LOADER) == 1
    binary, script = folder / f"crun-{suite}.bin", folder / f"crun-{suite}"
    binary.write_bytes(data.replace(LOADER, bytes(link).ljust(len(LOADER), b"\0")))
    searched = ":".join(map(str, paths))
    script.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={searched} exec {binary} "$@"\n', encoding="utf-8")
    for path in (binary, script):
        path.chmod(0o755)
    return script
