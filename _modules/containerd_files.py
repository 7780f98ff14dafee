"""
Read and write files of the node, safe from power cuts and from other users who write in the same folder.
"""

import contextlib
import errno
import io
import os
import re
import shutil
import stat
import tempfile
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula import errors, places

# What mkstemp and mkdtemp append to a prefix.
_RANDOM = "[a-z0-9_]{8}"


def make_folder(path, mode=0o755):
    """
    Make a folder and its missing parents, whatever the umask; an existing one stays as it is.
    """
    if os.path.isdir(path):
        return
    make_folder(os.path.dirname(path))
    try:
        os.mkdir(path, 0o700)
        # Another run removes a folder of ours that is empty: who needs it makes it anew.
        with contextlib.suppress(FileNotFoundError):
            os.chmod(path, mode)
            _label(path)
    except FileExistsError:
        # Another run was faster, or this is not a folder: then the next step fails.
        return
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be made: {err.strerror}") from err


def own_folder(path, make=True):
    """
    Make sure that only root can enter a folder of the formula; make a missing one unless ``make`` is false.

    :return: its path. It may be gone by then: another run removes one that is empty.
    :raises CommandExecutionError: something else is in its place, or it cannot be made.
    """
    if make:
        make_folder(path, 0o700)
    try:
        found = os.lstat(path)
        why = __salt__["containerd_paths.why_not_roots"](path)
        if not stat.S_ISDIR(found.st_mode):
            why = "it is not a real folder"
        if why:
            raise CommandExecutionError(
                f"{path} has to be a folder of root's alone, and {why}: move it away, and apply again."
            )
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)
    except FileNotFoundError:
        return path
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be made root's alone: {err.strerror}") from err
    return path


def kept(name, make=False):
    """
    Return the path of a file in the folder where the formula keeps its own; ``make`` makes the folder.

    :raises CommandExecutionError: as for ``own_folder``.
    """
    return os.path.join(own_folder(_state(), make), name)


def content(path):
    """
    Return the bytes of a file that others may have made: a regular file of a sane size, without waiting.

    :raises CommandExecutionError: it is not there, is not a regular file, or cannot be read.
    """
    if not isinstance(path, (str, os.PathLike)) or "\0" in str(path):
        shown = errors.brief(errors.quoted(path))
        raise CommandExecutionError(f"{shown} cannot be read: it is not a file path; write one.")
    try:
        # open() would wait for the writer of a FIFO.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            # Files below /proc look like regular ones, /proc/kmsg too.
            if not stat.S_ISREG(found.st_mode) or found.st_dev == os.stat("/proc").st_dev:
                raise OSError(errno.EINVAL, "it is not a regular file")
            with open(descriptor, "rb", closefd=False) as file:
                # A pseudo file without data gives None.
                data = file.read(places.LARGEST_FILE + 1)
                if data is None:
                    raise OSError(errno.EAGAIN, "it has nothing to read")
        finally:
            os.close(descriptor)
        if len(data) > places.LARGEST_FILE:
            raise OSError(errno.EFBIG, f"it is larger than {places.LARGEST_FILE >> 20} MB")
    except (FileNotFoundError, NotADirectoryError) as err:
        raise CommandExecutionError(f"{path} cannot be read: it is not there.") from err
    except (OSError, ValueError, TypeError) as err:
        why = getattr(err, "strerror", None) or "that is not a path"
        cure = "Remove it, or make it a file that root can read."
        words = f"{errors.brief(str(path))} cannot be read: {why}. {cure}"
        raise CommandExecutionError(words) from err
    return data


def text(path):
    """
    Return the text of a TOML file that others may have made.

    :raises CommandExecutionError: as for ``content``, or it is not UTF-8.
    """
    data = content(path)
    try:
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig").read()
    except UnicodeDecodeError as err:
        raise CommandExecutionError(f"{path} is not valid TOML: it is not UTF-8 ({err.reason})") from err


