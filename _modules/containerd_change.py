"""
The life of a change: record it, write it, then keep it once the daemon is ready, or roll it back.

Before writing, we record the files, the running daemon's InvocationID (systemd gives each start a new one, so
that clocks do not matter), and a hash of what that daemon read of each file. Once the daemon is ready with
the change, we keep a copy of the file, the *good* one, and remove the record. If a later change fails, the
good copy goes back. So the next run knows, even after a killed run or a power cut, whether the daemon still
has to be restarted, and with what it worked last. Record and copies lie in a folder that only root can enter.
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

from containerd_formula.places import PREFIX, RECORD, RUN_FOLDER, UNIT_FOLDER

# The link to the archive's release in use.
COMMAND = f"{PREFIX}/bin/containerd"
# So that any old content can be put back byte by byte.
BYTES_AS_TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}
REJECTED_ALONE = "# Rolled back: "
# Then come the list of the files, as JSON, and the reason.
REJECTED_TOGETHER = "# Rolled back together: "
# The first words of a file that the formula wrote, and of a copy of what was rolled back.
OURS = {"good": "# Managed by Salt (containerd-formula)", "rejected": "# Rolled back"}


def candidate(text):
    """
    Write the text of a candidate to a temporary file that only root can read.

    :return: the path of the file. ``discard`` removes it.
    :raises CommandExecutionError: the file cannot be written.
    """
    path = None
    try:
        # mkstemp makes it 0600: it may hold secrets.
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
    Remove the candidate at a path; with the last one, its folder.
    """
    os.unlink(path)
    _leave_no_folder()


def sweep(path):
    """
    Remove what killed runs left: candidates, trials, and temporary files beside the file at a path.
    """
    folder = __salt__["containerd_files.own_folder"](RUN_FOLDER, make=False)
    __salt__["containerd_files.sweep"](folder)
    __salt__["containerd_files.sweep_beside"](os.path.realpath(path))
    _leave_no_folder()


def apply(path, text, user=None, group=None, mode=None):
    """
    Change a file that containerd reads when it starts: record the change, keep the old content, write.

    The good copy holds what a ready daemon ran with last; if none was seen yet, the old content.

    path
        The file.

    text
        What it shall hold. None removes the file.

    user, group, mode : ``None``
        Owner, group and mode, such as ``'0644'``. None keeps what the file has.

    :return: true.
    :raises CommandExecutionError: a file cannot be written; then nothing has changed.
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
    Return the files with a change that the running daemon has not read: for them a restart is pending.

    If the daemon runs another release of upstream's archive than the one in use, or a package has replaced
    its program and not restarted it, the command is in the list.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_change.pending

    :return: a list of paths; empty if the daemon has read what the files hold, or does not run.
    """
    unit = __salt__["containerd_service.properties"]()
    # A daemon that does not run will read everything when it starts.
    if unit.get("ActiveState") != "active":
        return []
    release = __salt__["containerd_archive.running"](unit.get("MainPID"))
    replaced = __salt__["containerd_service.replaced"](unit.get("MainPID"))
    if release:
        replaced = COMMAND if release != __salt__["containerd_archive.current"]() else ""
    old = [replaced] if replaced else []
    record = _record()
    # A daemon that was started since has read everything.
    if unit.get("InvocationID") != record["daemon"]:
        return old
    return old + [path for path, seen in record["files"].items() if _digest(path) != seen]


def tried():
    """
    Return the files whose change a daemon has started with, but has not been ready with yet.

    :return: a list of paths.
    """
    last_start = __salt__["containerd_service.properties"]().get("InvocationID")
    return _unproved() if last_start and last_start != _record()["daemon"] else []


def settle():
    """
    Accept the changed files: the daemon is ready with them. Their content becomes the good copy.

    :return: a list of the paths of these files.
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
    Return the paths of the copies of a file: ``good`` and ``rejected`` to a path. They need not exist.
    """
    # A readable name, and a different one for each path.
    name = path.strip("/").replace("%", "%25").replace(":", "%3A").replace("/", ":")
    return {kind: _kept(f"{name}.{kind}") for kind in ("good", "rejected")}


def good(path):
    """
    Return the content of a file with which a ready daemon ran last, byte by byte; None if it is not known.
    """
    return _copy(copies(path)["good"])


def rejected(path, text, beside=None):
    """
    Tell whether a file was rolled back from this very content, alone or together with other files.

    A text of None stands for a removed file. ``beside``, path to text, is what other files will hold; files
    that are not in it count as they are.
    """
    line, content = _rejection(path)
    if content != (text or ""):
        return False
    if line.startswith(REJECTED_ALONE):
        return True
    beside = beside or {}
    others = [other for other in _together(line) if other != path]
    # If somebody removed one of the copies, the content may be tried again.
    return bool(others) and all(
        _rejection(other) == (line, (beside[other] if other in beside else _content(other)) or "")
        for other in others
    )


