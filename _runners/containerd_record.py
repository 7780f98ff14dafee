"""
The lock of rolls, and their record: JSON lines in the master's cachedir, and events on its bus. For the
formula's runners.
"""

import contextlib
import fcntl
import json
import os
import time

from salt.exceptions import CommandExecutionError, SaltException

_FOLDER = "containerd-formula"
_LOCK, _RECORD = "roll.lock", "rolls.jsonl"
# One file before it: some thousand rolls, and no more.
_LARGEST = 10_000_000


@contextlib.contextmanager
def lock():
    """
    Keep other rolls of this master out. The kernel frees a lock whose process is gone, killed or not.
    """
    with open(_path(_LOCK), "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            file.seek(0)
            raise CommandExecutionError(
                f"Another roll is under way, {file.read(200)}: wait for its end."
            ) from err
        file.truncate(0)
        file.write(f"process {os.getpid()} since {_now()}")
        file.flush()
        yield


def note(jid, what, data):
    """
    Add a line to the record, and send it over the bus as ``containerd/roll/JID/WHAT``.
    """
    line = json.dumps({"time": _now(), "jid": jid, "what": what, **data}, default=str)
    path = _path(_RECORD)
    with contextlib.suppress(FileNotFoundError):
        if what == "begin" and os.path.getsize(path) > _LARGEST:
            os.replace(path, f"{path}.1")
    with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        file.write(line + "\n")
    # A master that restarts has no bus for a moment: a roll goes on.
    with contextlib.suppress(OSError, SaltException):
        __salt__["event.send"](f"containerd/roll/{jid}/{what}", data)


def unfinished():
    """
    Return the first line of the last roll if the record has no end of it: it was killed.
    """
    last = {}
    with contextlib.suppress(FileNotFoundError), open(_path(_RECORD), encoding="utf-8") as file:
        for text in file:
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                if line.get("what") in ("begin", "end"):
                    last = line
    return last if last.get("what") == "begin" else {}


def _path(name):
    folder = os.path.join(__opts__["cachedir"], _FOLDER)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return os.path.join(folder, name)


def _now():
    return time.strftime("%FT%T%z")
