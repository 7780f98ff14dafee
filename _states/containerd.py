"""States of the containerd daemon: enabled, restarted, ready, rolled back."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.predictions import foretold

# The results of this run's earlier states: Salt sets it for each call.
__running__ = {}

SERVICE = "containerd"
TO_ENABLE = ("", "disabled", "enabled-runtime", "linked", "linked-runtime")
RESTARTED = {"containerd": {"old": "running with the old configuration", "new": "restarted"}}

NOTHING_BEFORE = (
    "There was nothing before it to put back. Correct pillar containerd:config and apply again; or move "
    "{name} away and restart containerd, which then runs on its own defaults."
)
MANUAL = (
    "containerd:service:restart is manual, so nothing was put back. The last good configuration is in {kept}."
)


def enabled(name):
    """
    Make the service start at boot. This does not start it now, and works without systemd (image builds).

    name
        Any text.

    SLS Example:

    .. code-block:: yaml

        containerd service is enabled:
          containerd.enabled: []

    :return: a state return; ``changes`` are ``containerd`` to old and new. A masked service is an error:
        somebody does not want it to start.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The service is enabled."}
    try:
        found = __salt__["containerd_service.enabled"]()
        if found.startswith("masked"):
            comment = (
                "containerd.service is masked, which keeps it from starting: run systemctl unmask "
                "containerd, and apply again."
            )
            return {**ret, "result": False, "comment": comment}
        # Such as a static unit, which cannot be enabled.
        if found not in TO_ENABLE:
            return {**ret, "comment": f"The service is {found}."}
        changes = {SERVICE: {"old": found or "disabled", "new": "enabled"}}
        if __opts__["test"]:
            comes = foretold(__running__, "containerd_package.installed")
            if not found and comes and __grains__["os_family"] == "Debian":
                # Debian's policy: a package enables its services.
                return {**ret, "result": None, "comment": "The package would enable the service."}
            comment = "The service would be enabled."
            return {**ret, "result": None, "changes": changes, "comment": comment}
        __salt__["containerd_service.enable"]()
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    return {**ret, "changes": changes, "comment": "The service was enabled."}


