"""Drift: how a configuration file differs from what it should hold."""

from collections import OrderedDict

from containerd_formula import schema
from containerd_formula.data import at, leaves, put
from containerd_formula.paths import dotted
from containerd_formula.reading import spots, unlike
from containerd_formula.secrets import masked


def drift(found, made, path, whole):
    """
    Return the keys of a file that were added, have changed, or are missing, with the path of the file.

    In a ``whole`` file, one that the formula wrote, any key can be missing; in another only an override.
    """
    added, changed, seen = {}, _other_schema(found, made, path) if whole else {}, set()
    for key, value in leaves(found).items():
        if _says_nothing(key, value, made):
            continue
        here = _here(key, value, made)
        seen.update(here)
        place, inner = next(iter(here.items()))
        if not any(at(made.result, one) is not None for one in here):
            # Ordered, the value first: Salt's outputters sort plain dictionaries.
            added[dotted(key)] = OrderedDict(value=masked(value, key), file=path)
        elif not any(_alike(one, each, made.result) for one, each in here.items()):
            wanted = masked(at(made.result, place), place)
            changed[dotted(place)] = OrderedDict(value=masked(inner, place), wanted=wanted, file=path)
    asked = leaves(made.result if whole else made.site)
    # A file of another schema may lack an empty default.
    nothing = (None, "", 0, False, [], {}) if "version" in changed else (None, {})
    missing = {
        dotted(key): OrderedDict(wanted=masked(value, key), file=path)
        for key, value in asked.items()
        if value not in nothing and key not in seen and not _says_nothing(key, value, made)
    }
    told = {"added": added, "changed": changed, "missing": missing}
    return {kind: keys for kind, keys in told.items() if keys}


def _says_nothing(key, value, made):
    """Tell whether an entry is the version, or an empty leftover of another release's default."""
    return key == ("version",) or schema.is_residue(key, value, made.version)


def _other_schema(found, made, path):
    """Return one entry for a file that is written for another release, as after an upgrade."""
    version = found.get("version")
    if version == made.version:
        return {}
    return {"version": OrderedDict(value=version, wanted=made.version, file=path)}


def _here(key, value, made):
    """Return {path: value} that an entry may have in this containerd: the known paths, if there are any."""
    found = spots(key, value, made)
    known = {path: inner for path, inner in found.items() if at(made.result, path) is not None}
    return known or {key: value}


def _alike(path, value, result):
    one = {}
    put(one, path, value)
    return not unlike(path, result, one)
