"""A throwaway machine without a kernel of its own: a container with its own systemd, as fast as this host.

It boots in seconds. For what needs no kernel module, no cgroup v2, no reboot and no power cut of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import host, nspawn
from .machine import RAM_FOLDER, RUN_FOLDER, Machine

# Of memory, before a container's files, less than one GB, go into it.
SPARE = 8 << 30


class Container(Machine):
    """A container that boots on entry and is gone, with its files, on exit.

    The image is what ``lab.image.tree`` returned.
    """

    def _place(self) -> Path:
        """Return a folder in memory, if there is enough: a disk may take a minute to remove the files."""
        return RAM_FOLDER if min(_free(RAM_FOLDER.parent), _memory()) > SPARE else RUN_FOLDER

    def _power(self) -> nspawn.Nspawn:
        host.require(*nspawn.TOOLS, "ssh")
        self.accelerator = "container"
        return nspawn.Nspawn(self._image.tree, self._folder, self.name, self._port)

    def reboot(self) -> None:
        """Stop the container in order, and boot it again."""
        before = self.boot_id()
        self.run(["systemctl", "poweroff"], check=False)
        self._box.wait_off(nspawn.OFF_LIMIT)
        self._again(before)

    def power_cut(self) -> None:
        """A container shares this host's page cache: nothing of it is lost by a kill."""
        raise NotImplementedError("a container has no power of its own")


def _free(folder: Path) -> int:
    """Return how many bytes a file system has left."""
    found = os.statvfs(folder) if folder.is_dir() else None
    return found.f_bavail * found.f_frsize if found else 0


def _memory() -> int:
    """Return how many bytes of memory are available, with the caches."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
