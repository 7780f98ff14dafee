"""
Ask a node about its containerd: its version, whether it is ready, and the facts for a fleet report.

Nothing here changes the node, with one exception: a report renders the formula's SLS, which syncs the
formula's modules if the minion has those of another release. The configuration document has its own module,
``containerd_toml``.
"""

import os
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors
from containerd_formula import release as library_release
from containerd_formula.explain import explained
from containerd_formula.places import CONFIG, file_path
from containerd_formula.schema import deprecated

_told = errors.told_as(CommandExecutionError)
# The SLS that syncs compares this with its own value, and syncs if they differ. Written by make stamp.
RELEASE = "0.1.0+a442ddce"


def release():
    """
    Return the release of the formula that these modules belong to.

    :return: the version and a hash of the modules and the library. If a sync brought only one of the two, the
        text names both releases. ``containerd/salt/sync.jinja`` compares it with its own, and syncs if they
        differ.
    """
    other = library_release.RELEASE
    return RELEASE if RELEASE == other else f"{RELEASE} with the library of {other}"


def version():
    """
    Return the version of the installed containerd.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.version

    :return: a version such as ``1.7.24``, without upstream's ``v`` in front and without a distribution's
        suffix (``1.6.20~ds1``, ``2.1.9+unknown``).
    :raises CommandExecutionError: containerd is not installed, or prints no version.
    """
    return __salt__["containerd_daemon.version"]()


def ready(timeout=0, address=None, cri=True):
    """
    Tell whether the daemon answers and its CRI plugins are ok; wait for an answer if asked to.

    Only the plugins show it: with a failed CRI plugin, systemd, the socket and ``ctr version`` all look
    healthy.

    timeout : ``0``
        How long to wait for an answer, a number of seconds. 0 asks once. A daemon that answers has started
        its plugins: there is no wait for a failed one.

    address : ``None``
        The daemon's socket. None takes that of ``/etc/containerd/config.toml``.

    cri : ``True``
        Whether to check the CRI plugins. If not, a daemon that answers is ready.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.ready
        salt '*' containerd.ready timeout=30

    :return: a dictionary: ``ready``, true or false; ``answers``, whether the daemon answers; ``reason``, why
        it is not ready, in the daemon's own words if it gives any; empty if it is ready.
    :raises CommandExecutionError: containerd is not installed, or an argument has the wrong type.
    """
    return __salt__["containerd_daemon.ready"](timeout=timeout, address=address, cri=cri)


def trial_start(path=CONFIG, timeout=30, cri=True):
    """
    Start the installed containerd with a configuration, in a sandbox that cannot change the node.

    This finds what ``config dump`` cannot: that the daemon would end, or run without CRI. The sandbox is
    bubblewrap's. The daemon ends when this function returns, or when Salt is killed.

    path : ``/etc/containerd/config.toml``
        The configuration file. It need not be the one in use.

    timeout : ``30``
        How long the daemon may take, a number of seconds. It takes 0.2 on a quiet machine.

    cri : ``True``
        Whether to check the CRI plugins. If not, a daemon that answers is enough.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.trial_start /root/candidate.toml

    :return: a dictionary: ``ok``, true, false, or None if no trial can be made (bubblewrap is not installed,
        namespaces are not allowed, the snapshotter is btrfs or zfs, cgroup.path is set); ``reason``, why not,
        in the daemon's own words if ``ok`` is false; ``sandbox``, which is ``locked``, or the reason for a
        weaker sandbox without a user namespace, or empty if there was none.
    :raises CommandExecutionError: containerd is not installed, it refuses to read the file, or an argument
        has the wrong type.
    """
    return __salt__["containerd_trial.start"](path, timeout, cri=cri)


@_told
def status(path=CONFIG, overrides=None):
    """
    Return the facts about this node for a fleet report.

    path : ``/etc/containerd/config.toml``
        The configuration file.

    overrides : ``None``
        The layers to compare it with: a fragment of config.toml, or a list of named ones. None takes those of
        the formula on this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.status

    :return: a dictionary that has all its keys on every node: ``installed``, ``version``, ``schema`` (the
        config version that the binary prints), ``file_schema`` (that of the file), ``not_in_effect`` (dotted
        path to wanted and effective value), ``drift`` (as function ``drift`` returns it), ``deprecated`` and
        ``drop_ins``, ``registries``, ``runtimes``, ``images`` and ``kubelet`` (lists of sentences; each
        mirror of pillar ``registries`` is asked, unless its ``check`` is false; of runtimes files are looked
        at; ``images`` are those of pillar and the sandbox image, where CRI is ok; ``kubelet`` is what it and
        containerd do not agree on), ``restart_pending`` (the daemon has not
        read a change of the formula's, or the file is newer than the daemon; None if the daemon does not run
        or there is no systemd), ``cri_ok``, ``cri_reason``, and ``errors`` (a list of questions without an
        answer, each with the reason).
    :raises CommandExecutionError: ``path`` is not a file path.
    """
    file_path(path)
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
        "runtimes": [],
        "images": [],
        "kubelet": [],
        "restart_pending": None,
        "cri_ok": False,
        "cri_reason": "containerd is not installed",
        "errors": [],
    }
    if not report["installed"]:
        return report
    for question in (_version, _document, _file, _daemon, _registries, _runtimes, _images):
        try:
            for facts in question(path, overrides):
                report.update(facts)
        except CommandExecutionError as err:
            report["errors"].append(f"{question.__name__[1:]}: {err}")
    return report


