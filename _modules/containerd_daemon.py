"""
Ask the containerd of this node: what its binary prints, and what the running daemon answers.

Nothing here changes the node.
"""

import contextlib
import glob
import os
import re
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, schema, toml
from containerd_formula.data import at
from containerd_formula.document import without_secrets
from containerd_formula.durations import seconds
from containerd_formula.places import COMMAND_TIMEOUT, CONFIG, DAEMON_PATH, SOCKET, file_path

_told = errors.told_as(CommandExecutionError)

POLL_INTERVAL = 0.2


def version(binary="containerd"):
    """
    Return the version of the installed ``containerd``, or of its ``ctr``, which comes from the same release.

    :raises CommandExecutionError: the binary is not installed, or prints no version.
    """
    answer = _run(binary, "--version")["stdout"]
    # Field 3: field 2 is the import path, which may end in /v2.
    match = re.match(rf"{binary} \S+ v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)", answer)
    if not match:
        raise CommandExecutionError(
            f"{binary} --version printed no version: {answer[:200]!r}. Is it containerd's own binary?"
        )
    return match[1]


def config_default():
    """
    Return what ``containerd config default`` of the installed binary prints.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_daemon.config_default

    :return: TOML text, the base of this node's config.toml. It never depends on the file on disk.
    :raises CommandExecutionError: containerd is not installed, failed, hung, or printed nothing.
    """
    text = _run("containerd", "config", "default")["stdout"]
    if not text.strip():
        raise CommandExecutionError("containerd config default printed nothing: install containerd again.")
    return text


@_told
def config_dump(path=CONFIG, show_secrets=False):
    """
    Return the configuration in effect for a file: its settings over the built-in defaults.

    path : ``/etc/containerd/config.toml``
        The file to read as the daemon would, imports included. It need not be the one in use.

    show_secrets : ``False``
        Whether to show secrets. Mind that the master keeps what a job returns.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_daemon.config_dump

    :return: a dictionary: ``text``, the TOML text, and ``warnings``, a list of the warnings that containerd
        logged (2.0 and newer name unknown keys there; older releases are silent).
    :raises CommandExecutionError: the file does not exist (containerd 2 would show its defaults instead), or
        containerd refuses it; the message has containerd's own words.
    """
    files = None if file_path(path) == CONFIG else {path: path}
    if files and os.path.isfile(path) and (why := __salt__["containerd_sandbox.why_not"]()):
        raise CommandExecutionError(f"{why}, and {path} is read in a sandbox only: apply containerd.config.")
    made = dumped(path, files)
    made.pop("weak")
    return made if show_secrets else {**made, "text": without_secrets(made["text"], "config dump")}


def dumped(path, files=None):
    """
    Return what ``config_dump`` returns, with secrets.

    With ``files``, a dictionary, containerd runs in the sandbox and finds each file at its path: releases
    before 2.0 load plugins from folders that a configuration names. ``weak`` is why the sandbox is weaker.

    :raises CommandExecutionError: as for ``config_dump``, or there is no sandbox.
    """
    source = (files or {}).get(path, path)
    if not os.path.isfile(source):
        raise CommandExecutionError(f"{source} does not exist.")
    if files:
        result, weak = _run_apart("containerd", "--config", path, "config", "dump", files=files)
    else:
        result, weak = _run("containerd", "--config", path, "config", "dump", config=path), ""
    words = __salt__["containerd_words.told"](result["stderr"], path, files)
    warnings = [line for line in words.splitlines() if "level=warning" in line]
    return {"text": result["stdout"], "warnings": warnings, "weak": weak}


def plugins(address=None):
    """
    Return the plugins of the running daemon with their status.

    address : ``None``
        The daemon's socket. None takes that of ``/etc/containerd/config.toml``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_daemon.plugins

    :return: a dictionary: full plugin id (``io.containerd.grpc.v1.cri``) to its status, ``ok``,
        ``skip`` or ``error``.
    :raises CommandExecutionError: no daemon answers at the address, or the address is not text.
    """
    lines = _ctr(address or _socket(), "plugins", "ls").splitlines()[1:]
    fields = [line.split() for line in lines if len(line.split()) >= 4]
    return {f"{kind}.{name}": rest[-1] for kind, name, *rest in fields}


@_told
def ready(timeout=0, address=None, cri=True):
    """
    Tell whether the daemon answers and its CRI plugins are ok; wait up to ``timeout`` seconds for an answer.

    Without ``cri`` the answer is enough.

    :return: a dictionary: ``ready``; ``answers``, whether the daemon does; ``reason``, why it is not ready.
    :raises CommandExecutionError: containerd is not installed, or ``timeout`` is not a number.
    """
    deadline = time.monotonic() + seconds(timeout)
    address = address or _socket()
    while True:
        try:
            # The status of a plugin does not change once the daemon answers.
            found = plugins(address)
            reason = _why_not_ready(found, address) if cri else ""
            return {"ready": not reason, "answers": True, "reason": reason}
        except CommandExecutionError as err:
            if not __salt__["containerd_command.path"]("ctr"):
                raise
            if time.monotonic() >= deadline:
                return {"ready": False, "answers": False, "reason": str(err)}
        time.sleep(POLL_INTERVAL)


