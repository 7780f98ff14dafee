"""Check that containerd applies a document: compare its ``config dump`` with the values meant."""

import re

from containerd_formula.data import at, drop, leaves, put, same
from containerd_formula.durations import nanoseconds
from containerd_formula.findings import ERROR, WARNING, Finding, finding
from containerd_formula.secrets import masked
from containerd_formula.table import PLUGINS, RUNC_OPTIONS, SCHEMAS

_IGNORED = "Ignoring unknown key"
_KEY = re.compile(r'\bkey=(?:"([^"]*)"|(\S+))')
_PLUGIN = re.compile(r"\bplugin=(\S+)")
_EMPTY = ("", 0, False, 0.0, [], {})
_REPEATED = (
    "would not be in effect: this containerd has no such plugin, or none with settings, and only repeats "
    "them in its dump. Remove it, or set config_strict: false to keep it."
)


def not_in_effect(site, result, dump, warnings, strict=True, default=None):
    """
    Return findings about overrides that containerd would not apply: errors if ``strict``, else warnings.

    ``result`` is the document that ``site`` is part of; ``warnings`` are the lines of containerd's log. With
    containerd's ``default`` a plugin that it does not have is found although 2.x repeats it in its dump.
    """
    level = ERROR if strict else WARNING
    found, own = [], leaves(site)
    disabled = result.get("disabled_plugins") or ()
    repeated = _repeated(own, dump, default)
    found += [finding(plugin, _REPEATED, level) for plugin in dict.fromkeys(path[:2] for path in repeated)]
    for path in own:
        if path in repeated:
            continue
        value = at(result, path)
        if differs(path, value, dump, disabled):
            shown = masked(at(dump, path), path)
            sees = "does not know this key" if shown is None else f"would run with {shown!r}"
            words = f"{masked(value, path)!r} would not be in effect, containerd {sees}."
            found.append(finding(path, words, level))
    spaced = {" ".join(path) for path in own}
    for line in warnings:
        if _IGNORED in line:
            key = _ignored_key(line)
            # An imported file may have the key: that is not ours to refuse.
            grade = level if key in spaced else WARNING
            found.append(Finding(key, f"containerd ignores a key that it does not know: {key}", grade))
    return found


def differs(path, value, dump, disabled=()):
    """
    Tell whether a dump lacks a value, or has another one.

    Another notation is no difference: ``60s`` and ``1m0s``, 1 and 1.0, an empty value and none. Nor is what
    dumps never show: imports (1.x lists the files that it read), the options of a runtime on 1.4, and the
    tables of disabled plugins. A value of None is a key that was removed.
    """
    path, shown = tuple(path), at(dump, path)
    if value is None or same(value, shown):
        return False
    if shown is None or shown == {}:
        return not (value in _EMPTY or _never_shown(path, dump, disabled))
    if path == ("imports",) or (value == {} and isinstance(shown, dict)):
        return False
    if isinstance(value, list) and isinstance(shown, list):
        return _lists_differ(value, shown)
    if type(value) in (int, float) and type(shown) in (int, float):
        return value != shown
    meant = _duration(value)
    return meant is None or meant != _duration(shown)


def option(path):
    """Return a path with the name of a runtime's option as containerd has it, which ignores its case."""
    names = {name.lower(): name for name in RUNC_OPTIONS} if path[-2:-1] == ("options",) else {}
    return (*path[:-1], names.get(path[-1].lower(), path[-1])) if names else path


def spell_options(dump):
    """Give the options of runtimes in a dump containerd's own names: the dump has those of the file."""
    for path, value in leaves(dump).items():
        if option(path) != path:
            # Of two spellings containerd takes the file's.
            drop(dump, path)
            put(dump, option(path), value)


def is_stranger(path, default):
    """Tell whether a key belongs to an unknown plugin, which 2.x repeats in its dump."""
    plugin = path[1] if len(path) > 1 and path[0] == "plugins" else None
    return plugin is not None and plugin not in PLUGINS and at(default, path[:2]) is None


def _repeated(paths, dump, default):
    """Return the keys of plugins that containerd does not have, and has in its dump all the same."""
    # 1.x shows nothing of a plugin that it has not loaded.
    echoes = at(default, ("version",)) in SCHEMAS[1:]
    return [
        path for path in paths if echoes and is_stranger(path, default) and at(dump, path[:2]) is not None
    ]


def _ignored_key(line):
    """Return the key of a log line, its parts with spaces between them, or the line itself."""
    key, plugin = _KEY.search(line), _PLUGIN.search(line)
    words = (key and (key[1] or key[2])) or line
    return f"plugins {plugin[1]} {words}" if plugin else words


def _lists_differ(value, shown):
    """Tell whether two lists differ; containerd fills in the empty keys of tables in a list."""
    if len(value) != len(shown) or not all(isinstance(item, dict) for item in [*value, *shown]):
        return True
    for mine, theirs in zip(value, shown):
        if any(differs((key,), item, theirs) for key, item in mine.items()):
            return True
        if any(item not in _EMPTY for key, item in theirs.items() if key not in mine):
            return True
    return False


def _never_shown(path, dump, disabled):
    """Tell whether dumps leave out a key that is in effect all the same."""
    if path == ("imports",) or (len(path) > 1 and path[1] in disabled):
        return True
    # 1.4 shows the options of each runtime as an empty table.
    return "options" in path and at(dump, path[: path.index("options") + 1]) == {}


def _duration(value):
    # Some write the number 0 for "0s".
    return 0 if type(value) in (int, float) and value == 0 else nanoseconds(value)
