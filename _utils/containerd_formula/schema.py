"""Look up settings: their names in each of containerd's configuration schemas, and facts about them."""

import functools

from containerd_formula.data import walk
from containerd_formula.errors import Refused, quoted
from containerd_formula.findings import ERROR, WARNING, finding
from containerd_formula.paths import dotted
from containerd_formula.table import CONTAINERD, IDS, NAMES, PLUGINS, ROWS, SCHEMAS, SILENT, named, setting

# Types by kind. Durations, ports and enums have their own rules.
_TYPES = {
    # Folders may be a list.
    **dict.fromkeys(("program", "path", "socket"), "text"),
    "environment": "texts",
    "float": "float",
}


def kind(path):
    """
    Return the kind of a setting's value, if its type alone does not say it: None, or one of these.

    "duration" (Go's, not empty), "optional duration" (or the empty text), "level", "format" and "enum" (each
    with ``choices``), "float", "port" (a number, written as text), "environment" (a list of NAME=value). A
    path on the node is a "program" (a bare name is looked up in PATH), "folder" (of programs, or of files
    that name programs), "folders" (several, separated by colons), "prefix" (its bin and lib are such
    folders), "root" (releases before 2.1 load what lies in its plugins), "path" or "socket".
    """
    return facts(path).get("kind")


def choices(path):
    """Return the legal values of a setting, None where any value of the type is legal."""
    values = facts(path).get("choices")
    return list(values) if values else None


def facts(path):
    """Return the facts about a setting itself, not about a table above it."""
    found = {}
    for schema in SCHEMAS:
        depth, row = governing(path, schema)
        found.update(row[1] if row and depth == len(path) else {})
    return found


def type_of(path):
    """
    Return the type of a setting's value and, for a table, the names of its known keys.

    The type is "text", "texts" (a list of them), "boolean", "float", "table" or "tables", or None if only
    containerd's default shows it.
    """
    told = facts(path)
    inner = [node for schema in SCHEMAS for node in covering(path, schema)[1]]
    names = dict.fromkeys(name for node in inner for name in node if name not in (None, ...))
    if "type" not in told and (names or told.get("open") == "below" or any(... in node for node in inner)):
        return "table", list(names)
    return told.get("type", _TYPES.get(told.get("kind")) if "list" not in told else None), []


def is_free_form(path):
    """
    Tell whether a key is legal although no default configuration prints it.

    Such are names (runtimes, timeouts, registry hosts) and the keys of each, keys below free maps (a
    runtime's options), and plugins that are not containerd's own.
    """
    if path[:1] == ("plugins",) and len(path) > 1 and path[1] not in PLUGINS:
        return True
    return any(
        (row[1].get("open") == "name" and depth == len(path))
        or (row[1].get("open") == "below" and depth <= len(path))
        for schema in SCHEMAS
        for depth, row in covering(path, schema)[0]
    )


def locate(short, version, base=None):
    """
    Return the path of a setting that is named as in schema 2, or None if the schema has no such key.

    ``short`` is the table's notation, or a path; ``base`` decides where the schema has several names.
    """
    path = move(setting(short) if isinstance(short, str) else short, 2, known(version))
    return path and named(path, version, base)


def plugins():
    """Return {id: whether it has settings} of containerd's own plugins, of every release."""
    return {**dict.fromkeys(sorted(SILENT), False), **dict.fromkeys(sorted(PLUGINS), True)}


def cri_plugins():
    """Return the ids of the plugins that serve CRI: every release has the first; 2.0 split the others off."""
    return [path[1] for name in ("CRI", "IMG", "RT") for path in _synonyms(("plugins", IDS[name]))]


def removed(data, version):
    """Return findings about the keys of a configuration that its schema does not have."""
    known(version)
    found = []
    for path, value in walk(data):
        trouble = stray(path, version)
        if trouble:
            lose(path, value, trouble, found)
    return found


def deprecated(data, version):
    """
    Return findings about the keys of a fragment that a later containerd removes.

    Do not pass the whole document: defaults have such keys as well.
    """
    known(version)
    found = []
    for path, value in walk(data):
        told = {}
        for depth, (paths, of_row) in covering(path, version)[0]:
            # Of several names the first is the one to use.
            newest = path[depth - 1].lower() in NAMES[version].get(paths[version], ())[:1]
            if "gone" in of_row or ("deprecated" in of_row and not newest):
                told = of_row
        since, goes = told.get("deprecated", ("1.0", told.get("gone")))
        # Releases of schema 2 know nothing of what 2.x deprecates.
        if goes and value not in (None, "", [], {}) and (version > 2 or since.startswith("1.")):
            found.append(finding(path, f"containerd {goes} removes it: {told['instead']}", WARNING))
    return found


