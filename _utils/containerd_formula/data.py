"""Plain data: what pillar gives, what TOML can hold, walked, merged and compared."""

import datetime
import re
from collections.abc import Mapping

from containerd_formula.errors import Refused, quoted
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked

# TOML 1.0 promises 64 bits, and Go's parsers refuse more.
INT64 = range(-(2**63), 2**63)
# Of one configuration, so that what comes after takes neither minutes nor the stack: values, keys above one
# another, and characters. containerd's default has 300, 8 and 10,000.
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

    What is too much, too deep, or without an end (YAML's anchors can hold themselves) is refused.
    """
    return _Door().plain(value, tuple(path))


class _Door:
    """One value on its way in, and how much of it there was."""

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
                raise Refused(f"{_where(path)} is a list with a null in it: TOML has no null.")
            return items
        raise Refused(f"{_where(path)} is a {type(value).__name__}: write text, a number, a list or a table.")

    def _table(self, value, path):
        result = {}
        for key, inner in value.items():
            name = self._key(key, path)
            if name in result:
                raise Refused(f"{_where(path)} has the key {name!r} twice, as number and string.")
            result[name] = self.plain(inner, (*path, name))
        return result

    def _key(self, key, path):
        # YAML makes numbers and booleans of unquoted keys.
        if isinstance(key, str):
            return self._text(key, path)
        if isinstance(key, int) and not isinstance(key, bool):
            return str(_plain_number(key, path))
        raise Refused(f"{_where(path)} has the key {quoted(key)}: quote it, keys are strings.")

    def _text(self, value, path):
        # A subclass may override __str__ (Salt 3008 has types that hide their value).
        text = str.__str__(value)
        self.size += len(text)
        if self.size > SIZE:
            raise Refused(
                f"{_where(path)} holds, with what is before it, over {SIZE} characters: shorten it."
            )
        if not is_unicode(text):
            raise Refused(f"{_where(path)} holds text that is not Unicode: write it anew.")
        return text

    def _count(self, path):
        self.values += 1
        if len(path) > DEPTH:
            raise Refused(f"{_where(path[:3])} is nested more than {DEPTH} levels deep: does it hold itself?")
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
    Return a plain value in the type of the default that it replaces, where nothing is lost by it.

    A float is no string: YAML has made 3.1 of 3.10 by then. ``told`` says what the default is, where it is
    not containerd's.
    """
    wanted = type(default)
    if type(value) is wanted:
        if wanted is list and default and all(isinstance(item, str) for item in default):
            told = told and "each of it must be a string"
            return [fit(item, default[0], (*path, str(number)), told) for number, item in enumerate(value)]
        return value
    if wanted is str and type(value) is int:
        return str(value)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    # Of no more digits than 64 bits have: int() does not take thousands of them.
    if wanted is int and isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", value):
        if int(value) in INT64:
            return int(value)
    told = told or f"containerd's default is {_shown(default, value, path)}"
    raise Refused(f"{_where(path)} is {_shown(value, default, path)}; {told}: write (or quote) it so.")


# By the word of the table for a type: a value of it, and what a message calls it.
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
    """Return a value without its nulls, for a place where there is nothing that they could remove."""
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
    """Return the value at a path, None where there is none."""
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def table(data, path):
    """Return the table at a path, an empty one where there is none."""
    value = at(data, path)
    return value if isinstance(value, dict) else {}


def texts(value):
    """Return the texts of a list, none of what is no list: other values are for the check of types."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def put(data, path, value):
    """Set the value at a path, and make the tables that lead there; not where something else is."""
    *parents, name = path
    for part in parents:
        data = data.setdefault(part, {}) if isinstance(data, dict) else None
    if isinstance(data, dict):
        data[name] = value


def _plain_number(value, path):
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
    # Without the value where a table is concerned.
    kind = _TYPES.get(type(value), f"a {type(value).__name__}")
    if isinstance(value, dict) or isinstance(other, dict):
        return kind
    return f"{masked(value, path)!r}, {kind}"
