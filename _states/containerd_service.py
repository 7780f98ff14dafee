"""systemd starts the containerd daemon, with the site's environment, limits and directives."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula import unit
from containerd_formula.errors import Refused
from containerd_formula.predictions import failed, has

# The results of this run's earlier states, and all states that it plans: Salt sets them for each call.
__running__ = {}
__lowstate__ = ()

# States that change the running machine: in an image build that is the builder's.
LIVE = ("containerd_kernel.modules_loaded", "containerd_kernel.sysctls_set", "containerd.ready")
NOT_BOOTED = (
    "{why}, so that containerd cannot be started, and the running kernel is not this node's. If this is an "
    "image build, set containerd:service:manage to false. Nothing was changed."
)

ROLLED_BACK = (
    "These settings were rolled back before; the first line of {kept} says why, and whether other files went "
    "with them. Change pillar containerd:service, or remove that copy to have them tried again."
)


def can_start(name):
    """
    Stop a run that would start the daemon, or set the running kernel, where no systemd runs.

    name
        Any text.

    SLS Example:

    .. code-block:: yaml

        containerd can be started:
          containerd_service.can_start: []

    :return: a state return, never with changes. It fails, under ``test=True`` too, if the run has a state
        ``containerd.ready``, ``containerd_kernel.modules_loaded`` or ``containerd_kernel.sysctls_set``, and
        this is a chroot or a machine without a running systemd.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "This run starts nothing."}
    if not has(__lowstate__, LIVE):
        return ret
    if why := __salt__["containerd_service.why_not_booted"]():
        return {**ret, "result": False, "comment": NOT_BOOTED.format(why=why)}
    return {**ret, "comment": "systemd runs."}


def managed(name, environment=None, limits=None, directives=None):
    """
    Write the drop-in of the daemon's unit: environment, limits and other directives. Without any, remove it.

    The drop-in takes effect at the next start of the daemon: let the service watch this state.

    name
        Any text.

    environment : ``None``
        A dictionary: variable to value, such as ``HTTPS_PROXY``. Lists are joined by commas (``NO_PROXY``).

    limits : ``None``
        A dictionary: a directive of systemd.exec(5) that begins with ``Limit`` to its value.

    directives : ``None``
        A dictionary: section of the unit to a dictionary, directive to value. A list gives the directive once
        for each entry; an empty text resets one that the unit sets.

    SLS Example:

    .. code-block:: yaml

        containerd service drop-in is managed:
          containerd_service.managed:
            - environment:
                HTTPS_PROXY: http://proxy.example.org:3128
                NO_PROXY: [10.0.0.0/8, .cluster.local]
            - limits:
                LimitNOFILE: 1048576
            - directives:
                Service:
                  CPUWeight: 500

    :return: a state return; ``changes`` are dotted paths with old and new, the same under ``test=True``,
        secrets masked. A line that systemd would ignore is an error.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The service has these settings already."}
    try:
        found = __salt__["containerd_service.current"]()
        if not __opts__["test"]:
            for path in found:
                __salt__["containerd_change.take_over"](path)
        files = unit.render(environment, limits, directives)
    except (CommandExecutionError, Refused) as err:
        return {**ret, "result": False, "comment": str(err)}
    stale = [path for path, text in files.items() if text != found[path]]
    if not stale:
        return ret
    try:
        if why := _why_not(stale, files):
            return {**ret, "result": False, "comment": why}
        changes = unit.changes(found, files)
        # The settings are the same, but somebody edited the file.
        ret["changes"] = changes or {path: {"old": "edited", "new": "as specified"} for path in stale}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"{' and '.join(stale)} would be changed."}
        # The environment first: the drop-in names it.
        for path in reversed(stale):
            mode = "0600" if path.endswith(".env") else "0644"
            __salt__["containerd_change.apply"](path, files[path], mode=mode)
        __salt__["containerd_service.reload"]()
    except CommandExecutionError as err:
        return {**ret, "result": False, "changes": _done(found), "comment": str(err)}
    return {**ret, "comment": f"{' and '.join(stale)} changed; the daemon reads it at its next start."}


def _why_not(stale, files):
    """Return why the stale files must not be written; empty if they may."""
    # Not a requisite: with a prereq on both states, to drain the node, it would make a circle.
    if config := failed(__running__, "containerd_toml.managed"):
        return f"{' and '.join(stale)}: not changed, because {config} failed and the two belong together."
    if faults := __salt__["containerd_service.verify"](next(iter(files.values())) or ""):
        lines = ["containerd:service is refused; nothing was changed. systemd would ignore:", *faults]
        return "\n".join(lines)
    again = [path for path in stale if __salt__["containerd_change.rejected"](path, files[path], files)]
    kept = [__salt__["containerd_change.copies"](path)["rejected"] for path in again]
    return "\n".join(ROLLED_BACK.format(kept=path) for path in kept)


def _done(found):
    """Return the changes that were made before a failure."""
    try:
        return unit.changes(found, __salt__["containerd_service.current"]())
    except CommandExecutionError:
        return {}
