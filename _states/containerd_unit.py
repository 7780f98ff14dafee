"""
systemd starts the containerd daemon with the site's settings.

.. versionadded:: 0.1.0

.. code-block:: yaml

    containerd service settings are managed:
      containerd_unit.managed:
        - environment:
            HTTPS_PROXY: http://proxy.example.org:3128
"""

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd_unit"

ROLLED_BACK = (
    "These settings were rolled back before; the first line of {path}.rejected tells why. Change pillar "
    "containerd:service, or remove that file to have them tried again."
)


def __virtual__():
    return __virtualname__


def managed(name, environment=None, limits=None, directives=None):
    """
    Give the daemon's unit environment, limits and other directives by a drop-in; without any, none is left.

    The settings take effect at the next start of the daemon: let the service watch this state.

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

        containerd service settings are managed:
          containerd_unit.managed:
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
        found = __salt__["containerd_unit.current"]()
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    try:
        files = __salt__["containerd_unit.render"](environment, limits, directives)
        stale = [path for path, text in files.items() if text != found[path]]
        if not stale:
            return ret
        faults = __salt__["containerd_unit.verify"](next(iter(files.values())) or "")
        if faults:
            lines = ["containerd:service is refused; nothing was changed. systemd would ignore:", *faults]
            return {**ret, "result": False, "comment": "\n".join(lines)}
        again = [path for path in stale if __salt__["containerd_change.rejected"](path, files[path])]
        if again:
            return {
                **ret,
                "result": False,
                "comment": "\n".join(ROLLED_BACK.format(path=path) for path in again),
            }
        changes = __salt__["containerd_unit.changes"](found, files)
        # The data are the same, and yet somebody edited the file.
        ret["changes"] = changes or {path: {"old": "edited", "new": "as specified"} for path in stale}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"{' and '.join(stale)} would be changed."}
        # The environment first: the drop-in names it.
        for path in reversed(stale):
            mode = "0600" if path.endswith(".env") else "0644"
            __salt__["containerd_change.apply"](path, files[path], mode=mode)
        __salt__["containerd_unit.reload"]()
    except (CommandExecutionError, SaltInvocationError) as err:
        ret["changes"] = __salt__["containerd_unit.changes"](found, __salt__["containerd_unit.current"]())
        return {**ret, "result": False, "comment": str(err)}
    return {**ret, "comment": f"{' and '.join(stale)} changed; the next start of the daemon takes it."}
