"""What has come between a configuration file and what it should hold: by hand, or by another tool."""

from collections import OrderedDict

from containerd_formula import schema
from containerd_formula.data import at, leaves, put
from containerd_formula.paths import dotted
from containerd_formula.reading import spots, unlike
from containerd_formula.secrets import masked


def drift(found, made, path, whole):
    """
    Return what a file, its data and its path, has that nobody asked for, and lacks: each with its place.

    A ``whole`` file, one of the formula's, lacks each key that is not there; another only what was asked for.
    """
    added, changed, seen = {}, _other_schema(found, made, path) if whole else {}, set()
    for key, value in leaves(found).items():
        if _says_nothing(key, value, made):
            continue
        here = _here(key, value, made)
        seen.update(here)
        place, inner = next(iter(here.items()))
        if not any(at(made.result, one) is not None for one in here):
            # Salt's outputters sort other dictionaries, and the value comes first.
            added[dotted(key)] = OrderedDict(value=masked(value, key), file=path)
        elif not any(_alike(one, each, made.result) for one, each in here.items()):
            wanted = masked(at(made.result, place), place)
            changed[dotted(place)] = OrderedDict(value=masked(inner, place), wanted=wanted, file=path)
    asked = leaves(made.result if whole else made.site)
    # An empty default that came with another schema is no loss.
    nothing = (None, "", 0, False, [], {}) if "version" in changed else (None, {})
    missing = {
        dotted(key): OrderedDict(wanted=masked(value, key), file=path)
        for key, value in asked.items()
        if value not in nothing and key not in seen and not _says_nothing(key, value, made)
    }
    told = {"added": added, "changed": changed, "missing": missing}
    return {kind: keys for kind, keys in told.items() if keys}


def _says_nothing(key, value, made):
    """Tell whether an entry is the version, or what a default of an older release leaves without meaning."""
    return key == ("version",) or schema.is_residue(key, value, made.version)


def _other_schema(found, made, path):
    """Return what tells once that a file is written for another release, as before an upgrade."""
    version = found.get("version")
    if version == made.version:
        return {}
    return {"version": OrderedDict(value=version, wanted=made.version, file=path)}


def _here(key, value, made):
    """Return {path: value} of what an entry may be in this containerd, those that it knows first."""
    found = spots(key, value, made)
    known = {path: inner for path, inner in found.items() if at(made.result, path) is not None}
    return known or {key: value}


def _alike(path, value, result):
    one = {}
    put(one, path, value)
    return not unlike(path, result, one)
