"""
containerd from upstream's release archives: fetched, checked, unpacked beside what is in use, and switched.

.. versionadded:: 0.1.0

Each release has a folder of its own below ``/opt/containerd-formula``. One link names the one in use; the
commands in ``/usr/local`` go through it, so that a switch is one rename.

.. code-block:: bash

    salt '*' containerd_archive.current
"""

import hashlib
import os
import re
import shutil
import tarfile
import tempfile

import salt.utils.url
from salt.exceptions import CommandExecutionError

__virtualname__ = "containerd_archive"

ROOT = "/opt/containerd-formula"
# Where upstream's own instructions put them.
PREFIX = "/usr/local"
# How Go, and so upstream's archives, call the machines of grain cpuarch.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
BINARIES = ("containerd", "containerd-shim-runc-v2", "ctr")
BLOCK = 1 << 20
PROGRAM_MODE = 0o755


def __virtual__():
    return __virtualname__


def arch():
    """
    Return what upstream's archives call this machine.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_archive.arch

    :return: such as ``amd64``.
    """
    machine = __grains__["cpuarch"]
    return ARCHITECTURES.get(machine, machine)


def root():
    """
    Return the folder of the releases.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_archive.root

    :return: its path.
    """
    return ROOT


def current(kind="containerd"):
    """
    Return the release that is in use.

    kind : ``containerd``
        Or ``runc``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_archive.current

    :return: its version; an empty string where there is none.
    """
    link = os.path.join(ROOT, f"current-{kind}")
    if not os.path.exists(link) or not os.path.islink(link):
        return ""
    return os.path.basename(os.readlink(link)).removeprefix(f"{kind}-")


def unpacked(kind="containerd"):
    """
    Return the releases that are unpacked, in use or not.

    kind : ``containerd``
        Or ``runc``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_archive.unpacked

    :return: a list of versions.
    """
    names = sorted(os.listdir(ROOT)) if os.path.isdir(ROOT) else []
    return [name.removeprefix(f"{kind}-") for name in names if re.match(rf"{kind}-\d", name)]


def unpack(kind, version, url, sha256):
    """
    Have a release unpacked. One that is there already is left alone; nothing is switched.

    kind
        ``containerd``, whose release is an archive, or ``runc``, whose release is one binary.

    version
        The release.

    url
        Its address: ``https://``, ``salt://`` or ``file://``. ``{version}`` and ``{arch}`` are filled in.

    sha256
        Its hash.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_archive.unpack runc 1.1.15 salt://files/runc.{arch} SHA256

    :return: true.
    :raises CommandExecutionError: it cannot be fetched or unpacked, has another hash, or lacks a binary. What
        was there before is as it was.
    """
    target = os.path.join(ROOT, f"{kind}-{version}")
    if os.path.isdir(target):
        return True
    address = url.replace("{version}", version).replace("{arch}", arch())
    shown = salt.utils.url.redact_http_basic_auth(address)
    work = ""
    try:
        os.makedirs(ROOT, mode=0o755, exist_ok=True)
        work = tempfile.mkdtemp(prefix=f".{kind}-", dir=ROOT)
        download = os.path.join(work, "download")
        fetched = _fetch(address, download, shown)
        _verify(fetched, sha256, shown)
        os.mkdir(os.path.join(work, "bin"))
        wanted = BINARIES if kind == "containerd" else ("runc",)
        extract = _extract if kind == "containerd" else _copy
        extract(fetched, os.path.join(work, "bin"))
        missing = [name for name in wanted if not os.path.isfile(os.path.join(work, "bin", name))]
        if missing:
            raise CommandExecutionError(f"{shown} is no release of {kind}: it has no bin/{missing[0]}.")
        os.chmod(work, PROGRAM_MODE)
        if os.path.exists(download):
            os.unlink(download)
        # Whole, or not there at all.
        os.rename(work, target)
    except (OSError, tarfile.TarError, EOFError) as err:
        raise CommandExecutionError(f"{shown} cannot be unpacked into {ROOT}: {err}.") from err
    finally:
        if work:
            shutil.rmtree(work, ignore_errors=True)
    return True


