"""
The containerd daemon of this node: its version, its defaults, its plugins, whether it is ready.

.. versionadded:: 0.1.0

Nothing here changes the node. The configuration document has a module of its own, ``containerd_toml``.

.. code-block:: bash

    salt '*' containerd.ready
"""

import glob
import os
import re
import time

import salt.utils.path
from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd"

# That of map.jinja: another value there means that these modules are to be synced. By make stamp.
RELEASE = "0.1.0+d61800db"
SOCKET = "/run/containerd/containerd.sock"
# Seconds for a command that takes 0.1: a binary that hangs must not hang the minion.
COMMAND_TIMEOUT = 20
POLL_INTERVAL = 0.2


def __virtual__():
    return __virtualname__


def release():
    """
    Return the release of the formula that these modules belong to.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.release

    :return: the version and a hash of the modules. ``map.jinja`` compares it with its own, to know whether
        to sync.
    """
    return RELEASE


def version():
    """
    Return the version of the installed containerd.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.version

    :return: such as ``1.7.24``: without the ``v`` that upstream puts before it and without what a
        distribution puts behind it (``1.6.20~ds1``, ``2.1.9+unknown``).
    :raises CommandExecutionError: containerd is not installed, or its answer is no version.
    """
    answer = _run("containerd", "--version")["stdout"]
    # Field 3: field 2 is the import path, which may end in /v2.
    match = re.match(r"containerd \S+ v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)", answer)
    if not match:
        raise CommandExecutionError(f"containerd --version printed no version: {answer[:200]!r}.")
    return match.group(1)


def config_default():
    """
    Return what ``containerd config default`` of the installed binary prints.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.config_default

    :return: TOML text, the base of this node's config.toml. It never depends on the file on disk.
    :raises CommandExecutionError: containerd is not installed, failed, hung, or printed nothing.
    """
    text = _run("containerd", "config", "default")["stdout"]
    if not text.strip():
        raise CommandExecutionError("containerd config default printed nothing: is the binary whole?")
    return text


def config_dump(path="/etc/containerd/config.toml"):
    """
    Return the configuration in effect for a file: its settings over the built-in defaults.

    path : ``/etc/containerd/config.toml``
        The file to read, as the daemon would, imports included. It need not be the one in use.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.config_dump

    :return: a dictionary: ``text``, the TOML text, and ``warnings``, the warnings that containerd
        wrote meanwhile (2.0 and newer name unknown keys so, older releases are silent).
    :raises CommandExecutionError: the file does not exist (containerd 2 would show its defaults
        instead), or containerd refuses it: its own words are in the message.
    """
    if not os.path.isfile(path):
        raise CommandExecutionError(f"{path} does not exist.")
    result = _run("containerd", "--config", path, "config", "dump")
    warnings = [line for line in result["stderr"].splitlines() if "level=warning" in line]
    return {"text": result["stdout"], "warnings": warnings}


def socket(path="/etc/containerd/config.toml"):
    """
    Return the socket that a configuration gives the daemon.

    path : ``/etc/containerd/config.toml``
        The configuration file.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.socket

    :return: its path; containerd's default where the file is not there, not readable, or does not say.
    """
    try:
        data = __salt__["containerd_toml.read"](path)
        key = __salt__["containerd_schema.locate"]("grpc.address", data.get("version", 2))
        return __salt__["containerd_data.at"](data, key) or SOCKET
    except (CommandExecutionError, SaltInvocationError):
        return SOCKET


def plugins(address=None):
    """
    Return the plugins of the running daemon with their status.

    address : ``None``
        The daemon's socket. None takes that of ``/etc/containerd/config.toml``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.plugins

    :return: a dictionary: full plugin id (``io.containerd.grpc.v1.cri``) to its status, ``ok``,
        ``skip`` or ``error``.
    :raises CommandExecutionError: no daemon answers at the address.
    """
    found = {}
    address = address or socket()
    for line in _ctr(address, "plugins", "ls").splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 4:
            found[f"{fields[0]}.{fields[1]}"] = fields[-1]
    return found


