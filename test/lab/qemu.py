"""One qemu process: started, asked for its port, killed, started again on the same overlay."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path

from . import accel, host, wait
from .image import Image

CONSOLE_TAIL = 40


class Qemu:
    """The emulator of one node. Its files are in the folder it is given."""

    def __init__(
        self, image: Image, folder: Path, name: str, memory: int, cpus: int, accelerator: str, port: int = 0
    ):
        self.console = folder / "console.log"
        self.pid_file = folder / "qemu.pid"
        self._monitor = folder / "monitor.sock"
        self._overlay = folder / "overlay.qcow2"
        self._process: subprocess.Popen | None = None
        subprocess.run(
            [
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-b",
                str(image.disk),
                "-F",
                "raw",
                str(self._overlay),
            ],
            check=True,
        )
        # cache=unsafe skips fsync on the host only: what the guest has flushed is in the host's page
        # cache, which outlives qemu. Killing qemu is a power cut for the guest and not for the host.
        self._command = [
            host.QEMU,
            *accel.OPTIONS[accelerator],
            "-name",
            name,
            "-smp",
            str(cpus),
            "-m",
            str(memory),
            "-nodefaults",
            "-display",
            "none",
            "-no-reboot",
            "-serial",
            f"file:{self.console}",
            "-qmp",
            f"unix:{self._monitor},server=on,wait=off",
            "-pidfile",
            str(self.pid_file),
            "-kernel",
            str(image.kernel),
            "-initrd",
            str(image.initrd),
            "-append",
            f"console=ttyS0 panic=-1 mitigations=off quiet systemd.hostname={name}",
            "-drive",
            f"file={self._overlay},if=virtio,format=qcow2,cache=unsafe,discard=unmap",
            # For 0 qemu takes a free port itself, so nobody can take it first.
            "-netdev",
            f"user,id=net,ipv6=off,hostfwd=tcp:127.0.0.1:{port}-:22",
            "-device",
            "virtio-net-pci,netdev=net,romfile=",
            "-device",
            "virtio-rng-pci",
        ]

    def start(self) -> int:
        """Power the machine on, and return the port of this host that leads to its ssh server."""
        self._monitor.unlink(missing_ok=True)
        with open(self.console.with_name("qemu.log"), "wb") as log:
            # A session of its own: Ctrl-C is for Python, which then ends qemu in order.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait.until(self._answers, 20, "the monitor of qemu")
        forwarded = re.search(r"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)", self._ask("info usernet"))
        if not forwarded:
            raise host.LabError("qemu forwards no port")
        return int(forwarded.group(1))

    def running(self) -> bool:
        """Tell whether the machine has power."""
        return self._process is not None and self._process.poll() is None

    def wait_off(self, limit: float) -> None:
        """Wait until the guest has switched itself off."""
        self._process.wait(limit)

    def kill(self) -> None:
        """Cut the power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def remove(self) -> None:
        """Nothing of the machine is outside of its folder."""

    def tail(self) -> str:
        """Return the last lines of what qemu and the console of the guest said."""
        parts = [
            path.read_text(errors="replace").splitlines()[-CONSOLE_TAIL:]
            for path in (self.console.with_name("qemu.log"), self.console)
            if path.exists()
        ]
        return "\n".join(line for lines in parts for line in lines)

    def _answers(self) -> bool:
        if not self.running():
            raise host.LabError(f"qemu ended at once:\n{self.tail()}")
        return self._monitor.exists()

    def _ask(self, command: str) -> str:
        """Run a command of qemu's human monitor."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(20)
            link.connect(str(self._monitor))
            with link.makefile("rw", encoding="utf-8") as stream:
                for request in (
                    {"execute": "qmp_capabilities"},
                    {"execute": "human-monitor-command", "arguments": {"command-line": command}},
                ):
                    stream.write(json.dumps(request) + "\n")
                stream.flush()
                for line in stream:
                    answer = json.loads(line).get("return")
                    if isinstance(answer, str):
                        return answer
        raise host.LabError(f"qemu's monitor does not answer {command!r}")
