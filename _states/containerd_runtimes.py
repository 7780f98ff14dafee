"""Runtimes are there, and pods can run by them."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.predictions import foretold

# What the states of this run have returned: Salt puts it here.
__running__ = {}
# Those that bring containerd, its shim, and maybe runc.
_BRINGING = ("containerd_package.installed", "containerd_archive.unpacked", "containerd_archive.in_use")


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
