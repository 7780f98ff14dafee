"""Disk images for nodes: built once, cached, shared by every node that is booted from them."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, TypeVar

from . import cache, host, kernel, rootfs

DEFAULT_SUITE = "bookworm"
DEFAULT_SALT = "3006.28"

Made = TypeVar("Made")


@dataclass(frozen=True)
class Image:
    """What a machine boots from. The disk is never written to: a machine has an overlay on it."""

    kernel: Path
    initrd: Path
    disk: Path
    ssh_key: Path


def build(
    suite: str = DEFAULT_SUITE, salt: str = DEFAULT_SALT, progress: Callable[[str], None] = print
) -> Image:
    """Return the image of a Debian suite with a Salt version, and build what the cache lacks of it.

    suite
        A Debian suite: ``bullseye``, ``bookworm``, ``trixie``.

    salt
        A version of Salt that PyPI has, in full: ``3006.28``.

    progress
        Called with one line of text for each layer.
    """
    host.require("debootstrap", "mkfs.ext4", "cpio", "depmod", "dpkg-deb", "ssh-keygen", "unshare")

    def layer(title: str, make: Callable[[], Made]) -> Made:
        started = time.monotonic()
        made = make()
        progress(f"{title}: {time.monotonic() - started:.1f} s")
        return made

    public_key = ssh_key().with_suffix(".pub").read_text()
    linux = layer(f"kernel of {suite}", lambda: kernel.kernel(suite))
    layer(f"Debian {suite}", lambda: rootfs.base(suite))
    layer(f"Salt {salt}", lambda: rootfs.salt(suite, salt))
    disk = layer("disk", lambda: rootfs.disk(suite, salt, public_key))
    return Image(linux / "vmlinuz", kernel.initrd(suite), disk, ssh_key())


def ssh_key() -> Path:
    """Return the private key that opens every node of this cache."""

    def make(target: Path) -> None:
        target.mkdir()
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(target / "id")], check=True
        )

    return cache.artefact("ssh", "ed25519", make) / "id"
