"""
Plain data under a configuration document: what pillar gives, what TOML can hold, what differs.

.. versionadded:: 0.1.0

Dictionaries in, dictionaries out: no TOML library, no binary, no knowledge of containerd.

.. code-block:: bash

    salt '*' containerd_data.same 1 1.0
"""

import datetime
import re
from collections.abc import Mapping

from salt.exceptions import SaltInvocationError

__virtualname__ = "containerd_data"

# TOML 1.0 promises 64 bits, and Go's parsers refuse more.
INT64 = range(-(2**63), 2**63)
MASK = "(secret)"
# The password of a URL: https://user:password@host.
URL_SECRET = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def __virtual__():
    return __virtualname__


def plain(value, path=()):
    """
    Return a pillar value in plain types: dict, list, str, int, float, bool, dates, None.

    Pillar brings ordered and immutable dictionaries and string subclasses, which TOML libraries
    refuse.

    value
        The value.

    path : ``()``
        Where it stands, for the error message: a list of keys.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.plain '{debug: {level: info}}'

    :return: the value. Numbers as keys become strings, since YAML makes numbers of unquoted ones.
    :raises SaltInvocationError: TOML has no such value; the message names its place.
    """
    if value is None or isinstance(value, (bool, datetime.date, datetime.time)):
        return value
    if isinstance(value, str):
        return _plain_str(value, path)
    if isinstance(value, (int, float)):
        return _plain_number(value, path)
    if isinstance(value, Mapping):
        result = {}
        for key, inner in value.items():
            name = _plain_key(key, path)
            if name in result:
                raise SaltInvocationError(f"{_where(path)} has the key {name!r} twice, as number and string.")
            result[name] = plain(inner, (*path, name))
        return result
    if isinstance(value, (list, tuple)):
        items = [plain(item, (*path, str(number))) for number, item in enumerate(value)]
        if None in items:
            raise SaltInvocationError(f"{_where(path)} is a list with a null in it: TOML has no null.")
        return items
    raise SaltInvocationError(f"{_where(path)} is a {type(value).__name__}: TOML has no such value.")


def fit(value, default, path):
    """
    Return a value in the type of the default that it replaces.

    Nothing is lost by it: 10010 becomes ``"10010"`` for a string, ``"true"`` becomes true for a
    boolean, ``"5"`` becomes 5 for an integer, 1 becomes 1.0 for a float. A float is no string: YAML
    has made 3.1 of 3.10 by then.

    value
        The value, plain.

    default
        The value that it replaces.

    path
        Where it stands, for the error message: a list of keys.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.fit 10010 '"0"' '[stream_server_port]'

    :return: the value.
    :raises SaltInvocationError: it has another type; the message names its place.
    """
    wanted = type(default)
    if type(value) is wanted:
        if wanted is list and default and all(isinstance(item, str) for item in default):
            return [fit(item, default[0], (*path, str(number))) for number, item in enumerate(value)]
        return value
    if wanted is str and type(value) is int:
        return str(value)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if wanted is int and isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value):
        return int(value)
    raise SaltInvocationError(
        f"{_where(path)} is {_shown(value, default, path)}; containerd's default is "
        f"{_shown(default, value, path)}: write (or quote) it so."
    )


