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
    for pattern in data.get("imports") or []:
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
    schema, stamp = main.get("version"), drop_in.get("version")
    if stamp is not None and stamp != schema:
        yield from _version_faults(schema, stamp)
    for plugin, table in (drop_in.get("plugins") or {}).items():
        ours = (main.get("plugins") or {}).get(plugin)
        if schema == 2 and ours:
            yield (
                f"has a table for {plugin}: containerd 1.x takes it instead of the whole table in the main "
                f"file, so that {len(__salt__['containerd_data.leaves'](ours))} settings of that are lost."
            )
        elif ours:
            yield from _masks(plugin, table, ours)


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


def _masks(plugin, table, ours):
    """
    Yield the keys that a drop-in sets to another value than the main file.
    """
    mine = __salt__["containerd_data.leaves"](ours)
    for path, value in __salt__["containerd_data.leaves"](table).items():
        if path in mine and not __salt__["containerd_data.same"](value, mine[path]):
            key = __salt__["containerd_schema.dotted"](("plugins", plugin, *path))
            theirs, kept = (
                __salt__["containerd_data.masked"](v, ("plugins", plugin, *path)) for v in (value, mine[path])
            )
            yield f"sets {key} to {theirs!r} over {kept!r} of the main file."
