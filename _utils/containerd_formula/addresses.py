"""Addresses of the files that pillar names."""


def in_saltenv(address, saltenv):
    """Return an address; a ``salt://`` one that names no saltenv gets this one."""
    if not address.startswith("salt://") or "?saltenv=" in address or saltenv in (None, "base"):
        return address
    return f"{address}?saltenv={saltenv}"