def links(kinds=("containerd", "runc")):
    """
    Return the links through which the releases in use are found.

    kinds : ``('containerd', 'runc')``
        Those of which there are releases.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_archive.links

    :return: a dictionary: link to where it leads.
    """
    found = {}
    if "containerd" in kinds:
        for name in BINARIES:
            found[f"{PREFIX}/bin/{name}"] = f"{ROOT}/current-containerd/bin/{name}"
    if "runc" in kinds:
        found[f"{PREFIX}/sbin/runc"] = f"{ROOT}/current-runc/bin/runc"
    return found


def switch(kind, version):
    """
    Let an unpacked release be the one in use, in one step.

    kind
        ``containerd`` or ``runc``.

    version
        The release.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_archive.switch containerd 1.7.24

    :return: true.
    :raises CommandExecutionError: it is not unpacked, or the link cannot be written.
    """
    if version not in unpacked(kind):
        raise CommandExecutionError(f"{kind} {version} is not unpacked in {ROOT}.")
    return link(os.path.join(ROOT, f"current-{kind}"), f"{kind}-{version}")


def link(path, target):
    """
    Have a symbolic link, put in place of what was there in one step.

    path
        The link. A file that is no link is not replaced.

    target
        Where it leads.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_archive.link /usr/local/bin/ctr /opt/containerd-formula/current-containerd/bin/ctr

    :return: true.
    :raises CommandExecutionError: a file or folder is in its place, or it cannot be written.
    """
    if os.path.lexists(path) and not os.path.islink(path):
        raise CommandExecutionError(
            f"{path} is there, and not a link of this formula: move it away for source archive."
        )
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        fresh = f"{path}.containerd-formula"
        if os.path.lexists(fresh):
            os.unlink(fresh)
        os.symlink(target, fresh)
        os.replace(fresh, path)
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be linked to {target}: {err}.") from err
    return True


def _fetch(address, download, shown):
    """
    Return the path of a file that was fetched; one from the network goes where ``download`` says.
    """
    if address.startswith("file://"):
        return address[len("file://") :]
    try:
        # Not into the minion's cache: it is large, and unpacked at once.
        path = __salt__["cp.get_url"](address, download)
    except Exception as err:  # noqa: BLE001 - Salt's fetchers raise whatever their libraries do.
        # They tell of a full disk as of a closed connection.
        full = shutil.disk_usage(os.path.dirname(download)).free < BLOCK
        why = "No space left on device" if full else err
        raise CommandExecutionError(f"{shown} cannot be fetched: {why}.") from err
    if not path:
        raise CommandExecutionError(f"{shown} cannot be fetched: there is no such file.")
    return path


def _verify(path, sha256, address):
    """
    Fail unless a file has a hash.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as err:
        raise CommandExecutionError(f"{address} cannot be read: {err.strerror}.") from err
    found = digest.hexdigest()
    if found != sha256:
        raise CommandExecutionError(
            f"{address} has the sha256 {found}, and pinned is {sha256}: the download was cut, or it is "
            "another file. Nothing was installed."
        )


def _extract(archive, folder):
    """
    Unpack the binaries of an archive, and nothing else of it.
    """
    with tarfile.open(archive) as tar:
        for member in tar:
            parent, name = os.path.split(os.path.normpath(member.name))
            if member.isfile() and parent == "bin":
                _write(tar.extractfile(member), os.path.join(folder, name))


def _copy(binary, folder):
    """
    Copy a binary.
    """
    with open(binary, "rb") as file:
        _write(file, os.path.join(folder, "runc"))


def _write(source, path):
    """
    Write a program from a stream, down to the disk.
    """
    with open(path, "wb") as file:
        shutil.copyfileobj(source, file, BLOCK)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(path, PROGRAM_MODE)
