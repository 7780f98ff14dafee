"""
The trial start: run the installed containerd with a configuration in a sandbox, and check its CRI plugins.
"""

import errno
import os
import re
import stat
import subprocess
import tempfile
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, schema, toml
from containerd_formula.data import at, walk
from containerd_formula.durations import seconds
from containerd_formula.paths import dotted
from containerd_formula.places import LARGEST_FILE, beneath, file_path

_told = errors.told_as(CommandExecutionError)

# The lookbehind keeps these linear: a match begins where a word does.
_PATH = r"(?<![^\s:\"'])[^\s:\"'/]*(/[^\s:\"']+)"
_UNSEEN = re.compile(rf"{_PATH}: no such file")
_READ_ONLY = re.compile(rf"{_PATH}: read-only file system")
# Not of an invalid name: Go refuses that without asking a resolver.
_NO_NAMES = re.compile(r"\blookup ([\w.-]+)(?: on [^\s:]+:\d+)?: (?!no such host)")
POLL_INTERVAL = 0.05
# They need a certain file system below their directory, and a trial has another one.
PICKY_SNAPSHOTTERS = ("btrfs", "zfs")
# The last parts of settings that name folders the daemon writes to, and sockets.
FOLDERS = ("root", "state", "temp", "root_path", "conf_dir")
SOCKETS = ("address", "socket_path")
OPT = "io.containerd.internal.v1.opt"
# The programs that make the sandbox, and run in it, lie here.
SYSTEM = (
    *("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64"),
    *("/bin", "/sbin", "/lib", "/lib64", "/etc"),
)


@_told
def start(path, timeout=30, dump=None, files=None, cri=True):
    """
    Start the installed containerd with a configuration, check its CRI plugins, stop it.

    ``dump`` is what ``config dump`` shows for the file, a dictionary; None asks for it. ``files`` maps paths
    to the files that the daemon finds there, if the caller knows that there is a sandbox; None takes this
    file alone, and checks for a sandbox. Without ``cri`` a daemon that answers is enough.

    :return: a dictionary: ``ok``, true, false, or None if no trial can be made; ``reason``, why not, in the
        daemon's own words if ``ok`` is false; ``sandbox``, which is ``locked``, or why its mounts are not.
    :raises CommandExecutionError: containerd is not installed, or refuses to read the file.
    """
    file_path(path)
    seconds(timeout)
    if not files:
        files = {path: path}
        if reason := __salt__["containerd_sandbox.why_not"]():
            return _untried(reason)
    if dump is None:
        dump = toml.loads(__salt__["containerd_daemon.dumped"](path, files)["text"], "config dump")
    try:
        if reason := _no_trial(dump):
            return _untried(reason)
        if reason := _hiding(dump):
            return {"ok": False, "reason": reason, "sandbox": ""}
        with __salt__["containerd_files.temporary"]("trial-") as sockets:
            return _tried(path, files, dump, sockets, timeout, cri)
    except (OSError, ValueError) as err:
        why = getattr(err, "strerror", None) or err
        # A bad path in the file fails the trial. Other errors, such as a full disk, are the node's: no trial.
        if isinstance(err, ValueError) or err.errno in (errno.E2BIG, errno.ENAMETOOLONG):
            reason = errors.brief(f"it has a path that cannot be one: {why}")
            return {"ok": False, "reason": reason, "sandbox": ""}
        return _untried(errors.brief(f"the sandbox cannot be laid out: {why}"))


def _untried(reason):
    return {"ok": None, "reason": reason, "sandbox": ""}


def _tried(path, files, dump, sockets, timeout, cri):
    """Run a trial whose sockets lie in a folder of the node; return its result."""
    address = _setting(dump, "grpc.address")
    argv = __salt__["containerd_sandbox.command"](
        *("containerd", "--config", path),
        empty=[folder for _, folder in _written(dump)],
        shared=(sockets, os.path.dirname(address)),
        files=files,
    )
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output)
        try:
            socket = os.path.join(sockets, os.path.basename(address))
            reason = _verdict(process, socket, time.monotonic() + timeout, cri)
        finally:
            # This ends everything in the sandbox, and so closes the pipe.
            process.kill()
            process.communicate()
        output.seek(0)
        text = output.read(LARGEST_FILE).decode(errors="replace")
    try:
        kind, why, words = __salt__["containerd_sandbox.said"](text)
    except CommandExecutionError as err:
        within = [f"{dotted(key)} names {place}" for key, place in _written(dump) if _is_system(place)]
        if within:
            # This node has sandboxes: the path is at fault, and must not turn the trial off.
            return {"ok": False, "reason": f"{within[0]}, which the sandbox needs: {err}", "sandbox": ""}
        return _untried(str(err))
    said = words if reason is None else reason.replace(socket, address)
    said = __salt__["containerd_words.told"](said, path, files)
    reason = errors.last_words(said) if reason is None else said
    if unlike := _unlike_the_node(reason):
        return _untried(unlike)
    return {"ok": not reason, "reason": reason, "sandbox": why or kind}


