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

    made = tree(suite, salt, progress)
    linux = _layer(f"kernel of {suite}", lambda: kernel.kernel(suite), progress)
    disk = _layer("disk", lambda: rootfs.disk(suite, salt, made.tree), progress)
    return Image(linux / "vmlinuz", kernel.initrd(suite), disk, ssh_key())


@dataclass(frozen=True)
class Tree:
    """What a container is unpacked from."""

    tree: Path
    ssh_key: Path


def tree(
    suite: str = DEFAULT_SUITE, salt: str = DEFAULT_SALT, progress: Callable[[str], None] = print
) -> Tree:
    """Return the files of a container, as ``build`` does those of a machine."""
    host.require("debootstrap", "ssh-keygen", "unshare")
    public_key = ssh_key().with_suffix(".pub").read_text()
    layers = (
        (f"Debian {suite}", lambda: rootfs.base(suite)),
        (f"Salt {salt}", lambda: rootfs.salt(suite, salt)),
    )
    for title, make in layers:
        _layer(title, make, progress)
    made = _layer("tree", lambda: rootfs.tree(suite, salt, public_key), progress)
    return Tree(made, ssh_key())


def _layer(title: str, make: Callable[[], Made], progress: Callable[[str], None]) -> Made:
    started = time.monotonic()
    made = make()
    progress(f"{title}: {time.monotonic() - started:.1f} s")
    return made


def ssh_key() -> Path:
    """Return the private key that opens every node of this cache."""

    def make(target: Path) -> None:
        target.mkdir()
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(target / "id")], check=True
        )

    return cache.artefact("ssh", "ed25519", make) / "id"
