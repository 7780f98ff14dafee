"""
Fetch a file by its hash, within a limit of size, into a folder of ours: what is hashed is what is used.
"""

import contextlib
import errno
import hashlib
import os
import resource
import shutil
import stat

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import errors, secrets

_BLOCK = 1 << 20


def fetched(address, sha256, folder, limit):
    """
    Fetch a file at an ``https://``, ``salt://`` or ``file://`` address into a folder, and check its hash.

    :return: its path there.
    :raises CommandExecutionError: it cannot be fetched, is larger than ``limit`` bytes, or has another hash.
    """
    shown = errors.brief(secrets.masked_url(address))
    path = _fetch(address, os.path.join(folder, "download"), shown, limit)
    _verify(path, sha256, shown)
    return path


def _fetch(address, download, shown, limit):
    """Fetch an address into our own folder, so that the file hashed is the file unpacked; return its path."""
    if address.startswith("file://"):
        return _read(address[len("file://") :], download, shown, limit)
    try:
        with _limited(limit):
            # Not into the minion's cache: it is large, and is unpacked at once.
            path = __salt__["cp.get_url"](address, download)
    except Exception as err:  # noqa: BLE001 - Salt's fetchers raise whatever their libraries do.
        # They report a full disk as a closed connection.
        full = shutil.disk_usage(os.path.dirname(download)).free < _BLOCK
        why = "No space left on device" if full else secrets.masked_url(str(err))
        if "File too large" in why:
            why = _too_large(limit)
        raise CommandExecutionError(f"{shown} cannot be fetched: {why}.") from err
    if not path:
        raise CommandExecutionError(f"{shown} cannot be fetched: there is no such file.")
    # A masterless minion tells where its file server has a salt:// file.
    return path if path == download else _read(path, download, shown, limit)


def _read(source, download, shown, limit):
    """Copy a file of the node; return the copy's path."""
    try:
        return _copied(source, download, limit)
    except (OSError, ValueError) as err:
        why = getattr(err, "strerror", None) or err
        raise CommandExecutionError(f"{shown} cannot be read: {why}.") from err


def _too_large(limit):
    return f"it is larger than {limit >> 20} MB"


def _copied(source, download, limit):
    """Copy a regular file of a sane size, without waiting for a pipe or device; return the copy's path."""
    descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file, open(download, "wb") as copy:
        found = os.fstat(descriptor)
        # Files below /proc look like regular ones.
        if not stat.S_ISREG(found.st_mode) or found.st_dev == os.stat("/proc").st_dev:
            raise OSError(errno.EINVAL, "it is not a regular file")
        size = 0
        while block := file.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise OSError(errno.EFBIG, _too_large(limit))
            copy.write(block)
    return download


@contextlib.contextmanager
def _limited(limit):
    """Limit the size of files that this process writes: Salt's fetchers have no limit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    lower = limit if before[0] == resource.RLIM_INFINITY else min(before[0], limit)
    resource.setrlimit(resource.RLIMIT_FSIZE, (lower, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _verify(path, sha256, address):
    """Fail unless a file has a hash."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as err:
        raise CommandExecutionError(f"{address} cannot be read: {err.strerror}.") from err
    found = digest.hexdigest()
    if found != sha256:
        raise CommandExecutionError(
            f"{address} has the sha256 {found}, and pinned is {sha256}: the download was cut, or it is "
            "another file. Nothing was installed. Compare both with the publisher's checksum."
        )
