"""
The life of a change: kept apart from what it replaces, written, proved by a ready daemon, or rolled back.

A change is *recorded* before its file is written, and the record goes once the daemon has been ready with
it: then a copy is kept, the good one, which is what goes back if a later change fails. So a run that was
killed, or a machine that lost its power, leaves behind what the next run must know: whether the daemon still
has to be restarted, and what it worked with. The record names the daemon by the InvocationID that systemd
gives to each start, so that clocks do not matter, and what that daemon has read of each file.

Record and copies lie in a folder that is root's alone.
"""

import contextlib
import hashlib
import json
import os
import stat
import tempfile

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.places import PREFIX, RECORD, RUN_FOLDER, STATE, UNIT_FOLDER

# What leads to the archive's release that is in use.
COMMAND = f"{PREFIX}/bin/containerd"
# What a file held before is put back to the letter, whatever it was.
BYTES_AS_TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}
REJECTED_ALONE = "# Rolled back: "
# Followed by the list of the files, as JSON, and the reason.
REJECTED_TOGETHER = "# Rolled back together: "
# How what the formula wrote begins, and a copy of what was rolled back.
OURS = {"good": "# Managed by Salt (containerd-formula)", "rejected": "# Rolled back"}


def candidate(text):
    """
    Write what is to be tried to a temporary file for root alone: its path. ``discard`` removes it.

    :raises CommandExecutionError: it cannot be written.
    """
    path = None
    try:
        # 0600 by mkstemp: it may hold secrets.
        descriptor, path = _temporary()
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except (OSError, UnicodeError) as err:
        if path:
            discard(path)
        raise CommandExecutionError(f"a candidate cannot be written: {err}") from err
    return path


def discard(path):
    """
    Remove a candidate, and the folder of such files with the last one.
    """
    os.unlink(path)
    _leave_no_folder()


def sweep(path):
    """
    Remove what runs left that were killed: candidates, trials, and what was to become the file.
    """
    folder = __salt__["containerd_files.own_folder"](RUN_FOLDER, make=False)
    __salt__["containerd_files.sweep"](folder)
    __salt__["containerd_files.sweep_beside"](os.path.realpath(path))
    _leave_no_folder()


