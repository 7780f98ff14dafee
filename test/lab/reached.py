"""A machine that something else boots and ends, such as Test Kitchen: reached over ssh, and left alone."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from . import host
from .machine import RUN_FOLDER, Machine
from .ssh import Connection


class Reached(Machine):
    """A machine that runs already, by its address; it lets root in with a key."""

    def __init__(self, name: str, address: str, port: int, key: Path):
        super().__init__(None, name)
        self._address, self._port, self._key = address, port, key

    def start(self) -> Reached:
        """Connect to it."""
        host.require("ssh")
        RUN_FOLDER.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="reached-", dir=RUN_FOLDER))
        self._ssh = Connection(self._key, self._folder, self._address)
        if not self._ssh.open(self._port):
            said = (self._folder / "ssh.log").read_text(errors="replace")
            shutil.rmtree(self._folder)
            raise host.LabError(f"{self.name} does not let root in at {self._address}:{self._port}:\n{said}")
        return self

    def address(self) -> tuple[str, int, Path]:
        """Return where its ssh server is, and the key."""
        return self._address, self._port, self._key
