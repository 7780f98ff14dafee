"""The configuration file of containerd is what it should be."""

import os
import stat

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import toml, unit
from containerd_formula.document import conditions
from containerd_formula.errors import Refused
from containerd_formula.predictions import foretold, planned

# The results of this run's earlier states: Salt sets it for each call.
__running__ = {}
# The states of this run: Salt sets it, too.
__lowstate__ = ()

PENDING = "Restart pending: the daemon {has} read {what}: apply containerd or containerd.service."


def managed(
    name,
    overrides=None,
    strict=True,
    trial_start=True,
    trial_timeout=30,
    user=None,
    group=None,
    mode=None,
    service=None,
    cri=True,
):
    """
    Write the installed containerd's default configuration with overrides merged in.

    Before it touches the file, the state translates each override to the schema of the installed containerd,
    checks it, proves by ``containerd config dump`` that it is in effect, and tries the result in a trial
    start. It writes the file only if its data change: then a ``watch`` restarts the service. It leaves a file
    with the same data in another order alone. The last good file is kept, and goes back if a change fails.

    A link is followed if only root can change where it leads. A file that users other than root could
    replace is refused.

    name
        The file, such as ``/etc/containerd/config.toml``.

    overrides : ``None``
        A fragment of config.toml, with containerd's own key names, of config version 2, 3 or 4, merged as
        JSON Merge Patch (RFC 7396): tables merge, everything else is replaced, null removes the key. Or a
        list of named fragments, merged in their order: ``[{site: {...}}, {node: {...}, for: '>=1.5'}]``. One
        that is not for the installed containerd is left out, and the comment says so.

    strict : ``True``
        Whether a key that the installed containerd does not know is an error. If not, it is a warning.

    trial_start : ``True``
        Whether the installed containerd has to start with the new file, in a sandbox, before the file is
        written. If no trial can be made, the comment says so.

    trial_timeout : ``30``
        How long the trial may take, in seconds.

    user : ``None``
        The owner. None keeps the owner of the file; root for a new one.

    group : ``None``
        The group. None keeps the group of the file; root for a new one.

    mode : ``None``
        The mode, such as ``'0644'``. None keeps the mode of the file, 0644 for a new one; and makes it 0600
        if an override is a secret.

    service : ``None``
        A dictionary: the ``environment``, ``limits`` and ``directives`` that ``containerd_service.managed``
        gives the unit in the same run. If these and this file were rolled back together, neither is written.

    cri : ``True``
        Whether a kubelet uses this containerd. If not, CRI may be disabled.

    SLS Example:

    .. code-block:: yaml

        containerd configuration is managed:
          containerd_toml.managed:
            - name: /etc/containerd/config.toml
            - overrides:
                plugins:
                  io.containerd.grpc.v1.cri:
                    sandbox_image: registry.k8s.io/pause:3.9
            - watch_in:
              - service: containerd

    :return: a state return; ``changes`` are dotted paths with old and new, the same under ``test=True``,
        secrets masked. If containerd or tomlkit is not installed yet, ``test=True`` shows what the overrides
        will set.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is already as specified."}
    try:
        if __opts__["test"] and (missing := _missing()):
            changes = __salt__["containerd_toml.expected"](overrides)
            comment = f"{name} would be written once {missing} installed, with these overrides."
            return {**ret, "result": None, "changes": changes, "comment": comment + _for_some(overrides)}
        if not __opts__["test"]:
            __salt__["containerd_change.take_over"](name)
        trial = trial_timeout if trial_start else 0
        plan = __salt__["containerd_document.plan"](
            name, overrides, strict=strict, trial=trial, beside=_unit_files(service), cri=cri
        )
    except (CommandExecutionError, Refused) as err:
        return {**ret, "result": False, "comment": str(err)}
    ret["comment"] = "\n".join([ret["comment"], *plan["warnings"]])
    if not plan["write"]:
        return _with_pending(ret)
    if mode is None and plan["secret"]:
        mode = "0600"
    return _write(ret, plan, user=user, group=group, mode=mode)


def protected(name, overrides=None):
    """
    Allow only root to change the configuration file, and to read it if it holds a secret.

    This is a separate state that the service does not watch: a new mode needs no restart.

    name
        The file.

    overrides : ``None``
        As for ``managed``. They show whether there are secrets.

    SLS Example:

    .. code-block:: yaml

        containerd configuration is protected:
          containerd_toml.protected:
            - name: /etc/containerd/config.toml

    :return: a state return; ``changes`` are ``user`` and ``mode`` to old and new. A stricter mode stays.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is root's."}
    if not os.path.exists(name):
        return {**ret, "comment": f"{name} is not there yet."}
    found = os.stat(name)
    have = stat.S_IMODE(found.st_mode)
    try:
        __salt__["containerd_paths.must_be_roots"](name)
        secret = __salt__["containerd_document.secret"](overrides)
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    want = have & ~(0o077 if secret else 0o022)
    if found.st_uid != 0:
        ret["changes"]["user"] = {"old": __salt__["file.uid_to_user"](found.st_uid), "new": "root"}
    if want != have:
        ret["changes"]["mode"] = {"old": f"{have:04o}", "new": f"{want:04o}"}
    if (
        __opts__["test"]
        and secret
        and want != have
        and foretold(__running__, "containerd_toml.managed", name)
    ):
        # ``managed`` will write it with the right mode.
        del ret["changes"]["mode"]
    if not ret["changes"]:
        return ret
    if __opts__["test"]:
        return {**ret, "result": None, "comment": f"{name} would be made root's."}
    try:
        _close(name, found, want)
    except CommandExecutionError as err:
        return {**ret, "result": False, "changes": {}, "comment": f"{name} cannot be made root's: {err}"}
    return {**ret, "comment": f"{name} was made root's."}


