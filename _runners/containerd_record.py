"""
The lock of rolls, and their record: JSON lines in the master's cachedir, and events on its bus. For the
formula's runners.
"""

import contextlib
import fcntl
import json
import os
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError, SaltException

renew()

from containerd_formula.rolling import STAYS_CORDONED

_FOLDER = "containerd-formula"
_LOCK, _RECORD = "roll.lock", "rolls.jsonl"
# One file before it: some thousand rolls, and no more.
_LARGEST = 10_000_000


@contextlib.contextmanager
def lock():
    """
    Keep other rolls of this master out. The kernel frees a lock whose process is gone, killed or not.
    """
    path = _path(_LOCK)
    with _told(path):
        opened = open(path, "a+", encoding="utf-8")
    with opened as file:
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
    with _told(path):
        with contextlib.suppress(FileNotFoundError):
            if what == "begin" and os.path.getsize(path) > _LARGEST:
                os.replace(path, f"{path}.1")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(line + "\n")
    # A master that restarts has no bus for a moment: a roll goes on.
    with contextlib.suppress(OSError, SaltException):
        # Salt writes the time into what it is given.
        __salt__["event.send"](f"containerd/roll/{jid}/{what}", dict(data))


def unfinished():
    """
    Return the first line of the last roll if the record has no end of it: it was killed.
    """
    last = {}
    for line in _lines("begin", "end"):
        last = line
    return last if last.get("what") == "begin" else {}


def left():
    """
    Return {job id: nodes} of what rolls cordoned, without those that were let go.
    """
    found = {}
    for line in _lines("cordon", "nodes", "end"):
        nodes = found.setdefault(line.get("jid"), set())
        if line["what"] == "cordon":
            nodes.add(line.get("node"))
        told = line.get("data" if line["what"] == "nodes" else "nodes") or {}
        nodes -= {node for node, words in told.items() if STAYS_CORDONED not in words}
    return found


def _lines(*kinds):
    """Yield the lines of some kinds, the oldest first."""
    path = _path(_RECORD)
    for name in (f"{path}.1", path):
        with _told(path), contextlib.suppress(FileNotFoundError), open(name, encoding="utf-8") as file:
            for text in file:
                # A power cut may leave half a line.
                with contextlib.suppress(ValueError):
                    line = json.loads(text)
                    if isinstance(line, dict) and line.get("what") in kinds:
                        yield line


def _path(name):
    folder = os.path.join(__opts__["cachedir"], _FOLDER)
    with _told(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    return os.path.join(folder, name)


@contextlib.contextmanager
def _told(path):
    """Turn an error of the disk into a sentence."""
    try:
        yield
    except OSError as err:
        raise CommandExecutionError(
            f"{path} cannot be read or written: {err.strerror}. Mend that: a roll keeps its record there."
        ) from err


def _now():
    return time.strftime("%FT%T%z")
