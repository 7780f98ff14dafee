"""Packages and their versions, whatever the package manager."""

import fnmatch
import re

from containerd_formula.errors import Refused

# Packages that bring the same files: one may replace another, and nothing else may go for it.
SAME_FILES = ("containerd", "containerd.io", "runc")
# What goes where one of them comes: they are in conflict.
_DISPLACED = {"containerd.io": ("containerd", "runc"), "containerd": ("containerd.io",)}
# How many of the versions that there are an error names.
_SHOWN = 10
# Characters of a version.
_LONGEST = 200


def matches(found, wanted):
    """
    Tell whether a package's version (1.7.24-1, 2:1.6.20~ds1-1+deb12u3) is what a pillar means.

    That is the version itself, or upstream's part of it (1.7.24), or a pattern over either (1.7.*).
    """
    if max(len(found), len(wanted)) > _LONGEST:
        return False
    whole = found.split(":", 1)[-1]
    return any(fnmatch.fnmatchcase(text, wanted) for text in (found, whole, upstream(found)))


def upstream(version):
    """Return a version without epoch, packaging revision, and the marks of a repacked source."""
    return re.sub(r"[~+.](?:ds|dfsg)[\d.]*$", "", version.split(":", 1)[-1].split("-", 1)[0])


def displaced(packages):
    """Return the packages that have to go, where they are installed, for others to come."""
    return [name for package in packages for name in _DISPLACED.get(package, ())]


def newest(package, wanted, offered, complaints=()):
    """Return the first of the offered versions, the newest first, that is what a pillar means."""
    for version in offered:
        if matches(version, wanted):
            return version
    there_are = f"there are {', '.join(offered[:_SHOWN])}" if offered else "they have no version of it"
    raise Refused(
        f"No repository of this node has {package} {wanted}: {there_are}. Nothing was changed. Correct "
        f"containerd:package:version or the repository. {' '.join(complaints)}".rstrip()
    )
