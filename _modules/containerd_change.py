"""
The life of a change: kept apart from what it replaces, written, proved by a ready daemon, or rolled back.

.. versionadded:: 0.1.0

A change is *recorded* before its file is written, and the record goes once the daemon has been ready with it.
So a run that was killed, or a machine that lost its power, leaves behind what the next run must know: whether
the daemon still has to be restarted, and which files go back if it does not come up. The record names the
daemon by the InvocationID that systemd gives to each start, so that clocks do not matter.

.. code-block:: bash

    salt '*' containerd_change.pending
"""

import json
import os
import stat
import tempfile

from salt.exceptions import CommandExecutionError

__virtualname__ = "containerd_change"

RECORD = "var/lib/containerd-formula/change.json"
UNIT_FOLDER = "/etc/systemd/system/"
# What a file held before is put back to the letter, whatever it was.
BYTES_AS_TEXT = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}


def __virtual__():
    return __virtualname__


def write(path, text, user=None, group=None, mode=None):
    """
    Write a file so that it is always the old one or the new one, also after a power cut.

    The content is on the disk before the name leads to it: without that an empty file can be left, on some
    file systems. A link is kept, and what it leads to is written.

    path
        The file. Missing folders are made.

    text
        Its content.

    user : ``None``
        The owner. None keeps the one that the file has; root where it is new.

    group : ``None``
        The group. None keeps the one that the file has; root where it is new.

    mode : ``None``
        The mode, such as ``'0644'``. None keeps the one that the file has; 0644 where it is new.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.write /etc/containerd/config.toml 'version = 2' mode=0600

    :return: true.
    :raises CommandExecutionError: it cannot be written; then it is as it was.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        uid, gid, bits = _attributes(target, user, group, mode)
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
    except OSError as err:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise CommandExecutionError(f"{path} cannot be written, and is as it was: {err.strerror}") from err
    return True


def apply(path, text, user=None, group=None, mode=None):
    """
    Change a file that containerd reads when it starts: record, keep the previous content, write.

    path
        The file.

    text
        Its new content; None removes it.

    user : ``None``
        As for ``write``.

    group : ``None``
        As for ``write``.

    mode : ``None``
        As for ``write``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.apply /etc/containerd/config.toml 'version = 2'

    :return: true. The content before stays in ``PATH.previous``, for root alone. A file with a change that no
        ready daemon has proved yet keeps the previous content that it has: the last one that worked.
    :raises CommandExecutionError: a file cannot be written; then all is as it was.
    """
    record = _record()
    files = {name: existed for name, existed in record["files"].items() if _differs(name, existed)}
    before = dict(files)
    if path not in files:
        files[path] = os.path.exists(path)
        if files[path]:
            write(f"{path}.previous", _content(path), mode="0600")
    _save({"daemon": __salt__["containerd_unit.properties"]().get("InvocationID", ""), "files": files})
    try:
        if text is None:
            os.unlink(path)
            _flush_folder(os.path.dirname(path))
        else:
            write(path, text, user=user, group=group, mode=mode)
    except (CommandExecutionError, OSError) as err:
        _save({"daemon": record["daemon"], "files": before})
        raise CommandExecutionError(str(err)) from err
    return True


def unproved():
    """
    Return the files with a change that no ready daemon has proved yet.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.unproved

    :return: a list of paths; empty where all is proved, or is as it was before.
    """
    return [name for name, existed in _record()["files"].items() if _differs(name, existed)]


def pending():
    """
    Return the files with a change that the running daemon has not seen: a restart is pending.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.pending

    :return: a list of paths; empty where the daemon was started since, or does not run.
    """
    files = unproved()
    if not files:
        return []
    unit = __salt__["containerd_unit.properties"]()
    # A daemon that does not run sees the change when it is started.
    same = unit.get("InvocationID") == _record()["daemon"] and unit.get("ActiveState") == "active"
    return files if same else []


def settle():
    """
    Forget the record: the daemon is ready with what the files hold.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.settle

    :return: whether there was one.
    """
    path = _record_path()
    if not os.path.exists(path):
        return False
    os.unlink(path)
    _flush_folder(os.path.dirname(path))
    return True


def rejected(path, text):
    """
    Tell whether a file was rolled back from this very content.

    path
        The file.

    text
        The content.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.rejected /etc/containerd/config.toml 'version = 2'

    :return: true where ``PATH.rejected`` holds it.
    """
    name = f"{path}.rejected"
    # Its first line tells the reason.
    return os.path.exists(name) and _content(name).split("\n", 1)[-1] == text


def roll_back(reason):
    """
    Put the previous content of each unproved file back; restarts nothing.

    reason
        Why, for a person who reads the rejected content.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.roll_back 'CRI failed'

    :return: a dictionary, path to ``{"old": "rejected", "new": "previous"}``. The rejected content is in
        ``PATH.rejected``, below a line with the reason, for root alone. A file of the unit that was not
        there before is removed; config.toml stays then, and the value is an empty dictionary.
    :raises CommandExecutionError: a file cannot be written.
    """
    done = {}
    for path in unproved():
        existed = _record()["files"][path]
        kept = existed and os.path.exists(f"{path}.previous")
        if not kept and (existed or not path.startswith(UNIT_FOLDER)):
            done[path] = {}
            continue
        there = os.path.exists(path)
        if there:
            line = " ".join(reason.split())
            write(f"{path}.rejected", f"# Rolled back: {line}\n{_content(path)}", mode="0600")
        if existed:
            write(path, _content(f"{path}.previous"), mode=None if there else "0600")
        else:
            os.unlink(path)
        done[path] = {"old": "rejected", "new": "previous"}
    if any(path.startswith(UNIT_FOLDER) for path in done):
        __salt__["containerd_unit.reload"]()
    return done


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
    return uid, gid, have[2] if mode is None else int(str(mode), 8)


def _flush_folder(folder):
    """
    Have the names in a folder on the disk.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _record_path():
    """
    Return where the record lies: not in Salt's cache, which people empty.
    """
    return os.path.join(__opts__.get("root_dir") or "/", RECORD)


def _record():
    """
    Return the record, an empty one where there is none.
    """
    try:
        return json.loads(_content(_record_path()))
    except (FileNotFoundError, ValueError):
        return {"daemon": "", "files": {}}


def _save(record):
    """
    Write the record, or remove one that names no file.
    """
    if record["files"]:
        write(_record_path(), json.dumps(record), mode="0600")
    else:
        settle()


def _differs(path, existed):
    """
    Tell whether a file is not, or no longer, what it was before its change.
    """
    if not os.path.exists(path):
        return existed
    previous = f"{path}.previous"
    return not existed or not os.path.exists(previous) or _content(path) != _content(previous)


def _content(path):
    """
    Return a file's text.
    """
    with open(path, **BYTES_AS_TEXT) as file:
        return file.read()
