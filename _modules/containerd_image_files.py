"""
The archives of images on this node, as long as a run needs them: fetched, unpacked, the one image of each.
"""

import bz2
import contextlib
import gzip
import io
import logging
import lzma
import os
import posixpath
import shutil
import tarfile
import tempfile
import threading
import time
import zlib

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, image_archive
from containerd_formula.secrets import masked_url

_told = errors.told_as(CommandExecutionError)
log = logging.getLogger(__name__)
_PREFIX = "images-"
# Seconds that no run takes after its last write there: an import has half of it.
_LONGEST = 7200
_BLOCK = 1 << 20
# Bytes that stay free, for the node to live on.
_RESERVE = 256 << 20
# Seconds between two lines of the log.
_TELL_EVERY = 10
# Each of another link.
_MOST_LINKS = 10
# By the first bytes. containerd before 2.0 takes none of these.
_PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_ZSTD = b"\x28\xb5\x2f\xfd"


@contextlib.contextmanager
def folder():
    """
    Yield a new folder on a disk that only root can enter. If the run is killed, the next one removes it.
    """
    parent = __salt__["containerd_files.kept"]("", make=True)
    for path in __salt__["containerd_paths.entries"](parent):
        with contextlib.suppress(OSError):
            if _is_left_behind(path):
                shutil.rmtree(path)
    try:
        # Not in /run: that is memory.
        made = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent)
    except OSError as err:
        raise CommandExecutionError(f"{parent} cannot be written to: {err.strerror}") from err
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _is_left_behind(path):
    """Tell whether a folder is one of a run that ended: by its process, whose number others may have now."""
    name = os.path.basename(path)
    if not name.startswith(_PREFIX):
        return False
    process = name[len(_PREFIX) :].partition("-")[0]
    if process.isdigit() and not os.path.exists(f"/proc/{process}"):
        return True
    inside = __salt__["containerd_paths.entries"](path)
    return max(os.lstat(one).st_mtime for one in (path, *inside)) < time.time() - _LONGEST


@_told
def prepared(image, address, place, root=""):
    """
    Fetch the archive of an image, and make one of that image alone, for this node, with its name.

    image
        The library's ``Image``; ``address`` is that of its archive, and ``place`` a folder of ``folder``.

    root : ``""``
        The folder where containerd has its images, which may be on another disk.

    :return: a pair: the path of the file to import, and the digest that the image has then, or an empty text.
    :raises CommandExecutionError: it cannot be fetched or read, or has not the image for this node.
    """
    shown = errors.brief(masked_url(address))
    path = os.path.join(place, f"{image.sha256}.tar")
    # Several images may come from one archive.
    if not os.path.exists(path):
        _unpack(_fetched(address, image.sha256, place, shown), path, shown)
    target = os.path.join(place, "import.tar")
    try:
        with tarfile.open(path, "r:") as tar:
            files = _files(tar)
            sizes = {name: member.size for name, member in files.items()}
            chosen = image_archive.chosen(
                sizes,
                lambda name: tar.extractfile(files[name]).read(),
                image,
                image_archive.platform(os.uname().machine),
            )
            size = sum(sizes.get(name, 0) for name in chosen.files)
            for times, disk in _taken(place, root):
                _need(times * size, disk, image.name)
            _write(tar, files, chosen, target)
    except errors.Refused as err:
        raise CommandExecutionError(f"{shown}: {err}") from err
    except (OSError, tarfile.TarError, EOFError, ValueError) as err:
        raise CommandExecutionError(f"{shown} is no archive of images: {_why(err)}.") from err
    return target, chosen.digest


def _fetched(address, sha256, place, shown):
    """Fetch an archive, as far as there is room for it; return its path."""
    room = _room(place)
    with _progress(os.path.join(place, "download"), shown):
        try:
            return __salt__["containerd_download.fetched"](address, sha256, place, room)
        except CommandExecutionError as err:
            if "it is larger than" in str(err):
                words = f"{shown} needs more room than {_mb(room)} in {place} (a reserve of {_mb(_RESERVE)}"
                raise CommandExecutionError(f"{words} is kept): make room there.") from err
            raise


def _unpack(download, path, shown):
    """Give a download its name, unpacked if it was compressed."""
    with open(download, "rb") as file:
        head = file.read(8)
    if head.startswith(_ZSTD):
        raise CommandExecutionError(
            f"{shown} is compressed with zstd, which is not read here: use gzip, xz, or no compression."
        )
    opener = next((opener for magic, opener in _PACKED.items() if head.startswith(magic)), None)
    if not opener:
        os.rename(download, path)
        return
    most = _room(os.path.dirname(path))
    try:
        with opener(download, "rb") as source, open(path, "wb") as target:
            while block := source.read(_BLOCK):
                most -= len(block)
                if most < 0:
                    raise CommandExecutionError(
                        f"{shown} needs more room than {os.path.dirname(path)} has, unpacked: make room."
                    )
                target.write(block)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as err:
        raise CommandExecutionError(f"{shown} cannot be unpacked: {_why(err)}.") from err
    os.unlink(download)


def _taken(place, root):
    """Return how many times its size an image takes of which folder's disk: also as content, and as files."""
    with contextlib.suppress(OSError):
        if root and os.stat(root).st_dev != os.stat(place).st_dev:
            return [(1, place), (2, root)]
    return [(3, place)]


def _room(place):
    """Return how many bytes may be written into a folder."""
    try:
        return max(0, shutil.disk_usage(place).free - _RESERVE)
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"{place} cannot be written to: {_why(err)}.") from err


def _need(size, place, what):
    """Fail unless a folder has room for something."""
    if size > (room := _room(place)):
        raise CommandExecutionError(
            f"{what} needs {_mb(size)} on the disk of {place} (archive, content and files of it), and "
            f"{_mb(room)} can be used (a reserve of {_mb(_RESERVE)} is kept): make room there."
        )


def _mb(size):
    return f"{-(-size >> 20)} MB"


@contextlib.contextmanager
def _progress(path, shown):
    """Tell the log from time to time how much there is of a file."""
    ended = threading.Event()

    def tell():
        while not ended.wait(_TELL_EVERY):
            with contextlib.suppress(OSError):
                log.info("%s: %s are there", shown, _mb(os.stat(path).st_size))

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _files(tar):
    """Return the files of a tar by their names, links as what they lead to."""
    members = {posixpath.normpath(member.name): member for member in tar}
    result = {}
    for name, member in members.items():
        for _ in range(_MOST_LINKS):
            if member is None or member.isreg():
                break
            base = posixpath.dirname(posixpath.normpath(member.name)) if member.issym() else ""
            target = posixpath.normpath(posixpath.join(base, member.linkname)) if member.linkname else ""
            member = members.get(target)
        if member is not None and member.isreg():
            result[name] = member
    return result


def _write(tar, files, chosen, path):
    """Write an archive of what was chosen."""
    with tarfile.open(path, "w") as target:
        for name in chosen.files:
            info = tarfile.TarInfo(name)
            if name in chosen.replaced:
                source = io.BytesIO(chosen.replaced[name])
                info.size = len(chosen.replaced[name])
            else:
                source = tar.extractfile(files[name])
                info.size = files[name].size
            target.addfile(info, source)


def _why(err):
    return errors.brief(str(getattr(err, "strerror", None) or err)).rstrip(".")
