"""
The configuration file of containerd is what it should be.

.. versionadded:: 0.1.0

.. code-block:: yaml

    containerd configuration is managed:
      containerd_toml.managed:
        - name: /etc/containerd/config.toml
        - overrides:
            oom_score: -999
"""

import os
import stat

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd_toml"

TOMLKIT_FLOOR = (0, 15, 1)


def __virtual__():
    return __virtualname__


def managed(
    name,
    overrides=None,
    strict=True,
    trial_start=True,
    trial_timeout=30,
    user=None,
    group=None,
    mode=None,
):
    """
    Write the installed containerd's default configuration with overrides merged in.

    Every override is translated to the schema of the installed containerd, checked, and proved by
    ``containerd config dump`` to be in effect, and the result is tried by a trial start, before the file is
    touched. The file is written only when its data change: then a ``watch`` restarts the service. Other bytes
    for the same data, such as another order, are left alone. What a ready daemon ran with last
    stays beside it, as ``NAME.good``.

    name
        The file, such as ``/etc/containerd/config.toml``.

    overrides : ``None``
        A fragment of config.toml, with containerd's own key names, of config version 2, 3 or 4, merged as
        JSON Merge Patch (RFC 7396): tables merge, everything else is replaced, null removes the key. Or a
        list of named fragments, merged in their order: ``[{site: {...}}, {node: {...}}]``.

    strict : ``True``
        Whether a key that the installed containerd does not know is an error. If not, it is a warning.

    trial_start : ``True``
        Whether the installed containerd has to come up with the new file, apart from the node, before it is
        written. Where no trial can be made the comment says so.

    trial_timeout : ``30``
        How long the trial may take, in seconds.

    user : ``None``
        The owner. None keeps the one that the file has; root where it is new.

    group : ``None``
        The group. None keeps the one that the file has; root where it is new.

    mode : ``None``
        The mode. None keeps the one that the file has; 0644 where it is new, and 0600 as soon as an
        override is a secret.

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
        secrets masked. Where containerd or tomlkit is not installed yet, ``test=True`` shows what the
        overrides will set.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is already as specified."}
    try:
        if __opts__["test"] and (missing := _missing()):
            changes = __salt__["containerd_toml.expected"](overrides)
            comment = f"{name} would be written once {missing} installed, with these overrides."
            return {**ret, "result": None, "changes": changes, "comment": comment}
        trial = trial_timeout if trial_start else 0
        plan = __salt__["containerd_toml.plan"](name, overrides, strict=strict, trial=trial)
    except (CommandExecutionError, SaltInvocationError) as err:
        return {**ret, "result": False, "comment": str(err)}
    ret["comment"] = "\n".join([ret["comment"], *plan["warnings"]])
    if not plan["write"]:
        return ret
    if mode is None and plan["secret"]:
        mode = "0600"
    return _write(ret, plan, user=user, group=group, mode=mode)


def protected(name, overrides=None):
    """
    Let nobody but root change the configuration file, nor read it where it holds a secret.

    A state of its own, which the service does not watch: another mode is no reason for a restart.

    name
        The file.

    overrides : ``None``
        As for ``managed``: they tell whether there are secrets.

    SLS Example:

    .. code-block:: yaml

        containerd configuration is protected:
          containerd_toml.protected:
            - name: /etc/containerd/config.toml

    :return: a state return. A mode that is stricter is left alone.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is root's."}
    if not os.path.exists(name):
        return {**ret, "comment": f"{name} is not there yet."}
    found = os.stat(name)
    have = stat.S_IMODE(found.st_mode)
    try:
        layers = __salt__["containerd_document.layers"](overrides)
    except SaltInvocationError as err:
        return {**ret, "result": False, "comment": str(err)}
    secret = any(__salt__["containerd_data.secrets"](fragment) for _, fragment in layers)
    want = have & ~(0o077 if secret else 0o022)
    if found.st_uid != 0:
        ret["changes"]["user"] = {"old": __salt__["file.uid_to_user"](found.st_uid), "new": "root"}
    if want != have:
        ret["changes"]["mode"] = {"old": f"{have:04o}", "new": f"{want:04o}"}
    if __opts__["test"] and secret and want != have and _would_be_written(name, overrides):
        # It is written with the right mode.
        del ret["changes"]["mode"]
    if not ret["changes"]:
        return ret
    if __opts__["test"]:
        return {**ret, "result": None, "comment": f"{name} would be made root's."}
    try:
        os.chown(name, 0, -1)
        os.chmod(name, want)
    except OSError as err:
        return {
            **ret,
            "result": False,
            "changes": {},
            "comment": f"{name} cannot be made root's: {err.strerror}",
        }
    return {**ret, "comment": f"{name} was made root's."}


