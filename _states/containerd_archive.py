"""States of upstream's release archives: unpacked, in use, tidied, absent."""

import contextlib
import os
import re
import shutil

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import places, runtime_settings
from containerd_formula.addresses import in_saltenv

# The saltenv of the SLS: Salt sets it.
__env__ = "base"

PENDING = (
    " Restart pending: the daemon runs the old release. Restart it when it suits you: systemctl restart "
    "containerd"
)
# In the folder of the archives: containerd-1.7.24, current-containerd, and temporary ones.
_RELEASE = re.compile(r"(?:(?:containerd|runc)-[0-9]|current-(?:containerd|runc)|\.(?:containerd|runc)-)")


def unpacked(name, releases, arch, runtimes=None):
    """
    Fetch, check and unpack releases beside those in use. This does not switch to them.

    name
        Any text.

    releases
        A dictionary: ``containerd``, and ``runc`` if the site wants it, to a dictionary of ``version``,
        ``url`` and ``sha256`` (version to architecture to hash). Without ``runc`` the node must have its own.

    arch
        Upstream's (Go's) name of this machine's architecture, such as ``amd64``.

    runtimes : ``None``
        A dictionary, as pillar ``containerd:runtimes``: a later state may bring runc.

    SLS Example:

    .. code-block:: yaml

        containerd archive is unpacked:
          containerd_archive.unpacked:
            - releases:
                containerd:
                  version: 1.7.24
                  url: salt://files/containerd-{version}-linux-{arch}.tar.gz
                  sha256: {1.7.24: {amd64: SHA256}}
            - arch: amd64

    :return: a state return; ``changes`` are the releases that were unpacked.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The releases are unpacked."}
    missing = {
        kind: release
        for kind, release in releases.items()
        if release["version"] not in __salt__["containerd_archive.unpacked"](kind)
    }
    comes = "runc" in releases or runtime_settings.brings_runc(runtimes)
    if not comes and not __salt__["cmd.which"]("runc"):
        comment = "There is no runc on this node: pin one in containerd:package:archive:runc, or install it."
        return {**ret, "result": None if __opts__["test"] else False, "comment": comment}
    changes = {kind: {"old": "", "new": release["version"]} for kind, release in missing.items()}
    if not missing:
        return ret
    if __opts__["test"]:
        try:
            __salt__["containerd_unpack.must_start_programs"](places.ARCHIVES)
        except CommandExecutionError as err:
            return {**ret, "result": False, "comment": str(err)}
        return {**ret, "result": None, "changes": changes, "comment": "The releases would be unpacked."}
    done = {}
    for kind, release in missing.items():
        version = release["version"]
        sha256 = release["sha256"][version][arch]
        try:
            url = in_saltenv(release["url"], __env__)
            __salt__["containerd_archive.unpack"](kind, version, url, sha256, arch)
        except CommandExecutionError as err:
            return {**ret, "result": False, "changes": done, "comment": str(err)}
        done[kind] = changes[kind]
    return {**ret, "changes": done}


def in_use(name, releases, restart="auto"):
    """
    Switch to unpacked releases, and restart the service if it runs, as a package would.

    name
        Any text.

    releases
        A dictionary: ``containerd``, and ``runc`` if the site wants it, to a dictionary with ``version``.

    restart : ``auto``
        ``manual`` restarts nothing, and says that a restart is pending.

    SLS Example:

    .. code-block:: yaml

        containerd package is installed:
          containerd_archive.in_use:
            - releases:
                containerd: {version: 1.7.24}

    :return: a state return; ``changes`` are kind to old and new release, and link to old and new target.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The releases are in use."}
    versions = {kind: release["version"] for kind, release in releases.items()}
    changes = {}
    for kind, version in versions.items():
        found = __salt__["containerd_archive.current"](kind)
        if found != version:
            changes[kind] = {"old": found, "new": version}
    links = __salt__["containerd_archive.links"](list(versions))
    wrong = {path: target for path, target in links.items() if _target(path) != target}
    changes.update({path: {"old": _target(path), "new": target} for path, target in wrong.items()})
    if not changes:
        return ret
    if __opts__["test"]:
        return {**ret, "result": None, "changes": changes, "comment": "The releases would be in use."}
    try:
        # Until the switch, links lead nowhere, or to the release in use.
        for path, target in wrong.items():
            __salt__["containerd_archive.link"](path, target)
        for kind in sorted(versions, reverse=True):
            if kind in changes:
                __salt__["containerd_archive.switch"](kind, versions[kind])
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    return _restarted({**ret, "changes": changes}, restart)


