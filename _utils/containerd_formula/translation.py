"""Translate a fragment of config.toml from one schema to another."""

import copy
from collections.abc import Mapping
from typing import NamedTuple

from containerd_formula import schema
from containerd_formula.data import at, table, walk
from containerd_formula.errors import Refused
from containerd_formula.findings import finding
from containerd_formula.names import nearest
from containerd_formula.paths import dotted
from containerd_formula.table import IDS, NAMES, ROWS, SCHEMAS, named, setting

_CRI = ("plugins", IDS["CRI"])
_SCHED_CORE = setting("TASK.sched_core")
_SOCKET = ("address", "uid", "gid")
_LIMITS = ("max_recv_message_size", "max_send_message_size")
_ID_LISTS = (("disabled_plugins",), ("required_plugins",))


class Translated(NamedTuple):
    """What could be translated, and findings about what could not."""

    fragment: dict
    findings: list


class _Way(NamedTuple):
    """A fragment with its schema, the target's schema, and the target's default."""

    fragment: Mapping
    source: int
    target: int
    base: Mapping


def version_of(fragment):
    """
    Return the schema in which a fragment is written, or None if nothing shows it.

    A ``version`` key decides, and every other key must then belong to that schema. Without it, plugin ids
    and sections decide. If several schemas have all keys, the lowest is returned.
    """
    homes, witness = {*SCHEMAS}, {}
    if _mapping(fragment, "fragment").get("version") is not None:
        homes = {schema.known(fragment["version"])}
        witness = dict.fromkeys({*SCHEMAS} - homes, f"version: {fragment['version']}")
    for path, value in walk(fragment):
        for name, key in _evidence(path, value):
            key_homes = schema.homes(key)
            if not homes & key_homes:
                other = next(witness[number] for number in sorted(key_homes))
                raise Refused(
                    f"Two schemas are mixed: {other} is of schema {min(homes)}, {name} of schema "
                    f"{' and '.join(map(str, sorted(key_homes)))}: "
                    f"{schema.cure(key, min(key_homes), min(homes))}"
                )
            witness.update(dict.fromkeys(homes - key_homes, name))
            homes &= key_homes
    return min(homes) if len(homes) < len(SCHEMAS) else None


def translate(fragment, version, base=None):
    """
    Translate a fragment to another schema; what cannot be expressed there is left out, with a finding.

    ``base``, the target's default, decides between several names of one setting. A null, which removes a
    key in the merge, becomes a null at the key's new path. Unknown keys stay where they are. If the fragment
    has a ``version``, the result has the target's.
    """
    schema.known(version)
    source = version_of(fragment) or version
    way = _Way(fragment, source, version, _mapping({} if base is None else base, "base"))
    result, found = {}, []
    for path, value in walk(fragment):
        if path == ("version",):
            result["version"] = version
            continue
        trouble = schema.stray(path, source)
        targets = [] if trouble else _targets(path, value, way)
        if not targets and not _is_twin(path, value, way):
            words = _newer(path, way) or trouble or _misspelt(path, way) or schema.cure(path, source, version)
            schema.lose(path, value, words, found)
        try:
            for target in targets:
                _set(result, path, value, target, way)
        except Refused as err:
            found.append(finding(path, str(err), about="value"))
    if source < 4 <= version:
        _derive_servers(result, way)
    return Translated(result, found)


def _newer(path, way):
    """Return the cure for a key that only the target schema has; empty if it is another case."""
    moved = schema.move(path, way.source, way.target) if way.source < way.target else None
    there = moved and named(moved, way.target, way.base)
    if not there or at(way.base, there) is None or not schema.stray(path, way.source):
        return ""
    return f"schema {way.source} has no such key: write this layer for version: {way.target}, {dotted(there)}"


def _misspelt(path, way):
    """Name the nearest key of its author's schema for one that no schema has, and that key in the target."""
    opened = "open" in schema.governing_facts(path, way.source)
    depths = () if opened else range(3, len(path) + 1)
    depth = next((end for end in depths if not schema.covering(path[:end], way.source)[1]), None)
    if depth is None:
        return ""
    *parent, name = path[:depth]
    siblings = [row[way.source][len(parent)] for row, _ in ROWS if _is_below(row[way.source], parent)]
    near = nearest(name, [key for key in dict.fromkeys(siblings) if key != "*"])
    best = (*parent, near)
    return f"the nearest key is {dotted(best)}: {schema.cure(best, way.source, way.target)}" if near else ""