def library_installed(name="tomlkit>=0.15.1", wheel="", index_url="", package=""):
    """
    Install tomlkit into the Python that runs the minion, where it is missing or too old.

    Asks pip only then: a converged ``pip.installed`` takes 0.7 s, an import 0.04 s.

    name : ``tomlkit>=0.15.1``
        What pip installs.

    wheel : ````
        The address of a wheel, such as ``salt://files/tomlkit-0.15.2-py3-none-any.whl``: for a node that
        reaches no package index. Its name must be that of the release.

    index_url : ````
        The address of a package index to take instead of pip's own.

    package : ````
        A package of the distribution to take instead, where the distribution's Python runs the minion.

    SLS Example:

    .. code-block:: yaml

        containerd TOML library is installed:
          containerd_toml.library_installed:
            - name: tomlkit>=0.15.1
            - reload_modules: true

    :return: a state return; that of ``pip.installed`` where it installs.
    """
    found = __salt__["containerd_toml.library"]()
    if found and _numbers(found) >= TOMLKIT_FLOOR:
        comment = f"tomlkit {found} is installed."
        return {"name": name, "result": True, "changes": {}, "comment": comment}
    if __opts__["test"]:
        changes = {"tomlkit": {"old": found or None, "new": name}}
        comment = f"{name} would be installed into the minion's Python."
        return {"name": name, "result": None, "changes": changes, "comment": comment}
    try:
        ret = _install_library(name, wheel, index_url, package)
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    if ret["result"] is False:
        ret["comment"] += (
            " Where no package index can be reached, say in containerd:salt where tomlkit comes from: wheel, "
            "index_url or package."
        )
        return ret
    found = __salt__["containerd_toml.library"]()
    if not found:
        ret.update(result=False, comment=f"{package or name} was installed, and yet cannot be imported.")
    elif _numbers(found) < TOMLKIT_FLOOR:
        floor = ".".join(map(str, TOMLKIT_FLOOR))
        comment = f"{package or name} brought tomlkit {found}, and this formula needs {floor} or newer."
        ret.update(result=False, comment=comment)
    return ret


def _would_be_written(name, overrides):
    """
    Tell whether ``managed`` would write the file.
    """
    try:
        return __salt__["containerd_toml.plan"](name, overrides, strict=False)["write"]
    except (CommandExecutionError, SaltInvocationError):
        return False


def _install_library(name, wheel, index_url, package):
    """
    Install tomlkit from where the site has it; return a state return.
    """
    if package:
        changes = __salt__["pkg.install"](package)
        return {"name": name, "result": True, "changes": changes, "comment": f"{package} was installed."}
    if wheel:
        path = __salt__["cp.cache_file"](wheel)
        if not path:
            raise CommandExecutionError(f"{wheel} cannot be fetched: there is no such file.")
        return __states__["pip.installed"](name=name, no_index=True, find_links=os.path.dirname(path))
    # Not on the command line, which Salt logs: the address may hold a password.
    env_vars = {"PIP_INDEX_URL": index_url} if index_url else None
    return __states__["pip.installed"](name=name, env_vars=env_vars)


def _missing():
    """
    Return what a plan needs and this node does not have yet, empty where it has all.
    """
    names = [] if __salt__["cmd.which"]("containerd") else ["containerd"]
    if not __salt__["containerd_toml.library"]():
        names.append("tomlkit")
    return f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'}" if names else ""


def _write(ret, plan, **attributes):
    """
    Write the planned file; report the planned changes.
    """
    name = ret["name"]
    would = "would be" if __opts__["test"] else "was"
    ret.update(changes=plan["changes"], comment="\n".join([f"{name} {would} written.", *plan["warnings"]]))
    if __opts__["test"]:
        return {**ret, "result": None}
    try:
        __salt__["containerd_change.apply"](name, plan["text"], **attributes)
    except CommandExecutionError as err:
        return {**ret, "result": False, "changes": {}, "comment": f"{err} Nothing was changed."}
    return ret


def _numbers(version):
    """
    Return a version as a tuple of numbers.
    """
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