def tidied(name):
    """
    Remove unpacked releases that are neither in use nor run by the daemon.

    name
        Any text.

    SLS Example:

    .. code-block:: yaml

        containerd old archives are removed:
          containerd_archive.tidied: []

    :return: a state return; ``changes`` are the folders that were removed.
    """
    try:
        pid = __salt__["containerd_service.properties"]().get("MainPID")
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    # While a restart is pending the daemon runs the old one.
    running = __salt__["containerd_archive.running"](pid)
    old = []
    for kind in ("containerd", "runc"):
        used = (__salt__["containerd_archive.current"](kind), running if kind == "containerd" else "")
        found = __salt__["containerd_archive.unpacked"](kind)
        old += [f"{places.ARCHIVES}/{kind}-{version}" for version in found if version not in used]
    return _remove(name, old)


def absent(name, restart="auto"):
    """
    Remove all releases, their unit file, and the links to them.

    If the daemon ran, it is started again with the containerd that the node still has.

    name
        The unit file.

    restart : ``auto``
        ``manual`` restarts nothing, and says that a restart is pending.

    SLS Example:

    .. code-block:: yaml

        containerd archive is not in use:
          containerd_archive.absent:
            - name: /usr/local/lib/systemd/system/containerd.service

    :return: a state return; ``changes`` are the files and folders that were removed.
    """
    links = __salt__["containerd_archive.links"]()
    there = [path for path, target in links.items() if _target(path) == target]
    releases = _releases()
    # Without a release or a link of ours, the unit file belongs to somebody else.
    if there or releases:
        there += [path for path in (name, *releases) if os.path.lexists(path)]
    ret = _remove(name, there)
    if not ret["changes"] or not ret["result"]:
        return ret
    if not __opts__["test"]:
        # Only if it is empty now; a link or a mount is an administrator's.
        with contextlib.suppress(OSError):
            os.rmdir(places.ARCHIVES)
    return _restarted(ret, restart)


def _restarted(ret, restart):
    """Restart the service if it runs; return the state return with the result in its comment."""
    try:
        if restart == "manual":
            runs = __salt__["containerd_service.reload"]() and __salt__["containerd_change.pending"]()
            told = PENDING if runs else ""
        else:
            told = __salt__["containerd_service.restart_if_running"]()
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": f"{ret['comment']} {err}"}
    return {**ret, "comment": f"{ret['comment']}{told}"}


def _releases():
    """Return releases, links to them and what killed runs left; runtimes and what others put there stay."""
    entries = sorted(os.listdir(places.ARCHIVES)) if os.path.isdir(places.ARCHIVES) else []
    return [os.path.join(places.ARCHIVES, entry) for entry in entries if _RELEASE.match(entry)]


def _target(path):
    """Return where a link leads, or an empty text if there is none."""
    return os.readlink(path) if os.path.islink(path) else ""


def _remove(name, paths):
    """Remove files and folders; return a state return."""
    ret = {"name": name, "result": True, "changes": {}, "comment": "There is nothing to remove."}
    if not paths:
        return ret
    changes = {path: {"old": "present", "new": ""} for path in paths}
    listed = ", ".join(paths)
    if __opts__["test"]:
        return {**ret, "result": None, "changes": changes, "comment": f"{listed}: would be removed."}
    try:
        for path in paths:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    except OSError as err:
        return {**ret, "result": False, "comment": f"{path} cannot be removed: {err.strerror}."}
    return {**ret, "changes": changes, "comment": f"{listed}: removed."}
