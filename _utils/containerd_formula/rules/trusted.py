"""
What root runs, and reads to know what to run: whoever may change it, or a folder above it, is root.

A default that the site did not touch is containerd's own doing: no run is stopped by it.
"""

import os
import re

from containerd_formula import schema
from containerd_formula.data import texts, walk
from containerd_formula.rules.context import shown

# What the settings are, by their kind in the table, that name a place on the node.
_KINDS = ("program", "folder", "folders", "prefix", "root", "path", "socket", "environment")
# The folders of programs in some, which containerd runs or loads.
_WITHIN = {"prefix": ("bin", "lib"), "root": ("plugins",)}
# Of the variables of a program, those that name what it runs or loads.
_VARIABLES = {
    **dict.fromkeys(("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PERL5LIB", "GCONV_PATH"), "folder"),
    **dict.fromkeys(("LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV"), "program"),
    **dict.fromkeys(("OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "PYTHONHOME"), "path"),
    "OCICRYPT_KEYPROVIDER_CONFIG": "path",
}
# What is there is made by the kernel, and may be any process's.
_NO_DISK = re.compile(r"/(proc|sys|dev)(/|$)")


def places(context):
    """Programs, folders, files and sockets that others than root could change."""
    for path, places_of_it in _places(context.result):
        mine = context.cause(path)
        for kind, named in places_of_it:
            wrong = mine and _misplaced(kind, named, shown(named, path))
            reason = wrong or _why_not_roots(context.node, kind, named)
            if reason:
                yield path, reason, "error" if mine else "warning"
                break


def places_of_others(data, node):
    """Yield (path, why) of the settings in a file of another's by whose places others than root decide."""
    for path, places_of_it in _places(data):
        reasons = (_why_not_roots(node, kind, named) for kind, named in places_of_it)
        reason = next(filter(None, reasons), None)
        if reason:
            yield path, reason


def _places(data):
    """Yield (path, [(kind, place)]) of each text that names places."""
    for path, value in walk(data):
        # Where nothing is named, containerd has something of its own.
        given = [text for text in texts(value if isinstance(value, list) else [value]) if text]
        kind = schema.kind(path) if given else None
        for text in given if kind in _KINDS else ():
            # A snapshotter is dialled, and there the scheme may be written.
            place = text.removeprefix("unix://") if path[0] == "proxy_plugins" else text
            yield path, list(_named(kind, place))


def never(context):
    """Settings that no site may make."""
    for path, value in context.leaves:
        words = value and schema.facts(path).get("never")
        if words:
            yield path, words


def _named(kind, text):
    """Yield (kind, place) of each place that a text names."""
    if kind == "environment":
        name, _, value = text.partition("=")
        for part in re.split(r"[:\s]", value) if name in _VARIABLES else ():
            yield from _named(_VARIABLES[name], part)
    elif kind == "folders":
        yield from (("folder", part) for part in text.split(":") if part)
    elif kind in _WITHIN:
        yield "path", text
        yield from (("folder", os.path.join(text, name)) for name in _WITHIN[kind])
    elif text and (kind != "program" or "/" in text):
        yield kind, text


def _misplaced(kind, place, told):
    """Return what is wrong with a place whatever is there, None where all is well."""
    if not place.startswith("/") or "\0" in place:
        bare = ", or a name that is looked up in PATH" if kind == "program" else ""
        return f"{told} is no absolute path: write one that begins with /{bare}"
    found = _NO_DISK.match(_clean(place))
    if found:
        return f"{told} is below /{found[1]}, which holds no file of a disk: write another path"
    return None


def _why_not_roots(node, kind, place):
    """Return who could change what a place leads to, and the cure; None where it is root alone."""
    if not place.startswith("/") or "\0" in place:
        return None
    # A socket may be for a group: its folder decides who makes it.
    ends = [os.path.dirname(path) if kind == "socket" else path for path in (place, _clean(place))]
    why = node.why_not_roots
    for end in dict.fromkeys(ends):
        reason = why(end)
        if kind == "folder" and not reason:
            reason = next(filter(None, map(why, node.entries(end))), "")
        if reason:
            cure = "chown root and chmod go-w it, or write another path"
            return f"{reason}, so that others decide what containerd does as root: {cure}"
    return None


def _clean(path):
    """Return a path as Go cleans it: containerd does so with some."""
    return os.path.normpath("/" + path.lstrip("/"))


RULES = (places, never)
