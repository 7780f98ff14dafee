"""Packages and their versions, whatever the package manager."""

import fnmatch
import re

from containerd_formula.errors import Refused

# Packages with the same files: a containerd may replace them. No other may be removed for one of them.
_SAME_FILES = ("containerd", "containerd.io", "runc")
# Packages in conflict: installing the one removes the others.
_DISPLACED = {"containerd.io": ("containerd", "runc"), "containerd": ("containerd.io",)}
# How many of the available versions an error names.
_SHOWN = 10
# Characters of a version.
_LONGEST = 200


def matches(found, wanted):
    """
    Tell whether a package's version (1.7.24-1, 2:1.6.20~ds1-1+deb12u3) matches the one in pillar.

    Pillar may have the whole version, upstream's part of it (1.7.24), or a pattern for either (1.7.*).
    """
    if max(len(found), len(wanted)) > _LONGEST:
        return False
    whole = found.split(":", 1)[-1]
    return any(fnmatch.fnmatchcase(text, wanted) for text in (found, whole, upstream(found)))


def upstream(version):
    """Return a version without epoch, packaging revision, and the marks of a repacked source."""
    return re.sub(r"[~+.](?:ds|dfsg)[\d.]*$", "", version.split(":", 1)[-1].split("-", 1)[0])


def displaced(packages):
    """Return the packages that are removed, if installed, when others are installed."""
    return [name for package in packages for name in _DISPLACED.get(package, ())]


def may_remove(packages):
    """Return which packages may be removed to install some: a containerd displaces another, runc none."""
    return _SAME_FILES if any(name in _DISPLACED for name in packages) else ()


def newest(package, wanted, offered, complaints=(), key="containerd:package:version"):
    """Return the newest offered version that matches pillar; ``offered`` has the newest first."""
    for version in offered:
        if matches(version, wanted):
            return version
    there_are = f"they offer {', '.join(offered[:_SHOWN])}" if offered else "they have no version of it"
    raise Refused(
        f"No repository of this node has {package} {wanted}: {there_are}. Nothing was changed. Correct "
        f"{key} or the repository. {' '.join(complaints)}".rstrip()
    )
