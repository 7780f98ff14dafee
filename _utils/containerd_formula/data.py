"""Plain data: convert pillar to what TOML can hold, and walk, merge and compare it."""

import datetime
import re
from collections.abc import Mapping

from containerd_formula.errors import Refused, quoted
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked

# TOML 1.0 promises 64 bits, and Go's parsers refuse more.
INT64 = range(-(2**63), 2**63)
# Limits of one configuration, which bound time and stack: values, levels of keys, and characters.
# containerd's default has 300, 8 and 10,000.
VALUES, DEPTH, SIZE = 5_000, 64, 128 * 1024
# What TOML calls the types, with an article.
_TYPES = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    list: "an array",
    dict: "a table",
}


def plain(value, path=()):
    """
    Return a pillar value in plain types: pillar has ordered and immutable ones, and subclasses of str.

    A value that is too large, too deep, or endless (a YAML anchor can contain itself) is refused.
    """
    return _Door().plain(value, tuple(path))


class _Door:
    """Converts one value, and counts how large it is."""

    def __init__(self):
        self.values = self.size = 0

    def plain(self, value, path):
        self._count(path)
        if value is None or isinstance(value, (bool, datetime.date, datetime.time)):
            return value
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, (int, float)):
            return _plain_number(value, path)
        if isinstance(value, Mapping):
            return self._table(value, path)
        if isinstance(value, (list, tuple)):
            items = [self.plain(item, (*path, str(number))) for number, item in enumerate(value)]
            if any(item is None for item in items):
                raise Refused(f"{_where(path)} is a list with a null in it: remove it, TOML has no null.")
            return items
        raise Refused(f"{_where(path)} is a {type(value).__name__}: write text, a number, a list or a table.")

    def _table(self, value, path):
        """Return a mapping in plain types; refuse a key that comes twice."""
        result = {}
        for key, inner in value.items():
            name = self._key(key, path)
            if name in result:
                raise Refused(f"{_where(path)} has the key {name!r} twice, as number and string: remove one.")
            result[name] = self.plain(inner, (*path, name))
        return result

    def _key(self, key, path):
        """Return a key as text; refuse one that YAML made something else of."""
        # YAML makes numbers and booleans of unquoted keys.
        if isinstance(key, str):
            return self._text(key, path)
        if isinstance(key, int) and not isinstance(key, bool):
            return str(_plain_number(key, path))
        raise Refused(f"{_where(path)} has the key {quoted(key)}: quote it, keys are strings.")

    def _text(self, value, path):
        """Return text as plain str, within the limits."""
        # A subclass may override __str__ (Salt 3008 has types that hide their value).
        text = str.__str__(value)
        self.size += len(text)
        if self.size > SIZE:
            raise Refused(f"{_where(path)} brings the overrides to more than {SIZE} characters: shorten it.")
        if not is_unicode(text):
            raise Refused(f"{_where(path)} holds text that is not Unicode: type it again.")
        return text

    def _count(self, path):
        """Count one more value; refuse too many, or too deep ones."""
        self.values += 1
        if len(path) > DEPTH:
            raise Refused(
                f"{_where(path[:3])} is nested more than {DEPTH} levels deep: does an anchor contain itself?"
            )
        if self.values > VALUES:
            raise Refused(f"{_where(path[:3])} is one of more than {VALUES} values: leave some out.")


def is_unicode(text):
    """Tell whether a text can be written: half of a surrogate pair cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def fit(value, default, path, told=None):
    """
    Return a plain value in the type of the default that it replaces, if that loses nothing.

    A float does not become a string: YAML has turned 3.10 into 3.1 by then. ``told`` describes the default
    if it is not containerd's.
    """
    wanted = type(default)
    if type(value) is wanted:
        if wanted is list and default and all(isinstance(item, str) for item in default):
            told = told and "each entry must be a string"
            return [fit(item, default[0], (*path, str(number)), told) for number, item in enumerate(value)]
        return value
    if wanted is str and type(value) is int:
        return str(value)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    # At most the digits of 64 bits: int() refuses thousands.
    if wanted is int and isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", value):
        if int(value) in INT64:
            return int(value)
    told = told or f"containerd's default is {_shown(default, value, path)}"
    words = f"{_where(path)} is {_shown(value, default, path)}; {told}"
    raise Refused(f"{words}: write it as one (quote a string).")


# For each type in the table: a sample value, and its name in messages.
SAMPLES = {
    "text": ("", "a string"),
    "texts": ([""], "an array of strings"),
    "boolean": (False, "a boolean"),
    "float": (0.0, "a float"),
    "table": ({}, "a table"),
    "tables": ([{}], "an array of tables"),
}


def same(one, other):
    """Tell whether two values are the same TOML: the number 1, true and 1.0 are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def combine(data, patch):
    """Return data with a merge patch (RFC 7396) laid over it, in which a null stays a null."""
    result = dict(data)
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = combine(result[key], value)
        else:
            result[key] = value
    return result


def without_null(value):
    """Return a value without its nulls: a new key has nothing that they could remove."""
    if isinstance(value, dict):
        return {key: without_null(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_null(item) for item in value]
    return value


def without_paths(data, paths):
    """Return data without some of its keys."""
    result = dict(data)
    for key in {path[0] for path in paths}:
        below = [path[1:] for path in paths if path[0] == key]
        if () in below:
            del result[key]
        else:
            result[key] = without_paths(result[key], below)
    return result


def walk(data, path=()):
    """Yield (path, value) of each value that is no table, and of each empty table."""
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from walk(value, (*path, key))
        else:
            yield (*path, key), value


def leaves(data):
    """Return what ``walk`` yields as a dictionary."""
    return dict(walk(data))


def at(data, path):
    """Return the value at a path, or None if there is none."""
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def table(data, path):
    """Return the table at a path, or an empty one if there is none."""
    value = at(data, path)
    return value if isinstance(value, dict) else {}


def texts(value):
    """Return the texts in a list, and none if it is not a list: the type check reports other values."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def put(data, path, value):
    """Set the value at a path, and make the tables above it; do nothing if another value is in the way."""
    *parents, name = path
    for part in parents:
        data = data.setdefault(part, {}) if isinstance(data, dict) else None
    if isinstance(data, dict):
        data[name] = value


def drop(data, path):
    """Remove a path, and the tables that are empty then."""
    *parents, name = path
    table(data, parents).pop(name, None)
    if parents and at(data, parents) == {}:
        drop(data, tuple(parents))


def _plain_number(value, path):
    """Return a number in its plain type; refuse NaN and more than 64 bits."""
    if isinstance(value, float):
        if value != value:
            raise Refused(f"{_where(path)} is not a number (.nan): write one.")
        return float(value)
    if value not in INT64:
        raise Refused(f"{_where(path)} is a number of more than 64 bits: quote it.")
    return int(value)


def _where(path):
    return dotted(path) or "the overrides"


def _shown(value, other, path):
    """Return a value with its type for a message."""
    # Of a table only the type.
    kind = _TYPES.get(type(value), f"a {type(value).__name__}")
    if isinstance(value, dict) or isinstance(other, dict):
        return kind
    return f"{masked(value, path)!r}, {kind}"
