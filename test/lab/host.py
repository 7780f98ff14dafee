"""What the machine that runs the lab hands on to the nodes: architecture, mirror, proxy, CA."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

# The one architecture the lab knows: Debian's word, the kernel's word and the emulator for it.
MACHINE, DEBIAN_ARCH, QEMU = "x86_64", "amd64", "qemu-system-x86_64"

PACKAGES = (
    "qemu-system-x86 qemu-utils debootstrap debian-archive-keyring busybox-static cpio kmod "
    "e2fsprogs openssh-client openssl"
)
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class LabError(Exception):
    """The lab could not do what it was asked; the text says what to do about it."""


def require(*tools: str) -> None:
    """Raise unless this is a host the lab works on and the named programs are there."""
    if platform.machine() != MACHINE:
        raise LabError(f"the lab makes {MACHINE} nodes only, this host is {platform.machine()}")
    missing = [tool for tool in tools if not _which(tool)]
    if missing:
        raise LabError(f"not found: {', '.join(missing)}; install {PACKAGES}")


def mirror() -> str:
    """Return the address of the Debian archive (``DEBIAN_MIRROR``)."""
    return os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian").rstrip("/")


def proxies() -> dict[str, str]:
    """Return the proxy variables that are set here, under their lower-case names."""
    found = {name: os.environ.get(name) or os.environ.get(name.upper()) for name in PROXY_VARIABLES}
    return {name: value for name, value in found.items() if value}


def ca_bundle() -> str:
    """Return the text of the CA bundle that this host was told to use, or "".

    A site whose proxy opens TLS names its own authority that way, and nothing in a node could
    fetch anything without it.
    """
    named = (os.environ.get("SSL_CERT_FILE"), os.environ.get("PIP_CERT"), pip_config().get("global.cert"))
    for path in named:
        if path and Path(path).is_file():
            return Path(path).read_text(encoding="utf-8", errors="replace")
    return ""


def certificates(bundle: str) -> list[str]:
    """Return the certificates of a PEM bundle, without the remarks between them."""
    return [match.group(0) + "\n" for match in CERTIFICATE.finditer(bundle)]


def package_index() -> str:
    """Return the address of the Python package index this host was told to use, or ""."""
    address = os.environ.get("PIP_INDEX_URL") or pip_config().get("global.index-url", "")
    return address if address.startswith(("http://", "https://")) else ""


@functools.cache
def pip_config() -> dict[str, str]:
    """Return the settings pip reads from its files, as {"global.cert": ...}."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    ).stdout
    pairs = (line.partition("=") for line in listing.splitlines())
    return {name: value.strip("'") for name, separator, value in pairs if separator}


def free_ports(number: int) -> list[int]:
    """Return so many ports of this host that nothing listens at now."""
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(number)]
        for link in taken:
            link.bind(("127.0.0.1", 0))
        return [link.getsockname()[1] for link in taken]


def _which(tool: str) -> bool:
    # Debian keeps some of these tools where only root's PATH leads.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return any(os.access(Path(folder) / tool, os.X_OK) for folder in path.split(":") if folder)
