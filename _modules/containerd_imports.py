"""
Find the files that a configuration imports, as containerd finds them, and check who can change them.
"""

import os

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import drop_ins, errors, findings, go_glob, toml
from containerd_formula.data import at, same
from containerd_formula.rules import trusted
from containerd_formula.rules.context import Node

_told = errors.told_as(CommandExecutionError)

# The most folders and files of all imports. A pattern may find the whole disk.
MOST = 1000


def files(path, data):
    """
    Return the existing files that a configuration imports, and those that they import.
    """
    return [name for name in _read(path, data)[1] if os.path.isfile(name)]


@_told
def named(importer, pattern):
    """
    Return two lists: the files that an import names, and the folders that were searched for them.

    :raises CommandExecutionError: the pattern is not valid, or finds too many files.
    """
    if "\0" in pattern:
        raise errors.Refused(f"{importer} imports {pattern!r}, and no path can hold a NUL: remove it")
    full = os.path.join(os.path.dirname(importer), pattern)
    # Only * makes a pattern: without one containerd takes ? and [] literally.
    if "*" not in full:
        return [_clean(full)], []
    names, looked = [], []
    # A relative pattern starts in the daemon's working directory or in the file's folder, by release.
    for way in dict.fromkeys((_clean(full), full, os.path.join("/", pattern))):
        start, matchers = go_glob.split(way)
        found = [start]
        for matches in matchers:
            folders = [folder for folder in found if folder == start or os.path.isdir(folder)]
            looked += folders
            found = [
                os.path.join(folder, name)
                for folder in folders[:MOST]
                for name in _names(folder)
                if matches(name)
            ]
            if len(looked) + len(found) > MOST:
                raise errors.Refused(f"{importer} imports {pattern}, more than {MOST} files: narrow it")
        # Both may lead to the same file.
        known = {os.path.realpath(name) for name in names}
        names += [name for name in found if os.path.realpath(name) not in known]
    return list(dict.fromkeys(names)), list(dict.fromkeys(looked))


def wrong(path, data):
    """
    Return findings about the files that a configuration imports.
    """
    found, read = _read(path, data)
    for said in drop_ins.findings(data, list(read.items())):
        # Releases differ about a missing file. Another bad file containerd refuses, and may quote.
        hopeless = isinstance(read[said.key], str) and os.path.lexists(said.key)
        found.append(said._replace(level=findings.ERROR) if hopeless else said)
    for name, one in read.items():
        places = trusted.places_of_others(one, _node()) if isinstance(one, dict) else ()
        found += [drop_ins.misplaced(f"{name} is imported, and", name, *place) for place in places]
    return found


def misplaced(path, dump, result):
    """
    Return findings about paths that imports put into effect and that users other than root could change.
    """
    places = trusted.places_of_others(dump, _node()) if drop_ins.patterns(result) else ()
    return [
        drop_ins.misplaced("A file that is imported", path, key, why)
        for key, why in places
        if not same(at(dump, key), at(result, key))
    ]


def plugins(path, data):
    """
    Return findings about plugins that containerd before 2.1 loads when it reads a configuration.
    """
    if "plugin_dir" not in data:
        return []
    found = []
    for one in (data, *_read(path, data)[1].values()):
        settings = one if isinstance(one, dict) else {}
        root, folder = (settings.get(key) or "" for key in ("root", "plugin_dir"))
        for place in (f"{root}/plugins" if root else "", folder):
            if isinstance(place, str) and place and __salt__["containerd_paths.entries"](place):
                found.append(drop_ins.loaded(path, place))
    return list(dict.fromkeys(found))


def _node():
    """Return the node for rules about paths."""
    return Node(
        is_file=os.path.isfile,
        cgroup_v2=True,
        why_not_roots=__salt__["containerd_paths.why_not_roots"],
        entries=__salt__["containerd_paths.entries"],
    )


def _read(path, data):
    """Return findings about the paths, and for each file its data, or why it cannot be read."""
    own, whose, bad, read = os.path.realpath(path), {}, [], {}
    pending = [(path, data)]
    while pending:
        importer, one = pending.pop(0)
        for pattern in drop_ins.patterns(one):
            try:
                names, folders = named(importer, pattern)
                if len(read) + len(whose) + len(names) + len(folders) > MOST:
                    raise errors.Refused(
                        f"{importer} imports {pattern}, more than {MOST} files in all: narrow it"
                    )
            except (CommandExecutionError, errors.Refused) as err:
                bad.append(findings.Finding(importer, str(err)))
                continue
            for name in (*folders, *names):
                whose.setdefault(name, __salt__["containerd_paths.why_not_roots"](name))
            for name in names:
                if name in read or whose[name] or os.path.realpath(name) == own:
                    continue
                read[name] = _data_or_why(name)
                if isinstance(read[name], dict):
                    pending.append((name, read[name]))
    return [*bad, *(drop_ins.not_roots(name, why) for name, why in whose.items() if why)], read


def _names(folder):
    """Return the names in a folder; none if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _clean(path):
    """Return a path as Go cleans it."""
    return os.path.normpath("/" + path.lstrip("/"))


def _data_or_why(name):
    """Return the data of a file, or the reason why it cannot be read."""
    try:
        return toml.loads(__salt__["containerd_files.text"](name), name)
    except (CommandExecutionError, errors.Refused) as err:
        return str(err)