def restarted(name, restart="auto"):
    """
    Restart the service if the daemon has not read a change of its configuration yet.

    That happens after a run that was killed between write and restart, and with ``restart: manual``.

    name
        Any text.

    restart : ``auto``
        ``auto`` restarts the service; ``manual`` only says that a restart is pending.

    SLS Example:

    .. code-block:: yaml

        containerd service runs with its configuration:
          containerd.restarted:
            - restart: auto

    :return: a state return; ``changes`` are ``containerd`` to old and new if it was restarted.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        files = __salt__["containerd_change.pending"]()
        if not files:
            return {**ret, "comment": _nothing_pending()}
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    told = f"Restart pending: the daemon has not read the change of {' and '.join(files)}."
    if restart == "manual":
        return {**ret, "comment": f"{told} Restart it when it suits you: systemctl restart containerd"}
    if __opts__["test"]:
        if foretold(__running__, "service.running", SERVICE):
            return {**ret, "comment": f"{told} This run would restart it anyway."}
        return {**ret, "result": None, "changes": RESTARTED, "comment": f"{told} It would be restarted."}
    try:
        if lost := __salt__["containerd_document.moved"]():
            return {**ret, "result": False, "comment": "\n".join([told, *lost])}
        __salt__["containerd_service.restart"]()
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": _with_last_words(f"The restart failed: {err}")}
    return {**ret, "changes": RESTARTED, "comment": f"{told} It was restarted."}


def ready(name, timeout=60, address=None, cri=True):
    """
    Wait until the daemon answers and its CRI plugins are ok.

    Then the change of its configuration counts as good, and is no longer rolled back.

    name
        Any text.

    timeout : ``60``
        How long to wait, in seconds.

    address : ``None``
        The daemon's socket. None takes that of the configuration.

    cri : ``True``
        Whether a kubelet uses this containerd. If not, a daemon that answers is ready.

    SLS Example:

    .. code-block:: yaml

        containerd is ready:
          containerd.ready:
            - timeout: 60

    :return: a state return, never with changes. Under ``test=True`` a daemon that is not ready gives None: a
        real run starts it first.
    """
    what = "its CRI plugins are ok" if cri else "it answers; CRI was not checked"
    comment = f"containerd is ready: {what}."
    ret = {"name": name, "result": True, "changes": {}, "comment": comment}
    reason = _why_not_ready(0 if __opts__["test"] else timeout, address, cri)
    if __opts__["test"]:
        if reason:
            comment = f"containerd is not ready now ({reason}); a run would wait for it, up to {timeout} s."
            ret.update(result=None, comment=comment)
        return ret
    if reason:
        comment = _with_last_words(f"containerd is not ready: {reason}")
        return {**ret, "result": False, "comment": f"{comment}\n{_cure()}"}
    try:
        if not __salt__["containerd_change.pending"]():
            __salt__["containerd_change.settle"]()
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": f"{comment} The change cannot be settled: {err}"}
    return ret


def rolled_back(name, restart="auto", timeout=60, address=None, cri=True):
    """
    Put the last good configuration back, restart the daemon, and wait until it is ready.

    Use it with ``onfail``. It acts only if the daemon was started with a change and is not ready.

    name
        Any text.

    restart : ``auto``
        ``auto`` rolls back; ``manual`` puts nothing back and restarts nothing, and says what to do.

    timeout : ``60``
        How long to wait for readiness, in seconds.

    address : ``None``
        The daemon's socket. None takes that of the configuration.

    cri : ``True``
        Whether a kubelet uses this containerd. If not, a daemon that answers is ready.

    SLS Example:

    .. code-block:: yaml

        containerd configuration is rolled back:
          containerd.rolled_back:
            - onfail:
              - containerd is ready

    :return: a state return; ``changes`` are file to old and new. The run still fails, because of the state
        that failed before. The rejected files are kept, with the reason in their first line; the comment says
        where. Under ``test=True`` it does and predicts nothing: the daemon was not restarted either.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "There is no change to roll back."}
    if __opts__["test"]:
        return {**ret, "comment": "A dry run rolls nothing back."}
    reason = ""
    try:
        tried = __salt__["containerd_change.tried"]()
        if not tried:
            return ret
        reason = _why_not_ready(0, address, cri)
        if not reason:
            comment = f"The daemon is ready with the change of {' and '.join(tried)}: something else failed."
            return {**ret, "comment": comment}
        reason = _with_last_words(reason)
        if restart == "manual":
            return {**ret, "result": False, "comment": _for_a_person(reason, tried, MANUAL)}
        done = __salt__["containerd_change.roll_back"](reason)
        back = [path for path, change in done.items() if change]
        if not back:
            return {**ret, "result": False, "comment": _for_a_person(reason, list(done), NOTHING_BEFORE)}
        ret["changes"] = {path: done[path] for path in back}
        rejected = _kept(back, "rejected")
        told = f"Rolled back, since {reason}\nThe rejected content is in {rejected}."
        __salt__["containerd_service.restart"]()
        if still := _why_not_ready(timeout, address, cri):
            comment = f"{told}\ncontainerd is not ready with the previous configuration either: {still}"
            return {**ret, "result": False, "comment": _with_last_words(comment)}
        __salt__["containerd_change.settle"]()
    except CommandExecutionError as err:
        return {
            **ret,
            "result": False,
            "comment": f"The roll-back failed: {err}\nIt was needed because {reason}",
        }
    return {**ret, "comment": f"{told}\ncontainerd is ready with the previous configuration."}


def _nothing_pending():
    """Return why no restart is pending."""
    if __opts__["test"] and foretold(__running__, "service.running", SERVICE):
        return "This run would start the daemon, which then reads the files."
    unit = __salt__["containerd_service.properties"]()
    if not unit:
        return "systemd does not run here: the daemon reads the files at its next start."
    if unit.get("ActiveState") != "active":
        return "The daemon does not run: it reads the files at its next start."
    return "No restart is pending: the daemon has read each change that the formula made."


def _why_not_ready(timeout, address, cri):
    """Return why the daemon is not ready; empty if it is."""
    try:
        return __salt__["containerd_daemon.ready"](timeout=timeout, address=address, cri=cri)["reason"]
    except CommandExecutionError as err:
        return str(err)


def _with_last_words(text):
    """Return a text with the daemon's own last error added."""
    try:
        words = __salt__["containerd_service.last_words"]()
    except CommandExecutionError:
        words = ""
    return text if not words or words in text else f"{text}\nThe daemon's last error: {words}"


def _cure():
    """Return what to do about a daemon that is not ready."""
    try:
        if __salt__["containerd_service.properties"]():
            return "See: journalctl --unit containerd"
    except CommandExecutionError as err:
        return str(err)
    return "systemd does not run here: if this is an image build, set containerd:service:manage to false."


def _for_a_person(reason, files, cure):
    """Return what is wrong, and what a person has to do."""
    name = " and ".join(files)
    told = cure.format(name=name, kept=_kept(files, "good"))
    return f"containerd is not ready with {name}: {reason}\n{told}"


def _kept(files, kind):
    """Return the paths of the copies of files."""
    return " and ".join(__salt__["containerd_change.copies"](path)[kind] for path in files)