def _unlike_the_node(reason):
    """Return why a failure comes from the sandbox and not from the node; empty if it does not."""
    for path in _UNSEEN.findall(reason):
        if os.path.exists(path):
            return f"in the sandbox there is no {path}, which the node has"
    if unknown := _NO_NAMES.search(reason):
        return f"in the sandbox no name server answers for {unknown[1]}"
    if read_only := _READ_ONLY.search(reason):
        return f"in the sandbox the daemon may not write {read_only[1]}"
    return ""


def _no_trial(dump):
    """
    Return why a trial of this configuration would prove nothing, or touch the node; empty if it is fine.
    """
    if _setting(dump, "cgroup.path"):
        return "cgroup.path is set: the daemon would make that cgroup on the node"
    address = _setting(dump, "grpc.address")
    if not isinstance(address, str) or not address.startswith("/"):
        return "grpc.address is not an absolute path"
    folder = os.path.dirname(address)
    if __salt__["containerd_sandbox.kernels"](folder) or os.path.realpath(folder) == "/":
        return f"the socket lies in {folder}"
    if _setting(dump, "DEVMAPPER.pool_name"):
        return "the snapshotter devmapper has a pool: the daemon would open the node's own devices"
    snapshotter = _setting(dump, "CRI.containerd.snapshotter")
    if snapshotter in PICKY_SNAPSHOTTERS:
        return f"the snapshotter {snapshotter} needs its own file system, which a trial does not have"
    return ""


def _hiding(dump):
    """Return why the daemon would write into folders of the system; empty if it would not."""
    system = {os.path.realpath(folder) for folder in SYSTEM}
    for key, folder in _written(dump):
        real = os.path.realpath(folder)
        if real != "/" and any(beneath(one, (real,)) for one in system):
            return f"{dotted(key)} would have containerd write into {folder}: write a folder of its own"
    return ""


def _is_system(folder):
    """Tell whether a folder is the system's, so that hiding it may break the sandbox."""
    return beneath(os.path.realpath(folder), [os.path.realpath(one) for one in SYSTEM if one != "/etc"])


def _written(dump):
    """
    Return (key, folder) of the folders that are empty in a trial: the daemon writes there, or runs what is
    there.
    """
    opt, nri = ("plugins", OPT, "path"), schema.locate("NRI.plugin_path", dump["version"], dump)
    found = [(key, at(dump, key)) for key in (opt, nri) if key]
    for path, value in walk(dump):
        if path[-1] in FOLDERS:
            found.append((path, value))
        if isinstance(value, str) and path[-1] in SOCKETS and value.startswith("/"):
            found.append((path, os.path.dirname(value)))
    return [(key, folder) for key, folder in found if isinstance(folder, str) and os.path.isabs(folder)]


def _setting(dump, name):
    """
    Return the value in a dump of a setting, named as in schema 2 of the table; None if there is none.
    """
    path = schema.locate(name, dump["version"], dump)
    return at(dump, path) if path else None


def _verdict(process, socket, deadline, cri):
    """Return why the daemon is not ready; empty if it is, None if it ended: then its output says why."""
    while process.poll() is None:
        answer = _answer(socket, cri)
        if answer["answers"]:
            return answer["reason"]
        if time.monotonic() > deadline:
            return f"{answer['reason']}, within the time limit"
        time.sleep(POLL_INTERVAL)
    return None


def _answer(socket, cri):
    """Ask the daemon whether it is ready, but not through a link in place of its socket."""
    missing = {"answers": False, "reason": errors.brief(f"no daemon answers: there is no socket {socket}")}
    try:
        descriptor = os.open(socket, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return missing
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return missing
        held = f"/proc/{os.getpid()}/fd/{descriptor}"
        answer = __salt__["containerd_daemon.ready"](address=held, cri=cri)
        return {**answer, "reason": answer["reason"].replace(held, socket)}
    finally:
        os.close(descriptor)
