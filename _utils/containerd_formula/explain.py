"""Explain a composed document: where a value comes from, and whether it is in effect."""

from collections import OrderedDict

from containerd_formula import schema, toml
from containerd_formula.data import at, leaves
from containerd_formula.effect import differs, is_stranger, spell_options
from containerd_formula.errors import Refused
from containerd_formula.names import nearest
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked
from containerd_formula.table import SCHEMAS
from containerd_formula.translation import translate


def explained(made, dump, key=None):
    """
    Return {dotted path: facts} for each override, or for one key of any schema.

    Ordered, the value first: Salt's outputters sort plain dictionaries.
    """
    spell_options(dump)
    paths = list(leaves(made.site))
    if key is not None:
        paths = _paths_of(key, made, paths)
    return OrderedDict((dotted(path), _facts(path, made, dump)) for path in paths)


def _paths_of(key, made, known):
    """Return the paths here of a key of any schema; of a table, those of its keys."""
    path = toml.key(key)
    every = dict.fromkeys([*known, *leaves(made.result)])
    return _below(path, every, made) or _ending(path, every, made) or _none(key, path, every)


def _below(path, every, made):
    """Return the keys at or below a path of any schema."""
    nested = None
    for part in reversed(path):
        nested = {part: nested}
    moved = translate(nested, made.version, base=made.default).fragment
    wanted = [path, *leaves(moved)]
    return [leaf for leaf in every if any(leaf[: len(head)] == head for head in wanted)]


def _ending(path, every, made):
    """Return the keys that end in these parts, else those in such a table; in any schema and any case."""
    rests = {
        leaf: {rest for name in _names(leaf, made) for rest in _rests(_lower(name), _lower(path))}
        for leaf in every
    }
    return [leaf for leaf in every if 0 in rests[leaf]] or [leaf for leaf in every if rests[leaf]]


def _rests(name, wanted):
    """Yield, for each place of the wanted parts in a name, how many parts follow; ids may be short."""
    short = [part.rpartition(".")[2] if number == 1 else part for number, part in enumerate(name)]
    for end in range(len(wanted), len(name) + 1):
        start = end - len(wanted)
        if wanted in (name[start:end], short[start:end]):
            yield len(name) - end


def _names(leaf, made):
    """Return the names of a key in all schemas."""
    return [leaf, *filter(None, (schema.move(leaf, made.version, other) for other in SCHEMAS))]


def _lower(path):
    return [part.lower() for part in path]


def _none(key, path, every):
    """Refuse a key that this containerd does not have, and name the nearest one."""
    places = [dotted(leaf) for leaf in every]
    near = nearest(path[-1], list({leaf[-1] for leaf in every}))
    close = nearest(dotted(path), places) or next((dotted(leaf) for leaf in every if leaf[-1] == near), None)
    hint = f": the nearest is {close}" if close else ""
    raise Refused(f"{key} is not a key of this containerd's configuration{hint}.")


def _facts(path, made, dump):
    """Return the facts about one key: value, whether it is in effect, layer, default, effective value."""
    value = at(made.result, path)
    disabled = made.result.get("disabled_plugins") or ()
    # A dump may repeat the file's settings of an unknown plugin.
    stranger = is_stranger(path, made.default)
    return OrderedDict(
        value=masked(value, path),
        in_effect=value is None or not (stranger or differs(path, value, dump, disabled)),
        layer=made.origin.get(path, "containerd"),
        default=masked(at(made.default, path), path),
        effective=masked(None if stranger else at(dump, path), path),
    )
