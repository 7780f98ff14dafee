"""Kernel modules are loaded and sysctls are set."""

from salt.exceptions import CommandExecutionError


def modules_loaded(name, modules):
    """
    Load kernel modules that are not loaded. A built-in module counts as loaded.

    name
        Any text.

    modules
        A list of module names.

    SLS Example:

    .. code-block:: yaml

        containerd kernel modules are loaded:
          containerd_kernel.modules_loaded:
            - modules: [overlay, br_netfilter]

    :return: a state return; ``changes`` are module to ``{"old": "not loaded", "new": "loaded"}``. Under
        ``test=True`` modinfo tells whether a module exists; if it cannot, the comment says so.
    """
    missing = [module for module in modules if not __salt__["containerd_kernel.module_loaded"](module)]
    changes = {module: {"old": "not loaded", "new": "loaded"} for module in missing}
    wrong, unasked = _not_there(missing) if __opts__["test"] else ([], "")
    if wrong:
        return {"name": name, "result": False, "changes": {}, "comment": "\n".join(wrong)}
    ret = _apply(name, changes, __salt__["containerd_kernel.load_module"], "Kernel modules")
    return {**ret, "comment": ret["comment"] + unasked}


def sysctls_set(name, values, modules=()):
    """
    Set the live values of sysctls.

    name
        Any text.

    values
        A dictionary: key to number or string. A null leaves the key alone.

    modules : ``()``
        A list of the modules that the run loads first, and that may bring a key.

    SLS Example:

    .. code-block:: yaml

        containerd sysctls are set now:
          containerd_kernel.sysctls_set:
            - values:
                net.ipv4.ip_forward: 1

    :return: a state return; ``changes`` are key to old and new value. Under ``test=True`` a key that the
        kernel does not have yet is named in the comment: its module may bring the right value with it. One
        that none of ``modules`` brings is an error.
    """
    wanted = {key: " ".join(str(value).split()) for key, value in values.items() if value is not None}
    try:
        found = {key: __salt__["containerd_kernel.sysctl_get"](key) for key in wanted}
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    changes = {key: {"old": found[key], "new": wanted[key]} for key in wanted if found[key] != wanted[key]}
    absent = [key for key in changes if found[key] is None]
    unknown = [key for key in absent if not __salt__["containerd_kernel.bringing"](key, modules)]
    if unknown:
        return {"name": name, "result": False, "changes": {}, "comment": " ".join(map(_unknown, unknown))}
    if __opts__["test"] and absent:
        known = {key: change for key, change in changes.items() if key not in absent}
        comment = f"{', '.join(absent)} will exist once the kernel modules are loaded."
        return {"name": name, "result": None, "changes": known, "comment": comment}
    return _apply(
        name, changes, lambda key: __salt__["containerd_kernel.sysctl_set"](key, wanted[key]), "Sysctls"
    )


def _not_there(modules):
    """Return what is wrong with modules that are not loaded, and a sentence if that is unknown."""
    try:
        told = [__salt__["containerd_kernel.why_missing"](module) for module in modules]
    except CommandExecutionError as err:
        return [], f" It is unknown whether these modules exist: {str(err).rstrip('.')}."
    return [words for words in told if words], ""


def _unknown(key):
    """Return the error about a sysctl that the kernel lacks and no module brings."""
    near = __salt__["containerd_kernel.nearest_sysctl"](key)
    hint = f"did you mean {near}?" if near else "name its module there, or take it out."
    return (
        f"sysctl {key} does not exist in this kernel, and no module of containerd:kernel:modules that is "
        f"still to be loaded brings it: {hint}"
    )


def _apply(name, changes, action, what):
    """Carry out each of ``changes`` by ``action(key)``; return the state return."""
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{what} are already as specified."}
    if not changes:
        return ret
    listed = ", ".join(changes)
    if __opts__["test"]:
        return {**ret, "result": None, "changes": changes, "comment": f"{what} would be set: {listed}."}
    done = {}
    for key, change in changes.items():
        try:
            action(key)
        except CommandExecutionError as err:
            return {**ret, "result": False, "changes": done, "comment": str(err)}
        done[key] = change
    return {**ret, "changes": done, "comment": f"{what} were set: {listed}."}
