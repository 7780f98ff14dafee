"""
containerd from upstream's release archives: fetch, check, unpack beside the release in use, and switch.

Each release has its own folder below ``/opt/containerd-formula``. One link names the release in use; the
commands in ``/usr/local`` are links through it, so that one rename switches. A kind is ``containerd``, whose
release is an archive, or ``runc``, whose release is one binary.
"""

import os
import re
import shutil
import tarfile
import tempfile

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import errors, places, secrets

_BINARIES = {"containerd": ("containerd", "containerd-shim-runc-v2", "ctr"), "runc": ("runc",)}
_BLOCK = 1 << 20
_PROGRAM_MODE = 0o755
# Bytes. A release has about 50 MB.
_LARGEST = 1 << 29


def current(kind="containerd"):
    """
    Return the release that is in use.

    kind : ``containerd``
        ``containerd`` or ``runc``.

    :return: its version, or an empty text if there is none.
    """
    path = os.path.join(places.ARCHIVES, f"current-{kind}")
    if not os.path.exists(path) or not os.path.islink(path):
        return ""
    return os.path.basename(os.readlink(path)).removeprefix(f"{kind}-")


def running(pid):
    """
    Return the release of containerd that a process runs, even if that is no longer in use, or removed.

    pid
        The number of the process.

    :return: its version, or an empty text if the process runs no release of the archive.
    """
    if not str(pid).isdecimal():
        return ""
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""
    folder = f"{os.path.realpath(places.ARCHIVES)}/containerd-"
    return program.removeprefix(folder).split("/")[0] if program.startswith(folder) else ""


def unpacked(kind="containerd"):
    """
    Return the versions of the unpacked releases, in use or not.

    kind : ``containerd``
        ``containerd`` or ``runc``.

    :return: a list of versions.
    """
    names = sorted(os.listdir(places.ARCHIVES)) if os.path.isdir(places.ARCHIVES) else []
    return [name.removeprefix(f"{kind}-") for name in names if re.match(rf"{kind}-\d", name)]


def unpack(kind, version, url, sha256, arch):
    """
    Unpack a release, unless it is there already. This does not switch to it.

    kind
        ``containerd`` or ``runc``.

    version
        The version of the release.

    url
        The address, ``https://``, ``salt://`` or ``file://``, in which ``{version}`` and ``{arch}`` are
        replaced.

    sha256
        The hash that the download must have.

    arch
        The architecture, as upstream names it: ``amd64``.

    :return: true.
    :raises CommandExecutionError: the release cannot be fetched or unpacked, has another hash, or lacks a
        binary. Then nothing has changed.
    """
    target = os.path.join(places.ARCHIVES, f"{kind}-{version}")
    __salt__["containerd_unpack.must_be_roots"](target)
    if os.path.isdir(target):
        return True
    address = url.replace("{version}", version).replace("{arch}", arch)
    shown = errors.brief(secrets.masked_url(address))
    work = ""
    # Remove what killed runs left.
    __salt__["containerd_files.sweep"](places.ARCHIVES)
    try:
        __salt__["containerd_unpack.must_start_programs"](places.ARCHIVES)
        __salt__["containerd_files.make_folder"](places.ARCHIVES)
        work = tempfile.mkdtemp(prefix=f".{kind}-", dir=places.ARCHIVES)
        # Into our own folder: the file hashed is the file unpacked.
        fetched = __salt__["containerd_download.fetched"](address, sha256, work, _LARGEST)
        programs = os.path.join(work, "bin")
        __salt__["containerd_files.make_folder"](programs)
        (_extract if kind == "containerd" else _copy)(fetched, programs)
        missing = [name for name in _BINARIES[kind] if not os.path.isfile(os.path.join(programs, name))]
        if missing:
            raise CommandExecutionError(f"{shown} is not a release of {kind}: it has no bin/{missing[0]}.")
        os.chmod(work, _PROGRAM_MODE)
        os.unlink(fetched)
        # The folder appears whole, or not at all.
        __salt__["containerd_files.rename"](work, target)
    except (OSError, tarfile.TarError, EOFError) as err:
        raise CommandExecutionError(f"{shown} cannot be unpacked into {places.ARCHIVES}: {err}.") from err
    finally:
        if work:
            shutil.rmtree(work, ignore_errors=True)
    return True


def links(kinds=("containerd", "runc")):
    """
    Return the links that lead to the commands of the releases in use.

    kinds : ``("containerd", "runc")``
        The kinds of releases.

    :return: a dictionary: link to its target.
    """
    folders = {"containerd": f"{places.PREFIX}/bin", "runc": f"{places.PREFIX}/sbin"}
    return {
        f"{folder}/{name}": f"{places.ARCHIVES}/current-{kind}/bin/{name}"
        for kind, folder in folders.items()
        if kind in kinds
        for name in _BINARIES[kind]
    }


def switch(kind, version):
    """
    Switch to an unpacked release, in one step.

    kind
        ``containerd`` or ``runc``.

    version
        The version of the release.

    :return: true.
    :raises CommandExecutionError: the release is not unpacked, or the link cannot be written.
    """
    if version not in unpacked(kind):
        raise CommandExecutionError(f"{kind} {errors.brief(version)} is not unpacked in {places.ARCHIVES}.")
    return link(os.path.join(places.ARCHIVES, f"current-{kind}"), f"{kind}-{version}")


def link(path, target):
    """
    Make a symbolic link, or replace one, in one step.

    path
        The link.

    target
        Where it leads.

    :return: true.
    :raises CommandExecutionError: a file or folder is in its place, or it cannot be written.
    """
    __salt__["containerd_unpack.must_be_link"](path)
    try:
        __salt__["containerd_files.make_folder"](os.path.dirname(path))
        fresh = f"{path}.containerd-formula"
        if os.path.lexists(fresh):
            os.unlink(fresh)
        os.symlink(target, fresh)
        os.replace(fresh, path)
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be linked to {target}: {err}.") from err
    return True


def _extract(archive, folder):
    """Unpack only the binaries of an archive."""
    with tarfile.open(archive) as tar:
        for member in tar:
            parent, name = os.path.split(os.path.normpath(member.name))
            if member.isfile() and parent == "bin":
                __salt__["containerd_unpack.write"](tar.extractfile(member), os.path.join(folder, name))


def _copy(binary, folder):
    with open(binary, "rb") as file:
        __salt__["containerd_unpack.write"](file, os.path.join(folder, "runc"))
