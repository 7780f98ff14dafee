"""
The files of runtimes that are on the node, and which of them were proved.

It only looks: nothing that pillar names is run here.
"""

import contextlib
import json
import os
import stat

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, runtime_proof
from containerd_formula.names import shim
from containerd_formula.places import PROVED
from containerd_formula.runtime_settings import RUNC, is_runc_shim, package_of

_NOT_THERE, _NOWHERE = "not on this node", "in no folder where containerd looks for programs"
_MISSING = (_NOT_THERE, _NOWHERE)


def looked_at(runtime):
    """
    Look for the files of a runtime of the library, and whether they can be what the daemon runs as root.

    :return: a dictionary: ``programs``, the paths of ``shim``, and of ``binary`` where the shim starts one;
        ``reason``, why they cannot be run, and the cure; empty if they can; ``missing``, whether that is only
        since files are not there.
    """
    wanted = {"shim": runtime.path or _shim(runtime.type)}
    if is_runc_shim(runtime.type):
        wanted["binary"] = runtime.binary or RUNC
    reasons = runtime_proof.misspelt(runtime)
    if not wanted["shim"]:
        reasons.append(
            f"{errors.quoted(runtime.type[:100])} is not a runtime type: write io.containerd.NAME.VERSION"
        )
    programs = {kind: _found(program) for kind, program in wanted.items() if program}
    wrong = {kind: _why_not(wanted[kind], path) for kind, path in programs.items()}
    missing = [
        f"{errors.brief(wanted[kind])} is {why}: {_cure(kind, runtime)}"
        for kind, why in wrong.items()
        if why in _MISSING
    ]
    reasons += [why for why in wrong.values() if why and why not in _MISSING]
    return {
        "programs": programs,
        "reason": "; ".join([*reasons, *missing]),
        "missing": bool(missing) and not reasons,
    }


def proved(runtime, programs):
    """
    Return what was noted of the proof of these very files with these settings; None if nothing was.

    :return: a dictionary: ``how``, how far the proof went; ``complete``, whether a daemon was there for it.
    """
    noted = _noted().get(runtime.name)
    same = isinstance(noted, dict) and noted.get("of") == _of(runtime, programs)
    return {"how": str(noted.get("how")), "complete": noted.get("complete") is True} if same else None


def note(proofs):
    """
    Note proofs, a list of (runtime, programs, how, complete); what was noted of other runtimes stays.

    :raises CommandExecutionError: the note cannot be written.
    """
    noted = _noted()
    for runtime, programs, how, complete in proofs:
        noted[runtime.name] = {"of": _of(runtime, programs), "how": how, "complete": complete}
    path = __salt__["containerd_files.kept"](PROVED, make=True)
    __salt__["containerd_files.replace"](path, json.dumps(noted).encode(), 0, 0, 0o600)


def _shim(kind):
    return kind if kind.startswith("/") else shim(kind)


def _found(program):
    """Return the path of a program as the daemon finds it; empty if it does not."""
    if "/" in program:
        return program
    places = (f"{folder}/{program}" for folder in __salt__["containerd_daemon.search_path"]())
    return next((path for path in places if os.path.isfile(path) and os.access(path, os.X_OK)), "")


def _why_not(program, path):
    """Return why the daemon cannot run a program, or should not: maybe one of ``_MISSING``; else empty."""
    shown = errors.brief(program)
    if not path:
        return _NOWHERE
    if "\0" in path:
        return f"{shown!r} is not a path: correct it"
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _NOT_THERE
    except (OSError, ValueError) as err:
        return f"{shown} cannot be looked at: {getattr(err, 'strerror', None) or err}"
    if not stat.S_ISREG(mode):
        return f"{shown} is not a file: write the path of the program"
    if not mode & 0o111:
        return f"{shown} is not executable: chmod 755 {shown}"
    if why := __salt__["containerd_paths.why_not_roots"](path):
        return f"{why}, and containerd runs {shown} as root: chown root, chmod go-w"
    return ""


def _cure(kind, runtime):
    """Return what to do where a program of a runtime is missing."""
    key = f"containerd:runtimes:{runtime.name}"
    if runtime.archive or package_of(runtime):
        return f"{package_of(runtime) or 'its archive'} does not bring it there; correct {key}"
    named = runtime.binary if kind == "binary" else runtime.path
    right = {"binary": "binary", "shim": "path"}[kind]
    return f"install it, by package or archive of {key}" + (f", or correct its {right}" if named else "")


def _of(runtime, programs):
    """Return what a proof is of: settings, files, and containerd, as JSON has it."""
    files = {**programs, "containerd": __salt__["cmd.which"]("containerd") or ""}
    return [runtime_proof.settings(runtime), {kind: _identity(path) for kind, path in sorted(files.items())}]


def _identity(path):
    """Return what a file has no longer once it is replaced, or its mode changes; None if it is not there."""
    with contextlib.suppress(OSError, ValueError):
        found = os.stat(path)
        times = (found.st_mtime_ns, found.st_ctime_ns)
        return [os.path.realpath(path), found.st_dev, found.st_ino, found.st_size, *times]
    return None


def _noted():
    """Return what was noted: nothing if there is no note, or it is damaged."""
    with contextlib.suppress(CommandExecutionError, ValueError, RecursionError):
        noted = json.loads(__salt__["containerd_files.content"](__salt__["containerd_files.kept"](PROVED)))
        return noted if isinstance(noted, dict) else {}
    return {}
