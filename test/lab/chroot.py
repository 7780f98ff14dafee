"""A node's tree that is not booted: programs run in it by chroot, as those who build images do it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import image, kernel, machine, rootfs
from .ssh import Command, CommandError

# What debootstrap's hooks, mkosi and Packer's chroot builders show a tree of the machine that they run on.
MOUNTS = {
    "proc": "mount -t proc proc {}/proc",
    "sys": "mount -t sysfs sysfs {}/sys",
    "dev": "mount --rbind /dev {}/dev",
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Chroot:
    """A tree in a folder that is there on entry and gone on exit. It has a machine's verbs.

    Only the mounts are a program's own: its processes, network and kernel are those of this host.
    """

    def __init__(self, tree: image.Tree, name: str):
        self.name = name
        self._tree = tree
        self._place = machine.RAM_FOLDER
        self.root = Path()
        #: Which mounts the tree is shown.
        self.mounts = tuple(MOUNTS)

    def __enter__(self) -> Chroot:
        self._place.mkdir(parents=True, exist_ok=True)
        # The name that `python -m lab clean` looks for.
        self._folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=self._place))
        self.root = self._folder / "root"
        rootfs.unpack(self._tree.tree, self.root)
        (self.root / "etc/resolv.conf").unlink()
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        return self

    def __exit__(self, *_exception: object) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self._folder)

    def run(self, command: Command, check: bool = True) -> subprocess.CompletedProcess:
        """Run a command in the tree."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        own = [line for line in (self.root / "etc/environment").read_text().splitlines() if "=" in line]
        environment = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", *own]
        shown = [MOUNTS[name].format(shlex.quote(str(self.root))) for name in self.mounts]
        enter = " && ".join(["mount --make-rprivate /", *shown, 'exec "$@"'])
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", enter, "sh", "chroot", str(self.root), *environment, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if check and done.returncode:
            raise CommandError(done.returncode, words, done.stdout, done.stderr)
        return done

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the tree, with the folders it needs."""
        target = self.root / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def read(self, path: str) -> str:
        """Return the text of a file of the tree."""
        return (self.root / path[1:]).read_text()

    def copy_tree(self, local: os.PathLike[str] | str, remote: str, exclude: Sequence[str] = ()) -> None:
        """Make a folder of the tree a copy of one here."""
        shutil.copytree(local, self.root / remote[1:], ignore=shutil.ignore_patterns(*exclude))

    def processes(self) -> list[int]:
        """Return the processes that run in the tree."""
        found = []
        for path in Path("/proc").glob("[0-9]*/root"):
            try:
                if os.readlink(path) == str(self.root):
                    found.append(int(path.parent.name))
            except OSError:
                # It has ended.
                continue
        return found

    def packed(self) -> image.Tree:
        """Return what a container is unpacked from."""
        archive = self._folder / "tree.tar"
        self._its_own_network()
        subprocess.run(["tar", "--numeric-owner", "-C", str(self.root), "-cf", str(archive), "."], check=True)
        return image.Tree(archive, self._tree.ssh_key)

    def disk(self, suite: str) -> image.Image:
        """Return what a machine of a suite boots from; the kernel's modules are in the tree then."""
        disk = self._folder / "disk.raw"
        self._its_own_network()
        rootfs.fill(disk, self.root, suite)
        linux = kernel.kernel(suite)
        return image.Image(linux / "vmlinuz", kernel.initrd(suite), disk, self._tree.ssh_key)

    def _its_own_network(self) -> None:
        """Name the server that a node finds in its network."""
        shutil.copy(rootfs.NODE_FILES / "etc/resolv.conf", self.root / "etc/resolv.conf")
