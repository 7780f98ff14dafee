"""
Programs that root runs, and files that decide what it runs: whoever can change them is root.

A default that the site does not set is containerd's own: it gives a warning, not an error.
"""

import os
import re

from containerd_formula import schema
from containerd_formula.data import texts, walk
from containerd_formula.rules.context import shown

# The kinds, in the table, of settings that name a path on the node.
_KINDS = ("program", "folder", "folders", "prefix", "root", "path", "socket", "environment")
# Folders within some of them whose files containerd runs or loads.
_WITHIN = {"prefix": ("bin", "lib"), "root": ("plugins",)}
# Environment variables that name what a program runs or loads.
_VARIABLES = {
    **dict.fromkeys(("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PERL5LIB", "GCONV_PATH"), "folder"),
    **dict.fromkeys(("LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV"), "program"),
    **dict.fromkeys(("OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "PYTHONHOME"), "path"),
    "OCICRYPT_KEYPROVIDER_CONFIG": "path",
}
# The kernel makes what is there, and it may belong to any process.
_NO_DISK = re.compile(r"/(proc|sys|dev)(/|$)")


def places(context):
    """Programs, folders, files and sockets that users other than root could change."""
    for path, places_of_it in _places(context.result):
        mine = context.cause(path)
        for kind, named in places_of_it:
            wrong = mine and _misplaced(kind, named, shown(named, path))
            reason = wrong or _why_not_roots(context.node, kind, named)
            if reason:
                yield path, reason, "error" if mine else "warning"
                break


def places_of_others(data, node):
    """Yield (path, why) of settings in an imported file whose paths users other than root could change."""
    for path, places_of_it in _places(data):
        reasons = (_why_not_roots(node, kind, named) for kind, named in places_of_it)
        reason = next(filter(None, reasons), None)
        if reason:
            yield path, reason


def _places(data):
    """Yield (path, [(kind, place)]) of each text that names places."""
    for path, value in walk(data):
        # An empty setting means containerd's own.
        given = [text for text in texts(value if isinstance(value, list) else [value]) if text]
        kind = schema.kind(path) if given else None
        for text in given if kind in _KINDS else ():
            # The address of a proxy plugin may have a scheme.
            place = text.removeprefix("unix://") if path[0] == "proxy_plugins" else text
            yield path, list(_named(kind, place))


def never(context):
    """Settings that no site may set."""
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
    """Return what is wrong with a path itself, whatever is there, or None."""
    if not place.startswith("/") or "\0" in place:
        bare = ", or a name that is looked up in PATH" if kind == "program" else ""
        return f"{told} is not an absolute path: write one that begins with /{bare}"
    found = _NO_DISK.match(_clean(place))
    if found:
        return f"{told} is below /{found[1]}, which holds no file of a disk: write another path"
    return None


def _why_not_roots(node, kind, place):
    """Return who could change what a path leads to, and the cure, or None if only root can."""
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