def written(fragment, version, base):
    """Return, for each translated path, the schema and the path in which the author wrote it."""
    source = version_of(fragment) or version
    way = _Way(fragment, source, version, base)
    return {
        named(target, version, base): (source, path)
        for path, value in (walk(fragment) if source != version else ())
        if not schema.stray(path, source)
        for target in _targets(path, value, way)
    }


def removed_tables(fragment, version, base):
    """
    Return the keys of a fragment whose null would remove a whole table of the target's default, ``base``.

    In YAML a key without a value is null: who comments out all its children does not mean to remove it.
    """
    source = version_of(fragment) or version
    way = _Way(fragment, source, version, base)
    nulls = [path for path, value in walk(fragment) if value is None]
    return [path for path in nulls if path == ("plugins",) or _is_table_of_default(path, way)]


def _is_table_of_default(path, way):
    """Tell whether a null at a path would remove a whole table of the target's default."""
    if schema.stray(path, way.source):
        return False
    there = [at(way.base, named(target, way.target, way.base)) for target in _removals(path, way)]
    return any(value is not None if len(there) > 1 else isinstance(value, dict) for value in there)


def _mapping(data, name):
    if not isinstance(data, Mapping):
        raise Refused(f"{name} must be a mapping, not {type(data).__name__}")
    return data


def _evidence(path, value):
    """Yield (name, key) of what in an entry of a fragment shows its schema."""
    if path[0] == "plugins" and len(path) > 1 and "." not in path[1]:
        raise Refused(
            f"{dotted(path)} has a short plugin id, as in schema 1: write the full id, "
            'plugins."io.containerd.grpc.v1.cri" for plugins.cri'
        )
    if path not in _ID_LISTS or not isinstance(value, (list, tuple)):
        yield dotted(path), path
        return
    for plugin in value:
        # The id of a removed plugin shows nothing: such lists outlive the plugins.
        if isinstance(plugin, str) and not _is_gone(plugin):
            yield f"{path[0]}: {plugin}", ("plugins", plugin)


def _targets(path, value, way):
    """Return the paths at which a value is set in the target, by their first names."""
    if value is None:
        return _removals(path, way)
    moved = schema.move(path, way.source, way.target)
    return [moved] if moved else []


def _removals(path, way):
    """Return the target's paths to remove for one that is removed in the source."""
    if path == ("plugins",) and way.source != way.target:
        raise Refused("plugins: null removes every setting: name the plugins")
    path = schema.move(path, way.source, way.source)
    whole = schema.move(path, way.source, way.target)
    rows = [row for row, _ in ROWS if _is_below(row[way.source], path) and row[way.target]]
    foreign = any(
        _is_below(row[way.target], whole) and row[way.source] and not _is_below(row[way.source], path)
        for row, _ in ROWS
        if whole
    )
    # A table that also holds keys of another table of the source is removed key by key.
    moved = [] if foreign or not whole else [whole]
    for row in rows:
        if "*" not in row[way.target] and not any(_is_below(row[way.target], done) for done in moved):
            moved.append(row[way.target])
    return moved


def _is_below(path, prefix):
    """Tell whether a path of the table lies below another path."""
    return len(path or ()) > len(prefix) and all(
        part in ("*", wanted.lower()) for part, wanted in zip(map(str.lower, path), prefix)
    )


def _is_twin(path, value, way):
    """Tell whether this is schema 4's second copy of the one limit of earlier schemas."""
    if named(path[:2], way.source) != ("plugins", IDS["TCP"]):
        return False
    limit = named(("plugins", IDS["GRPC"]), way.source, way.fragment) + path[2:]
    return at(way.fragment, limit) == value is not None


def _set(result, path, value, target, way):
    """Set a value at its new path, as the target writes it."""
    target = named(target, way.target, way.base)
    depth, row = schema.governing(path, way.source)
    paths, facts = row or ({2: None}, {})
    if "list" in facts and depth == len(path):
        target, value = _one_or_many(path, value, target, way)
    elif path in _ID_LISTS and isinstance(value, (list, tuple)):
        # The type check reports values that are not text.
        value = _plugin_ids(path, value, way) if all(isinstance(item, str) for item in value) else value
    elif paths[2] == _SCHED_CORE and (way.source == 2) != (way.target == 2) and value is not None:
        value = _sched_core(value, way)
    if target:
        _put(result, target, value)


