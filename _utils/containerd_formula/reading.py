"""
Find what of a configuration file is in effect: the ``config dump`` of the containerd that reads it shows it.

A file may have an older schema, none, or several, as containerd 2.x accepts them; and containerd's migration
may lose settings.
"""

from typing import NamedTuple

from containerd_formula import schema, toml
from containerd_formula.data import at, combine, drop, leaves, plain, put, table, texts, walk, without_null
from containerd_formula.diff import diff
from containerd_formula.effect import differs, is_stranger, option, spell_options
from containerd_formula.errors import Refused
from containerd_formula.findings import ERROR, Finding, finding
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked
from containerd_formula.table import PLUGINS, SCHEMAS
from containerd_formula.translation import translate

ID_LISTS = ("disabled_plugins", "required_plugins")
_EMPTY = ("", 0, False, 0.0, [], {})
_UNHEARD = "in a file without version = 2 this containerd reads plugins by their short ids alone"
_NO_PLUGIN = "this containerd has no such plugin, or none with settings"
# Keys of the file that are not compared with a dump.
_OF_THE_FILE = ("version", "imports", *ID_LISTS)


class Reading(NamedTuple):
    """A file as containerd reads it."""

    # Every setting of containerd's default and of the file, by this containerd's names.
    effect: dict
    # The path in ``effect`` of each entry of the file, in the file's order.
    places: list
    # Findings about keys of the file that are not in effect.
    dead: list
    # Entries of the default, such as a runtime, that a release lets a file leave out.
    absent: list
    # Whether the file disables CRI, so that nothing of it is in effect.
    cri_off: bool
    # Settings that imported files override: the value that results, None if there is none.
    over: dict


def alone(text, source="the file", imports=False):
    """Return a file's text without its imports, and with CRI: a dump then shows what the file itself sets."""
    document = toml.parse(text, source)
    if "imports" in document and not imports:
        del document["imports"]
    off = document.unwrap().get("disabled_plugins")
    if texts(off) and _without_cri(off) != off:
        document["disabled_plugins"] = _without_cri(off)
    return document.as_string()


def is_whole(found, made):
    """Tell whether a file has every key of this containerd's default: a dump would show nothing new."""
    default = leaves(made.default)
    return found.get("version") == made.version and all(at(found, path) is not None for path in default)


def reading(found, dump, made, whole=None):
    """
    Return the reading of a file, from its data, the dump of it ``alone``, and a composed document.

    ``whole`` is the dump with the files that it imports, if there are any.
    """
    over = _over(dump, whole, made) if whole else {}
    effect = _without_lists(dump)
    dead = _without_strangers(effect, made)
    _show_options(found, effect, made)
    places = []
    deaf = _is_deaf(found, made)
    for path, value, short in _entries(found):
        unheard = deaf and path[0] == "plugins" and not short
        place, lost = _fate(path, value, effect, made, found.get("version"), unheard)
        places += [place] if place else []
        dead += [lost] if lost else []
    absent = _fill(effect, made)
    effect.update(_lists(found, made, dead))
    _take_one_for_many(effect, made)
    if "imports" in found or "imports" in made.default:
        # containerd 2.2 reads its default imports only if the file names them.
        effect["imports"] = texts(found.get("imports"))
    # Of two findings about one key the first names the cure.
    unique = list({one.key: one for one in reversed(dead)}.values())[::-1]
    return Reading(effect, places, unique, absent, is_cri_off(found), over)


def guessed(found, made):
    """Return a reading without asking containerd, from the table of settings alone."""
    try:
        effect = translate(found, made.version, base=made.default).fragment
    except Refused:
        effect = _one_by_one(found, made)
    effect = combine(made.default, without_null(effect))
    return Reading(effect, list(leaves(effect)), [], [], is_cri_off(found), {})


def is_cri_off(data):
    """Tell whether a file disables CRI."""
    off = texts(data.get("disabled_plugins"))
    return _without_cri(off) != off


def unlike(path, data, effect):
    """Tell whether a setting differs between two documents; either may be a dump."""
    value, shown = at(data, path), at(effect, path)
    if path == ("imports",):
        return (value or []) != (shown or [])
    if path in ((name,) for name in ID_LISTS):
        # Schema 1 has short ids.
        return [_full(plugin) for plugin in texts(value)] != [_full(plugin) for plugin in texts(shown)]
    if value is None:
        return shown is not None and shown not in _EMPTY
    return differs(path, value, effect) or (value not in _EMPTY and shown in (None, {}))


