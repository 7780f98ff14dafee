"""
Which release of containerd is installed: its binary tells it once, then the file itself does.

So a run that changes nothing starts no binary for it.
"""

import contextlib
import json
import os

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.places import INSTALLED

_BINARY = b"\x7fELF"
_ASKED = ("ctr", "containerd")


def installed():
    """
    Return the release of the installed containerd, or None if none is installed.

    It starts ``ctr`` only if ``note`` has not noted the release of this very file.
    """
    binary = _binary()
    if not binary:
        return None
    noted = _noted()
    if noted["file"] == _identity(binary):
        return noted["release"]
    return __salt__["containerd_daemon.version"](_ASKED[0] if _path(_ASKED[0]) else _ASKED[1])


def note():
    """
    Note the release of the installed containerd, for later runs; do nothing if none is installed.

    :raises CommandExecutionError: the binary prints no version, or the note cannot be written.
    """
    binary = _binary()
    identity = _identity(binary) if binary else None
    if not identity or _noted()["file"] == identity:
        return
    # Before the binary is asked: if it is replaced meanwhile, the note is of none.
    noted = {"file": identity, "release": installed()}
    path = __salt__["containerd_files.kept"](INSTALLED, make=True)
    __salt__["containerd_files.replace"](path, json.dumps(noted).encode(), 0, 0, 0o600)


def _binary():
    """Return the path of ctr, which starts faster, or of containerd; None if neither is installed."""
    return next(filter(None, map(_path, _ASKED)), None)


def _path(name):
    return __salt__["containerd_command.path"](name)


def _identity(path):
    """
    Return what no other content of a binary has: even one of the same size and date has another ctime.

    A script may start another file the next time: it has none.
    """
    try:
        found = os.stat(path)
        with open(path, "rb") as file:
            if file.read(len(_BINARY)) != _BINARY:
                return None
    except OSError:
        return None
    real = os.path.realpath(path)
    return [real, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _noted():
    """Return what was noted: nothing if there is no note, or it is damaged."""
    with contextlib.suppress(CommandExecutionError, ValueError, TypeError, KeyError):
        path = __salt__["containerd_files.kept"](INSTALLED)
        noted = json.loads(__salt__["containerd_files.content"](path))
        if isinstance(noted["file"], list) and isinstance(noted["release"], str):
            return noted
    return {"file": (), "release": None}
