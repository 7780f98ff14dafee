"""Read dnf's texts: what it complains of, by repository."""

import re

from containerd_formula import secrets
from containerd_formula.errors import Refused

_LISTED = re.compile(r"Errors during downloading metadata for repository '(?P<id>[^']+)':")
_FAILED = re.compile(r"Error: Failed to download metadata for repo '(?P<id>[^']+)': (?P<words>.*)")


def complaints(stderr):
    """Return the identifiers of repositories that cannot be used, each with dnf's first reason."""
    found, repository = {}, None
    for line in stderr.splitlines():
        if match := _LISTED.match(line):
            repository = match["id"]
        elif line.startswith("  - ") and repository:
            found.setdefault(repository, secrets.masked_url(line[4:]))
        elif match := _FAILED.match(line):
            # What stands above it says more.
            found.setdefault(match["id"], secrets.masked_url(match["words"]))
    return found


def words(told):
    """Return complaints as sentences."""
    return [f"{repository}: {reason.rstrip('.')}." for repository, reason in told.items()]


def updated(stderr, failed, repository, ours):
    """Return what dnf complained of; fail if a repository of ours (identifiers) cannot be used."""
    told = complaints(stderr)
    bad = {name: reason for name, reason in told.items() if name in ours}
    # If dnf could not even begin, it names no repository.
    if bad or (failed and not told):
        why = " ".join(words(bad)) or secrets.masked_url(" ".join(stderr.split()))
        raise Refused(
            f"The repository {secrets.masked_url(repository)} cannot be used: {why} Nothing was installed."
        )
    return words(told)