def ready(timeout=0, address=None):
    """
    Tell whether the daemon answers and its CRI plugins are ok, and wait for it if asked to.

    Only the plugins tell: with a failed CRI plugin systemd, the socket and ``ctr version`` all look
    healthy.

    timeout : ``0``
        How long to wait for an answer, in seconds. 0 asks once. A daemon that answers has started its
        plugins, so that a failed one needs no waiting.

    address : ``None``
        The daemon's socket. None takes that of ``/etc/containerd/config.toml``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.ready
        salt '*' containerd.ready timeout=30

    :return: a dictionary: ``ready``, true or false, and ``reason``, why it is not, with the daemon's
        own words where it has any; empty where it is.
    :raises CommandExecutionError: containerd is not installed.
    """
    deadline = time.monotonic() + timeout
    address = address or socket()
    while True:
        try:
            # What a daemon says of its plugins it does not take back.
            reason = _why_not_ready(plugins(address), address)
            return {"ready": not reason, "reason": reason}
        except CommandExecutionError as err:
            if not salt.utils.path.which("ctr"):
                raise
            if time.monotonic() >= deadline:
                return {"ready": False, "reason": str(err)}
        time.sleep(POLL_INTERVAL)


def trial_start(path="/etc/containerd/config.toml", timeout=30):
    """
    Let the installed containerd run a configuration where nothing of the node can be touched.

    It finds what ``config_dump`` cannot: that the daemon would end, or run with its CRI down. The daemon has
    mount, network, ipc and pid namespaces of its own, and is gone when this returns or Salt is killed.

    path : ``/etc/containerd/config.toml``
        The configuration file, taken as it is. It need not be the one in use.

    timeout : ``30``
        How long the daemon may take, in seconds. It takes 0.2 on a quiet machine.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.trial_start /root/candidate.toml

    :return: a dictionary: ``ok``, true, false, or None where no trial can be made (namespaces are not
        allowed, the snapshotter is btrfs or zfs, cgroup.path is set); ``reason``, why not, in the daemon's
        own words where it is false.
    :raises CommandExecutionError: containerd is not installed, or refuses to read the file.
    """
    return __salt__["containerd_trial.start"](path, timeout)


def containers(state="/run/containerd"):
    """
    Return the containers that have a task, without asking the daemon.

    state : ``/run/containerd``
        The state directory of the daemon: setting ``state``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.containers

    :return: a sorted list of ``NAMESPACE/ID``.
    """
    found = glob.glob(f"{glob.escape(state)}/io.containerd.runtime.*/*/*")
    return sorted("/".join(path.split("/")[-2:]) for path in found if os.path.isdir(path))


def status(path="/etc/containerd/config.toml", overrides=None):
    """
    Return what a fleet report wants to know of this node.

    path : ``/etc/containerd/config.toml``
        The configuration file.

    overrides : ``None``
        The layers to judge it by. None takes those of the formula on this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.status

    :return: a dictionary, which has all its keys on every node: ``installed``, ``version``, ``schema`` (the
        config version that the binary prints), ``file_schema`` (that of the file), ``not_in_effect``
        (dotted path to wanted and effective value), ``deprecated`` and ``drop_ins`` (lists of sentences),
        ``restart_pending`` (a change of the formula's that the daemon has not seen, or a file that is newer
        than the daemon; None where no systemd tells), ``cri_ok``, ``cri_reason``, and ``errors``, what
        could not be found out and why.
    """
    report = {
        "installed": bool(salt.utils.path.which("containerd")),
        "version": None,
        "schema": None,
        "file_schema": None,
        "not_in_effect": {},
        "deprecated": [],
        "drop_ins": [],
        "restart_pending": None,
        "cri_ok": False,
        "cri_reason": "containerd is not installed",
        "errors": [],
    }
    if not report["installed"]:
        return report
    questions = {
        "version": version,
        "schema": lambda: __salt__["containerd_toml.schema"](),
        "file_schema": lambda: __salt__["containerd_toml.get"](path, "version"),
        "not_in_effect": lambda: _not_in_effect(overrides, path),
        "deprecated": lambda: _messages(__salt__["containerd_toml.deprecations"](overrides)),
        "drop_ins": lambda: _messages(__salt__["containerd_imports.findings"](path)),
        "restart_pending": lambda: _restart_pending(path),
    }
    for name, ask in questions.items():
        try:
            report[name] = ask()
        except (CommandExecutionError, SaltInvocationError) as err:
            report["errors"].append(f"{name}: {err}")
    answer = ready()
    report.update(cri_ok=answer["ready"], cri_reason=answer["reason"])
    return report


