"""
A containerd daemon of a test's own that runs containers, and runtimes of Debian's archive for it.

Its folders, socket and mounts are its own; the host's containerd, if there is one, is left alone.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from lab import debian, wait

RUNC = "bookworm"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
# What crun needs and the host may not have, or too old; older ones of crun run with these as well.
NEEDED, NEWEST = ("libyajl2", "libcap2", "libseccomp2", "libsystemd0", "libc6"), "trixie"
LOADER = b"/lib64/ld-linux-x86-64.so.2"
CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
{more}
[grpc]
address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/opt"
"""
NO_CRI = 'disabled_plugins = ["io.containerd.grpc.v1.cri"]'
# crun takes no hybrid cgroups, which this host may have.
START = (
    "! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec {binary} --config {config}"
)


class Daemon:
    """
    A daemon of a release with folders of its own, which finds runc in its PATH; and its ctr.
    """

    # Of ctr's.
    NAMESPACE = ()

    def __init__(self, folder, binaries, more=""):
        self.folder, self.binaries = folder, binaries
        self.socket, self.process = f"{folder}/containerd.sock", None
        folder.mkdir(exist_ok=True)
        config = CONFIG.format(folder=folder, socket=self.socket, more=more)
        (folder / "config.toml").write_text(config, encoding="utf-8")

    def __enter__(self):
        runc(self.folder / "bin")
        script = START.format(binary=self.binaries / "containerd", config=self.folder / "config.toml")
        path = f"{self.folder}/bin:{self.binaries}:{os.environ['PATH']}"
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script],
                env={**os.environ, "PATH": path},
                stdout=log,
                stderr=log,
            )
        wait.until(self._serves, 60, "the daemon")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def _serves(self):
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        assert self.process.poll() is None, log[-3000:]
        return os.path.exists(self.socket) and not self.ctr("version", check=False).returncode

    def ctr(self, *words, check=True):
        """
        Run ctr with the daemon.
        """
        argv = [self.binaries / "ctr", "--address", self.socket, *self.NAMESPACE, *words]
        return subprocess.run(argv, capture_output=True, text=True, check=check, timeout=60)


@pytest.fixture(scope="session")
def daemon(binaries, tmp_path_factory):
    """
    The daemon of the release.
    """
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    # A socket has a short path.
    with Daemon(tmp_path_factory.mktemp("d"), binaries, NO_CRI) as daemon:
        yield daemon


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
