"""
The configuration document of containerd: read, merge, compare, render.

.. versionadded:: 0.1.0

:depends: tomlkit >= 0.15.1, imported when it is needed: the module itself always loads.

The document of a node is the installed binary's own ``containerd config default`` with the site's
overrides merged in. Order, comments and layout of the default are kept. Nothing here writes a file.

.. code-block:: bash

    salt '*' containerd_toml.get /etc/containerd/config.toml version
"""

import datetime
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd_toml"

HEADER = """\
# Managed by Salt (containerd-formula). Edits to this file are overwritten: change pillar containerd:config.
# It is this containerd's own `containerd config default` with the site's overrides merged in.

"""
MASK = "(secret)"
# TOML 1.0 promises 64 bits, and Go's parsers refuse more.
INT64 = range(-(2**63), 2**63)
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
KEY_PART = re.compile(r"""\s*(?:([A-Za-z0-9_-]+)|("(?:[^"\\]|\\.)*")|'([^']*)')\s*""")
SECRET = re.compile(r"(?i)^(auth|password|passwd|identitytoken|registrytoken|token|secret|authorization)$")


def __virtual__():
    return __virtualname__


def library():
    """
    Return the version of tomlkit in the Python that runs this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.library

    :return: such as ``0.15.2``; an empty string where it cannot be imported.
    """
    # A tomlkit that was installed or upgraded in this very run must be seen.
    importlib.invalidate_caches()
    try:
        return importlib.import_module("tomlkit").__version__
    except ImportError:
        return ""


def read(path="/etc/containerd/config.toml"):
    """
    Return a TOML file as plain data.

    path : ``/etc/containerd/config.toml``
        The file.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.read

    :return: a dictionary.
    :raises CommandExecutionError: the file cannot be read, or it is no TOML: with line and column.
    """
    return _loads(_slurp(path), path)


def _loads(text, source="the text"):
    """
    Return TOML text as plain data.
    """
    return _parse(text, source).unwrap()


def get(path, key):
    """
    Return one value of a TOML file.

    path
        The file.

    key
        A dotted path; parts that hold dots are quoted.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.get /etc/containerd/config.toml debug.level
        salt '*' containerd_toml.get /etc/containerd/config.toml 'proxy_plugins."my.proxy".address'

    :return: the value; None where there is no such key.
    :raises SaltInvocationError: the key is no dotted path.
    :raises CommandExecutionError: the file cannot be read, or it is no TOML.
    """
    value = read(path)
    for part in _parse_key(key):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def merge(base, overrides):
    """
    Merge overrides into TOML text as a JSON Merge Patch (RFC 7396).

    Tables merge, everything else is replaced, None removes the key. A value is brought to the type of
    the one that it replaces where nothing is lost by it: 10010 for a string becomes ``"10010"``,
    ``"true"`` for a boolean becomes true, 1 for a float becomes 1.0.

    base
        TOML text.

    overrides
        A dictionary: the fragment to merge.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.merge 'oom_score = 0' '{oom_score: -999}'

    :return: TOML text: order, comments and layout of ``base`` are kept.
    :raises SaltInvocationError: an override cannot be written as TOML, or has the wrong type.
    :raises CommandExecutionError: ``base`` is no TOML.
    """
    document = _parse(base, "the base")
    intended = document.unwrap()
    _patch(document, intended, _plain(overrides), ())
    text = document.as_string()
    _verify(text, intended)
    return text