def changes(before, result):
    """Return what differs, as ``diff``, without mere differences of notation in containerd's dumps."""
    paths = dict.fromkeys([*leaves(result), *leaves(before)])
    quiet = {dotted(path) for path in paths if path[0] != "version" and not unlike(path, result, before)}
    return {key: change for key, change in diff(before, result).items() if key not in quiet}


def with_imports(changed, read, shown, made):
    """Return changes; keys that imported files set have the values in effect before and in the new dump."""
    new = _own(shown, made)
    say = {dotted(path) for path in read.over}
    theirs = {
        dotted(path): {"old": masked(old, path), "new": masked(at(new, path), path)}
        for path, old in read.over.items()
        if _is_other(path, old, new)
    }
    return {**{key: change for key, change in changed.items() if key not in say}, **theirs}


def lost(read, shown, made, files, level=ERROR):
    """Return findings about settings of imported files that a new document, with this dump, would lose."""
    new, asked = _own(shown, made), leaves(made.site)
    found = []
    for path, old in read.over.items():
        if path in asked or not _is_other(path, old, new):
            continue
        before, after = told(old, path), told(at(new, path), path)
        words = (
            f"it is {before} now, by an imported file, and would be {after}: rewrite {' or '.join(files)} as "
            f"version = {made.version} with the names of that schema, or set this key in pillar"
        )
        found.append(finding(path, f"{words}.", level))
    return found


def told(value, path):
    """Return a value as a message about its key shows it."""
    return "not set" if value is None else repr(masked(value, path))


def spots(path, value, made):
    """Return {path: value} that an entry of a file, in whichever schema, may have here."""
    path = option(path)
    whole, found = {}, {}
    put(whole, path, value)
    try:
        moved = translate(whole, made.version, base=made.default).fragment
        found = {place: inner for place, inner in walk(moved) if inner is not None}
    except Refused:
        pass
    return {**found, path: value}


def _one_by_one(found, made):
    """Return a file that mixes schemas by this containerd's names, as far as each entry tells its own."""
    result = {key: found[key] for key in _OF_THE_FILE if key in found}
    for path, value, _ in _entries(found):
        here = spots(path, value, made)
        known = {place: inner for place, inner in here.items() if at(made.default, place) is not None}
        for place, inner in (known or {path: value}).items():
            put(result, place, inner)
    return result


def _without_lists(dump):
    return plain({key: value for key, value in dump.items() if key not in ("imports", *ID_LISTS)})


def _own(dump, made):
    """Return the settings of a dump that are this containerd's own."""
    settings = _without_lists(dump)
    _without_strangers(settings, made)
    _take_one_for_many(settings, made)
    return settings


def _over(dump, whole, made):
    """Return the settings of a file that its imports override, with the values that result."""
    mine, theirs = _own(dump, made), _own(whole, made)
    # A file that disables CRI does not change its settings.
    off = [("plugins", plugin) for plugin in schema.cri_plugins() if is_cri_off(whole)]
    return {
        path: at(theirs, path)
        for path in dict.fromkeys([*leaves(theirs), *leaves(mine)])
        if path[0] != "version" and path[:2] not in off and _is_other(path, at(theirs, path), mine)
    }


def _is_other(path, value, settings):
    """Tell whether a value (None: there is none) differs from the one in some settings."""
    data = {}
    if value is not None:
        put(data, path, value)
    return unlike(path, data, settings)


def _without_cri(plugins):
    return [plugin for plugin in plugins if plugin not in ("cri", *schema.cri_plugins())]


def _entries(found):
    """Yield (path, value, whether its plugin id was short) of a file's settings, by full ids."""
    for path, value in walk(plain(found)):
        if path[0] == "plugins" and len(path) > 1:
            yield ("plugins", _full(path[1]), *path[2:]), value, "." not in path[1]
        elif path[0] not in _OF_THE_FILE:
            yield path, value, False


def _full(plugin):
    """Return the full id of a plugin; schema 1 has short ones."""
    if "." in plugin:
        return plugin
    return next((full for full in schema.plugins() if full.endswith(f".{plugin}")), plugin)


def _without_strangers(effect, made):
    """Remove from a dump what it only repeats from the file; return findings about it."""
    dead, plugins = [], table(effect, ("plugins",))
    ours = made.default.get("plugins", {})
    # 1.x shows one that is not its own where it has loaded it, 2.x whatever a file has.
    own = [one for one in plugins if made.version == 2 and one not in PLUGINS and one.count(".") > 2]
    for plugin in [one for one in plugins if one not in ours and one not in own]:
        words = schema.stray(("plugins", plugin), made.version) or _NO_PLUGIN
        schema.lose(("plugins", plugin), plugins.pop(plugin), f"not in effect: {words}", dead)
    for path, value in leaves(effect).items():
        words = schema.stray(path, made.version)
        if words:
            schema.lose(path, value, f"not in effect: {words}", dead)
            drop(effect, path)
    return [one for one in dead if one.level == "error"]