def serves():
    """
    Tell whether a daemon of the installed release answers; after an upgrade the old one may do.

    Where there is no socket it starts nothing.
    """
    if not os.path.exists(_socket()):
        return False
    with contextlib.suppress(CommandExecutionError):
        lines = [line.split() for line in _ctr(_socket(), "version").splitlines()]
        # The first is the client's, of the installed release; the second the daemon's.
        versions = [words[1] for words in lines if len(words) == 2 and words[0] == "Version:"]
        return len(versions) > 1 and versions[0] == versions[1]
    return False


def ctr(*arguments, timeout=COMMAND_TIMEOUT):
    """
    Run ctr against the daemon of this node; return the dictionary of ``cmd.run_all``, with any ``retcode``.

    :raises CommandExecutionError: ctr is not installed, there is no socket, or it does not end in time.
    """
    address = _socket()
    _there(address)
    _need("ctr")
    options = ("--address", address, "--connect-timeout", "2s")
    return __salt__["containerd_command.run"]("ctr", *options, *arguments, timeout=timeout)


def search_path():
    """Return the folders where the daemon looks for programs; it also finds shims beside itself."""
    binary = __salt__["cmd.which"]("containerd")
    beside = [os.path.dirname(path) for path in (binary, os.path.realpath(binary))] if binary else []
    return tuple(dict.fromkeys([*DAEMON_PATH, *beside]))


def containers(state="/run/containerd"):
    """
    Return the containers that have a task, without asking the daemon.

    state : ``/run/containerd``
        The daemon's state directory, its setting ``state``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_daemon.containers

    :return: a sorted list of ``NAMESPACE/ID``.
    """
    # No daemon runs with a setting that is not a path.
    if not isinstance(state, str) or "\0" in state:
        return []
    found = glob.glob(f"{glob.escape(state)}/io.containerd.runtime.*/*/*")
    return sorted("/".join(path.split("/")[-2:]) for path in found if os.path.isdir(path))


def _socket(path=CONFIG):
    """
    Return the socket that a configuration file sets, or containerd's default.
    """
    try:
        data = toml.loads(__salt__["containerd_files.content"](path).decode("utf-8-sig"), path)
        return at(data, schema.locate("grpc.address", data.get("version", 2), data)) or SOCKET
    except (CommandExecutionError, errors.Refused, UnicodeDecodeError):
        return SOCKET


def _why_not_ready(found, address):
    """Return what is wrong with the CRI plugins among ``found``; empty if nothing is wrong."""
    cri_plugins = schema.cri_plugins()
    if cri_plugins[0] not in found:
        return (
            f"the CRI plugin is not loaded: is {cri_plugins[0]} in disabled_plugins? Where no kubelet uses "
            "this containerd, set containerd:service:cri to false"
        )
    failed = [plugin for plugin in cri_plugins if found.get(plugin, "ok") != "ok"]
    return f"{', '.join(failed)} failed: {_plugin_errors(failed, address)}" if failed else ""


def _plugin_errors(failed, address):
    """Return the daemon's reasons why the ``failed`` plugins failed."""
    words, kind, plugin = [], "", ""
    said = __salt__["containerd_words.told"](_ctr(address, "plugins", "ls", "--detailed"))
    for line in said.splitlines():
        label, _, value = (part.strip() for part in line.partition(":"))
        if label == "Type":
            kind = value
        elif label == "ID":
            plugin = f"{kind}.{value}"
        elif label == "Message" and plugin in failed:
            words.append(value)
    return "; ".join(words) or "the daemon gives no reason"


def _ctr(address, *args):
    """Run ctr against a socket; return what it printed."""
    if not isinstance(address, str):
        raise CommandExecutionError(f"The address {errors.quoted(address)} is not a socket path: write one.")
    _there(address)
    return _run("ctr", "--address", address, "--connect-timeout", "2s", *args)["stdout"]


def _there(address):
    """Fail if there is no socket, with ctr installed: that of 1.7 would wait ten seconds for it."""
    if not os.path.exists(address) and __salt__["containerd_command.path"]("ctr"):
        raise CommandExecutionError(errors.brief(f"no daemon answers: there is no socket {address}"))


def _run(binary, *args, config=CONFIG):
    """Run one of containerd's binaries; return what it printed."""
    _need(binary)
    return _checked(__salt__["containerd_command.run"](binary, *args), args, binary, config)


def _run_apart(binary, *args, files):
    """Run a binary in the sandbox, with --config; return what it printed, and why the sandbox is weaker."""
    _need(binary)
    argv = __salt__["containerd_sandbox.command"](binary, *args, files=files)
    result = __salt__["containerd_command.run"](*argv)
    _, weak, words = __salt__["containerd_sandbox.said"](result["stderr"])
    return _checked({**result, "stderr": words}, args, binary, args[1], files), weak


def _need(binary):
    """Fail, with the cure, unless a binary is installed."""
    if not __salt__["containerd_command.path"](binary):
        raise CommandExecutionError(
            f"{binary} is not installed, or not executable (not in PATH): apply containerd.package."
        )


def _checked(result, args, binary, config, files=None):
    """Return a program's result; fail if the program failed."""
    if result["retcode"] != 0:
        said = result["stderr"].strip() or result["stdout"]
        words = errors.last_words(__salt__["containerd_words.told"](said, config, files))
        raise CommandExecutionError(f"{binary} {' '.join(args)} failed: {words}")
    return result