def known(version):
    """Return a schema's number; refuse one that the table does not have."""
    if type(version) is not int or version not in SCHEMAS:
        raise Refused(
            f"version: {quoted(version)} is not a schema that can be translated: write 2, 3 or 4 (in "
            'schema 1, write full plugin ids, plugins."io.containerd.grpc.v1.cri" for plugins.cri, '
            "and version: 2)"
        )
    return version


# One translation looks up each key a dozen times.
@functools.lru_cache(2048)
def covering(path, schema):
    """Return (depth, row) of each row that covers a path, longest last, and the nodes that it ends at."""
    nodes, found = [_TRIES[schema]], []
    for depth, part in enumerate(path, 1):
        # containerd matches keys without regard to case.
        nodes = [node[key] for node in nodes for key in (..., part.lower()) if key in node]
        found += [(depth, node[None]) for node in nodes if None in node]
    return tuple(found), tuple(nodes)


def governing(path, schema):
    """Return the depth and the row that govern a path; 0 and None where the table is silent."""
    return (covering(path, schema)[0] or ((0, None),))[-1]


def governing_facts(path, schema):
    """Return the facts of the row that governs a path."""
    row = governing(path, schema)[1]
    return row[1] if row else {}


def move(path, source, target):
    """Return the path in another schema, by its first names, or None if that has no such key."""
    depth, row = governing(path, source)
    if row is None:
        return named(path, target)
    if row[0][target] is None:
        return None
    names = iter([part for part, own in zip(path, row[0][source]) if own == "*"])
    return tuple(next(names) if part == "*" else part for part in row[0][target]) + path[depth:]


def cure(path, source, target):
    """Return what to write in the target schema instead of a key of another one."""
    moved = move(path, source, target)
    if moved is not None:
        return f"schema {target} calls it {dotted(moved)}"
    told = governing_facts(path, source)
    if "gone" in told:
        return f"removed in containerd {told['gone']}: {told['instead']}"
    since = f" (it came with containerd {told['since']})" if "since" in told else ""
    instead = told.get("instead", f"remove it for {CONTAINERD[target]}")
    return f"schema {target} has no such key{since}: {instead}"


def stray(path, schema):
    """Return what is wrong with a key that the schema does not have, or None if all is well."""
    others = [other for other in SCHEMAS if other != schema]
    best = max(others, key=lambda other: governing(path, other)[0])
    depth, row = governing(path, schema)
    if governing(path, best)[0] > depth and not covering(path, schema)[1]:
        return cure(path, best, schema)
    for other in others if row else ():
        # A key of this schema comes back under its own name.
        there = move(path, schema, other)
        if there and _folded(move(there, other, schema)) != _folded(move(path, schema, schema)):
            return cure(there, other, schema)
    return None


def homes(path):
    """Return the schemas that a key can belong to."""
    depths = {schema: governing(path, schema)[0] for schema in SCHEMAS}
    best = max(depths.values())
    tables = {schema for schema in SCHEMAS if covering(path, schema)[1]}
    return tables | {schema for schema in depths if 0 < depths[schema] == best} or {*SCHEMAS}


def lose(path, value, words, found):
    """Add the finding that a schema does not have a key; one for a whole table that is gone."""
    gone = [depth for depth, row in covering(path, 2)[0] if "gone" in row[1]]
    path = path[: gone[0]] if gone else path
    # Nothing is lost with a null or an empty table, nor with an empty value of a key that is gone:
    # other tools write runtime_engine = "".
    nothing = value in (None, {}) or (gone and value in ("", 0, False, []))
    level = WARNING if nothing else ERROR
    one = finding(path, words, level)
    if one.key not in {other.key for other in found if other.level in (level, ERROR)}:
        found.append(one)


def is_residue(path, value, version):
    """Tell whether a key is an empty leftover of another release's default."""
    if value not in (None, "", 0, False, [], {}):
        return False
    return bool(stray(path, version)) or any("gone" in row[1] for _, row in covering(path, 2)[0])


def _folded(path):
    return [part.lower() for part in path or ()]


def _synonyms(path):
    """Return all names of a path of the table."""
    names = NAMES[SCHEMAS[-1]].get(path, path[-1:])
    return [(*path[:-1], name) for name in names]


def _node(root, path):
    """Return the node of a path in a trie; Ellipsis stands for any part."""
    for part in path:
        root = root.setdefault(... if part == "*" else part.lower(), {})
    return root


def _trie(schema):
    """Return the rows of one schema as nested dictionaries, where several names lead to one node."""
    root = {}
    for (*parent, name), (first, *_) in NAMES[schema].items():
        _node(root, parent)[name.lower()] = _node(root, (*parent, first))
    for row in ROWS:
        if row[0][schema]:
            _node(root, row[0][schema])[None] = row
    return root


_TRIES = {schema: _trie(schema) for schema in SCHEMAS}
