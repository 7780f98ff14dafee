"""
What people ask of a node's containerd: its version, whether it is ready, all that a fleet report wants.

Nothing here changes the node. A report renders the formula's SLS, which syncs the formula's modules where the
minion has those of another release. The configuration document has a module of its own, ``containerd_toml``.
"""

import os
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import release as library_release
from containerd_formula.explain import explained
from containerd_formula.places import CONFIG
from containerd_formula.schema import deprecated

# That of the SLS that syncs: another value there means that these modules are to be synced. By make stamp.
RELEASE = "0.1.0+1a7195e2"


def release():
    """
    Return the release of the formula that these modules belong to.

    :return: the version and a hash of the modules and the library; two where a sync brought but one of them.
        SLS ``containerd.salt.modules`` compares it with its own, to know whether to sync.
    """
    other = library_release.RELEASE
    return RELEASE if RELEASE == other else f"{RELEASE} with the library of {other}"


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
    return __salt__["containerd_daemon.version"]()


def ready(timeout=0, address=None, cri=True):
    """
    Tell whether the daemon answers and its CRI plugins are ok, and wait for it if asked to.

    Only the plugins tell: with a failed CRI plugin systemd, the socket and ``ctr version`` all look
    healthy.

    timeout : ``0``
        How long to wait for an answer, in seconds. 0 asks once. A daemon that answers has started its
        plugins, so that a failed one needs no waiting.

    address : ``None``
        The daemon's socket. None takes that of ``/etc/containerd/config.toml``.

    cri : ``True``
        Whether the CRI plugins are asked for. If not, a daemon that answers is ready.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.ready
        salt '*' containerd.ready timeout=30

    :return: a dictionary: ``ready`` and ``answers`` (whether the daemon does), true or false, and ``reason``,
        why it is not ready, with the daemon's own words where it has any; empty where it is.
    :raises CommandExecutionError: containerd is not installed.
    """
    return __salt__["containerd_daemon.ready"](timeout=timeout, address=address, cri=cri)


def trial_start(path=CONFIG, timeout=30, cri=True):
    """
    Let the installed containerd run a configuration where nothing of the node can be touched.

    It finds what ``config dump`` cannot: that the daemon would end, or run with its CRI down. The daemon runs
    in a sandbox (bubblewrap), and is gone when this returns or Salt is killed.

    path : ``/etc/containerd/config.toml``
        The configuration file, taken as it is. It need not be the one in use.

    timeout : ``30``
        How long the daemon may take, in seconds. It takes 0.2 on a quiet machine.

    cri : ``True``
        As for ``ready``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.trial_start /root/candidate.toml

    :return: a dictionary: ``ok``, true, false, or None where no trial can be made (bubblewrap is not
        installed, namespaces are not allowed, the snapshotter is btrfs or zfs, cgroup.path is set);
        ``reason``, why not, in the daemon's own words where it is false; ``sandbox``, ``locked``, or why it
        was a weaker one, without a user namespace; empty where there was none.
    :raises CommandExecutionError: containerd is not installed, or refuses to read the file.
    """
    return __salt__["containerd_trial.start"](path, timeout, cri=cri)


def status(path=CONFIG, overrides=None):
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
        (dotted path to wanted and effective value), ``drift`` (as the function of this name gives it),
        ``deprecated``, ``drop_ins`` and ``registries`` (lists of sentences; each mirror of pillar
        ``registries`` is asked, unless its ``check`` is false),
        ``restart_pending`` (a change of the formula's that the daemon has not seen, or a file that is newer
        than the daemon; None where no systemd tells), ``cri_ok``, ``cri_reason``, and ``errors``, what
        could not be found out and why.
    """
    report = {
        "installed": bool(__salt__["cmd.which"]("containerd")),
        "version": None,
        "schema": None,
        "file_schema": None,
        "not_in_effect": {},
        "drift": {},
        "deprecated": [],
        "drop_ins": [],
        "registries": [],
        "restart_pending": None,
        "cri_ok": False,
        "cri_reason": "containerd is not installed",
        "errors": [],
    }
    if not report["installed"]:
        return report
    for question in (_version, _document, _file, _daemon, _registries):
        try:
            for facts in question(path, overrides):
                report.update(facts)
        except CommandExecutionError as err:
            report["errors"].append(f"{question.__name__[1:]}: {err}")
    return report


def drift(path=CONFIG, overrides=None):
    """
    Return what has come between the configuration file and what it should hold: by hand, or by another tool.

    It is the file that is compared; ``containerd_toml.explain`` tells what of it containerd has in effect.

    path : ``/etc/containerd/config.toml``
        The configuration file.

    overrides : ``None``
        The layers to judge it by. None takes those of the formula on this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.drift

    :return: a dictionary, empty where nothing has: ``added``, keys that nobody asked for (neither the
        default of containerd nor a layer), ``changed``, keys with another value than the wanted one, and
        ``missing``, keys that are not there, each with its value (secrets masked) and file. After an upgrade
        ``version`` is changed, and empty defaults of the other release are not told. ``rejected``,
        files with a change that was rolled back, and where the rejected content is; ``drop_ins``, files that
        it imports and that mask or break it, with sentences.
    :raises CommandExecutionError: containerd or tomlkit is not installed, a layer cannot be translated, or
        the file cannot be read, or is no TOML.
    """
    return __salt__["containerd_document.drifted"](path, __salt__["containerd_document.report"](overrides))


def _version(*_):
    # ctr comes from the same release: containerd itself is started twice for a report, and no more.
    ctr = __salt__["cmd.which"]("ctr")
    yield {"version": __salt__["containerd_daemon.version"]("ctr" if ctr else "containerd")}


def _document(path, overrides):
    made = __salt__["containerd_document.report"](overrides, refuse=False)
    yield {"schema": made.version}
    if wrong := [one.message for one in made.findings if one.about == "layer"]:
        raise CommandExecutionError("\n".join(wrong))
    yield {"deprecated": [one.message for one in deprecated(made.site, made.version)]}
    facts = explained(made, __salt__["containerd_document.dump"](path))
    yield {
        "not_in_effect": {
            key: {"wanted": fact["value"], "effective": fact["effective"]}
            for key, fact in facts.items()
            if not fact["in_effect"]
        }
    }
    yield {"drift": __salt__["containerd_document.drifted"](path, made)}


def _file(path, _):
    found = __salt__["containerd_document.read"](path)
    yield {"file_schema": found.get("version")}
    yield {"drop_ins": [one.message for one in __salt__["containerd_document.imported"](path, found)]}


def _daemon(path, _):
    yield {"restart_pending": _restart_pending(path)}
    try:
        answer = __salt__["containerd_daemon.ready"]()
    except CommandExecutionError as err:
        answer = {"ready": False, "reason": str(err)}
    yield {"cri_ok": answer["ready"], "cri_reason": answer["reason"]}


def _registries(*_):
    yield {"registries": __salt__["containerd_registries.told"]()}


def _restart_pending(path):
    """Tell whether the daemon has not seen what the files hold, None where that cannot be told."""
    shown = __salt__["containerd_service.properties"]()
    if not os.path.exists(path) or shown.get("ActiveState") != "active":
        return None
    if __salt__["containerd_change.pending"]():
        return True
    started = time.time() - time.monotonic() + int(shown["ExecMainStartTimestampMonotonic"]) / 1_000_000
    return os.path.getmtime(path) > started