@_told
def kubelet_agrees(path=CONFIG):
    """
    Tell whether this node's kubelet and its containerd have the same cgroup driver and the same socket.

    If they have not, the daemon is ready and the node may be Ready, but pods do not start. A kubelet that
    runs tells by its command line what it was told, else kubeadm's ``kubeadm-flags.env`` and the file
    ``/var/lib/kubelet/config.yaml`` do. Since 1.31 kubelet takes over the driver of containerd 2.0 and newer.

    path : ``/etc/containerd/config.toml``
        The configuration file of containerd.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.kubelet_agrees

    :return: a dictionary: ``agrees``, true, false, or None if nothing is known of a kubelet; ``kubelet``, its
        ``cgroup_driver``, its ``endpoint`` (empty if it was not told one) and whether it ``takes_over`` the
        driver; ``containerd``, its ``cgroup_drivers`` by runtime, its ``default`` runtime and its
        ``address``; ``reasons``, sentences with the cure.
    :raises CommandExecutionError: containerd is not installed, or refuses its file.
    """
    return __salt__["containerd_preflight.agreement"](file_path(path))


def preflight(kubeadm=True):
    """
    Find what kubeadm, or kubelet, would not take in this node: kubeadm's checks of a node that joins.

    They are: CRI, programs, sysctls, modules, swap, cgroup controllers, the host's name, kubelet, its port,
    and whether kubelet and containerd agree. Nothing is changed. A node that has joined can be asked, too.

    kubeadm : ``True``
        Whether kubeadm is asked as well, where it is installed and the node has not joined yet: what it finds
        beyond these checks is told in its own words.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.preflight

    :return: a list of findings, empty if there is nothing to say: ``key``, the name that kubeadm has for the
        check, such as ``Swap``, and its ``--ignore-preflight-errors`` takes; ``level``, ``error`` or
        ``warning``; and ``message``, with the cure. The key ``kubeadm`` says that it could not be asked.
    """
    return [one.shown() for one in __salt__["containerd_preflight.findings"](kubeadm)]


def drift(path=CONFIG, overrides=None):
    """
    Return how the configuration file differs from what it should hold, after edits or another tool.

    Only the file is compared; ``containerd_toml.explain`` shows what containerd has in effect.

    path : ``/etc/containerd/config.toml``
        The configuration file.

    overrides : ``None``
        The layers to compare it with: a fragment of config.toml, or a list of named ones. None takes those of
        the formula on this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd.drift

    :return: a dictionary, empty if there is no drift: ``added``, keys that neither containerd's default nor a
        layer has; ``changed``, keys with another value than the wanted one; ``missing``, keys that are not
        there; each with its value (secrets masked) and file. After an upgrade ``version`` is changed, and
        empty defaults of the other release are left out. ``rejected``: files whose last change was rolled
        back, and where the rejected content is. ``drop_ins``: imported files that mask or break the file,
        with sentences.
    :raises CommandExecutionError: containerd or tomlkit is not installed, a layer cannot be translated, or
        the file cannot be read, or is not valid TOML.
    """
    return __salt__["containerd_document.drifted"](path, __salt__["containerd_document.report"](overrides))


def _version(*_):
    # ctr is of the same release: a report starts containerd itself only twice.
    ctr = __salt__["containerd_command.path"]("ctr")
    yield {"version": __salt__["containerd_daemon.version"]("ctr" if ctr else "containerd")}


def _document(path, overrides):
    """Yield the facts about the document: its schema, deprecations, effect and drift."""
    made = __salt__["containerd_document.report"](overrides, refuse=False)
    yield {"schema": made.version}
    if wrong := [one.message for one in made.findings if one.about == "layer"]:
        raise CommandExecutionError("\n".join(wrong))
    yield {"deprecated": [one.message for one in deprecated(made.site, made.version)]}
    dump = __salt__["containerd_document.dump"](path)
    facts = explained(made, dump)
    yield {
        "not_in_effect": {
            key: {"wanted": fact["value"], "effective": fact["effective"]}
            for key, fact in facts.items()
            if not fact["in_effect"]
        }
    }
    yield {"drift": __salt__["containerd_document.drifted"](path, made)}
    yield {"kubelet": __salt__["containerd_preflight.agreement"](path, dump)["reasons"]}


def _file(path, _):
    found = __salt__["containerd_document.read"](path)
    yield {"file_schema": found.get("version")}
    yield {"drop_ins": [one.message for one in __salt__["containerd_document.imported"](path, found)]}


def _daemon(path, _):
    """Yield the facts about the daemon: a pending restart, and its CRI."""
    yield {"restart_pending": _restart_pending(path)}
    try:
        answer = __salt__["containerd_daemon.ready"]()
    except CommandExecutionError as err:
        answer = {"ready": False, "reason": str(err)}
    yield {"cri_ok": answer["ready"], "cri_reason": answer["reason"]}


def _registries(*_):
    yield {"registries": __salt__["containerd_registries.told"]()}


def _runtimes(*_):
    yield {"runtimes": __salt__["containerd_runtimes.told"]()}


def _images(*_):
    yield {"images": __salt__["containerd_images.told"]()}


def _restart_pending(path):
    """Tell whether the daemon has not read what the files hold; None if that is unknown."""
    shown = __salt__["containerd_service.properties"]()
    if not os.path.exists(path) or shown.get("ActiveState") != "active":
        return None
    if __salt__["containerd_change.pending"]():
        return True
    started = time.time() - time.monotonic() + int(shown["ExecMainStartTimestampMonotonic"]) / 1_000_000
    return os.path.getmtime(path) > started
