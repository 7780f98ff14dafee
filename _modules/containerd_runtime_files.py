"""
The files of runtimes on this node: packages to ask for, and archives by hash, unpacked and switched to.

Each archive has its own folder below ``/opt/containerd-formula/runtimes``, ``NAME@SHA256``. The link ``NAME``
beside it, which config.toml names, leads to the one in use: one rename switches, and restarts nothing.
"""

import contextlib
import os
import re
import shutil
import tempfile

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import errors, findings, places, runtime_settings, secrets

# Bytes of a download. One with a kernel and a virtual machine's image is large.
_LARGEST = 2 << 30
_FOLDER = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,62})@([0-9a-f]{64})")
# In the folder of a container: what containerd and its shim write of the programs that serve it.
_WRITTEN = ("runtime", "options.json", "shim-binary-path")
_SHIM = "containerd-shim"
# What pillar says of an archive alone.
_OF_ARCHIVES = ("archive", "sha256", "version")
PROC = "/proc"


def wanted(runtimes=None, source=""):
    """
    Return what pillar ``runtimes`` wants to be installed.

    :return: a dictionary: ``packages`` (what ``containerd_package.plan_together`` takes) and ``archives``
        (name to ``address``, ``sha256``, and ``needed``: the programs that it must hold).
    :raises CommandExecutionError: the pillar is wrong, or the source of containerd has no such runc.
    """
    model = runtime_settings.read(runtimes)
    if told := findings.errors(model.findings):
        raise CommandExecutionError("\n".join(told))
    archives = {one.name: _archive(one) for one in model.runtimes if one.archive}
    packages = {}
    for one in model.runtimes:
        if not (package := runtime_settings.package_of(one)):
            continue
        if source == "docker" and runtime_settings.RUNC in (one.name, package):
            raise CommandExecutionError(
                f"containerd:runtimes:{one.name}: source docker has runc in containerd.io, which conflicts "
                f"with the package {package}: take a containerd.io that has it (containerd:package:version), "
                "or write archive and sha256."
            )
        asked = {"packages": [package], "version": one.version, "hold": one.hold, "upgrade": one.upgrade}
        other = packages.setdefault(package, {**asked, "key": f"containerd:runtimes:{one.name}:version"})
        if {**other, **asked} != other:
            raise CommandExecutionError(
                f"containerd:runtimes:{one.name}: another runtime has the package {package} too, with "
                "another version, hold or upgrade: write the same."
            )
    return {"packages": list(packages.values()), "archives": archives}


def current(name):
    """
    Return the hash of the archive of a runtime that is in use, or an empty text if there is none.

    :raises CommandExecutionError: somebody else's file or folder is in the place of its link.
    """
    path = os.path.join(places.RUNTIMES, name)
    __salt__["containerd_unpack.must_be_link"](path)
    if not os.path.isdir(path):
        return ""
    match = _FOLDER.fullmatch(os.readlink(path))
    return match[2] if match and match[1] == name else ""


def missing(name, sha256, needed):
    """
    Return the first of some programs that an unpacked archive lacks; empty if it has all.

    :raises CommandExecutionError: it lies where no program can be started.
    """
    folder = _folder(name, sha256)
    if not os.path.isdir(folder):
        return ""
    __salt__["containerd_unpack.must_start_programs"](folder)
    return _missing(folder, needed)


def unpack(name, address, sha256, needed):
    """
    Unpack the archive of a runtime, unless it is there already. This does not switch to it.

    :return: true.
    :raises CommandExecutionError: it cannot be fetched or unpacked, has another hash, or lacks a program of
        ``needed``. Then nothing has changed.
    """
    target = _folder(name, sha256)
    shown = errors.brief(secrets.masked_url(address))
    __salt__["containerd_unpack.must_be_roots"](target)
    if os.path.isdir(target):
        _check(target, name, shown, needed)
        return True
    # Remove what killed runs left.
    __salt__["containerd_files.sweep"](places.RUNTIMES)
    work = ""
    try:
        __salt__["containerd_unpack.must_start_programs"](places.RUNTIMES)
        __salt__["containerd_files.make_folder"](places.RUNTIMES)
        work = tempfile.mkdtemp(prefix=".runtime-", dir=places.RUNTIMES)
        content = os.path.join(work, "content")
        os.mkdir(content, 0o755)
        fetched = __salt__["containerd_download.fetched"](address, sha256, work, _LARGEST)
        __salt__["containerd_unpack.unpacked"](fetched, content, name, shown)
        os.chmod(content, 0o755)  # noqa: S103 - Programs are for all to read, whatever the umask.
        _check(content, name, shown, needed)
        # The folder appears whole, or not at all.
        __salt__["containerd_files.rename"](content, target)
    except OSError as err:
        raise CommandExecutionError(f"{shown} cannot be unpacked into {places.RUNTIMES}: {err}.") from err
    finally:
        if work:
            shutil.rmtree(work, ignore_errors=True)
    return True


def candidate(name, runtimes):
    """
    Return pillar of one runtime as if its unpacked archive, which may not be in use yet, were what is there.

    :raises CommandExecutionError: there is no such runtime.
    """
    found = [one for one in runtime_settings.read(runtimes).runtimes if one.name == name]
    if not found:
        raise CommandExecutionError(
            f"containerd:runtimes has no {errors.brief(errors.quoted(name))} to prove."
        )
    one = found[0]
    given = {key: value for key, value in runtimes[name].items() if key not in _OF_ARCHIVES}
    link, folder = f"{places.RUNTIMES}/{name}/", f"{_folder(name, one.sha256)}/"
    given["options"] = one.options
    for key, path in (("binary", one.binary), ("path", one.path)):
        if path.startswith(link):
            given[key] = folder + path.removeprefix(link)
    return {name: given}


