"""
The drop-in files that a configuration imports: which of them break or mask it.

.. versionadded:: 0.1.0

containerd 1.x replaces whole plugin tables by those of a drop-in. containerd 2.x merges them, but
another config version in a drop-in makes it refuse to start, or forget the CRI settings of the main file.

.. code-block:: bash

    salt '*' containerd_imports.findings
"""

import glob
import os

from salt.exceptions import CommandExecutionError

__virtualname__ = "containerd_imports"

# containerd adds these up rather than to let one file win.
NOT_MASKING = (("version",), ("imports",), ("disabled_plugins",), ("required_plugins",))


def __virtual__():
    return __virtualname__


def files(path="/etc/containerd/config.toml", data=None):
    """
    Return the files that a configuration imports, in the order in which they are merged.

    path : ``/etc/containerd/config.toml``
        The main file: relative patterns start in its folder.

    data : ``None``
        Its content, a dictionary. None reads the file.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_imports.files

    :return: a list of paths. A path without ``*`` is listed whether it exists or not; what an imported
        file imports itself is not followed.
    :raises CommandExecutionError: the main file cannot be read.
    """
    data = __salt__["containerd_toml.read"](path) if data is None else data
    found = []
    patterns = data.get("imports")
    for pattern in patterns if isinstance(patterns, list) else ():
        if not isinstance(pattern, str):
            continue
        full = os.path.join(os.path.dirname(path), pattern)
        # Only * makes a pattern: containerd takes ? and [] literally.
        found += sorted(glob.glob(full)) if "*" in pattern else [full]
    return [name for name in dict.fromkeys(found) if os.path.realpath(name) != os.path.realpath(path)]


def findings(path="/etc/containerd/config.toml", data=None):
    """
    Find what is wrong with the files that a configuration imports.

    path : ``/etc/containerd/config.toml``
        The main file.

    data : ``None``
        Its content, a dictionary. None reads the file.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_imports.findings

    :return: a list of findings: ``key`` (the file), ``level`` (``warning``: these files are not the
        formula's) and ``message``.
    :raises CommandExecutionError: the main file cannot be read.
    """
    data = __salt__["containerd_toml.read"](path) if data is None else data
    found = []
    for name in files(path, data):
        found += [
            {"key": name, "level": "warning", "message": f"{name} {words}"} for words in _faults(name, data)
        ]
    return found


def _faults(name, main):
    """
    Yield what is wrong with one imported file.
    """
    try:
        drop_in = __salt__["containerd_toml.read"](name)
    except CommandExecutionError as err:
        yield f"is imported and cannot be used, so that containerd will not start: {err}"
        return
    schema, stamp = main.get("version"), drop_in.get("version", main.get("version"))
    plugins = drop_in.get("plugins", {})
    if type(stamp) is not int or not isinstance(plugins, dict):
        yield "is imported and is no configuration of containerd: its version or plugins have the wrong type."
        return
    if stamp != schema:
        yield from _version_faults(schema, stamp)
    for uri in drop_in.get("disabled_plugins") or ():
        if uri in ("cri", *__salt__["containerd_schema.cri_plugins"]()):
            yield f"disables {uri}, and no other file can enable it again: there will be no CRI."
    replaced = [name for name in plugins if schema == 2 and (main.get("plugins") or {}).get(name)]
    for name in replaced:
        count = len(__salt__["containerd_data.leaves"](main["plugins"][name]))
        yield (
            f"has a table for {name}: containerd 1.x takes it instead of the whole table in the main "
            f"file, so that {count} settings of that are lost."
        )
    yield from _masks(drop_in, main, replaced)


def _version_faults(schema, stamp):
    """
    Yield what a config version that is not the main file's does.
    """
    if stamp == 1 and schema == 2:
        yield "has version = 1: containerd then ignores the plugin settings of all files."
    elif stamp > schema:
        yield (
            f"has version = {stamp} and the main file {schema}: by its release containerd refuses to start, "
            "or ignores the CRI settings of one of the two. Rewrite it for the older version."
        )


def _masks(drop_in, main, replaced):
    """
    Yield the keys that a drop-in sets to another value than the main file.
    """
    mine = __salt__["containerd_data.leaves"](main)
    for path, value in __salt__["containerd_data.leaves"](drop_in).items():
        known = path in mine and path not in NOT_MASKING
        if path[:1] == ("plugins",) and len(path) > 1 and path[1] in replaced:
            continue
        if known and not __salt__["containerd_data.same"](value, mine[path]):
            key = __salt__["containerd_schema.dotted"](path)
            theirs = __salt__["containerd_data.masked"](value, path)
            kept = __salt__["containerd_data.masked"](mine[path], path)
            yield f"sets {key} to {theirs!r} over {kept!r} of the main file."
