"""One container with a systemd of its own, started by systemd-nspawn: Qemu's verbs at this host's speed.

Its network is slirp's, as that of an emulated machine: this host is at 10.0.2.2, and a port of it leads to
the container's ssh.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

from . import host, wait
from .qemu import CONSOLE_TAIL

ADDRESS = "10.0.2.15"
TOOLS = ("systemd-nspawn", "slirp4netns", "ip", "tar", "depmod")
OFF_LIMIT = 20
# Where this host's own root lacks one, a runtime that has it would fail to pass it on.
LACKS = "CAP_SYS_RESOURCE"
# Its own settings of the network, and no others of the kernel's; and cgroup v1 without the empty tree of v2
# beside it, where this host has that: crun refuses both at once.
SETTINGS = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
    SETTINGS["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "0"
# Modules that are part of this host's kernel. A container has no /lib/modules to tell.
BUILT_IN = {"overlay": "kernel/fs/overlayfs/overlay.ko", "br_netfilter": "kernel/net/bridge/br_netfilter.ko"}
# Of this host, for the containers of all nodes: a dozen with containerd use up the kernel's default of 128.
INOTIFY, ENOUGH = Path("/proc/sys/fs/inotify/max_user_instances"), 1024


class Nspawn:
    """The container of one node. Its files are in the folder it is given."""

    def __init__(self, tree: Path, folder: Path, name: str, port: int = 0):
        self.console = folder / "console.log"
        self._folder, self._name, self._port = folder, name, port or host.free_ports(1)[0]
        self._root = folder / "root"
        # Names of machines and of network namespaces are this host's: the folder's is unique.
        self._space = folder.name
        self._api = folder / "slirp.sock"
        self._processes: list[subprocess.Popen] = []
        self._root.mkdir()
        if int(INOTIFY.read_text()) < ENOUGH:
            INOTIFY.write_text(str(ENOUGH))
        subprocess.run(["tar", "--numeric-owner", "-C", str(self._root), "-xpf", str(tree)], check=True)
        (self._root / "etc/hostname").write_text(f"{name}\n")
        self._tell_of_the_kernel()
        subprocess.run(["ip", "netns", "add", self._space], check=True)

    def start(self) -> int:
        """Start the container, and return the port of this host that leads to its ssh server."""
        self._api.unlink(missing_ok=True)
        network = ["--mtu=65520", "--netns-type=path", f"--api-socket={self._api}"]
        self._run("slirp.log", ["slirp4netns", *network, f"/run/netns/{self._space}", "eth0"])
        wait.until(self._forwards, 20, "slirp4netns")
        command = [
            *("systemd-nspawn", "--boot", "--quiet", "--register=no", "--keep-unit", "--console=pipe"),
            *("-D", str(self._root), f"--machine={self._name}", "--resolv-conf=off", "--timezone=off"),
            *("--kill-signal=SIGRTMIN+3", "--capability=all", "--system-call-filter=add_key keyctl bpf"),
            *([] if _has(LACKS) else [f"--drop-capability={LACKS}"]),
            f"--network-namespace-path=/run/netns/{self._space}",
        ]
        self._run("console.log", command)
        # An early connection would be accepted by slirp, and then wait for seconds.
        inside = ["ip", "netns", "exec", self._space, "bash", "-c", f": </dev/tcp/{ADDRESS}/22"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        wait.until(lambda: not (self.running() and subprocess.run(inside, **quiet).returncode), 60, "sshd")
        return self._port

    def running(self) -> bool:
        """Tell whether the container runs."""
        return len(self._processes) == 2 and self._processes[1].poll() is None

    def wait_off(self, limit: float) -> None:
        """Wait until the container has ended itself."""
        self._processes[1].wait(limit)
        self.kill()

    def kill(self) -> None:
        """End the container: in order if it does so at once, else in the middle of everything."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(OFF_LIMIT)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._processes = []

    def remove(self) -> None:
        """Take the network away, once the container has ended."""
        remove_network(self._space)

    def tail(self) -> str:
        """Return the last lines of what the network and the console said."""
        logs = (self._folder / "slirp.log", self.console)
        parts = [
            path.read_text(errors="replace").splitlines()[-CONSOLE_TAIL:] for path in logs if path.exists()
        ]
        return "\n".join(line for lines in parts for line in lines)

    def _run(self, log: str, command: list[str]) -> None:
        with open(self._folder / log, "ab") as file:
            self._processes.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **SETTINGS},
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
            )

    def _forwards(self) -> bool:
        """Ask for the port that leads to ssh, once slirp4netns listens."""
        if self._processes[0].poll() is not None:
            raise host.LabError(f"slirp4netns ended at once:\n{self.tail()}")
        arguments = {"proto": "tcp", "host_addr": "127.0.0.1", "host_port": self._port}
        request = {
            "execute": "add_hostfwd",
            "arguments": {**arguments, "guest_addr": ADDRESS, "guest_port": 22},
        }
        with socket.socket(socket.AF_UNIX) as link:
            try:
                link.connect(str(self._api))
            except OSError:
                return False
            link.sendall(json.dumps(request).encode())
            answer = json.loads(link.recv(4096))
        if "error" in answer:
            raise host.LabError(f"slirp4netns forwards no port: {answer['error']}")
        return True

    def _tell_of_the_kernel(self) -> None:
        """Let modprobe find the modules that this host's kernel has built in or loaded."""
        for name in BUILT_IN:
            if shutil.which("modprobe"):
                subprocess.run(["modprobe", "--quiet", name], check=False)
        folder = self._root / "usr/lib/modules" / os.uname().release
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "modules.builtin").write_text("".join(f"{path}\n" for path in BUILT_IN.values()))
        (folder / "modules.order").touch()
        subprocess.run(["depmod", "-b", str(self._root / "usr"), os.uname().release], check=True)


def remove_network(space: str) -> None:
    """Take the network namespace of a container away, if there is one."""
    if Path("/run/netns", space).exists():
        subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)


def _has(capability: str) -> bool:
    """Tell whether root has a capability on this host: a virtual machine's may not."""
    numbers = {"CAP_SYS_RESOURCE": 24}
    status = Path("/proc/self/status").read_text()
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd"))
    return bool(int(effective, 16) >> numbers[capability] & 1)