def _not_in_effect(overrides, path):
    """
    Return the overrides that ``config dump`` does not show, with both values.
    """
    explained = __salt__["containerd_toml.explain"](overrides=overrides, path=path)
    return {
        key: {"wanted": facts["value"], "effective": facts["effective"]}
        for key, facts in explained.items()
        if not facts["in_effect"]
    }


def _messages(findings):
    """
    Return the sentences of findings.
    """
    return [finding["message"] for finding in findings]


def _restart_pending(path):
    """
    Tell whether the daemon has not seen what the files hold, None where that cannot be told.
    """
    shown = __salt__["containerd_unit.properties"]()
    if not os.path.exists(path) or shown.get("ActiveState") != "active":
        return None
    if __salt__["containerd_change.pending"]():
        return True
    started = time.time() - time.monotonic() + int(shown["ExecMainStartTimestampMonotonic"]) / 1_000_000
    return os.path.getmtime(path) > started


def _why_not_ready(found, address):
    """
    Return what is wrong with the CRI plugins among ``found``, empty where nothing is.
    """
    cri_plugins = __salt__["containerd_schema.cri_plugins"]()
    if cri_plugins[0] not in found:
        return f"the CRI plugin is not loaded: is {cri_plugins[0]} in disabled_plugins?"
    failed = [plugin for plugin in cri_plugins if found.get(plugin, "ok") != "ok"]
    if not failed:
        return ""
    return f"{', '.join(failed)} failed: {_plugin_errors(failed, address)}"


def _plugin_errors(failed, address):
    """
    Return what the daemon says of the ``failed`` plugins.
    """
    words = []
    plugin = ""
    kind = ""
    for line in _ctr(address, "plugins", "ls", "--detailed").splitlines():
        label, _, value = (part.strip() for part in line.partition(":"))
        if label == "Type":
            kind = value
        elif label == "ID":
            plugin = f"{kind}.{value}"
        elif label == "Message" and plugin in failed:
            words.append(value)
    return "; ".join(words) or "the daemon gives no reason"


def _ctr(address, *args):
    """
    Return what ctr prints for ``args``.
    """
    # 1.7's ctr waits ten seconds for a socket that is not there.
    if not os.path.exists(address) and salt.utils.path.which("ctr"):
        raise CommandExecutionError(f"no daemon answers: there is no socket {address}")
    return _run("ctr", "--address", address, "--connect-timeout", "2s", *args)["stdout"]


def _run(binary, *args):
    """
    Run one of containerd's binaries; return cmd.run_all's dictionary.
    """
    path = salt.utils.path.which(binary)
    if not path:
        raise CommandExecutionError(
            f"{binary} is not installed, or not executable (not in PATH): apply containerd.package."
        )
    command = f"{binary} {' '.join(args)}"
    # Quiet: what these print may hold registry credentials, which belong in no log.
    try:
        result = __salt__["cmd.run_all"](
            [path, *args],
            python_shell=False,
            timeout=COMMAND_TIMEOUT,
            output_loglevel="quiet",
            output_encoding="utf-8",
            ignore_retcode=True,
            rstrip=False,
        )
    except CommandExecutionError as err:
        # Salt puts its own context before what the system says.
        reason = str(err).rpartition("reason: ")[2]
        raise CommandExecutionError(f"{path} cannot be run: {reason}") from err
    if "Timed out after" in result["stdout"] and result["retcode"]:
        raise CommandExecutionError(f"{command} gave no answer within {COMMAND_TIMEOUT} s.")
    if result["retcode"] != 0:
        lines = (result["stderr"].strip() or result["stdout"].strip()).splitlines()
        # A panic of Go ends in its stack.
        told = [line for line in lines if line.startswith(("panic:", f"{binary}:"))] or lines[-1:]
        raise CommandExecutionError(f"{command} failed: {told[-1] if told else result['retcode']}")
    return result
