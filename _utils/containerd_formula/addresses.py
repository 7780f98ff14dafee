"""Addresses of what pillar names."""


def in_saltenv(address, saltenv):
    """Return an address; one of Salt's file server is in a saltenv, unless it names another."""
    if not address.startswith("salt://") or "?saltenv=" in address or saltenv in (None, "base"):
        return address
    return f"{address}?saltenv={saltenv}"