def switch(name, sha256):
    """
    Switch to an unpacked archive, in one step.

    :return: true.
    :raises CommandExecutionError: a file or folder is in the place of the link, or it cannot be written.
    """
    path = os.path.join(places.RUNTIMES, name)
    return __salt__["containerd_archive.link"](path, os.path.basename(_folder(name, sha256)))


def leftovers(archives, switched=False):
    """
    Return what of the archives is not in use: old releases of some runtimes, and all of the others.

    archives
        The archives that pillar has, as ``wanted`` returns them.

    switched : ``False``
        Whether to look as if all of these were in use already.

    :return: a dictionary: name of a runtime to its paths, to who uses the path (empty if nobody does).
    """
    found = {}
    for entry in sorted(os.listdir(places.RUNTIMES)) if os.path.isdir(places.RUNTIMES) else ():
        path = os.path.join(places.RUNTIMES, entry)
        target = os.readlink(path) if os.path.islink(path) else entry
        match = _FOLDER.fullmatch(target)
        # What somebody else put there is his.
        if not match or entry not in (match[0], match[1]):
            continue
        name = match[1]
        if name not in archives or (entry != name and not _is_kept(match, archives[name], switched)):
            found.setdefault(name, []).append(path)
    running = _running() if found else []
    return {
        name: {path: _users(name, paths if name not in archives else [path], running) for path in paths}
        for name, paths in found.items()
    }


def remove(paths):
    """
    Remove links and folders of archives, and the folder that holds them once it is empty.

    :return: true.
    :raises CommandExecutionError: one cannot be removed.
    """
    # Links first: none leads nowhere.
    for path in sorted(paths, key=lambda path: not os.path.islink(path)):
        try:
            if os.path.islink(path):
                os.unlink(path)
            else:
                shutil.rmtree(path)
        except OSError as err:
            raise CommandExecutionError(f"{path} cannot be removed: {err.strerror}.") from err
    for folder in (places.RUNTIMES, places.ARCHIVES):
        # Only if it is empty now; a link or a mount is an administrator's.
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return True


def _is_kept(match, archive, switched):
    """Tell whether a folder is of the archive that pillar has, or of the one in use until the switch."""
    return match[2] == archive["sha256"] or (not switched and match[2] == current(match[1]))


def _archive(one):
    """Return the archive of a runtime, with the programs in it that the runtime names."""
    root = f"{places.RUNTIMES}/{one.name}/"
    programs = [path for path in (one.binary, one.path) if path.startswith(root)]
    needed = [path.removeprefix(root) for path in programs]
    return {"address": one.archive, "sha256": one.sha256, "needed": needed}


def _folder(name, sha256):
    """Return the folder of an archive; both parts come from pillar."""
    folder = f"{name}@{sha256}"
    if not _FOLDER.fullmatch(folder):
        shown = errors.brief(errors.quoted(folder))
        raise CommandExecutionError(f"{shown} is not a runtime and its sha256: correct containerd:runtimes.")
    return os.path.join(places.RUNTIMES, folder)


def _missing(folder, needed):
    paths = ((name, os.path.join(folder, name)) for name in needed)
    return next((name for name, path in paths if not (os.path.isfile(path) and os.access(path, os.X_OK))), "")


def _check(folder, name, shown, needed):
    """Fail unless a folder has some programs."""
    if lost := _missing(folder, needed):
        programs = ", ".join(_programs(folder)) or "none"
        raise CommandExecutionError(
            errors.brief(
                f"{shown} holds no program {lost}: correct binary or path in containerd:runtimes:{name}. Its "
                f"programs are {programs}."
            )
        )


def _programs(folder, most=10):
    """Return the first programs in a folder, by their paths in it."""
    found = []
    for here, _, names in os.walk(folder):
        paths = [os.path.join(here, name) for name in sorted(names)]
        found += [os.path.relpath(path, folder) for path in paths if os.access(path, os.X_OK)]
    return found[:most]


def _running():
    """
    Return (process, paths that it needs) of each process: its program, and of a shim those of its containers.
    """
    found = []
    for pid in filter(str.isdecimal, os.listdir(PROC)):
        folder = os.path.join(PROC, pid)
        try:
            program = os.readlink(f"{folder}/exe")
            needs = program
            if os.path.basename(program).startswith(_SHIM):
                # A shim's working folder is its container's.
                needs += "".join(f"\n{_written(f'{folder}/cwd/{name}')}" for name in _WRITTEN)
        except OSError:
            # It has ended, or belongs to the kernel.
            continue
        found.append((pid, needs))
    return found


def _written(path):
    """Return the text of a shim's file: any pod can call a program so, and its file may be a pipe."""
    with contextlib.suppress(CommandExecutionError):
        return __salt__["containerd_files.content"](path).decode("utf-8", "replace")
    return ""


def _users(name, paths, running):
    """Return which processes need one of the folders, as a text: of the link's, those that name the link."""
    texts = set()
    for path in paths:
        texts |= {f"{path}/", f"{os.path.realpath(places.RUNTIMES)}/{os.path.basename(path)}/"}
    users = [pid for pid, needs in running if any(text in needs for text in texts)]
    return f"process {', '.join(users)} needs it" if users else ""
