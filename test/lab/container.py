"""A throwaway machine without a kernel of its own: a container with its own systemd, as fast as this host.

It boots in seconds. For what needs no kernel module, no cgroup v2, no reboot and no power cut of its own.
"""

from __future__ import annotations

from . import host, nspawn
from .machine import Machine


class Container(Machine):
    """A container that boots on entry and is gone, with its files, on exit.

    The image is what ``lab.image.tree`` returned.
    """

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
