"""
The life of a change: kept apart from what it replaces, written, proved by a ready daemon, or rolled back.

A change is *recorded* before its file is written, and the record goes once the daemon has been ready with
it: then a copy is kept as ``NAME.good``, which is what goes back if a later change fails. So a run that was
killed, or a machine that lost its power, leaves behind what the next run must know: whether the daemon still
has to be restarted, and what it worked with. The record names the daemon by the InvocationID that systemd
gives to each start, so that clocks do not matter, and what that daemon has read of each file.
"""

import glob
import hashlib
import json
import os
import stat
import tempfile
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.places import LEFT_BEHIND, RECORD, UNIT_FOLDER

# What a file held before is put back to the letter, whatever it was.
BYTES_AS_TEXT = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
REJECTED_ALONE = "# Rolled back: "
REJECTED_TOGETHER = "# Rolled back together with other files: "


def candidate(text, folder=None):
    """
    Write what is to be tried to a temporary file for root alone, in the folder or where such files go.

    :return: its path; who asked removes it. What killed runs left is removed on the way.
    :raises CommandExecutionError: it cannot be written.
    """
    folder, path = folder or tempfile.gettempdir(), None
    _sweep(os.path.join(glob.escape(folder), "containerd-candidate-*.toml"))
    try:
        # 0600 by mkstemp: it may hold secrets.
        descriptor, path = tempfile.mkstemp(prefix="containerd-candidate-", suffix=".toml", dir=folder)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except (OSError, UnicodeError) as err:
        if path:
            os.unlink(path)
        raise CommandExecutionError(f"a candidate cannot be written: {err}") from err
    return path


def apply(path, text, user=None, group=None, mode=None):
    """
    Change a file that containerd reads when it starts: record, keep what was there, write.

    A text of None removes it; None for owner, group or mode keeps what the file has. ``PATH.good``, for root
    alone, holds what a ready daemon ran with last; where none was seen yet, what was there before.

    :raises CommandExecutionError: a file cannot be written; then all is as it was.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise CommandExecutionError(f"{path} is no file, and stays as it is: remove it.")
    before = _record()
    record = _seen_by_the_running_daemon(before, path)
    if path not in before["files"] and os.path.exists(path) and not os.path.exists(_good(path)):
        _write(_good(path), _content(path), mode="0600")
    _save(record)
    try:
        _put(path, text, user=user, group=group, mode=mode)
    except CommandExecutionError:
        _save(before)
        raise
    return True


def pending():
    """
    Return the files with a change that the running daemon has not read: a restart is pending.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.pending

    :return: a list of paths; empty where the daemon has read what the files hold, or does not run.
    """
    record = _record()
    if not record["files"]:
        return []
    unit = __salt__["containerd_service.properties"]()
    # One that was started since has read all, and one that does not run will.
    if unit.get("ActiveState") != "active" or unit.get("InvocationID") != record["daemon"]:
        return []
    return [path for path, seen in record["files"].items() if _digest(path) != seen]


def tried():
    """
    Return the files with a change that a daemon was started with, and none has been ready with yet.
    """
    last_start = __salt__["containerd_service.properties"]().get("InvocationID")
    return _unproved() if last_start and last_start != _record()["daemon"] else []


def settle():
    """
    Take what the files hold as good: the daemon is ready with it. Return the files that are proved by this.
    """
    files = list(_record()["files"])
    for path in files:
        if _digest(path) == _digest(_good(path)):
            continue
        if os.path.isfile(path):
            _write(_good(path), _content(path), mode="0600")
        else:
            _put(_good(path), None)
    if files:
        _put(_record_path(), None)
    return files


def rejected(path, text):
    """
    Tell whether a file was rolled back from this very content, and no other file with it.
    """
    name = f"{path}.rejected"
    # Its first line tells the reason.
    reason, _, content = (_content(name) if os.path.isfile(name) else "").partition("\n")
    return reason.startswith(REJECTED_ALONE) and content == text


def roll_back(reason):
    """
    Put what a ready daemon ran with last back into each file that was tried; restart nothing.

    :return: a dictionary, path to ``{"old": "rejected", "new": "previous"}``. The rejected content is in
        ``PATH.rejected``, below a line with the reason, for root alone. A file of the unit that was not
        there before is removed; another stays then, and the value is an empty dictionary.
    :raises CommandExecutionError: a file cannot be written.
    """
    done = {}
    files = tried()
    line = f"{REJECTED_ALONE if len(files) == 1 else REJECTED_TOGETHER}{' '.join(reason.split())}\n"
    for path in files:
        good = _content(_good(path)) if os.path.isfile(_good(path)) else None
        if good is None and not path.startswith(UNIT_FOLDER):
            done[path] = {}
            continue
        # So that the daemon is restarted by the next run, should this one be killed now.
        _save(_seen_by_the_running_daemon(_record(), path))
        there = os.path.isfile(path)
        if there:
            _write(f"{path}.rejected", line + _content(path), mode="0600")
        _put(path, good, mode=None if there else "0600")
        done[path] = {"old": "rejected", "new": "previous"}
    if any(path.startswith(UNIT_FOLDER) for path in done):
        __salt__["containerd_service.reload"]()
    return done


def _write(path, text, user=None, group=None, mode=None):
    """
    Write a file so that it is always the old one or the new one, also after a power cut.

    The content is on the disk before the name leads to it: without that an empty file can be left, on some
    file systems. A link is kept, and what it leads to is written.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        uid, gid, bits = _attributes(target, user, group, mode)
        _sweep(os.path.join(glob.escape(folder), f".{glob.escape(os.path.basename(target))}-*"))
        descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(target)}-", dir=folder)
        with open(descriptor, "w", **BYTES_AS_TEXT) as file:
            file.write(text)
            # Before the content could be read by others than the file is for, and before it has its name.
            os.fchown(descriptor, uid, gid)
            os.fchmod(descriptor, bits)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
        _flush_folder(folder)
    except (OSError, UnicodeError) as err:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        words = getattr(err, "strerror", None) or err
        raise CommandExecutionError(f"{path} cannot be written, and is as it was: {words}") from err