def take_over(path):
    """
    Move the copies that older releases kept beside a file to the folder of copies, if it has none yet.

    A file of that name that does not begin like ours belongs to somebody else, and stays. A later release can
    drop this function: then no node has such copies.
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
    Put the good copy back into each file that was tried. This restarts nothing.

    :return: a dictionary, path to ``{"old": "rejected", "new": "previous"}``. The rejected content is in a
        copy, below a line with the reason. A unit file that did not exist before is removed. Another file
        without a good copy stays, and its value is an empty dictionary.
    :raises CommandExecutionError: a file cannot be written.
    """
    done = {}
    files = tried()
    # Of several files nobody knows which one is to blame.
    whose = REJECTED_ALONE if len(files) == 1 else f"{REJECTED_TOGETHER}{json.dumps(files)} "
    line = f"{whose}{' '.join(reason.split())}\n"
    for path in files:
        previous = good(path)
        if previous is None and not path.startswith(UNIT_FOLDER):
            done[path] = {}
            continue
        # If this run is killed now, the next one restarts the daemon.
        _save(_seen_by_the_running_daemon(_record(), path))
        found = _content(path)
        _keep(copies(path)["rejected"], line + (found or ""))
        _put(path, previous, mode=None if found is not None else "0600")
        done[path] = {"old": "rejected", "new": "previous"}
    if any(path.startswith(UNIT_FOLDER) for path in done):
        __salt__["containerd_service.reload"]()
    return done


def _rejection(path):
    """Return the first line of a rejected copy, which has the reason, and the rejected content."""
    copy = _copy(copies(path)["rejected"])
    line, _, content = (copy or "").partition("\n")
    return line, None if copy is None else content


def _together(line):
    """Return the files that were rolled back together, from the first line of a copy."""
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

    A link stays, and its target is written, if only root can change both.
    """
    __salt__["containerd_paths.must_be_roots"](path)
    target = os.path.realpath(path)
    __salt__["containerd_files.make_folder"](os.path.dirname(target))
    __salt__["containerd_files.replace"](target, _bytes(text), *_attributes(target, user, group, mode))


def _keep(path, text):
    """Write a file of our own folder, for root only, or remove it if the text is None."""
    __salt__["containerd_files.own_folder"](os.path.dirname(path), make=text is not None)
    if text is None:
        __salt__["containerd_files.remove"](path)
    else:
        __salt__["containerd_files.replace"](path, _bytes(text), 0, 0, 0o600)


def _temporary():
    """Return an open file that only root can read, and its path."""
    while True:
        folder = __salt__["containerd_files.own_folder"](RUN_FOLDER)
        # Another run may remove the folder at this moment.
        with contextlib.suppress(FileNotFoundError):
            return tempfile.mkstemp(prefix="candidate-", suffix=".toml", dir=folder)


def _leave_no_folder():
    """Remove the folder of temporary files if it is empty."""
    with contextlib.suppress(OSError):
        os.rmdir(RUN_FOLDER)


def _unproved():
    """Return the changed files with which no daemon has been ready yet."""
    return [path for path in _record()["files"] if not _proved(path)]


def _proved(path):
    """Tell whether a daemon has been ready with what a file holds."""
    return _content(path) == good(path)


def _put(path, text, **attributes):
    """Write a file, or remove it if the text is None."""
    if text is None:
        __salt__["containerd_files.remove"](path)
    else:
        _write(path, text, **attributes)


def _attributes(target, user, group, mode):
    """Return owner, group and mode for a file: those given, else its own, else root's and 0644."""
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
        raise CommandExecutionError(f"{target}: {mode!r} is not a mode: write it such as '0644'.") from err


def _kept(name):
    """Return the path of a file in our own folder; fail if others than root can enter that."""
    return __salt__["containerd_files.kept"](name)


def _copy(path):
    """Return what a file of our own folder holds, or None if it is not there: a link is none."""
    return None if os.path.islink(path) else _content(path)


def _record():
    """Return the record: the daemon that ran at the last change, and a hash of what it read by file."""
    try:
        record = json.loads(_copy(_kept(RECORD)) or "")
        return {"daemon": str(record["daemon"]), "files": dict(record["files"])}
    except (ValueError, KeyError, TypeError):
        return {"daemon": "", "files": {}}


def _seen_by_the_running_daemon(record, path):
    """Return a record with one more file, for the daemon that runs now."""
    daemon = __salt__["containerd_service.properties"]().get("InvocationID", "")
    files = {**record["files"]}
    if daemon != record["daemon"]:
        # This daemon was started after the last change, and has read what is there.
        files = {name: _digest(name) for name in files}
    files.setdefault(path, _digest(path))
    return {"daemon": daemon, "files": files}


def _save(record):
    """Write the record, or remove one that names no file."""
    _keep(_kept(RECORD), json.dumps(record) if record["files"] else None)


def _digest(path):
    """Return a hash of a file's content, or None if there is no file."""
    text = _content(path)
    return None if text is None else hashlib.sha256(_bytes(text)).hexdigest()


def _content(path):
    """Return any file's content as text, or None if there is no file."""
    if not os.path.isfile(path):
        return None
    return __salt__["containerd_files.content"](path).decode(**BYTES_AS_TEXT)


def _bytes(text):
    """Return a text as the bytes to write."""
    try:
        return text.encode(**BYTES_AS_TEXT)
    except UnicodeError as err:
        raise CommandExecutionError(f"the text to write is not UTF-8 ({err}): type it again") from err