def replace(path, data, uid, gid, bits):
    """
    Replace a file: there is always the old one or the new one, even after a power cut.

    A link is replaced, not followed.

    :raises CommandExecutionError: it cannot be written, and has not changed.
    """
    folder, name = os.path.split(path)
    temporary = None
    try:
        sweep_beside(path)
        # In the same folder, for rename(2).
        descriptor, temporary = tempfile.mkstemp(prefix=_prefix(name), dir=folder)
        with open(descriptor, "wb") as file:
            file.write(data)
            # Before the file has its name, so that nobody else can read it.
            os.fchown(descriptor, uid, gid)
            os.fchmod(descriptor, bits)
            file.flush()
            os.fsync(descriptor)
        # Flushed before the rename: else a power cut leaves an empty file on some file systems.
        os.replace(temporary, path)
        _label(path)
        _flush_folder(folder)
    except OSError as err:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise CommandExecutionError(f"{path} cannot be written, and has not changed: {err.strerror}") from err


def rename(folder, target):
    """
    Give a folder another name beside it, and flush that to the disk.

    :raises CommandExecutionError: it cannot be renamed.
    """
    try:
        os.rename(folder, target)
        _label(target)
        _flush_folder(os.path.dirname(target))
    except OSError as err:
        raise CommandExecutionError(f"{folder} cannot be renamed to {target}: {err.strerror}") from err


def remove(path):
    """
    Remove a file, and flush that to the disk; do nothing if there is none.

    :raises CommandExecutionError: it cannot be removed.
    """
    try:
        os.unlink(path)
        _flush_folder(os.path.dirname(path))
    except FileNotFoundError:
        return
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be removed: {err.strerror}") from err


@contextlib.contextmanager
def temporary(prefix, parent=None):
    """
    Yield a new folder that only root can enter. If the run is killed, the next one removes it.
    """
    folder = None
    while not folder:
        own = own_folder(parent or places.RUN_FOLDER)
        # Another run may remove the folder at this moment.
        with contextlib.suppress(FileNotFoundError):
            folder = tempfile.mkdtemp(prefix=prefix, dir=own)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        # Only if it is empty now.
        with contextlib.suppress(OSError):
            os.rmdir(own)


def sweep_beside(path):
    """
    Remove the temporary files that killed runs of ``replace`` left beside a file.
    """
    folder, name = os.path.split(path)
    _sweep(folder, re.escape(_prefix(name)) + _RANDOM, "")


def sweep(folder):
    """
    Remove the temporary files that killed runs left in one of the formula's folders; others are not touched.
    """
    ours = {
        places.RUN_FOLDER: (".*", ".*"),
        places.RUN: ("", re.escape(places.PROBE) + _RANDOM),
        places.RUNTIMES: ("", rf"\.runtime-{_RANDOM}"),
        places.ARCHIVES: ("", rf"\.(?:containerd|runc)-{_RANDOM}"),
        _state(): ("", re.escape(places.PROOF) + _RANDOM),
    }
    if folder in ours:
        _sweep(folder, *ours[folder])


def _sweep(folder, files, folders):
    """Remove files and folders that are root's, are old, and match a pattern by name."""
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        # Somebody else was faster, or the file is not ours.
        with contextlib.suppress(OSError):
            if not _left_behind(path):
                continue
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and re.fullmatch(files, name):
                os.unlink(path)
            elif stat.S_ISDIR(mode) and re.fullmatch(folders, name):
                shutil.rmtree(path)


def _left_behind(path):
    """Tell whether a file or folder is root's and old, with all that it holds: that may be in use."""
    found = os.lstat(path)
    inside = os.scandir(path) if stat.S_ISDIR(found.st_mode) else ()
    newest = max([found.st_mtime, *(entry.stat(follow_symlinks=False).st_mtime for entry in inside)])
    return found.st_uid == 0 and newest < time.time() - places.LEFT_BEHIND


def _state():
    """Return the folder where the formula keeps its own files."""
    return os.path.join(__opts__.get("root_dir") or "/", places.STATE)


def _prefix(name):
    """Return the prefix of temporary files for a file: no other file has it."""
    return f".{name}.containerd-formula-"


def _label(path):
    """
    Give what is new the SELinux label of its path, as Salt does after a write: it has that of its folder.
    """
    # It does nothing where SELinux is off. What was written stays, whatever it says.
    with contextlib.suppress(CommandExecutionError):
        if __salt__["containerd_command.path"]("restorecon"):
            __salt__["containerd_command.run"]("restorecon", "-R", path)


def _flush_folder(folder):
    """Flush the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
