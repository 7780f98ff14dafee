"""Read what dnf, zypper and pacman print: complaints about repositories, and the versions on offer."""

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


def listed_by_dnf(text, package):
    """Return the versions of a package that ``dnf repoquery`` prints, as we ask for them."""
    fields = [line.split() for line in text.splitlines()]
    return [words[1] for words in fields if words[:1] == [package] and len(words) == 2]


def listed_by_zypper(text, package):
    """Return the versions of a package that ``zypper search --details`` prints."""
    fields = [[word.strip() for word in line.split("|")] for line in text.splitlines()]
    return [words[3] for words in fields if words[1:3] == [package, "package"] and len(words) > 3]


def listed_by_pacman(text, package):
    """Return the versions of a package that ``pacman -Sl`` prints."""
    fields = [line.split() for line in text.splitlines()]
    return [words[2] for words in fields if words[1:2] == [package] and len(words) > 2]


def updated(stderr, failed, repository, ours):
    """Return what dnf complained of; fail if a repository of ours (identifiers) cannot be used."""
    told = complaints(stderr)
    bad = {name: reason for name, reason in told.items() if name in ours}
    # If dnf could not even begin, it names no repository.
    if bad or (failed and not told):
        why = " ".join(_words(bad)) or secrets.masked_url(" ".join(stderr.split()))
        raise Refused(
            f"The repository {secrets.masked_url(repository)} cannot be used: {why} Nothing was installed."
        )
    return _words(told)


def _words(told):
    """Return complaints as sentences."""
    return [f"{repository}: {reason.rstrip('.')}." for repository, reason in told.items()]