def _fate(path, value, effect, made, version, unheard=False):
    """Return where in the effect an entry of the file is, and a finding if it is not in effect."""
    candidates = spots(path, value, made)
    for place, inner in candidates.items():
        if at(effect, place) is not None and not differs(place, inner, effect):
            # Keep the file's notation: 60s, where a dump has 1m0s.
            if isinstance(inner, str) and isinstance(at(effect, place), str):
                put(effect, place, inner)
            return place, None
    known = next((place for place in candidates if at(effect, place) is not None), None)
    if known and not (value == "" or value == {} or (type(value) is int and value == 0)):
        of = f"of version {version}" if version else "without version"
        shown, runs = masked(value, known), masked(at(effect, known), known)
        words = f"the file has {shown!r}, but this containerd runs with {runs!r}: in a file {of} it ignores"
        return known, finding(path, f"{words} this key, or loses it when it migrates the file")
    if known or value in _EMPTY:
        return known, None
    dead = []
    stranger = is_stranger(path, made.default)
    words, path = (_NO_PLUGIN, path[:2]) if stranger else (_why_dead(path, made, unheard), path)
    schema.lose(path, value, f"not in effect: {words}", dead)
    return None, next((one for one in dead if one.level == "error"), None)


def _show_options(found, effect, made):
    """Put the runtimes' real options into a dump: 1.4 shows none, others repeat misspelled ones."""
    hidden = {path for path, value in walk(effect) if path[-1:] == ("options",) and value == {}}
    deaf = _is_deaf(found, made)
    for path, value, short in _entries(found) if made.version == 2 else ():
        if path[:-1] in hidden and short >= deaf:
            put(effect, path, value)
    spell_options(effect)


def _is_deaf(found, made):
    """Tell whether containerd looks for short plugin ids alone: 1.x does so in a file of schema 1."""
    return made.version == 2 and (found.get("version") or 1) == 1


def _why_dead(path, made, unheard):
    """Return why a key of the file is not in effect."""
    facts, words = schema.facts(path), schema.stray(path, made.version)
    # What this release has by another name is not too new for it.
    moved = [schema.move(path, other, made.version) for other in SCHEMAS] if words else []
    here = {place[-1] for place in moved if place} & {leaf[-1] for leaf in leaves(made.default)}
    if "since" in facts and "gone" not in facts and not here and not unheard:
        return f"it came with containerd {facts['since']}, and this one is older"
    if words:
        return words
    if "gone" in facts:
        return f"removed in containerd {facts['gone']}: {facts['instead']}"
    return _UNHEARD if unheard else "this containerd has no such key"


def _fill(effect, made):
    """Complete a dump by the default, and return the entries that are not in effect at all."""
    absent = []
    for path, value in leaves(made.default).items():
        if at(effect, path) is not None or path[0] in _OF_THE_FILE:
            continue
        entry = next((path[:end] for end in range(1, len(path)) if at(effect, path[:end]) is None), None)
        if entry is None:
            # Dumps leave out empty values.
            put(effect, path, type(value)())
        else:
            # The file leaves the entry out: take it from the composed document.
            put(effect, entry, plain(at(made.result, entry) or {}))
            absent.append(entry)
    return [path for path in absent if len(path) > 2]


def _take_one_for_many(effect, made):
    """Move the older name of the CNI directories to the newer one: of both containerd takes the older."""
    many = schema.locate("CRI.cni.bin_dir", made.version, made.default)
    one = (*many[:-1], "bin_dir")
    if many[-1] == "bin_dirs" and isinstance(at(effect, one), str) and at(effect, one):
        put(effect, many, [at(effect, one)])
        put(effect, one, "")


def _lists(found, made, dead):
    """Return the lists of plugins by their full ids, without those that this containerd does not have."""
    lists = {}
    for name in ID_LISTS:
        given = texts(found.get(name))
        plugins = [_full(plugin) for plugin in (_without_cri(given) if name == ID_LISTS[0] else given)]
        gone = [one for one in plugins if made.version not in schema.homes(("plugins", one))]
        dead += [
            Finding(f"{name} {one}", f"{name}: {one} is not a plugin of this containerd") for one in gone
        ]
        if name in made.default or name in found:
            lists[name] = [one for one in plugins if one not in gone]
    return lists