def same(one, other):
    """
    Tell whether two values are the same TOML: the number 1, true and 1.0 are three values.

    one
        A value.

    other
        A value.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.same 1 True

    :return: true or false.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def combine(data, patch):
    """
    Return plain data with a merge patch laid over it, in which a null stays a null.

    data
        A dictionary.

    patch
        A dictionary: tables merge, everything else replaces.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.combine '{a: {b: 1}}' '{a: {c: null}}'

    :return: a new dictionary.
    """
    result = dict(data)
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = combine(result[key], value)
        else:
            result[key] = value
    return result


def without_null(value):
    """
    Return a value without its nulls, for a place where there is nothing that they could remove.

    value
        A value.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.without_null '{a: 1, b: null}'

    :return: a new value.
    """
    if isinstance(value, dict):
        return {key: without_null(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_null(item) for item in value]
    return value


def leaves(data):
    """
    Return the values of a document by their paths.

    data
        A dictionary.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.leaves '{a: {b: 1}}'

    :return: a dictionary: the path, a tuple of keys, to each value that is no table, or an empty one.
    """
    return dict(_leaves(data, ()))


def diff(old, new):
    """
    Return what differs between two documents.

    old
        A dictionary: plain data.

    new
        A dictionary: plain data.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.diff '{debug: {level: info}}' '{debug: {level: debug}}'

    :return: a dictionary: dotted path to ``{"old": ..., "new": ...}``, where None stands for a key that
        is not there. Secrets show as ``(secret)``.
    """
    before, after = leaves(old), leaves(new)
    for one, other in ((before, after), (after, before)):
        # A table that was empty and has keys now says so by its keys.
        filled = {path[:length] for path in other for length in range(1, len(path))}
        for path in [path for path, value in one.items() if value == {} and path in filled]:
            del one[path]
    changes = {}
    for path in [*after, *(path for path in before if path not in after)]:
        if not same(before.get(path), after.get(path)):
            changes[_where(path)] = {
                "old": masked(before.get(path), path),
                "new": masked(after.get(path), path),
            }
    return changes


def masked(value, path):
    """
    Return a value as it may be shown.

    value
        The value.

    path
        Where it stands: a list of keys.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.masked hunter2 '[plugins, x, password]'

    :return: the value; ``(secret)`` for one that is, and for those inside a list or a table.
    """
    if not value:
        return value
    if __salt__["containerd_schema.is_secret"](path):
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(item, path) for item in value]
    if isinstance(value, str):
        return URL_SECRET.sub(rf"\1{MASK}@", value)
    return value


def secrets(data):
    """
    Return the secrets in a document.

    data
        A dictionary.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.secrets '{plugins: {x: {password: ""}}}'

    :return: a list of the values that ``masked`` hides, as text.
    """
    found = []
    for path, value in leaves(data).items():
        if not same(masked(value, path), value):
            found += _texts(value)
    return found


def at(data, path):
    """
    Return the value at a path.

    data
        A dictionary.

    path
        A list of keys.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_data.at '{debug: {level: info}}' '[debug, level]'

    :return: the value; None where there is none.
    """
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return None
        data = data[part]
    return data


def _leaves(data, path):
    """
    Yield path and value of each leaf; an empty table is one.
    """
    for key, value in data.items():
        here = (*path, key)
        if isinstance(value, dict) and value:
            yield from _leaves(value, here)
        else:
            yield here, value


def _texts(value):
    """
    Return the values inside a value, as text.
    """
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [str(value)]


def _plain_key(key, path):
    """
    Return a pillar key as str; YAML makes numbers and booleans of unquoted ones.
    """
    if isinstance(key, str):
        return _plain_str(key, path)
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise SaltInvocationError(f"{_where(path)} has the key {key!r}: quote it, keys are strings.")


def _plain_number(value, path):
    """
    Return a number of any subclass as int or float.
    """
    if isinstance(value, float):
        if value != value:
            raise SaltInvocationError(f"{_where(path)} is not a number (.nan): write one.")
        return float(value)
    if value not in INT64:
        raise SaltInvocationError(f"{_where(path)} is a number of more than 64 bits: quote it.")
    return int(value)


def _plain_str(value, path):
    """
    Return a string of any subclass as str.
    """
    # A subclass may override __str__ (Salt 3008 has types that hide their value).
    text = str.__str__(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise SaltInvocationError(f"{_where(path)} holds text that is not Unicode.") from None
    return text


def _where(path):
    """
    Return a path for a message.
    """
    return __salt__["containerd_schema.dotted"](path) or "the overrides"


def _shown(value, other, path):
    """
    Return a value with its type for a message; without the value where a table is concerned.
    """
    if isinstance(value, dict) or isinstance(other, dict):
        return _toml_type(value)
    return f"{masked(value, path)!r}, {_toml_type(value)}"


def _toml_type(value):
    """
    Return what TOML calls the type of ``value``, with its article.
    """
    names = {
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a float",
        list: "an array",
        dict: "a table",
    }
    return names.get(type(value), f"a {type(value).__name__}")
