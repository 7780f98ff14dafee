"""
Unpack an archive of programs whose hash is known: nothing outside of its folder, no devices, no setuid. And
what a folder of programs, and a link to it, has to be.
"""

import os
import shutil
import stat
import tarfile
import zlib

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import errors

try:
    from lzma import LZMAError
except ImportError:
    # A Python without it opens no such archive.
    LZMAError = EOFError

_BLOCK = 1 << 20
# Bytes and entries. One with a kernel and a virtual machine's image is large.
_LARGEST = 8 << 30
_MOST = 100_000
_PROGRAM_MODE, _FILE_MODE = 0o755, 0o644
# The first bytes of a program, and of what Python cannot unpack.
_PROGRAMS = (b"\x7fELF", b"#!")
_ZSTD = b"\x28\xb5\x2f\xfd"
_BROKEN = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error, LZMAError)


def unpacked(path, folder, name, shown):
    """
    Unpack a tar (gzip, bzip2 or xz, too) into an empty folder; one executable gets a name there.

    :return: true.
    :raises CommandExecutionError: it is neither, is broken, too large, or holds what must not be. ``shown``
        begins the message.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(4)
        if head.startswith(_PROGRAMS):
            with open(path, "rb") as file:
                write(file, os.path.join(folder, name))
        elif head == _ZSTD or not tarfile.is_tarfile(path):
            raise CommandExecutionError(
                f"{shown} is neither a program nor a tar (plain or packed with gzip, bzip2, xz): pack it so."
            )
        else:
            with tarfile.open(path) as tar:
                _extract(tar, folder)
    except _BROKEN as err:
        raise CommandExecutionError(errors.brief(f"{shown} cannot be unpacked: {err}.")) from err
    return True


def write(source, path, mode=_PROGRAM_MODE):
    """
    Write a new file from a stream, and flush it to the disk.
    """
    with open(path, "xb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
        file.flush()
        os.fsync(file.fileno())
    # The bits of set-user-ID and the like are not taken.
    os.chmod(path, stat.S_IMODE(mode))


def must_be_roots(folder):
    """
    Fail if others than root could change a folder of programs, or make it.

    :raises CommandExecutionError: they could.
    """
    if why := __salt__["containerd_paths.why_not_roots"](folder):
        cure = "Its programs run as root: remove it, or chown root and chmod go-w"
        raise CommandExecutionError(errors.brief(f"{folder} is not used: {why}. {cure}."))


def must_start_programs(folder):
    """
    Fail if a folder is mounted noexec, where no file counts as a program. A missing one will be on the file
    system of the next one above it.

    :raises CommandExecutionError: it is, or that cannot be found out.
    """
    try:
        there = folder
        while not os.path.exists(there) and os.path.dirname(there) != there:
            there = os.path.dirname(there)
        flags = os.statvfs(there).f_flag
    except (OSError, ValueError, TypeError) as err:
        raise CommandExecutionError(errors.brief(f"{folder} cannot be looked at: {err}.")) from err
    if flags & os.ST_NOEXEC:
        raise CommandExecutionError(
            f"{folder} is on a file system that is mounted noexec, so nothing can be started from it: mount "
            "it without that, or take a package."
        )


def must_be_link(path):
    """
    Fail if somebody else's file or folder is in the place of a link of the formula.

    :raises CommandExecutionError: one is.
    """
    if os.path.lexists(path) and not os.path.islink(path):
        raise CommandExecutionError(
            f"{path} is not a link of this formula: move it away, so that the formula can put one there."
        )


def _extract(tar, folder):
    """Unpack a tar: links last, so that nothing is written through one."""
    links, size = [], 0
    for number, member in enumerate(tar):
        size += member.size
        if size > _LARGEST or number >= _MOST:
            raise ValueError(f"it holds more than {_LARGEST >> 30} GB, or more than {_MOST} entries")
        target = _within(folder, member.name)
        if member.isdir():
            os.makedirs(target, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if member.issym():
            links.append((target, member))
        elif member.islnk():
            os.link(_within(folder, member.linkname), target)
        elif member.isfile():
            mode = _PROGRAM_MODE if member.mode & 0o111 else _FILE_MODE
            write(tar.extractfile(member), target, mode)
        else:
            raise ValueError(f"it holds a device or pipe, {member.name[:200]}: pack it anew without")
    for target, member in links:
        os.symlink(member.linkname, target)
    for target, member in links:
        _check_link(folder, target, member)
    for here, _, _ in os.walk(folder):
        os.chmod(here, _PROGRAM_MODE)


def _within(folder, name):
    """Return where an entry lies; fail if that is outside of the folder."""
    path = os.path.normpath(os.path.join(folder, name))
    if name.startswith("/") or ".." in name.split("/") or not f"{path}/".startswith(f"{folder}/"):
        raise ValueError(f"the path {name[:200]} leads out of it: pack it anew with plain relative paths")
    return path


def _check_link(folder, target, member):
    """Fail if a link leads out of the folder, once all links are there."""
    inside = os.path.realpath(folder)
    if member.linkname.startswith("/") or not f"{os.path.realpath(target)}/".startswith(f"{inside}/"):
        raise ValueError(f"the link {member.name[:200]} leads out of it, to {member.linkname[:200]}")
