"""Keys and plugins that containerd does not know: it ignores them, 1.x silently."""

from containerd_formula import schema
from containerd_formula.data import at, table
from containerd_formula.findings import finding
from containerd_formula.names import is_slip, misspelt, nearest
from containerd_formula.paths import dotted
from containerd_formula.rules.context import is_below, is_map, is_short, too_short
from containerd_formula.table import named


def other_schema(context):
    """Keys of another schema, removed ones, and sections that schema 4 ignores."""
    for one in schema.removed(context.overrides, context.version):
        there = context.locate(one.path)
        # A key that neither schema has is misspelled, and a name in its own table is the better cure.
        if not there or context.known(there) or not table(context.base, one.path[:-1]):
            yield one.path, one.words, one.level


def plugin_ids(context):
    """Tables of plugins that do not exist: 1.x refuses short ids, and nothing reads the others."""
    catalogue = schema.plugins()
    known = [*table(context.base, ("plugins",)), *(plugin for plugin in catalogue if catalogue[plugin])]
    for plugin in table(context.overrides, ("plugins",)):
        if plugin in known:
            continue
        path, near = ("plugins", plugin), _meant(context, plugin, known) or nearest(plugin, known, 0.8)
        if is_short(plugin):
            yield path, too_short(plugin, known)
        elif plugin in catalogue:
            yield path, "this plugin has no settings, so containerd ignores these: remove them", "warning"
        elif near and (misspelt(plugin, near) or near == _meant(context, plugin, known)):
            yield path, f"containerd has no such plugin: write {dotted(('plugins', near))}"
        else:
            hint = f", or is it {dotted(('plugins', near))}" if near else ""
            words = "containerd itself has no such plugin: is it compiled into this binary"
            yield path, f"{words}{hint}?", "warning"


def spelling(context):
    """Keys that differ from containerd's in case only: it takes both for one and the same."""
    for path, _ in context.leaves:
        for depth in range(1, len(path) + 1):
            *parent, name = path[:depth]
            children = () if is_map(parent) else context.children(parent)
            twins = [child for child in children if child.lower() == name.lower()]
            if twins and name not in twins:
                yield path[:depth], f"containerd takes it for {twins[0]}: write {twins[0]}"
                break


def unknown(context):
    """Keys that containerd would ignore: silently in 1.x, with a warning in its log since 2.0."""
    misnamed = {one.path for one in context.found}
    for path, value in context.leaves:
        depth = next((i for i in range(1, len(path) + 1) if not context.known(path[:i])), 0)
        if not depth or is_below(path, misnamed):
            continue
        # Removing a missing key loses nothing.
        level = "warning" if value is None or value == {} or not context.strict else "error"
        yield path[:depth], f"containerd would ignore it: {_why(context, path[:depth])}", level, "ignored"


def as_written(one, context):
    """Return a finding with the key as its author wrote it."""
    source, own = context.author(one.path)
    return one if own == one.path else finding(own, one.words, one.level, one.about)._replace(path=one.path)


def _meant(context, plugin, known):
    """Return the plugin that a misspelt id means: it differs by a slip, and has a key that is set there."""
    path = ("plugins", plugin)
    keys = [key for key, _ in context.leaves if key[:2] == path]
    for other in known:
        if is_slip(plugin, other) and any(_is_key(context, (path[0], other, *key[2:]), key) for key in keys):
            return other
    return None


def _is_key(context, path, written):
    """Tell whether this release has a key, by the schema in which its author writes it."""
    moved = schema.move(path, context.author(written)[0], context.version)
    return bool(moved) and context.known(named(moved, context.version, context.base))


def _why(context, path):
    """Return why containerd does not know a key, and what to write instead."""
    facts = schema.facts(path)
    if "gone" in facts:
        return f"containerd {facts['gone']} removed it, {facts['instead']}"
    if "since" in facts:
        return f"it came with containerd {facts['since']}, remove it for this release"
    if path[0] == "plugins" and len(path) == 2:
        return "this one has no such plugin, or none with settings: remove it for this release"
    if newer := _newer(context, *context.author(path)):
        return f"this release calls it {dotted(newer)}, write this layer for version: {context.version}"
    near = _nearest(context, *context.author(path))
    return f"the nearest key is {near}" if near else "this release has no such key, remove it"


def _newer(context, source, path):
    """Return this release's path of a CRI key that the author's older schema does not have."""
    ids = schema.cri_plugins() if source < context.version else ()
    places = [("plugins", plugin, *path[2:]) for plugin in ids if path[1:2] and path[1] in ids]
    here = [place for place in places if at(context.base, place) is not None]
    return next((place for place in here if schema.move(place, context.version, source) is None), None)


def _nearest(context, source, path):
    """Return the nearest key, by its name in the schema of its author and by that of this release."""
    *parent, name = path
    keys = context.keys_of(source)
    if source == context.version:
        names = context.children(tuple(parent))
    else:
        names = [key[len(parent)] for key in keys if _is_beneath(key, parent)]
    near = nearest(name, [own for own in dict.fromkeys(names) if own != "*"])
    if near:
        best = (*parent, near)
    else:
        # The same name in another table, or one like it, and the nearest of those.
        like = nearest(name.lower(), list({key[-1].lower() for key in keys if "*" not in key}), 0.8)
        alike = {dotted(key): key for key in keys if key[-1].lower() == like and "*" not in key}
        best = alike.get(nearest(dotted(path), alike, 0))
    if not best:
        return ""
    here = named(schema.move(best, source, context.version), context.version, context.base)
    return dotted(best) if here == best else f"{dotted(best)}, in this release {dotted(here)}"


def _is_beneath(key, parent):
    return len(key) > len(parent) and all(part in ("*", own) for part, own in zip(key, parent))


RULES = (other_schema, plugin_ids, spelling, unknown)