def _one_or_many(path, value, target, way):
    """Return path and value of a setting that is a list by one name and a single value by another."""
    paths, facts = schema.governing(path, way.source)[1]
    names = NAMES[way.source][paths[way.source]]
    (many, single), name = facts["list"], target[-1]
    own = next(known for known in names if known == path[-1].lower())
    given = {**table(way.fragment, path[:-1]), own: value}
    # containerd's own default has the older name, empty, beside the newer one.
    moving = [key for key in names if key in given and key != name]
    moving = [key for key in moving if given[key] or name != many or key == names[0]]
    if own not in moving:
        # Of two names the empty one is dropped.
        stays = own != name or value or not moving
        return (*target[:-1], own) if stays else None, value
    if given.get(name):
        raise Refused(f"{name} is set as well: remove one of the two")
    if name == many and isinstance(value, str):
        return target, [value] if value else []
    if name != many and isinstance(value, (list, tuple)):
        if len(value) > 1:
            raise Refused(f"{single}: give one")
        return target, value[0] if value else ""
    return target, value


def _put(result, path, value):
    """Set the value at a path, unless another value is there."""
    *parents, name = path
    for part in parents:
        result = result.setdefault(part, {}) if isinstance(result, dict) else None
    if not isinstance(result, dict) or result.get(name, value) != value != {}:
        raise Refused(f"another key sets {dotted(path)}: remove one of the two")
    result.setdefault(name, {} if value == {} else copy.deepcopy(value))


def _plugin_ids(path, plugins, way):
    """Return a list of plugin ids in the target schema."""
    moved = []
    for plugin in plugins:
        if "." not in plugin:
            raise Refused(f"{plugin!r} is not a plugin id: write io.containerd.<type>.<version>.{plugin}")
        found = _plugin_id(plugin, way)
        if found is None and path == _ID_LISTS[0] and _is_gone(plugin):
            # A removed plugin is disabled anyway, and containerd ignores unknown ids.
            found = plugin
        if found is None:
            raise Refused(
                f"schema {way.target} has no plugin {plugin}: write {IDS['CRI']} for CRI, or remove it"
            )
        moved.append(found)
    return moved


def _plugin_id(plugin, way):
    """Return a plugin's id in the target schema, or None if that has no such plugin."""
    path = named(("plugins", plugin), way.source)
    # Disabling this one disables CRI in every release, and requiring it requires CRI.
    moved = path if path == _CRI else schema.move(path, way.source, way.target)
    if moved is None or len(moved) != 2 or (moved == _CRI) != (path == _CRI):
        return None
    return named(moved, way.target, way.base)[1]


def _is_gone(plugin):
    return "gone" in schema.governing_facts(("plugins", plugin), 2)


def _sched_core(value, way):
    """Convert between the boolean sched_core and the shims' environment."""
    variable = "SCHED_CORE=1"
    if way.target == 2:
        if value not in ([], [variable]):
            raise Refused(f"schema 2 can only express {variable}: remove the others")
        return bool(value)
    if not isinstance(value, bool):
        raise Refused(f"{value!r} must be true or false")
    env = at(way.base, named(setting("SHIM.env"), way.target, way.base)) or []
    others = [item for item in env if not str(item).startswith("SCHED_CORE=")]
    return [*others, variable] if value else others


def _derive_servers(result, way):
    """Write out for schema 4 what earlier daemons derived from the [grpc] section."""
    plugins = table(result, ("plugins",))
    ids = [named(("plugins", IDS[name]), way.target, way.base)[1] for name in ("GRPC", "TCP", "TTRPC")]
    # A table that is removed goes back to its defaults, key by key.
    grpc, tcp, ttrpc = (plugins.get(plugin, {}) for plugin in ids)
    grpc = dict.fromkeys((*_SOCKET, *_LIMITS)) if grpc is None else grpc
    ttrpc = {} if ttrpc is None else ttrpc
    if not all(isinstance(server, dict) for server in (grpc, tcp, ttrpc)):
        return
    for server, key in ((grpc, "address"), *((grpc, key) for key in _LIMITS), (ttrpc, "address")):
        if server.get(key) in ("", 0):
            # Empty meant the default; in schema 4 it means no socket, or gRPC's own limit.
            server[key] = None
    tcp.update((key, grpc[key]) for key in _LIMITS if key in grpc)
    if not ttrpc.get("address"):
        derived = {key: grpc[key] for key in _SOCKET if key in grpc and not ttrpc.get(key)}
        if isinstance(derived.get("address"), str):
            derived["address"] += ".ttrpc"
        ttrpc.update(derived)
    plugins.update({plugin: server for plugin, server in zip(ids[1:], (tcp, ttrpc)) if server})