def diff(old, new):
    """
    Return what differs between two documents.

    old
        A dictionary: plain data.

    new
        A dictionary: plain data.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.diff '{debug: {level: info}}' '{debug: {level: debug}}'

    :return: a dictionary: dotted path to ``{"old": ..., "new": ...}``, where None stands for a key that
        is not there. Secrets show as ``(secret)``. The number 1, true and 1.0 are three values.
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for leaves, others in ((before, after), (after, before)):
        # A table that was empty and has keys now says so by its keys.
        filled = {path[:length] for path in others for length in range(1, len(path))}
        for path in [path for path, value in leaves.items() if value == {} and path in filled]:
            del leaves[path]
    changes = {}
    for path in [*after, *(path for path in before if path not in after)]:
        was, becomes = before.get(path), after.get(path)
        if not _same(was, becomes):
            hide = any(SECRET.match(part) for part in path)
            changes[_dotted(path)] = {
                "old": MASK if hide and was else was,
                "new": MASK if hide and becomes else becomes,
            }
    return changes


def plan(path, layers):
    """
    Return what the file should hold on this node, and what that changes. Writes nothing.

    path
        The configuration file.

    layers
        A list of fragments of config.toml, each a dictionary; later ones win.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.plan /etc/containerd/config.toml '[{oom_score: -999}]'

    :return: a dictionary: ``text``, what the file should hold; ``write``, whether its data differ from
        that; ``changes``, as ``diff`` gives them. A key that the file lacks counts as containerd's
        default, so that the changes are those that the daemon sees.
    :raises CommandExecutionError: containerd or tomlkit is not installed, the file cannot be read.
    :raises SaltInvocationError: an override cannot be written as TOML, or has the wrong type.
    """
    base = __salt__["containerd.config_default"]()
    document = _parse(base, "containerd config default")
    intended = document.unwrap()
    for fragment in layers:
        _patch(document, intended, _plain(fragment), ())
    text = HEADER + document.as_string()
    current = _slurp(path) if os.path.lexists(path) else None
    # The usual case: no more parsing.
    if current == text:
        return {"text": text, "write": False, "changes": {}}
    _verify(text, intended)
    found, changes = {}, {}
    if current is None:
        changes = {path: {"old": None, "new": "created"}}
    else:
        try:
            found = _loads(current, path)
        except CommandExecutionError as err:
            changes = {path: {"old": str(err), "new": "replaced"}}
    if _same(found, intended):
        return {"text": text, "write": False, "changes": {}}
    changes.update(diff(_merged(_loads(base), found), intended))
    # Nothing that the daemon would see, such as a sparse file that becomes a whole one.
    return {"text": text, "write": True, "changes": changes or diff(found, intended)}


def expected(layers):
    """
    Return what fragments set, as far as it can be told without containerd's default.

    layers
        A list of fragments of config.toml, each a dictionary; later ones win.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.expected '[{debug: {level: debug}}]'

    :return: a dictionary in the shape of ``diff``, without the old values: dotted path to
        ``{"new": ...}``.
    :raises SaltInvocationError: an override cannot be written as TOML.
    """
    data = {}
    for fragment in layers:
        data = _merged(data, _plain(fragment))
    return {key: {"new": change["new"]} for key, change in diff({}, data).items()}


def prove(text):
    """
    Let the installed containerd read a configuration before it is put in place.

    text
        The TOML text of a whole configuration.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.prove 'version = 2'

    :return: true.
    :raises CommandExecutionError: containerd refuses it: its own words are in the message.
    """
    # 0600 by mkstemp: it may hold registry credentials.
    descriptor, candidate = tempfile.mkstemp(prefix="containerd-candidate-", suffix=".toml")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        __salt__["containerd.config_dump"](candidate)
    except CommandExecutionError as err:
        raise CommandExecutionError(
            f"containerd refuses this configuration; nothing was changed. {err}"
        ) from err
    finally:
        os.unlink(candidate)
    return True


def _dotted(path):
    """
    Return a path as text: joined by dots, quoted where TOML asks for it.
    """
    return ".".join(part if BARE_KEY.fullmatch(part) else _quoted(part) for part in path)


def _parse_key(key):
    """
    Return a dotted path as the list of its keys.
    """
    parts, position = [], 0
    while True:
        match = KEY_PART.match(key, position)
        if not match:
            raise SaltInvocationError(
                f"{key!r} is no dotted key: quote the parts that hold dots, as in "
                'plugins."io.containerd.grpc.v1.cri".sandbox_image.'
            )
        bare, basic, literal = match.groups()
        parts.append(next(iter(_loads(f"{basic} = 0"))) if basic else bare or literal)
        position = match.end()
        if position == len(key):
            return parts
        if key[position] != ".":
            raise SaltInvocationError(
                f"{key!r} is no dotted key: a dot is missing before {key[position:]!r}."
            )
        position += 1


def _same(one, other):
    """
    Tell whether two values are the same TOML: 1, true and 1.0 are not.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def _plain(value, path=()):
    """
    Return a pillar value in plain types: pillar has ordered and immutable dictionaries, string subclasses.
    """
    where = _dotted(path) or "the overrides"
    if value is None or isinstance(value, (bool, float, datetime.date, datetime.time)):
        return value
    if isinstance(value, str):
        return _plain_str(value, where)
    if isinstance(value, int):
        if value not in INT64:
            raise SaltInvocationError(f"{where} is {value}: TOML's integers end at 64 bits.")
        return int(value)
    if isinstance(value, Mapping):
        result = {}
        for key, inner in value.items():
            name = _plain_key(key, where)
            if name in result:
                raise SaltInvocationError(f"{where} has the key {name!r} twice, as number and string.")
            result[name] = _plain(inner, (*path, name))
        return result
    if isinstance(value, (list, tuple)):
        items = [_plain(item, (*path, str(number))) for number, item in enumerate(value)]
        if None in items:
            raise SaltInvocationError(f"{where} is a list with a null in it: TOML has no null.")
        return items
    raise SaltInvocationError(f"{where} is a {type(value).__name__}: TOML has no such value.")


