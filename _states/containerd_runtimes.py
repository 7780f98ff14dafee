"""The runtimes of pods are there, begin with what pillar says, and can be used."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()


def specs_managed(name, runtimes=None):
    """
    Have the base specs of runtimes: what ``ctr oci spec`` prints, with the fragments of pillar merged in.

    Another fragment, or another release of containerd, is another file. So config.toml names another, the
    daemon restarts for it, and the way back has the old file. A later run removes a file that no
    configuration names any more, which is no change: the comment says so.

    name
        The folder, ``/etc/containerd/base-specs``.

    runtimes : ``None``
        A dictionary, as pillar ``containerd:runtimes``; of a runtime ``base_spec`` counts here, a fragment of
        a container's OCI specification, merged as JSON Merge Patch (RFC 7396).

    SLS Example:

    .. code-block:: yaml

        containerd runtime specs are managed:
          containerd_runtimes.specs_managed:
            - name: /etc/containerd/base-specs
            - runtimes:
                runc:
                  base_spec:
                    process:
                      rlimits:
                        - {type: RLIMIT_NOFILE, soft: 65536, hard: 65536}

    :return: a state return; ``changes`` are paths with old and new, the same under ``test=True``.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is already as specified."}
    planned, done = {"changes": {}}, []
    try:
        planned = __salt__["containerd_specs.plan"](name, runtimes)
        unknown = planned["wanted"] and planned["release"] is None
        if unknown and not __opts__["test"]:
            raise CommandExecutionError("containerd is not installed: apply containerd.package.")
        if planned["wanted"] and not __opts__["test"]:
            __salt__["containerd_release.note"]()
        if not __opts__["test"]:
            __salt__["containerd_specs.apply"](planned, done)
    except CommandExecutionError as err:
        changes = {path: planned["changes"][path] for path in done}
        return {**ret, "result": False, "changes": changes, "comment": str(err)}
    would, result = ("would be", None) if __opts__["test"] else ("was", True)
    if planned["changes"]:
        ret.update(changes=planned["changes"], result=result, comment=f"{name} {would} changed.")
    told = [f"{path} {would} removed: no configuration names it any more." for path in planned["gone"]]
    if unknown:
        told.append("The names follow from the release of containerd that there will be.")
    return {**ret, "comment": "\n".join([ret["comment"], *told])}
