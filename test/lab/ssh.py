"""One ssh connection to a node, which every command and every forwarded socket shares."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Union

from . import wait

Command = Union[str, Sequence[str]]


class CommandError(subprocess.CalledProcessError):
    """A command in a node failed; unlike its parent it says what the command printed."""

    def __str__(self) -> str:
        printed = "\n".join(text[-3000:] for text in (self.stdout, self.stderr) if text)
        return f"{self.cmd!r} ended with {self.returncode}\n{printed}"


class Connection:
    """A connection to root of one node, which is this host's at another port unless it is told."""

    def __init__(self, key: Path, folder: Path, address: str = "127.0.0.1"):
        self._key = key
        self._target = f"root@{address}"
        self._control = folder / "ssh.sock"
        self._log = folder / "ssh.log"
        #: Where the ssh server listens, once opened.
        self.port = 0
        self._master: subprocess.Popen | None = None

    def open(self, port: int) -> bool:
        """Try to connect, and tell whether it worked."""
        self.close()
        self.port = port
        with open(self._log, "ab") as log:
            self._master = subprocess.Popen(
                [
                    *self._options(),
                    "-MNT",
                    "-S",
                    str(self._control),
                    "-o",
                    "StreamLocalBindUnlink=yes",
                    "-o",
                    "ServerAliveInterval=15",
                    "-o",
                    "ConnectTimeout=10",
                    self._target,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # ssh makes the socket when the node has let it in, and ends when it has not.
        return wait.until(self._settled, 60, "the ssh connection", every=0.05) == "open"

    def _settled(self) -> str:
        if self._control.exists():
            return "open"
        return "" if self._master.poll() is None else "refused"

    def close(self) -> None:
        """Drop the connection and what is forwarded over it."""
        if self._master is not None:
            self._master.kill()
            self._master.wait()
            self._master = None
        self._control.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the ssh command line that logs in without the shared connection."""
        return [*self._options(), self._target]

    def popen(self, command: Command, **options: object) -> subprocess.Popen:
        """Start a command in the node; the streams are those ``subprocess`` is told to make."""
        return subprocess.Popen(self._words(command), **options)

    def run(
        self, command: Command, check: bool = True, timeout: float | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess:
        """Run a command in the node and return its result as bytes."""
        done = subprocess.run(self._words(command), input=stdin, capture_output=True, timeout=timeout)
        done.args = command
        if check and done.returncode:
            raise CommandError(
                done.returncode,
                command,
                done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"),
            )
        return done

    def forward(self, local: Path | str, remote: str) -> None:
        """Make a unix socket or port of the node reachable at a path or port of this host."""
        subprocess.run(
            [
                *self._options(),
                "-S",
                str(self._control),
                "-O",
                "forward",
                "-L",
                f"{local}:{remote}",
                self._target,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _options(self) -> list[str]:
        return [
            "ssh",
            "-F",
            "none",
            "-i",
            str(self._key),
            "-p",
            str(self.port),
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "BatchMode=yes",
        ]

    def _words(self, command: Command) -> list[str]:
        line = command if isinstance(command, str) else shlex.join(command)
        return [*self._options(), "-S", str(self._control), self._target, "--", line]
