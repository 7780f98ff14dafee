"""
Prove a runtime: its binary tells its version, and the daemon runs a container by it.

A container needs no image, registry, CNI or CRI: its one program is made here. Nothing of it is left.
"""

import contextlib
import glob
import os
import secrets
import signal

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import runtime_proof
from containerd_formula.places import PROOF, PROOFS, RUN_FOLDER
from containerd_formula.probe_program import STATUS, program
from containerd_formula.runtime_proof import RAN, THERE, TOLD
from containerd_formula.runtime_settings import is_runc_shim

# Seconds. Each takes about 0.1; a shim that starts a virtual machine takes longer.
VERSION_TIMEOUT = 10
CONTAINER_TIMEOUT = 60
_PROGRAM = "probe"
# Bytes of a command.
_LONGEST = 10_000
# What containerd and the runtimes keep of a namespace; it is empty then.
_EMPTY = (
    "/run/containerd/io.containerd.runtime.v2.task",
    "/var/lib/containerd/io.containerd.runtime.v2.task",
    "/run/containerd/runc",
    *("/sys/fs/cgroup", "/sys/fs/cgroup/*"),
)


def made(runtime, programs, is_serving):
    """
    Prove a runtime of the library, with the programs that ``containerd_runtimes_there.looked_at`` found.

    ``is_serving`` tells whether a daemon of the installed release answers. Under ``test=True`` nothing runs.

    :return: a dictionary: ``ok``; ``how``, how far it went; ``reason``, why it is not ok, or why it went no
        further.
    """
    if __opts__["test"]:
        return _good(THERE, "under test=True nothing is run that pillar names")
    how, words = _told(runtime, programs)
    if words:
        return {"ok": False, "how": "", "reason": words}
    if not is_serving:
        return _good(how, "no container was tried: no daemon of the installed containerd answers")
    if not runtime_proof.can_run_programs(runtime.type):
        return _good(how, f"no container was tried: nobody knows what {runtime.type} can run")
    has_run, words = _container(runtime)
    if has_run:
        return _good(RAN, "")
    if has_run is None or not is_runc_shim(runtime.type):
        # ctr cannot tell a shim all that CRI tells it.
        return _good(how, f"no container ran: {words}")
    return {"ok": False, "how": "", "reason": words}


def _good(how, reason):
    return {"ok": True, "how": how, "reason": reason}


def _told(runtime, programs):
    """Ask the programs of a runtime for their versions: how far it went, and why it failed."""
    is_runc = is_runc_shim(runtime.type)
    path, word = (programs["binary"], "--version") if is_runc else (programs["shim"], "-v")
    try:
        answer = __salt__["containerd_command.run"](path, word, timeout=VERSION_TIMEOUT)
    except CommandExecutionError as err:
        return "", runtime_proof.why(str(err))
    if not answer["retcode"]:
        return TOLD, ""
    why = runtime_proof.why(answer["stderr"] or answer["stdout"])
    # Not each shim has such an option. 126 and 127 are the loader's, and the shell's.
    failed = is_runc or answer["retcode"] in (126, 127)
    return THERE, f"{path} {word} failed: {why}" if failed else ""


def _container(runtime):
    """Run a container: whether it ran, None if it could not be tried; and why not."""
    data = program(os.uname().machine)
    if data is None:
        return None, f"there is no program for {os.uname().machine} to put into it"
    _sweep()
    try:
        with _root_folder(data) as folder:
            if not folder:
                return None, "no folder of the formula can hold a program: all are mounted noexec"
            return _run(runtime, folder)
    except OSError as err:
        return None, f"its files cannot be laid out: {err.strerror}"
    finally:
        _tidy()


def _run(runtime, folder):
    """Run a container whose files are in a folder; remove what is left of it if it fails."""
    name = f"{PROOF}{os.getpid()}-{secrets.token_hex(4)}"
    has_run = False
    try:
        # Without --null-io it would read the input of whoever called Salt.
        options = ("--rm", "--null-io", "--rootfs", *_options(runtime))
        answer = _ctr("run", *options, folder, name, f"/{_PROGRAM}")
        has_run = answer["retcode"] == STATUS
        return has_run, "" if has_run else runtime_proof.why(answer["stderr"] or answer["stdout"])
    except CommandExecutionError as err:
        return False, runtime_proof.why(str(err))
    finally:
        if not has_run:
            _remove(name)


def _options(runtime):
    """Return the options of ``ctr run`` for a runtime."""
    if is_runc_shim(runtime.type) and (runtime.binary or not runtime.path):
        # ctr takes a binary only for containerd's own shim.
        binary = ("--runc-binary", runtime.binary) if runtime.binary else ()
        return ("--runtime", runtime.type, *binary)
    config = runtime.options.get("ConfigPath")
    more = ("--runtime-config-path", config) if isinstance(config, str) and config else ()
    return ("--runtime", runtime.path or runtime.type, *more)


@contextlib.contextmanager
def _root_folder(data):
    """Yield a folder with the program, on a file system that can execute it; empty if there is none."""
    own = os.path.dirname(__salt__["containerd_files.kept"](_PROGRAM, make=True))
    # /run is mounted noexec on many nodes.
    for parent in (own, RUN_FOLDER):
        with __salt__["containerd_files.temporary"](PROOF, parent) as folder:
            if os.statvfs(folder).f_flag & os.ST_NOEXEC:
                continue
            path = os.path.join(folder, _PROGRAM)
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, 0o700)
            yield folder
            return
    yield ""


def _sweep():
    """Remove what killed runs left: their containers, tasks and folders."""
    __salt__["containerd_files.sweep"](os.path.dirname(__salt__["containerd_files.kept"](_PROGRAM)))
    with contextlib.suppress(CommandExecutionError):
        for name in _ctr("containers", "ls", "--quiet")["stdout"].split():
            process = name.removeprefix(PROOF).partition("-")[0]
            # Another run may be at it.
            if name.startswith(PROOF) and process.isdigit() and not os.path.exists(f"/proc/{process}"):
                _remove(name)


def _remove(name):
    """Remove a container with its task and shim; what is not there is left alone."""
    _end_shim(name)
    for words in (("tasks", "rm", "--force", name), ("containers", "rm", name)):
        with contextlib.suppress(CommandExecutionError):
            _ctr(*words)


def _end_shim(name):
    """End the shim of a container, and with it a runtime that hangs: the daemon ends neither."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        # Some processes end meanwhile.
        with contextlib.suppress(OSError):
            with open(path, "rb") as file:
                words = file.read(_LONGEST).decode(errors="replace").split("\0")
            pairs = set(zip(words, words[1:]))
            if {("-namespace", PROOFS), ("-id", name)} <= pairs:
                os.kill(int(path.split("/")[2]), signal.SIGKILL)


def _tidy():
    """Remove the namespace and its empty folders: both stay while another run uses them."""
    with contextlib.suppress(CommandExecutionError):
        _ctr("namespaces", "rm", PROOFS)
    for pattern in _EMPTY:
        for folder in glob.glob(f"{pattern}/{PROOFS}"):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def _ctr(*words):
    """Run ctr in the namespace of proofs."""
    return __salt__["containerd_daemon.ctr"]("--namespace", PROOFS, *words, timeout=CONTAINER_TIMEOUT)
