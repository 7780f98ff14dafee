"""What there is to tell of a composed document: where a value comes from."""

from collections import OrderedDict

from containerd_formula import schema, toml
from containerd_formula.data import at, leaves
from containerd_formula.effect import differs, is_stranger
from containerd_formula.errors import Refused
from containerd_formula.names import nearest
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked
from containerd_formula.table import SCHEMAS
from containerd_formula.translation import translate


def explained(made, dump, key=None):
    """
    Return dotted path to what there is to know, for each override or for one key of any schema.

    Ordered, and the value first: Salt's outputters sort other dictionaries.
    """
    paths = list(leaves(made.site))
    if key is not None:
        paths = _paths_of(key, made, paths)
    return OrderedDict((dotted(path), _facts(path, made, dump)) for path in paths)


def _paths_of(key, made, known):
    """Return the paths of one key of any schema in this one; a table stands for what is in it."""
    path = toml.key(key)
    every = dict.fromkeys([*known, *leaves(made.result)])
    return _below(path, every, made) or _ending(path, every, made) or _none(key, path, every)


def _below(path, every, made):
    nested = None
    for part in reversed(path):
        nested = {part: nested}
    moved = translate(nested, made.version, base=made.default).fragment
    wanted = [path, *leaves(moved)]
    return [leaf for leaf in every if any(leaf[: len(head)] == head for head in wanted)]


def _ending(path, every, made):
    """Return the keys whose last parts these are, in this schema or in another; in any case."""
    end = [part.lower() for part in path]
    return [leaf for leaf in every if any(_lower(name)[-len(end) :] == end for name in _names(leaf, made))]


def _names(leaf, made):
    """Return what the schemas call a key."""
    return [leaf, *filter(None, (schema.move(leaf, made.version, other) for other in SCHEMAS))]


def _lower(path):
    return [part.lower() for part in path]


def _none(key, path, every):
    places = [dotted(leaf) for leaf in every]
    near = nearest(path[-1], list({leaf[-1] for leaf in every}))
    close = nearest(dotted(path), places) or next((dotted(leaf) for leaf in every if leaf[-1] == near), None)
    hint = f": the nearest is {close}" if close else ""
    raise Refused(f"{key} is no key of this containerd's configuration{hint}.")


def _facts(path, made, dump):
    value = at(made.result, path)
    disabled = made.result.get("disabled_plugins") or ()
    # A dump may repeat what the file has for a plugin that is not there.
    stranger = is_stranger(path, made.default)
    return OrderedDict(
        value=masked(value, path),
        in_effect=value is None or not (stranger or differs(path, value, dump, disabled)),
        layer=made.origin.get(path, "containerd"),
        default=masked(at(made.default, path), path),
        effective=masked(None if stranger else at(dump, path), path),
    )
