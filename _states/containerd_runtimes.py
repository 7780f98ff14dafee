"""The runtimes of pods are there, begin with what pillar says, and can be used."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.predictions import foretold

# What the states of this run have returned: Salt puts it here.
__running__ = {}
# Those that bring containerd, its shim, and maybe runc.
_BRINGING = ("containerd_package.installed", "containerd_archive.unpacked", "containerd_archive.in_use")


def specs_managed(name, runtimes=None):
    """
    Have the base specs of runtimes: what ``ctr oci spec`` prints, with the fragments of pillar merged in.

    Another fragment, or another release of containerd, is another file. So config.toml names another, the
    daemon restarts for it, and the way back has the old file. A file that no configuration names any more
    goes in a later run.

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
        if not planned["changes"]:
            return ret
        if __opts__["test"]:
            told = " Their names follow from the release of containerd that there will be." if unknown else ""
            comment = f"{name} would be changed.{told}"
            return {**ret, "result": None, "changes": planned["changes"], "comment": comment}
        __salt__["containerd_specs.apply"](planned, done)
    except CommandExecutionError as err:
        changes = {path: planned["changes"][path] for path in done}
        return {**ret, "result": False, "changes": changes, "comment": str(err)}
    return {**ret, "changes": planned["changes"], "comment": f"{name} was changed."}


def proved(name, runtimes=None):
    """
    Have each runtime of pillar proved before a pod is to run by it.

    Its files are there and root's, its binary tells its version, and, if the daemon answers, a container runs
    by it. What was proved is noted with the files of runtime and containerd: a run in which they are the same
    runs nothing. A failure is one message for all: a state that requires this one, such as that of
    config.toml, does not run.

    name
        Any text.

    runtimes : ``None``
        A dictionary, as pillar ``containerd:runtimes``.

    SLS Example:

    .. code-block:: yaml

        containerd runtimes can be used:
          containerd_runtimes.proved:
            - runtimes:
                crun:
                  binary: /usr/bin/crun

    :return: a state return, always without ``changes``: a proof changes nothing. A dry run only looks for the
        files, and says so; that they are missing is no failure if this run would install them.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        if __opts__["test"] and __salt__["containerd_release.installed"]() is None:
            return {**ret, "comment": "The runtimes would be proved once containerd is installed."}
        if not __opts__["test"]:
            __salt__["containerd_release.note"]()
        found = __salt__["containerd_runtimes.proofs"](runtimes)
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    failed = any(not answer["ok"] and not _comes(answer) for answer in found.values())
    lines = [_told(runtime, answer) for runtime, answer in found.items()]
    return {**ret, "result": not failed, "comment": "\n".join(lines) or "No runtime is named."}


def _comes(answer):
    """Tell whether what is missing would be brought by a state of this dry run."""
    bringing = (*_BRINGING, *(["containerd_runtimes.installed"] if answer["brought"] else ()))
    return __opts__["test"] and answer["missing"] and any(foretold(__running__, one) for one in bringing)


def _told(runtime, answer):
    """Return a sentence about a runtime."""
    why = answer["reason"]
    if not answer["ok"]:
        if _comes(answer):
            return f"{runtime} would be proved once it is installed."
        return f"The runtime {runtime} fails its proof, so its pods would not start: {why}."
    if not answer["new"]:
        return f"{runtime} is proved already: {answer['how']}."
    return f"{runtime} is proved: {answer['how']}" + (f" ({why})." if why else ".")