def _sweep(pattern):
    """Remove temporary files that a run left which was killed."""
    for path in glob.glob(pattern):
        try:
            if os.stat(path).st_mtime < time.time() - LEFT_BEHIND:
                os.unlink(path)
        except OSError:
            # Somebody else was faster, or it is not ours.
            continue


def _unproved():
    """Return the files with a change that no ready daemon has proved yet."""
    return [path for path in _record()["files"] if _digest(path) != _digest(_good(path))]


def _good(path):
    """Return where the content lies that a ready daemon ran with last."""
    return f"{path}.good"


def _put(path, text, **attributes):
    """Write a file, or remove it where the text is None."""
    if text is not None:
        _write(path, text, **attributes)
        return
    try:
        os.unlink(path)
        _flush_folder(os.path.dirname(path))
    except FileNotFoundError:
        return
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be removed: {err.strerror}") from err


def _attributes(target, user, group, mode):
    """
    Return owner, group and mode for a file: those that are given, else those that it has, else the usual.
    """
    try:
        found = os.stat(target)
        have = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
        if not stat.S_ISREG(found.st_mode):
            raise CommandExecutionError(f"{target} is no file, and stays as it is: remove it.")
    except FileNotFoundError:
        have = (0, 0, 0o644)
    uid = have[0] if user is None else __salt__["file.user_to_uid"](user)
    gid = have[1] if group is None else __salt__["file.group_to_gid"](group)
    if "" in (uid, gid):
        raise CommandExecutionError(f"{target}: there is no user {user} or no group {group} on this node.")
    try:
        return uid, gid, have[2] if mode is None else int(str(mode), 8)
    except ValueError as err:
        raise CommandExecutionError(f"{target}: {mode!r} is no mode: write it such as '0644'.") from err


def _flush_folder(folder):
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _record_path():
    return os.path.join(__opts__.get("root_dir") or "/", RECORD)


def _record():
    """Return the record: the daemon that was last seen before a change, and what it has read of each file."""
    try:
        record = json.loads(_content(_record_path()))
        return {"daemon": str(record["daemon"]), "files": dict(record["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"daemon": "", "files": {}}


def _seen_by_the_running_daemon(record, path):
    """Return a record with one more file, of the daemon that runs now."""
    daemon = __salt__["containerd_service.properties"]().get("InvocationID", "")
    files = {**record["files"]}
    if daemon != record["daemon"]:
        # It was started after the last change, and has read what is there.
        files = {name: _digest(name) for name in files}
    files.setdefault(path, _digest(path))
    return {"daemon": daemon, "files": files}


def _save(record):
    """Write the record, or remove one that names no file."""
    _put(_record_path(), json.dumps(record) if record["files"] else None, mode="0600")


def _digest(path):
    """Return a hash of a file's content, None where there is no file."""
    if not os.path.isfile(path):
        return None
    return hashlib.sha256(_content(path).encode("utf-8", "surrogateescape")).hexdigest()


def _content(path):
    with open(path, **BYTES_AS_TEXT) as file:
        return file.read()
