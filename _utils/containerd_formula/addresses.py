"""Addresses and hashes of the files that pillar names."""

import re

_ADDRESS = re.compile(r"(?:https|salt|file)://[^\s]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_address(value):
    """Tell whether a value is an address from which a file with a pinned hash may come."""
    return isinstance(value, str) and bool(_ADDRESS.fullmatch(value))


def is_sha256(value):
    """Tell whether a value is a hash, as sha256sum prints it."""
    return isinstance(value, str) and bool(_SHA256.fullmatch(value))


def in_saltenv(address, saltenv):
    """Return an address; a ``salt://`` one that names no saltenv gets this one."""
    if not address.startswith("salt://") or "?saltenv=" in address or saltenv in (None, "base"):
        return address
    return f"{address}?saltenv={saltenv}"