def apply(path, text, user=None, group=None, mode=None):
    """
    Change a file that containerd reads when it starts: record, keep what was there, write.

    A text of None removes it; None for owner, group or mode keeps what the file has. The good copy holds
    what a ready daemon ran with last; where none was seen yet, what was there before.

    :raises CommandExecutionError: a file cannot be written; then all is as it was.
    """
    __salt__["containerd_paths.must_be_roots"](path)
    sweep(path)
    before = _record()
    record = _seen_by_the_running_daemon(before, path)
    if path not in before["files"] and good(path) is None:
        _keep(copies(path)["good"], _content(path))
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

    The command is one of them where the daemon runs another release of upstream's archive than that in use.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.pending

    :return: a list of paths; empty where the daemon has read what the files hold, or does not run.
    """
    unit = __salt__["containerd_service.properties"]()
    # One that does not run will read all.
    if unit.get("ActiveState") != "active":
        return []
    release = __salt__["containerd_archive.running"](unit.get("MainPID"))
    old = [COMMAND] if release and release != __salt__["containerd_archive.current"]() else []
    record = _record()
    # One that was started since has read all.
    if unit.get("InvocationID") != record["daemon"]:
        return old
    return old + [path for path, seen in record["files"].items() if _digest(path) != seen]


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
        if not _proved(path):
            _keep(copies(path)["good"], _content(path))
    if files:
        _keep(_kept(RECORD), None)
    return files


def copies(path):
    """
    Return where the copies of a file lie: ``good`` and ``rejected`` to a path. They need not be there.
    """
    # Readable, and one name for one path.
    name = path.strip("/").replace("%", "%25").replace(":", "%3A").replace("/", ":")
    return {kind: _kept(f"{name}.{kind}") for kind in ("good", "rejected")}


def good(path):
    """
    Return what a file held that a ready daemon ran with last, to the letter; None where that is not known.
    """
    return _copy(copies(path)["good"])


def rejected(path, text, beside=None):
    """
    Tell whether a file was rolled back from this very content, alone, or together with others as they are.

    A text of None is a file that was removed. ``beside``, path to text, is what others are to become.
    """
    line, content = _rejection(path)
    if content != (text or ""):
        return False
    if line.startswith(REJECTED_ALONE):
        return True
    beside = beside or {}
    others = [other for other in _together(line) if other != path]
    # Without one of the copies, which a person removed, it may be tried again.
    return bool(others) and all(
        _rejection(other) == (line, (beside[other] if other in beside else _content(other)) or "")
        for other in others
    )


def take_over(path):
    """
    Move the copies that older releases kept beside a file to where they lie now, if these are none yet.

    A file of that name that does not begin as ours is a person's, and stays.

    To go in a later release: then no node has them any more.
    """
    for kind, new in copies(path).items():
        old = f"{path}.{kind}"
        if not os.path.isfile(old) or os.path.islink(old) or __salt__["containerd_paths.why_not_roots"](old):
            continue
        text = _content(old)
        if text.startswith(OURS[kind]) and _copy(new) is None:
            _keep(new, text)
            __salt__["containerd_files.remove"](old)


def roll_back(reason):
    """
    Put what a ready daemon ran with last back into each file that was tried; restart nothing.

    :return: a dictionary, path to ``{"old": "rejected", "new": "previous"}``. The rejected content is in
        a copy, below a line with the reason; of a file that was removed that is nothing. A file of the unit
        that was not there before is removed; another stays then, and the value is an empty dictionary.
    :raises CommandExecutionError: a file cannot be written.
    """
    done = {}
    files = tried()
    # Which of several is to blame nobody knows.
    whose = REJECTED_ALONE if len(files) == 1 else f"{REJECTED_TOGETHER}{json.dumps(files)} "
    line = f"{whose}{' '.join(reason.split())}\n"
    for path in files:
        previous = good(path)
        if previous is None and not path.startswith(UNIT_FOLDER):
            done[path] = {}
            continue
        # So that the daemon is restarted by the next run, should this one be killed now.
        _save(_seen_by_the_running_daemon(_record(), path))
        found = _content(path)
        _keep(copies(path)["rejected"], line + (found or ""))
        _put(path, previous, mode=None if found is not None else "0600")
        done[path] = {"old": "rejected", "new": "previous"}
    if any(path.startswith(UNIT_FOLDER) for path in done):
        __salt__["containerd_service.reload"]()
    return done


def _rejection(path):
    """Return the first line of a rejected copy, which tells the reason, and what it was rejected for."""
    copy = _copy(copies(path)["rejected"])
    line, _, content = (copy or "").partition("\n")
    return line, None if copy is None else content


def _together(line):
    """Return the files that were rolled back together, by the first line of one of their copies."""
    if not line.startswith(REJECTED_TOGETHER):
        return []
    try:
        files, _ = json.JSONDecoder().raw_decode(line[len(REJECTED_TOGETHER) :])
    except ValueError:
        return []
    return [path for path in files if isinstance(path, str)] if isinstance(files, list) else []


def _write(path, text, user=None, group=None, mode=None):
    """
    Write a file so that it is always the old one or the new one, also after a power cut.

    A link is kept, and what it leads to is written, where both are in root's hands.
    """
    __salt__["containerd_paths.must_be_roots"](path)
    target = os.path.realpath(path)
    __salt__["containerd_files.make_folder"](os.path.dirname(target))
    __salt__["containerd_files.replace"](target, _bytes(text), *_attributes(target, user, group, mode))


def _keep(path, text):
    """Write a file of our own folder, for root alone, or remove it where the text is None."""
    __salt__["containerd_files.own_folder"](os.path.dirname(path), make=text is not None)
    if text is None:
        __salt__["containerd_files.remove"](path)
    else:
        __salt__["containerd_files.replace"](path, _bytes(text), 0, 0, 0o600)


def _temporary():
    """Return an open file for root alone and its path."""
    while True:
        folder = __salt__["containerd_files.own_folder"](RUN_FOLDER)
        # Another run took the folder away just now.
        with contextlib.suppress(FileNotFoundError):
            return tempfile.mkstemp(prefix="candidate-", suffix=".toml", dir=folder)


def _leave_no_folder():
    """Remove the folder of temporary files where it is empty."""
    with contextlib.suppress(OSError):
        os.rmdir(RUN_FOLDER)


def _unproved():
    """Return the files with a change that no ready daemon has proved yet."""
    return [path for path in _record()["files"] if not _proved(path)]


def _proved(path):
    """Tell whether a ready daemon ran with what a file holds."""
    return _content(path) == good(path)


def _put(path, text, **attributes):
    """Write a file, or remove it where the text is None."""
    if text is None:
        __salt__["containerd_files.remove"](path)
    else:
        _write(path, text, **attributes)


def _attributes(target, user, group, mode):
    """
    Return owner, group and mode for a file: those that are given, else those that it has, else the usual.
    """
    try:
        found = os.stat(target)
        have = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
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


def _kept(name):
    """Return the path of a file in our own folder, which is root's alone if it is there."""
    folder = os.path.join(__opts__.get("root_dir") or "/", STATE)
    return os.path.join(__salt__["containerd_files.own_folder"](folder, make=False), name)


def _copy(path):
    """Return what a file of our own folder holds, None where it is not there: a link is none."""
    return None if os.path.islink(path) else _content(path)


def _record():
    """Return the record: the daemon that was last seen before a change, and what it has read of each file."""
    try:
        record = json.loads(_copy(_kept(RECORD)) or "")
        return {"daemon": str(record["daemon"]), "files": dict(record["files"])}
    except (ValueError, KeyError, TypeError):
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
    _keep(_kept(RECORD), json.dumps(record) if record["files"] else None)


def _digest(path):
    """Return a hash of a file's content, None where there is no file."""
    text = _content(path)
    return None if text is None else hashlib.sha256(_bytes(text)).hexdigest()


def _content(path):
    """Return what a file holds as text, whatever it is; None where there is no file."""
    if not os.path.isfile(path):
        return None
    return __salt__["containerd_files.content"](path).decode(**BYTES_AS_TEXT)


def _bytes(text):
    """Return what a file is to hold."""
    try:
        return text.encode(**BYTES_AS_TEXT)
    except UnicodeError as err:
        raise CommandExecutionError(f"what is to be written is no text: {err}") from err
