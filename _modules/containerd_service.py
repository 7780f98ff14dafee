"""The daemon's service: the only module that talks to systemd."""

import contextlib
import os
import shutil

import salt.utils.path
from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula import errors, places

PROPERTIES = (
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "InvocationID",
    "MainPID",
    "FragmentPath",
    "ExecMainStartTimestampMonotonic",
)

# What the kernel adds to the path of a file that has no name any more.
_GONE = " (deleted)"
# A file of the machine's first process, from where it can be seen which root is the machine's own.
FIRST_ROOT = "/proc/1/root"
# The condition ends with this process: a run that is killed keeps nothing from starting.
_NOT_NOW = """# Managed by Salt (containerd-formula), while it installs packages in an image build.
[Unit]
ConditionPathExists=!/proc/{pid}
"""


def why_not_booted():
    """
    Return why no systemd can be asked to start something here, as in an image build; empty if one can.
    """
    if not os.path.isdir(places.SYSTEMD_BOOTED):
        return "No systemd runs here"
    # Some builders show a tree the /run of their own machine; systemctl then does nothing, and says it did.
    with contextlib.suppress(OSError):
        if not os.path.samefile(FIRST_ROOT, "/"):
            return "This is a chroot, whose systemd does not run"
    return ""


def properties():
    """
    Return the properties of the unit.

    :return: a dictionary, ``PROPERTIES`` to text; each start has a new ``InvocationID``. Empty if systemd
        does not run.
    """
    if why_not_booted():
        return {}
    shown = _systemctl("show", places.UNIT, f"--property={','.join(PROPERTIES)}")
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def enabled(unit=places.UNIT):
    """
    Return whether a service starts at boot. This works without a running systemd, too.

    unit : ``containerd.service``
        The unit.

    :return: ``enabled``, ``disabled``, ``masked`` or another word of systemctl's; empty if there is no such
        unit.
    """
    word = _systemctl("is-enabled", unit, may_fail=True).strip()
    return "" if word == "not-found" else errors.brief(word)


def enable():
    """
    Make the service start at boot, without starting it now. This works without a running systemd, too.

    :return: true.
    """
    _systemctl("enable", places.UNIT)
    return True


def reload():
    """
    Make systemd read its unit files again; the daemon itself is left alone.

    :return: true; false if systemd does not run.
    """
    if why_not_booted():
        return False
    _systemctl("daemon-reload")
    return True


def restart():
    """
    Restart the service, whether it runs or not.

    :return: true.
    :raises CommandExecutionError: the service does not start.
    """
    if not why_not_booted():
        # systemd refuses a sixth start within ten seconds, which must not be the end of a roll-back.
        _systemctl("reset-failed", places.UNIT, may_fail=True)
    return __salt__["service.restart"]("containerd")


@contextlib.contextmanager
def kept_from_starting():
    """
    Keep everybody, such as the scripts of a package, from starting the service for as long as this lasts.

    A start that is asked for then succeeds, and does nothing. A service that runs is left alone.

    :raises CommandExecutionError: systemd does not answer, or the condition cannot be written.
    """
    if properties().get("ActiveState") not in ("inactive", "failed"):
        yield
        return
    folder = os.path.dirname(places.NOT_NOW)
    __salt__["containerd_files.make_folder"](folder)
    text = _NOT_NOW.format(pid=os.getpid())
    __salt__["containerd_files.replace"](places.NOT_NOW, text.encode(), 0, 0, 0o644)
    try:
        reload()
        yield
    finally:
        __salt__["containerd_files.remove"](places.NOT_NOW)
        # Only if it is empty now.
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        reload()


def restart_if_running():
    """
    Restart the service if it runs, with its present unit file and binary.

    :return: a sentence about the result, to be appended to a comment; empty if the service does not run.
    """
    if not reload() or properties().get("ActiveState") not in ("active", "reloading"):
        return ""
    if not salt.utils.path.which("containerd"):
        return ""
    try:
        restart()
    except CommandExecutionError as err:
        # This release may refuse the old document: the states that follow write a new one.
        return f" The service did not start with the old configuration: {err}"
    return " The service was restarted."


def last_words():
    """
    Return why the daemon ended since its last start, from the journal.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_service.last_words

    :return: a line of text; empty if the daemon did not end, or systemd does not run.
    :raises CommandExecutionError: systemd or its journal does not answer.
    """
    start = properties().get("InvocationID")
    if not start or not salt.utils.path.which("journalctl"):
        return ""
    options = ("--quiet", "--output=cat", "--lines=50", f"_SYSTEMD_INVOCATION_ID={start}")
    said = __salt__["containerd_command.run"]("journalctl", *options)["stdout"]
    return errors.fatal_line(__salt__["containerd_words.told"](said))


def replaced(pid):
    """
    Return the program that a process runs, if another file has taken its place: not every package manager
    restarts what it replaces.

    pid
        The number of the process.

    :return: a path; empty if that file is in its place, or there is no such process.
    """
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except (OSError, ValueError):
        return ""
    path = program.removesuffix(_GONE)
    return path if path != program and os.path.exists(path) else ""


def verify(text):
    """
    Return what systemd would ignore in a drop-in: it would only log that, and start the unit without it.

    text
        The text of the drop-in.

    :return: a list of systemd's sentences; empty as well if the unit or systemd-analyze is not installed.
    """
    fragment = properties().get("FragmentPath")
    if not fragment or not salt.utils.path.which("systemd-analyze"):
        return []
    try:
        with __salt__["containerd_files.temporary"]("unit-") as folder:
            copy = os.path.join(folder, places.UNIT)
            shutil.copy(fragment, copy)
            os.mkdir(f"{copy}.d")
            candidate = os.path.join(f"{copy}.d", os.path.basename(places.DROP_IN))
            with open(candidate, "w", encoding="utf-8") as file:
                file.write(text)
            said = __salt__["containerd_command.run"]("systemd-analyze", "verify", copy)["stderr"]
    except OSError as err:
        raise CommandExecutionError(f"the drop-in cannot be tried out: {err}") from err
    told = [line.split(":", 2)[-1].strip() for line in said.splitlines() if line.startswith(candidate)]
    return errors.brief("\n".join(told)).splitlines()


def current():
    """
    Return the drop-in and the environment file of the unit, as the node has them.

    :return: a dictionary, path to text, or None for a missing file. It may hold secrets.
    :raises CommandExecutionError: something else than a file is there, or users other than root can change
        it.
    """
    found = {}
    for path in (places.DROP_IN, places.ENVIRONMENT):
        # Such as a link to /dev/null, which masks a drop-in.
        if os.path.exists(path) and not os.path.isfile(path):
            raise CommandExecutionError(f"{path} is not a file: remove it.")
        __salt__["containerd_paths.must_be_roots"](path)
        found[path] = None
        if os.path.exists(path):
            data = __salt__["containerd_files.content"](path)
            found[path] = data.decode(errors="replace").replace("\r\n", "\n")
    return found


def _systemctl(*argv, may_fail=False):
    """Return what systemctl prints."""
    if not salt.utils.path.which("systemctl"):
        raise CommandExecutionError("systemctl is not installed: this formula needs systemd.")
    result = __salt__["containerd_command.run"]("systemctl", *argv)
    if result["retcode"] and not may_fail:
        words = f"systemctl {' '.join(argv[:2])} failed: {result['stderr'].strip()}"
        raise CommandExecutionError(errors.brief(words))
    return result["stdout"]
