"""A throwaway machine: a qemu guest with a kernel and a systemd of its own, reached over ssh."""

from __future__ import annotations

import atexit
import fnmatch
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from . import accel, host, nspawn, wait
from .image import Image
from .qemu import Qemu
from .ssh import Command, Connection

BOOT_LIMIT = 300
RUN_LIMIT = 900
# The sockets in it need a short path, and /tmp may be too small a RAM disk for overlays.
RUN_FOLDER = Path(os.environ.get("LAB_RUN") or f"/var/tmp/lab-{os.getuid()}")
RAM_FOLDER = Path(os.environ.get("LAB_RUN") or f"/dev/shm/lab-{os.getuid()}")
PLACES = dict.fromkeys((RUN_FOLDER, RAM_FOLDER))
# Of which machines and containers are made; a container ends with its systemd-nspawn.
PROGRAMS = (host.QEMU, "systemd-nspawn", "slirp4netns", "ssh")


class BootError(host.LabError):
    """A machine did not come up; the text has the end of its console."""


class Machine:
    """A machine that boots on entry and is gone, with its disk, on exit.

    image
        What ``lab.image.build`` returned.

    name
        The host name in the node.

    memory, cpus
        Size of the node; memory in MiB.

    progress
        Called with one line of text for each step.

    keep
        Leave the node running when this process ends. ``python -m lab end`` or ``clean`` ends it later.

    port
        The port of this host that leads to its ssh server. One that is free, unless it is given.
    """

    def __init__(
        self,
        image: Image,
        name: str,
        memory: int = 2048,
        cpus: int = 2,
        progress: Callable[[str], None] = print,
        keep: bool = False,
        port: int = 0,
    ):
        self.name = name
        #: ``kvm`` or ``tcg``, once booted.
        self.accelerator = ""
        #: What ``systemctl is-system-running`` said after the last boot.
        self.state = ""
        self._image = image
        self._size = (memory, cpus)
        self._progress = progress
        self._keep = keep
        self._port = port
        self._folder: Path | None = None
        self._box: Qemu | None = None
        self._ssh: Connection | None = None
        self._forwarded: dict[str, Path | str] = {}

    def __enter__(self) -> Machine:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        if not self._keep:
            self.close()

    def start(self) -> Machine:
        """Boot the machine and wait until systemd has settled."""
        _end_in_order_on_sigterm()
        # Registered before there is anything to remove: an interrupt may come at any moment.
        atexit.register(self.close)
        try:
            place = self._place()
            place.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=place))
            self._ssh = Connection(self._image.ssh_key, self._folder)
            self._box = self._power()
            self._boot()
        except BaseException:
            self.close()
            raise
        if self._keep:
            atexit.unregister(self.close)
            atexit.register(self._ssh.close)
        return self

    def run(
        self, command: Command, check: bool = True, timeout: float = RUN_LIMIT, input: str | None = None
    ) -> subprocess.CompletedProcess:
        """Run a command as root and return its result, with ``stdout`` and ``stderr`` as text.

        A string goes through the node's shell, a list is taken word by word. ``CommandError``
        (a ``CalledProcessError``) if it fails and ``check`` is true.
        """
        done = self._ssh.run(command, check, timeout, (input or "").encode())
        done.stdout = done.stdout.decode(errors="replace")
        done.stderr = done.stderr.decode(errors="replace")
        return done

    def popen(self, command: Command, **options: object) -> subprocess.Popen:
        """Start a command as root; the streams are those ``subprocess`` is told to make."""
        return self._ssh.popen(command, **options)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in the node, with the folders it needs."""
        self.put(path, text.encode(), mode)

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file that is not text."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
        self._ssh.run(["sh", "-c", script, "sh", path, f"{mode:o}"], stdin=content)

    def fetch(self, path: str) -> bytes:
        """Return the content of a file of the node."""
        return self._ssh.run(["cat", "--", path]).stdout

    def read(self, path: str) -> str:
        """Return the text of a file of the node."""
        return self.fetch(path).decode()

    def copy_tree(self, local: os.PathLike[str] | str, remote: str, exclude: Sequence[str] = ()) -> None:
        """Make a folder of the node a copy of one here; what else was in it is removed.

        exclude
            Patterns (``*.pyc``, ``.git``, ``test/lab``) for a name or for a path below ``local``.
        """

        def pick(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
            path = member.name[2:]
            names = (path, os.path.basename(path))
            if path and any(fnmatch.fnmatch(name, pattern) for name in names for pattern in exclude):
                return None
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            return member

        folder = shlex.quote(remote)
        command = f"rm -rf -- {folder} && mkdir -p -- {folder} && tar -xf - -C {folder}"
        with tempfile.TemporaryFile(dir=self._folder) as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar:
                tar.add(os.fspath(local), arcname=".", filter=pick)
            archive.seek(0)
            self._ssh.run(command, stdin=archive.read())

    def forward_socket(self, remote: str) -> Path:
        """Return the path of a unix socket here that leads to one in the node, also after a reboot."""
        if remote not in self._forwarded:
            local = self._folder / f"forward-{len(self._forwarded)}.sock"
            self._ssh.forward(local, remote)
            self._forwarded[remote] = local
        return self._forwarded[remote]

    def forward_port(self, port: int, address: str = "127.0.0.1") -> None:
        """Make a port of the node that of this host, also after a reboot: nodes reach it at 10.0.2.2."""
        remote, local = f"127.0.0.1:{port}", f"{address}:{port}"
        self._forwarded[remote] = local
        self._ssh.forward(local, remote)

    def ssh_command(self) -> str:
        """Return what a person types to log in."""
        return shlex.join(self._ssh.command())

    def address(self) -> tuple[str, int, Path]:
        """Return where its ssh server is, and the key that it lets root in with."""
        return "127.0.0.1", self._ssh.port, self._image.ssh_key

    def boot_id(self) -> str:
        """Return the id the kernel gave itself at boot."""
        return self.read("/proc/sys/kernel/random/boot_id").strip()

    def reboot(self) -> None:
        """Restart the machine in order, and wait until it is back."""
        before = self.boot_id()
        self.run(["systemctl", "reboot"], check=False)
        # qemu runs with -no-reboot: the guest that reboots ends it.
        self._box.wait_off(BOOT_LIMIT)
        self._again(before)

    def power_cut(self) -> None:
        """Take the power away in the middle of everything, and boot the same disk again.

        What the guest had flushed to disk (fsync) is there afterwards, the rest may not be.
        """
        before = self.boot_id()
        self._box.kill()
        self._again(before)

    def console(self) -> str:
        """Return the end of what the node's console has shown since the last boot."""
        return self._box.tail()

    def close(self) -> None:
        """End the machine and remove its disk. Does nothing the second time."""
        if self._ssh is not None:
            self._ssh.close()
        if self._box is not None:
            self._box.kill()
            self._box.remove()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.close)

    def _place(self) -> Path:
        """Return the folder in which the machine's own is made."""
        return RUN_FOLDER

    def _power(self) -> Qemu:
        """Return what boots the machine and ends it."""
        host.require(host.QEMU, "qemu-img", "ssh")
        self.accelerator = accel.choose(self._image.kernel, self._progress)
        return Qemu(self._image, self._folder, self.name, *self._size, self.accelerator, self._port)

    def _again(self, before: str) -> None:
        self._boot()
        if self.boot_id() == before:
            raise BootError(f"{self.name} is still in the boot it should have left")

    def _boot(self) -> None:
        started = time.monotonic()
        self._ssh.close()
        port = self._box.start()

        def logged_in() -> bool:
            if not self._box.running():
                raise BootError(f"{self.name} went off while it booted:\n{self._box.tail()}")
            return self._ssh.open(port)

        try:
            wait.until(logged_in, BOOT_LIMIT, f"ssh to {self.name}")
            reached = time.monotonic() - started
            # Fails for a state other than "running": which one is the caller's to judge.
            self.state = self.run(
                ["systemctl", "is-system-running", "--wait"], check=False, timeout=BOOT_LIMIT
            ).stdout.strip()
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise BootError(f"{error}; its console:\n{self._box.tail()}") from error
        for remote, local in self._forwarded.items():
            self._ssh.forward(local, remote)
        self._progress(
            f"{self.name} ({self.accelerator}): ssh after {reached:.1f} s, "
            f"{self.state} after {time.monotonic() - started:.1f} s"
        )


def close_all(name: str = "*") -> list[str]:
    """End the machines of a name, or all, that were kept or left behind; return their names."""
    closed = []
    # The name is followed by what mkdtemp makes up.
    for folder in sorted(path for place in PLACES for path in place.glob(f"{name}-????????")):
        _end_processes(folder)
        nspawn.remove_network(folder.name)
        shutil.rmtree(folder, ignore_errors=True)
        closed.append(folder.name)
    return closed


def _end_processes(folder: Path) -> None:
    """Kill what a machine consists of; its programs name their files in its folder."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            program, *words = path.read_bytes().decode(errors="replace").split("\0")
            if os.path.basename(program) in PROGRAMS and any(f"{folder}/" in word for word in words):
                os.kill(int(path.parent.name), signal.SIGKILL)
        except OSError:
            # It has ended by itself.
            continue


def _end_in_order_on_sigterm() -> None:
    """Let SIGTERM run what is registered with atexit, unless the program has its own plan for it."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda signum, _frame: sys.exit(128 + signum))
