"""
Whether containerd honours a configuration: what its ``config dump`` shows against what was meant.

.. versionadded:: 0.1.0

A key that containerd does not know is ignored: without a word on 1.x, with a warning on 2.x. It shows
in the dump, or rather it does not.

.. code-block:: bash

    salt '*' containerd_proof.differs '[debug, level]' info '{debug: {level: debug}}'
"""

import re

__virtualname__ = "containerd_proof"

IGNORED = "Ignoring unknown key"
KEY = re.compile(r'\bkey=(?:"([^"]*)"|(\S+))')
PLUGIN = re.compile(r"\bplugin=(\S+)")
DURATION = re.compile(r"([+-]?)((?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+")
DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
EMPTY = ("", 0, False, 0.0, [], {})


def __virtual__():
    return __virtualname__


def not_in_effect(site, result, dump, warnings, strict=True):
    """
    Find the overrides that containerd would not honour.

    site
        The overrides, a dictionary in the schema of this containerd.

    result
        The whole configuration that they are part of, a dictionary.

    dump
        What ``config dump`` shows for it, a dictionary.

    warnings
        What containerd said meanwhile, a list of log lines.

    strict : ``True``
        Whether an override that is not in effect is an error. If not, it is a warning.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_proof.not_in_effect '{oom_score: 1}' '{oom_score: 1}' '{oom_score: 0}' '[]'

    :return: a list of findings: ``key``, ``level`` and ``message``.
    """
    level = "error" if strict else "warning"
    findings = []
    disabled = result.get("disabled_plugins") or ()
    for path, override in __salt__["containerd_data.leaves"](site).items():
        value = __salt__["containerd_data.at"](result, path)
        if override is not None and differs(path, value, dump, disabled):
            key = __salt__["containerd_schema.dotted"](path)
            shown = __salt__["containerd_data.masked"](__salt__["containerd_data.at"](dump, path), path)
            sees = "does not know this key" if shown is None else f"would run with {shown!r}"
            wanted = __salt__["containerd_data.masked"](value, path)
            message = f"{key}: {wanted!r} would not be in effect, containerd {sees}."
            findings.append({"key": key, "level": level, "message": message})
    own = {" ".join(path) for path in __salt__["containerd_data.leaves"](site)}
    for line in warnings:
        if IGNORED in line:
            quoted, bare = (KEY.search(line) or re.match("()()", "")).groups()
            words = quoted or bare or line
            plugin = PLUGIN.search(line)
            full = f"plugins {plugin[1]} {words}" if plugin else words
            # Another file that this one imports may have it: not ours to refuse.
            grade = level if full in own else "warning"
            message = f"containerd ignores a key that it does not know: {full}"
            findings.append({"key": full, "level": grade, "message": message})
    return findings


def differs(path, value, dump, disabled=()):
    """
    Tell whether a value is missing or another one in a dump.

    path
        The key, a list of its parts.

    value
        The value that was meant; None for a key that was removed.

    dump
        What ``config dump`` shows, a dictionary.

    disabled : ``()``
        The ids of plugins that are disabled on purpose.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_proof.differs '[debug, level]' info '{debug: {level: debug}}'

    :return: true or false. What dumps write otherwise is the same: ``60s`` and ``1m0s``, 1 and 1.0, an
        empty value and none; and so is what they never show: imports (1.x lists the files that it
        read), the options of a runtime on 1.4, the tables of a plugin that is disabled.
    """
    shown = __salt__["containerd_data.at"](dump, path)
    if value is None or __salt__["containerd_data.same"](value, shown):
        return False
    if shown is None or shown == {}:
        return not (value in EMPTY or _never_shown(tuple(path), dump, disabled))
    if value == {} and isinstance(shown, dict):
        return False
    if tuple(path) == ("imports",):
        return False
    if isinstance(value, list) and isinstance(shown, list):
        return _lists_differ(value, shown)
    numbers = (int, float)
    if type(value) in numbers and type(shown) in numbers:
        return value != shown
    meant = _nanoseconds(value)
    return meant is None or meant != _nanoseconds(shown)


def _lists_differ(value, shown):
    """
    Tell whether two lists differ; containerd fills in the empty keys of tables in a list.
    """
    if len(value) != len(shown) or not all(isinstance(item, dict) for item in [*value, *shown]):
        return True
    for mine, theirs in zip(value, shown):
        if any(differs((key,), item, theirs) for key, item in mine.items()):
            return True
        if any(item not in EMPTY for key, item in theirs.items() if key not in mine):
            return True
    return False


def _never_shown(path, dump, disabled):
    """
    Tell whether dumps leave out a key that is in effect all the same.
    """
    if path == ("imports",) or (len(path) > 1 and path[1] in disabled):
        return True
    # 1.4 shows the options of each runtime as an empty table.
    return "options" in path and __salt__["containerd_data.at"](dump, path[: path.index("options") + 1]) == {}


def _nanoseconds(value):
    """
    Return a duration of Go's as a number, None for what is none.
    """
    if value in ("0", 0) and not isinstance(value, bool):
        return 0
    if not isinstance(value, str) or not DURATION.fullmatch(value):
        return None
    total = sum(float(number) * NANOSECONDS[unit] for number, unit in DURATION_PART.findall(value))
    return -round(total) if value.startswith("-") else round(total)