def _plain_key(key, where):
    """
    Return a pillar key as str; YAML makes numbers and booleans of unquoted ones.
    """
    if isinstance(key, str):
        return _plain_str(key, where)
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise SaltInvocationError(f"{where} has the key {key!r}: quote it, keys are strings.")


def _plain_str(value, where):
    """
    Return a string of any subclass as str.
    """
    # A subclass may override __str__ (Salt 3008 has types that hide their value).
    text = str.__str__(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise SaltInvocationError(f"{where} holds text that is not Unicode: {text!r}.") from None
    return text


def _patch(document, data, patch, path):
    """
    Apply a merge patch to a tomlkit container and to the plain data of it alike.
    """
    for key, value in patch.items():
        here = (*path, key)
        if value is None:
            if key in data:
                del document[key]
                del data[key]
        elif isinstance(value, dict) and isinstance(data.get(key), dict):
            _patch(document[key], data[key], value, here)
        else:
            fitted = _fit(value, data[key], here) if key in data else _without_null(value)
            # What is there already keeps its layout.
            if key not in data or not _same(data[key], fitted):
                document[key] = data[key] = fitted


def _merged(data, patch):
    """
    Return plain data with a merge patch applied.
    """
    result = dict(data)
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _without_null(value):
    """
    Return a new value without its nulls: there is nothing that they could remove.
    """
    if isinstance(value, dict):
        return {key: _without_null(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    return value


def _fit(value, default, path):
    """
    Return ``value`` in the type of the ``default`` that it replaces.
    """
    wanted = type(default)
    if type(value) is wanted:
        if wanted is list and default and all(isinstance(item, str) for item in default):
            return [_fit(item, default[0], (*path, str(n))) for n, item in enumerate(value)]
        return value
    # No float: YAML has made 3.1 of 3.10 by now.
    if wanted is str and type(value) is int:
        return str(value)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if wanted is int and isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value):
        return int(value)
    raise SaltInvocationError(
        f"{_dotted(path)} is {_shown(value, path)}, a {_toml_type(value)}; "
        f"containerd's default is {_shown(default, path)}, a {_toml_type(default)}: write (or quote) it so."
    )


def _shown(value, path):
    """
    Return a value for a message, unless it is a secret.
    """
    return MASK if any(SECRET.match(part) for part in path) else repr(value)


def _toml_type(value):
    """
    Return what TOML calls the type of ``value``.
    """
    names = {str: "string", bool: "boolean", int: "integer", float: "float", list: "array", dict: "table"}
    return names.get(type(value), type(value).__name__)


def _leaves(data, path=()):
    """
    Yield path and value of each leaf; an empty table is one.
    """
    for key, value in data.items():
        here = (*path, key)
        if isinstance(value, dict) and value:
            yield from _leaves(value, here)
        else:
            yield here, value


def _quoted(text):
    """
    Return ``text`` as a basic string of TOML.
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'


def _verify(text, intended):
    """
    Make sure that the text that tomlkit wrote says what was intended.
    """
    if not _same(_loads(text, "the merged document"), intended):
        raise CommandExecutionError(
            "tomlkit did not write what was merged; nothing was changed. Please report the overrides."
        )


def _parse(text, source):
    """
    Return TOML text as a tomlkit document.
    """
    tomlkit = _tomlkit()
    try:
        return tomlkit.parse(text)
    except tomlkit.exceptions.TOMLKitError as err:
        raise CommandExecutionError(f"{source} is not valid TOML: {err}") from err


def _tomlkit():
    """
    Return tomlkit, imported at its first use.
    """
    try:
        return importlib.import_module("tomlkit")
    except ImportError as err:
        raise CommandExecutionError(
            f"tomlkit is missing in the Python that runs this minion ({sys.executable}): apply "
            "containerd.salt, or install it with salt-pip install 'tomlkit>=0.15.1'."
        ) from err


def _slurp(path):
    """
    Return the text of a file.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as err:
        raise CommandExecutionError(f"{path} cannot be read: {err}") from err