def _for_some(overrides):
    """Return a sentence about layers with a condition, while the release is unknown."""
    some = ", ".join(str(condition) for condition in conditions(overrides) if condition)
    return f" It is unknown yet whether the overrides for these releases apply: {some}." if some else ""


def _unit_files(service):
    """Return {path: text} of the unit's files with some settings; empty without settings."""
    if service is None:
        return {}
    if not isinstance(service, dict) or set(service) - {"environment", "limits", "directives"}:
        raise Refused("service must be a mapping of environment, limits and directives.")
    return unit.render(*(service.get(key) for key in ("environment", "limits", "directives")))


def _close(name, found, mode):
    """Give a file to root with a mode; replace it by a copy if others could write to it."""
    real = os.path.realpath(name)
    if found.st_uid != 0 or found.st_mode & 0o022:
        # Somebody who has it open could still write into it.
        data = __salt__["containerd_files.content"](real)
        __salt__["containerd_files.replace"](real, data, 0, found.st_gid, mode)
        return
    try:
        os.chmod(real, mode)
    except OSError as err:
        raise CommandExecutionError(err.strerror) from err


def _missing():
    """Return what a plan needs and this node lacks yet; empty if it has everything."""
    names = [] if __salt__["cmd.which"]("containerd") else ["containerd"]
    if not toml.version():
        names.append("tomlkit")
    return f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'}" if names else ""


def _write(ret, plan, **attributes):
    """Write the planned file; report the planned changes."""
    name = ret["name"]
    would = "would be" if __opts__["test"] else "was"
    ret.update(changes=plan["changes"], comment="\n".join([f"{name} {would} written.", *plan["warnings"]]))
    if __opts__["test"]:
        return _with_pending({**ret, "result": None})
    if plan["awaits"]:
        words = f"{', '.join(plan['awaits'])} must be there first: apply containerd.runtimes."
        return {**ret, "result": False, "changes": {}, "comment": f"{name} was not written: {words}"}
    try:
        __salt__["containerd_change.apply"](name, plan["text"], **attributes)
    except CommandExecutionError as err:
        return {**ret, "result": False, "changes": {}, "comment": f"{err} Nothing was changed."}
    return _with_pending(ret)


def _with_pending(ret):
    """Return a state return that says if a restart is pending that no state of this run makes."""
    if planned(__lowstate__, "service.running", "containerd"):
        return ret
    try:
        runs = __salt__["containerd_service.properties"]().get("ActiveState") == "active"
        files = [ret["name"]] if ret["result"] is None else __salt__["containerd_change.pending"]()
    except CommandExecutionError:
        return ret
    if not runs or not files:
        return ret
    has = "would not have" if ret["result"] is None else "has not"
    told = PENDING.format(has=has, what=" and ".join(files))
    return {**ret, "comment": f"{ret['comment']}\n{told}"}
