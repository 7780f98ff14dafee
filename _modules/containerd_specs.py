"""
Base specs of runtimes on this node: which files there are to be, what they hold, and which ones go.
"""

import contextlib
import os
import stat

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import base_specs, errors, findings, places, runtime_config, runtime_settings

_told = errors.told_as(CommandExecutionError)

_MODE = 0o644
NR_OPEN = "/proc/sys/fs/nr_open"


@_told
def plan(root, given):
    """
    Return what becomes of a folder of base specs with pillar ``runtimes``.

    A spec whose fragment and release stay is not made anew: the usual run starts no program.

    :return: a dictionary: ``wanted``, path to fragment; ``files``, path to text, those to write; ``changes``,
        path to old and new; ``gone``, those to remove: nobody reads them, so that is no change of the node;
        ``release``, for which it is.
    :raises CommandExecutionError: the pillar is wrong, containerd makes no spec, the kernel does not allow a
        limit, or somebody else than root could change a file.
    """
    release = _release(given)
    wanted = {
        os.path.join(root, os.path.basename(path)): fragment
        for path, fragment in _specs(given, release).items()
    }
    for path, fragment in wanted.items():
        __salt__["containerd_paths.must_be_roots"](path)
        _must_be_allowed(fragment)
    changed = {path: change for path, fragment in wanted.items() if (change := _change(path, fragment))}
    made = [path for path in changed if release]
    default = _default() if made else ""
    gone = [path for path in _own(root) if path not in wanted and not _is_named(path)]
    return {
        "wanted": wanted,
        "files": {path: base_specs.render(default, wanted[path]) for path in made},
        "gone": gone,
        "changes": changed,
        "release": release,
    }


def apply(planned, done):
    """
    Write what was planned, then remove what goes. ``done`` gets the paths of what is written.

    :raises CommandExecutionError: something cannot be written; what is not in ``done`` is as it was.
    """
    for path, text in planned["files"].items():
        __salt__["containerd_files.make_folder"](os.path.dirname(path))
        __salt__["containerd_files.replace"](path, text.encode(), 0, 0, _MODE)
        done.append(path)
    for path in planned["gone"]:
        __salt__["containerd_files.sweep_beside"](path)
        __salt__["containerd_files.remove"](path)
    for folder in {os.path.dirname(path) for path in planned["gone"]}:
        # Only if it is empty now.
        with contextlib.suppress(OSError):
            os.rmdir(folder)


@_told
def missing(given, release):
    """
    Return the specs of pillar ``runtimes`` that are not on this node yet: path to text.

    :raises CommandExecutionError: containerd makes no spec.
    """
    there = {path: one for path, one in _specs(given, release).items() if not os.path.isfile(path)}
    default = _default() if there else ""
    return {path: base_specs.render(default, fragment) for path, fragment in there.items()}


def _release(given):
    """Return the installed release if a runtime has a base spec, else None: asking may start ctr."""
    specs = runtime_config.specs(given)
    return __salt__["containerd_release.installed"]() if specs else None


def _specs(given, release):
    """Return the path of each spec to its fragment; refuse a wrong pillar."""
    if wrong := findings.errors(runtime_settings.read(given, release).findings):
        raise CommandExecutionError("\n".join(wrong))
    return runtime_config.specs(given, release)


def _must_be_allowed(fragment):
    """Refuse more open files than the kernel allows: no container would start."""
    wanted = base_specs.open_files(fragment)
    with contextlib.suppress(OSError, ValueError), open(NR_OPEN, encoding="ascii") as file:
        most = int(file.read())
        if wanted > most:
            raise CommandExecutionError(
                f"containerd:runtimes: the RLIMIT_NOFILE of a base_spec is {wanted}, and this kernel allows "
                f"{most}: lower it, or raise fs.nr_open (containerd:kernel:sysctls)."
            )


def _default():
    """Return what containerd gives a container; no daemon is asked."""
    result = __salt__["containerd_command.run"]("ctr", "--address", "/nonexistent", "oci", "spec")
    if result["retcode"] != 0:
        words = errors.last_words(result["stderr"] or result["stdout"])
        raise CommandExecutionError(f"ctr oci spec failed: {words}")
    return result["stdout"]


def _change(path, fragment):
    """Return the change of a file that is not there, is not as it was written, or is not root's alone."""
    if not os.path.lexists(path):
        return {"old": None, "new": "created"}
    found = os.lstat(path)
    is_roots = stat.S_ISREG(found.st_mode) and found.st_uid == 0 and not found.st_mode & 0o022
    is_meant = base_specs.is_as_meant(_text(path), fragment)
    return {} if is_roots and is_meant else {"old": "not as it was written", "new": "replaced"}


def _own(root):
    """Return the paths of the formula's specs in a folder."""
    paths = __salt__["containerd_paths.entries"](root)
    return [path for path in paths if base_specs.is_ours(os.path.basename(path)) and os.path.isfile(path)]


def _is_named(path):
    """Tell whether a configuration names a file: the present one, the last good one, or a rejected one."""
    named = [places.CONFIG, *__salt__["containerd_change.copies"](places.CONFIG).values()]
    # What cannot be read may name it.
    return any(os.path.lexists(one) and path in _text(one, path) for one in named)


def _text(path, otherwise=""):
    """Return the text of a file; something else where it cannot be read."""
    try:
        return __salt__["containerd_files.content"](path).decode("utf-8", "replace")
    except CommandExecutionError:
        return otherwise
